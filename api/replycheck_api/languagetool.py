"""`/v2/…`: LanguageTool's HTTP interface, so that editors that know it underline what pushes.

Findings are for a sentence by its move, never a verdict on the whole: editors send a paragraph at a time. Offsets count
UTF-16 units, and errors are plain text, as that interface has it.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from replycheck import __version__
from replycheck.codebook import MOVES, Move, Side
from replycheck.errors import TooLong
from replycheck.markup import Marked, read_annotation
from replycheck.offsets import OffsetUnit, converted
from replycheck.text import mask, sentence_spans
from replycheck.underlining import Finding
from replycheck_api.check import service_of
from replycheck_api.problems import AsciiJSON, Kind, Problem, described_plain
from replycheck_api.schemas import ConfigOut, InfoOut, LanguageOut, MatchesOut
from replycheck_api.upstream import ask_languages, ask_matches

LANGUAGES = [
    {"name": "English", "code": "en", "longCode": "en"},
    *(
        {"name": f"English ({country})", "code": "en", "longCode": f"en-{code}"}
        for country, code in (("Australian", "AU"), ("Canadian", "CA"), ("GB", "GB"), ("New Zealand", "NZ"), ("South African", "ZA"), ("US", "US"))
    ),
]  # fmt: skip
GUIDELINES = "https://www.ala.org/rusa/guidelines/guidelines-by-topic"
"""Where RUSA lists its guidelines, the one on behaviour among them."""
_CODE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9-]{1,30})?|auto")
_AROUND = 40
"""Characters of context on each side of a finding."""
_MOST_FIELDS = 200
_SOFTWARE = {
    "name": "replycheck",
    "version": __version__,
    "buildDate": None,
    "apiVersion": 1,
    "premium": False,
    "status": "",
}
_PROBLEMS = (
    Kind.INVALID_FORM,
    Kind.UNAUTHORIZED,
    Kind.TIMEOUT,
    Kind.TOO_LONG,
    Kind.BODY_TOO_LARGE,
    Kind.TOO_MANY,
    Kind.INTERNAL,
    Kind.NOT_READY,
    Kind.BUSY,
)

router = APIRouter(prefix="/v2", tags=["LanguageTool"])


@router.post(
    "/check",
    summary="What an editor underlines",
    response_model=MatchesOut,
    responses=described_plain(*_PROBLEMS),
    operation_id="languagetool_check",
)
async def check(request: Request) -> Response:
    """Sentences that surely push, as LanguageTool's matches. A form, whatever its Content-Type says."""
    service = service_of(request)
    form = _form(request.url.query.encode("ascii", "replace")) | _form(await request.body())
    service.access.admit(request, form.get("apiKey"))
    service.loaded()
    marked = _text(form)
    limit = service.settings.max_chars
    if len(marked.source) > limit:
        raise Problem(Kind.TOO_LONG, str(TooLong("the text", len(marked.source), limit)))
    language = form.get("language", "")
    if not _CODE.fullmatch(language):
        raise Problem(Kind.INVALID_FORM, "language: expected a code such as en-GB, or auto")
    ours, theirs = await asyncio.gather(_matches(request, form, marked, language), ask_matches(service, form))
    answer: dict[str, Any] = {
        "software": _SOFTWARE,
        "warnings": {"incompleteResults": theirs is None},
        "language": _language(language),
        "matches": ours,
        "sentenceRanges": _ranges(marked),
    }
    if theirs:
        answer |= {k: theirs[k] for k in ("language", "sentenceRanges") if k in theirs}
        answer["matches"] = sorted([*ours, *theirs.get("matches", [])], key=lambda m: m.get("offset", 0))
    return AsciiJSON(answer)


@router.get(
    "/check",
    summary="What an editor underlines, asked in the query",
    response_model=MatchesOut,
    responses=described_plain(*_PROBLEMS),
    operation_id="languagetool_check_query",
)
async def check_query(request: Request) -> Response:
    """The same; a query may be logged by what stands between, so rather post."""
    return await check(request)


@router.get(
    "/languages",
    summary="Languages that are judged",
    response_model=list[LanguageOut],
    responses=described_plain(Kind.INTERNAL),
)
async def languages(request: Request) -> Response:
    """English, and with a LanguageTool server behind this one, its languages too."""
    theirs = await ask_languages(service_of(request))
    known = {one["longCode"] for one in LANGUAGES}
    return AsciiJSON([*LANGUAGES, *(one for one in theirs if one.get("longCode") not in known)])


@router.get(
    "/maxtextlength",
    summary="Longest text, in characters",
    response_class=PlainTextResponse,
    responses=described_plain(Kind.INTERNAL),
)
async def maxtextlength(request: Request) -> Response:
    """A whole number."""
    return PlainTextResponse(str(service_of(request).settings.max_chars))


@router.get(
    "/configinfo",
    summary="Rules that there are",
    response_model=ConfigOut,
    responses=described_plain(Kind.INVALID_FORM, Kind.INTERNAL),
)
async def configinfo(request: Request) -> Response:
    """One rule for each move that pushes."""
    if not _CODE.fullmatch(request.query_params.get("language", "")):
        raise Problem(Kind.INVALID_FORM, "language: expected a code such as en-GB")
    rules = [
        {
            "ruleId": _rule_id(move),
            "description": entry.definition,
            "categoryId": "STYLE",
            "categoryName": "Style",
            "locQualityIssueType": "style",
            "isDictionaryBasedSpellingRule": False,
        }
        for move, entry in MOVES.items()
        if entry.side is Side.PUSHING
    ]
    limit = service_of(request).settings.max_chars
    return AsciiJSON({"software": _SOFTWARE, "parameter": {"maxTextLength": limit}, "rules": rules})


@router.get("/info", summary="What answers here", response_model=InfoOut, responses=described_plain(Kind.INTERNAL))
async def info() -> Response:
    """Name and version."""
    return AsciiJSON({"software": _SOFTWARE})


@router.get(
    "/healthcheck",
    summary="Whether it answers",
    response_class=PlainTextResponse,
    responses=described_plain(Kind.INTERNAL, Kind.NOT_READY),
)
async def healthcheck(request: Request) -> Response:
    """OK once the model is loaded."""
    service_of(request).loaded()
    return PlainTextResponse("OK")


def _form(raw: bytes) -> dict[str, str]:
    """Fields of a form; the first of each name."""
    try:
        pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Problem(Kind.INVALID_FORM, f"more than {_MOST_FIELDS} fields") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def _text(form: dict[str, str]) -> Marked:
    """What is to be checked, from `text` or `data`."""
    if ("text" in form) == ("data" in form):
        raise Problem(Kind.INVALID_FORM, "expected one of text and data")
    if "text" in form:
        return read_annotation([{"text": form["text"]}])
    try:
        data = json.loads(form["data"])
    except (ValueError, RecursionError):
        raise Problem(Kind.INVALID_FORM, "data: not JSON") from None
    pieces = None
    if isinstance(data, dict):
        pieces = [{"text": data["text"]}] if "text" in data else data.get("annotation")
    if not isinstance(pieces, list) or not all(_is_piece(piece) for piece in pieces):
        raise Problem(Kind.INVALID_FORM, 'data: expected {"text": …} or {"annotation": [{"text": …} or {"markup": …}]}')
    return read_annotation(pieces)


def _is_piece(piece: Any) -> bool:
    """Either text, or markup with what it stands for."""
    if not isinstance(piece, dict) or ("text" in piece) == ("markup" in piece):
        return False
    return all(isinstance(piece.get(k, ""), str) for k in ("text", "markup", "interpretAs"))


async def _matches(request: Request, form: dict[str, str], marked: Marked, language: str) -> list[dict[str, Any]]:
    if language != "auto" and language.lower().partition("-")[0] != "en":
        return []
    # the browser add-on sends each text twice, once for each mode
    if form.get("mode") == "textLevelOnly" or not marked.text.strip():
        return []
    found = await service_of(request).findings(marked.text)
    left_out = set(form.get("disabledRules", "").split(","))
    if "STYLE" in form.get("disabledCategories", "").split(","):
        return []
    only = set(form.get("enabledRules", "").split(",")) if form.get("enabledOnly") == "true" else None
    kept = [f for f in found if (rule := _rule_id(f.move)) not in left_out and (only is None or rule in only)]
    return _as_matches(marked, kept)


def _as_matches(marked: Marked, found: Sequence[Finding]) -> list[dict[str, Any]]:
    text, source = marked.text, marked.source
    spans = [(marked.starts[f.start], marked.ends[f.end - 1]) for f in found]
    around = [(max(0, a - _AROUND), min(len(source), b + _AROUND)) for a, b in spans]
    at = converted(source, (o for pair in [*spans, *around] for o in pair), OffsetUnit.UTF16)
    return [
        {
            "message": f"This sentence {f.plain}. {f.suggestion}",
            "shortMessage": f.plain[0].upper() + f.plain[1:],
            "replacements": [],
            "offset": at[start],
            "length": at[end] - at[start],
            "context": {
                "text": re.sub(r"[\r\n\t]", " ", source[left:right]),
                "offset": at[start] - at[left],
                "length": at[end] - at[start],
            },
            "sentence": text[f.start : f.end],
            "type": {"typeName": "Other"},
            "rule": {
                "id": _rule_id(f.move),
                "description": MOVES[f.move].definition,
                "issueType": "style",
                "urls": [{"value": GUIDELINES}],
                "category": {"id": "STYLE", "name": "Style"},
            },
            "ignoreForIncompleteSentence": False,
            "contextForSureMatch": 0,
        }
        for f, (start, end), (left, right) in zip(found, spans, around, strict=True)
    ]


def _rule_id(move: Move) -> str:
    return f"REPLYCHECK_{move.upper()}"


def _language(given: str) -> dict[str, Any]:
    """The language that the text was checked as. It is not detected; what is not English gets no findings."""
    code = "en-US" if given == "auto" else given
    name = next((str(one["name"]) for one in LANGUAGES if one["longCode"] == code), code)
    detected = {"name": name, "code": code, "confidence": 0.0 if given == "auto" else 1.0, "source": "given"}
    return {"name": name, "code": code, "detectedLanguage": detected}


def _ranges(marked: Marked) -> list[list[int]]:
    spans = [(marked.starts[a], marked.ends[b - 1]) for a, b in sentence_spans(mask(marked.text))]
    at = converted(marked.source, (o for span in spans for o in span), OffsetUnit.UTF16)
    return [[at[a], at[b]] for a, b in spans]
