"""Text → spaCy `Doc` with sentences fit for chat and e-mail; offsets point into the text that came in.

Second step of the walk. What is not the writer's new words (quoted mail, HTML tags, NUL bytes) is *masked* with
as many blanks, never cut out, so that every offset into the masked text is an offset into the original.
"""

from __future__ import annotations

import html
import re

import spacy
from spacy.language import Language
from spacy.tokens import Doc

_TAG = re.compile(r"<(/?)(\w{1,12})(?:\s[^<>]{0,2000})?/?>|<!\w[^<>]{0,200}>")
_BLOCK_TAGS = frozenset(["br", "p", "div", "li", "tr", "ul", "ol", "table", "h1", "h2", "h3", "h4", "blockquote", "td"])
_SKIPPED_ELEMENT = re.compile(r"<(script|style)\b[^<>]{0,2000}>.*?(?:</\1\s*>|\Z)", re.S | re.I)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-fA-F]{1,6}|[A-Za-z]{2,10});")
_UNWRITABLE = re.compile("[\ud800-\udfff]")
_QUOTED_LINE = re.compile(r"^[ \t]*>.*$", re.M)
_QUOTED_TAIL = re.compile(
    r"^[ \t]*(?:On\b[^\n]{4,120}(?:\n[^\n]{1,80})?\bwrote:[ \t]*$"
    r"|-{2,}[ \t]*(?:Original Message|Forwarded message)[ \t]*-{2,}"
    r"|_{10,}[ \t]*\n[ \t]*From:"
    r"|From:[^\n]+\n(?:[ \t]*(?:Sent|Date|To|Cc|Subject):[^\n]*\n?){2,})",
    re.M | re.I,
)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match.group())


def mask(text: str) -> str:
    """The text with what is not the writer's own words blanked out; same length, so offsets hold."""
    if "\x00" in text:
        text = text.replace("\x00", " ")
    if "\r" in text:
        text = text.replace("\r\n", " \n").replace("\r", "\n")
    if not text.isascii():
        text = _UNWRITABLE.sub("\ufffd", text)
    if "<" in text:
        text = _SKIPPED_ELEMENT.sub(_blank, text)
        text = _without_markup(text)
    if "&" in text:
        text = _ENTITY.sub(lambda m: html.unescape(m.group())[:1].replace("\xa0", " ").ljust(len(m.group())), text)
    if ">" in text:
        text = _QUOTED_LINE.sub(_blank, text)
    if (tail := _QUOTED_TAIL.search(text)) and text[: tail.start()].strip():
        text = text[: tail.start()] + " " * (len(text) - tail.start())
    return text


def _without_markup(text: str) -> str:
    """Tags and comments blanked out. Comments not by a pattern: it would look, for each that has no end, to the end of the text."""
    pieces, end = [], 0
    while (at := text.find("<!--", end)) >= 0 and (stop := text.find("-->", at + 4)) >= 0:
        pieces += [_TAG.sub(_mask_tag, text[end:at]), " " * (stop + 3 - at)]
        end = stop + 3
    return "".join([*pieces, _TAG.sub(_mask_tag, text[end:])])


def _mask_tag(match: re.Match[str]) -> str:
    width = len(match.group())
    return "\n" + " " * (width - 1) if (match.group(2) or "").lower() in _BLOCK_TAGS else " " * width


# --- sentences ---------------------------------------------------------------------------------------------------

_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Za-z]|Mr|Mrs|Ms|Mx|Dr|Prof|St|Rd|Ave|Sr|Jr|vs|etc|approx|ext|tel|ref|no|nos|vol|pp|fig|dept|est|min|max|incl"
    r"|e\.g|i\.e|a\.m|p\.m|cf|al|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mon|Tues?|Wed|Thurs?|Fri|Sat|Sun)|^[ \t]*\d{1,2}|\n[ \t]*\d{1,2})\.$",
    re.I,
)
_SHORT = frozenset(
    """mr mrs ms mx dr prof st rd ave sr jr vs etc approx ext tel ref no nos vol pp fig dept est min max incl cf al
    jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thur thurs fri sat sun""".split()
)
"""The words of `_ABBREVIATION`: a plain word that is none of them, and no single letter, is no abbreviation."""
_NEVER_ENDS = frozenset(["mr", "mrs", "ms", "mx", "dr", "prof", "vs", "approx", "ext", "ref", "e.g", "i.e", "cf"])
_MARKS = "[.!?\u2026\u3002\uff01\uff1f\u061f\u06d4]"
_EMOJI = "[\U0001f300-\U0001faff\u2600-\u27bf\ufe0f]"
# each run is entered once, at its beginning, and never given back: a run of 100,000 would else be tried from everywhere
_STOP = re.compile(
    f"(?<!{_MARKS}){_MARKS}++[\"'\u201d\u2019)\\]*_]*+(?=\\s|$)(?:[ \\t]*+(?:[:;][-']?[)(DPp]|<3|{_EMOJI}++)(?=\\s|$))*+"
    f"|(?<!{_EMOJI}){_EMOJI}++(?=\\s+[A-Z^])"
)
_PLAIN_STOP = re.compile("(?<![.!?])[.!?]++[\"')\\]*_]*+(?=\\s|$)(?:[ \\t]*+(?:[:;][-']?[)(DPp]|<3)(?=\\s|$))*+")
"""`_STOP` for a text that has no other characters than ASCII's, where it finds the same in a fraction of the time."""
_LINE_END = re.compile(r"(?<![ \t])[ \t]*+\n\s*+")
_BULLET = re.compile(r"(?:[-*\u2022\u2013\u2014\u00b7]|\d{1,2}[.)]|\([a-z0-9]\)|[a-z]\))[ \t]+")
_CLOSING = re.compile(
    r"(?:regards|wishes|thanks|thank you|cheers|sincerely|faithfully|yours\b.{0,20}+|respectfully|best|take care|in haste|warmly|cordially"
    r"|see you\b.{0,20}+)[\s,.!\u2013\u2014-]*+$",
    re.I,
)
_OF_CLOSING = (
    *("regards", "wishes", "thank", "cheers", "sincerely", "faithfully", "yours", "respectfully", "best"),
    *("take care", "in haste", "warmly", "cordially", "see you"),
)
_AFTER_STOP = re.compile(r"[.!?][ \t]+")
_WRAPPED = 56
"""Shortest line, in characters, that may be taken for hard-wrapped when the next goes on in lower case."""


def _sentence_starts(text: str) -> set[int]:
    """Offsets after which a new sentence starts."""
    # blanks at the end may be what was masked below the signature; they are no part of it
    text = text.rstrip()
    found = set()
    for stop in (_PLAIN_STOP if text.isascii() else _STOP).finditer(text):
        end = stop.end()
        following = _next_character(text, end)
        if following and not _goes_on(text, stop, following):
            found.add(end)
    if "\n" in text:
        wrapped = _is_wrapped(text)
        for line in _LINE_END.finditer(text):
            if _breaks(text, line.start(), line.end(), wrapped):
                found.add(line.end())
    return found


def _next_character(text: str, start: int) -> str:
    following = text[start : start + 2]
    if following[:1] == " " and not following[1:].isspace():
        return following[1:]  # the usual case
    return text[start : start + 200].lstrip()[:1]


def _goes_on(text: str, stop: re.Match[str], following: str) -> bool:
    """Whether the sentence goes on after this stop: an abbreviation, an initial, a list number, an ellipsis."""
    mark = stop.group()
    if mark[0] == "\u2026" or mark[:2] == "..":
        return following.islower()
    if mark[0] != ".":
        return False
    near = text[max(0, stop.start() - 8) : stop.start() + 1]
    last = near[:-1].rsplit(None, 1)[-1:]
    if last and len(last[0]) > 1 and last[0].isascii() and last[0].isalpha() and last[0].lower() not in _SHORT:
        return False
    short = _ABBREVIATION.search(near)
    if not short:
        return False
    word = short.group().strip(" \t\n.").lower()
    if word in _NEVER_ENDS or word.isdigit():
        return True
    if len(word) == 1:
        before = text[stop.start() - 2 : stop.start() - 1]
        return (not before or before.isspace()) and word != "i"
    return not following.isupper()


def _breaks(text: str, end: int, start: int, wrapped: bool) -> bool:
    """Whether the line break between `end` and `start` also ends a sentence."""
    if start >= len(text):
        return True
    line_start = text.rfind("\n", 0, end) + 1
    line, rest = text[line_start:end].strip(), text[start : start + 100]
    if _BULLET.match(rest):
        return True
    signing = len(rest) < 90 and rest.count("\n") < 4 and rest.rstrip()[-1:] not in ".!?"
    last = _AFTER_STOP.split(line)[-1]
    if signing and ((last[-1:] == "," and len(last) < 60) or _is_name(last) or _closes(last)):
        return False  # a signature block is one sentence
    if text.count("\n", end, start) > 1 or len(line) < _WRAPPED or line[-1:] in ".!?:":
        return True
    return rest[:1].isupper() and not wrapped


def _closes(line: str) -> bool:
    """Whether the line ends with a closing; the pattern is slow, and tried only where a word of it stands."""
    lower = line.lower()
    return any(word in lower for word in _OF_CLOSING) and _CLOSING.search(line) is not None


def _is_name(line: str) -> bool:
    words = line.strip("\u2013\u2014- ").split()
    return 0 < len(words) <= 3 and all(w[:1].isupper() for w in words) and line[-1:] not in ".!?:;"


def _is_wrapped(text: str) -> bool:
    """Hard-wrapped text has several long lines of about one width."""
    lines = [n for n in map(len, text[:4000].split("\n")) if n >= _WRAPPED]
    return len(lines) >= 3 and max(lines) <= 100


def sentence_spans(masked: str) -> list[tuple[int, int]]:
    """(start, end) of each sentence in code points, without the white space around it; blank ones are left out."""
    found = []
    start = 0
    for cut in [*sorted(_sentence_starts(masked)), len(masked)]:
        piece = masked[start:cut]
        if words := piece.strip():
            first = start + len(piece) - len(piece.lstrip())
            found.append((first, first + len(words)))
        start = cut
    return found


@Language.component("reply_sentences")
def reply_sentences(doc: Doc) -> Doc:
    """spaCy component: set sentence starts for chat and e-mail."""
    if len(doc):
        starts = {start for start, _ in sentence_spans(doc.text)}
        for token in doc:
            token.is_sent_start = token.i == 0 or token.idx in starts
    return doc


def make_nlp() -> Language:
    """spaCy's English tokenizer and our sentence boundaries; no statistical part, nothing downloaded."""
    nlp = spacy.blank("en")
    nlp.max_length = 2_000_000
    nlp.add_pipe("reply_sentences")
    return nlp
