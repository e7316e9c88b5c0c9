"""`/v1/feedback`: “you got this wrong”, kept only where a person agrees, and taken back by whoever sent it."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Depends, Request, Response

from replycheck.errors import TooLong, UsageError
from replycheck.feedback import Conflict, CorrectedMove, Correction, Store
from replycheck_api.check import admitted, service_of
from replycheck_api.problems import AsciiJSON, Kind, Problem, described, fields_problem
from replycheck_api.reading import is_json, media_type, parsed, validated
from replycheck_api.schemas import FeedbackOut, FeedbackRequest, ForgottenOut

router = APIRouter(tags=["feedback"], dependencies=[Depends(admitted)])
_COMMON = (Kind.UNAUTHORIZED, Kind.TOO_MANY, Kind.NO_STORE, Kind.INTERNAL)


def _store(request: Request) -> Store:
    store: Store | None = request.app.state.corrections
    if store is None:
        raise Problem(Kind.NO_STORE, "Whoever runs this service has not named a file for them (REPLYCHECK_FEEDBACK).")
    return store


@router.post(
    "/v1/feedback",
    summary="Correct a verdict",
    response_model=FeedbackOut,
    responses=described(
        *_COMMON,
        Kind.NOT_JSON,
        Kind.TIMEOUT,
        Kind.TOO_LONG,
        Kind.BODY_TOO_LARGE,
        Kind.UNSUPPORTED_MEDIA_TYPE,
        Kind.INVALID,
        Kind.CONFLICT,
    ),
)
async def correct(request: Request) -> Response:
    """Keep a correction, with placeholders instead of personal data; the answer shows the texts as they are kept.

    Send the same `id` again where no answer came: it is kept once.
    """
    store, limit = _store(request), service_of(request).settings.max_chars
    if not is_json(media_type(request)):
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, "Send application/json.")
    given: FeedbackRequest | None
    given, errors = validated(FeedbackRequest, parsed(await request.body()), "")
    if given is None:
        raise fields_problem(Kind.INVALID, errors)
    texts = {"reply": given.reply, "patron_message": given.patron_message or ""}
    if over := [(f"/{n}", str(TooLong(n, len(t), limit))) for n, t in texts.items() if len(t) > limit]:
        raise fields_problem(Kind.TOO_LONG, over)
    correction = Correction(
        given.id,
        given.reply,
        given.label,
        given.model_label,
        given.model_version,
        given.patron_message or "",
        given.message_kind,
        tuple(CorrectedMove(m.start, m.end, m.move) for m in given.moves),
    )
    try:
        # it waits for the disk
        kept, new = await asyncio.to_thread(store.add, correction)
    except Conflict as fault:
        raise Problem(Kind.CONFLICT, str(fault)) from None
    except UsageError as fault:
        raise fields_problem(Kind.INVALID, [("/moves", str(fault))]) from None
    return AsciiJSON({"id": kept.id, "new": new, "reply": kept.reply, "patron_message": kept.patron_message})


@router.delete(
    "/v1/feedback/{id}",
    summary="Take a correction back",
    response_model=ForgottenOut,
    responses=described(*_COMMON, Kind.INVALID),
)
async def take_back(id: str, request: Request) -> Response:
    """Delete the correction with this id, which only its sender knows; how many there were."""
    return AsciiJSON({"forgotten": await asyncio.to_thread(_store(request).forget, [id])})
