"""Records of a JSON export as a stream: a list, a list under a key such as `chats`, a line each, or a single one.

Used by the readers of helpdesks' exports; one document of any size is read with `ijson`, a record at a time.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

from replycheck.conversation import Unread
from replycheck.transcripts.sources import File

WRAPPERS = ("chats", "tickets", "conversations", "results", "transcripts", "data", "docs")
"""Keys under which exports keep their list of records."""
OUTLINED, DEEPEST = 12, 200
"""Levels of keys that a format is detected from, and that a record may have."""
MAX_LINE = 2**26
"""Longest line of JSON lines, in characters."""


Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its number from 1, the line where that is known, and what it holds."""

    number: int
    line: int | None
    value: dict[str, Any]


def outline(file: File) -> frozenset[str]:
    """Paths of keys in the beginning of a file ("history.item.msg"), without what only wraps the records."""
    paths = _paths(file)
    wrap = _wrapper(paths)
    return frozenset(p.removeprefix(wrap).removeprefix(".") for p in paths)


def _paths(file: File) -> set[str]:
    """Paths of every value in the beginning of a file, down to a depth that exports have."""
    import ijson

    found: set[str] = set()
    if not file.head.lstrip("\ufeff \n\t").startswith(("{", "[")):
        return found
    stack: list[str] = []
    raw = io.BytesIO(file.head.lstrip("\ufeff \n\t").encode("utf-8", errors="replace"))
    try:
        for event, value in ijson.basic_parse(raw, multiple_values=True):
            if event == "map_key":
                stack[-1] = str(value)[:100]
            elif event in ("end_map", "end_array"):
                stack.pop()
            else:
                found.add(".".join(stack))
                if event in ("start_map", "start_array"):
                    stack.append("item")
            if len(stack) > OUTLINED or len(found) > 5_000:
                break
    except (ijson.JSONError, ValueError, OverflowError):
        pass  # cut off where the beginning ends
    return found


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


def read_each(file: File, conversation: Callable[[Record], Read]) -> Iterator[Read | Unread]:
    """What `conversation` makes of each record; what is no record as `Unread`."""
    for record in records_of(file):
        yield record if isinstance(record, Unread) else conversation(record)


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
    wrap = _wrapper(_paths(file))
    with file.bytes() as raw:
        if file.head.startswith("\ufeff"):
            raw.read(len("\ufeff".encode()))
        try:
            for value in _values(raw, wrap.split(".") if wrap else []):
                number += 1
                yield _record(file.name, number, None, value)
        except (ijson.JSONError, ValueError, OverflowError) as problem:
            cut = "ends" if "ncomplete" in type(problem).__name__ else "is no JSON"
            yield Unread(file.name, None, f"{cut} behind record {number}: cut off, or damaged there")


def _values(raw: BinaryIO, wrap: list[str]) -> Iterator[Any]:
    """The values that stand under the keys of `wrap`, each when it is complete; ValueError if one is nested too deeply."""
    import ijson
    from ijson.common import ObjectBuilder

    stack: list[str] = []
    builder: Any = None
    for event, value in ijson.basic_parse(raw, use_float=True, multiple_values=True):
        if event in ("end_map", "end_array"):
            stack.pop()
        if builder is None and event not in ("map_key", "end_map", "end_array") and stack == wrap:
            builder = ObjectBuilder()
        if builder is not None:
            builder.event(event, value)
        if event == "map_key":
            stack[-1] = value
        elif event in ("start_map", "start_array"):
            stack.append("item")
            if len(stack) > DEEPEST:
                raise ValueError("nested too deeply")
        elif builder is not None and stack == wrap:
            yield builder.value
            builder = None


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
