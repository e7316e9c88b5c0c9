"""Findings of an audit → a workbook for a person to judge blind, and what it says when it comes back.

Beside the walk, between an audit and `estimate`. The sheet holds texts and an empty column, and nothing that the model said.
Which finding a line is travels in a hidden sheet, by number, so that the lines may be sorted and some may be missing.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from replycheck.codebook import LABELS, MOVES, Label
from replycheck.errors import UnreadableInput, UsageError

FINDINGS, MOMENTS = "findings.csv", "moments.jsonl"
COLUMNS = ("moment", "patron wrote", "reply", "your judgement", "remark")
CANT_TELL = "can't tell"
CHOICES = (str(Label.LISTENING), str(Label.PUSHING), CANT_TELL)
_NEEDED = ("conversation", "run", "label", "probability", "kind", "counted", "key")
_DESIGN = "design"
_CELL = 32_767
_TRUE, _FALSE = {"true", "1", "yes"}, {"false", "0", "no", ""}


@dataclass(frozen=True, slots=True)
class Findings:
    """The counted runs of an audit, column by column, in the file's order."""

    ids: list[str]
    probability: list[float]
    pushing: list[bool]
    kind: list[str]
    key: list[str]
    fingerprint: str
    """Of which runs there are and what the model said of them."""

    def __len__(self) -> int:
        return len(self.ids)


def read_findings(folder: Path) -> Findings:
    """The counted rows of `findings.csv`; UnreadableInput names file, row and column."""
    file = folder / FINDINGS
    found = Findings([], [], [], [], [], "")
    digest = hashlib.sha256()
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            if missing := [c for c in _NEEDED if c not in (reader.fieldnames or ())]:
                raise UnreadableInput("no such column; is this an audit's folder?", file=file, column=missing[0])
            for row, r in enumerate(reader, 2):
                if _counted(r["counted"], file, row):
                    p = _probability(r["probability"], file, row)
                    found.ids.append(f"{r['conversation']}#{r['run']}")
                    found.probability.append(p)
                    found.pushing.append(r["label"] == Label.PUSHING)
                    found.kind.append(r["kind"] or "")
                    found.key.append(r["key"] or "")
                    digest.update(f"{found.ids[-1]}\t{p!r}\n".encode())
    except OSError as problem:
        raise UnreadableInput(problem.strerror or "can't be read", file=file) from None
    except (UnicodeDecodeError, csv.Error) as problem:
        raise UnreadableInput(f"is not a table in UTF-8: {problem}", file=file) from None
    if not found.ids:
        raise UnreadableInput("holds no run that was counted", file=file)
    if len(set(found.ids)) < len(found):
        raise UnreadableInput("holds a run twice", file=file, column="run")
    return Findings(found.ids, found.probability, found.pushing, found.kind, found.key, digest.hexdigest()[:16])


def _counted(cell: str | None, file: Path, row: int) -> bool:
    value = (cell or "").strip().lower()
    if value not in _TRUE | _FALSE:
        raise UnreadableInput("neither true nor false", file=file, row=row, column="counted")
    return value in _TRUE


def _probability(cell: str | None, file: Path, row: int) -> float:
    try:
        value = float(cell or "")
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UnreadableInput("not a probability between 0 and 1", file=file, row=row, column="probability")
    return value


def read_moments(folder: Path, keys: Sequence[str]) -> dict[str, tuple[str, str]]:
    """key → (patron's text, reply) of `moments.jsonl`, for these keys; UsageError if the audit kept no texts."""
    file = folder / MOMENTS
    if not file.is_file():
        raise UsageError(f"{file}: not there; a person needs the texts, so audit again with --with-text")
    wanted, found = set(keys), {}
    with file.open(encoding="utf-8") as lines:
        for row, line in enumerate(lines, 1):
            try:
                moment = json.loads(line)
                if moment["key"] in wanted:
                    found[moment["key"]] = (str(moment["patron"] or ""), str(moment["reply"]))
            except (ValueError, KeyError, TypeError, RecursionError):
                raise UnreadableInput("not a record with key, patron and reply", file=file, row=row) from None
    if missing := wanted - found.keys():
        raise UnreadableInput(f"lacks {len(missing)} of the texts that were drawn; audit again", file=file)
    return found


# --- the workbook -------------------------------------------------------------------------------------------------


def write_sheet(
    path: Path, findings: Findings, rows: Sequence[int], moments: dict[str, tuple[str, str]], seed: int
) -> None:
    """The workbook: a sheet to fill in, the codebook, and a hidden sheet that says which finding each moment is."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font, Protection
    from openpyxl.worksheet.datavalidation import DataValidation

    from replycheck.tables import replacing

    if path.suffix.lower() != ".xlsx":
        raise UsageError(f"{path}: the sheet is a workbook; give a name that ends in .xlsx")
    book = Workbook()
    sheet = book.active
    sheet.title = "judge"
    _row(sheet, 1, COLUMNS)
    top, free = Alignment(wrap_text=True, vertical="top"), Protection(locked=False)
    for at, row in enumerate(rows, 2):
        _row(sheet, at, (at - 1, *moments[findings.key[row]], None, None))
        for cell in sheet[at]:
            cell.alignment = top
        sheet.cell(at, 4).protection = sheet.cell(at, 5).protection = free
    for column, width in zip("ABCDE", (9, 60, 60, 18, 30), strict=True):
        sheet.column_dimensions[column].width = width
    choice = DataValidation(
        type="list", formula1='"' + ",".join(CHOICES) + '"', allow_blank=True, showErrorMessage=True, showDropDown=False
    )
    choice.error = "One of: " + ", ".join(CHOICES)
    sheet.add_data_validation(choice)
    choice.add(f"D2:D{len(rows) + 1}")
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:E{len(rows) + 1}"
    _codebook(book.create_sheet("codebook"), top)
    design = book.create_sheet(_DESIGN)
    _row(design, 1, ("moment", "finding"))
    for at, row in enumerate(rows, 2):
        _row(design, at, (at - 1, findings.ids[row]))
    _row(design, len(rows) + 2, (0, json.dumps({"findings": findings.fingerprint, "drawn": len(rows), "seed": seed})))
    design.sheet_state = "veryHidden"
    for each in book.worksheets:
        for cell in each[1]:
            cell.font = Font(bold=True)
    with replacing(path) as new:
        book.save(new)


def _row(sheet: Any, at: int, values: Sequence[Any]) -> None:
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    for column, value in enumerate(values, 1):
        if isinstance(value, str):
            value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value.encode(errors="replace").decode())[: _CELL // 2]
        cell = sheet.cell(at, column, value)
        if isinstance(value, str):
            # whatever it starts with: somebody's words are never a formula
            cell.data_type = "s"


def _codebook(sheet: Any, top: Any) -> None:
    _row(sheet, 1, ("word", "what it means", "example"))
    rows = [(str(w), e.definition, e.example) for w, e in LABELS.items()]
    rows.append((CANT_TELL, "you read it twice and could defend either; leave no moment out because it is hard", ""))
    rows += [(str(w), f"{e.definition} ({e.side})", e.example) for w, e in MOVES.items()]
    for at, row in enumerate(rows, 2):
        _row(sheet, at, row)
        for cell in sheet[at]:
            cell.alignment = top
    for column, width in zip("ABC", (18, 80, 60), strict=True):
        sheet.column_dimensions[column].width = width


@dataclass(frozen=True, slots=True)
class Judged:
    """What came back: places of the findings drawn, and for each whether it pushes, None where nobody said."""

    rows: list[int]
    pushes: list[bool | None]
    cant_tell: int
    empty: int
    lost: int


def read_judged(path: Path, findings: Findings) -> Judged:
    """The filled-in workbook, sorted or not; UnreadableInput names sheet, row and column."""
    from openpyxl import load_workbook

    try:
        book = load_workbook(path, data_only=True)
    except FileNotFoundError:
        raise UnreadableInput("no such file", file=path) from None
    except Exception as problem:  # a broken archive, XML or style: openpyxl raises what its parts raise
        raise UnreadableInput(f"not a workbook ({type(problem).__name__})", file=path) from None
    drawn = _read_design(book, path, findings)
    if "judge" not in book.sheetnames:
        raise UnreadableInput("no sheet 'judge'", file=path)
    table = list(book["judge"].iter_rows(values_only=True))
    head = [str(v or "").strip().lower() for v in (table[0] if table else ())]
    for name in (COLUMNS[0], COLUMNS[3]):
        if name not in head:
            raise UnreadableInput("no such column on sheet 'judge'", file=path, column=name)
    number, judgement = head.index(COLUMNS[0]), head.index(COLUMNS[3])
    seen: dict[int, str] = {}
    for row, cells in enumerate(table[1:], 2):
        if all(c is None for c in cells):
            continue
        moment = cells[number]
        if not isinstance(moment, (int, float)) or int(moment) not in drawn:
            raise UnreadableInput("no moment of this sample (sheet 'judge')", file=path, row=row, column=COLUMNS[0])
        said = " ".join(str(cells[judgement] or "").lower().replace("’", "'").split())
        if said and said not in CHOICES:
            raise UnreadableInput(
                f"must be one of {', '.join(CHOICES)}, or empty (sheet 'judge')", file=path, row=row, column=COLUMNS[3]
            )
        if seen.setdefault(int(moment), said) != said:
            raise UnreadableInput(
                "judged twice, and differently (sheet 'judge')", file=path, row=row, column=COLUMNS[0]
            )
    said_of = [seen.get(m) for m in drawn]
    return Judged(
        list(drawn.values()),
        [None if s in (None, "", CANT_TELL) else s == Label.PUSHING for s in said_of],
        cant_tell=said_of.count(CANT_TELL),
        empty=said_of.count(""),
        lost=said_of.count(None),
    )


def _read_design(book: Any, path: Path, findings: Findings) -> dict[int, int]:
    """Moment → place of its finding."""
    if _DESIGN not in book.sheetnames:
        raise UnreadableInput("the hidden sheet 'design' is gone: save it as .xlsx, with all its sheets", file=path)
    place = {name: i for i, name in enumerate(findings.ids)}
    found: dict[int, int] = {}
    about: dict[str, Any] = {}
    for row, cells in enumerate(book[_DESIGN].iter_rows(min_row=2, values_only=True), 2):
        try:
            moment, name = int(cells[0]), str(cells[1])
            if moment == 0:
                about = json.loads(name)
            else:
                found[moment] = place.get(name, -1)
        except (TypeError, ValueError, IndexError, RecursionError):
            raise UnreadableInput("changed (sheet 'design')", file=path, row=row) from None
    if about.get("findings") != findings.fingerprint or -1 in found.values():
        raise UnreadableInput(f"was drawn from other findings than {FINDINGS} holds now", file=path)
    if len(found) != about.get("drawn") or len(set(found.values())) < len(found):
        raise UnreadableInput("changed (sheet 'design')", file=path)
    return found
