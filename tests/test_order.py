"""Another order of the same sentences: nothing invented, nothing lost, nothing moved that must stay."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from replycheck.codebook import Move, Side
from replycheck.order import propose
from replycheck.reply import Sentence, Verdict


def verdict(*said: tuple[str, Move], gap: str = " ") -> Verdict:
    text, sentences = "", []
    for words, move in said:
        start = len(text) + (len(gap) if text else 0)
        text = f"{text}{gap}{words}" if text else words
        sentences.append(Sentence(start, len(text), move, 0.9))
    return Verdict(text, 0.8, 0.3, None, "", None, None, tuple(sentences), (), "model")


def test_hearing_comes_before_presenting_between_greeting_and_closing() -> None:
    found = propose(
        verdict(
            ("Dear Ms Oyelaran,", Move.COURTESY),
            ("We lend cameras.", Move.PITCHES),
            ("What are they filming?", Move.ASKS_OPEN),
            ("That sounds maddening.", Move.ACKNOWLEDGES),
            ("Best wishes,", Move.COURTESY),
            gap="\n",
        )
    )
    assert found
    assert found.text == "\n".join(
        ["Dear Ms Oyelaran,", "What are they filming?", "That sounds maddening.", "We lend cameras.", "Best wishes,"]
    )
    assert found.order == (0, 2, 3, 1, 4)


def test_nothing_is_proposed_where_nothing_can_be_moved() -> None:
    assert propose(verdict(("That sounds maddening.", Move.ACKNOWLEDGES), ("We lend cameras.", Move.PITCHES))) is None
    assert propose(verdict(("We lend cameras.", Move.PITCHES), ("Fill in the form.", Move.REDIRECTS))) is None
    assert propose(verdict(("Thanks!", Move.THANKS))) is None
    assert propose(verdict()) is None


def test_nothing_is_moved_across_a_quotation() -> None:
    quoting = verdict(("We lend cameras.", Move.PITCHES), ("What for?", Move.ASKS_OPEN), gap="\n> Nothing to film on\n")
    assert propose(quoting) is None


@given(
    st.lists(st.tuples(st.text("ab😀 é", min_size=1, max_size=9), st.sampled_from(list(Move))), max_size=8),
    st.sampled_from([" ", "\n\n", ""]),
)
@settings(max_examples=60, deadline=None)
def test_every_sentence_stays_and_only_they_are_moved(said: list[tuple[str, Move]], gap: str) -> None:
    before = verdict(*said, gap=gap)
    found = propose(before)
    if found is None:
        return
    assert sorted(found.order) == list(range(len(before.sentences)))
    assert Counter(found.text) == Counter(before.text)
    sides = [before.sentences[i].side for i in found.order]
    body = [s for s in sides if s is not Side.COURTESY]
    assert body == sorted(body, key=lambda s: s is Side.PUSHING)
