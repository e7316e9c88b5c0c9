"""Everything that can be wrong with a call, as problem documents (RFC 9457); stands beside every step of a call.

A problem says which field and why. It never holds the text that was sent, nor a traceback.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 100
"""Most fields that one problem lists."""
PROBLEM = "replycheck.problem"
"""Key in a call's scope: the kind of problem that it was answered with."""
LANGUAGETOOL = "/v2/"
"""Paths whose callers expect plain text where something is wrong."""


class Kind(Enum):
    """What can be wrong: a stable name, a status, a title."""

    NOT_JSON = ("not-json", 400, "The body is not JSON")
    UNREADABLE = ("unreadable-draft", 422, "What was sent has no new words that can be judged")
    UNAUTHORIZED = ("unauthorized", 401, "An API key is needed")
    INVALID_FORM = ("invalid-form", 400, "The form has fields that can't be accepted")
    NOT_FOUND = ("not-found", 404, "There is nothing at this path")
    NO_STORE = ("no-store", 404, "No corrections are kept here")
    CONFLICT = ("conflict", 409, "Another correction has this id")
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, "This path does not take this method")
    TIMEOUT = ("timeout", 408, "The body did not come")
    TOO_LONG = ("too-long", 413, "A text is too long")
    BATCH_TOO_LARGE = ("batch-too-large", 413, "The batch holds too many items")
    BODY_TOO_LARGE = ("body-too-large", 413, "The body is too large")
    UNSUPPORTED_MEDIA_TYPE = ("unsupported-media-type", 415, "The Content-Type is not one that is read here")
    INVALID = ("invalid", 422, "The request has fields that can't be accepted")
    TOO_MANY = ("too-many-calls", 429, "Too many calls")
    INTERNAL = ("internal", 500, "A fault of the service")
    BUSY = ("busy", 503, "Too many calls are waiting")
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


def refusal(problem: Problem, path: str) -> Response:
    """The problem as whoever calls that path expects it."""
    if path.startswith(LANGUAGETOOL):
        return PlainTextResponse(f"Error: {problem.detail}", problem.kind.status, headers=problem.headers)
    return problem.response(path)


def _on_http(request: Request, fault: Exception) -> Response:
    problem = _as_problem(fault)
    request.scope[PROBLEM] = problem.kind.slug
    return refusal(problem, request.scope["path"])


def _as_problem(fault: Exception) -> Problem:
    match fault:
        case Problem():
            return fault
        case HTTPException(status_code=HTTPStatus.NOT_FOUND):
            return Problem(Kind.NOT_FOUND, "See /openapi.json for the paths there are.")
        case HTTPException(status_code=HTTPStatus.METHOD_NOT_ALLOWED, headers=headers):
            allowed = (headers or {}).get("Allow", "another method")
            return Problem(Kind.METHOD_NOT_ALLOWED, f"Use {allowed}.", headers=headers)
    raise fault


OF_A_CHECK = (
    Kind.NOT_JSON,
    Kind.UNAUTHORIZED,
    Kind.TIMEOUT,
    Kind.TOO_LONG,
    Kind.BODY_TOO_LARGE,
    Kind.UNSUPPORTED_MEDIA_TYPE,
    Kind.INVALID,
    Kind.UNREADABLE,
    Kind.TOO_MANY,
    Kind.INTERNAL,
    Kind.NOT_READY,
    Kind.BUSY,
)
"""What a call that judges a draft may be answered with."""


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


def described_plain(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """These problems as OpenAPI's responses where they are plain text."""
    responses: dict[int | str, dict[str, Any]] = {}
    for kind in kinds:
        response = responses.setdefault(
            kind.status,
            {
                "description": HTTPStatus(kind.status).phrase,
                "content": {"text/plain": {"schema": {"type": "string"}, "examples": {}}},
            },
        )
        response["content"]["text/plain"]["examples"][kind.slug] = {
            "summary": kind.title,
            "value": f"Error: {kind.title}.",
        }
    return responses


_EXAMPLES: dict[Kind, tuple[tuple[tuple[str, str], ...], str, str]] = {
    Kind.NOT_JSON: ((), "Expecting value at character 10", "/v1/check"),
    Kind.TOO_LONG: (
        (("/reply", "reply has 200,000 characters; at most 100,000 are judged"),),
        "",
        "/v1/check",
    ),
    Kind.UNREADABLE: ((("/html", "it has no new words: all of it is quoted, signed or blank"),), "", "/v1/check"),
    Kind.BATCH_TOO_LARGE: ((("/items", "1,200 items; at most 1,000 are judged in one call"),), "", "/v1/check/batch"),
    Kind.INVALID: ((("/reply", "a blank reply can't be judged"),), "", "/v1/check"),
}
