"""The nouns, frozen: what comes in (`Reply`) and what is said about it (`Sentence`, `Reason`, `Verdict`).

First and last step of the walk: an edge makes a `Reply`, `checker` returns a `Verdict`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from replycheck.codebook import Label, MessageKind, Move, Side, UnsureReason


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply as drafted or sent, with the message it answers when that is known."""

    text: str
    patron_message: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the reply: offsets are code points into the text that came in, `end` exclusive."""

    start: int
    end: int
    move: Move
    probability: float

    @property
    def side(self) -> Side:
        """The side the sentence's move counts for."""
        return self.move.side


@dataclass(frozen=True, slots=True)
class Reason:
    """A span that carried the verdict; `weight` is how far the probability moves without it (signed, towards pushing)."""

    start: int
    end: int
    move: Move
    weight: float


@dataclass(frozen=True, slots=True)
class Advice:
    """What to say, do or ask instead, tied to the sentence it is about (`None`: the reply as a whole)."""

    question: str
    suggestion: str
    start: int | None
    end: int | None
    citation: str


@dataclass(frozen=True)
class Verdict:
    """Everything the product says about one reply; value, limit and verdict travel together."""

    text: str
    probability: float
    threshold: float
    unsure_reason: UnsureReason | None
    unsure_detail: str
    message_kind: MessageKind | None
    message_kind_probability: float | None
    sentences: tuple[Sentence, ...]
    reasons: tuple[Reason, ...]
    model_version: str
    kinds: tuple[float, ...] | None = None
    """Probability of each kind of message, in the order of `MessageKind`; None without a message. An audit sums them."""

    @property
    def label(self) -> Label:
        """The only comparison of probability and threshold."""
        return Label.PUSHING if self.probability >= self.threshold else Label.LISTENING

    @property
    def unsure(self) -> bool:
        """Whether a person should look before relying on the label."""
        return self.unsure_reason is not None

    @cached_property
    def advice(self) -> tuple[Advice, ...]:
        """Made on demand: most verdicts are only counted."""
        from replycheck.advice import advise

        return advise(self)

    def cut(self, span: Sentence | Reason) -> str:
        """The words a span points to."""
        return self.text[span.start : span.end]

    def to_dict(self) -> dict[str, Any]:
        """The documented JSON form (docs/json.md); offsets are Unicode code points."""
        return {
            "label": str(self.label),
            "p_pushing": round(self.probability, 4),
            "threshold": round(self.threshold, 4),
            "unsure": self.unsure,
            "unsure_reason": str(self.unsure_reason) if self.unsure_reason else None,
            "unsure_detail": self.unsure_detail,
            "message_kind": str(self.message_kind) if self.message_kind else None,
            "message_kind_probability": (
                None if self.message_kind_probability is None else round(self.message_kind_probability, 4)
            ),
            "sentences": [
                {
                    "start": s.start,
                    "end": s.end,
                    "text": self.cut(s),
                    "move": str(s.move),
                    "side": str(s.side),
                    "probability": round(s.probability, 4),
                }
                for s in self.sentences
            ],
            "reasons": [
                {
                    "start": r.start,
                    "end": r.end,
                    "text": self.cut(r),
                    "move": str(r.move),
                    "weight": round(r.weight, 4),
                }
                for r in self.reasons
            ],
            "advice": [
                {
                    "question": a.question,
                    "suggestion": a.suggestion,
                    "start": a.start,
                    "end": a.end,
                    "citation": a.citation,
                }
                for a in self.advice
            ],
            "offset_unit": "codepoint",
            "model_version": self.model_version,
        }
