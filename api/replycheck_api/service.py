"""What the application keeps: settings, the model, and the one queue that everything is judged from.

Calls that wait at the same moment are judged at once, which costs little more than one of them. A checker's tokenizer
remembers words, and that memory takes one writer at a time; the queue has one.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replycheck.bundle import Manifest
from replycheck.checker import Checker, load_with_manifest
from replycheck.errors import BundleError
from replycheck.reply import Reply, Verdict
from replycheck.settings import Settings, current_model
from replycheck.underlining import Finding, findings
from replycheck_api.access import Access
from replycheck_api.metrics import Metrics
from replycheck_api.problems import Kind, Problem

log = logging.getLogger(__name__)

_AT_ONCE = 32
"""Most replies judged at once, so that nobody waits long for a neighbour's batch."""
_QUICK = 20_000
"""Characters up to which judging takes less time than to hand it to a thread and the loop's patience allows."""
_MOST_WAITING = 1_000
"""Calls that may wait; more are sent away at once instead of all being answered too late."""


@dataclass(frozen=True, slots=True)
class Model:
    """A checker, and what its folder says of it (nothing, if the checker was handed in)."""

    checker: Checker
    manifest: Manifest | None


@dataclass(slots=True)
class _Job:
    replies: Sequence[Reply]
    done: asyncio.Future[list[Any]]
    findings: bool = False

    @property
    def size(self) -> int:
        return sum(len(r.text) + len(r.patron_message or "") for r in self.replies)


@dataclass
class Service:
    """The state behind every call."""

    settings: Settings
    access: Access
    metrics: Metrics
    model: Model | None = None
    _waiting: deque[_Job] = field(default_factory=deque)
    _worker: asyncio.Task[None] | None = None
    _seen: object = None
    _follows: bool = False

    # --- the model -------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Load the model of the settings, unless a checker was handed in. BundleError if it must not be loaded."""
        if self.model is None:
            models = self.settings.models
            # told to use one model, it keeps that one
            self._follows = models is not None and self.settings.model == current_model(models)
            self._seen = self._state()
            self.model = _load(self._folder(), self.settings.engine)
        self.metrics.model(self.model.checker.model_version)

    def _folder(self) -> Path:
        """The model folder to judge with: the promoted one, unless the settings name another. BundleError if it can't be said."""
        return current_model(self.settings.models) if self._follows and self.settings.models else self.settings.model

    def _state(self) -> object:
        folder = self._folder()
        state = _state(folder)
        return state and (str(folder), state)

    async def watch(self) -> None:
        """Until cancelled: when the model folder changes, or another model is promoted, load it beside the old model and put it in
        its place.

        What is being judged ends with the model that it began with. A folder that must not be loaded changes nothing.
        """
        while True:
            await asyncio.sleep(self.settings.reload_seconds)
            try:
                state = self._state()
            except BundleError as problem:
                log.error("%s; the old model stays", problem)
                continue
            if state == self._seen or not state:
                continue
            self._seen = state
            try:
                model = await asyncio.to_thread(_load, self._folder(), self.settings.engine)
            except (BundleError, OSError) as problem:
                # a bundle's faults name files and hashes, never a text
                log.error("model refused, the old one stays: %s", problem)
                self.metrics.reloads.labels("refused").inc()
                continue
            if self.model is not None and model.checker.model_version == self.model.checker.model_version:
                continue
            self.model = model
            self.metrics.model(model.checker.model_version)
            self.metrics.reloads.labels("loaded").inc()
            log.info("model %s is in use", model.checker.model_version)

    def loaded(self) -> Model:
        """The model; Problem if it is not loaded yet."""
        if self.model is None:
            raise Problem(Kind.NOT_READY, "Try again in a moment.", headers={"Retry-After": "1"})
        return self.model

    # --- judging ---------------------------------------------------------------------------------------------

    async def judge(self, replies: Sequence[Reply]) -> list[Verdict]:
        """The verdicts on these replies."""
        verdicts: list[Verdict] = []
        for at in range(0, len(replies), _AT_ONCE):
            verdicts += await self._queue(replies[at : at + _AT_ONCE], find=False)
        for verdict in verdicts:
            self.metrics.verdict(verdict)
        return verdicts

    async def findings(self, text: str) -> list[Finding]:
        """What an editor underlines in this text."""
        found: list[Finding] = (await self._queue([Reply(text)], find=True))[0]
        return found

    async def _queue(self, replies: Sequence[Reply], *, find: bool) -> list[Any]:
        self.loaded()
        if len(self._waiting) >= _MOST_WAITING:
            raise Problem(Kind.BUSY, f"{_MOST_WAITING} calls are waiting.", headers={"Retry-After": "1"})
        job = _Job(replies, asyncio.get_running_loop().create_future(), find)
        self._waiting.append(job)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await job.done

    async def _work(self) -> None:
        while self._waiting:
            there = 0
            # as long as each turn of the loop brings another call, one more turn brings them together
            while there < len(self._waiting) < _AT_ONCE:
                there = len(self._waiting)
                await asyncio.sleep(0)
            jobs = [self._waiting.popleft()]
            count = len(jobs[0].replies)
            while (
                self._waiting
                and self._waiting[0].findings == jobs[0].findings
                and (count := count + len(self._waiting[0].replies)) <= _AT_ONCE
            ):
                jobs.append(self._waiting.popleft())
            await self._do(jobs)

    async def _do(self, jobs: list[_Job]) -> None:
        """Answer these calls together; where one fails, each by itself, so that it fails alone."""
        replies = [r for job in jobs for r in job.replies]
        judge = _findings if jobs[0].findings else _verdicts
        checker = self.loaded().checker
        try:
            if sum(job.size for job in jobs) <= _QUICK:
                found = judge(checker, replies)
            else:
                found = await asyncio.to_thread(judge, checker, replies)
        except Exception as fault:
            if len(jobs) > 1:
                for job in jobs:
                    await self._do([job])
            elif not jobs[0].done.done():
                jobs[0].done.set_exception(fault)
            return
        at = 0
        for job in jobs:
            if not job.done.done():
                job.done.set_result(found[at : at + len(job.replies)])
            at += len(job.replies)


_Judge = Callable[[Checker, Sequence[Reply]], list[Any]]


def _verdicts(checker: Checker, replies: Sequence[Reply]) -> list[Any]:
    return list(checker.check_many(replies))


def _findings(checker: Checker, replies: Sequence[Reply]) -> list[Any]:
    return list(findings(checker, [r.text for r in replies]))


def _load(folder: Path, engine: str) -> Model:
    """The model, warmed up: the first call of a fresh one takes many times as long as the second."""
    checker, manifest = load_with_manifest(folder, engine or None)
    checker.check("Thanks for writing! We have a guide for that.", "The catalogue hides the e-books.")
    # what a model is made of stays; looking through it for garbage would make one call in a hundred wait
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    return Model(checker, manifest)


def _state(folder: Path) -> list[tuple[str, int, int]]:
    """What tells whether the folder has changed; empty while it is being replaced."""
    try:
        return sorted((f.name, (s := f.stat()).st_mtime_ns, s.st_size) for f in folder.iterdir() if f.is_file())
    except OSError:
        return []
