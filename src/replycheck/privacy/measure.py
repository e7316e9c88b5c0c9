"""Deidentifier + written lines → how much personal data is found, and how much else is replaced.

Beside the walk. The lines of `data/privacy/lines.jsonl` are in two halves: rules were made looking at `dev`, never at
`test`. A span counts as found when every word of it is replaced; a word outside all spans counts as replaced when any
of it is.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replycheck.errors import UnreadableInput
from replycheck.privacy import Deidentifier, Span

Record = dict[str, Any]
LINES, RECALL = "lines.jsonl", "recall.json"
KNOWN, OTHER = "known name", "other name"
KINDS = (KNOWN, OTHER, "email", "phone", "number", "username", "url", "ip", "address", "date of birth")
"""Kinds of personal data in the written lines; a name is `known` when the export's metadata or speakers have it."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Line:
    """A written line: its text, the names that an export would know, and where the personal data is."""

    id: str
    half: str
    text: str
    known: tuple[str, ...]
    spans: tuple[tuple[int, int, str], ...]


def read_lines(file: Path) -> list[Line]:
    """The lines; UnreadableInput names the row that breaks the format."""
    found = []
    for row, raw in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        try:
            r = json.loads(raw)
            spans = tuple((s["start"], s["end"], s["kind"]) for s in r["spans"])
            line = Line(r["id"], r["half"], r["text"] + "", tuple(r["known"]), spans)
        except (ValueError, KeyError, TypeError) as problem:
            raise UnreadableInput(f"not a line with its spans: {problem}", file=file, row=row) from None
        if line.half not in ("dev", "test") or any(
            k not in KINDS or not 0 <= a < b <= len(line.text) for a, b, k in spans
        ):
            raise UnreadableInput("an unknown half or kind, or a span outside the text", file=file, row=row)
        found.append(line)
    return found


def missed(line: Line, found: Sequence[Span]) -> tuple[list[tuple[int, int, str]], list[str]]:
    """(spans not wholly replaced, other words replaced)."""
    covered = bytearray(len(line.text))
    inside = bytearray(len(line.text))
    for span in found:
        covered[span.start : span.end] = b"\x01" * (span.end - span.start)
    for start, end, _ in line.spans:
        inside[start:end] = b"\x01" * (end - start)
    left = [
        s for s in line.spans if not all(all(covered[slice(*m.span())]) for m in _WORD.finditer(line.text, s[0], s[1]))
    ]
    over = [
        m.group()
        for m in _WORD.finditer(line.text)
        if not any(inside[slice(*m.span())]) and any(covered[slice(*m.span())])
    ]
    return left, over


def measure(lines: Iterable[Line]) -> Record:
    """Recall by kind and together, and the share of other words that are replaced."""
    spans: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    words = replaced = count = 0
    for line in lines:
        count += 1
        left, over = missed(line, Deidentifier(line.known).find(line.text))
        spans.update(k for _, _, k in line.spans)
        hits.update(k for _, _, k in line.spans)
        hits.subtract(k for _, _, k in left)
        own = sum(1 for a, b, _ in line.spans for _ in _WORD.finditer(line.text, a, b))
        words += len(_WORD.findall(line.text)) - own
        replaced += len(over)
    groups = {
        "patterned": [k for k in KINDS if k not in (KNOWN, OTHER)],
        "patterned and known names": [k for k in KINDS if k != OTHER],
    }
    return {
        "lines": count,
        "recall": {k: _share(hits[k], spans[k]) for k in KINDS if spans[k]}
        | {g: _share(sum(hits[k] for k in kinds), sum(spans[k] for k in kinds)) for g, kinds in groups.items()},
        "other_words": {"words": words, "replaced": replaced, "share": round(replaced / words, 4) if words else None},
    }


def _share(found: int, spans: int) -> Record:
    return {"spans": spans, "found": found, "share": round(found / spans, 3) if spans else None}


def record(folder: Path) -> Record:
    """The record that ships as `recall.json`: both halves, each by itself."""
    lines = read_lines(folder / LINES)
    return {half: measure(li for li in lines if li.half == half) for half in ("dev", "test")}
