"""From the body of a call to replies that can be judged, and from verdicts to answers; first and last step of a call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from replycheck.conversation import Message, Role, unanswered
from replycheck.drafts import Draft, draft_from_email, draft_from_html, draft_from_text
from replycheck.errors import TooLong, UnreadableInput
from replycheck.offsets import OffsetUnit, converted, located
from replycheck.reply import Reply, Verdict
from replycheck_api.problems import Kind, Problem, fields_problem, pointer
from replycheck_api.schemas import FORMS, CheckRequest, Options

SOURCE = 10
"""How many times as long as a reply its HTML, or an e-mail's text with all that it quotes, may be."""
_THREAD = 20_000
"""Characters from which a draft is taken apart in a thread."""
Errors = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Item:
    """A reply to judge, and what is needed to answer: the source that offsets point into, and how they count."""

    reply: Reply
    source: str
    options: Options
    draft: Draft | None = None

    def answer(self, verdict: Verdict) -> dict[str, Any]:
        """The verdict's document as this caller asked for it."""
        if self.options.threshold is not None:
            verdict = replace(verdict, threshold=self.options.threshold)
        unit = self.options.offset_unit or OffsetUnit.CODEPOINT
        document = verdict.to_dict()
        if self.draft is None:
            return located(document, self.source, unit)
        located(document, self.source, unit, self.draft.span)
        return document | {"draft": _taken_apart(self.draft, unit)}


def _taken_apart(draft: Draft, unit: OffsetUnit) -> dict[str, Any]:
    regions = {"new": draft.new, "quoted": draft.quoted, "signature": draft.signature}
    at = converted(draft.source, (o for spans in regions.values() for span in spans for o in span), unit)
    return {
        "media_type": draft.media_type,
        "part": draft.part,
        **{name: [{"start": at[a], "end": at[b]} for a, b in spans] for name, spans in regions.items()},
        "quoted_message": draft.quoted_message,
    }


def media_type(request: Request) -> str:
    """The body's Content-Type without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Whether that Content-Type is JSON."""
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def parsed(body: bytes) -> Any:
    """The body's JSON. Problem if it is none."""
    if not body:
        raise Problem(Kind.NOT_JSON, "The body is empty.")
    try:
        return json.loads(body)
    except json.JSONDecodeError as fault:
        raise Problem(Kind.NOT_JSON, f"{fault.msg} at character {fault.pos}") from None
    except (ValueError, RecursionError):
        # not UTF-8, a number of thousands of digits, nested too deeply
        raise Problem(Kind.NOT_JSON, "The body can't be read as JSON in UTF-8.") from None


def query_options(request: Request) -> Options:
    """The options in the query. Problem names those that can't be accepted."""
    if not request.url.query:
        return Options()
    options: Options | None
    options, errors = validated(Options, dict(request.query_params), "")
    if options is None:
        raise fields_problem(Kind.INVALID, [("", f"query parameter {place[1:]}: {why}") for place, why in errors])
    return options


def validated(model: type[BaseModel], given: Any, place: str) -> tuple[Any, Errors]:
    """What was given as that model, or what is wrong with it, each under its JSON pointer from `place` on."""
    try:
        return model.model_validate(given), []
    except ValidationError as fault:
        # neither the input nor a link for developers belongs into a problem
        found = fault.errors(include_url=False, include_context=False, include_input=False)
        return None, [(place + pointer(e["loc"]), e["msg"]) for e in found]


class Reader:
    """Reads items of a call under one limit and the call's own options."""

    def __init__(self, max_chars: int, options: Options) -> None:
        self.max_chars, self.options = max_chars, options

    async def read(self, given: Sequence[Any], places: Sequence[str]) -> list[Item]:
        """The items, each under its JSON pointer. Problem lists what is wrong with any of them."""
        requests: list[CheckRequest] = []
        errors: Errors = []
        for one, place in zip(given, places, strict=True):
            request, found = validated(CheckRequest, one, place)
            errors += _forms(one, place) + found
            requests.append(request)
        if errors:
            raise fields_problem(Kind.INVALID, errors)
        errors = [e for request, place in zip(requests, places, strict=True) for e in self._too_long(request, place)]
        if errors:
            raise fields_problem(Kind.TOO_LONG, errors)
        return [await self._item(request, place) for request, place in zip(requests, places, strict=True)]

    async def raw(self, body: bytes, kind: str, charset: str) -> Item:
        """The item that a body of text, HTML or an e-mail is."""
        if kind == "message/rfc822":
            return await self._drafted("", lambda: draft_from_email(body, SOURCE * self.max_chars), len(body))
        try:
            text = body.decode(charset)
        except (LookupError, ValueError):
            raise fields_problem(Kind.UNREADABLE, [("", f"the body can't be read as {charset[:40]!r}")]) from None
        form = "html" if kind == "text/html" else "draft"
        return (await self.read([{form: text}], [""]))[0]

    def _too_long(self, request: CheckRequest, place: str) -> Errors:
        texts = {name: getattr(request, name) for name in ("reply", "draft", "patron_message", "channel")}
        texts |= {f"context/{i}/text": turn.text for i, turn in enumerate(request.context)}
        over = [(n, t, self.max_chars) for n, t in texts.items() if t and len(t) > self.max_chars]
        over += (
            [("html", request.html, SOURCE * self.max_chars)]
            if len(request.html or "") > SOURCE * self.max_chars
            else []
        )
        return [(f"{place}/{n}", str(TooLong(n, len(t), limit))) for n, t, limit in over]

    async def _item(self, request: CheckRequest, place: str) -> Item:
        options = request.options.model_copy(update=self._missing(request.options)) if self._told else request.options
        message = request.patron_message
        if message is None and request.context:
            message = unanswered(Message(Role(turn.role), turn.text) for turn in request.context)
            if len(message or "") > self.max_chars:
                too_long = TooLong("context", len(message or ""), self.max_chars)
                raise fields_problem(Kind.TOO_LONG, [(f"{place}/context", str(too_long))])
        if request.reply is not None:
            return Item(Reply(request.reply, message, request.channel), request.reply, options)
        make: Callable[[], Draft]
        if (text := request.draft) is not None:
            form, size, make = "draft", len(text), lambda: draft_from_text(text)
        elif (markup := request.html) is not None:
            form, size, make = "html", len(markup), lambda: draft_from_html(markup)
        else:
            raw = (request.email or "").encode("utf-8", "replace")
            form, size, make = "email", len(raw), lambda: draft_from_email(raw, SOURCE * self.max_chars)
        return await self._drafted(f"{place}/{form}", make, size, message, request.channel, options)

    @property
    def _told(self) -> bool:
        return bool(self.options.model_fields_set)

    def _missing(self, own: Options) -> dict[str, Any]:
        return {n: getattr(self.options, n) for n in self.options.model_fields_set - own.model_fields_set}

    async def _drafted(
        self,
        place: str,
        make: Callable[[], Draft],
        size: int,
        message: str | None = None,
        channel: str | None = None,
        options: Options | None = None,
    ) -> Item:
        try:
            draft = make() if size <= _THREAD else await asyncio.to_thread(make)
            if len(draft.words) > self.max_chars:
                raise TooLong("the new words", len(draft.words), self.max_chars)
        except UnreadableInput as fault:
            raise fields_problem(Kind.UNREADABLE, [(place, str(fault))]) from None
        except TooLong as fault:
            raise fields_problem(Kind.TOO_LONG, [(place, str(fault))]) from None
        if message is None:
            message = (draft.quoted_message or "")[: self.max_chars] or None
        return Item(Reply(draft.words, message, channel), draft.source, options or self.options, draft)


def _forms(given: Any, place: str) -> Errors:
    """What is wrong with the number of forms that the words are given in."""
    if not isinstance(given, dict):
        return []
    there = [name for name in FORMS if given.get(name) is not None]
    if len(there) > 1:
        return [(f"{place}/{there[1]}", f"give one of {', '.join(FORMS)}; there is {there[0]} already")]
    return [] if there else [(f"{place}/reply", f"one of {', '.join(FORMS)} is needed")]
