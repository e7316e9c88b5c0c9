"""Tables in, tables out: every cell, column and row of a person's own table stays what and where it was."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
import sys
import zipfile
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replycheck.checker import Checker
from replycheck.errors import UnreadableInput, UsageError
from replycheck.tables import (
    COLUMNS,
    SHEET_CELL,
    SUFFIXES,
    Remark,
    Table,
    check_output,
    check_room,
    check_suffix,
    read_rows,
    read_table,
    replacing,
    score_table,
    write_table,
)

Row = Sequence[Any]
NONE_ADDED: list[tuple[Any, ...] | None] = [None] * 50

HEADER = ["id", "reply", "patron_message", "note"]
ROWS = [
    ["007", "We have cameras to borrow!", "My students can't film.", "=1+1"],
    ["0042", "I've asked Sam, and I'll write on Friday.", "", '+44 "x"; y, z\tw'],
    ["1e5", "Which search did you try?\n\nI'll look too.", "The catalogue hides e-books.", "-1 שלום 😀 ß"],
    ["N/A", "Yes, at the desk on level 2.", "Do you lend cameras?", "@home"],
    ["null", "That's fair. What would suit you?", "NA", "2024-01-05"],
]


def write(path: Path, header: Sequence[str] = HEADER, rows: Sequence[Row] = ROWS) -> Path:
    """A table as another program would write it."""
    suffix = path.suffix
    if suffix in (".csv", ".tsv"):
        with path.open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file, delimiter="," if suffix == ".csv" else "\t")
            out.writerows([header, *rows])
    elif suffix == ".xlsx":
        book = openpyxl.Workbook()
        sheet = book.worksheets[0]
        for i, row in enumerate([header, *rows], 1):
            for j, value in enumerate(row, 1):
                cell = sheet.cell(i, j, value)
                if isinstance(value, str):
                    cell.data_type = "s"
        book.save(path)
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows))
    else:
        pq.write_table(pa.table([list(c) for c in zip(*rows, strict=True)], names=list(header)), path)
    return path


def read(path: Path) -> tuple[list[Any], list[list[Any]]]:
    """(header, rows) as another program would read them; an empty cell is None."""
    suffix = path.suffix
    rows: list[list[Any]]
    if suffix in (".csv", ".tsv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [list(r) for r in csv.reader(file, delimiter="," if suffix == ".csv" else "\t", strict=True)]
        header = rows.pop(0)
    elif suffix == ".xlsx":
        rows = [list(r) for r in openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)]
        header = rows.pop(0)
    elif suffix == ".jsonl":
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
        header = list(records[0])
        rows = [list(r.values()) for r in records]
    else:
        arrow = pq.ParquetFile(path).read()
        header = arrow.column_names
        rows = [list(r) for r in zip(*(c.to_pylist() for c in arrow.columns), strict=True)]
    return header, [[None if v == "" else v for v in row] for row in rows]


def score(checker: Checker, source: Path, target: Path, **options: Any) -> tuple[list[Remark], list[Remark]]:
    """(rows not judged, cells changed) of reading, scoring and writing."""
    table = read_rows(source)
    scored = score_table(checker, table, **options)
    return scored.unread, write_table(table, scored.added, target)


def rewrite(source: Path, target: Path) -> list[Remark]:
    """Read and write without judging anything."""
    table = read_rows(source)
    return write_table(table, NONE_ADDED[: len(table.rows)], target)


def pairs(rows: Sequence[Row]) -> list[list[Any]]:
    return [[None if v == "" else v for v in row] for row in rows]


# --- kept as it was ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", SUFFIXES)
@pytest.mark.parametrize("of", SUFFIXES)
def test_every_format_goes_into_every_other_unchanged(checker: Checker, tmp_path: Path, of: str, to: str) -> None:
    source, target = write(tmp_path / f"in{of}"), tmp_path / f"out{to}"
    assert score(checker, source, target) == ([], [])
    header, rows = read(target)
    assert header == [*HEADER, *COLUMNS]
    assert [row[: len(HEADER)] for row in rows] == pairs(ROWS)
    for row, (_, reply, message, _) in zip(rows, ROWS, strict=True):
        verdict = checker.check(reply, message or None)
        label, p, threshold, unsure, why, kind, reasons, model = row[len(HEADER) :]
        assert (label, model) == (str(verdict.label), verdict.model_version)
        assert float(p) == pytest.approx(verdict.probability, abs=1e-4)
        assert float(threshold) == pytest.approx(verdict.threshold, abs=1e-4)
        assert str(unsure) == str(verdict.unsure)
        assert (why, kind) == (verdict.unsure_reason, verdict.message_kind)
        assert (reasons or "") == "; ".join(f"{r.move}: {verdict.cut(r)}" for r in verdict.reasons)


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t,;\"'= "), max_size=12)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=6), suffix=st.sampled_from([".csv", ".tsv"]))
def test_any_separated_table_keeps_its_cells(
    checker: Checker, tmp_path: Path, rows: list[list[str]], suffix: str
) -> None:
    header = ["a", "reply", "a"]
    source, target = write(tmp_path / f"in{suffix}", header, rows), tmp_path / f"out{suffix}"
    unread, changed = score(checker, source, target)
    assert [r.row for r in unread] == [i for i, row in enumerate(rows, 2) if not row[1].strip()]
    assert not changed
    with target.open(encoding="utf-8", newline="") as file:
        found = list(csv.reader(file, delimiter="," if suffix == ".csv" else "\t", strict=True))
    assert [row[:3] for row in found] == [header, *rows]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.fixed_dictionaries(
            {"reply": st.text(max_size=20)},
            optional={
                "a": st.text(),
                "\ud800": st.none() | st.integers() | st.floats(allow_nan=False),
                "": st.booleans(),
            },
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_records_keep_their_keys_and_values(
    checker: Checker, tmp_path: Path, records: list[dict[str, Any]]
) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(r, ensure_ascii=True) + "\n" for r in records))
    _, changed = score(checker, source, target)
    assert not changed
    found = [json.loads(line) for line in target.read_text(encoding="utf-8").split("\n") if line]
    assert [list(r) for r in found] == [[*r, *COLUMNS] for r in records]
    assert [{k: v for k, v in r.items() if k not in COLUMNS} for r in found] == records


def test_a_row_with_few_cells_and_blank_lines_between_keep_their_places(checker: Checker, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("reply,note\nYes.\n\nNo.,x\n\n\n")
    unread, _ = score(checker, source, target)
    assert unread == [Remark(3, "reply", "is empty")]
    assert [row[:2] for row in read(target)[1]] == [["Yes.", None], [None, None], ["No.", "x"]]


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("separator", [";", ","])
def test_a_csv_keeps_its_separator_and_its_mark(tmp_path: Path, separator: str, bom: bytes) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    text = separator.join(["reply", '"a, b"' if separator == ";" else "b", "c"]) + "\r\n"
    row = separator.join(["Ja.", '"1,5"' if separator == "," else "1,5", "ü"]) + "\r\n"
    source.write_bytes(bom + (text + row).encode())
    rewrite(source, target)
    raw = target.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf") == bool(bom)
    first, second = list(csv.reader(io.StringIO(raw.decode("utf-8-sig")), delimiter=separator))
    assert first == ["reply", "a, b" if separator == ";" else "b", "c", *COLUMNS]
    assert second[:3] == ["Ja.", "1,5", "ü"]


def test_a_csv_made_from_a_workbook_is_one_that_excel_reads(tmp_path: Path) -> None:
    rewrite(write(tmp_path / "in.xlsx"), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbfid,reply,")


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".parquet"])
def test_columns_of_one_name_stay_two(tmp_path: Path, suffix: str) -> None:
    header, rows = ["reply", "x", "x"], [["Yes.", "1", "2"]]
    target = tmp_path / f"out{suffix}"
    assert rewrite(write(tmp_path / f"in{suffix}", header, rows), target) == []
    found, cells = read(target)
    assert found == [*header, *COLUMNS]
    assert cells[0][:3] == rows[0]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_where_a_name_stands_once_the_second_is_numbered_and_that_is_said(tmp_path: Path, suffix: str) -> None:
    source = write(tmp_path / "in.csv", ["x", "reply", "x", "x (2)"], [["1", "Yes.", "2", "3"]])
    remarks = rewrite(source, tmp_path / f"out{suffix}")
    header, rows = read(tmp_path / f"out{suffix}")
    assert header[:4] == ["x", "reply", "x (2)", "x (2) (2)"]
    assert rows[0][:4] == ["1", "Yes.", "2", "3"]
    assert [r.column for r in remarks] == ["x", "x (2)"]


def test_an_empty_table_gets_its_columns(checker: Checker, tmp_path: Path) -> None:
    for suffix in (".csv", ".xlsx"):
        for to in SUFFIXES:
            target = tmp_path / f"out{to}"
            assert score(checker, write(tmp_path / f"in{suffix}", ["reply"], []), target) == ([], [])
            assert target.exists()
            if to != ".jsonl":
                assert read(target) == (["reply", *COLUMNS], [])


# --- workbooks ---------------------------------------------------------------------------------------------------


def workbook(path: Path, rows: Sequence[Row], formats: dict[str, str] | None = None) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(list(row))
    for place, number_format in (formats or {}).items():
        book.worksheets[0][place].number_format = number_format
    book.save(path)
    return path


def test_dates_numbers_and_leading_zeros_of_a_workbook_look_as_before(tmp_path: Path) -> None:
    row: list[Any] = [
        "Yes.",
        42,
        datetime(2024, 1, 5),
        datetime(2024, 1, 5, 9, 30),
        time(9, 30),
        1.5,
        True,
        "007",
        None,
    ]
    formats = {"B2": "00000", "C2": "dd.mm.yyyy", "D2": "d.m.yy h:mm", "F2": "0.00 €", "H2": "@"}
    source = workbook(tmp_path / "in.xlsx", [["reply", *"bcdefghi"], row], formats)
    assert rewrite(source, tmp_path / "out.xlsx") == []
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0]
    assert [c.value for c in sheet[2]][:9] == row
    assert {place: sheet[place].number_format for place in formats} == formats
    rewrite(source, tmp_path / "out.csv")
    cells = read(tmp_path / "out.csv")[1][0][:9]
    assert cells == ["Yes.", "42", "2024-01-05", "2024-01-05 09:30:00", "09:30:00", "1.5", "True", "007", None]


def test_dates_and_numbers_of_a_workbook_keep_their_type_in_parquet(tmp_path: Path) -> None:
    rows: list[Row] = [["reply", "day", "n"], ["Yes.", date(2024, 1, 5), 1], ["No.", None, 2.5]]
    assert rewrite(workbook(tmp_path / "in.xlsx", rows), tmp_path / "out.parquet") == []
    assert read(tmp_path / "out.parquet")[1][0][:3] == ["Yes.", date(2024, 1, 5), 1.0]


def test_columns_without_a_name_and_rows_without_cells_stay(checker: Checker, tmp_path: Path) -> None:
    source = workbook(tmp_path / "in.xlsx", [["reply", None, 2020], ["Yes."], [], [None, "x", "y", "z"], ["No."], []])
    unread, _ = score(checker, source, tmp_path / "out.xlsx")
    assert [r.row for r in unread] == [3, 4]
    header, rows = read(tmp_path / "out.xlsx")
    assert header[:5] == ["reply", None, "2020", None, "rc_label"]
    assert [r[:4] for r in rows] == [
        ["Yes.", None, None, None],
        [None] * 4,
        [None, "x", "y", "z"],
        ["No.", *[None] * 3],
    ]


def change_sheet(path: Path, old: str, new: str) -> Path:
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    # openpyxl writes empty elements in another way where lxml is there
    sheet, old = (
        x.replace(" />", "/>").replace("<v></v>", "<v/>") for x in (parts["xl/worksheets/sheet1.xml"].decode(), old)
    )
    assert old in sheet
    parts["xl/worksheets/sheet1.xml"] = sheet.replace(old, new).encode()
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return path


def test_a_formula_becomes_its_value_or_its_text_but_no_formula(checker: Checker, tmp_path: Path) -> None:
    rows: list[Row] = [["reply", "a", "b"], ['="Thanks"&"!"', "=1+2", "=3+4"], ["Yes.", 1, 2]]
    source = workbook(tmp_path / "in.xlsx", rows)
    change_sheet(source, "<f>1+2</f><v />", "<f>1+2</f><v>3</v>")
    change_sheet(source, '<c r="A2"><f>"Thanks"&amp;"!"</f><v />', '<c r="A2" t="str"><f>A</f><v>Thanks!</v>')
    assert score(checker, source, tmp_path / "out.xlsx") == ([], [])
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0]
    assert [c.value for c in sheet[2]][:3] == ["Thanks!", 3, "=3+4"]
    assert sheet["C2"].data_type == "s"


def test_a_workbook_that_lies_about_its_size_is_read_whole(tmp_path: Path) -> None:
    source = workbook(tmp_path / "in.xlsx", [["reply", "b"], ["Yes.", "x"], ["No.", "y"]])
    change_sheet(source, '<dimension ref="A1:B3" />', '<dimension ref="A1" />')
    assert [list(r) for r in read_rows(source).rows] == [["Yes.", "x"], ["No.", "y"]]


def test_other_sheets_are_not_passed_over_in_silence(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].title = "old"
    book.worksheets[0].sheet_state = "hidden"
    for title in ("chats", "more"):
        book.create_sheet(title).append(["reply"])
    book["chats"].append(["Yes."])
    book.active = 1
    book.save(tmp_path / "in.xlsx")
    table = read_rows(tmp_path / "in.xlsx")
    assert list(table.rows) == [["Yes."]]
    assert [r.why for r in table.remarks] == ["only its first sheet, 'chats', was read"]


FORMULA_LIKE = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", '=HYPERLINK("http://x","y")', "#N/A", "='a'!B1", "\r=1"]


@pytest.mark.parametrize("of", [".csv", ".jsonl", ".parquet"])
def test_no_text_becomes_a_formula_in_a_workbook(checker: Checker, tmp_path: Path, of: str) -> None:
    source = write(tmp_path / f"in{of}", ["reply", "=header"], [[text, text] for text in FORMULA_LIKE])
    score(checker, source, tmp_path / "out.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "out.xlsx").worksheets[0]
    texts = [c for row in sheet.iter_rows() for c in row if isinstance(c.value, str)]
    assert {c.data_type for c in texts} == {"s"}
    assert len(texts) > 2 * len(FORMULA_LIKE)
    with zipfile.ZipFile(tmp_path / "out.xlsx") as book:
        assert b"<f" not in book.read("xl/worksheets/sheet1.xml")
    assert [row[0] for row in read_rows(tmp_path / "out.xlsx").rows] == FORMULA_LIKE


def test_control_characters_and_line_ends_pass_through_a_workbook(checker: Checker, tmp_path: Path) -> None:
    text = "".join(map(chr, [*range(32), 0x7F, 0x85, 0x2028, 0xFEFF, 0xFFFE, 0xFFFF])) + "Yes.\r\nNo. _x000D_ _x41_ "
    source = write(tmp_path / "in.jsonl", ["reply", "n"], [[text, "a\r\nb"]])
    assert score(checker, source, tmp_path / "out.xlsx") == ([], [])
    assert list(read_rows(tmp_path / "out.xlsx").rows[0])[:2] == [text, "a\r\nb"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("x" * SHEET_CELL, "x" * SHEET_CELL),
        ("x" * (SHEET_CELL + 1), "x" * SHEET_CELL),
        ("😀" * SHEET_CELL, "😀" * (SHEET_CELL // 2)),
        ("x" * (SHEET_CELL - 3) + "\x00" + "y" * 9, "x" * (SHEET_CELL - 3)),
    ],
    ids=["fits", "over by one", "wide characters", "cut inside an escape"],
)
def test_a_cell_too_long_for_a_workbook_is_shortened_and_named(tmp_path: Path, text: str, kept: str) -> None:
    source = write(tmp_path / "in.jsonl", ["reply", "n"], [["Yes.", "0"], [text, "1"], ["No.", "2"]])
    remarks = rewrite(source, tmp_path / "out.xlsx")
    assert [(r.row, r.column) for r in remarks] == ([(3, "reply")] if kept != text else [])
    rows = read(tmp_path / "out.xlsx")[1]
    assert [r[1] for r in rows] == ["0", "1", "2"]
    assert rows[1][0] == kept


def test_numbers_that_a_spreadsheet_would_round_are_written_as_text(tmp_path: Path) -> None:
    values = [12345678901234567890, 999999999999999, 1e400, "x", -(10**15)]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"reply": "Yes.", "n": v}) + "\n" for v in values))
    rewrite(source, tmp_path / "out.xlsx")
    found = [row[1] for row in read(tmp_path / "out.xlsx")[1]]
    assert found == ["12345678901234567890", 999999999999999, "inf", "x", "-1000000000000000"]


def test_more_rows_or_columns_than_a_sheet_holds_are_refused(tmp_path: Path) -> None:
    for table in (
        Table(tmp_path / "x.csv", ["reply"], range(1_048_576), range(2, 9)),  # type: ignore[arg-type]
        Table(tmp_path / "x.csv", ["reply"] * 16_380, [], []),
    ):
        check_room(tmp_path / "y.csv", table)
        with pytest.raises(UsageError, match=r"a sheet holds 1,048,576 and 16,384: write \.csv"):
            check_room(tmp_path / "y.xlsx", table)


# --- records and Arrow -------------------------------------------------------------------------------------------


def test_a_record_stays_as_it_was_written(checker: Checker, tmp_path: Path) -> None:
    lines = [
        r'{"reply": "Yes.", "n": 1.10, "big": 12345678901234567890, "s": "\ud800 \u00e9 é /\/"}',
        "",
        '  {"id":"007","reply":"No, \u2028sorry.","tags":["a",{"b":null}] }\r',
        r'{"note": "no reply here"}',
        "{}",
    ]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes("\n".join(lines).encode())
    unread, changed = score(checker, source, target)
    assert unread == [Remark(4, "reply", "is empty"), Remark(5, "reply", "is empty")]
    assert not changed
    found = target.read_text(encoding="utf-8").split("\n")
    assert found[0].startswith(lines[0][:-1] + ', "rc_label": ')
    assert found[1].startswith(lines[2].strip()[:-1].rstrip() + ', "rc_label": ')
    empty = dict.fromkeys(COLUMNS)
    assert [json.loads(line) for line in found[2:4]] == [{"note": "no reply here", **empty}, empty]
    assert found[4:] == [""]


def test_nested_and_mixed_values_become_text_where_a_column_has_one_type(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"reply": "Yes.", "mixed": 1, "deep": {"é": [1]}, "number": 1, "flag": True, "big": 2**70},
        {"reply": "No.", "mixed": "a", "number": 2.5},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(r) + "\n" for r in records))
    remarks = rewrite(source, tmp_path / "out.parquet")
    assert [r.column for r in remarks] == ["mixed", "deep", "big"]
    _, rows = read(tmp_path / "out.parquet")
    assert rows[0][:6] == ["Yes.", "1", '{"é": [1]}', 1.0, True, str(2**70)]
    assert rows[1][:6] == ["No.", "a", None, 2.5, None, None]
    for suffix in (".csv", ".xlsx"):
        assert rewrite(source, tmp_path / f"out{suffix}") == []
        assert read(tmp_path / f"out{suffix}")[1][0][2] == '{"é": [1]}'


def test_a_parquet_file_keeps_its_types_and_its_index(checker: Checker, tmp_path: Path) -> None:
    arrow = pa.table(
        {
            "reply": pa.array(["Yes.", None]).dictionary_encode(),
            "n": pa.array([1, None], pa.int32()),
            "at": pa.array([datetime(2024, 1, 5), None], pa.timestamp("ns", "UTC")),
            "tags": pa.array([["a"], []]),
            "raw": pa.array([b"\xff", None]),
            "__index_level_0__": pa.array([7, 8]),
        }
    ).replace_schema_metadata({"pandas": "{}", "ours": "x"})
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(arrow, source)
    unread, changed = score(checker, source, target)
    assert (unread, changed) == ([Remark(2, "reply", "is empty")], [])
    found = pq.ParquetFile(target).read()
    assert found.select(range(6)).equals(pq.ParquetFile(source).read())
    assert found.schema.metadata[b"ours"] == b"x"
    assert [str(t) for t in found.schema.types[6:]] == ["string", "double", "double", "bool", *["string"] * 4]
    for suffix in (".csv", ".xlsx", ".jsonl"):
        rewrite(source, tmp_path / f"out{suffix}")
    assert read(tmp_path / "out.csv")[1][0][:6] == ["Yes.", "1", "2024-01-05 00:00:00+00:00", '["a"]', "\\xff", "7"]
    assert read(tmp_path / "out.xlsx")[1][0][:6] == ["Yes.", 1, "2024-01-05 00:00:00+00:00", '["a"]', "\\xff", 7]
    assert read(tmp_path / "out.jsonl")[1][0][:6] == ["Yes.", 1, "2024-01-05 00:00:00+00:00", ["a"], "\\xff", 7]


@pytest.mark.parametrize("to", [".csv", ".tsv", ".xlsx", ".parquet"])
def test_half_a_character_is_replaced_where_no_file_can_hold_it_and_that_is_said(
    checker: Checker, tmp_path: Path, to: str
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(r'{"reply": "We \ud800 have cameras.", "k\udfff": ["\ud800"]}' + "\n")
    target = tmp_path / f"out{to}"
    unread, changed = score(checker, source, target)
    header, rows = read(target)
    assert not unread
    assert header[:2] == ["reply", "k\ufffd"]
    assert rows[0][0] == "We \ufffd have cameras."
    assert "\ufffd" in rows[0][1] or "\\ud800" in rows[0][1]
    assert (1 if to == ".parquet" else 2, "reply") in [(r.row, r.column) for r in changed]


def test_half_a_character_in_a_reply_survives_among_records(checker: Checker, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(r'{"reply": "\ud800"}' + "\n")
    assert score(checker, source, tmp_path / "out.jsonl") == ([], [])
    assert json.loads((tmp_path / "out.jsonl").read_text())["reply"] == "\ud800"


# --- what can't be read ------------------------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.csv", b"", "is empty"),
        ("x.csv", b"\nreply\nYes.\n", "row 1: is blank; expected the names of the columns"),
        ("x.csv", PNG, "not UTF-8 text (line 1): a binary file, or another encoding"),
        ("x.csv", bytes(range(32)) * 9, "a binary file, or UTF-16"),
        ("x.csv", "reply\nJa.\nÄ.\n".encode("cp1252"), "not UTF-8 text (line 3)"),
        ("x.tsv", "reply\nJa.\n".encode("utf-16"), "not UTF-8 text (line 1)"),
        ("x.csv", "reply\nJa.\n".encode("utf-16-le"), "a binary file, or UTF-16"),
        ("x.csv", b'reply,n\n"a\nb",1\n"He said "hi" to me",2\n', "row 3: a quotation mark out of place"),
        ("x.csv", b'reply,n\nYes.,1\n"No.,2\nYes.,3\n', "row 3: a quotation mark out of place"),
        ("x.csv", b"reply,n\nYes.,1\nYes, and no.,2\n", "row 3: has 3 cells, the header 2"),
        ("x.tsv", b"reply\n\nYes.\tx\n", "row 3: has 2 cells, the header 1"),
        ("x.jsonl", b'{"reply": "a"}\n\n{"reply": \n', "row 3: not JSON"),
        ("x.jsonl", b'{"reply": "a"}\n[1]\n', "row 2: expected a JSON object"),
        ("x.jsonl", b"[" * 200_000, "row 1: not JSON"),
        ("x.jsonl", b"\xff\n", "not UTF-8 text (line 1)"),
        ("x.xlsx", b"", "damaged, or not xlsx at all"),
        ("x.xlsx", PNG, "damaged, or not xlsx at all"),
        ("x.parquet", b"", "damaged, or not parquet at all"),
        ("x.parquet", b"PAR1" + bytes(64) + b"PAR1", "damaged, or not parquet at all"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_named(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UnreadableInput) as problem:
        read_rows(path)
    assert str(problem.value).startswith(str(path))
    assert says in str(problem.value)


@pytest.mark.parametrize("suffix", [".xlsx", ".parquet"])
@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_a_damaged_table_is_unreadable_whatever_is_missing(tmp_path: Path, suffix: str, keep: float) -> None:
    path = write(tmp_path / f"x{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(UnreadableInput, match=f"damaged, or not {suffix[1:]} at all"):
        read_rows(path)
    path.write_bytes(content[:200] + bytes(len(content) - 400) + content[-200:])
    with pytest.raises(UnreadableInput, match=f"damaged, or not {suffix[1:]} at all"):
        read_rows(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_missing_table_and_a_directory_are_told_apart(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    with pytest.raises(UnreadableInput, match="no such file"):
        read_rows(path)
    path.mkdir()
    with pytest.raises(UnreadableInput, match="is a directory, not a table"):
        read_rows(path)


def test_a_workbook_without_cells_is_empty(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="is empty"):
        read_rows(workbook(tmp_path / "x.xlsx", []))
    with pytest.raises(UnreadableInput, match="row 1: is blank"):
        read_rows(workbook(tmp_path / "x.xlsx", [[], ["reply"]]))


@pytest.mark.parametrize(
    ("header", "options", "column", "says"),
    [
        (["text"], {}, "reply", "no such column; there are 'text'"),
        (["reply"], {"reply_column": "Reply"}, "Reply", "no such column; there are 'reply'"),
        (["reply"], {"message_column": "asked"}, "asked", "no such column; there are 'reply'"),
        (["x" * 99], {}, "reply", f"there are '{'x' * 39}…'"),
        (["reply", "reply"], {}, "reply", "is there more than once"),
        (["reply", "patron_message", "patron_message"], {}, "patron_message", "is there more than once"),
        (["reply", "rc_unsure"], {}, "rc_unsure", "has been scored before"),
    ],
)
def test_a_column_that_is_missing_doubtful_or_ours_is_named(
    checker: Checker, tmp_path: Path, header: list[str], options: dict[str, str], column: str, says: str
) -> None:
    path = write(tmp_path / "x.csv", header, [["Yes."] * len(header)])
    with pytest.raises(UnreadableInput) as problem:
        score_table(checker, read_rows(path), **options)  # type: ignore[arg-type]
    assert str(problem.value).startswith(f"{path}, column {column!r}: ")
    assert says in str(problem.value)


# --- rows that can't be judged -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_row_that_can_not_be_judged_keeps_its_place_and_is_named(
    checker: Checker, tmp_path: Path, suffix: str
) -> None:
    rows = [["Yes.", "a"], ["", "b"], ["x" * 101, "c"], ["No.", "d" * 102], [" \n", "e"], ["I'll look.", "f"]]
    source, target = write(tmp_path / f"in{suffix}", ["reply", "asked"], rows), tmp_path / f"out{suffix}"
    seen: list[int] = []
    unread, _ = score(checker, source, target, message_column="asked", max_chars=100, progress=seen.append)
    first = 1 if suffix in (".jsonl", ".parquet") else 2
    assert unread == [
        Remark(first + 1, "reply", "is empty"),
        Remark(first + 2, "reply", "has 101 characters; at most 100 are judged"),
        Remark(first + 3, "asked", "has 102 characters; at most 100 are judged"),
        Remark(first + 4, "reply", "is empty"),
    ]
    assert sum(seen) == len(rows)
    found = read(target)[1]
    assert [r[:2] for r in found] == pairs(rows)
    assert [all(v is None for v in r[2:]) for r in found] == [False, True, True, True, True, False]


def test_a_value_that_is_no_text_is_not_judged_and_a_number_is(checker: Checker, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    values: list[Any] = [["a"], {"text": "Yes."}, 42, None, True]
    source.write_text("".join(json.dumps({"reply": v}) + "\n" for v in values))
    scored = score_table(checker, read_rows(source))
    assert [(r.row, r.why) for r in scored.unread] == [
        (1, "is not text, but list"),
        (2, "is not text, but dict"),
        (4, "is empty"),
    ]


ODD = {
    "emoji": "😀",
    "nul": "Thank you\x00 so much",
    "right to left": "שלום, תודה שכתבת לנו. \u202eabc",
    "language": "Vielen Dank für Ihre Nachricht, wir melden uns.",
    "html": "<p>Please <b>fill in</b> our survey.</p><script>alert(1)</script>",
    "marks": "\ufeff\u200b\u2028",
}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_odd_texts_are_judged_and_kept(checker: Checker, tmp_path: Path, suffix: str) -> None:
    rows = [[key, text] for key, text in ODD.items()]
    source = write(tmp_path / "in.jsonl", ["id", "reply"], rows)
    if suffix not in (".jsonl", ".xlsx"):
        source = write(tmp_path / f"in{suffix}", ["id", "reply"], rows)
    target = tmp_path / f"out{suffix}"
    assert score(checker, source, target) == ([], [])
    table = read_rows(target)
    assert [list(r[:2]) for r in table.rows] == rows
    assert [r[2] for r in table.rows] == [str(checker.check(text).label) for text in ODD.values()]


# --- nothing half written ----------------------------------------------------------------------------------------


class Failing(Sequence[tuple[Any, ...] | None]):
    """Added cells of which the last can't be had."""

    def __init__(self, rows: int, problem: BaseException) -> None:
        self.rows, self.problem = rows, problem

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, _: Any) -> Any:
        raise self.problem

    def __iter__(self) -> Iterator[tuple[Any, ...] | None]:
        yield from [None] * (self.rows - 1)
        raise self.problem


@pytest.mark.parametrize("older", [None, b"what was there"], ids=["new", "older"])
@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), KeyboardInterrupt(), RuntimeError("x")])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_or_interrupted_writing_leaves_everything_as_it_was(
    tmp_path: Path, suffix: str, problem: BaseException, older: bytes | None
) -> None:
    table = read_rows(write(tmp_path / "in.csv", rows=ROWS * 300))
    target = tmp_path / f"out{suffix}"
    if older is not None:
        target.write_bytes(older)
    before = sorted(tmp_path.iterdir())
    expected = UsageError if isinstance(problem, OSError) else type(problem)
    with pytest.raises(expected) as found:
        write_table(table, Failing(len(table.rows), problem), target)
    assert sorted(tmp_path.iterdir()) == before
    assert older is None or target.read_bytes() == older
    if expected is UsageError:
        assert str(found.value) == f"{target}: can't be written: No space left on device"


def test_the_new_table_takes_the_place_of_the_old_one_with_its_permissions(tmp_path: Path) -> None:
    source, target = write(tmp_path / "in.csv"), tmp_path / "out.csv"
    target.write_text("old")
    target.chmod(0o600)
    rewrite(source, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    mask = os.umask(0o027)
    try:
        rewrite(source, tmp_path / "folder" / "new.csv")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "folder" / "new.csv").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    link.symlink_to(real)
    with replacing(link) as new:
        new.write_text("x")
    assert link.is_symlink()
    assert real.read_text() == "x"


# --- where a table may go ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x", "x.txt", "x.xls", "x.csv.gz", ".csv"])
def test_a_suffix_that_says_no_format_is_misuse(name: str) -> None:
    with pytest.raises(UsageError, match=r"use one of .csv, .tsv, .xlsx, .jsonl, .parquet"):
        check_suffix(Path(name))
    assert check_suffix(Path("X.CSV")) == ".csv"


def test_a_place_that_can_not_be_written_to_is_refused_before_anything_is_judged(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "x.csv").mkdir()
    check_output(tmp_path / "new" / "x.csv")
    with pytest.raises(UsageError, match="is a directory"):
        check_output(tmp_path / "x.csv")
    with pytest.raises(UsageError, match="is not a directory that may be written to"):
        check_output(tmp_path / "file" / "x.csv")


def test_parquet_without_its_extra_is_misuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "x.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for use in (read_rows, check_output):
        with pytest.raises(UsageError, match=r"needs the extra: pip install 'replycheck\[parquet\]'"):
            use(path)


def test_a_data_frame_of_the_table_knows_the_rows_as_a_person_sees_them(tmp_path: Path) -> None:
    source = tmp_path / "x.jsonl"
    source.write_text('{"reply": "a"}\n\n{"reply": "b", "n": 1}\n')
    frame = read_table(source)
    assert frame.to_dict("index") == {1: {"reply": "a", "n": None}, 3: {"reply": "b", "n": 1}}
