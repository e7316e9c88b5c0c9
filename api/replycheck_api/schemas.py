"""What goes in and out of the service, as OpenAPI describes it; first and last step of a call.

Requests are validated with these models. Responses are only described by them: a verdict is written as
`Verdict.to_dict` gives it, and a test holds the two together.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from replycheck.codebook import Label, MessageKind, Move, Side, UnsureReason
from replycheck.offsets import OffsetUnit


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "a blank reply can't be judged")
    return text


def _english(tag: str) -> str:
    if tag.lower().partition("-")[0] not in ("en", "auto"):
        raise PydanticCustomError("language", "only English is judged: en, en-… or auto")
    return tag


class _Strict(BaseModel):
    """Unknown fields are refused: a misspelt `patron_message` would change the verdict silently."""

    # The service's own words start with `model_`, which pydantic would keep for itself.
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class Options(_Strict):
    """How to judge and to answer. In the query of a call they hold for all of it, in an item's `options` for that item."""

    threshold: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Label from this probability on, instead of the model's threshold. Only the label follows it.",
    )
    language: Annotated[str, AfterValidator(_english)] | None = Field(
        default=None, description="`en`, `en-…` or `auto`; only English is judged.", examples=["en-GB"]
    )
    do_not_store: bool | None = Field(
        default=None,
        description="Nothing that is checked is stored, whatever stands here; clients may say that they count on it.",
    )
    offset_unit: OffsetUnit | None = Field(default=None, description="What offsets count; `codepoint` unless told.")


class Turn(_Strict):
    """One earlier message of the conversation."""

    role: Literal["patron", "staff"]
    text: str


class CheckRequest(_Strict):
    """One reply, as one of `reply`, `draft`, `html` or `email`, with the message it answers when that is known."""

    reply: Annotated[str, AfterValidator(_not_blank)] | None = Field(
        default=None, description="The reply as drafted or sent; all of it is judged but lines marked as quoted."
    )
    draft: str | None = Field(
        default=None, description="Plain text from a mail program: new words, signature, quoted message."
    )
    html: str | None = Field(default=None, description="The same as HTML; offsets point into the HTML.")
    email: str | None = Field(
        default=None,
        description="A raw e-mail (RFC 5322); offsets point into its first text part, decoded. Not UTF-8? Post it as message/rfc822.",
    )
    patron_message: str | None = Field(
        default=None,
        description="The message it answers; the same reply turns with it. Goes before `context` and before what is quoted.",
    )
    context: list[Turn] = Field(
        default=[],
        max_length=1000,
        description="Earlier turns in order; what the patron said since staff last wrote is the message.",
    )
    channel: str | None = Field(default=None, description="Where it was written, such as `chat` or `email`.")
    options: Options = Options()


FORMS = ("reply", "draft", "html", "email")
"""Ways to give the words that are judged; a request has one of them."""


class BatchRequest(_Strict):
    """Many replies, judged in order."""

    items: list[CheckRequest]


class Items(_Strict):
    """The outside of a `BatchRequest`, looked at before its items are."""

    items: list[Any]


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


class SpanOut(_Strict):
    """A stretch of what was sent."""

    start: int
    end: int


class DraftOut(_Strict):
    """How a draft, HTML or an e-mail was taken apart; offsets point into the text of that part, decoded."""

    media_type: Literal["text/plain", "text/html"]
    part: str | None = Field(description="Number of the part in the e-mail, counted as IMAP does; null without one.")
    new: list[SpanOut]
    quoted: list[SpanOut]
    signature: list[SpanOut]
    quoted_message: str | None = Field(description="The words that are quoted, without what they quote in turn.")


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
    offset_unit: OffsetUnit
    model_version: str
    draft: DraftOut | None = Field(default=None, description="Only where a draft, HTML or an e-mail was sent.")


class BatchOut(_Strict):
    """One verdict for each item, in the order of the items."""

    verdicts: list[VerdictOut]


class LineOut(_Strict):
    """The answer to one line of NDJSON: its number, from 1, and a verdict or a problem."""

    line: int
    verdict: VerdictOut | None = None
    problem: ProblemOut | None = None


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


class SoftwareOut(BaseModel):
    """What answers, as LanguageTool's clients read it."""

    name: str
    version: str
    buildDate: str | None  # noqa: N815 - LanguageTool's names
    apiVersion: int  # noqa: N815
    premium: bool
    status: str


class MatchesOut(BaseModel):
    """LanguageTool's answer; a match of another server's is passed on as it is."""

    software: SoftwareOut
    warnings: dict[str, bool]
    language: dict[str, Any]
    matches: list[dict[str, Any]]
    sentenceRanges: list[list[int]]  # noqa: N815


class LanguageOut(BaseModel):
    """A language that can be asked for."""

    name: str
    code: str
    longCode: str  # noqa: N815


class ConfigOut(BaseModel):
    """Limits and rules."""

    software: SoftwareOut
    parameter: dict[str, int]
    rules: list[dict[str, str | bool]]


class InfoOut(BaseModel):
    """What answers."""

    software: SoftwareOut


class CorrectedMoveIn(_Strict):
    """What one sentence really does; offsets count code points."""

    start: int = Field(ge=0)
    end: int = Field(ge=1)
    move: Move


class FeedbackRequest(_Strict):
    """What a person says a reply really does. Kept only with their consent."""

    id: str = Field(
        pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
        description="A random UUID made by the sender, the same when the same correction is sent again.",
    )
    consent: Literal[True] = Field(description="That the person agrees to the texts being kept.")
    reply: Annotated[str, AfterValidator(_not_blank)]
    patron_message: str | None = None
    message_kind: MessageKind | None = None
    label: Label = Field(description="What the reply really does.")
    model_label: Label = Field(description="What the verdict said.")
    model_version: str = Field(max_length=200, description="That of the verdict.")
    moves: list[CorrectedMoveIn] = Field(
        default=[], max_length=1000, description="Sentences that were read wrongly; spans do not touch."
    )


class FeedbackOut(_Strict):
    """A correction as it is kept."""

    id: str
    new: bool = Field(description="False where this correction was there already.")
    reply: str = Field(description="With placeholders instead of personal data.")
    patron_message: str


class ForgottenOut(_Strict):
    """What was deleted."""

    forgotten: int


class CodebookOut(_Strict):
    """The codebook; the keys of each table are its words."""

    labels: dict[Label, dict[str, str]]
    sides: dict[Side, dict[str, str]]
    message_kinds: dict[MessageKind, dict[str, str]]
    moves: dict[Move, dict[str, str]]
    unsure_reasons: dict[UnsureReason, dict[str, str]]
    questions: list[str]
    afterwards: str
    not_for: list[str]


class PageOut(_Strict):
    """What the page must know of the service."""

    needs_key: bool
    feedback: bool
    max_chars: int


class ReorderOut(_Strict):
    """The same sentences in another order; nulls where nothing can be moved."""

    reply: str | None
    order: list[int] | None = Field(description="Numbers of the sentences, in their new order.")
    p_pushing_before: float
    p_pushing_after: float | None
    model_version: str


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
    errors: list[FieldError] = Field(default=[], description="The fields at fault, where it is about fields.")


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
SOFTWARE_EXAMPLE: dict[str, Any] = {
    "name": "replycheck",
    "version": "0.1.0",
    "buildDate": None,
    "apiVersion": 1,
    "premium": False,
    "status": "",
}
RULE_EXAMPLE: dict[str, Any] = {
    "ruleId": "REPLYCHECK_REDIRECTS",
    "description": "sends elsewhere without staying involved",
    "categoryId": "STYLE",
    "categoryName": "Style",
    "locQualityIssueType": "style",
    "isDictionaryBasedSpellingRule": False,
}
_SAID = "We have a guide. Please fill in the feedback form on our website."
MATCHES_EXAMPLE: dict[str, Any] = {
    "software": SOFTWARE_EXAMPLE,
    "warnings": {"incompleteResults": False},
    "language": {
        "name": "English (GB)",
        "code": "en-GB",
        "detectedLanguage": {"name": "English (GB)", "code": "en-GB", "confidence": 1.0, "source": "given"},
    },
    "matches": [
        {
            "message": "This sentence sends them elsewhere. Stay involved: name the person, pass on what they told you, and say when they will hear.",
            "shortMessage": "Sends them elsewhere",
            "replacements": [],
            "offset": 17,
            "length": 48,
            "context": {"text": _SAID, "offset": 17, "length": 48},
            "sentence": _SAID[17:],
            "type": {"typeName": "Other"},
            "rule": {
                "id": "REPLYCHECK_REDIRECTS",
                "description": "sends elsewhere without staying involved",
                "issueType": "style",
                "urls": [{"value": "https://www.ala.org/rusa/guidelines/guidelines-by-topic"}],
                "category": {"id": "STYLE", "name": "Style"},
            },
            "ignoreForIncompleteSentence": False,
            "contextForSureMatch": 0,
        }
    ],
    "sentenceRanges": [[0, 16], [17, 65]],
}
FEEDBACK_EXAMPLE: dict[str, Any] = {
    "id": "6f1c2d34-9a0b-4c5d-8e7f-0123456789ab",
    "consent": True,
    "reply": _REPLY,
    "patron_message": _MESSAGE,
    "label": "service-pushing",
    "model_label": "listening",
    "model_version": "default-0123456789",
    "moves": [{"start": 20, "end": 63, "move": "already_do"}],
}
KEPT_EXAMPLE: dict[str, Any] = {
    "id": "6f1c2d34-9a0b-4c5d-8e7f-0123456789ab",
    "new": True,
    "reply": _REPLY,
    "patron_message": _MESSAGE,
}
REORDER_EXAMPLE: dict[str, Any] = {
    "reply": "What are they filming? We have cameras to borrow.",
    "order": [1, 0],
    "p_pushing_before": 0.61,
    "p_pushing_after": 0.38,
    "model_version": "default-0123456789",
}
