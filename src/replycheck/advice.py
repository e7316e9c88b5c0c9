"""Verdict → what to say, do and ask instead; each piece tied to a sentence and to a cited guideline.

Last step of the walk, made only when somebody looks. Advice follows the three questions of the codebook and proposes an
order and a kind of sentence, never a fact: what to say is the librarian's to know.
"""

from __future__ import annotations

from replycheck.codebook import MOVES, POST, QUESTIONS, Label, MessageKind, Move, Side, UnsureReason
from replycheck.reply import Advice, Sentence, Verdict

_INSTEAD: dict[Move, str] = {
    Move.PITCHES: "Ask first what they are trying to do; then offer this, tied to what they said, and leave the choice to them.",
    Move.ALREADY_DO: "They may know, or may not have found it: ask what happened when they tried, before saying that it exists.",
    Move.REDIRECTS: "Stay involved: name the person, pass on what they told you, and say when they will hear.",
    Move.PRESCRIBES: "Ask what they have tried; then put it as an offer (“if it helps…”), not as an instruction.",
    Move.DISMISSES: "Give the reason that fits this person's point, or say that they have one; a rule or an average answers nobody.",
}
_HEARD = "Open with what they said: name the thing or the feeling in your own words."
_OWN = "Say what you yourself will do, and by when; or, if nothing can be done, say so and why."
_BROADER = "Ask what it keeps them from doing, or what they would like to see instead."
_REQUEST_FIRST = "They asked a question: answer it first. What they did not ask about can wait, or go."
_MOST = 4


def advise(verdict: Verdict) -> tuple[Advice, ...]:
    """Advice for a reply that pushes, or that only informs; none for one that listens."""
    if verdict.label is Label.LISTENING and verdict.unsure_reason is not UnsureReason.INFORMS_ONLY:
        return ()
    if verdict.unsure_reason in (UnsureReason.OUT_OF_DOMAIN, UnsureReason.COURTESY_ONLY):
        return ()
    heard, own, broader = QUESTIONS
    if verdict.label is Label.LISTENING:
        return (_whole(heard, _HEARD, POST), _whole(own, _OWN, POST))
    found: list[Advice] = []
    moves = {s.move for s in verdict.sentences}
    if verdict.message_kind is MessageKind.REQUEST and Move.ANSWERS not in moves:
        found.append(_whole(own, _REQUEST_FIRST, MOVES[Move.ANSWERS].citation))
    elif Move.ACKNOWLEDGES not in moves:
        found.append(_whole(heard, _HEARD, MOVES[Move.ACKNOWLEDGES].citation))
    carried = {(r.start, r.end) for r in verdict.reasons}
    pushing = [s for s in verdict.sentences if s.side is Side.PUSHING]
    for s in sorted(pushing, key=lambda s: ((s.start, s.end) not in carried, s.start))[:2]:
        found.append(_at(s, own))
    if not moves & {Move.ASKS_OPEN, Move.ASKS_CLARIFYING} and verdict.message_kind is not MessageKind.REQUEST:
        found.append(_whole(broader, _BROADER, MOVES[Move.ASKS_OPEN].citation))
    if not moves & {Move.OWNS_ACTION, Move.HANDS_OVER, Move.ANSWERS}:
        found.append(_whole(own, _OWN, MOVES[Move.OWNS_ACTION].citation))
    return tuple(found[:_MOST])


def instead(move: Move) -> str:
    """What to do instead of this move, one of those that push."""
    return _INSTEAD[move]


def _whole(question: str, suggestion: str, citation: str) -> Advice:
    return Advice(question, suggestion, None, None, citation)


def _at(sentence: Sentence, question: str) -> Advice:
    return Advice(question, _INSTEAD[sentence.move], sentence.start, sentence.end, MOVES[sentence.move].citation)
