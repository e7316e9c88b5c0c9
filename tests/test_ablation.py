"""What each piece buys: rows leave out what they name, and the page in the docs is made of the record beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from replycheck import ablation
from replycheck.checker import Checker
from replycheck.corpus import Example, read_messages, read_split
from replycheck.features import Tokens
from replycheck.text import make_nlp
from replycheck.training import Table, tabulate

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.fixture(scope="module")
def examples(data: Path) -> list[Example]:
    """Seven batches, of every register."""
    train = [e for e in read_split(data, "train") if not e.contested]
    batches: set[str] = set()
    for register, count in (("real", 3), ("eloquent", 2), ("other-organisation", 2)):
        batches |= set(sorted({e.batch for e in train if e.register == register})[:count])
    return [e for e in train if e.batch in batches]


@pytest.fixture(scope="module")
def table(examples: list[Example]) -> Table:
    return tabulate(examples, Tokens(make_nlp()))


def test_blanking_a_part_leaves_the_others(table: Table) -> None:
    without = ablation._blank(table, 1).given.dense
    cues, form, shared, before, _ = ablation._ENDS.tolist()
    assert not without[:, cues:form].any()
    assert np.array_equal(without[:, :cues], table.given.dense[:, :cues])
    assert np.array_equal(without[:, form:], table.given.dense[:, form:])
    assert table.given.dense[:, cues:form].any()
    assert without.shape[1] == before + (before - shared)


def test_every_piece_is_tried_and_moves_carry_most(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation, "PIECES", (ablation.PIECES[0], ablation.PIECES[4], ablation.PIECES[6]))
    monkeypatch.setattr(ablation, "OF_FAST", ablation.OF_FAST[1:])
    held_out = ablation.folds(table.group, 0)
    rows = ablation.pieces(table, held_out, lambda _: None)
    assert [r["without"] for r in rows] == [
        "nothing: the whole chain", "delexicalised n-grams", "sentence moves", "n-grams of characters",
    ]  # fmt: skip
    assert rows[0]["moves_right"] == rows[2]["moves_right"] != rows[1]["moves_right"]
    assert ablation.moves_of_readers(table, held_out)["auc"] > rows[0]["auc"] > rows[2]["auc"]
    error = rows[0]["calibration"]
    assert error["prior corrected"] < error["share of the training batches kept"]


def test_a_whole_record_becomes_a_page(
    examples: list[Example], data: Path, checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablation, "PIECES", ablation.PIECES[:1])
    monkeypatch.setattr(ablation, "OF_FAST", ())
    monkeypatch.setattr(ablation, "_frozen", lambda *_: [])
    monkeypatch.setattr(ablation, "TIMED", 5)
    monkeypatch.setattr(ablation, "CURVE_DRAWS", 1)
    record = ablation.ablate(examples, read_messages(data)[:50], read_split(data, "dev")[:60], None, {"fast": checker})
    assert [r["batches"] for r in record["engines"]["fast"]["learning_curve"]] == [7]
    page = ablation.render(record)
    assert "## The fast engine without …" in page
    assert "## The deep engine" not in page
    assert page.count("| the fast engine |") == 1


def test_the_page_in_the_docs_is_made_of_its_record() -> None:
    record = json.loads((DOCS / "ablation.json").read_text(encoding="utf-8"))
    assert (DOCS / "ablation.md").read_text(encoding="utf-8") == ablation.render(record)
