"""`/v1/check` and `/v1/check/batch`: replies in, verdicts out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from replycheck_api.problems import OF_A_CHECK, AsciiJSON, Kind, Problem, described, fields_problem
from replycheck_api.reading import Reader, is_json, media_type, parsed, query_options, validated
from replycheck_api.schemas import BatchOut, Items, VerdictOut
from replycheck_api.service import Service
from replycheck_api.stream import NDJSON, Stream

RAW = ("message/rfc822", "text/html", "text/plain")
"""Content-Types beside JSON that /v1/check reads: the reply itself, not a description of it."""


def service_of(request: Request) -> Service:
    """The state behind the application that was called."""
    service: Service = request.app.state.service
    return service


async def admitted(request: Request) -> None:
    """Let the call in, or raise Problem."""
    service_of(request).access.admit(request)


router = APIRouter(tags=["judging"], dependencies=[Depends(admitted)])


@router.post("/v1/check", summary="Judge one reply", response_model=VerdictOut, responses=described(*OF_A_CHECK))
async def check(request: Request) -> Response:
    """The verdict on one reply: the same as from the command line and from Python.

    Take JSON, or the reply itself: a raw e-mail as `message/rfc822`, `text/html`, or `text/plain` with what it quotes.
    """
    service = service_of(request)
    service.loaded()
    kind = media_type(request)
    if not is_json(kind) and kind not in RAW:
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, f"Send application/json, {', '.join(RAW[:-1])} or {RAW[-1]}.")
    reader = Reader(service.settings.max_chars, query_options(request))
    body = await request.body()
    if is_json(kind):
        (item,) = await reader.read([parsed(body)], [""])
    else:
        item = await reader.raw(body, kind, _charset(request))
    (verdict,) = await service.judge([item.reply])
    return AsciiJSON(item.answer(verdict))


def _charset(request: Request) -> str:
    from email.message import Message

    header = Message()
    header["Content-Type"] = request.headers.get("content-type", "")
    return str(header.get_content_charset("utf-8"))


@router.post(
    "/v1/check/batch",
    summary="Judge many replies",
    response_model=BatchOut,
    responses=described(*OF_A_CHECK, Kind.BATCH_TOO_LARGE),
)
async def check_batch(request: Request) -> Response:
    """One verdict for each item, in order.

    As JSON: all of them or, where an item can't be accepted, none. As NDJSON, one item a line: an answer a line as
    soon as it is known, where a line that can't be accepted is answered with its problem and ends nothing.
    """
    service = service_of(request)
    service.loaded()
    kind = media_type(request)
    reader = Reader(service.settings.max_chars, query_options(request))
    if kind in NDJSON:
        return Stream(request, service, reader)
    if not is_json(kind):
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, f"Send application/json or {NDJSON[0]}.")
    given: Any = parsed(await request.body())
    shape, errors = validated(Items, given, "")
    if errors:
        raise fields_problem(Kind.INVALID, errors)
    if len(shape.items) > service.settings.max_batch:
        # before the items are looked at: an error for each of a million is no help to anybody
        detail = f"{len(shape.items):,} items; at most {service.settings.max_batch:,} are judged in one call"
        raise fields_problem(Kind.BATCH_TOO_LARGE, [("/items", detail)])
    items = await reader.read(shape.items, [f"/items/{i}" for i in range(len(shape.items))])
    verdicts = await service.judge([item.reply for item in items])
    return AsciiJSON({"verdicts": [item.answer(v) for item, v in zip(items, verdicts, strict=True)]})
