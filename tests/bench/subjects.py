"""What is measured beside the engine, on the same texts: each a function that reads texts, and how well it tells the labels apart."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from bench.texts import examples

EPOCHS = 10
"""Passes of spaCy's textcat over the corpus."""


def new_blank() -> Any:
    """spaCy's tokenizer for English and its sentencizer: the floor of any spaCy pipeline."""
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    return nlp


@cache
def blank() -> Callable[[Sequence[str]], object]:
    """The floor, kept: what it has read, it remembers."""
    nlp = new_blank()
    # faster than `nlp.pipe`, which pays for batches that nothing here needs
    return lambda texts: [nlp(text) for text in texts]


@cache
def tfidf() -> Any:
    """TF-IDF of words and characters with logistic regression, fitted on the training batches."""
    from replycheck.evaluation import baselines

    model = baselines()["TF-IDF + logistic regression"]
    return model.fit([e.reply for e in examples("train")], [e.pushing for e in examples("train")])


@cache
def textcat(ngram_size: int = 1) -> tuple[Any, float]:
    """(spaCy's bag-of-words textcat fitted on the training batches, macro-F1 on the development batches) after the pass that did best
    there, which flatters it. Single words are spaCy's default."""
    import spacy
    from spacy.training import Example
    from spacy.util import fix_random_seed

    fix_random_seed(0)
    nlp = spacy.blank("en")
    nlp.add_pipe("textcat", config={"model": {"@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True,
                                              "ngram_size": ngram_size, "length": 1 << 18, "no_output_layer": False}})  # fmt: skip
    gold = [
        Example.from_dict(nlp.make_doc(e.reply), {"cats": {"pushing": float(e.pushing), "listening": float(not e.pushing)}})
        for e in examples("train")
    ]  # fmt: skip
    optimizer = nlp.initialize(lambda: gold)
    shuffled, best, kept = random.Random(0), -1.0, b""
    for _ in range(EPOCHS):
        shuffled.shuffle(gold)
        for at in range(0, len(gold), 64):
            nlp.update(gold[at : at + 64], sgd=optimizer)
        found = macro_f1_on_dev([d.cats["pushing"] >= 0.5 for d in nlp.pipe([e.reply for e in examples("dev")])])
        if found > best:
            best, kept = found, nlp.to_bytes()
    return nlp.from_bytes(kept), best


def macro_f1_on_dev(called: Sequence[bool]) -> float:
    """Macro-F1 of labels given to the development batches."""
    from replycheck.evaluation import macro_f1

    return macro_f1(np.array([e.pushing for e in examples("dev")]), np.array(called))


@cache
def vader() -> Callable[[Sequence[str]], object]:
    """VADER, a lexicon of sentiment: judges something else, and is known for being cheap."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    scores = SentimentIntensityAnalyzer().polarity_scores
    return lambda texts: [scores(text) for text in texts]


@cache
def minilm() -> Any:
    """Logistic regression on what MiniLM, as it comes, says of each message and reply of the training batches; needs the extra `encoder`."""
    from sklearn.linear_model import LogisticRegression

    from replycheck.finetuning import frozen

    model = LogisticRegression(C=10.0, max_iter=2000, class_weight="balanced")
    learned = examples("train")
    vectors = frozen([e.reply for e in learned], [e.patron_message for e in learned])
    return model.fit(vectors, [e.pushing for e in learned])
