"""What an editor underlines: only sentences that surely push."""

from __future__ import annotations

from pathlib import Path

from replycheck.advice import instead
from replycheck.checker import Checker
from replycheck.codebook import Move, Side
from replycheck.corpus import read_split
from replycheck.underlining import findings


def test_a_sentence_is_underlined_for_what_it_does(checker: Checker) -> None:
    text = "😀 Oh no, three in a row! Please complete our survey at the link below."
    (found,) = findings(checker, [text])
    assert [(text[f.start : f.end], f.move) for f in found] == [(text[25:], Move.REDIRECTS)]
    assert found[0].suggestion == instead(Move.REDIRECTS)
    assert found[0].citation


def test_nothing_is_underlined_where_nothing_is_known(checker: Checker) -> None:
    texts = ["", "Thanks!", "Bitte füllen Sie unsere Umfrage aus und besuchen Sie unsere Seiten.", "x = [1]"]
    assert findings(checker, texts) == [[], [], [], []]
    assert findings(checker, []) == []


def test_about_four_in_five_of_the_underlined_push(checker: Checker, data: Path) -> None:
    examples = read_split(data, "dev")
    right = wrong = 0
    for example, found in zip(examples, findings(checker, [e.reply for e in examples]), strict=True):
        sides = {(s.start, s.end): {s.move.side, s.other.side if s.other else s.move.side} for s in example.sentences}
        for one in found:
            if known := sides.get((one.start, one.end)):
                right, wrong = right + (Side.PUSHING in known), wrong + (Side.PUSHING not in known)
    assert right + wrong > 100
    assert right / (right + wrong) > 0.77
