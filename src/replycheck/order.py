"""Verdict → the same sentences in another order: what hears or answers the person first, what pushes after it.

After the walk of a reply, beside `advice`. Nothing is written here: every character of the proposal is the person's own, and
what is not a sentence of theirs (quoted mail, a signature's lines) stays where it is. The codebook's rule behind it is that
what a reply does *first* counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from replycheck.codebook import Side
from replycheck.reply import Sentence, Verdict


@dataclass(frozen=True, slots=True)
class Proposal:
    """The reply with its sentences in another order; `order` names the sentences of the verdict by number."""

    text: str
    order: tuple[int, ...]


def propose(verdict: Verdict) -> Proposal | None:
    """Another order of the sentences, or None where there is nothing to move: greeting and closing stay, sentences that push go
    behind the others, and on both sides the order is kept, since sentences lean on those before them."""
    sentences = verdict.sentences
    first, last = _body(sentences)
    moved = sorted(range(first, last), key=lambda i: sentences[i].side is Side.PUSHING)
    order = (*range(first), *moved, *range(last, len(sentences)))
    if order == tuple(range(len(sentences))) or not _in_a_row(verdict, first, last):
        return None
    text, at = [], 0
    for slot, i in zip(sentences, order, strict=True):
        text += [verdict.text[at : slot.start], verdict.cut(sentences[i])]
        at = slot.end
    return Proposal("".join([*text, verdict.text[at:]]), order)


def _body(sentences: Sequence[Sentence]) -> tuple[int, int]:
    """The sentences between the courtesies at the beginning and at the end, as a range of numbers."""
    matters = [i for i, s in enumerate(sentences) if s.side is not Side.COURTESY]
    return (matters[0], matters[-1] + 1) if matters else (0, 0)


def _in_a_row(verdict: Verdict, first: int, last: int) -> bool:
    """Whether only blanks stand between these sentences: across a quotation or a list's marks nothing is moved."""
    pairs = zip(verdict.sentences[first:last], verdict.sentences[first + 1 : last], strict=False)
    return all(not verdict.text[a.end : b.start].strip() for a, b in pairs)
