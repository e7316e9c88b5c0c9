"""Tables of replies (csv, tsv, xlsx, jsonl, parquet), read, scored and written: an edge of the walk, beside the HTTP one.

`score_table` makes the verdict's cells and `write_table` puts them behind the cells of a person's own table, of which every
column and row stays as it was. What a format needs for that (the separator of a csv, the very lines of a jsonl, number
formats, an Arrow schema) travels with the cells in `Table`. A value that another format cannot hold is changed as
little as possible, and `write_table` says which.
"""

from __future__ import annotations

import codecs
import csv
import errno
import io
import json
import math
import os
import re
import stat
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replycheck.errors import ReplycheckError, UnreadableInput, UsageError, said, unwritable
from replycheck.reply import Reply, Verdict

if TYPE_CHECKING:
    import pandas as pd

    from replycheck.checker import Checker

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
SHEET_ROWS, SHEET_COLUMNS, SHEET_CELL = 1_048_576, 16_384, 32_767
"""What a sheet of a workbook can hold; a cell's length is counted in UTF-16 units."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f]")
_LONE = re.compile("[\ud800-\udfff]")
_QUOTED = re.compile('"[^"]*"')
_SHEET_ESCAPE = re.compile("_x([0-9A-Fa-f]{4})_")
_SHEET_ESCAPED = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_CUT_ESCAPE = re.compile("_(?:x[0-9A-F]{0,4})?$")
_EXACT = 10**15
"""A spreadsheet keeps fifteen digits; a longer whole number is an identifier, and written as text."""
_NAMES_SHOWN, _NAME_SHOWN = 20, 40


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to say about a cell, a row or a whole column: why it was not judged, or how it had to be changed."""

    row: int | None
    column: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it came in: its cells, and what its format needs to be written again unchanged."""

    path: Path
    columns: list[str]
    rows: Sequence[Sequence[Any]]
    numbers: Sequence[int]
    """Number that a person sees beside each row."""
    remarks: list[Remark] = field(default_factory=list)
    separator: str | None = None
    bom: bool = True
    lines: list[str] | None = None
    """Of a jsonl file: the records as written."""
    formats: dict[tuple[int, int], str] = field(default_factory=dict)
    """Of a workbook: number format by (row, column)."""
    arrow: Any = None
    """Of a parquet file: the Arrow table."""
    sheet: str | None = None
    """Of a workbook: the sheet's name."""


# --- what a path may be ------------------------------------------------------------------------------------------


def check_suffix(path: Path) -> str:
    """The lower-case suffix; UsageError if no table is written or read that way."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path}: can't tell the format from {path.suffix!r}; use one of {', '.join(SUFFIXES)}")
    return suffix


def check_output(path: Path) -> None:
    """UsageError if no table can be written there: said before anything is judged, not after."""
    if check_suffix(path) == ".parquet":
        _parquet(path)
    if path.is_dir():
        raise UsageError(f"{path}: is a directory; give the name of a table")
    there = next(folder for folder in path.resolve().parents if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise unwritable(path, f"{there} is not a directory that may be written to")


def check_room(path: Path, table: Table) -> None:
    """UsageError if the table with its added columns is larger than a sheet can be."""
    rows, columns = len(table.rows) + 1, len(table.columns) + len(COLUMNS)
    if check_suffix(path) == ".xlsx" and (rows > SHEET_ROWS or columns > SHEET_COLUMNS):
        raise UsageError(
            f"{path}: {rows:,} rows and {columns:,} columns; a sheet holds {SHEET_ROWS:,} and {SHEET_COLUMNS:,}: write .csv"
        )


def _parquet(path: Path) -> Any:
    try:
        from pyarrow import parquet  # type: ignore[import-untyped]
    except ImportError:
        raise UsageError(f"{path}: parquet needs the extra: pip install 'replycheck[parquet]'") from None
    return parquet


# --- reading -----------------------------------------------------------------------------------------------------


def decode(raw: bytes, file: str | Path) -> str:
    """Bytes of a text file → text; UnreadableInput if they are in another encoding, or no text at all."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        raise UnreadableInput(
            f"not UTF-8 text (line {line:,}): a binary file, or another encoding; save it as UTF-8", file=file
        ) from None
    if sum(1 for _ in _CONTROL.finditer(text)) > max(3, len(text) // 20):
        raise UnreadableInput("a binary file, or UTF-16; expected UTF-8 text", file=file)
    return text


def read_rows(path: Path) -> Table:
    """The table as it is, one row a reply; UnreadableInput names file, and row where the row is known."""
    suffix = check_suffix(path)
    if path.is_dir():
        raise UnreadableInput("is a directory, not a table", file=path)
    try:
        return _READERS[suffix](path)
    except ReplycheckError:
        raise
    except FileNotFoundError:
        raise UnreadableInput("no such file", file=path) from None
    except Exception as problem:
        # openpyxl, pyarrow and zipfile raise many kinds for a file that isn't what its name says
        why = problem.strerror if isinstance(problem, OSError) else None
        raise UnreadableInput(
            why or f"damaged, or not {suffix[1:]} at all ({type(problem).__name__})", file=path
        ) from None


def read_table(path: Path) -> pd.DataFrame:
    """The same as a data frame of objects, whose index is the number that a person sees beside each row."""
    import pandas as pd

    table = read_rows(path)
    return pd.DataFrame(
        [list(row) for row in table.rows], columns=table.columns, index=list(table.numbers), dtype=object
    )


def _read_separated(path: Path) -> Table:
    raw = path.read_bytes()
    text = decode(raw, path)
    separator = "\t" if path.suffix.lower() == ".tsv" else _separator(text)
    csv.field_size_limit(2**31 - 1)
    data: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True):
            if data and data[0] and any(row[len(data[0]) :]):
                raise UnreadableInput(f"has {len(row)} cells, the header {len(data[0])}", file=path, row=len(data) + 1)
            data.append(row)
    except csv.Error:
        raise UnreadableInput(
            "a quotation mark out of place: a cell in quotation marks doubles those inside it, and closes",
            file=path,
            row=len(data) + 1,
        ) from None
    while data and not data[-1]:
        data.pop()
    columns = _header(data, path)
    width = len(columns)
    return Table(
        path,
        columns,
        [row[:width] + [""] * (width - len(row)) for row in data[1:]],
        range(2, len(data) + 1),
        separator=separator,
        bom=raw.startswith(codecs.BOM_UTF8),
    )


def _separator(text: str) -> str:
    """A semicolon is what Excel writes where the comma is the decimal sign."""
    first_line = _QUOTED.sub("", text[:65_536]).partition("\n")[0]
    return ";" if ";" in first_line and "," not in first_line else ","


def _header(data: list[list[Any]], path: Path) -> list[str]:
    if not data:
        raise UnreadableInput("is empty", file=path)
    if not data[0]:
        raise UnreadableInput("is blank; expected the names of the columns", file=path, row=1)
    return [as_text(name) for name in data[0]]


def _read_jsonl(path: Path) -> Table:
    records: list[dict[str, Any]] = []
    lines, numbers = [], []
    # only \n ends a line: JSON strings may hold the other characters that str.splitlines would split at
    for number, line in enumerate(decode(path.read_bytes(), path).split("\n"), 1):
        if not (line := line.strip(" \t\r")):
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            raise UnreadableInput("not JSON", file=path, row=number) from None
        if not isinstance(record, dict):
            raise UnreadableInput("expected a JSON object", file=path, row=number)
        records.append(record)
        lines.append(line)
        numbers.append(number)
    columns = list(dict.fromkeys(key for record in records for key in record))
    return Table(path, columns, [[r.get(c) for c in columns] for r in records], numbers, lines=lines)


def _read_xlsx(path: Path) -> Table:
    data: list[list[Any]] = []
    formats: dict[tuple[int, int], str] = {}
    formulas: list[tuple[int, int]] = []
    with _sheet(path) as (sheet, others):
        for i, row in enumerate(sheet.iter_rows()):
            values = []
            for j, cell in enumerate(row):
                values.append(_from_cell(cell))
                if cell.data_type == "f":
                    formulas.append((i, j))
                if cell.value is not None and cell.number_format != "General":
                    formats[i - 1, j] = cell.number_format
            data.append(_trimmed(values))
        title = sheet.title
        remarks = [Remark(None, None, f"only its first sheet, {title!r}, was read")] if others else []
    if formulas:
        with _sheet(path, data_only=True) as (sheet, _):
            results = [[_from_cell(cell) for cell in row] for row in sheet.iter_rows()]
        for i, j in formulas:
            # a formula that no spreadsheet has worked out yet stays as it reads
            data[i][j] = results[i][j] if results[i][j] is not None else data[i][j]
    while data and not data[-1]:
        data.pop()
    columns = _header(data, path)
    width = max(map(len, data))
    columns += [""] * (width - len(columns))
    rows = [row + [None] * (width - len(row)) for row in data[1:]]
    return Table(path, columns, rows, range(2, len(data) + 1), remarks, formats=formats, sheet=title)


@contextmanager
def _sheet(path: Path, *, data_only: bool = False) -> Iterator[tuple[Any, bool]]:
    """The first sheet that can be seen, and whether there are others."""
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        # openpyxl tells of charts and rules that it leaves out; a table has none
        warnings.simplefilter("ignore")
        with closing(load_workbook(path, read_only=True, data_only=data_only)) as book:
            seen = [s for s in book.worksheets if s.sheet_state == "visible"]
            if not seen:
                raise UnreadableInput("has no sheet", file=path)
            # many programs write a size that is wrong
            seen[0].reset_dimensions()
            yield seen[0], len(seen) > 1


def _from_cell(cell: Any) -> Any:
    value = cell.value
    if cell.data_type == "f":
        return str(getattr(value, "text", value))
    if isinstance(value, str):
        return _SHEET_ESCAPE.sub(lambda m: chr(int(m.group(1), 16)), value)
    if isinstance(value, datetime):
        from openpyxl.styles.numbers import is_datetime

        return value.date() if is_datetime(cell.number_format) == "date" else value
    return value


def _trimmed(values: list[Any]) -> list[Any]:
    while values and values[-1] is None:
        values.pop()
    return values


def _read_parquet(path: Path) -> Table:
    with _parquet(path).ParquetFile(path) as file:
        arrow = file.read()
    rows = list(zip(*(column.to_pylist() for column in arrow.columns), strict=True))
    return Table(path, list(arrow.column_names), rows, range(1, len(rows) + 1), arrow=arrow)


_READERS: dict[str, Callable[[Path], Table]] = {
    ".csv": _read_separated,
    ".tsv": _read_separated,
    ".xlsx": _read_xlsx,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}


# --- scoring -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scored:
    """The cells of `COLUMNS` for each row (None: not judged), the rows that were not judged, the verdicts counted."""

    added: list[tuple[Any, ...] | None]
    unread: list[Remark]
    pushing_and_sure: int


def score_table(
    checker: Checker,
    table: Table,
    *,
    reply_column: str = "reply",
    message_column: str | None = None,
    max_chars: int = 100_000,
    progress: Callable[[int], None] | None = None,
) -> Scored:
    """Judge each row. UnreadableInput if a column is missing or one of ours is there already; a row without a reply, or
    over `max_chars`, is listed in `unread` and keeps its place."""
    from replycheck.checker import CHUNK

    reply_at, message_at = _chosen(table, reply_column, message_column)
    unread: list[Remark] = []
    items: list[tuple[int, Reply]] = []
    for i, row in enumerate(table.rows):
        reply, message = row[reply_at], None if message_at is None else row[message_at]
        if fault := _fault(reply, max_chars, needed=True):
            unread.append(Remark(table.numbers[i], table.columns[reply_at], fault))
        elif message_at is not None and (fault := _fault(message, max_chars, needed=False)):
            unread.append(Remark(table.numbers[i], table.columns[message_at], fault))
        else:
            items.append((i, Reply(as_text(reply), as_text(message) or None)))
    if progress:
        progress(len(unread))
    added: list[tuple[Any, ...] | None] = [None] * len(table.rows)
    sure = 0
    for at in range(0, len(items), CHUNK):
        chunk = items[at : at + CHUNK]
        for (i, _), verdict in zip(chunk, checker.check_many([r for _, r in chunk]), strict=True):
            sure += verdict.label == "service-pushing" and not verdict.unsure
            added[i] = _verdict_cells(verdict)
        if progress:
            progress(len(chunk))
    return Scored(added, unread, sure)


def _fault(value: Any, max_chars: int, *, needed: bool) -> str:
    """Why a cell can't be judged, or nothing."""
    if isinstance(value, (dict, list, tuple, bytes)):
        return f"is not text, but {type(value).__name__}"
    text = as_text(value)
    if needed and not text.strip():
        return "is empty"
    return f"has {len(text):,} characters; at most {max_chars:,} are judged" if len(text) > max_chars else ""


def _chosen(table: Table, reply_column: str, message_column: str | None) -> tuple[int, int | None]:
    """Places of the reply's column and, if there is one, of the message's."""
    if message_column is None and "patron_message" in table.columns:
        message_column = "patron_message"
    for name in (reply_column, message_column):
        if name is None:
            continue
        if name not in table.columns:
            shown = [n if len(n) <= _NAME_SHOWN else n[: _NAME_SHOWN - 1] + "…" for n in table.columns[:_NAMES_SHOWN]]
            there = ", ".join(map(repr, shown)) + ("…" if len(table.columns) > _NAMES_SHOWN else "")
            raise UnreadableInput(f"no such column; there are {there or 'none'}", file=table.path, column=name)
        if table.columns.count(name) > 1:
            raise UnreadableInput("is there more than once; rename all but one", file=table.path, column=name)
    if ours := [c for c in COLUMNS if c in table.columns]:
        raise UnreadableInput("is there already: the table has been scored before", file=table.path, column=ours[0])
    return table.columns.index(reply_column), table.columns.index(
        message_column
    ) if message_column is not None else None


def _verdict_cells(verdict: Verdict) -> tuple[Any, ...]:
    return (
        str(verdict.label),
        round(verdict.probability, 4),
        round(verdict.threshold, 4),
        verdict.unsure,
        str(verdict.unsure_reason) if verdict.unsure_reason else None,
        str(verdict.message_kind) if verdict.message_kind else None,
        "; ".join(f"{r.move}: {verdict.cut(r)}" for r in verdict.reasons),
        verdict.model_version,
    )


# --- writing -----------------------------------------------------------------------------------------------------


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when all went well; nothing is ever half written.

    UsageError if the place can't be written to, or the disk is full.
    """
    path, new = path.resolve(), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".replycheck-", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        new = Path(name)
        yield new
        new.chmod(_mode(path))
        new.replace(path)
    except Exception as problem:
        if not (why := not_written(problem)):
            raise
        raise unwritable(path, why) from None
    finally:
        if new:
            new.unlink(missing_ok=True)


def not_written(problem: Exception) -> str:
    """What the disk says, if that is what went wrong; lxml and xlsxwriter, which write workbooks, say it in errors of their own."""
    if type(problem).__name__ == "FileCreateError" and problem.args and isinstance(problem.args[0], OSError):
        problem = problem.args[0]
    if type(problem).__name__ == "SerialisationError":
        return os.strerror(getattr(errno, str(problem).removeprefix("IO_"), errno.EIO))
    return said(problem) if isinstance(problem, OSError) else ""


def _mode(path: Path) -> int:
    """Permissions of the file that is replaced, or those of any new file: tables of chats may be private."""
    if path.exists():
        return stat.S_IMODE(path.stat().st_mode)
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def write_table(table: Table, added: Sequence[tuple[Any, ...] | None], path: Path) -> list[Remark]:
    """Write the whole table with its added cells, or nothing, in the format of the suffix; says what it had to change.

    UsageError if the place can't be written to.
    """
    suffix = check_suffix(path)
    remarks: list[Remark] = []
    with replacing(path) as new:
        _WRITERS[suffix](table, added, new, remarks)
    return remarks


def _full(table: Table, added: Sequence[tuple[Any, ...] | None]) -> Iterator[list[Any]]:
    """Each row with its added cells."""
    for row, more in zip(table.rows, added, strict=True):
        yield [*row, *(more or [None] * len(COLUMNS))]


def _write_separated(table: Table, added: Sequence[tuple[Any, ...] | None], path: Path, remarks: list[Remark]) -> None:
    names = [*table.columns, *COLUMNS]
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    if path.suffix.lower() == table.path.suffix.lower():
        separator = table.separator or separator
    with path.open("w", encoding="utf-8-sig" if table.bom else "utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=separator, lineterminator="\r\n")
        writer.writerow([_whole(n, 1, n, remarks) for n in names])
        for number, row in enumerate(_full(table, added), FIRST_ROW[".csv"]):
            writer.writerow([_whole(as_text(v), number, n, remarks) for n, v in zip(names, row, strict=True)])


def _write_jsonl(table: Table, added: Sequence[tuple[Any, ...] | None], path: Path, remarks: list[Remark]) -> None:
    names = _distinct([*table.columns, *COLUMNS], remarks)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        if table.lines is not None:
            for line, more in zip(table.lines, added, strict=True):
                ours = _json(dict(zip(COLUMNS, more or [None] * len(COLUMNS), strict=True)))
                theirs = line[:-1].rstrip()
                file.write(f"{theirs}{'' if theirs == '{' else ', '}{ours[1:]}\n")
        else:
            for row in _full(table, added):
                file.write(_json(dict(zip(names, map(_missing_to_none, row), strict=True))) + "\n")


def _write_xlsx(table: Table, added: Sequence[tuple[Any, ...] | None], path: Path, remarks: list[Remark]) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    names = [*table.columns, *COLUMNS]
    book = Workbook(write_only=True)
    sheet = book.create_sheet("replies")

    def make(value: Any, number: int, name: str, number_format: str | None = None) -> Any:
        value = _for_sheet(value)
        if isinstance(value, str):
            value = _sheet_text(value, number, name, remarks)
        cell = WriteOnlyCell(sheet, value=value)
        if isinstance(value, str):
            # whatever it starts with: a cell of text is never a formula or an error value
            cell.data_type = "s"
        if number_format:
            cell.number_format = number_format
        return cell

    try:
        sheet.append([make(n, 1, n) for n in names])
        for i, row in enumerate(_full(table, added)):
            number = i + FIRST_ROW[".xlsx"]
            sheet.append([make(v, number, names[j], table.formats.get((i, j))) for j, v in enumerate(row)])
    finally:
        # also when something failed: openpyxl would complain of an unfinished sheet when it is thrown away
        sheet.close()
    book.save(path)


def _for_sheet(value: Any) -> Any:
    """The value if a spreadsheet holds such values exactly, its text if not."""
    value = _missing_to_none(value)
    if value is None or isinstance(value, (str, bool, time, timedelta)):
        return value
    if isinstance(value, int):
        return value if abs(value) < _EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, date) and value.year >= 1900 and getattr(value, "tzinfo", None) is None:
        return value
    return as_text(value)


def _sheet_text(text: str, number: int, name: str, remarks: list[Remark]) -> str:
    """The text as a workbook holds it: what XML can't hold escaped as Excel does it, and no longer than a cell can be."""
    text = _SHEET_ESCAPED.sub(lambda m: f"_x{ord(m.group()):04X}_", _whole(text, number, name, remarks))
    if len(text) <= SHEET_CELL // 2 or len(units := text.encode("utf-16-le")) <= 2 * SHEET_CELL:
        return text
    remarks.append(
        Remark(number, name, f"shortened: a cell of a workbook holds {SHEET_CELL:,} characters; .csv holds all")
    )
    return _CUT_ESCAPE.sub("", units[: 2 * SHEET_CELL].decode("utf-16-le", errors="ignore"))


def _write_parquet(table: Table, added: Sequence[tuple[Any, ...] | None], path: Path, remarks: list[Remark]) -> None:
    parquet = _parquet(path)
    import pyarrow as pa

    arrow = table.arrow
    if arrow is None:
        columns = zip(*table.rows, strict=True) if table.rows else [()] * len(table.columns)
        names = [_whole(n, None, n, remarks) for n in _distinct(table.columns, remarks)]
        arrow = pa.table([_array(c, n, remarks) for c, n in zip(columns, names, strict=True)], names=names)
    kinds = {"rc_p_pushing": pa.float64(), "rc_threshold": pa.float64(), "rc_unsure": pa.bool_()}
    for j, name in enumerate(COLUMNS):
        values = [_whole_if_text(more[j] if more else None, i, name, remarks) for i, more in enumerate(added, 1)]
        arrow = arrow.append_column(name, pa.array(values, type=kinds.get(name, pa.string())))
    parquet.write_table(arrow, path)


def _array(column: Sequence[Any], name: str, remarks: list[Remark]) -> Any:
    """Values that share a type as that type, others as text."""
    import pyarrow as pa

    values = [_whole_if_text(_missing_to_none(v), i, name, remarks) for i, v in enumerate(column, 1)]
    kinds = {type(v) for v in values if v is not None}
    if not kinds or kinds == {str}:
        return pa.array(values, type=pa.string())
    if not kinds & {dict, list, tuple} and (len(kinds) == 1 or kinds == {int, float}):
        try:
            return pa.array(values)
        except (pa.ArrowException, OverflowError):
            pass  # numbers that no column of numbers holds
    remarks.append(Remark(None, name, "holds values of several kinds; written as text"))
    return pa.array(
        [None if v is None else _whole(as_text(v), i, name, remarks) for i, v in enumerate(values, 1)],
        type=pa.string(),
    )


_WRITERS: dict[str, Callable[[Table, Sequence[tuple[Any, ...] | None], Path, list[Remark]], None]] = {
    ".csv": _write_separated,
    ".tsv": _write_separated,
    ".xlsx": _write_xlsx,
    ".jsonl": _write_jsonl,
    ".parquet": _write_parquet,
}


# --- values ------------------------------------------------------------------------------------------------------


def as_text(value: Any) -> str:
    """A value of a cell as text; nothing for an empty one."""
    value = _missing_to_none(value)
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (dict, list, tuple)):
        return _json(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="backslashreplace")
    return str(value)


def _missing_to_none(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _json(value: Any) -> str:
    """Readable JSON; only what UTF-8 has no bytes for is escaped."""
    text = json.dumps(value, ensure_ascii=False, default=as_text)
    return _LONE.sub(lambda m: f"\\u{ord(m.group()):04x}", text)


def _whole(text: str, row: int | None, column: str, remarks: list[Remark]) -> str:
    """The text without halves of characters, which JSON can name but no file can hold."""
    if text.isascii() or not _LONE.search(text):
        return text
    remarks.append(Remark(row, column, "held half of a character (a lone surrogate), replaced by U+FFFD"))
    return _LONE.sub("\ufffd", text)


def _whole_if_text(value: Any, row: int | None, column: str, remarks: list[Remark]) -> Any:
    return _whole(value, row, column, remarks) if isinstance(value, str) else value


def _distinct(names: Sequence[str], remarks: list[Remark]) -> list[str]:
    """The names, the second of two equal ones numbered, for formats in which a name stands once."""
    found: list[str] = []
    for name in names:
        new, count = name, 1
        while new in found:
            count += 1
            new = f"{name} ({count})"
        if new != name:
            remarks.append(Remark(None, name, f"is there more than once; here it is {new!r}"))
        found.append(new)
    return found
