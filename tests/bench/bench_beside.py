"""What others cost on the same texts, and how well they tell the labels apart."""

from __future__ import annotations

import pytest

from bench import subjects, texts
from bench.bench_engine import FEW, MANY, many
from bench.conftest import Measure
from replycheck.checker import Checker
from replycheck.codebook import Label

FLOOR = "floor: 60 words"


@pytest.fixture(scope="session")
def on_dev(checkers: dict[str, Checker]) -> dict[str, float]:
    """Macro-F1 of the engines on the development batches."""
    some = [e.as_reply for e in texts.examples("dev")]
    return {
        name: subjects.macro_f1_on_dev([v.label is Label.PUSHING for v in checker.check_many(some, reasons=False)])
        for name, checker in checkers.items()
    }


@pytest.mark.parametrize("engine", ["fast", "deep"])
def test_engine(measure: Measure, checkers: dict[str, Checker], on_dev: dict[str, float], engine: str) -> None:
    some = many(FEW[engine], messages=False)
    measure(
        f"the {engine} engine",
        lambda: checkers[engine].check_many(some, reasons=False),
        replies=len(some),
        over=FLOOR,
        group="beside",
        macro_f1=on_dev[engine],
    )


def test_floor(measure: Measure) -> None:
    read = texts.strings(many(MANY, messages=False))
    measure("blank spaCy and sentencizer", lambda: subjects.blank()(read), replies=MANY, over=FLOOR, group="beside")


def test_tfidf(measure: Measure) -> None:
    read, model = texts.strings(many(MANY, messages=False)), subjects.tfidf()
    f1 = subjects.macro_f1_on_dev(model.predict([e.reply for e in texts.examples("dev")]))
    measure(
        "TF-IDF + logistic regression",
        lambda: model.predict_proba(read),
        replies=MANY,
        over=FLOOR,
        group="beside",
        macro_f1=f1,
    )


@pytest.mark.parametrize(
    ("row", "ngram_size"), [("spaCy textcat, bag of words", 1), ("spaCy textcat, bag of words and pairs", 2)]
)
def test_textcat(measure: Measure, row: str, ngram_size: int) -> None:
    read, (nlp, f1) = texts.strings(many(MANY, messages=False)), subjects.textcat(ngram_size)
    measure(row, lambda: list(nlp.pipe(read)), replies=MANY, over=FLOOR, group="beside", macro_f1=f1)


def test_vader(measure: Measure) -> None:
    read, judge = texts.strings(many(MANY, messages=False)), subjects.vader()
    measure("VADER (sentiment)", lambda: judge(read), replies=MANY, over=FLOOR, group="beside")


def test_fine_tuned(measure: Measure, checkers: dict[str, Checker]) -> None:
    """The encoder of the deep engine by itself: fine-tuned MiniLM with whole-number weights, run by onnxruntime."""
    some = many(FEW["deep"], messages=False)
    checker = checkers["deep"]
    batch, _ = checker.judge(some)
    read = [r.text for r in some]
    measure(
        "fine-tuned MiniLM alone (ONNX)",
        lambda: checker.engine.encode(batch, read, [""] * len(read)),
        replies=len(some),
        over=FLOOR,
        group="beside",
    )
