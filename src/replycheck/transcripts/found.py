"""What a reader gives: a `Conversation` with the reasons for who was taken for whom, and how one is put together.

Between a reader and `replycheck.transcripts.read`, which passes on the conversation alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from replycheck.conversation import Conversation, Message, Role
from replycheck.transcripts.markup import plain
from replycheck.transcripts.roles import NO_PERSON, Decision, automatic, by_name, system_line


@dataclass(slots=True)
class Turn:
    """One message as the export has it, before anybody's role is known."""

    speaker: str
    text: str
    time: datetime | None = None
    role: Role | None = None
    """Where the export itself says it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation, why each speaker has their role, and the lines beside it that fit nothing."""

    conversation: Conversation
    why: Mapping[str, Decision]
    stray: tuple[int, ...] = ()
    id_is_the_exports: bool = True


@dataclass(slots=True)
class About:
    """What an export says of a conversation beside its messages."""

    id: str
    source: str
    line: int | None = None
    started: datetime | None = None
    channel: str = "chat"
    department: str | None = None
    tags: tuple[str, ...] = ()
    rating: int | None = None
    wait: float | None = None
    names: Iterable[str] = field(default_factory=tuple)
    id_is_the_exports: bool = True
    speakers_are_names: bool = True


def put_together(
    about: About, turns: Sequence[Turn], who: Mapping[str, Decision], stray: tuple[int, ...] = ()
) -> Found | None:
    """Turns and roles → a conversation; None if nobody says anything in it."""
    messages: list[Message] = []
    patron_spoke = False
    for turn in turns:
        text = plain(turn.text)
        if not text:
            continue
        role = turn.role or who[turn.speaker].role
        if system_line(text):
            role = Role.SYSTEM
        elif role is Role.STAFF and automatic(text, opening=not patron_spoke):
            role = Role.BOT
        patron_spoke = patron_spoke or role is Role.PATRON
        messages.append(Message(role, text, turn.speaker or None, turn.time))
    if not any(m.role in (Role.PATRON, Role.STAFF) for m in messages):
        return None
    speakers = (t.speaker for t in turns if about.speakers_are_names and _is_person(who.get(t.speaker)))
    names = {tidy_name(n) for n in (*about.names, *speakers)}
    times = (m.time for m in messages if m.time)
    conversation = Conversation(
        id=about.id,
        messages=tuple(messages),
        source=about.source,
        line=about.line,
        started=about.started or next(times, None),
        channel=about.channel,
        department=about.department or None,
        tags=about.tags,
        rating=about.rating,
        wait=about.wait,
        names=frozenset(n for n in names if n),
    )
    return Found(conversation, who, stray, about.id_is_the_exports)


def _is_person(decision: Decision | None) -> bool:
    """Whether a speaker may be a person's name: a room's or a program's words stand in many messages."""
    if decision is None:
        return True
    return decision.role is not Role.SYSTEM and decision.why not in NO_PERSON


def tidy_name(name: str) -> str:
    """A name that the export knows, or nothing if it is a word for anybody ("Guest 12", "desk")."""
    name = " ".join(name.replace("\x00", "").split())
    said = by_name(name)
    if len(name) < 2 or len(name) > 200 or name.casefold() in _NOBODY:
        return ""
    return name if said is None or "@" in name or said.why == "an IP address" else ""


_NOBODY = frozenset(["you", "none", "n/a", "unknown", "web", "null", "-"])


def whole(value: object) -> int | None:
    """A rating as a whole number, if it is one."""
    try:
        number = float(str(value).strip())
        return int(number) if number == int(number) and abs(number) < 1_000_000 else None
    except (ValueError, OverflowError):
        return None


def seconds(value: object) -> float | None:
    """A wait in seconds, from seconds or from `[H:]MM:SS`."""
    text = str(value if value is not None else "").strip()
    parts = text.split(":")
    if 2 <= len(parts) <= 3 and all(p.isascii() and p.isdigit() and len(p) < 7 for p in parts):
        return float(sum(int(p) * 60**i for i, p in enumerate(reversed(parts))))
    try:
        found = float(text)
        return found if 0 <= found < 1e9 else None
    except ValueError:
        return None


def tag_list(value: object) -> tuple[str, ...]:
    """Tags as a list, or in a text with commas or semicolons."""
    if isinstance(value, str):
        value = re.split(r"[,;|]", value)
    if not isinstance(value, (list, tuple)):
        return ()
    return tuple(dict.fromkeys(t.strip() for t in map(str, value) if t.strip()))


class Clock:
    """Times of day → moments: the day of the first is the one nearest to the chat's start, and midnight rolls over."""

    def __init__(self, started: datetime | None) -> None:
        self._last = started
        self._first = True

    def at(self, hour: int, minute: int, second: int) -> datetime | None:
        """The moment of the next message; None if no date is known or there is no such time."""
        if self._last is None or hour > 23 or minute > 59 or second > 59:
            return None
        moment = self._last.replace(hour=hour, minute=minute, second=second, microsecond=0)
        gap = moment - self._last
        try:
            if gap < timedelta(hours=-12):
                moment += timedelta(days=1)
            elif self._first and gap > timedelta(hours=12):
                moment -= timedelta(days=1)
        except OverflowError:
            return None
        self._first = False
        self._last = moment
        return moment
