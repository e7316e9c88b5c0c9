"""Figures are what they say: by hand, against scikit-learn, and only on what was held out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from replycheck import evaluation
from replycheck.bundle import CARD, EVALUATION, load_bundle
from replycheck.card import render
from replycheck.checker import Checker
from replycheck.codebook import Label
from replycheck.corpus import Annotation, Example, read_split
from replycheck.errors import UsageError
from replycheck.evaluation import (
    agreement,
    auc,
    curve,
    evaluate_corpus,
    interval,
    macro_f1,
    measure,
    pair_figures,
    reliability,
)

SHIPPED = Path(__file__).resolve().parent.parent / "models" / "default"
ROWS = st.lists(st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9])), min_size=2, max_size=30)


@given(ROWS)
def test_macro_f1_and_auc_are_scikit_learns(rows: list[tuple[bool, float]]) -> None:
    pushing = np.array([p for p, _ in rows])
    probability = np.array([q for _, q in rows])
    called = probability >= 0.5
    expected = f1_score(pushing, called, average="macro", zero_division=0, labels=[False, True])
    assert macro_f1(pushing, called) == pytest.approx(expected)
    if 0 < pushing.sum() < len(pushing):
        assert auc(pushing, probability) == pytest.approx(roc_auc_score(pushing, probability))
    else:
        assert auc(pushing, probability) is None


def test_pairs_count_only_when_both_sides_are_right() -> None:
    sides = [Label.LISTENING, Label.PUSHING] * 2
    examples = [Example(str(i), "b", "x", label, pair=f"p{i // 2}") for i, label in enumerate(sides)]
    assert pair_figures(examples, np.array([False, True, True, True])) == {"pairs": 2, "both_right": 0.5}


def test_agreement_of_readers() -> None:
    def item(a: Label, b: Label) -> Example:
        return Example("x", "b", "x", a, annotations=(Annotation("A", a), Annotation("B", b)))

    some = (
        [item(Label.LISTENING, Label.LISTENING)] * 4
        + [item(Label.PUSHING, Label.PUSHING)] * 4
        + [item(Label.LISTENING, Label.PUSHING)] * 2
    )
    assert agreement(some)["label"]["A–B"] == {"n": 10, "raw": 0.8, "kappa": pytest.approx(0.615, abs=0.001)}


def test_reliability_of_a_perfect_and_of_a_wrong_probability() -> None:
    rng = np.random.default_rng(0)
    probability = rng.uniform(0, 0.4, 40_000)
    pushing = rng.uniform(size=40_000) < probability
    assert reliability(pushing, probability)["calibration_error"] < 0.015
    assert reliability(pushing, np.full(40_000, 0.9))["calibration_error"] > 0.6


def test_the_interval_holds_the_figure_and_narrows_with_more() -> None:
    rng = np.random.default_rng(1)
    values = rng.uniform(size=400)
    wide = interval(lambda r: float(values[r].mean()), ["a"] * 20)
    narrow = interval(lambda r: float(values[r].mean()), ["a"] * 400)
    assert wide
    assert narrow
    assert narrow[0] <= values.mean() <= narrow[1]
    assert narrow[1] - narrow[0] < wide[1] - wide[0]


def test_scoring_uses_the_threshold_that_serving_uses(checker: Checker, data: Path) -> None:
    examples = [e for e in read_split(data, "dev") if not e.contested][:60]
    record = measure(checker, examples)
    called = np.array([checker.check(e.reply, e.patron_message or None).label is Label.PUSHING for e in examples])
    assert record["label"]["macro_f1"] == pytest.approx(
        macro_f1(np.array([e.pushing for e in examples]), called), abs=6e-4
    )


def test_contested_examples_are_counted_and_not_scored(checker: Checker, training: list[Example]) -> None:
    some = [replace(e, contested=i < 3) for i, e in enumerate(training[:40])]
    record = measure(checker, some)
    assert record["contested_left_out"] == 3
    assert record["label"]["replies"] == 37


@pytest.mark.parametrize(
    "lines",
    [
        ["reply,label", "We have pods.,service-pushing", "I'll ask Amara.,listening"],
        [
            "reply,label,patron_message",
            "We have pods.,service-pushing,It is loud.",
            "Tell me more?,listening,It is loud.",
        ],
        ["reply,label", "We have pods.,service-pushing"],
        ["reply,label,patron_message,message_kind", "Yes.,listening,Are you open?,request"],
    ],
)
def test_a_table_of_labels_alone_is_measured(checker: Checker, tmp_path: Path, lines: list[str]) -> None:
    from replycheck.evaluation_page import as_text, render
    from replycheck.labels import read_labels

    file = tmp_path / "ours.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    record = measure(checker, read_labels([file]).examples)
    assert record["label"]["replies"] == len(lines) - 1
    assert "macro-F1" in as_text(record, "ours", "model-1")
    assert "ours" in render(record, "ours", "model-1")


def test_other_training_data_than_the_models_is_refused(checker: Checker, data: Path, tmp_path: Path) -> None:
    _, manifest = load_bundle(SHIPPED)
    with pytest.raises(UsageError, match="not those"):
        evaluate_corpus(checker, data, replace(manifest, data_fingerprint="other"))


def test_the_shipped_card_is_rendered_from_the_shipped_record() -> None:
    _, manifest = load_bundle(SHIPPED)
    record = json.loads((SHIPPED / EVALUATION).read_text(encoding="utf-8"))
    assert record["model_version"] == manifest.model_version
    assert (SHIPPED / CARD).read_text(encoding="utf-8") == render(record, manifest)


def test_the_shipped_models_record_is_of_the_shipped_corpus(checker: Checker, data: Path) -> None:
    record = json.loads((SHIPPED / EVALUATION).read_text(encoding="utf-8"))["dev"]
    scored = [e for e in read_split(data, "dev") if not e.contested]
    assert record["label"]["replies"] == len(scored)
    assert record["label"]["pushing"] == sum(e.label == "service-pushing" for e in scored)
    fresh = measure(checker, scored)["label"]
    for key in ("macro_f1", "auc", "replies", "pushing"):
        assert record["label"][key] == pytest.approx(fresh[key], abs=2e-3)


def test_a_card_without_figures_says_so(data: Path) -> None:
    _, manifest = load_bundle(SHIPPED)
    record = json.loads((SHIPPED / EVALUATION).read_text(encoding="utf-8"))
    record.pop("cross_validation", None)
    assert "Not measured for this model." in render(record, manifest)


def test_baselines_are_fitted_on_training_batches_only(training: list[Example]) -> None:
    found = evaluation.baseline_figures(training[:150], training[150:250])
    assert set(found) == {"majority", "punctuation and length", "TF-IDF + logistic regression"}
    assert found["majority"]["auc"] == 0.5


def test_a_table_is_measured_as_text_and_as_a_page_that_stands_alone(checker: Checker, data: Path) -> None:
    from replycheck.evaluation_page import as_text, render
    from replycheck.labels import read_labels

    record = measure(checker, read_labels([next(iter(sorted((data / "dev").glob("*.jsonl"))))]).examples)
    text = as_text(record, "<b>ours</b>", "model-1")
    assert f"macro-F1 {record['label']['macro_f1']:.2f}" in text
    assert "by length:" in text
    page = render(record, "<b>ours</b>", "model-1")
    assert "&lt;b&gt;ours&lt;/b&gt;" in page
    assert "<b>ours" not in page
    assert page.count("<svg") == 2
    assert not re.search(r"(src|href)=[\"']?http", page)


def test_a_curve_reaches_every_reply_and_its_precision_falls_with_the_base_rate() -> None:
    pushing = np.array([True, True, False, False])
    points = curve(pushing, np.array([0.9, 0.6, 0.7, 0.1]), 0.5)
    assert points[0][1:] == (0.5, 1.0)
    assert points[-1][1:] == (1.0, 0.5)
    rare = curve(pushing, np.array([0.9, 0.6, 0.7, 0.1]), 0.05)
    assert all(r[2] <= p[2] for r, p in zip(rare, points, strict=True))
    assert curve(np.array([True]), np.array([0.5]), 0.1) == []


def test_the_command_measures_a_table_by_the_engine_that_is_asked_for(
    command: Callable[..., int], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, page = data / "examples" / "labels.csv", tmp_path / "page.html"
    assert command("evaluate", table, "--engine", "fast", "--text", "--page", page) == 0
    assert "+fast, threshold 0." in capsys.readouterr().out
    assert "labels.csv" in page.read_text(encoding="utf-8")
    assert command("evaluate", table, "--engine", "cascade") == 0
    assert json.loads(capsys.readouterr().out)["label"]["replies"] == 37
    assert command("evaluate", table, "--engine", "slow") == 3
    assert "it has fast, deep, cascade" in capsys.readouterr().err


def test_over_the_corpus_every_engine_is_measured(
    command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("evaluate", "--engine", "fast") == 2
    assert "--engine goes with a table" in capsys.readouterr().err


def test_only_an_engine_that_is_fitted_can_be_the_default(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("train", "--out", tmp_path / "new", "--engine", "cascade") == 2
    assert "fast or deep" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
