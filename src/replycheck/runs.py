"""A `Conversation` → its runs: all that staff write between two patron messages, with the message that it answers.

First step of an audit, after a reader of `transcripts`. The codebook's section on chat says what a run is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from replycheck.conversation import Conversation, Message, Role


class Apart(StrEnum):
    """Why a run is not counted."""

    PROACTIVE = "proactive"
    CANNED_OPENING = "canned_opening"
    COURTESY_ONLY = "courtesy_only"
    OUT_OF_DOMAIN = "out_of_domain"
    TOO_LONG = "too_long"


APART: dict[Apart, str] = {
    Apart.PROACTIVE: "staff spoke first; there was nothing to answer yet",
    Apart.CANNED_OPENING: "nothing but a greeting that many conversations begin with, word for word",
    Apart.COURTESY_ONLY: "nothing remains once the courtesy is struck out",
    Apart.OUT_OF_DOMAIN: "unlike anything the model has learned from: another language, code, a bare link",
    Apart.TOO_LONG: "longer than is judged",
}

_SHORT = 4
"""Words of a message that may be a mere answer to a question of the librarian's."""
_CLOSES = re.compile(r"\?|\b(thank|thanks|thx|ty|bye|cheers|great|perfect|hi|hello|hey)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Run:
    """A run: its messages, the patron's words before it (None: there were none), its number among the staff's runs."""

    number: int
    messages: tuple[Message, ...]
    patron: str | None

    @property
    def text(self) -> str:
        """The messages as one reply."""
        return "\n".join(m.text for m in self.messages)

    @property
    def after_opening(self) -> str:
        """The same without the first message."""
        return "\n".join(m.text for m in self.messages[1:])


def runs(conversation: Conversation) -> list[Run]:
    """The staff's runs in order. Bots, system lines and blank messages neither belong to a run nor end one."""
    turns: list[tuple[list[str], list[Message]]] = [([], [])]
    for message in conversation.messages:
        if message.role not in (Role.PATRON, Role.STAFF) or not message.text.strip():
            continue
        if message.role is Role.STAFF:
            turns[-1][1].append(message)
        elif turns[-1][1]:
            turns.append(([message.text], []))
        else:
            turns[-1][0].append(message.text)
    found: list[Run] = []
    concern: str | None = None
    for said, staff in turns:
        if not staff:
            continue
        latest = "\n".join(said)
        if concern is None or not _goes_on(latest):
            concern = patron = latest or None
        else:
            patron = f"{concern}\n{latest}"
        found.append(Run(len(found) + 1, tuple(staff), patron))
    return found


def _goes_on(said: str) -> bool:
    """ "Yes please" or "15 min" goes on with what was being talked about, so it is read with that."""
    return len(said.split()) <= _SHORT and not _CLOSES.search(said)


def staff_numbers(found: list[Run]) -> list[str]:
    """For each run its writers, numbered afresh in every conversation, so that no figure can follow a person."""
    known: dict[str | None, int] = {}
    return [
        " ".join(str(n) for n in sorted({known.setdefault(m.speaker, len(known) + 1) for m in run.messages}))
        for run in found
    ]


def written_alone(conversation: Conversation) -> bool:
    """Whether it is one reply whose message the export does not hold, as a row of a table may be."""
    return [m.role for m in conversation.messages if m.text.strip()] == [Role.STAFF]
