"""The application: gathers the endpoints and what stands around them; the edge of the walk over HTTP.

`create_app` makes it, and its lifespan loads the model. Nothing in this package judges, and nothing that a person wrote
is logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from replycheck import __version__
from replycheck.checker import Checker
from replycheck.feedback import Store
from replycheck.settings import Settings
from replycheck_api import check, corrections, languagetool, operations, page
from replycheck_api.access import Access
from replycheck_api.guard import Guard
from replycheck_api.metrics import Metrics, forget_this_process
from replycheck_api.openapi import Application
from replycheck_api.problems import handle_problems
from replycheck_api.service import Model, Service

_ESCAPED = 12
"""Bytes of a character outside the Basic Multilingual Plane, as two JSON escapes: the longest there is."""
_ORDINARY = 4096
"""Bytes to allow for each item of a full batch: a reply and a message, both far longer than most."""


def body_limit(settings: Settings) -> int:
    """Bytes of the largest body that is read: a longest reply with its message, or a full batch of ordinary ones."""
    return 2 * _ESCAPED * settings.max_chars + _ORDINARY * settings.max_batch


def create_app(settings: Settings | None = None, checker: Checker | None = None) -> FastAPI:
    """The application; its lifespan loads the model of the settings, unless a checker is handed in.

    UsageError if the settings can't be kept, or would let anybody call who can reach the address.
    """
    settings = settings or Settings.from_environment()
    metrics = Metrics()
    service = Service(settings, Access(settings), metrics, Model(checker, None) if checker else None)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        handed_in = service.model is not None
        service.load()
        watching = None if handed_in else asyncio.create_task(service.watch())
        yield
        if watching:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
        forget_this_process()

    app = Application(
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
    app.state.corrections = Store(settings.feedback) if settings.feedback else None
    app.add_middleware(Guard, limit=body_limit(settings), timeout=settings.request_timeout, metrics=metrics)
    if settings.cors_origins:
        # outermost, so that a page can read why it was refused
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-API-Key"],
        )
    handle_problems(app)
    for part in (check, corrections, languagetool, operations, page):
        app.include_router(part.router)
    app.mount("/web", page.Files(directory=page.WEB))
    return app
