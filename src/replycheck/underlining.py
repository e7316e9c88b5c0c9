"""Paragraphs → what an editor underlines: sentences that surely push, each by what it does.

Beside the walk's last steps, for a tool that sees a paragraph at a time: there is no verdict here, since a paragraph is
not a reply and the message that it answers is not known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from replycheck.advice import instead
from replycheck.codebook import MOVES, Move, Side, UnsureReason
from replycheck.reply import Reply

if TYPE_CHECKING:
    from replycheck.checker import Checker

SURE = 0.8
"""Least probability of pushing, over all moves of that side, of a sentence that is underlined: four in five of those
push, on batches whose writers the model has not seen and without their messages (a test holds it). At 0.5 it would be
three in five, which wears people out."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence: code points into the text that was checked, what it does, what to do instead, and who says so."""

    start: int
    end: int
    move: Move
    plain: str
    suggestion: str
    citation: str


def findings(checker: Checker, texts: Sequence[str]) -> list[list[Finding]]:
    """The findings in each text, in order; none in a text that the model does not know how to read."""
    from replycheck import classifier
    from replycheck.checker import decide

    # the fast engine: an editor asks at every pause, and without a message the encoder has little to add
    engine = checker.engine.companion or checker.engine
    batch, judged = checker.judge([Reply(t) for t in texts], engine)
    _, unsure, _ = decide(engine, batch, judged)
    pushing = [i for i, move in enumerate(classifier.MOVES) if move.side is Side.PUSHING]
    weights = judged.moves[:, pushing]
    found: list[list[Finding]] = [[] for _ in texts]
    for s in (weights.sum(axis=1) >= SURE).nonzero()[0].tolist():
        text = int(batch.sentence_text[s])
        if unsure[text] is UnsureReason.OUT_OF_DOMAIN:
            continue
        move = classifier.MOVES[pushing[int(weights[s].argmax())]]
        entry = MOVES[move]
        found[text].append(
            Finding(int(batch.start[s]), int(batch.end[s]), move, entry.plain, instead(move), entry.citation)
        )
    return found
