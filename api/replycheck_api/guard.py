"""Around every call: how large a body may be, how long a caller may pause, what is logged and counted, and our own faults.

The framework would log an unforeseen exception with its message, and that may quote what a person wrote; so it is
caught here, and only its type and place are logged.
"""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from replycheck_api.logs import place
from replycheck_api.metrics import Metrics
from replycheck_api.problems import PROBLEM, Kind, Problem, refusal

log = logging.getLogger(__name__)
UNLIMITED = "replycheck.unlimited"
"""Key in a call's scope: set by an endpoint that holds what it reads to limits of its own."""


def report(fault: Exception) -> Problem:
    """Log a fault of ours, and make the problem that its caller is told."""
    log.error("%s at %s", type(fault).__name__, place(fault))
    return Problem(Kind.INTERNAL, "The fault is ours, and logged; nothing of the text was kept.")


class Guard:
    """ASGI middleware: bodies of at most `limit` bytes, pauses of at most `timeout` seconds."""

    def __init__(self, app: ASGIApp, limit: int, timeout: float, metrics: Metrics) -> None:
        self.app, self.limit, self.timeout, self.metrics = app, limit, timeout, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin = time.perf_counter()
        size, status, more = 0, 0, True

        async def limited() -> Message:
            nonlocal size, more
            if not more:
                return await receive()  # waits for the caller to hang up, however long that takes
            try:
                async with asyncio.timeout(self.timeout):
                    message = await receive()
            except TimeoutError:
                raise Problem(
                    Kind.TIMEOUT, f"Nothing came for {self.timeout:g} seconds.", headers={"Connection": "close"}
                ) from None
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
            if size > self.limit and UNLIMITED not in scope:
                raise Problem(Kind.BODY_TOO_LARGE, f"At most {self.limit:,} bytes are read; send a smaller batch.")
            return message

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, limited, noting)
        except Exception as fault:
            problem = report(fault)
            if not status:
                scope[PROBLEM] = Kind.INTERNAL.slug
                await refusal(problem, scope["path"])(scope, receive, noting)
        finally:
            self._note(scope, status, time.perf_counter() - begin, size)

    def _note(self, scope: Scope, status: int, seconds: float, size: int) -> None:
        # the path as called may hold anything; ours holds nothing of the caller's
        route = getattr(scope.get("route"), "path", "none")
        self.metrics.requests.labels(route, str(status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        problem = scope.get(PROBLEM)
        if problem:
            self.metrics.refusals.labels(problem).inc()
        if log.isEnabledFor(logging.INFO):
            fields = {"route": route, "status": status, "milliseconds": round(seconds * 1000, 1), "bytes": size}
            log.info("answered", extra={"fields": fields | ({"problem": problem} if problem else {})})
