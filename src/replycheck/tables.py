"""Tables of replies, read and written: csv, tsv, xlsx, jsonl, parquet.

An edge of the walk: `score_table` adds the verdict's columns to a person's own table and keeps every column and row as
it was. Values are read as text, so that nothing a spreadsheet held (a leading zero, a date) is changed on the way.
"""

from __future__ import annotations

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from replycheck.checker import CHUNK, Checker
from replycheck.errors import UnreadableInput, UsageError
from replycheck.reply import Reply, Verdict

SUFFIXES = (".csv", ".tsv", ".xlsx", ".jsonl", ".parquet")
COLUMNS = (
    "rc_label",
    "rc_p_pushing",
    "rc_threshold",
    "rc_unsure",
    "rc_unsure_reason",
    "rc_message_kind",
    "rc_reasons",
    "rc_model",
)
"""Columns that scoring adds, in order."""
FIRST_ROW = {".csv": 2, ".tsv": 2, ".xlsx": 2, ".jsonl": 1, ".parquet": 1}
"""Number that a person sees beside the first row of data."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check_suffix(path: Path) -> str:
    """The lower-case suffix; UsageError if no table is written or read that way."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: can't tell the format from {path.suffix!r}; use one of {', '.join(SUFFIXES)}")
    return suffix


def read_table(path: Path) -> pd.DataFrame:
    """The table as it is, one row a reply; UnreadableInput names file, and row where the row is known."""
    suffix = check_suffix(path)
    if path.is_dir():
        raise UnreadableInput("is a directory, not a table", file=path)
    try:
        if suffix in (".csv", ".tsv"):
            return _read_separated(path, "," if suffix == ".csv" else "\t")
        if suffix == ".xlsx":
            return pd.read_excel(path, dtype=object, engine="openpyxl")
        if suffix == ".jsonl":
            return _read_jsonl(path)
        return pd.read_parquet(path)
    except UnreadableInput:
        raise
    except FileNotFoundError:
        raise UnreadableInput("no such file", file=path) from None
    except UnicodeDecodeError as problem:
        raise UnreadableInput(
            f"not UTF-8 text (byte {problem.start:,}); save it as UTF-8, or as .xlsx", file=path
        ) from None
    except ImportError:
        raise UsageError(f"{path}: reading parquet needs the extra: pip install 'replycheck[parquet]'") from None
    except Exception as problem:
        # openpyxl, pyarrow and zipfile raise many kinds for a file that isn't what its name says
        raise UnreadableInput(f"can't be read as {suffix[1:]}: {problem}", file=path) from None


def _read_separated(path: Path, separator: str) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.read(4096)
        if "\x00" in head:
            raise UnreadableInput("holds NUL bytes: a binary file, or UTF-16 text", file=path)
        file.seek(0)
        first_line = head.partition("\n")[0]
        if separator == "," and ";" in first_line and "," not in first_line:
            separator = ";"  # what Excel writes where the comma is the decimal sign
        csv.field_size_limit(2**31 - 1)
        rows = csv.reader(file, delimiter=separator, strict=True)
        try:
            header = next(rows)
        except StopIteration:
            raise UnreadableInput("is empty", file=path) from None
        data = []
        try:
            for row in rows:
                if len(row) > len(header):
                    raise UnreadableInput(
                        f"has {len(row)} cells, the header {len(header)}", file=path, row=len(data) + 2
                    )
                if row:
                    data.append(row + [""] * (len(header) - len(row)))
        except csv.Error as problem:
            raise UnreadableInput(str(problem), file=path, row=len(data) + 2) from None
    return pd.DataFrame(data, columns=header, dtype=object)


def _read_jsonl(path: Path) -> pd.DataFrame:
    data = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            raise UnreadableInput("not JSON", file=path, row=number) from None
        if not isinstance(record, dict):
            raise UnreadableInput("expected a JSON object", file=path, row=number)
        data.append(record)
    # missing keys stay missing when written back
    return pd.DataFrame(data, dtype=object)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when all went well; nothing is ever half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    new = Path(name)
    try:
        yield new
        new.chmod(0o644)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write the whole table or nothing, in the format of the suffix; in a spreadsheet no cell of ours becomes a formula."""
    suffix = check_suffix(path)
    with replacing(path) as new:
        if suffix in (".csv", ".tsv"):
            table.to_csv(new, index=False, sep="," if suffix == ".csv" else "\t", encoding="utf-8-sig", lineterminator="\r\n")
        elif suffix == ".xlsx":
            _write_xlsx(table, new)
        elif suffix == ".jsonl":
            with new.open("w", encoding="utf-8") as file:
                for record in table.to_dict("records"):
                    kept = {k: _plain(v) for k, v in record.items() if not _is_missing(v) or str(k) in COLUMNS}
                    file.write(json.dumps(kept, ensure_ascii=True) + "\n")
        else:
            table.to_parquet(new, index=False)


def _write_xlsx(table: pd.DataFrame, path: Path) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet("replies")
    sheet.append([str(c) for c in table.columns])
    for row in table.itertuples(index=False, name=None):
        cells = []
        for value in row:
            value = None if _is_missing(value) else value
            if isinstance(value, str):
                value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value)[:32767]
            cell = WriteOnlyCell(sheet, value=value)
            if isinstance(value, str) and value.startswith(_FORMULA):
                cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    book.save(path)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value) or value is pd.NaT or value is pd.NA


def _plain(value: Any) -> Any:
    return None if _is_missing(value) else value.item() if hasattr(value, "item") else value


@dataclass(frozen=True, slots=True)
class Unread:
    """A row that could not be judged, and why; its added columns stay empty."""

    row: int
    column: str
    why: str


@dataclass(frozen=True, slots=True)
class Scored:
    """The table with its added columns, the verdicts counted, and the rows left out."""

    table: pd.DataFrame
    unread: list[Unread]
    pushing_and_sure: int


def score_table(
    checker: Checker,
    table: pd.DataFrame,
    *,
    path: Path,
    reply_column: str = "reply",
    message_column: str | None = None,
    max_chars: int = 100_000,
    progress: Callable[[int], None] | None = None,
) -> Scored:
    """Judge each row. UnreadableInput if a column is missing or one of ours is there already; a row without a reply, or
    over `max_chars`, is listed in `unread` and keeps its place."""
    message_column = _columns(table, path, reply_column, message_column)
    first = FIRST_ROW[check_suffix(path)]
    unread: list[Unread] = []
    items: list[tuple[int, Reply]] = []
    replies = table[reply_column].tolist()
    messages: list[Any] = table[message_column].tolist() if message_column else [None] * len(table)
    for i, (reply, message) in enumerate(zip(replies, messages, strict=True)):
        text = "" if _is_missing(reply) else str(reply)
        asked = "" if _is_missing(message) else str(message)
        if not text.strip():
            unread.append(Unread(i + first, reply_column, "is empty"))
        elif len(text) > max_chars:
            unread.append(Unread(i + first, reply_column, f"has {len(text):,} characters; at most {max_chars:,} are judged"))
        elif len(asked) > max_chars:
            unread.append(
                Unread(i + first, message_column or "", f"has {len(asked):,} characters; at most {max_chars:,} are judged")
            )
        else:
            items.append((i, Reply(text, asked or None)))
    added: dict[str, list[Any]] = {name: [None] * len(table) for name in COLUMNS}
    sure = 0
    for at in range(0, len(items), CHUNK):
        chunk = items[at : at + CHUNK]
        for (i, _), verdict in zip(chunk, checker.check_many([r for _, r in chunk]), strict=True):
            sure += verdict.label == "service-pushing" and not verdict.unsure
            for name, value in zip(COLUMNS, _cells(verdict), strict=True):
                added[name][i] = value
        if progress:
            progress(len(chunk))
    scored = table.copy()
    for name in COLUMNS:
        scored[name] = pd.Series(added[name], index=table.index, dtype=object)
    return Scored(scored, unread, sure)


def _columns(table: pd.DataFrame, path: Path, reply_column: str, message_column: str | None) -> str | None:
    there = [str(c) for c in table.columns]
    if reply_column not in there:
        raise UnreadableInput(f"no such column; there are {', '.join(there) or 'none'}", file=path, column=reply_column)
    if message_column is not None and message_column not in there:
        raise UnreadableInput(f"no such column; there are {', '.join(there)}", file=path, column=message_column)
    if ours := [c for c in COLUMNS if c in there]:
        raise UnreadableInput("is there already: the table has been scored before", file=path, column=ours[0])
    if message_column is None and "patron_message" in there:
        return "patron_message"
    return message_column


def _cells(verdict: Verdict) -> tuple[Any, ...]:
    return (
        str(verdict.label),
        round(verdict.probability, 4),
        round(verdict.threshold, 4),
        verdict.unsure,
        str(verdict.unsure_reason or ""),
        str(verdict.message_kind or ""),
        "; ".join(f"{r.move}: {verdict.cut(r)}" for r in verdict.reasons),
        verdict.model_version,
    )
