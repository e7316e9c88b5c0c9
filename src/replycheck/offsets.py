"""Offsets into a text, counted as its reader counts: code points, UTF-16 units or bytes.

Stands after the walk of a reply: verdicts count code points, and an edge asks here when its caller counts otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any


class OffsetUnit(StrEnum):
    """What an offset counts."""

    CODEPOINT = "codepoint"
    """Unicode code points: Python, Rust's `char`."""
    UTF16 = "utf16"
    """UTF-16 code units: JavaScript, Java, C#, LanguageTool."""
    BYTE = "byte"
    """Bytes of the text in UTF-8; half a surrogate pair counts three."""


def converted(text: str, offsets: Iterable[int], unit: OffsetUnit) -> dict[int, int]:
    """Each of these code point offsets into `text`, 0 to its length, as an offset in `unit`."""
    wanted = sorted(set(offsets))
    if unit is OffsetUnit.CODEPOINT or text.isascii():
        return {o: o for o in wanted}
    found: dict[int, int] = {}
    at = count = 0
    for offset in wanted:
        piece = text[at:offset]
        if unit is OffsetUnit.UTF16:
            count += len(piece.encode("utf-16-le", "surrogatepass")) // 2
        else:
            count += len(piece.encode("utf-8", "surrogatepass"))
        at = offset
        found[offset] = count
    return found


def located(
    document: dict[str, Any], source: str, unit: OffsetUnit, span: Callable[[int, int], tuple[int, int]] | None = None
) -> dict[str, Any]:
    """A verdict's document (docs/json.md) whose offsets point into `source`, counted in `unit`; changed in place.

    `span` tells where in the source a span of the judged words stands; without it the source is what was judged.
    """
    if span is None and unit is OffsetUnit.CODEPOINT:
        return document
    pieces = [p for name in ("sentences", "reasons", "advice") for p in document[name] if p["start"] is not None]
    if span is not None:
        for piece in pieces:
            piece["start"], piece["end"] = span(piece["start"], piece["end"])
    counted = converted(source, (p[k] for p in pieces for k in ("start", "end")), unit)
    for piece in pieces:
        piece["start"], piece["end"] = counted[piece["start"]], counted[piece["end"]]
    document["offset_unit"] = str(unit)
    return document
