"""“You got this wrong”: what people say a reply really does, kept in one SQLite file for a later training.

After the walk of a reply, and only where a person agrees. Texts get placeholders for personal data before they are written, the
time is kept to the day, and nothing is kept about who wrote. A correction that `add` has returned from is on the disk, whatever
happens to the process; its id, made by whoever sends it, keeps a repeated sending from being kept twice.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from replycheck.codebook import Label, MessageKind, Move
from replycheck.errors import UnreadableInput, UsageError
from replycheck.privacy import Deidentifier, Kind

EXPORTED = ("reply", "label", "patron_message", "message_kind", "moves", "source")
"""Columns of the labelled table."""
SUFFIXES = (".xlsx", ".jsonl")
"""Formats of the labelled table. Not .csv: a program that opens one runs cells that look like formulas, and anybody may send one."""
_APPLICATION = 0x72636862
_VERSION = 1
_TABLE = """
CREATE TABLE correction (
    id TEXT PRIMARY KEY, day TEXT NOT NULL, reply TEXT NOT NULL, label TEXT NOT NULL, patron_message TEXT NOT NULL,
    message_kind TEXT, moves TEXT NOT NULL, model_label TEXT NOT NULL, model_version TEXT NOT NULL
) STRICT
"""
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ESCAPE = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_LONE = re.compile("[\ud800-\udfff]")
_PATIENCE = 30.0
"""Seconds that a writer waits for another."""


@dataclass(frozen=True, slots=True)
class CorrectedMove:
    """What one sentence really does; offsets are code points into the reply, `end` exclusive."""

    start: int
    end: int
    move: Move


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person says about one verdict: the reply's own label, and the moves of sentences that were read wrongly."""

    id: str
    reply: str
    label: Label
    model_label: Label
    model_version: str
    patron_message: str = ""
    message_kind: MessageKind | None = None
    moves: tuple[CorrectedMove, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A correction as it is kept, and the day it came."""

    correction: Correction
    day: date


class Conflict(UsageError):
    """Another correction has this id."""


def deidentified(correction: Correction, cleaner: Deidentifier) -> Correction:
    """The correction with placeholders for personal data; its offsets follow the text.

    UsageError if an id is no UUID, or a span is not inside the reply or touches another.
    """
    if not _ID.fullmatch(correction.id):
        raise UsageError("id: expected a UUID in lower case")
    at = 0
    for m in sorted(correction.moves, key=lambda m: m.start):
        if not at <= m.start < m.end <= len(correction.reply):
            raise UsageError(f"moves: {m.start}–{m.end} is not inside the reply, or touches another")
        at = m.end
    # UTF-8 has no bytes for half of a character
    reply = _LONE.sub("\ufffd", correction.reply)
    points = [p for m in correction.moves for p in (m.start, m.end)]
    while spans := cleaner.find(reply):
        out, at, shift = [], 0, 0
        moved = list(points)
        for span in spans:
            placeholder = (span.kind or Kind.NAME).placeholder
            out += [reply[at : span.start], placeholder]
            for i, p in enumerate(points):
                if p >= span.end:
                    moved[i] = p + shift + len(placeholder) - (span.end - span.start)
                elif p > span.start:
                    # inside what is replaced: a start goes to its end, an end too, so that no span is turned round
                    moved[i] = span.start + shift + len(placeholder)
            shift += len(placeholder) - (span.end - span.start)
            at = span.end
        reply, points = "".join([*out, reply[at:]]), moved
    pairs = zip(points[::2], points[1::2], strict=True)
    moves = tuple(CorrectedMove(a, b, m.move) for (a, b), m in zip(pairs, correction.moves, strict=True) if a < b)
    message = cleaner.clean(_LONE.sub("\ufffd", correction.patron_message))
    return Correction(
        correction.id,
        reply,
        correction.label,
        correction.model_label,
        correction.model_version,
        message,
        correction.message_kind if message else None,
        moves,
    )


class Store:
    """Corrections in one file; may be shared by threads, and its file by processes. UnreadableInput if it is not such a file."""

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        self._lock = Lock()
        self._cleaner = Deidentifier()
        if not create and not path.is_file():
            raise UnreadableInput("no such file", file=path)
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(0o600)
            self._db = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
            self._prepare()
        except (sqlite3.Error, OSError) as problem:
            raise UnreadableInput(f"can't be used as a store: {problem}", file=path) from None

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        # each commit is on the disk before anybody is told so
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")
        with self._writing():
            (application,) = self._db.execute("PRAGMA application_id").fetchone()
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            tables = self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if not tables:
                self._db.execute(_TABLE)
                self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
                self._db.execute(f"PRAGMA user_version = {_VERSION}")
            elif (application, version) != (_APPLICATION, _VERSION):
                raise UnreadableInput("is another program's database, or a newer version's", file=self.path)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._lock, self._named():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                # a full disk may have ended it already, or leave it open when it is to be kept
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _named(self) -> Iterator[None]:
        """SQLite's errors as ours: a damaged file, a full disk."""
        try:
            yield
        except sqlite3.DatabaseError as problem:
            raise UnreadableInput(f"can't be used as a store: {problem}", file=self.path) from None

    def add(self, correction: Correction, *, day: date | None = None) -> tuple[Correction, bool]:
        """(the correction as kept, whether it is new). UsageError if it can't be kept; Conflict if its id is another's; UnreadableInput if
        the file is damaged or the disk full."""
        kept = deidentified(correction, self._cleaner)
        row = _row(kept, day or datetime.now(UTC).date())
        with self._writing():
            there = self._db.execute("SELECT * FROM correction WHERE id = ?", (kept.id,)).fetchone()
            if there is None:
                self._db.execute("INSERT INTO correction VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        if there is not None and (*there[:1], *there[2:]) != (*row[:1], *row[2:]):
            raise Conflict("id: another correction has it")
        return kept, there is None

    def __iter__(self) -> Iterator[Kept]:
        with self._lock, self._named():
            rows = self._db.execute("SELECT * FROM correction ORDER BY day, id").fetchall()
        return map(_kept, rows)

    def forget(self, ids: Iterable[str] = (), *, older_than: timedelta | None = None, today: date | None = None) -> int:
        """How many corrections were deleted: those with these ids, and those of more days ago. Their bytes are overwritten."""
        count = 0
        with self._writing():
            for id in ids:
                count += self._db.execute("DELETE FROM correction WHERE id = ?", (id,)).rowcount
            if older_than is not None:
                oldest = (today or datetime.now(UTC).date()) - older_than
                count += self._db.execute("DELETE FROM correction WHERE day < ?", (oldest.isoformat(),)).rowcount
        with self._lock, self._named():
            # the log still has the old pages
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return count

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()


def _row(c: Correction, day: date) -> tuple[Any, ...]:
    moves = json.dumps([asdict(m) for m in c.moves])
    kind = str(c.message_kind) if c.message_kind else None
    return (
        c.id,
        day.isoformat(),
        c.reply,
        str(c.label),
        c.patron_message,
        kind,
        moves,
        str(c.model_label),
        c.model_version,
    )


def _kept(row: Sequence[Any]) -> Kept:
    id, day, reply, label, message, kind, moves, model_label, version = row
    return Kept(
        Correction(
            id,
            reply,
            Label(label),
            Label(model_label),
            version,
            message,
            MessageKind(kind) if kind else None,
            tuple(CorrectedMove(m["start"], m["end"], Move(m["move"])) for m in json.loads(moves)),
        ),
        date.fromisoformat(day),
    )


def export(corrections: Iterable[Kept], path: Path) -> int:
    """Write a labelled table (`EXPORTED`) that training reads, whole or not at all; how many rows it has.

    UsageError if the suffix is none of `SUFFIXES` or the place can't be written to.
    """
    from replycheck.tables import SHEET_CELL, replacing

    if (suffix := path.suffix.lower()) not in SUFFIXES:
        raise UsageError(f"{path}: can't tell the format from {path.suffix!r}; use one of {', '.join(SUFFIXES)}")
    rows = [_exported(k.correction) for k in corrections]
    if suffix == ".xlsx" and any(len(cell) > SHEET_CELL // 2 for row in rows for cell in row.values()):
        raise UsageError(f"{path}: a text is longer than a cell of a workbook can be; write .jsonl")
    with replacing(path) as new:
        (_write_xlsx if suffix == ".xlsx" else _write_jsonl)(rows, new)
    return len(rows)


def _exported(c: Correction) -> dict[str, str]:
    moves = json.dumps([asdict(m) for m in c.moves]) if c.moves else ""
    source = f"feedback on {c.model_version}"
    return dict(
        zip(EXPORTED, (c.reply, str(c.label), c.patron_message, str(c.message_kind or ""), moves, source), strict=True)
    )


def _write_jsonl(rows: Iterable[dict[str, str]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _write_xlsx(rows: Iterable[dict[str, str]], path: Path) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet("replies")

    def text(value: str) -> WriteOnlyCell:
        # XML has no such characters; as many others in their place, so that offsets hold
        cell = WriteOnlyCell(sheet, value=_ESCAPE.sub("_x005F_", _NOT_IN_XML.sub("\ufffd", value)))
        # whatever it starts with: a cell of text is never a formula
        cell.data_type = "s"
        return cell

    sheet.append([text(name) for name in EXPORTED])
    for row in rows:
        sheet.append([text(row[name]) for name in EXPORTED])
    book.save(path)
