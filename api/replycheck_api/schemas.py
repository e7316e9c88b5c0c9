"""What goes in and out of the service, as OpenAPI describes it; first and last step of a call.

Requests are validated with these models. Responses are only described by them: a verdict is written as
`Verdict.to_dict` gives it, and a test holds the two together.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from replycheck.codebook import Label, MessageKind, Move, Side, UnsureReason


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "a blank reply can't be judged")
    return text


class _Strict(BaseModel):
    """Unknown fields are refused: a misspelt `patron_message` would change the verdict silently."""

    # The service's own words start with `model_`, which pydantic would keep for itself.
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class CheckRequest(_Strict):
    """One reply, with the message it answers when that is known."""

    reply: Annotated[str, AfterValidator(_not_blank), Field(description="The reply as drafted or sent.")]
    patron_message: str | None = Field(None, description="The message it answers; the same reply turns with it.")
    channel: str | None = Field(None, description="Where it was written, such as `chat` or `email`.")


class BatchRequest(_Strict):
    """Many replies, judged in order."""

    items: list[CheckRequest]


class SentenceOut(_Strict):
    """What one sentence of the reply does."""

    start: int = Field(description="Offset of its first code point in the reply.")
    end: int = Field(description="Offset after its last code point.")
    text: str
    move: Move
    side: Side
    probability: float


class ReasonOut(_Strict):
    """A span that carried the verdict."""

    start: int
    end: int
    text: str
    move: Move
    weight: float = Field(description="How far the probability moves without it, signed towards pushing.")


class AdviceOut(_Strict):
    """What to say, do or ask instead; without offsets it is about the reply as a whole."""

    question: str
    suggestion: str
    start: int | None
    end: int | None
    citation: str


class VerdictOut(_Strict):
    """Everything that is said about one reply."""

    label: Label
    p_pushing: float = Field(description="Calibrated probability that the reply pushes services.")
    threshold: float = Field(description="The label is `service-pushing` from this probability on.")
    unsure: bool = Field(description="Whether a person should look before relying on the label.")
    unsure_reason: UnsureReason | None
    unsure_detail: str
    message_kind: MessageKind | None = Field(description="What the patron's message calls for; null without one.")
    message_kind_probability: float | None
    sentences: list[SentenceOut]
    reasons: list[ReasonOut]
    advice: list[AdviceOut]
    offset_unit: Literal["codepoint"]
    model_version: str


class BatchOut(_Strict):
    """One verdict for each item, in the order of the items."""

    verdicts: list[VerdictOut]


class ModelOut(_Strict):
    """The model that judges. What only a model folder can tell is null when the model did not come from one."""

    name: str | None
    model_version: str
    engine: str | None
    threshold: float
    labels: list[Label]
    moves: list[Move]
    message_kinds: list[MessageKind]
    trained_on: dict[str, int] | None
    data_fingerprint: str | None
    versions: dict[str, str] | None = Field(description="Libraries that the model was trained with.")


class StatusOut(_Strict):
    """A word on the state of the service."""

    status: Literal["alive", "ready"]


class FieldError(_Strict):
    """What is wrong with one field."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into the request; empty for the whole of it.")
    detail: str


class ProblemOut(_Strict):
    """A problem document (RFC 9457)."""

    type: str = Field(description="Stable name of the kind of problem.")
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was called.")
    errors: list[FieldError] = Field([], description="The fields at fault, where it is about fields.")


_REPLY = "Thanks for writing! We have cameras to borrow at the tech desk."
_MESSAGE = "Half my students have nothing to film their projects on."
REQUEST_EXAMPLE: dict[str, Any] = {"reply": _REPLY, "patron_message": _MESSAGE, "channel": "email"}
VERDICT_EXAMPLE: dict[str, Any] = {
    "label": "service-pushing",
    "p_pushing": 0.91,
    "threshold": 0.27,
    "unsure": False,
    "unsure_reason": None,
    "unsure_detail": "",
    "message_kind": "input",
    "message_kind_probability": 0.97,
    "sentences": [
        {"start": 0, "end": 19, "text": _REPLY[:19], "move": "thanks", "side": "courtesy", "probability": 0.96},
        {"start": 20, "end": 63, "text": _REPLY[20:63], "move": "pitches", "side": "pushing", "probability": 0.88},
    ],
    "reasons": [{"start": 20, "end": 63, "text": _REPLY[20:63], "move": "pitches", "weight": 0.62}],
    "advice": [
        {
            "question": "What can you say to show that this person is heard?",
            "suggestion": "Open with what they said: name the thing or the feeling in your own words.",
            "start": None,
            "end": None,
            "citation": "Motivational interviewing: open questions, reflections and giving information",
        }
    ],
    "offset_unit": "codepoint",
    "model_version": "default-0123456789",
}
MODEL_EXAMPLE: dict[str, Any] = {
    "name": "default",
    "model_version": "default-0123456789",
    "engine": "fast",
    "threshold": 0.27,
    "labels": [str(x) for x in Label],
    "moves": [str(x) for x in Move],
    "message_kinds": [str(x) for x in MessageKind],
    "trained_on": {"replies": 600},
    "data_fingerprint": "888a3cbb134055145cabb7bb38eb083db6aba11e264deb1133bfec9d474c08bf",
    "versions": {"replycheck": "0.1.0", "scikit-learn": "1.9.1", "spacy": "3.8.18"},
}
