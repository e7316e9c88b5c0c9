"""Zendesk: chats as JSON (`history` of messages), and tickets as JSON (`comments`, private ones skipped).

One of the readers in `transcripts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from replycheck.conversation import Role, Unread
from replycheck.transcripts.dates import Dates, unix
from replycheck.transcripts.found import About, Found, Turn, put_together, tag_list, whole
from replycheck.transcripts.mapping import Mapping
from replycheck.transcripts.markup import plain
from replycheck.transcripts.quoted import new_words
from replycheck.transcripts.records import Record, listing, mapping, outline, read_each, records_of, words
from replycheck.transcripts.roles import Decision, by_name, is_bot
from replycheck.transcripts.sources import File

_SENDERS = {
    "visitor": Decision(Role.PATRON, "the sender is a visitor"),
    "enduser": Decision(Role.PATRON, "the sender is a visitor"),
    "agent": Decision(Role.STAFF, "the sender is an agent"),
    "trigger": Decision(Role.BOT, "sent by a trigger"),
    "bot": Decision(Role.BOT, "sent by a bot"),
    "system": Decision(Role.SYSTEM, "sent by the system"),
}
_RATINGS = {"good": 1, "bad": 0}


def detect_chat(file: File) -> str | None:
    """Why the file is an export of Zendesk chats; None if it isn't."""
    paths = outline(file)
    if "history.item.msg" in paths and ("visitor" in paths or "history.item.sender_type" in paths):
        return "JSON with visitor and history[].msg"
    return None


def detect_tickets(file: File) -> str | None:
    """Why the file holds comments of Zendesk tickets; None if it doesn't."""
    paths = outline(file)
    if "comments.item.author_id" in paths:
        return "JSON with comments[].author_id"
    if {"author_id", "public"} <= paths and ("plain_body" in paths or "html_body" in paths):
        return "JSON with author_id, public and html_body"
    return None


def read_chat(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    """The chats of a file."""
    dates = Dates([], wanted.date_format)
    yield from read_each(file, lambda record: _chat(file.name, record, wanted, dates))


def _chat(name: str, record: Record, wanted: Mapping, dates: Dates) -> Found | Unread:
    chat = record.value
    visitor = words(mapping(chat.get("visitor")).get("name"))
    agents = [words(a) for a in chat["agent_names"]] if isinstance(chat.get("agent_names"), list) else []
    turns: list[Turn] = []
    who: dict[str, Decision] = {}
    for entry in listing(chat.get("history")):
        kind = words(entry.get("type"))
        text = words(entry.get("msg"))
        if kind == "chat.file":
            text = "attached a file: " + words(mapping(entry.get("attachment")).get("name"))
        elif kind and kind != "chat.msg":
            continue
        speaker = words(entry.get("name")) or words(entry.get("display_name"))
        time = dates.read(entry.get("timestamp")) or unix(entry.get("timestamp"))
        if speaker and wanted.is_staff(speaker):
            decision = Decision(Role.STAFF, "named as staff")
        else:
            decision = _sender(entry, speaker, visitor, agents)
        turns.append(Turn(speaker, text, time, decision.role))
        who.setdefault(speaker, decision)
    if not turns and words(chat.get("message")):
        # left while nobody was there
        turns.append(Turn(visitor, words(chat["message"]), None, Role.PATRON))
        who[visitor] = Decision(Role.PATRON, "left a message")
    started = dates.read(chat.get("timestamp")) or unix(chat.get("timestamp"))
    wait = mapping(chat.get("response_time")).get("first")
    identity = words(chat.get("id"))
    found = put_together(
        About(
            id=identity or f"{name}:{record.number}",
            source=name,
            line=record.line,
            started=started,
            department=words(chat.get("department_name")),
            tags=tag_list(chat.get("tags")),
            rating=_rating(chat.get("rating")),
            wait=float(wait) if isinstance(wait, (int, float)) else None,
            names=[visitor, *agents, words(mapping(chat.get("visitor")).get("email"))],
            id_is_the_exports=bool(identity),
        ),
        turns,
        who,
    )
    return found or Unread(name, record.line, f"record {record.number}: no messages in `history`")


def _sender(entry: dict[str, Any], speaker: str, visitor: str, agents: list[str]) -> Decision:
    kind = words(entry.get("sender_type")).lower().replace("_", "")
    if is_bot(speaker):
        return _SENDERS["bot"]
    if kind in _SENDERS:
        return _SENDERS[kind]
    if speaker and speaker in agents:
        return Decision(Role.STAFF, "among agent_names")
    if words(entry.get("nick")).startswith("agent"):
        return Decision(Role.STAFF, "its nick is an agent's")
    if not speaker:
        return _SENDERS["system"]
    return Decision(Role.PATRON, "the visitor's name" if speaker == visitor else "neither agent nor trigger")


def _rating(value: object) -> int | None:
    return _RATINGS.get(value.casefold(), whole(value)) if isinstance(value, str) else whole(value)


# --- tickets -----------------------------------------------------------------------------------------------------


def read_tickets(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    """The tickets of a file: records with `comments`, or one answer of the comments' address, which is one ticket."""
    dates = Dates([], wanted.date_format)
    loose: list[Record] = []
    for record in records_of(file):
        if isinstance(record, Unread):
            yield record
        elif isinstance(record.value.get("comments"), list):
            yield _ticket(file.name, record, record.value, wanted, dates)
        elif "author_id" in record.value and len(loose) < 10_000:
            loose.append(record)
        else:
            yield Unread(file.name, record.line, f"record {record.number}: no `comments`")
    tickets: dict[str, list[Record]] = {}
    for record in loose:
        tickets.setdefault(words(record.value.get("ticket_id")), []).append(record)
    for identity, comments in tickets.items():
        made = {"id": identity, "comments": [c.value for c in comments]}
        yield _ticket(file.name, comments[0], made, wanted, dates)


def _ticket(name: str, record: Record, ticket: dict[str, Any], wanted: Mapping, dates: Dates) -> Found | Unread:
    users = {words(u.get("id")): u for u in listing(ticket.get("users"))}
    requester = words(ticket.get("requester_id"))
    comments = listing(ticket.get("comments"))
    turns: list[Turn] = []
    who: dict[str, Decision] = {}
    hidden = 0
    for comment in comments:
        if comment.get("public") is False:
            hidden += 1
            continue
        author = words(comment.get("author_id"))
        user = users.get(author, {})
        speaker = words(user.get("name")) or author
        requester = requester or author
        text = words(comment.get("plain_body")) or words(comment.get("html_body")) or words(comment.get("body"))
        if words(mapping(comment.get("via")).get("channel")) == "email":
            text = new_words(plain(text)).text
        turns.append(Turn(speaker, text, dates.read(comment.get("created_at"))))
        who.setdefault(speaker, _author(speaker, author, user, requester, wanted))
    identity = words(ticket.get("id"))
    found = put_together(
        About(
            id=identity or f"{name}:{record.number}",
            source=name,
            line=record.line,
            started=dates.read(ticket.get("created_at")),
            channel="ticket",
            department=words(ticket.get("group_name")),
            tags=tag_list(ticket.get("tags")),
            rating=_rating(mapping(ticket.get("satisfaction_rating")).get("score")),
            names=[words(u.get(k)) for u in users.values() for k in ("name", "email")],
            id_is_the_exports=bool(identity),
        ),
        turns,
        who,
    )
    if found is None:
        why = "only private comments" if hidden else "no words in `comments`"
        return Unread(name, record.line, f"record {record.number}: {why}")
    return found


def _author(speaker: str, author: str, user: dict[str, Any], requester: str, wanted: Mapping) -> Decision:
    said = by_name(speaker, wanted)
    if said and (said.why.startswith("named as") or said.role is Role.BOT):
        return said
    role = words(user.get("role")).casefold()
    if role in ("agent", "admin"):
        return Decision(Role.STAFF, f"its role among users is {role}")
    if role == "end-user":
        return Decision(Role.PATRON, "its role among users is end-user")
    if author == "-1":
        return Decision(Role.SYSTEM, "the system's id")
    if author == requester:
        return Decision(Role.PATRON, "the requester, or who opened the ticket")
    return Decision(Role.STAFF, "answers the requester")
