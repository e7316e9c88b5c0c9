"""Counters for Prometheus: calls, verdicts, refusals, the model; beside every step of a call.

Nothing here tells one caller from another: labels are paths of ours, statuses, kinds of problems and verdicts.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from replycheck.reply import Verdict

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Variable that names the folder where several workers keep their counts; set before this module is imported."""


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "replycheck_requests", "Calls answered, by path and status.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "replycheck_request_seconds", "Time to answer, by path.", ["route"], buckets=_SECONDS, registry=registry
        )
        self.refusals = Counter(
            "replycheck_refusals", "Calls refused, by kind of problem.", ["problem"], registry=registry
        )
        self.verdicts = Counter(
            "replycheck_verdicts", "Verdicts given, by label and reason to be unsure.", ["label", "unsure"],
            registry=registry,
        )  # fmt: skip
        self.reloads = Counter(
            "replycheck_model_reloads", "Changed model folders, by outcome.", ["outcome"], registry=registry
        )
        self.upstream = Counter(
            "replycheck_languagetool_upstream", "Texts sent on to LanguageTool, by outcome.", ["outcome"],
            registry=registry,
        )  # fmt: skip
        self._model = Gauge(
            "replycheck_model_in_use", "1 for the model that judges, 0 for those before it.", ["model_version"],
            registry=registry, multiprocess_mode="livemax",
        )  # fmt: skip
        self._version: str | None = None

    def model(self, version: str) -> None:
        """Note which model judges from now on."""
        if self._version not in (None, version):
            self._model.labels(self._version).set(0)
        self._model.labels(version).set(1)
        self._version = version

    def verdict(self, verdict: Verdict) -> None:
        """Count a verdict."""
        self.verdicts.labels(str(verdict.label), str(verdict.unsure_reason or "no")).inc()

    def page(self) -> bytes:
        """All counters in Prometheus' text format, those of the other workers added."""
        if FOLDER not in os.environ:
            return generate_latest(self.registry)
        from prometheus_client.multiprocess import MultiProcessCollector

        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def forget_this_process() -> None:
    """Take this worker's gauges out of what the others report."""
    if FOLDER in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]
