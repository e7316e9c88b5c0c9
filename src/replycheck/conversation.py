"""The nouns of an audit, frozen: a `Conversation` of `Message`s, and what of an export could not be read.

Every reader in `transcripts` gives these, whatever the export looked like; `privacy` and `audit` know nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """Who wrote a message."""

    PATRON = "patron"
    STAFF = "staff"
    BOT = "bot"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Message:
    """One message as sent: plain text, markup removed; `speaker` is the export's word for who wrote it and is never written out."""

    role: Role
    text: str
    speaker: str | None = None
    time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """One chat, mail thread or ticket, in order of time; `line` is where in `source` it begins, from 1."""

    id: str
    messages: tuple[Message, ...]
    source: str
    line: int | None = None
    started: datetime | None = None
    channel: str = "chat"
    department: str | None = None
    tags: tuple[str, ...] = ()
    rating: int | None = None
    wait: float | None = None
    """Seconds until somebody answered."""
    names: frozenset[str] = field(default_factory=frozenset)
    """Names of people that the export knows: speakers and metadata. For de-identification only, never written out."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A piece of an export that could not be read, and why; the rest of the file was."""

    file: str
    line: int | None
    why: str


def unanswered(messages: Iterable[Message]) -> str | None:
    """What the patron has said since staff last wrote, a paragraph a message; nothing if staff wrote last."""
    said: list[str] = []
    for message in messages:
        if message.role is Role.STAFF:
            said = []
        elif message.role is Role.PATRON and message.text.strip():
            said.append(message.text)
    return "\n\n".join(said) or None
