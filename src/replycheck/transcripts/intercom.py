"""Intercom conversations as JSON: `source` and `conversation_parts`; notes skipped, bots set apart.

One of the readers in `transcripts`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from replycheck.conversation import Role, Unread
from replycheck.transcripts.dates import Dates, unix
from replycheck.transcripts.found import About, Found, Turn, put_together, whole
from replycheck.transcripts.mapping import Mapping
from replycheck.transcripts.records import Record, listing, mapping, outline, read_each, words
from replycheck.transcripts.roles import Decision, by_name, is_bot
from replycheck.transcripts.sources import File

_AUTHORS = {
    "user": Decision(Role.PATRON, "the author is a user"),
    "lead": Decision(Role.PATRON, "the author is a lead"),
    "contact": Decision(Role.PATRON, "the author is a contact"),
    "admin": Decision(Role.STAFF, "the author is an admin"),
    "team": Decision(Role.STAFF, "the author is a team"),
    "bot": Decision(Role.BOT, "the author is a bot"),
}
_SENT = frozenset(["comment", "open", "close", "assignment", "quick_reply"])
"""Parts whose body the patron saw; a note is for colleagues."""


def detect(file: File) -> str | None:
    """Why the file is an Intercom export; None if it isn't."""
    paths = outline(file)
    if "conversation_parts.conversation_parts" in paths:
        return "JSON with conversation_parts.conversation_parts[]"
    return "JSON with source.author.type and source.body" if {"source.author.type", "source.body"} <= paths else None


def read(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    """The conversations of a file."""
    yield from read_each(file, lambda record: _conversation(file.name, record, wanted))


def _conversation(name: str, record: Record, wanted: Mapping) -> Found | Unread:
    value = record.value
    source = mapping(value.get("source"))
    turns: list[Turn] = []
    who: dict[str, Decision] = {}
    parts = [{**source, "created_at": value.get("created_at"), "part_type": "comment"}] if source else []
    parts += listing(mapping(value.get("conversation_parts")).get("conversation_parts"))
    people: list[str] = []
    for part in parts:
        author = mapping(part.get("author"))
        people += [words(author.get("name")), words(author.get("email"))]
        if words(part.get("part_type")) not in _SENT or not words(part.get("body")):
            continue
        speaker = words(author.get("name")) or words(author.get("id"))
        decision = _author(author, speaker, part, wanted)
        turns.append(Turn(speaker, words(part["body"]), _moment(part.get("created_at")), decision.role))
        who.setdefault(speaker, decision)
    identity = words(value.get("id"))
    wait = mapping(value.get("statistics")).get("time_to_admin_reply")
    found = put_together(
        About(
            id=identity or f"{name}:{record.number}",
            source=name,
            line=record.line,
            started=_moment(value.get("created_at")),
            channel={"email": "email"}.get(words(source.get("type")), "chat"),
            department=words(mapping(value.get("team")).get("name")),
            tags=tuple(
                words(t.get("name")) for t in listing(mapping(value.get("tags")).get("tags")) if words(t.get("name"))
            ),
            rating=whole(mapping(value.get("conversation_rating")).get("rating")),
            wait=float(wait) if isinstance(wait, (int, float)) else None,
            names=people,
            id_is_the_exports=bool(identity),
        ),
        turns,
        who,
    )
    return found or Unread(
        name, record.line, f"record {record.number}: nobody says anything in `source` and `conversation_parts`"
    )


def _author(author: dict[str, Any], speaker: str, part: dict[str, Any], wanted: Mapping) -> Decision:
    if author.get("from_ai_agent") is True or author.get("is_ai_answer") is True or is_bot(speaker):
        return _AUTHORS["bot"]
    if words(part.get("delivered_as")) in ("automated", "operator_initiated"):
        return Decision(Role.BOT, "delivered as an automatic message")
    said = by_name(speaker, wanted)
    if said and said.why.startswith("named as"):
        return said
    return _AUTHORS.get(words(author.get("type")), Decision(Role.SYSTEM, "an author of no known type"))


def _moment(value: object) -> Any:
    return unix(value) or Dates().read(value)
