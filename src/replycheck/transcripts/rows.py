"""Rows of a CSV or a workbook as a stream, each with the line that it begins in; broken rows as `Unread`.

A row that cannot be right (cut off, too many cells, a quotation mark that never closes) is listed, and reading goes on
at the next line that begins a row again.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from replycheck.conversation import Unread
from replycheck.errors import UnreadableInput
from replycheck.transcripts.sources import DAMAGED, File

MAX_CELL = 2**24
"""Longest cell that is read, in characters: three times a cell of 5 MB."""
MAX_RESTARTS = 25
"""How often reading starts again after a quotation mark that does not close; each costs at most one cell's length."""


@dataclass(frozen=True, slots=True)
class Row:
    """Cells of one row, and the line of the file that it begins in."""

    line: int
    cells: list[str]


def separator_of(head: str) -> str:
    """Comma, semicolon or tab, whichever the first line has most of outside quotation marks."""
    first = re.sub(r'"[^"]*"', "", head[:65_536]).partition("\n")[0]
    return max(",;\t", key=first.count)


def header_of(file: File) -> list[str]:
    """The first row's cells, stripped; nothing if the file is no table."""
    if file.is_workbook:
        try:
            return next(iter(_workbook(file))).cells
        except (StopIteration, UnreadableInput):
            return []
    csv.field_size_limit(MAX_CELL)
    try:
        row = next(csv.reader(file.head.split("\n"), delimiter=separator_of(file.head)), [])
    except csv.Error:
        return []
    return [cell.strip().lstrip("\ufeff") for cell in row]


def rows_of(file: File) -> Iterator[Row | Unread]:
    """Every row, the header included, in order."""
    if file.is_workbook:
        yield from _workbook(file)
        return
    with file.text() as text:
        yield from _separated(file.name, text, separator_of(file.head))


class _Lines:
    """Lines of a file, those of the row being read remembered, so that reading can start again behind its first."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._again: Iterator[str] = iter(())
        self._size = 0
        self.row: list[str] = []
        self.ended = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self._again, None) or self._text.readline(MAX_CELL)
        if not line:
            self.ended = True
            raise StopIteration
        self._size += len(line)
        if self._size > 2 * MAX_CELL:
            raise csv.Error
        self.row.append(line)
        return line

    def new_row(self) -> None:
        self.row, self._size = [], 0

    def again_behind_the_first(self) -> None:
        self._again = iter([*self.row[1:], *self._again])
        self.ended = False
        self.new_row()

    def put_back(self, line: str) -> None:
        self._again = iter([line, *self._again])
        self.new_row()


def _separated(name: str, text: TextIO, separator: str) -> Iterator[Row | Unread]:
    csv.field_size_limit(MAX_CELL)
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=separator)
    line, width, restarts, shape = 1, 0, 0, ""
    while True:
        lines.new_row()
        try:
            cells = next(reader)
            broken = "ends inside quotation marks: cut off, or one too many or too few" if lines.ended else ""
            if not broken and shape and len(lines.row) > 1 and _holds_a_row(lines.row, separator, shape, width):
                broken = "a quotation mark that does not close: another row begins inside a cell"
        except StopIteration:
            return
        except csv.Error:
            broken = f"a cell of more than {MAX_CELL:,} characters, or a quotation mark that does not close"
        if not broken:
            if not any(cells):
                pass
            elif not width:
                width = len(cells)
                yield Row(line, cells)
            elif len(cells) > width and any(c.strip() for c in cells[width:]):
                yield Unread(name, line, f"has {len(cells)} cells, the header {width}: a quotation mark out of place?")
            elif len(cells) < width and (restarts or not lines.row[-1].endswith("\n")):
                yield Unread(name, line, f"has {len(cells)} of {width} cells: cut off?")
            else:
                shape = shape or _shape(cells[0])
                yield Row(line, [*cells[:width], *[""] * (width - len(cells))])
            line += len(lines.row)
            continue
        yield Unread(name, line, broken)
        restarts += 1
        if restarts > MAX_RESTARTS:
            yield Unread(name, line, f"given up after {MAX_RESTARTS} broken rows")
            return
        if width and lines.row:
            shape = shape or _shape(lines.row[0].partition(separator)[0].strip('"'))
        lines.again_behind_the_first()
        line += 1 + _skip_to_a_row(lines, separator, shape)
        reader = csv.reader(lines, delimiter=separator)


def _shape(cell: str) -> str:
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "0", cell.strip()))


def _holds_a_row(row: list[str], separator: str, shape: str, width: int) -> bool:
    """Whether a line inside a cell looks like a whole row's beginning, for tables wide enough to tell."""
    return width > 3 and any(
        line.count(separator) >= width - 1 and _shape(line.partition(separator)[0].strip(' "')) == shape
        for line in row[1:]
    )


def _skip_to_a_row(lines: _Lines, separator: str, shape: str) -> int:
    """Lines left out after a broken row, until one has a first cell that looks like the first row's."""
    skipped = 0
    for line in lines:
        first, found, _ = line.partition(separator)
        if found and shape and _shape(first.strip(' "')) == shape:
            lines.put_back(line)
            break
        skipped += 1
        lines.new_row()
    return skipped


def _workbook(file: File) -> Iterator[Row]:
    """Rows of the first sheet; values only, nothing is worked out."""
    from openpyxl import load_workbook

    with file.open() as raw:
        try:
            book = load_workbook(raw, read_only=True, data_only=True)
            try:
                sheet = book.worksheets[0]
                for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
                    texts = ["" if c is None else str(c) for c in cells]
                    if any(texts):
                        yield Row(number, [t.strip() for t in texts] if number == 1 else texts)
            finally:
                book.close()
        except GeneratorExit:
            raise
        except DAMAGED as problem:
            raise UnreadableInput(f"damaged, or no workbook ({type(problem).__name__})") from None
        except Exception as problem:
            # openpyxl lets many kinds through for a file that isn't what its name says
            raise UnreadableInput(f"damaged, or no workbook ({type(problem).__name__})") from None
