"""Personal data → placeholders, before anything that a person wrote is written out.

Beside the walk: an audit, and whoever else keeps texts, calls `Deidentifier.clean` on each text that is written, and on no
other. What has a shape is found by `patterns`, people by `names`; both are rules and lists, nothing learned or downloaded.
How much they find is measured by `measure` on `data/privacy/lines.jsonl`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from replycheck.privacy import names as _names
from replycheck.privacy import patterns as _patterns
from replycheck.privacy.patterns import Kind, Span

if TYPE_CHECKING:
    from replycheck.conversation import Conversation

__all__ = ["Deidentifier", "Kind", "Span", "for_conversation"]

_HANDLE = re.compile(r"(?=.*[\d._-])[\w.-]{4,60}")
"""A speaker's name that is no person's as such, and is replaced as it stands: `m.okafor`, `guest_ana`."""


class Deidentifier:
    """Replaces personal data; `names` are those of people that may stand in the texts, as an export has them."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = frozenset(names)
        self._known = _names.parts(self.names)
        handles = sorted((n for n in self.names if _HANDLE.fullmatch(n)), key=len, reverse=True)
        self._handles = (
            re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, handles)) + r")(?!\w)", re.IGNORECASE)
            if handles
            else None
        )

    def find(self, text: str) -> list[Span]:
        """What one reading of the text would replace, in order; neighbouring words of one name are one span."""
        handles = [m.span() for m in self._handles.finditer(text)] if self._handles else []
        claimed = _patterns.find(text, [Span(start, end, Kind.NAME) for start, end in handles])
        taken = [(s.start, s.end, text[s.start : s.end] == Kind.NAME.placeholder) for s in claimed]
        spans = [s for s in claimed if s.kind and not _patterns.PLACEHOLDER.fullmatch(text, s.start, s.end)]
        for start, end in _names.find(text, taken, self._known):
            spans.append(Span(start, end, Kind.NAME))
        return _joined(text, sorted(spans, key=lambda s: s.start))

    def clean(self, text: str) -> str:
        """The text with a placeholder for each piece of personal data; cleaning it again changes nothing."""
        while spans := self.find(text):
            out, at = [], 0
            for span in spans:
                kind = span.kind or Kind.NAME
                out += [text[at : span.start], kind.placeholder]
                at = span.end
            text = "".join([*out, text[at:]])
        return text

    def clean_many(self, texts: Iterable[str]) -> list[str]:
        """`clean` for each."""
        return [self.clean(t) for t in texts]


def _joined(text: str, spans: list[Span]) -> list[Span]:
    found: list[Span] = []
    for span in spans:
        if found and found[-1].kind is span.kind is Kind.NAME and text[found[-1].end : span.start] in ("", " "):
            found[-1] = Span(found[-1].start, span.end, Kind.NAME)
        else:
            found.append(span)
    return found


def for_conversation(conversation: Conversation) -> Deidentifier:
    """A Deidentifier that knows the names of the export, of who speaks, and those that people give or are greeted by."""
    known = set(conversation.names)
    for message in conversation.messages:
        if message.speaker and message.speaker != conversation.department:
            known.add(message.speaker)
        known |= _names.introduced(message.text)
    return Deidentifier(known)
