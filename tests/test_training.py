"""Training is repeatable, grouped by batch, and refuses what can't be learned from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from replycheck.bundle import _settled
from replycheck.checker import Checker
from replycheck.codebook import Label, Move
from replycheck.corpus import Annotation, Example, LabelledSentence, learnable
from replycheck.errors import CorpusError
from replycheck.features import Tokens
from replycheck.text import make_nlp
from replycheck.training import BASE_RATE, Trained, align, choose_threshold, folds, rate_weights, tabulate, train


@pytest.fixture(scope="module")
def few(training: list[Example]) -> list[Example]:
    batches = sorted({e.batch for e in training})[:4]
    return [e for e in training if e.batch in batches]


@pytest.fixture(scope="module")
def trained(few: list[Example]) -> Trained:
    return train(few, jobs=1)


def test_the_same_data_and_seed_give_the_same_bytes(few: list[Example], trained: Trained) -> None:
    from skops import io as skops_io

    again = train(few, jobs=1)
    assert _settled(skops_io.dumps(again.engine)) == _settled(skops_io.dumps(trained.engine))


def test_a_model_of_four_batches_has_learned_something(
    trained: Trained, training: list[Example], few: list[Example]
) -> None:
    others = [e for e in training if e.batch not in {f.batch for f in few} and not e.contested]
    verdicts = Checker(trained.engine, "few").check_many([e.as_reply for e in others])
    pushing = np.array([e.pushing for e in others])
    probability = np.array([v.probability for v in verdicts])
    assert probability[pushing].mean() > probability[~pushing].mean() + 0.2


def test_a_group_is_never_split() -> None:
    group = np.array([0, 1, 2, 3, 4, 5, 6] * 5)
    held_out = folds(group, seed=3)
    assert np.sum(held_out, axis=0).tolist() == [1] * len(group)
    for test in held_out:
        assert not set(group[test]) & set(group[~test])


def test_weights_make_the_base_rate() -> None:
    pushing = np.array([True] * 30 + [False] * 20)
    weight = rate_weights(pushing)
    assert weight[pushing].sum() / weight.sum() == pytest.approx(BASE_RATE)
    assert weight.sum() == pytest.approx(50)


def test_the_threshold_separates_what_can_be_separated() -> None:
    pushing = np.array([True] * 20 + [False] * 80)
    probability = np.where(pushing, 0.7, 0.3)
    assert 0.3 < choose_threshold(probability, pushing) <= 0.7


def test_moves_are_aligned_by_the_characters_they_share() -> None:
    text = "Thanks. We looked; it works now."
    example = Example(
        "x", "b", text, Label.LISTENING,
        sentences=(LabelledSentence(0, 7, Move.THANKS), LabelledSentence(8, 18, Move.OWNS_ACTION), LabelledSentence(19, 32, Move.EXPLAINS, Move.DISMISSES)),
    )  # fmt: skip
    batch = Tokens(make_nlp()).batch([text])
    move, other = align(batch, [example])
    assert [list(Move)[m] for m in move] == [Move.THANKS, Move.EXPLAINS]
    assert [list(Move)[o] if o >= 0 else None for o in other] == [None, Move.DISMISSES]


def test_one_label_or_one_group_is_said_plainly(few: list[Example]) -> None:
    with pytest.raises(CorpusError, match="both labels"):
        train([e for e in few if e.pushing], jobs=1)
    with pytest.raises(CorpusError, match="two batches"):
        train([replace(e, batch="one") for e in few], jobs=1)


def test_what_readers_differ_on_teaches_nothing(few: list[Example]) -> None:
    at_odds = tuple(Annotation(who, label) for who, label in (("A", Label.LISTENING), ("B", Label.PUSHING)))
    pushing = [replace(e, contested=True, annotations=at_odds) for e in few if e.pushing]
    with pytest.raises(CorpusError, match="both labels"):
        train([e for e in few if not e.pushing] + pushing, jobs=1)


def without_moves(examples: list[Example]) -> list[Example]:
    return [replace(e, batch=f"own {e.id}", sentences=(), message_kind=None, weight=2.0) for e in examples]


def test_replies_without_moves_leave_the_tagger_as_it_was(
    few: list[Example], trained: Trained, training: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = without_moves([e for e in training if e.batch == "b031"])
    anew = train([*few, *ours], jobs=1)
    with monkeypatch.context() as patch:
        patch.setattr("replycheck.training.fit_tagger", lambda *_: pytest.fail("fitted a tagger"))
        again = train([*few, *ours], tagged=trained.tagged, jobs=1)
    assert again.engine.tagger_ is trained.engine.tagger_
    assert again.tagged is trained.tagged
    # what both say of the same replies, out of fold, differs by how the folds happened to fall
    both = np.stack([anew.out_of_fold, again.out_of_fold]).clip(0.01, 0.99)
    assert np.corrcoef(np.log(both / (1 - both)))[0, 1] > 0.9


@pytest.mark.parametrize("changed", ["a move", "a batch", "one more", "one less"])
def test_other_moves_to_learn_from_fit_a_new_tagger(few: list[Example], trained: Trained, changed: str) -> None:
    first, rest = few[0], few[1:]
    s = first.sentences[0]
    other = replace(s, move=Move.PITCHES if s.move is not Move.PITCHES else Move.EXPLAINS)
    given = {
        "a move": [replace(first, sentences=(other, *first.sentences[1:])), *rest],
        "a batch": [replace(first, batch=few[-1].batch), *rest],
        "one more": [*few, replace(first, id="x", reply=first.reply + " So it is.")],
        "one less": rest,
    }[changed]
    table = tabulate(learnable(given), Tokens(make_nlp()))
    assert trained.tagged.moves(table) is None
    assert trained.tagged.moves(tabulate(learnable(few), Tokens(make_nlp()))) is not None
