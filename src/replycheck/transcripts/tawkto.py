"""tawk.to transcripts as JSON, as its webhook sends them: `messages` by visitor, agent or system.

One of the readers in `transcripts`.
"""

from __future__ import annotations

from collections.abc import Iterator

from replycheck.conversation import Role, Unread
from replycheck.transcripts.dates import Dates, unix
from replycheck.transcripts.found import About, Found, Turn, put_together, tag_list
from replycheck.transcripts.mapping import Mapping
from replycheck.transcripts.records import Record, listing, mapping, outline, read_each, words
from replycheck.transcripts.roles import Decision, is_bot
from replycheck.transcripts.sources import File

_SENDERS = {
    "v": Decision(Role.PATRON, "the sender's type is v, a visitor"),
    "a": Decision(Role.STAFF, "the sender's type is a, an agent"),
    "s": Decision(Role.BOT, "the sender's type is s, the system"),
}


def detect(file: File) -> str | None:
    """Why the file is tawk.to's; None if it isn't."""
    paths = outline(file)
    for prefix in ("chat.", ""):
        if f"{prefix}messages.item.sender.t" in paths and f"{prefix}messages.item.msg" in paths:
            return f"JSON with {prefix}messages[].sender.t"
    return None


def read(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    """The chats of a file."""
    dates = Dates([], wanted.date_format)
    yield from read_each(file, lambda record: _chat(file.name, record, wanted, dates))


def _chat(name: str, record: Record, wanted: Mapping, dates: Dates) -> Found | Unread:
    chat = mapping(record.value.get("chat")) or record.value
    visitor = mapping(chat.get("visitor"))
    turns: list[Turn] = []
    who: dict[str, Decision] = {}
    for message in listing(chat.get("messages")):
        sender = mapping(message.get("sender"))
        kind = words(sender.get("t"))
        speaker = words(sender.get("n")) or (words(visitor.get("name")) if kind == "v" else kind)
        decision = _SENDERS.get(kind, Decision(Role.SYSTEM, "a sender of no known type"))
        if decision.role is Role.STAFF and is_bot(speaker):
            decision = Decision(Role.BOT, "named as a bot")
        elif wanted.is_staff(speaker):
            decision = Decision(Role.STAFF, "named as staff")
        text = words(message.get("msg"))
        if message.get("attchs"):
            turns.append(Turn(speaker, "attached a file", None, Role.SYSTEM))
        turns.append(Turn(speaker, text, dates.read(message.get("time")) or unix(message.get("time")), decision.role))
        who.setdefault(speaker, decision)
    identity = words(chat.get("id"))
    found = put_together(
        About(
            id=identity or f"{name}:{record.number}",
            source=name,
            line=record.line,
            started=dates.read(record.value.get("time")) or unix(record.value.get("time")),
            department=words(mapping(record.value.get("property")).get("name")),
            tags=tag_list(chat.get("tags")),
            names=[words(visitor.get("name")), words(visitor.get("email"))],
            id_is_the_exports=bool(identity),
        ),
        turns,
        who,
    )
    return found or Unread(name, record.line, f"record {record.number}: no words in `messages`")
