"""The domain's words: labels, moves, sides, message kinds, reasons to be unsure.

Stands before the walk of a reply: everything that prints, trains or validates takes its words from here.
`data/CODEBOOK.md` is the same for people; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Label(StrEnum):
    """What the reply as a whole does."""

    LISTENING = "listening"
    PUSHING = "service-pushing"


class Side(StrEnum):
    """Which side a sentence counts for when the words are weighed."""

    COURTESY = "courtesy"
    LISTENING = "listening"
    NEUTRAL = "neutral"
    PUSHING = "pushing"


class MessageKind(StrEnum):
    """What the patron's message calls for."""

    INPUT = "input"
    REQUEST = "request"
    SOCIAL = "social"


class Move(StrEnum):
    """What one sentence of a reply does."""

    THANKS = "thanks"
    COURTESY = "courtesy"
    ACKNOWLEDGES = "acknowledges"
    ASKS_OPEN = "asks_open"
    ASKS_CLARIFYING = "asks_clarifying"
    OWNS_ACTION = "owns_action"
    EXPLAINS = "explains"
    HANDS_OVER = "hands_over"
    OFFERS_GENTLY = "offers_gently"
    ANSWERS = "answers"
    PITCHES = "pitches"
    ALREADY_DO = "already_do"
    REDIRECTS = "redirects"
    PRESCRIBES = "prescribes"
    DISMISSES = "dismisses"

    @property
    def side(self) -> Side:
        """The side this move counts for."""
        return MOVES[self].side


class UnsureReason(StrEnum):
    """Why a verdict says *unsure*; the strongest one is named first."""

    OUT_OF_DOMAIN = "out_of_domain"
    COURTESY_ONLY = "courtesy_only"
    MESSAGE_MISSING = "message_missing"
    MESSAGE_UNCLEAR = "message_unclear"
    INFORMS_ONLY = "informs_only"
    NEAR_THRESHOLD = "near_threshold"


@dataclass(frozen=True, slots=True)
class Entry:
    """One word of the codebook, as people need it."""

    definition: str
    example: str
    citation: str


@dataclass(frozen=True, slots=True)
class MoveEntry(Entry):
    """A move: an entry with a side and the words that a report uses for it."""

    side: Side
    plain: str


@dataclass(frozen=True, slots=True)
class SideEntry:
    """A side: its mark, so that it never shows by colour alone, and the words that a report uses for it."""

    symbol: str
    plain: str


POST = "“It's Best To Make the Most Of This” (library blog, 3 September 2015)"
RUSA = (
    "RUSA, Guidelines for Behavioral Performance of Reference and Information Service Providers, “Listening/Inquiring”"
)
RUSA_FOLLOW_UP = (
    "RUSA, Guidelines for Behavioral Performance of Reference and Information Service Providers, “Follow-up”"
)
RADFORD_FACILITATORS = "Radford, relational facilitators in chat reference"
RADFORD_BARRIERS = "Radford, relational barriers in chat reference"
MITI = "Motivational interviewing: open questions, reflections and giving information"
DEMPSEY = "Dempsey, 467 reference chats: the fault is not referring but referring before asking"

LABELS: dict[Label, Entry] = {
    Label.LISTENING: Entry(
        "The reply is about the patron: its first and main work is to hear, to ask, to own a step, to explain honestly, "
        "or, to a plain request, to answer.",
        "I just tried your search and I see it; I'm writing to the systems team today.",
        POST,
    ),
    Label.PUSHING: Entry(
        "The reply is about the library: its first and main work is to present services, defend what exists, send the "
        "person elsewhere or tell them what to do, before or instead of finding out what they meant.",
        "Thank you so much for your feedback! Please complete our survey.",
        POST,
    ),
}

LABELS_PLAIN: dict[Label, str] = {Label.LISTENING: "listens", Label.PUSHING: "pushes services"}
"""What “this reply” does, in words."""

SIDES: dict[Side, SideEntry] = {
    Side.LISTENING: SideEntry("●", "listens"),
    Side.PUSHING: SideEntry("▲", "pushes"),
    Side.NEUTRAL: SideEntry("■", "answers"),
    Side.COURTESY: SideEntry("·", "courtesy"),
}

MESSAGE_KINDS: dict[MessageKind, Entry] = {
    MessageKind.INPUT: Entry(
        "An opinion, complaint, suggestion, frustration, need, story, plan or feeling, even with a question mark. "
        "It calls for being heard.",
        "could you please turn the heating up up there?",
        POST,
    ),
    MessageKind.REQUEST: Entry(
        "A direct question, or a request for a fact, an item, a service or a procedure. It calls for an answer.",
        "Do you lend cameras?",
        RUSA,
    ),
    MessageKind.SOCIAL: Entry(
        "A greeting, thanks or a sign-off. It calls for courtesy.", "thanks, that's great", RADFORD_FACILITATORS
    ),
}

MOVES: dict[Move, MoveEntry] = {
    Move.THANKS: MoveEntry(
        "values or thanks for the message",
        "Thanks for taking the time to tell us.",
        RADFORD_FACILITATORS,
        Side.COURTESY,
        "thanks them",
    ),
    Move.COURTESY: MoveEntry(
        "greets, closes, signs, makes small talk",
        "Best wishes, Priya",
        RADFORD_FACILITATORS,
        Side.COURTESY,
        "is courtesy",
    ),
    Move.ACKNOWLEDGES: MoveEntry(
        "takes up the specific content or feeling",
        "Three lost interlibrary loans in one term would wear anyone out.",
        MITI,
        Side.LISTENING,
        "takes up what they said",
    ),
    Move.ASKS_OPEN: MoveEntry(
        "invites more: experience, reasons, hopes, goals, wishes",
        "What would you like to see happen?",
        RUSA,
        Side.LISTENING,
        "invites them to say more",
    ),
    Move.ASKS_CLARIFYING: MoveEntry(
        "asks a detail needed to help",
        "Was that the printer by the stairs?",
        RUSA,
        Side.LISTENING,
        "asks a detail needed to help",
    ),
    Move.OWNS_ACTION: MoveEntry(
        "commits, as a person, to a concrete step on their concern, or reports one done",
        "I'll raise it on Tuesday and write to you after.",
        POST,
        Side.LISTENING,
        "owns a step",
    ),
    Move.EXPLAINS: MoveEntry(
        "gives an honest reason or admits a fault or a limit",
        "We cut Sunday hours when two posts went unfilled.",
        RADFORD_FACILITATORS,
        Side.LISTENING,
        "gives an honest reason",
    ),
    Move.HANDS_OVER: MoveEntry(
        "hands on warmly: a named person, the reason, the story passed along, staying involved; or makes a referral that must be made",
        "Amara runs that collection; I've told her what you told me and she'll ring you by Thursday.",
        RUSA_FOLLOW_UP,
        Side.LISTENING,
        "hands on warmly",
    ),
    Move.OFFERS_GENTLY: MoveEntry(
        "offers, tied to what they said, leaving the choice to them",
        "If you like, I can show you the two mics that people use for this.",
        MITI,
        Side.LISTENING,
        "offers, and leaves the choice",
    ),
    Move.ANSWERS: MoveEntry(
        "answers what was asked", "The scanner on level 2 does A3.", RUSA, Side.NEUTRAL, "answers what was asked"
    ),
    Move.PITCHES: MoveEntry(
        "presents or promotes a service, event, resource",
        "Come and discover the cameras at our tech desk!",
        POST,
        Side.PUSHING,
        "presents a service",
    ),
    Move.ALREADY_DO: MoveEntry(
        "defends with what exists",
        "That exists already, you know.",
        POST,
        Side.PUSHING,
        "defends with what exists",
    ),
    Move.REDIRECTS: MoveEntry(
        "sends elsewhere without staying involved",
        "Please submit this through the feedback form.",
        DEMPSEY,
        Side.PUSHING,
        "sends them elsewhere",
    ),
    Move.PRESCRIBES: MoveEntry(
        "tells the person what to do, unasked",
        "You just need to clear your cache and plan ahead.",
        MITI,
        Side.PUSHING,
        "tells them what to do",
    ),
    Move.DISMISSES: MoveEntry(
        "minimises, corrects, or recites policy at them",
        "Most students find the system straightforward.",
        RADFORD_BARRIERS,
        Side.PUSHING,
        "minimises, corrects or recites a rule",
    ),
}

UNSURE_REASONS: dict[UnsureReason, Entry] = {
    UnsureReason.OUT_OF_DOMAIN: Entry(
        "The text is unlike anything the model has learned from: another language, code, a newsletter, one word.",
        "Bonjour, merci pour votre message.",
        "This project's model card",
    ),
    UnsureReason.COURTESY_ONLY: Entry(
        "Nothing remains once the courtesy is struck out.", "Thanks.", RADFORD_FACILITATORS
    ),
    UnsureReason.MESSAGE_MISSING: Entry(
        "Without the patron's message the reply reads both ways: fine if they asked for this, a pitch if they were telling you something.",
        "We have cameras to borrow at the tech desk!",
        POST,
    ),
    UnsureReason.MESSAGE_UNCLEAR: Entry(
        "The verdict hangs on whether the message was input or a request, and that is itself in doubt.",
        "the login just spins…",
        POST,
    ),
    UnsureReason.INFORMS_ONLY: Entry(
        "To input, the reply only explains or answers: nothing is pushed, and nothing is taken up, asked, owned or offered.",
        "The chiller is drained in October.",
        "This project's readers without a codebook (see the datasheet)",
    ),
    UnsureReason.NEAR_THRESHOLD: Entry(
        "The probability lies close to the threshold, where the model is often wrong.",
        "",
        "This project's model card",
    ),
}

UNSURE_PLAIN: dict[UnsureReason, str] = {
    UnsureReason.OUT_OF_DOMAIN: "the text is unlike anything the model has learned from",
    UnsureReason.COURTESY_ONLY: "nothing remains once the courtesy is struck out",
    UnsureReason.MESSAGE_MISSING: "without the patron's message it reads both ways: fine if they asked for this, a pitch if they were telling you something",
    UnsureReason.MESSAGE_UNCLEAR: "it hangs on whether the message tells something or asks for something, and that is not clear",
    UnsureReason.INFORMS_ONLY: "nothing is pushed, but nothing is taken up, asked, owned or offered either; most people feel unheard by this",
    UnsureReason.NEAR_THRESHOLD: "the probability is close to the threshold",
}
"""The reasons as the end of a sentence that starts “unsure:”."""

QUESTIONS = (
    "What can you say to show that this person is heard?",
    "What can you, personally, do about it now or soon?",
    "How does it connect to what they care about more broadly?",
)
"""The three questions that every result should help its reader answer (from the blog post)."""

AFTERWARDS = "How could I have done that better?"

NOT_FOR = (
    "Judging, ranking or comparing members of staff, in any form.",
    "Deciding anything without a person who reads the reply. `unsure` means: look yourself.",
    "Measuring whether an answer is right, or whether anybody was helped: a listening reply can be wrong, a pushing one true.",
    "Other languages than English.",
)
"""What the product must not be used for, as the README has it."""


def to_dict() -> dict[str, Any]:
    """The whole codebook for programs and pages, so that no word of it is written twice; keys are the words themselves."""

    def entries(table: Mapping[Any, Entry], **more: Mapping[Any, str]) -> dict[str, dict[str, str]]:
        return {str(k): asdict(e) | {name: words[k] for name, words in more.items()} for k, e in table.items()}

    return {
        "labels": entries(LABELS, plain=LABELS_PLAIN),
        "sides": {str(k): asdict(e) for k, e in SIDES.items()},
        "message_kinds": entries(MESSAGE_KINDS),
        "moves": entries(MOVES),
        "unsure_reasons": entries(UNSURE_REASONS, plain=UNSURE_PLAIN),
        "questions": list(QUESTIONS),
        "afterwards": AFTERWARDS,
        "not_for": list(NOT_FOR),
    }


def markdown_tables() -> str:
    """The codebook's tables as they stand in `data/CODEBOOK.md`."""

    def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
        lines = [head, tuple("---" for _ in head), *rows]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)

    return "\n\n".join(
        [
            "### Labels",
            table(
                ("label", "definition", "example", "source"),
                [(f"`{k}`", e.definition, e.example, e.citation) for k, e in LABELS.items()],
            ),
            "### Message kinds",
            table(
                ("kind", "definition", "example", "source"),
                [(f"`{k}`", e.definition, e.example, e.citation) for k, e in MESSAGE_KINDS.items()],
            ),
            "### Moves",
            table(
                ("move", "side", "the sentence…", "example", "source"),
                [(f"`{k}`", e.side, e.definition, e.example, e.citation) for k, e in MOVES.items()],
            ),
            "### Reasons to be unsure",
            table(
                ("reason", "when", "example", "source"),
                [(f"`{k}`", e.definition, e.example, e.citation) for k, e in UNSURE_REASONS.items()],
            ),
        ]
    )
