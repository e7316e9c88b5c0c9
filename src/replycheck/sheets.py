"""Workbooks that people label in: drop-downs, colours, the codebook on the second sheet; and faulty cells marked.

Beside the walk, for `labels` and `labelling`. Every cell of text is written as text, never as a formula.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replycheck.codebook import LABELS, MESSAGE_KINDS, MOVES, Label, MessageKind
from replycheck.tables import SHEET_CELL, as_text, replacing

if TYPE_CHECKING:
    from replycheck.labels import Fault, Record

WIDTHS = {"reply": 80, "patron_message": 50, "label": 18, "message_kind": 14, "why": 44, "remark": 44}
"""Width of a column in characters; others are narrow."""
NARROW = 14
LINE, HIGHEST = 15.0, 409.0
"""Points of a line, and of the highest row that Excel has."""
_CHOICES = ("label", "settled")
_COLOURS = {str(Label.LISTENING): "D9EFE0", str(Label.PUSHING): "F8DCCB", "can't tell": "E6E6E6"}
_HEAD, _FAULTY = "DDE3EA", "FFF2A8"


def write_sheet(
    path: Path,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    marks: Mapping[tuple[int, str], str] | None = None,
) -> None:
    """A workbook with a sheet `replies` and a sheet `codebook`. Columns named `label`, `settled` or `message_kind` get drop-downs;
    `marks` (place in `rows`, column) → what is wrong there, shown as a coloured cell with a note."""
    from openpyxl import Workbook
    from openpyxl.comments import Comment
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet = book.active
    sheet.title = "replies"
    sheet.freeze_panes = "A2"
    wrap = Alignment(wrap_text=True, vertical="top")
    for j, name in enumerate(columns, 1):
        _put(sheet, 1, j, name)
        sheet.cell(1, j).font = Font(bold=True)
        sheet.cell(1, j).fill = PatternFill("solid", fgColor=_HEAD)
        sheet.column_dimensions[get_column_letter(j)].width = WIDTHS.get(name, NARROW)
    for i, row in enumerate(rows):
        for j, value in enumerate(row, 1):
            _put(sheet, i + 2, j, value)
            sheet.cell(i + 2, j).alignment = wrap
        # Excel would find the height by itself, LibreOffice lets long text run over the next row
        sheet.row_dimensions[i + 2].height = _height(columns, row)
    for (i, name), why in (marks or {}).items():
        cell = sheet.cell(i + 2, list(columns).index(name) + 1)
        cell.fill = PatternFill("solid", fgColor=_FAULTY)
        cell.comment = Comment(why, "replycheck", width=320, height=120)
    for j, name in enumerate(columns, 1):
        _drop_down(sheet, name, get_column_letter(j), len(rows))
    _codebook(book)
    with replacing(path) as new:
        book.save(new)


def _height(columns: Sequence[str], row: Sequence[Any]) -> float:
    """Points that the longest cell of a row needs, by the width of its column."""
    lines = (
        sum(1 + len(line) // (WIDTHS.get(name, NARROW) - 1) for line in as_text(value).split("\n"))
        for name, value in zip(columns, row, strict=True)
    )
    return min(LINE * max(lines, default=1), HIGHEST)


def _put(sheet: Any, row: int, column: int, value: Any) -> None:
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    if isinstance(value, (int, float)):
        sheet.cell(row, column, value)
        return
    text = ILLEGAL_CHARACTERS_RE.sub("\ufffd", as_text(value))[: SHEET_CELL // 2]
    if text:
        cell = sheet.cell(row, column)
        cell.value = text
        cell.data_type = "s"


def _drop_down(sheet: Any, name: str, letter: str, rows: int) -> None:
    from openpyxl.formatting.rule import CellIsRule
    from openpyxl.styles import PatternFill
    from openpyxl.worksheet.datavalidation import DataValidation

    place = f"{letter}2:{letter}{max(rows + 1, 2)}"
    words: Sequence[str] = ()
    if name in _CHOICES:
        words = list(_COLOURS)
        for word, colour in _COLOURS.items():
            fill = PatternFill("solid", bgColor=colour)
            sheet.conditional_formatting.add(place, CellIsRule(operator="equal", formula=[f'"{word}"'], fill=fill))
    elif name == "message_kind":
        words = list(MessageKind)
    if words:
        rule = DataValidation("list", formula1='"' + ",".join(words) + '"', allow_blank=True)
        rule.error, rule.errorTitle = "Choose one of: " + ", ".join(words), "Not in the codebook"
        rule.prompt, rule.promptTitle = "See the sheet ‘codebook’.", name
        rule.showErrorMessage = rule.showInputMessage = True
        sheet.add_data_validation(rule)
        rule.add(place)


def _codebook(book: Any) -> None:
    from openpyxl.styles import Alignment, Font

    sheet = book.create_sheet("codebook")
    for letter, width in zip("ABCDE", (18, 12, 80, 70, 50), strict=True):
        sheet.column_dimensions[letter].width = width
    rows: list[tuple[str, ...]] = [("label", "", "what it means", "example", "source")]
    rows += [(str(k), "", e.definition, e.example, e.citation) for k, e in LABELS.items()]
    rows += [("",), ("message_kind", "", "what the message calls for", "example", "source")]
    rows += [(str(k), "", e.definition, e.example, e.citation) for k, e in MESSAGE_KINDS.items()]
    rows += [("",), ("move", "side", "the sentence…", "example", "source")]
    rows += [(str(k), str(e.side), e.definition, e.example, e.citation) for k, e in MOVES.items()]
    for i, row in enumerate(rows, 1):
        for j, text in enumerate(row, 1):
            _put(sheet, i, j, text)
            sheet.cell(i, j).alignment = Alignment(wrap_text=True, vertical="top")
            if row[0] in ("label", "message_kind", "move"):
                sheet.cell(i, j).font = Font(bold=True)


# --- faulty cells ------------------------------------------------------------------------------------------------


def marked_beside(path: Path) -> Path:
    """Where the marked workbook of a file of labels is written."""
    return path.with_name(f"{path.stem}-marked.xlsx")


def write_marked(path: Path, records: Sequence[Record], faults: Sequence[Fault]) -> None:
    """The records as a workbook to set right: words of the codebook in their own spelling, faulty cells marked with what is allowed; what
    stands in columns of a person's own follows as it is."""
    from replycheck.labels import FIELDS, plain

    used = [n for n in FIELDS if n in ("reply", "label") or any(as_text(r.cells.get(n)) for r in records)]
    more = list(dict.fromkeys(c for r in records for c in r.others))
    spelling = {plain(str(w)): str(w) for words in (Label, MessageKind) for w in words}
    rows = []
    for record in records:
        cells = [as_text(record.cells.get(n)) for n in used]
        rows.append(
            [
                spelling.get(plain(c), c) if n in ("label", "message_kind") else c
                for n, c in zip(used, cells, strict=True)
            ]
            + [record.others.get(c) for c in more]
        )
    place = {r.row: i for i, r in enumerate(records)}
    back = {(r.row, column): name for r in records for name, column in r.names.items()}
    marks: dict[tuple[int, str], str] = {}
    for fault in faults:
        name = back.get((fault.row, fault.column), fault.column)
        name = name if name in used else "reply"
        key = (place[fault.row], name)
        marks[key] = f"{marks[key]}\n{fault.why}" if key in marks else fault.why
    write_sheet(path, [*used, *more], rows, marks=marks)
