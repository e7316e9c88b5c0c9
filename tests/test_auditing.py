"""The audit as a whole: what is counted, what is written, what is not, and what an interruption leaves."""

from __future__ import annotations

import csv
import errno
import json
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chats import MACRO, OPENING, PATRONS, STAFF, Library, export, library
from replycheck import auditing, journal, report
from replycheck.auditing import Options, Progress, read_summary, write_audit
from replycheck.conversation import Conversation, Message, Role, Unread
from replycheck.errors import UnreadableInput, UsageError
from replycheck.workbook import write_workbook

write_report = report.write_report
Start = Callable[..., dict[str, Any]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Audits conversations into `tmp_path / out`, in small chunks."""
    monkeypatch.setattr(auditing, "_CHUNK_MESSAGES", 40)
    path = export(tmp_path)

    def run(items: list[Any], out: str = "out", **more: Any) -> dict[str, Any]:
        monkeypatch.setattr(auditing, "_open", lambda *_: Library(items))
        monkeypatch.setattr(report, "write_report", write_report)
        if not more.pop("report", False):
            monkeypatch.setattr(report, "write_report", lambda folder: (folder / "report.html").write_text("<p>"))
        options = more.pop("options", Options())
        return write_audit([path], tmp_path / out, options, **more)

    return run


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "findings.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def every_byte(folder: Path) -> bytes:
    """All that was written, workbooks unpacked."""
    found = b""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found += path.read_bytes()
            if path.suffix == ".xlsx":
                with zipfile.ZipFile(path) as book:
                    found += b"".join(book.read(name) for name in book.namelist())
    return found


def test_rows_and_summary_say_the_same(start: Start, tmp_path: Path) -> None:
    summary = start(library(150))
    found = rows(tmp_path / "out")
    assert len(found) == summary["runs"]["all"]
    counted = [r for r in found if r["counted"] == "true"]
    assert len(counted) == summary["runs"]["counted"] == summary["headlines"]["all"]["runs"]
    assert sum(r["class"] == "pushed" for r in counted) == summary["runs"]["pushed"]
    assert summary["headlines"]["input"]["runs"] == pytest.approx(
        sum(float(r["p_input"] or 0) for r in counted), abs=0.1
    )
    left = Counter(r["why_not_counted"] for r in found if r["counted"] == "false")
    assert left == {k: n for k, n in summary["runs"]["left_out"].items() if n}
    assert left["courtesy_only"] > 0
    assert len({r["key"] for r in found}) == len(found)
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == {
        k: v for k, v in summary.items() if k != "unread"
    }
    for groups in summary["by"].values():
        assert sum(g["all"]["runs"] for g in groups if g["all"]) <= summary["runs"]["counted"] * 3
    assert sum(g["conversations"] for g in summary["by"]["department"]) == 150


def test_the_same_verdicts_as_a_check(start: Start, tmp_path: Path, checker: Any) -> None:
    start(library(40), options=Options(with_text=True))
    moments = [json.loads(line) for line in (tmp_path / "out" / "moments.jsonl").read_text().splitlines()]
    by_key = {r["key"]: r for r in rows(tmp_path / "out")}
    unchanged = [m for m in moments if "[" not in m["reply"] + (m["patron"] or "")]
    assert len(unchanged) > 10
    for moment in unchanged:
        verdict = checker.check(moment["reply"], moment["patron"])
        row = by_key[moment["key"]]
        assert row["label"] == verdict.label
        assert float(row["probability"]) == pytest.approx(verdict.probability, abs=2e-4)


def test_nothing_personal_is_written(start: Start, tmp_path: Path) -> None:
    start(library(120), report=True)
    written = every_byte(tmp_path / "out").decode("utf-8", "replace")
    for secret in (
        *STAFF,
        *PATRONS,
        "Okonjo",
        "Thistlewood",
        "example.edu",
        "chat-id-",
        "8841",
        "nursing",
        "2025-01-1",
    ):
        assert secret not in written, secret
    assert not (tmp_path / "out" / ".audit").exists()
    assert not (tmp_path / "out" / "moments.jsonl").exists()


def test_texts_are_written_on_demand_without_names(start: Start, tmp_path: Path) -> None:
    items = [
        replace(
            c,
            messages=(
                *c.messages,
                Message(Role.PATRON, f"so, {c.messages[0].speaker}, is that so?"),
                Message(Role.STAFF, "Tobias Fenwick-Hale here: I shall ask about it today."),
            ),
        )
        for c in library(30)
    ]
    start(items, options=Options(with_text=True), report=True)
    written = every_byte(tmp_path / "out").decode("utf-8", "replace")
    assert "I shall ask about it today" in written
    assert not [n for n in (*STAFF, *PATRONS, "Fenwick", "Kwabena") if n in written]
    assert (
        "I shall ask about it today" in (tmp_path / "out" / "report.html").read_text()
        or read_summary(tmp_path / "out")["clearest"]
    )


def test_a_canned_opening_is_struck_out_and_a_macro_that_pushes_is_shown(start: Start, tmp_path: Path) -> None:
    summary = start(library(150), report=True)
    assert summary["canned_openings"] == 1
    texts = {c["text"]: c for c in summary["canned"]}
    assert texts[MACRO]["conversations"] >= 10
    assert OPENING not in (tmp_path / "out" / "report.html").read_text()
    alone = [
        replace(
            c, messages=(c.messages[0], Message(Role.STAFF, OPENING), Message(Role.PATRON, "hello? my card is blocked"))
        )
        for c in library(30)
        if c.messages[0].role is Role.PATRON
    ]
    summary = start(alone, "alone")
    assert summary["runs"]["left_out"]["canned_opening"] + summary["runs"]["left_out"]["courtesy_only"] == len(alone)
    assert summary["runs"]["left_out"]["canned_opening"] == len(alone)
    assert start(alone[:9], "few")["runs"]["left_out"]["canned_opening"] == 0


def test_small_groups_are_merged(start: Start, tmp_path: Path) -> None:
    summary = start(library(150), options=Options(min_group=10))
    for groups in summary["by"].values():
        assert all(g["conversations"] >= 10 for g in groups)
    assert "Attic" not in every_byte(tmp_path / "out").decode("utf-8", "replace")
    cells = Counter(
        (r["month"], r["band"], r["department"], r["channel"], r["conversation"]) for r in rows(tmp_path / "out")
    )
    sizes = Counter(cell[:4] for cell in cells)
    assert all(n >= 10 or set(cell) == {"other"} for cell, n in sizes.items())


def test_what_looks_like_a_formula_is_text(start: Start, tmp_path: Path) -> None:
    from openpyxl import load_workbook

    start([replace(c, department="=cmd|' /C calc'!A0") for c in library(40)])
    assert any(r["department"].startswith("'=cmd") for r in rows(tmp_path / "out"))
    with_formula = [
        cell
        for row in load_workbook(tmp_path / "out" / "findings.xlsx").active.iter_rows()
        for cell in row
        if isinstance(cell.value, str) and cell.value.startswith("=")
    ]
    assert with_formula
    assert {c.data_type for c in with_formula} == {"s"}


def test_a_workbook_goes_on_on_another_sheet(tmp_path: Path) -> None:
    from openpyxl import load_workbook

    table = tmp_path / "t.csv"
    table.write_text("conversation,department\r\n" + "".join(f"{i},d\r\n" for i in range(1, 8)))
    write_workbook(table, tmp_path / "t.xlsx", sheet_rows=4)
    sheets = load_workbook(tmp_path / "t.xlsx").worksheets
    assert [[row[0] for row in sheet.values] for sheet in sheets] == [
        ["conversation", 1, 2, 3],
        ["conversation", 4, 5, 6],
        ["conversation", 7],
    ]


def test_interrupted_it_goes_on_and_gives_the_same_bytes(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [*library(100), Unread("export.csv", 7, "a quotation mark out of place")]
    options = Options(with_text=True)
    start(items, "whole", options=options, report=True)

    def stop(at: Progress) -> None:
        if at.conversations > 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(items, options=options, progress=stop, report=True)
    assert not (tmp_path / "out" / "findings.csv").exists()
    seen: list[Progress] = []
    summary = start(items, options=options, progress=seen.append, report=True)
    assert seen[0].earlier > 30
    assert summary["read"]["unread"]
    for name in auditing.OUTPUTS:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_interrupted_while_writing_it_goes_on(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = library(40)
    start(items, "whole")
    with monkeypatch.context() as broken:
        broken.setattr("replycheck.workbook.write_workbook", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            start(items)
    start(items)
    for name in ("findings.csv", "summary.json", "report.html", "findings.xlsx"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_full_disk_keeps_what_is_finished(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = library(60)
    put, room = journal._put, [4]

    def full(path: Path, text: str) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        put(path, text)

    with monkeypatch.context() as small:
        small.setattr(journal, "_put", full)
        with pytest.raises(UsageError, match="No space left on device; what is finished is kept"):
            start(items)
    seen: list[Progress] = []
    start(items, progress=seen.append)
    assert seen[0].earlier > 0


def test_another_option_or_input_is_named(start: Start, tmp_path: Path) -> None:
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    items = library(40)
    with pytest.raises(KeyboardInterrupt):
        start(items, progress=stop)
    with pytest.raises(UsageError, match=r"other options \(--min-group\).*--fresh"):
        start(items, options=Options(min_group=20))
    (tmp_path / "export.csv").write_text("other\n")
    with pytest.raises(UsageError, match=r"other inputs: .*export\.csv changed"):
        start(items)
    summary = start(items, resume=False, options=Options(min_group=20))
    assert summary["options"]["min_group"] == 20


def test_a_finished_audit_is_not_written_over(start: Start, tmp_path: Path) -> None:
    start(library(20), options=Options(with_text=True))
    with pytest.raises(UsageError, match="finished audit"):
        start(library(20))
    start(library(20), resume=False)
    assert not (tmp_path / "out" / "moments.jsonl").exists()


def test_a_file_that_changes_meanwhile_is_said(start: Start, tmp_path: Path) -> None:
    def change(_: Progress) -> None:
        (tmp_path / "export.csv").write_text("changed\n")

    summary = start(library(30), progress=change)
    assert [(u["file"], u["why"]) for u in summary["read"]["unread"]] == [("export.csv", "changed while it was read")]


def test_an_error_of_the_readers_thread_is_not_lost(start: Start) -> None:
    class Broken(Exception):
        pass

    class Breaking(list[Any]):
        def __iter__(self) -> Any:
            yield from library(20)
            raise Broken

    for jobs in (1, 2):
        with pytest.raises(Broken):
            start(Breaking(), f"out{jobs}", jobs=jobs)


def test_a_reply_too_long_is_listed_and_the_rest_judged(start: Start) -> None:
    long = Conversation("x", (Message(Role.PATRON, "hi"), Message(Role.STAFF, "word " * 50_000)), "export.csv", 9)
    summary = start([*library(12), long])
    assert summary["runs"]["left_out"]["too_long"] == 1
    assert [(u["file"], u["line"]) for u in summary["read"]["unread"]] == [("export.csv", 9)]


def test_replies_without_messages_are_in_neither_headline(start: Start) -> None:
    alone = [
        Conversation(f"r{i}", (Message(Role.STAFF, "We have cameras to borrow at the tech desk!"),), "export.csv")
        for i in range(12)
    ]
    first = [
        Conversation(f"p{i}", (Message(Role.STAFF, "Need any help?"), Message(Role.PATRON, "no")), "export.csv")
        for i in range(3)
    ]
    summary = start([*alone, *first])
    assert summary["runs"]["message_unknown"] == 12
    assert summary["runs"]["left_out"]["proactive"] == 3
    assert summary["headlines"]["input"] is None
    assert summary["headlines"]["all"]["runs"] == 12


def test_recovered_chats(start: Start) -> None:
    talks = [c for c in library(200) if "twice" in "".join(m.text for m in c.messages)]
    summary = start(talks)
    assert summary["recovered"]["conversations_with_push"] > 0
    assert summary["recovered"]["recovered"] <= summary["recovered"]["conversations_with_push"]


def test_nothing_at_all(start: Start, tmp_path: Path) -> None:
    summary = start([Unread("export.csv", 1, "not a format that is known")], report=True)
    assert summary["runs"]["all"] == 0
    assert "No reply could be counted" in (tmp_path / "out" / "report.html").read_text()


def test_an_earlier_audit_stands_beside(start: Start, tmp_path: Path) -> None:
    start(library(80, seed=2), "old")
    options = Options(compare=tmp_path / "old")
    summary = start(library(80, seed=3), options=options, report=True)
    low, high = summary["earlier"]["change"]["input"]
    assert low < summary["headlines"]["input"]["share"] - summary["earlier"]["headlines"]["input"]["share"] < high
    assert "Against an earlier audit" in (tmp_path / "out" / "report.html").read_text()
    old = read_summary(tmp_path / "old")
    old["model"]["version"] = "other-1"
    (tmp_path / "old" / "summary.json").write_text(json.dumps(old))
    summary = start(library(80, seed=3), "again", options=options, report=True)
    assert summary["earlier"]["change"] == {}
    assert "made with another model (other-1" in (tmp_path / "again" / "report.html").read_text()
    with pytest.raises(UsageError, match="holds no finished audit"):
        start(library(20), "third", options=Options(compare=tmp_path))


def test_places_that_cannot_be_written_or_read(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't be written"):
        start(library(12), "file/out")
    with pytest.raises(UnreadableInput, match="no such file"):
        write_audit([tmp_path / "nothing"], tmp_path / "x", Options())
    with pytest.raises(UsageError, match="lies in"):
        write_audit([tmp_path], tmp_path / "x", Options())


_NAME = st.text(st.characters(categories=["Lu", "Ll", "Nd"]), min_size=6, max_size=12)


@given(names=st.lists(_NAME, min_size=3, max_size=3, unique=True), number=st.integers(10**8, 10**9))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_string_of_the_metadata_is_in_any_output(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], number: int
) -> None:
    patron, staff, mail = f"Qx{names[0]}", f"Qy{names[1]}", f"Qz{names[2]}@example.org"
    who = {PATRONS[0]: patron, PATRONS[1]: mail, PATRONS[2]: patron, STAFF[0]: staff, STAFF[1]: staff, STAFF[2]: staff}
    items = [
        replace(
            c,
            id=f"Qi{number}",
            messages=tuple(replace(m, speaker=who.get(m.speaker or "", m.speaker)) for m in c.messages),
            names=frozenset({patron, staff, mail}),
            tags=(*c.tags, f"for {staff}"),
            channel=mail,
            department=f"{patron} room" if n % 2 else c.department,
        )
        for n, c in enumerate(library(24))
    ]
    start(items, resume=False, options=Options(min_group=2))
    written = every_byte(tmp_path / "out").decode("utf-8", "replace").casefold()
    # what is ours may not be taken for theirs
    assert not [s for s in (patron, staff, mail, f"Qi{number}") if s.casefold() in written]
