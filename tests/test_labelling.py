"""What to label next, which labels look wrong, and how far two people agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from sklearn.metrics import cohen_kappa_score

from replycheck.checker import Checker
from replycheck.codebook import Label, MessageKind, Move
from replycheck.corpus import Example, LabelledSentence, read_split
from replycheck.errors import CorpusError, UsageError
from replycheck.labelling import agreement, check_labels, differing, differing_sheet, kappa, label_next, match, settle
from replycheck.reply import Reply


@pytest.fixture(scope="module")
def pool(data: Path) -> list[Reply]:
    return [e.as_reply for e in read_split(data, "dev")][:120]


# --- label-next ------------------------------------------------------------------------------------------------------


def test_the_chosen_are_uncertain_and_a_tenth_is_drawn_by_lot(checker: Checker, pool: list[Reply]) -> None:
    chosen = label_next(checker, pool, 20)
    assert len({c.row for c in chosen}) == len(chosen) == 20
    assert sum(c.drawn for c in chosen) == 2
    p = np.array([v.probability for v in checker.check_many(pool, reasons=False)]).clip(1e-6, 1 - 1e-6)
    t = checker.engine.threshold_
    distance = np.abs(np.log(p / (1 - p)) - np.log(t / (1 - t)))
    picked = [c.row for c in chosen if not c.drawn]
    assert distance[picked].mean() < 0.8 * distance.mean()
    assert label_next(checker, pool, 20) == chosen
    assert {c.row for c in label_next(checker, pool, 20, seed=1)} != {c.row for c in chosen}


def test_no_near_duplicates_are_chosen_nor_what_is_labelled(checker: Checker, pool: list[Reply]) -> None:
    few = pool[:12]
    twins = [*few, *(Reply(r.text + " :)", r.patron_message) for r in few), Reply("   ")]
    rows = [c.row for c in label_next(checker, twins, 25, known=[few[0].text])]
    assert len({r % 12 for r in rows}) == len(rows) <= 11
    assert not {0, 12, 24} & set(rows)


def test_asking_for_nothing_or_from_nothing_is_misuse(checker: Checker) -> None:
    with pytest.raises(UsageError, match="at least one"):
        label_next(checker, [Reply("Yes.")], 0)
    with pytest.raises(UsageError, match="labelled already"):
        label_next(checker, [Reply(" ")], 3)


def test_fewer_than_asked_for_are_all_given(checker: Checker, pool: list[Reply]) -> None:
    assert sorted(c.row for c in label_next(checker, pool[:5], 50)) == [0, 1, 2, 3, 4]


def test_the_workbook_has_drop_downs_the_codebook_and_no_personal_data(
    command: Callable[..., int], tmp_path: Path, pool: list[Reply]
) -> None:
    table = tmp_path / "ours.csv"
    rows = "".join(f'"Dear Okonkwo, ring 020 7946 0991 about item {i}. {r.text[:40]}",chat{i // 2}\n' for i, r in enumerate(pool[:9]) if '"' not in r.text)  # fmt: skip
    table.write_text('reply,group\n"=cmd()",x\n' + rows, encoding="utf-8")
    out = tmp_path / "sheet.xlsx"
    assert command("label-next", str(table), "-n", "10", "-o", str(out)) == 0
    book = load_workbook(out)
    sheet = book["replies"]
    assert book.sheetnames == ["replies", "codebook"]
    head = [c.value for c in sheet[1]]
    assert head == ["patron_message", "reply", "label", "message_kind", "group", "chosen"]
    rules = {str(v.sqref)[0]: v.formula1 for v in sheet.data_validations.dataValidation}
    assert rules["C"] == '"listening,service-pushing,can\'t tell"'
    assert rules["D"] == '"input,request,social"'
    assert len(list(sheet.conditional_formatting)) == 1
    texts = [str(row[1].value) for row in sheet.iter_rows(min_row=2)]
    assert texts
    assert not any("7946" in t for t in texts)
    assert all(row[1].data_type == "s" for row in sheet.iter_rows(min_row=2))
    assert not [c.value for row in sheet.iter_rows(min_row=2) for c in row if str(c.value).startswith("chat")]
    words = {str(c.value) for row in book["codebook"].iter_rows() for c in row}
    assert {*map(str, Label), *map(str, MessageKind), *map(str, Move)} <= words


def test_an_audit_is_read_and_one_without_texts_says_so(command: Callable[..., int], tmp_path: Path) -> None:
    audit = tmp_path / "audit"
    audit.mkdir()
    out = tmp_path / "sheet.xlsx"
    (audit / "summary.json").write_text("{}")
    assert command("label-next", str(audit), "-o", str(out)) == 3
    (audit / "moments.jsonl").write_text('{"key": "a", "patron": "Too loud.", "reply": "We have pods!"}\n')
    assert command("label-next", str(audit), "-o", str(out)) == 0
    assert [c.value for c in load_workbook(out)["replies"][2]][:2] == ["Too loud.", "We have pods!"]


# --- check-labels ----------------------------------------------------------------------------------------------------


def test_labels_that_were_turned_stand_first_with_their_reason(data: Path) -> None:
    pytest.importorskip("cleanlab")
    examples = [e for e in read_split(data, "train") if e.batch in ("b001", "b002", "b011", "b031") and not e.contested]
    turned = {e.id for e in examples[::20]}
    wrong = [
        replace(e, label=Label.LISTENING if e.pushing else Label.PUSHING) if e.id in turned else e for e in examples
    ]
    listed = check_labels(wrong, jobs=1)
    assert {d.example.id for d in listed} == {e.id for e in examples}
    first = [d for d in listed[: len(listed) // 4] if d.example.id in turned]
    # a model of four batches; what the whole corpus gives is in docs/retraining.md
    assert len(first) >= 0.5 * len(turned)
    assert all(d.instead is not d.example.label and "say" in d.why for d in first if "almost" not in d.why)
    assert [d.quality for d in listed] == sorted(d.quality for d in listed)


# --- agreement -------------------------------------------------------------------------------------------------------


def two_people() -> tuple[list[Example], list[Example]]:
    a = [
        Example(f"a{i}", f"a{i}", f"Reply number {i}.", Label.PUSHING if i % 3 == 0 else Label.LISTENING, "Hm.", MessageKind.INPUT,
                sentences=(LabelledSentence(0, 15, Move.PITCHES if i % 3 == 0 else Move.EXPLAINS),))
        for i in range(30)
    ]  # fmt: skip
    b = [replace(e, id=f"b{i}", label=Label.LISTENING if i == 0 else e.label) for i, e in enumerate(a)]
    b[1] = replace(b[1], message_kind=MessageKind.REQUEST)
    return a, list(reversed(b))


def test_agreement_is_raw_and_chance_corrected_by_label_kind_and_move() -> None:
    rows = {r.of: r for r in agreement(match(*two_people()))}
    label = rows["label"]
    assert (label.n, label.raw) == (30, 0.967)
    assert label.kappa == pytest.approx(0.923, abs=0.001)
    assert label.interval is not None
    assert label.interval[0] <= label.kappa <= label.interval[1]
    assert rows["kind"].raw == 0.967
    assert rows["kind"].kappa == 0.0
    assert (rows["move"].raw, rows["move"].kappa) == (1.0, 1.0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_kappa_is_cohens(pairs: list[tuple[int, int]]) -> None:
    codes = np.array(pairs)
    if len({*codes.ravel().tolist()}) < 2:
        assert kappa(codes) is None
    else:
        assert kappa(codes) == pytest.approx(cohen_kappa_score(*codes.T))


def test_nothing_in_common_is_misuse() -> None:
    a, _ = two_people()
    with pytest.raises(UsageError, match="no reply in common"):
        match(a, [replace(e, reply="other") for e in a])


def test_what_two_people_settle_is_read_back() -> None:
    pairs = match(*two_people())
    columns, rows = differing_sheet(differing(pairs))
    sheet = [dict(zip(columns, map(str, row), strict=True)) for row in rows]
    assert [r["reply"] for r in sheet] == ["Reply number 0.", "Reply number 1."]
    found, still_open = settle(pairs, sheet)
    assert (len(found), still_open) == (29, 1)
    sheet[0]["settled"], sheet[1]["message_kind"] = "service-pushing", "request"
    found, still_open = settle(pairs, sheet)
    assert (len(found), still_open) == (30, 0)
    kinds = {e.reply: e.message_kind for e in found}
    assert kinds["Reply number 1."] is MessageKind.REQUEST
    sheet[0]["settled"] = "can't tell"
    assert len(settle(pairs, sheet)[0]) == 29
    sheet[0]["settled"] = "yes"
    sheet[1]["message_kind"] = "ask"
    with pytest.raises(
        CorpusError, match=r"s.xlsx: row 2, column 'settled': found 'yes', allowed: listening.*\n.*row 3"
    ):
        settle(pairs, sheet, Path("s.xlsx"))


def test_a_kind_that_only_one_gave_is_no_difference_and_is_kept() -> None:
    a, b = two_people()
    without = [replace(e, message_kind=None) for e in b]
    for pairs in (match(a, without), match(without, a)):
        assert [x.reply for x, _ in differing(pairs)] == ["Reply number 0."]
        found, _ = settle(pairs, [])
        assert [e.message_kind for e in found] == [e.message_kind for e in a[1:]]


def test_two_files_are_compared_settled_and_read_as_labels(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, labels in (("a", "listening listening service-pushing"), ("b", "listening service-pushing service-pushing")):  # fmt: skip
        lines = [f"Reply {i}.,{label},by lot\n" for i, label in enumerate(labels.split())]
        (tmp_path / f"{name}.csv").write_text("reply,label,chosen\n" + "".join(lines))
    a, b, sheet, out = (str(tmp_path / n) for n in ("a.csv", "b.csv", "sheet.xlsx", "out.xlsx"))
    assert command("agreement", a, b, "-o", sheet) == 0
    assert "label: 3 in common, same 67%" in capsys.readouterr().out
    book = load_workbook(sheet)
    book["replies"]["E2"] = "listening"
    book.save(sheet)
    assert command("agreement", a, b, "--settled", sheet, "-o", out) == 0
    from replycheck.labels import read_labels

    assert [str(e.label) for e in read_labels([Path(out)]).examples] == ["listening", "listening", "service-pushing"]
    # a share counted on those drawn by lot is honest, so they must be known still
    assert [c.value for c in load_workbook(out)["replies"]["G"]] == ["chosen", "by lot", "by lot", "by lot"]
    with Path(a).open("a", encoding="utf-8") as more:
        more.write("Only A.,service-pushing,\nHard.,listening,\n")
    with Path(b).open("a", encoding="utf-8") as more:
        more.write("Hard.,can't tell,\n")
    again = str(tmp_path / "again.xlsx")
    capsys.readouterr()
    assert command("agreement", a, b, "--settled", sheet, "-o", again) == 0
    said = capsys.readouterr().out
    assert 'left out since one of you put "can\'t tell": 1' in said
    assert "4 labels written" in said
    assert "1 of them by one of you alone" in said
    other = load_workbook(sheet)
    other["replies"]["B2"] = "A reply of others."
    other.save(tmp_path / "others.xlsx")
    assert command("agreement", a, b, "--settled", tmp_path / "others.xlsx", "-o", tmp_path / "no.xlsx") == 3
    assert "none of its rows is one on which these two files differ" in capsys.readouterr().err


def test_a_workbook_that_somebody_may_have_worked_in_is_left_alone(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b, out = (tmp_path / n for n in ("a.csv", "b.csv", "sheet.xlsx"))
    for path in (a, b):
        path.write_text("reply,label\nOne.,listening\n")
    out.write_bytes(b"worked in")
    assert command("agreement", a, b, "-o", out) == 2
    assert command("label-next", a, "-o", out) == 2
    assert "is there already" in capsys.readouterr().err
    assert out.read_bytes() == b"worked in"


def test_a_sheet_without_the_settled_column_is_refused(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a = tmp_path / "a.csv"
    a.write_text("reply,label\nOne.,listening\n")
    assert command("agreement", a, a, "--settled", a, "-o", tmp_path / "o.xlsx") == 2
    assert "has no column 'settled'" in capsys.readouterr().err
    assert not (tmp_path / "o.xlsx").exists()


def test_the_raw_export_is_not_taken_for_an_audit(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("label-next", tmp_path, "-o", tmp_path / "o.xlsx") == 2
    assert "not the folder of a finished audit" in capsys.readouterr().err
