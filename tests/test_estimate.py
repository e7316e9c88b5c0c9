"""The sample, the interval, the workbook that goes to a person and comes back."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook
from typer.testing import CliRunner

from replycheck.cli import app
from replycheck.errors import UnreadableInput, UsageError
from replycheck.estimate import (
    FLOOR,
    ErrorRates,
    allocate,
    draw_sample,
    error_rates,
    estimate,
    estimate_by_kind,
    sensitivity_range,
    strata_of,
)
from replycheck.judging import read_findings, read_judged, read_moments, write_sheet
from simulate_estimate import simulate

RUNS = 400


def library(n: int = 2_000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).beta(0.25, 1.0, n)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An audit's folder: findings and texts, a third of the runs not counted."""
    p = library(RUNS, 3)
    with (tmp_path / "findings.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["conversation", "run", "month", "label", "probability", "kind", "counted", "key"])
        for i, x in enumerate(p):
            label = "service-pushing" if x >= 0.32 else "listening"
            kind = ("input", "request")[i % 2]
            writer.writerow([f"c{i // 3}", i % 3, "2023-04", label, f"{x:.4f}", kind, str(i % 3 != 2), f"k{i}"])
    with (tmp_path / "moments.jsonl").open("w", encoding="utf-8") as file:
        for i in range(RUNS):
            text = "=1+1" if i % 2 else f"reply {i} \x07 [name]"
            file.write(
                json.dumps({"key": f"k{i}", "patron": None if i % 5 == 0 else f"=message {i}", "reply": text}) + "\n"
            )
    return tmp_path


def sheet_of(folder: Path, n: int = 60) -> Path:
    findings = read_findings(folder)
    rows = draw_sample(findings.probability, n, 1).rows.tolist()
    path = folder / "sample.xlsx"
    write_sheet(path, findings, rows, read_moments(folder, [findings.key[i] for i in rows]), 1)
    return path


# --- the range of the model's count -------------------------------------------------------------------------------


def test_the_range_undoes_each_error_rate_and_is_none_when_nothing_can_be_said() -> None:
    rates = [ErrorRates("a", 0.9, 0.1), ErrorRates("b", 1.0, 0.0)]
    assert sensitivity_range(180, 1000, rates) == pytest.approx((0.1, 0.18))
    assert sensitivity_range(50, 1000, rates) == (0.0, pytest.approx(0.05))
    assert sensitivity_range(0, 0, rates) is None
    assert sensitivity_range(1, 10, [ErrorRates("useless", 0.1, 0.2)]) is None


def test_error_rates_are_those_of_the_shipped_record(data: Path) -> None:
    record = json.loads((data.parent / "models" / "default" / "evaluation.json").read_text(encoding="utf-8"))
    rates = {r.name: r for r in error_rates(record)}
    assert rates["dev"].recall == record["dev"]["label"]["recall"]
    assert rates["test"].false_alarms == record["test"]["label"]["false_alarms"]
    assert error_rates({}) == []


def test_error_rates_are_those_of_the_engine_that_judged(data: Path) -> None:
    record = json.loads((data.parent / "models" / "default" / "evaluation.json").read_text(encoding="utf-8"))
    for engine in ("fast", "cascade"):
        rates = {r.name: r for r in error_rates(record, engine)}
        assert rates["test"].recall == record["other_engines"][engine]["test"]["label"]["recall"]
    assert error_rates(record, "slow") == []


# --- the sample ---------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 500), min_size=6, max_size=6).filter(any), st.integers(1, 300))
@settings(deadline=None, max_examples=60)
def test_all_of_the_sample_is_shared_out_and_no_stratum_left_out(sizes: list[int], n: int) -> None:
    drawn = allocate(sizes, [0.01, 0.05, 0.2, 0.45, 0.75, 0.95], n)
    assert drawn.sum() == min(n, sum(sizes))
    assert (drawn <= sizes).all()
    if n >= 6 * FLOOR:
        assert ((drawn >= 1) | (np.array(sizes) == 0)).all()


def test_a_sample_says_how_probable_each_of_its_rows_was() -> None:
    p = library()
    sample = draw_sample(p, 100, 7)
    assert len(set(sample.rows.tolist())) == 100
    assert (strata_of(p)[sample.rows] == sample.stratum).all()
    assert (1 / sample.inclusion).sum() == pytest.approx(len(p))
    assert (draw_sample(p, 100, 7).rows == sample.rows).all()
    assert (draw_sample(p, 100, 8).rows != sample.rows).any()


def test_drawing_is_even_within_a_stratum() -> None:
    p = library(60)
    times = np.zeros(60)
    for seed in range(600):
        times[draw_sample(p, 20, seed).rows] += 1
    expected = np.zeros(60)
    sample = draw_sample(p, 20, 0)
    for stratum, inclusion in zip(sample.stratum, sample.inclusion, strict=True):
        expected[strata_of(p) == stratum] = inclusion
    assert np.abs(times / 600 - expected).max() < 0.09


# --- the estimate -------------------------------------------------------------------------------------------------


def test_everything_judged_is_the_truth_itself() -> None:
    p = library(50)
    truth = [bool(x) for x in p > 0.3]
    found = estimate(p, range(50), truth)
    assert found is not None
    assert found.interval == (found.share, found.share) == (np.mean(truth), np.mean(truth))


def test_no_pushing_run_among_the_judged_is_not_taken_for_none_at_all() -> None:
    p = library()
    rows = draw_sample(p, 100, 0).rows
    found = estimate(p, rows, [False] * 100)
    assert found is not None
    assert found.share == found.interval[0] == 0
    assert 0.005 < found.interval[1] < 0.1


def test_the_estimate_goes_by_what_was_judged_not_by_the_model() -> None:
    p = library()
    rows = draw_sample(p, 300, 0).rows
    contrary = estimate(p, rows, [bool(x < 0.02) for x in p[rows]])
    assert contrary is not None
    assert contrary.share == pytest.approx(np.mean(p < 0.02))


def test_what_nobody_could_judge_widens_the_worst_case_only() -> None:
    p = library()
    rows = draw_sample(p, 100, 0).rows
    judged: list[bool | None] = [bool(x) for x in p[rows] > 0.5]
    judged[:20] = [None] * 20
    found = estimate(p, rows, judged)
    assert found is not None
    assert (found.judged, found.drawn) == (80, 100)
    assert found.worst_case[0] < found.interval[0] < found.share < found.interval[1] < found.worst_case[1]
    assert estimate(p, rows, [None] * 100) is None


def test_a_stratum_that_nobody_judged_leans_on_its_neighbour() -> None:
    p = library()
    sample = draw_sample(p, 100, 0)
    judged = [None if s == 2 else bool(x > 0.3) for s, x in zip(sample.stratum, p[sample.rows], strict=True)]
    found = estimate(p, sample.rows, judged)
    assert found is not None
    assert 0 < found.share < 1


def test_a_wrong_draw_is_refused() -> None:
    for rows, judged in (([0, 0], [True, True]), ([9], [True]), ([0], [])):
        with pytest.raises(ValueError, match="distinct places"):
            estimate([0.1, 0.9], rows, judged)


def test_both_headlines_are_estimated_from_their_own_runs() -> None:
    p = library()
    kind = np.where(np.arange(len(p)) % 3 == 0, "input", "request").tolist()
    rows = draw_sample(p, 200, 0).rows
    found = estimate_by_kind(p, kind, rows, [kind[i] == "input" for i in rows])
    inputs, requests = found["runs that answer input"], found["runs that answer request"]
    assert inputs is not None
    assert requests is not None
    assert (inputs.share, requests.share) == (1, 0)
    assert inputs.runs + requests.runs == len(p)


def test_the_interval_holds_the_truth_and_is_narrower_than_simple_checking() -> None:
    figures = simulate(300, n=100, seed=5)
    assert 0.92 <= figures["covers"] <= 0.98  # 300 libraries tell 95 % from 92 %; `make simulate` takes 2,000
    assert figures["width"] < 0.6 * figures["simple_width"]
    assert abs(figures["bias"]) < 0.005


# --- the workbook -------------------------------------------------------------------------------------------------


def test_the_sheet_is_blind_and_holds_no_formula(folder: Path) -> None:
    book = load_workbook(sheet_of(folder))
    assert [s.sheet_state for s in book] == ["visible", "visible", "veryHidden"]
    cells = [c for s in book for row in s.iter_rows() for c in row]
    assert {c.data_type for c in cells} <= {"s", "inlineStr", "n"}
    judge = {str(c.value) for row in book["judge"].iter_rows(min_row=2) for c in row}
    assert not judge & {"listening", "service-pushing"}
    assert any(v == "=1+1" for v in judge)
    assert book["judge"].data_validations.dataValidation[0].formula1 == '"listening,service-pushing,can\'t tell"'


def fill(path: Path, *, shuffle: bool = False, drop: int = 0) -> None:
    book = load_workbook(path)
    sheet = book["judge"]
    rows = [[c.value for c in r] for r in sheet.iter_rows(min_row=2)]
    for k, row in enumerate(rows):
        row[3] = ("Listening", "service-pushing", "can’t tell", None)[k % 4]
    if shuffle:
        rows = rows[::-1]
    sheet.delete_rows(2, sheet.max_row)
    for row in rows[drop:]:
        sheet.append(row)
    book.save(path)


def test_a_sorted_sheet_with_lost_lines_is_read(folder: Path) -> None:
    path = sheet_of(folder)
    fill(path)
    findings = read_findings(folder)
    straight = read_judged(path, findings)
    assert (straight.cant_tell, straight.empty, straight.lost) == (15, 15, 0)
    fill(sheet_of(folder), shuffle=True)
    assert read_judged(path, findings) == straight
    fill(sheet_of(folder), drop=7)
    assert read_judged(path, findings).lost == 7


def test_a_sheet_that_cannot_be_right_is_refused_with_its_place(folder: Path) -> None:
    findings = read_findings(folder)
    path = sheet_of(folder)
    book = load_workbook(path)
    book["judge"].cell(5, 4, "dunno")
    book.save(path)
    with pytest.raises(UnreadableInput, match=r"sample.xlsx, row 5, column 'your judgement': must be one of"):
        read_judged(path, findings)
    book = load_workbook(path)
    book["judge"].cell(5, 4).value = None
    book["judge"].cell(6, 1, 999)
    book.save(path)
    with pytest.raises(UnreadableInput, match=r"row 6, column 'moment': no moment of this sample"):
        read_judged(path, findings)
    del book["design"]
    book.save(path)
    with pytest.raises(UnreadableInput, match="hidden sheet 'design' is gone"):
        read_judged(path, findings)
    path.write_bytes(b"PK\x03\x04 no")
    with pytest.raises(UnreadableInput, match="not a workbook"):
        read_judged(path, findings)


def test_a_sheet_of_another_audit_is_refused(folder: Path) -> None:
    path = sheet_of(folder)
    file = folder / "findings.csv"
    file.write_text(file.read_text(encoding="utf-8-sig").replace("c0,0", "c0,9"), encoding="utf-8")
    with pytest.raises(UnreadableInput, match="drawn from other findings"):
        read_judged(path, read_findings(folder))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (",probability,", ",p,", "column 'probability': no such column"),
        ("True,k0", "maybe,k0", "row 2, column 'counted': neither"),
        ("2023-04,listening,0.", "2023-04,listening,7.", "column 'probability': not a probability"),
    ],
)
def test_findings_that_cannot_be_read_are_named(folder: Path, old: str, new: str, says: str) -> None:
    file = folder / "findings.csv"
    file.write_text(file.read_text(encoding="utf-8-sig").replace(old, new), encoding="utf-8")
    with pytest.raises(UnreadableInput, match=says):
        read_findings(folder)


def test_without_texts_there_is_nothing_to_judge(folder: Path) -> None:
    (folder / "moments.jsonl").unlink()
    with pytest.raises(UsageError, match="--with-text"):
        read_moments(folder, ["k0"])


def test_from_the_findings_to_the_estimate_on_the_command_line(folder: Path) -> None:
    run = CliRunner().invoke
    drawn = run(app, ["audit-sample", str(folder), "-n", "60"])
    assert drawn.exit_code == 0, drawn.output
    assert "60 of 267 runs drawn" in drawn.output
    again = run(app, ["audit-sample", str(folder), "-n", "60"])
    assert isinstance(again.exception, UsageError)
    fill(folder / "sample.xlsx")
    (folder / "moments.jsonl").unlink()
    said = run(app, ["audit-estimate", str(folder), str(folder / "sample.xlsx")])
    assert said.exit_code == 0, said.output
    assert "95 % interval" in said.output
    assert "Not judged: 15 can't tell, 15 empty, 0 lines lost" in said.output
    as_json = json.loads(run(app, ["audit-estimate", str(folder), str(folder / "sample.xlsx"), "--json"]).output)
    assert as_json["all runs"]["drawn"] == 60
