"""The page at `/`: its files, its words, and the calls that only it makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import FileResponse
from starlette.staticfiles import StaticFiles

from replycheck.codebook import to_dict
from replycheck.order import propose
from replycheck.reply import Reply
from replycheck_api.check import admitted, service_of
from replycheck_api.problems import OF_A_CHECK, AsciiJSON, Kind, Problem, described
from replycheck_api.reading import Reader, is_json, media_type, parsed, query_options
from replycheck_api.schemas import CodebookOut, PageOut, ReorderOut

WEB = Path(__file__).resolve().parent / "web"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # asked for anew each time, and answered with 304 where nothing has changed
    "Cache-Control": "no-cache",
}
"""What every file of the page comes with: it loads nothing but its own files, and no other page may frame it."""


class Files(StaticFiles):
    """The page's files, with its headers."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """One file."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(HEADERS)
        return response


router = APIRouter(tags=["page"])


@router.get("/", include_in_schema=False)
async def page() -> Response:
    """The page."""
    return FileResponse(WEB / "index.html", headers=HEADERS)


@router.get(
    "/v1/codebook", summary="The words of the codebook", response_model=CodebookOut, responses=described(Kind.INTERNAL)
)
async def codebook() -> Response:
    """Labels, sides, moves, message kinds and reasons to be unsure, each with its definition, and the three questions."""
    return AsciiJSON(to_dict())


@router.get("/v1/page", summary="What the page must know", response_model=PageOut, responses=described(Kind.INTERNAL))
async def about(request: Request) -> Response:
    """Whether a key is needed, whether corrections are kept, and how long a text may be."""
    service = service_of(request)
    return AsciiJSON(
        {
            "needs_key": service.access.needs_key,
            "feedback": request.app.state.corrections is not None,
            "max_chars": service.settings.max_chars,
        }
    )


@router.post(
    "/v1/reorder",
    summary="The same sentences in another order",
    response_model=ReorderOut,
    responses=described(*OF_A_CHECK),
    dependencies=[Depends(admitted)],
)
async def reorder(request: Request) -> Response:
    """The reply with what pushes behind what hears; nothing is added. `reply` is null where nothing can be moved.

    Both probabilities are given, since another order does not always help.
    """
    service = service_of(request)
    service.loaded()
    if not is_json(media_type(request)):
        raise Problem(Kind.UNSUPPORTED_MEDIA_TYPE, "Send application/json.")
    reader = Reader(service.settings.max_chars, query_options(request))
    (item,) = await reader.read([parsed(await request.body())], [""])
    (before,) = await service.judge([item.reply])
    proposal = propose(before)
    after = None
    if proposal:
        (after,) = await service.judge([Reply(proposal.text, item.reply.patron_message, item.reply.channel)])
    return AsciiJSON(
        {
            "reply": proposal and proposal.text,
            "order": proposal and list(proposal.order),
            "p_pushing_before": round(before.probability, 4),
            "p_pushing_after": after and round(after.probability, 4),
            "model_version": before.model_version,
        }
    )
