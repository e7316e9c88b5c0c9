"""The mapping file: a small TOML that describes an export nobody foresaw, or names the staff of one that is known.

Read once at the beginning of an audit; described for people in docs/transcripts.md.
"""

from __future__ import annotations

import codecs
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from replycheck.errors import UnreadableInput, UsageError

COLUMNS = frozenset(
    "conversation speaker role text time date transcript reply patron_message department tags rating wait channel answerer patron".split()
)
_KEYS = frozenset(["staff", "staff_pattern", "patrons", "encoding", "date_format", "channel", "columns", "line"])
_LINE_KEYS = frozenset(["pattern", "new_conversation"])
PATIENCE = 0.5
"""Seconds that a pattern may take on one line before it is refused."""


@dataclass(frozen=True)
class Mapping:
    """A mapping file's content, checked; an empty one says nothing."""

    staff: frozenset[str] = frozenset()
    staff_pattern: Pattern | None = None
    patrons: frozenset[str] = frozenset()
    encoding: str | None = None
    date_format: str | None = None
    channel: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    line: Pattern | None = None
    new_conversation: Pattern | None = None

    def is_staff(self, name: str) -> bool:
        """Whether a speaker's name or address is on the list of staff."""
        name = name.casefold()
        return name in self.staff or (self.staff_pattern is not None and self.staff_pattern.match(name) is not None)

    def is_patron(self, name: str) -> bool:
        """Whether a speaker's name is on the list of patrons."""
        return name.casefold() in self.patrons


class Pattern:
    """A person's regular expression, stopped when it would blow up on a line."""

    def __init__(self, pattern: str, where: str) -> None:
        import regex

        self._where = where
        try:
            self._compiled = regex.compile(pattern, regex.IGNORECASE)
        except (regex.error, ValueError, RecursionError, OverflowError) as problem:
            raise UsageError(f"{where}: not a regular expression: {problem}") from None

    @property
    def groups(self) -> frozenset[str]:
        """Names of the named groups."""
        return frozenset(self._compiled.groupindex)

    def match(self, line: str) -> dict[str, str] | None:
        """The named groups, if the line begins with the pattern; UsageError if that takes longer than `PATIENCE`."""
        try:
            found = self._compiled.match(line, timeout=PATIENCE)
        except TimeoutError:
            raise UsageError(
                f"{self._where}: takes more than {PATIENCE} s on one line; avoid a repetition inside a repetition, as in (a+)+"
            ) from None
        return None if found is None else {k: v or "" for k, v in found.groupdict().items()}


NOTHING = Mapping()


def load(path: Path | None, staff: Sequence[str] = ()) -> Mapping:
    """The mapping in a file, with more names of staff; UsageError says which key is wrong, and where."""
    if path is None:
        return Mapping(staff=frozenset(s.casefold() for s in staff))
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as problem:
        raise UnreadableInput(problem.strerror or "can't be read", file=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise UsageError(f"{path}: not TOML: {problem}") from None
    _only(raw, _KEYS, str(path))
    columns = _table(raw, "columns", path)
    _only(columns, COLUMNS, f"{path}, [columns]")
    for key, value in columns.items():
        if not isinstance(value, str):
            raise UsageError(f"{path}, [columns], {key}: expected the name of a column")
    if columns and not {"text", "transcript", "reply"} & set(columns):
        raise UsageError(
            f"{path}, [columns]: says where nothing that was written stands; give text, transcript or reply"
        )
    if "text" in columns and not {"conversation"} <= set(columns):
        raise UsageError(f"{path}, [columns]: a row a message needs conversation too")
    line = _table(raw, "line", path)
    _only(line, _LINE_KEYS, f"{path}, [line]")
    pattern = _pattern(line.get("pattern"), f"{path}, [line], pattern")
    if pattern and not {"speaker", "text"} <= pattern.groups:
        raise UsageError(f"{path}, [line], pattern: needs the groups (?P<speaker>…) and (?P<text>…)")
    return Mapping(
        staff=frozenset(s.casefold() for s in (*staff, *_names(raw, "staff", path))),
        staff_pattern=_pattern(raw.get("staff_pattern"), f"{path}, staff_pattern"),
        patrons=frozenset(s.casefold() for s in _names(raw, "patrons", path)),
        encoding=_encoding(raw, path),
        date_format=_text(raw, "date_format", path),
        channel=_text(raw, "channel", path),
        columns=columns,
        line=pattern,
        new_conversation=_pattern(line.get("new_conversation"), f"{path}, [line], new_conversation"),
    )


def _only(table: dict[str, Any], known: frozenset[str], where: str) -> None:
    if unknown := sorted(set(table) - known):
        raise UsageError(f"{where}: {unknown[0]!r} is unknown; known are {', '.join(sorted(known))}")


def _table(raw: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    value = raw.get(key, {})
    if not isinstance(value, dict):
        raise UsageError(f"{path}: {key!r} is a table, written [{key}]")
    return value


def _names(raw: dict[str, Any], key: str, path: Path) -> list[str]:
    value = raw.get(key, [])
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise UsageError(f'{path}: {key!r} is a list of names, as in ["Ask Desk", "Jordan"]')
    return value


def _text(raw: dict[str, Any], key: str, path: Path) -> str | None:
    value = raw.get(key)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{path}: {key!r} is a text in quotation marks")
    return value


def _encoding(raw: dict[str, Any], path: Path) -> str | None:
    name = _text(raw, "encoding", path)
    try:
        if name and not codecs.lookup(name)._is_text_encoding:
            raise LookupError
    except (LookupError, ValueError):
        raise UsageError(f"{path}: no encoding is called {name!r}") from None
    return name


def _pattern(value: object, where: str) -> Pattern | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise UsageError(f"{where}: expected a regular expression in quotation marks")
    return Pattern(value, where)
