"""Records of a JSON export as a stream: a list, a list under a key such as `chats`, a line each, or a single one.

Used by the readers of helpdesks' exports; one document of any size is read with `ijson`, a record at a time.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from replycheck.conversation import Unread
from replycheck.transcripts.sources import File

WRAPPERS = ("chats", "tickets", "conversations", "results", "transcripts", "data", "docs")
"""Keys under which exports keep their list of records."""
MAX_LINE = 2**26
"""Longest line of JSON lines, in characters."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its number from 1, the line where that is known, and what it holds."""

    number: int
    line: int | None
    value: dict[str, Any]


def outline(file: File) -> frozenset[str]:
    """Paths of keys in the beginning of a file ("history.item.msg"), without what only wraps the records."""
    import ijson

    if not file.head.lstrip("\ufeff \n\t").startswith(("{", "[")):
        return frozenset()
    found: set[str] = set()
    try:
        for prefix, event, _ in ijson.parse(io.BytesIO(_bytes(file)), multiple_values=True):
            if event not in ("end_map", "end_array", "map_key") and len(found) < 5_000 and len(prefix) < 300:
                found.add(prefix)
    except (ijson.JSONError, ValueError, OverflowError):
        pass  # cut off where the beginning ends
    wrap = _wrapper(found)
    return frozenset(p.removeprefix(wrap).removeprefix(".") for p in found)


def _bytes(file: File) -> bytes:
    return file.head.lstrip("\ufeff").encode("utf-8", errors="replace")


def _wrapper(paths: set[str]) -> str:
    if "item" in paths:
        return "item"
    return next((f"{w}.item" for w in WRAPPERS if f"{w}.item" in paths), "")


def records_of(file: File) -> Iterator[Record | Unread]:
    """The records of a file; what is no record as `Unread`."""
    head = file.head.lstrip("\ufeff \n\t")
    if head.startswith("{") and _is_lines(head):
        yield from _line_by_line(file)
    else:
        yield from _document(file)


def _is_lines(head: str) -> bool:
    first, _, rest = head.partition("\n")
    if not rest.lstrip().startswith("{"):
        return False
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _line_by_line(file: File) -> Iterator[Record | Unread]:
    with file.text() as text:
        number = 0
        line_number = 0
        while line := text.readline(MAX_LINE):
            line_number += 1
            if not (line := line.strip("\ufeff \t\n")):
                continue
            number += 1
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                yield Unread(file.name, line_number, "not JSON")
                continue
            yield _record(file.name, number, line_number, value)


def _document(file: File) -> Iterator[Record | Unread]:
    import ijson

    number = 0
    with file.bytes() as raw:
        head = file.head.lstrip("\ufeff \n\t")
        prefix = "item" if head.startswith("[") else _wrapper_of(file)
        if file.head.startswith("\ufeff"):
            raw.read(len("\ufeff".encode()))
        try:
            for value in ijson.items(raw, prefix, use_float=True, multiple_values=True):
                number += 1
                yield _record(file.name, number, None, value)
        except (ijson.JSONError, OverflowError, RecursionError) as problem:
            cut = "ends" if "premature" in str(problem) or "Incomplete" in type(problem).__name__ else "is no JSON"
            yield Unread(file.name, None, f"{cut} behind record {number}: cut off, or damaged there")


def _wrapper_of(file: File) -> str:
    import ijson

    found: set[str] = set()
    try:
        for prefix, _, _ in ijson.parse(io.BytesIO(_bytes(file)), multiple_values=True):
            found.add(prefix)
            if len(found) > 5_000:
                break
    except (ijson.JSONError, ValueError, OverflowError):
        pass
    return _wrapper(found - {"item"})


def _record(name: str, number: int, line: int | None, value: Any) -> Record | Unread:
    if not isinstance(value, dict):
        return Unread(name, line, f"record {number}: expected an object with keys")
    return Record(number, line, value)


def mapping(value: Any) -> dict[str, Any]:
    """A JSON object, or an empty one where something else stands."""
    return value if isinstance(value, dict) else {}


def listing(value: Any) -> list[dict[str, Any]]:
    """The objects of a JSON list, or none where something else stands."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def words(value: Any) -> str:
    """A JSON text or number as text; nothing for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else ""
