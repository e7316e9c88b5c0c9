"""HTML → its words, each character with the place in the source that it comes from; stands before `drafts`.

Parsers that build trees forget places, and the standard library's, which tells them, takes minutes for 100,000
characters of tags that are never closed. What is needed here is little: one pass over the tags, in linear time.
"""

from __future__ import annotations

import html
import re
from array import array
from dataclasses import dataclass, field
from enum import Enum

NEW, INTRODUCTION, SIGNATURE = 0, 254, 255
"""Marks of characters beside the quoted ones, whose mark is how deeply they are quoted, 1 to 253."""

_BLOCKS = frozenset(
    "address article aside blockquote body center dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr "
    "li main nav ol p pre section table tbody td tfoot th thead tr ul".split()
)
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_UNSEEN = frozenset("script style head title template object noscript select svg math".split())
_INTRODUCTION_CLASS = re.compile(r"\b(?:gmail_attr|moz-cite-prefix)\b")
_QUOTE_CLASS = re.compile(r"\b(?:protonmail_quote|yahoo_quoted|OutlookMessageHeader)\b")
_SIGNATURE_CLASS = re.compile(r"\b(?:gmail_signature|moz-signature|protonmail_signature_block|x?_?signature)\b", re.I)
_TAIL_ID = re.compile(r"(?:appendonsend|divRplyFwdMsg|mail-editor-reference-message-container|replySplit)$", re.I)
"""Elements that Outlook puts where the new words end."""
_TOKEN = re.compile(
    r"<!--(?:.*?-->|.*)|<[!?][^<>]{0,2000}>"
    r"|<(?P<close>/?)(?P<tag>[A-Za-z][\w:-]{0,30})(?P<attributes>(?>[^<>\"']+|\"[^\"]{0,2000}\"|'[^']{0,2000}'){0,100}+)>",
    re.S,
)
_ATTRIBUTE = re.compile(r"([\w:-]+)(?:\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+)))?")
_ENTITY = re.compile(r"&(?:#[xX]?[0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);?")
_NOT_SHOWN = re.compile(r"display\s{0,9}:\s{0,9}none", re.I)
_SPACE = re.compile(r"[ \t\n\r\f]+")
_LINE_END = re.compile(r"\r?\n")
_RAW = frozenset(["script", "style", "title"])
_DEEPEST = INTRODUCTION - 1


@dataclass(slots=True)
class Marked:
    """A text whose characters each come from `source[starts[i]:ends[i]]`, and are new, signed or quoted (`marks[i]`)."""

    source: str
    pieces: list[str] = field(default_factory=list)
    starts: array[int] = field(default_factory=lambda: array("l"))
    ends: array[int] = field(default_factory=lambda: array("l"))
    marks: bytearray = field(default_factory=bytearray)

    @property
    def text(self) -> str:
        """The words."""
        return "".join(self.pieces)

    def add(self, piece: str, start: int, mark: int) -> None:
        """Characters as they stand in the source from `start` on."""
        self.pieces.append(piece)
        self.starts.extend(range(start, start + len(piece)))
        self.ends.extend(range(start + 1, start + len(piece) + 1))
        self.marks.extend(bytes([mark]) * len(piece))

    def add_for(self, piece: str, start: int, end: int, mark: int) -> None:
        """Characters that all stand for `source[start:end]`."""
        self.pieces.append(piece)
        self.starts.extend([start] * len(piece))
        self.ends.extend([end] * len(piece))
        self.marks.extend(bytes([mark]) * len(piece))


def read_html(source: str) -> Marked:
    """The words that a reader of this HTML sees, one block a line."""
    return _Reader(source).read()


class _What(Enum):
    """What an element does to the words inside it."""

    QUOTED, INTRODUCES, SIGNED, UNSEEN, KEPT = range(5)


@dataclass(slots=True)
class _Open:
    what: _What
    tag: str
    inside: int = 1
    """Elements of that tag that are open, from this one on."""


class _Reader:
    """Collects words; keeps count of the open elements that matter to them, and of no other."""

    def __init__(self, source: str) -> None:
        self.found = Marked(source)
        self._open: list[_Open] = []
        self._count = dict.fromkeys(_What, 0)
        self._tail = 0
        """1 below the mark that Outlook sets where the new words end."""
        self._breaks = 2
        """Line ends since the last word."""
        self._blank = True
        """Whether a blank would follow another."""

    def read(self) -> Marked:
        """Go through the source once."""
        source, at = self.found.source, 0
        while token := _TOKEN.search(source, at):
            self._data(at, token.start())
            at = token.end()
            if not (tag := (token["tag"] or "").lower()):
                continue
            if token["close"]:
                self._end(tag, token.start())
            else:
                self._start(tag, token["attributes"], token.start())
                if tag in _RAW:
                    stop = re.compile(f"</{tag}", re.I).search(source, at)
                    at = stop.start() if stop else len(source)
        self._data(at, len(source))
        return self.found

    @property
    def _mark(self) -> int:
        if quoted := self._count[_What.QUOTED] + self._tail:
            return min(quoted, _DEEPEST)
        if self._count[_What.INTRODUCES]:
            return INTRODUCTION
        return SIGNATURE if self._count[_What.SIGNED] else NEW

    def _start(self, tag: str, attributes: str, at: int) -> None:
        if tag in _BLOCKS:
            self._break(2, at)
        elif tag == "br":
            self._break(1, at, own=True)
        given = {m[1].lower(): m[2] or m[3] or m[4] or "" for m in _ATTRIBUTE.finditer(attributes)}
        if _TAIL_ID.search(given.get("id", "")) or given.get("name") == "_MailOriginal":
            self._tail = 1
        if tag in _VOID:
            return
        if what := _does(tag, given):
            self._open.append(_Open(what, tag))
            self._count[what] += 1
        elif (i := self._innermost(tag)) is not None:
            self._open[i].inside += 1

    def _end(self, tag: str, at: int) -> None:
        """Close the element, and those inside it that were left open."""
        if tag in _BLOCKS:
            self._break(2, at)
        if (i := self._innermost(tag)) is None:
            return
        self._open[i].inside -= 1
        if not self._open[i].inside:
            for closed in self._open[i:]:
                self._count[closed.what] -= 1
            del self._open[i:]

    def _innermost(self, tag: str) -> int | None:
        """Place of the innermost noted element of this tag, looked for a few steps deep."""
        for i in range(len(self._open) - 1, max(-1, len(self._open) - 9), -1):
            if self._open[i].tag == tag:
                return i
        return None

    def _data(self, start: int, end: int) -> None:
        """Words, entities, and the blanks between them."""
        if self._count[_What.UNSEEN] or start == end:
            return
        source, at = self.found.source, start
        for entity in _ENTITY.finditer(source, start, end):
            self._blanks(at, entity.start())
            at = entity.end()
            said = html.unescape(entity.group()).replace("\xa0", " ")
            if said == entity.group():
                self._words(entity.start(), at)
            elif said:
                self.found.add_for(said, entity.start(), at, self._mark)
                self._breaks, self._blank = 0, False
        self._blanks(at, end)

    def _blanks(self, start: int, end: int) -> None:
        """Words between entities: each run of white space is one blank, or stays as it is in what is kept."""
        source, at = self.found.source, start
        kept = self._count[_What.KEPT]
        for space in (_LINE_END if kept else _SPACE).finditer(source, start, end):
            self._words(at, space.start())
            at = space.end()
            if kept:
                self._break(1, space.start(), own=True)
            elif not self._blank:
                self.found.add_for(" ", space.start(), at, self._mark)
                self._blank = True
        self._words(at, end)

    def _words(self, start: int, end: int) -> None:
        if start < end:
            self.found.add(self.found.source[start:end].replace("\xa0", " "), start, self._mark)
            self._breaks, self._blank = 0, False

    def _break(self, most: int, at: int, *, own: bool = False) -> None:
        """End the line: blocks see to it that `most` line ends stand there, a line break adds one of its `own`."""
        missing = min(1, 2 - self._breaks) if own else most - self._breaks
        if missing > 0 and not self._count[_What.UNSEEN]:
            self.found.add_for("\n" * missing, at, at, self._mark)
            self._breaks += missing
        self._blank = True


def _does(tag: str, given: dict[str, str]) -> _What | None:
    names = f"{given.get('class', '')} {given.get('id', '')}"
    if tag in _UNSEEN or "hidden" in given or _NOT_SHOWN.search(given.get("style", "")):
        return _What.UNSEEN
    if _INTRODUCTION_CLASS.search(names):
        return _What.INTRODUCES
    if tag == "blockquote" or _QUOTE_CLASS.search(names):
        return _What.QUOTED
    if _SIGNATURE_CLASS.search(names):
        return _What.SIGNED
    return _What.KEPT if tag in ("pre", "textarea") else None


def read_annotation(pieces: list[dict[str, str]]) -> Marked:
    """The text of LanguageTool's annotated form: markup is left out, or stands for what it is interpreted as.

    The source is text and markup together, which is what offsets of that form count.
    """
    source = "".join(piece.get("text", "") + piece.get("markup", "") for piece in pieces)
    marked, at = Marked(source), 0
    for piece in pieces:
        marked.add(piece.get("text", ""), at, NEW)
        at += len(piece.get("text", ""))
        end = at + len(piece.get("markup", ""))
        marked.add_for(piece.get("interpretAs", ""), at, end, NEW)
        at = end
    return marked
