"""`findings.csv` → `findings.xlsx`, row by row, on as many sheets as it needs.

A last step of an audit, beside `report`.
"""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

from replycheck.errors import UsageError
from replycheck.summary import FORMULA
from replycheck.tables import SHEET_ROWS

_NUMBERS = {
    "conversation": int,
    "run": int,
    "probability": float,
    "kind_probability": float,
    "p_input": float,
    "p_request": float,
}
_WIDE = {"moves": 40, "reasons": 40, "advice": 60, "department": 24, "why_not_counted": 18, "key": 24}
_WHEN = datetime(2000, 1, 1)
"""Instead of the time of writing, so that the same findings give the same bytes."""


def write_workbook(findings: Path, book: Path, *, sheet_rows: int = SHEET_ROWS) -> None:
    """Write the table as a workbook of sheets of at most `sheet_rows` rows, each with the heading."""
    try:
        import xlsxwriter
    except ImportError:
        raise UsageError("an audit needs the extra: pip install 'replycheck[audit]'") from None

    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
        "tmpdir": str(book.parent),
    }
    with findings.open(encoding="utf-8", newline="") as table, xlsxwriter.Workbook(str(book), options) as out:
        out.set_properties({"title": "Findings of an audit", "created": _WHEN})
        bold = out.add_format({"bold": True, "bottom": 1})
        rows = csv.reader(table)
        head = next(rows)
        kinds = [_NUMBERS.get(name) for name in head]
        sheet, at = None, 0
        for row in rows:
            if sheet is None or at == sheet_rows:
                sheet, at = _sheet(out, head, bold), 1
            for column, (kind, value) in enumerate(zip(kinds, row, strict=True)):
                if not value:
                    continue
                if kind:
                    sheet.write_number(at, column, kind(value))
                elif value in ("true", "false"):
                    sheet.write_boolean(at, column, value == "true")
                else:
                    # the quote keeps a spreadsheet that opens the CSV from working the cell out; here the cell's type does
                    sheet.write_string(
                        at, column, value[1:] if value[:1] == "'" and value[1:].startswith(FORMULA) else value
                    )
            at += 1
        if sheet is None:
            _sheet(out, head, bold)


def _sheet(out: Any, head: list[str], bold: Any) -> Any:
    sheet = out.add_worksheet(f"findings {len(out.worksheets()) + 1}")
    for column, name in enumerate(head):
        sheet.set_column(column, column, _WIDE.get(name, 13))
    sheet.write_row(0, 0, head, bold)
    sheet.freeze_panes(1, 2)
    return sheet
