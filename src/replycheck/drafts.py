"""An e-mail as a mail program sends it, HTML, or text → the new words, the quoted words, the signature.

First step of the walk where what comes in is more than a reply: an edge judges the `words` of a `Draft` and asks it
where in the source each sentence stands. Lines that introduce a quotation are told by mail-parser-reply's patterns for
fourteen languages, and by shape; nothing is ever looked for across more than a few short lines, so time stays linear.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any

from replycheck.errors import TooLong, UnreadableInput
from replycheck.markup import INTRODUCTION, NEW, SIGNATURE, Marked, read_html

_LONGEST = 300
"""Characters of the longest introduction, such as `On … wrote:`, its line ends counted."""
_HEADER_LINES = 8
"""Most lines of a quoted message's own header that are looked at."""
_ENDS_WITH_COLON = re.compile(r"[:：]\s*$")
_DATE = re.compile(r"\d{1,2}\s?[:.h]\s?\d{2}")
_HEADER_LINE = re.compile(r"[*\s]{0,4}[^\W\d_][\w .\-]{0,20}[^\S\n]?\*?[:：]")
_SEPARATOR = re.compile(r"\s*(?:[-—]{3,}\s?[^\W\d_][^\n-]{3,40}\s?[-—]{3,}|[_-]{10,})\s*$")
_FORWARDED = re.compile(
    r"forward|transf|weitergeleit|reenviad|encaminhad|doorgestuurd|inoltrat|videresend|vidarebef", re.I
)
_QUOTE_MARK = re.compile(r"[ \t]{0,3}>[ \t]?")


@dataclass(frozen=True, slots=True)
class Draft:
    """What was sent, taken apart. All offsets are code points into `source`, `end` exclusive."""

    source: str
    """The body as sent: of an e-mail, its first text part, transfer encoding and character set undone."""
    media_type: str
    """`text/plain` or `text/html`: what the source is."""
    part: str | None
    """Number of that part in the e-mail, counted as IMAP does; none for what came without an envelope."""
    words: str
    """The new words in order, markup removed; what is judged."""
    quoted_message: str | None
    """The words of the message that is quoted, without what that quotes in turn."""
    new: tuple[tuple[int, int], ...]
    quoted: tuple[tuple[int, int], ...]
    signature: tuple[tuple[int, int], ...]
    _starts: Sequence[int] = field(repr=False, compare=False, default=())
    _ends: Sequence[int] = field(repr=False, compare=False, default=())

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where in the source `words[start:end]` stands, from its first character to its last."""
        return self._starts[start], self._ends[end - 1]


def draft_from_text(text: str) -> Draft:
    """A draft from plain text, as a mail program's compose window holds it. UnreadableInput without new words."""
    return _draft(_plain(text, flowed=False), "text/plain", None)


def draft_from_html(source: str) -> Draft:
    """A draft from HTML. UnreadableInput without new words."""
    return _draft(read_html(source), "text/html", None)


def draft_from_email(raw: bytes, max_chars: int | None = None) -> Draft:
    """A draft from a raw e-mail (RFC 5322): its first text part that is not an attachment, plain before HTML.

    UnreadableInput if it is no e-mail, has no such part, or no new words in it; TooLong if that part has more
    than `max_chars` characters.
    """
    from email import message_from_bytes
    from email.message import Message

    try:
        # the oldest policy: it parses no header that isn't asked for, so none can fail
        message: Message = message_from_bytes(raw)
        if not message.keys():
            raise UnreadableInput("no header lines: not a raw e-mail")
        found: dict[str, tuple[str, Any, str]] = {}
        for number, part in _text_parts(message, ()):
            text = _decoded(part)
            if max_chars is not None and len(text) > max_chars:
                raise TooLong("the e-mail's text", len(text), max_chars)
            if text.strip():
                found.setdefault(part.get_content_type(), (number, part, text))
    except RecursionError:
        raise UnreadableInput("its parts are nested too deeply") from None
    if plain := found.get("text/plain"):
        number, part, text = plain
        flowed = str(part.get_param("format", "")).lower() == "flowed"
        return _draft(_plain(text, flowed=flowed), "text/plain", number)
    if markup := found.get("text/html"):
        return _draft(read_html(markup[2]), "text/html", markup[0])
    raise UnreadableInput("the e-mail has no text part: no text/plain and no text/html that is not an attachment")


def _text_parts(message: Any, steps: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    """(number, part) of each text part of the message itself: not of one attached to it."""
    if message.is_multipart() and message.get_content_maintype() == "multipart":
        for i, part in enumerate(message.get_payload(), 1):
            yield from _text_parts(part, (*steps, i))
    elif message.get_content_type() in ("text/plain", "text/html") and not _attached(message):
        yield ".".join(map(str, steps)) or "1", message


def _attached(part: Any) -> bool:
    return str(part.get("Content-Disposition", "")).strip().lower().startswith("attachment")


def _decoded(part: Any) -> str:
    """The text of a part; what its character set can't read becomes U+FFFD."""
    content = part.get_payload(decode=True) or b""
    named = str(part.get_content_charset() or "utf-8")
    for charset in (named, "utf-8"):
        try:
            text: str = content.decode(charset)
            return text
        except (LookupError, ValueError):
            continue
    try:
        text = content.decode(named, "replace")
    except (LookupError, ValueError):
        text = content.decode("utf-8", "replace")
    return text


def _plain(text: str, *, flowed: bool) -> Marked:
    """The text with line ends of one kind; in flowed text (RFC 3676) lines that go on are joined."""
    marked = Marked(text)
    at = 0
    lines = re.split(r"(\r\n|\r|\n)", text)
    for i in range(0, len(lines), 2):
        line, stop = lines[i], lines[i + 1] if i + 1 < len(lines) else ""
        marked.add(line, at, NEW)
        at += len(line)
        goes_on = flowed and line.endswith(" ") and line != "-- " and not _QUOTE_MARK.match(line)
        if stop and not goes_on:
            marked.add_for("\n", at, at + len(stop), NEW)
        at += len(stop)
    return marked


# --- lines -------------------------------------------------------------------------------------------------------


class _Is(Enum):
    NEW, QUOTED, INTRODUCTION, SIGNED, BLANK = range(1, 6)


_KEPT = (_Is.NEW, _Is.BLANK)


@dataclass(slots=True)
class _Line:
    start: int
    end: int
    """Offsets into the marked text, quotation marks left out."""
    text: str
    level: int
    """How deeply it is quoted."""
    is_: _Is | None
    """What the markup says that it is."""
    begin: int
    """Offset of the line itself, quotation marks counted."""


def _draft(marked: Marked, media_type: str, part: str | None) -> Draft:
    text = marked.text
    lines = list(_lines(text, marked.marks))
    what = _classified(lines)
    words: list[str] = []
    starts, ends = array("l"), array("l")
    regions: dict[_Is, list[tuple[int, int]]] = {w: [] for w in _Is}
    before = _Is.NEW
    for line, is_ in zip(lines, what, strict=True):
        kind = _Is.QUOTED if is_ is _Is.INTRODUCTION else is_
        if line.text.strip():
            # blank lines belong to no region, and part none
            margin = len(line.text) - len(line.text.lstrip())
            first = line.begin if kind is _Is.QUOTED else line.start + margin
            last = line.start + len(line.text.rstrip())
            here = (marked.starts[first], marked.ends[last - 1])
            if regions[kind] and before is kind:
                here = (regions[kind].pop()[0], here[1])
            regions[kind].append(here)
            if kind is _Is.NEW and before is not _Is.NEW and words:
                words.append("\n\n")
                starts.extend([starts[-1]] * 2)
                ends.extend([ends[-1]] * 2)
            before = kind
        if is_ in _KEPT:
            stop = min(line.end + 1, len(text))
            words.append(text[line.start : stop])
            starts.extend(marked.starts[line.start : stop])
            ends.extend(marked.ends[line.start : stop])
    if not regions[_Is.NEW]:
        raise UnreadableInput("it has no new words: all of it is quoted, signed or blank")
    return Draft(
        source=marked.source,
        media_type=media_type,
        part=part,
        words="".join(words),
        quoted_message=_quoted_message(lines, what),
        new=tuple(regions[_Is.NEW]),
        quoted=tuple(regions[_Is.QUOTED]),
        signature=tuple(regions[_Is.SIGNED]),
        _starts=starts,
        _ends=ends,
    )


def _lines(text: str, marks: bytearray) -> Iterator[_Line]:
    at = 0
    for raw in text.split("\n"):
        start, level = at, 0
        mark = marks[at + len(raw) - len(raw.lstrip())] if raw.strip() else NEW
        is_ = {INTRODUCTION: _Is.INTRODUCTION, SIGNATURE: _Is.SIGNED}.get(mark)
        if is_ is None:
            level = mark
        while match := _QUOTE_MARK.match(text, start, at + len(raw)):
            start, level = match.end(), level + 1
        yield _Line(start, at + len(raw), text[start : at + len(raw)], level, is_, at)
        at += len(raw) + 1


def _classified(lines: Sequence[_Line], *, inner: bool = False) -> list[_Is]:
    """What each line is. Lines below an introduction that marks nothing as quoted are one level deeper afterwards.

    `inner` lines are those of a quoted message: an introduction above all else is its own.
    """
    found: list[_Is] = []
    tail = signed = False
    while len(found) < len(lines):
        i = len(found)
        line = lines[i]
        if tail:
            line.level += 1
        if line.level:
            found.append(_Is.QUOTED)
            signed = False
        elif line.is_:
            found.append(line.is_)
        elif taken := _introduction(lines, i):
            found += [_Is.INTRODUCTION] * taken
            signed = False
            following = next((one for one in lines[i + taken :] if one.text.strip()), None)
            tail = (following is None or not following.level) and not (inner and _Is.NEW not in found)
        else:
            signed = signed or line.text.rstrip() == "--"
            found.append(_Is.SIGNED if signed or _sent_from(line.text) else _Is.NEW if line.text.strip() else _Is.BLANK)
    return found


def _introduction(lines: Sequence[_Line], i: int) -> int:
    """How many lines from `i` on introduce a quoted message: `On … wrote:`, a separator, the message's own header."""
    if not (first := lines[i].text.strip()) or len(first) > _LONGEST:
        return 0
    if _SEPARATOR.match(first):
        headed = _header(lines, i + 1)
        return headed + 1 if headed else int(any(c.isalpha() for c in first))
    if headed := _header(lines, i):
        return headed
    if _ENDS_WITH_COLON.search(first) and _FORWARDED.search(first) and (headed := _header(lines, i + 1)):
        return headed + 1
    said = ""
    for taken, line in enumerate(lines[i : i + 3], 1):
        said = f"{said} {line.text.strip()}".strip()
        if line.level or not line.text.strip() or len(said) > _LONGEST:
            return 0
        if _ENDS_WITH_COLON.search(said):
            return taken if _introduces(said, lines[i + taken : i + taken + 2]) else 0
    return 0


def _introduces(said: str, following: Sequence[_Line]) -> bool:
    """Whether these words, with their colon at the end, tell who wrote what comes, and when."""
    if not any(c.isdigit() for c in said):
        return False
    if (match := _patterns()[0].match(said)) and match.end() == len(said):
        return True
    # a language that the patterns don't know: the time, and an address or marked lines below
    return bool(_DATE.search(said)) and ("@" in said or any(line.level for line in following))


def _header(lines: Sequence[_Line], i: int) -> int:
    """How many lines from `i` on are the header of a quoted message, blank ones around them counted."""
    taken = 0
    shown: list[str] = []
    for line in lines[i : i + _HEADER_LINES]:
        if line.level or len(line.text) > _LONGEST:
            break
        if line.text.strip():
            if not _HEADER_LINE.match(line.text):
                break
            shown.append(line.text.strip())
        elif len(shown) > 1:
            break
        taken += 1
    if len(shown) < 2:
        return 0
    match = _patterns()[0].match("\n".join(shown))
    return taken if match and match.end() > len(shown[0]) else 0


def _sent_from(line: str) -> bool:
    return len(line) < 120 and bool(_patterns()[1].match(line.strip()))


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """(lines that introduce a quotation, `Sent from my …`), for every language that mail-parser-reply knows."""
    from mailparser_reply.constants import MAIL_LANGUAGES
    from mailparser_reply.parser import EmailMessage

    sent = "|".join(known for language in MAIL_LANGUAGES.values() if (known := language.get("sent_from")))
    return EmailMessage("", list(MAIL_LANGUAGES)).HEADER_REGEX, re.compile(sent)


def _quoted_message(lines: Sequence[_Line], what: Sequence[_Is]) -> str | None:
    """The new words of what is quoted, read as this draft was, one level less deep."""
    inner = [
        _Line(one.start, one.end, one.text, one.level - 1, one.is_, one.begin)
        for one, is_ in zip(lines, what, strict=True)
        if is_ is _Is.QUOTED
    ]
    kept = [one.text for one, is_ in zip(inner, _classified(inner, inner=True), strict=True) if is_ in _KEPT]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip() or None
