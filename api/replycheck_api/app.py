"""The application: from a call to `Checker.check_many` and back; the edge of the walk over HTTP.

`create_app` makes it, and its lifespan loads the model. Nothing here judges, and nothing that a person wrote is logged.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool

from replycheck import __version__
from replycheck.bundle import Manifest, load_bundle
from replycheck.checker import Checker
from replycheck.codebook import Label, MessageKind, Move
from replycheck.errors import BundleError, TooLong
from replycheck.reply import Reply
from replycheck.settings import POINTER, Settings, current_model
from replycheck_api.problems import AsciiJSON, Guard, Kind, Problem, described, fields_problem, handle_problems
from replycheck_api.schemas import (
    MODEL_EXAMPLE,
    REQUEST_EXAMPLE,
    VERDICT_EXAMPLE,
    BatchOut,
    BatchRequest,
    CheckRequest,
    ModelOut,
    ProblemOut,
    StatusOut,
    VerdictOut,
)

_LOG = logging.getLogger(__name__)
_TEXTS = ("reply", "patron_message", "channel")
_ESCAPED = 12
"""Bytes of a character outside the Basic Multilingual Plane, as two JSON escapes: the longest there is."""
_ORDINARY = 4096
"""Bytes to allow for each item of a full batch: a reply and a message, both far longer than most."""


@dataclass
class Service:
    """What the application keeps: its settings, and the model once it is loaded."""

    settings: Settings
    checker: Checker | None = None
    manifest: Manifest | None = None
    _lock: Lock = field(default_factory=Lock)
    _loading: Lock = field(default_factory=Lock)
    _follows: bool = False
    _seen: tuple[int, int] | None = None

    def load(self) -> None:
        """Load the model of the settings, unless a checker was handed in. BundleError if it must not be loaded."""
        if self.checker is None:
            models = self.settings.models
            # told to use one model, it keeps that one
            self._follows = models is not None and self.settings.model == current_model(models)
            self._seen = self._pointed()
            self._take(self.settings.model)

    def _take(self, folder: Path) -> None:
        engine, manifest = load_bundle(folder)
        self.checker, self.manifest = Checker(engine, manifest.model_version), manifest

    def _pointed(self) -> tuple[int, int] | None:
        """What changes when a model is promoted or rolled back."""
        try:
            found = ((self.settings.models or Path()) / POINTER).stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino

    @property
    def outdated(self) -> bool:
        """Whether another model was promoted since this one was loaded."""
        return self._follows and self._pointed() != self._seen

    def take_promoted(self) -> None:
        """Load the model that judges now; where that fails, the loaded one goes on judging."""
        with self._loading:
            if self.outdated and self.settings.models is not None:
                self._seen = self._pointed()
                try:
                    self._take(current_model(self.settings.models))
                except BundleError as problem:
                    _LOG.error("the promoted model is not taken up: %s", problem)

    def judge(self, checker: Checker, replies: list[Reply]) -> list[dict[str, Any]]:
        """The verdicts on these replies as they are written."""
        # A checker remembers the tokens it has met, and that memory takes one writer at a time.
        with self._lock:
            verdicts = checker.check_many(replies)
        return [v.to_dict() for v in verdicts]

    def within_limit(self, items: Mapping[str, CheckRequest]) -> list[Reply]:
        """The items, each under its JSON pointer, as replies; Problem names each text that is over the limit."""
        limit = self.settings.max_chars
        errors = [
            (f"{place}/{name}", str(TooLong(name, length, limit)))
            for place, item in items.items()
            for name in _TEXTS
            if (length := len(getattr(item, name) or "")) > limit
        ]
        if errors:
            raise fields_problem(Kind.TOO_LONG, errors)
        return [Reply(item.reply, item.patron_message, item.channel) for item in items.values()]


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _loaded(request: Request) -> Checker:
    service = _service(request)
    if service.outdated:
        await run_in_threadpool(service.take_promoted)
    checker = service.checker
    if checker is None:
        raise Problem(Kind.NOT_READY, "Try again in a moment.", headers={"Retry-After": "1"})
    return checker


async def _json_body(request: Request) -> None:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json" and not (
        content_type.startswith("application/") and content_type.endswith("+json")
    ):
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, "Send the body with Content-Type: application/json.")
    if not await request.body():
        raise Problem(Kind.NOT_JSON, "The body is empty.")


async def _batch_fits(request: Request) -> None:
    """Before the items are validated: an error for each of a million items is no help to anybody."""
    body, limit = await request.json(), _service(request).settings.max_batch
    items = body.get("items") if isinstance(body, dict) else None
    if isinstance(items, list) and len(items) > limit:
        detail = f"{len(items):,} items; at most {limit:,} are judged in one call"
        raise fields_problem(Kind.BATCH_TOO_LARGE, [("/items", detail)])


Loaded = Annotated[Checker, Depends(_loaded)]
_TAKES_JSON = Depends(_json_body)
_BODY_PROBLEMS = (
    Kind.NOT_JSON,
    Kind.TOO_LONG,
    Kind.BODY_TOO_LARGE,
    Kind.UNSUPPORTED_MEDIA_TYPE,
    Kind.INVALID,
    Kind.INTERNAL,
    Kind.NOT_READY,
)
router = APIRouter()


@router.post(
    "/v1/check",
    summary="Judge one reply",
    tags=["judging"],
    response_model=VerdictOut,
    responses=described(*_BODY_PROBLEMS),
    dependencies=[_TAKES_JSON],
)
def check(
    item: Annotated[CheckRequest, Body(examples=[REQUEST_EXAMPLE])], checker: Loaded, request: Request
) -> AsciiJSON:
    """The verdict on one reply: the same as from the command line and from Python."""
    service = _service(request)
    return AsciiJSON(service.judge(checker, service.within_limit({"": item}))[0])


@router.post(
    "/v1/check/batch",
    summary="Judge many replies",
    tags=["judging"],
    response_model=BatchOut,
    responses=described(*_BODY_PROBLEMS, Kind.BATCH_TOO_LARGE),
    dependencies=[_TAKES_JSON, Depends(_batch_fits)],
)
def check_batch(
    batch: Annotated[BatchRequest, Body(examples=[{"items": [REQUEST_EXAMPLE]}])], checker: Loaded, request: Request
) -> AsciiJSON:
    """One verdict for each item, in order; all of them or, where an item can't be accepted, none."""
    service = _service(request)
    replies = service.within_limit({f"/items/{i}": item for i, item in enumerate(batch.items)})
    return AsciiJSON({"verdicts": service.judge(checker, replies)})


@router.get(
    "/v1/model",
    summary="The model that judges",
    tags=["service"],
    response_model=ModelOut,
    responses=described(Kind.INTERNAL, Kind.NOT_READY),
)
async def model(checker: Loaded, request: Request) -> AsciiJSON:
    """Name, version, threshold and words of the loaded model, and what it was trained on."""
    manifest = _service(request).manifest
    return AsciiJSON(
        {
            "name": manifest and manifest.name,
            "model_version": checker.model_version,
            "engine": manifest and manifest.engine,
            "threshold": checker.engine.threshold_,
            "labels": list(Label),
            "moves": list(Move),
            "message_kinds": list(MessageKind),
            "trained_on": manifest and manifest.trained_on,
            "data_fingerprint": manifest and manifest.data_fingerprint,
            "versions": manifest and manifest.versions,
        }
    )


@router.get(
    "/healthz",
    summary="Whether the service is alive",
    tags=["service"],
    response_model=StatusOut,
    responses=described(Kind.INTERNAL),
)
async def healthz() -> AsciiJSON:
    """Answers as soon as the service runs."""
    return AsciiJSON({"status": "alive"})


@router.get(
    "/readyz",
    summary="Whether the service can judge",
    tags=["service"],
    response_model=StatusOut,
    responses=described(Kind.INTERNAL, Kind.NOT_READY),
    dependencies=[Depends(_loaded)],
)
async def readyz() -> AsciiJSON:
    """Answers once the model is loaded."""
    return AsciiJSON({"status": "ready"})


_EXAMPLES: dict[str, dict[str, Any]] = {
    "/v1/check": VERDICT_EXAMPLE,
    "/v1/check/batch": {"verdicts": [VERDICT_EXAMPLE]},
    "/v1/model": MODEL_EXAMPLE,
    "/healthz": {"status": "alive"},
    "/readyz": {"status": "ready"},
}


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """FastAPI's document, with what FastAPI can't put there: a model for problem+json, examples that hold nulls."""
        document = super().openapi()
        problem = ProblemOut.model_json_schema(ref_template="#/components/schemas/{model}")
        document["components"]["schemas"] |= {**problem.pop("$defs"), "ProblemOut": problem}
        for path, example in _EXAMPLES.items():
            for operation in document["paths"][path].values():
                operation["responses"]["200"]["content"]["application/json"]["example"] = example
        return document


def body_limit(settings: Settings) -> int:
    """Bytes of the largest body that is read: a longest reply with its message, or a full batch of ordinary ones."""
    return 2 * _ESCAPED * settings.max_chars + _ORDINARY * settings.max_batch


def create_app(settings: Settings | None = None, checker: Checker | None = None) -> FastAPI:
    """The application; its lifespan loads the model of the settings, unless a checker is handed in."""
    settings = settings or Settings.from_environment()
    service = Service(settings, checker)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.load()
        yield

    app = _Application(
        title="replycheck",
        summary="Does a library's reply listen, or does it push services?",
        version=__version__,
        lifespan=lifespan,
        redirect_slashes=False,
        # Pages that fetch their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        # Otherwise validation errors and exceptions, with what people wrote, go to whatever collector is configured.
        telemetry={
            "tracing": False,
            "metrics": False,
            "logs": False,
            "operation_spans": False,
            "auto_configure": False,
        },
    )
    app.state.service = service
    app.add_middleware(Guard, limit=body_limit(settings))
    handle_problems(app)
    app.include_router(router)
    return app
