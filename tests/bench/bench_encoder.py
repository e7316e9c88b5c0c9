"""MiniLM as it comes with logistic regression, in a venv with torch: `make bench WITH=encoder`."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the extra `encoder` is not installed")

from bench import subjects, texts
from bench.bench_engine import MANY, many
from bench.conftest import SHORT, Measure

FEW = 32 if SHORT else 256


def test_floor(measure: Measure) -> None:
    read = texts.strings(many(MANY, messages=False))
    measure("floor: 60 words", lambda: subjects.blank()(read), replies=MANY)


def test_minilm(measure: Measure) -> None:
    import torch

    from replycheck.finetuning import frozen

    torch.set_num_threads(1)
    dev = texts.examples("dev")
    model = subjects.minilm()
    f1 = subjects.macro_f1_on_dev(model.predict(frozen([e.reply for e in dev], [e.patron_message for e in dev])))
    read = [r.text for r in many(FEW, messages=False)]
    measure(
        "MiniLM + logistic regression (torch)",
        lambda: model.predict_proba(frozen(read, [""] * len(read))),
        replies=len(read),
        over="floor: 60 words",
        group="beside",
        macro_f1=f1,
    )
