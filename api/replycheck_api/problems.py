"""Everything that can be wrong with a call, as problem documents (RFC 9457); stands beside every step of a call.

A problem says which field and why. It never holds the text that was sent, nor a traceback.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 100
"""Most fields that one problem lists."""


class Kind(Enum):
    """What can be wrong: a stable name, a status, a title."""

    NOT_JSON = ("not-json", 400, "The body is not JSON")
    NOT_FOUND = ("not-found", 404, "There is nothing at this path")
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, "This path does not take this method")
    TOO_LONG = ("too-long", 413, "A text is too long")
    BATCH_TOO_LARGE = ("batch-too-large", 413, "The batch holds too many items")
    BODY_TOO_LARGE = ("body-too-large", 413, "The body is too large")
    UNSUPPORTED_MEDIA_TYPE = ("unsupported-media-type", 415, "The body must be application/json")
    INVALID = ("invalid", 422, "The request has fields that can't be accepted")
    INTERNAL = ("internal", 500, "A fault of the service")
    NOT_READY = ("not-ready", 503, "The model is not loaded")

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.type = f"urn:replycheck:problem:{slug}"
        self.slug, self.status, self.title = slug, status, title


class AsciiJSON(JSONResponse):
    """JSON in ASCII: a lone surrogate can be escaped, but has no UTF-8."""

    def render(self, content: Any) -> bytes:
        """The content as bytes."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class ProblemResponse(AsciiJSON):
    """A problem document."""

    media_type = MEDIA_TYPE


class Problem(HTTPException):
    """A call that can't be answered: what kind, in words, and the fields at fault as (JSON pointer, detail)."""

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind.status, detail, headers)
        self.kind, self.errors = kind, errors

    def document(self, path: str) -> dict[str, Any]:
        """The problem document; `path` is what was called."""
        return {
            "type": self.kind.type,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "instance": quote(path, errors="replace"),
        } | ({"errors": [{"pointer": p, "detail": d} for p, d in self.errors[:MOST_ERRORS]]} if self.errors else {})

    def response(self, path: str) -> ProblemResponse:
        """The problem as a response."""
        return ProblemResponse(self.document(path), self.kind.status, headers=self.headers)


def fields_problem(kind: Kind, errors: Sequence[tuple[str, str]]) -> Problem:
    """A problem with fields: its detail tells the first, and how many there are."""
    place, detail = errors[0]
    first = f"{place or 'the body'}: {detail}"
    if len(errors) > 1:
        first = f"{len(errors)} fields can't be accepted; the first is {first}"
    return Problem(kind, first, errors=errors)


def pointer(steps: Sequence[str | int]) -> str:
    """The JSON pointer (RFC 6901) of these steps."""
    return "".join("/" + str(s).replace("~", "~0").replace("/", "~1") for s in steps)


def handle_problems(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)


def _on_http(request: Request, fault: Exception) -> ProblemResponse:
    path = request.scope["path"]
    match fault:
        case Problem():
            return fault.response(path)
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            return Problem(Kind.NOT_FOUND, "See /openapi.json for the paths there are.").response(path)
        case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED, headers=headers):
            allowed = (headers or {}).get("Allow", "another method")
            return Problem(Kind.METHOD_NOT_ALLOWED, f"Use {allowed}.", headers=headers).response(path)
        case HTTPException(status_code=HTTPStatus.BAD_REQUEST):
            # A body that JSON can't take for another reason than its grammar: not UTF-8, nested too deeply.
            return Problem(Kind.NOT_JSON, "The body can't be read as JSON in UTF-8.").response(path)
    raise fault


def _on_invalid(request: Request, fault: Exception) -> ProblemResponse:
    if not isinstance(fault, RequestValidationError):
        raise fault
    found = fault.errors()
    if found[0]["type"] == "json_invalid":
        detail = f"{found[0]['ctx']['error']} at character {found[0]['loc'][-1]}"
        return Problem(Kind.NOT_JSON, detail).response(request.scope["path"])
    # Every input is a body, so the first step of each place is the word `body`.
    errors = [(pointer(e["loc"][1:]), e["msg"]) for e in found]
    return fields_problem(Kind.INVALID, errors).response(request.scope["path"])


class Guard:
    """ASGI middleware: holds a body to `limit` bytes, and answers our own faults.

    The framework would log an unforeseen exception with its message, and that may quote what a person wrote; so it is
    caught here, and only its type and place are logged.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        size, started = 0, False

        async def limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.limit:
                raise Problem(Kind.BODY_TOO_LARGE, f"At most {self.limit:,} bytes are read; send a smaller batch.")
            return message

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, limited, noting)
        except Exception as fault:
            log.error("%s at %s", type(fault).__name__, _place(fault))
            if not started:
                problem = Problem(Kind.INTERNAL, "The fault is ours, and logged; nothing of the text was kept.")
                await problem.response(scope["path"])(scope, receive, send)


def _place(fault: Exception) -> str:
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}"


def described(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """These problems as OpenAPI's responses, with an example each."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        response = responses.setdefault(
            kind.status,
            {
                "description": HTTPStatus(kind.status).phrase,
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}, "examples": {}}},
            },
        )
        errors, detail, path = _EXAMPLES.get(kind, ((), kind.title + ".", "/v1/check"))
        problem = fields_problem(kind, errors) if errors else Problem(kind, detail)
        response["content"][MEDIA_TYPE]["examples"][kind.slug] = {
            "summary": kind.title,
            "value": problem.document(path),
        }
    return responses


_EXAMPLES: dict[Kind, tuple[tuple[tuple[str, str], ...], str, str]] = {
    Kind.NOT_JSON: ((), "Expecting value at character 10", "/v1/check"),
    Kind.TOO_LONG: (
        (("/reply", "reply has 200,000 characters; at most 100,000 are judged"),),
        "",
        "/v1/check",
    ),
    Kind.BATCH_TOO_LARGE: ((("/items", "1,200 items; at most 1,000 are judged in one call"),), "", "/v1/check/batch"),
    Kind.INVALID: ((("/reply", "a blank reply can't be judged"),), "", "/v1/check"),
}
