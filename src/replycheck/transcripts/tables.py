"""Tables: a reply a row (`reply`, and `patron_message` if there), a message a row, or what a mapping's columns say.

One of the readers in `transcripts`: CSV, workbooks and JSON lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from replycheck.conversation import Role, Unread
from replycheck.errors import UnreadableInput
from replycheck.transcripts.dates import Dates, unix
from replycheck.transcripts.found import About, Found, Turn, put_together, seconds, tag_list, whole
from replycheck.transcripts.groups import complete
from replycheck.transcripts.lines import chat_lines
from replycheck.transcripts.mapping import Mapping
from replycheck.transcripts.records import outline, records_of, words
from replycheck.transcripts.roles import Decision, by_name, decide
from replycheck.transcripts.rows import Row, header_of, rows_of
from replycheck.transcripts.sources import File

_CALLED = {
    "reply": ("reply", "response", "staff_reply", "answer"),
    "patron_message": ("patron_message", "question", "patron_question", "inquiry", "enquiry"),
    "conversation": (
        "conversation",
        "conversation_id",
        "conversationid",
        "chat_id",
        "chatid",
        "thread",
        "thread_id",
        "session",
        "session_id",
        "ticket_id",
    ),
    "speaker": ("speaker", "author", "sender", "from", "name", "who"),
    "role": ("role", "speaker_role", "sender_type", "author_type"),
    "text": ("text", "message", "body", "utterance", "content"),
    "time": ("time", "timestamp", "datetime", "sent", "created_at", "sent_at"),
    "department": ("department", "queue", "desk"),
    "tags": ("tags", "tag"),
    "rating": ("rating",),
    "channel": ("channel",),
}
"""Names under which a column is known, folded; a mapping says others."""
_ROLES = {
    **dict.fromkeys(
        ["patron", "user", "visitor", "customer", "guest", "student", "client", "end-user", "enduser", "p", "v"],
        Role.PATRON,
    ),
    **dict.fromkeys(["staff", "librarian", "agent", "operator", "admin", "assistant", "library", "s", "l"], Role.STAFF),
    **dict.fromkeys(["bot", "trigger", "chatbot"], Role.BOT),
    **dict.fromkeys(["system", "note"], Role.SYSTEM),
}

Places = dict[str, str]


def _places(file: File) -> Places:
    """What each known column is called in this file."""
    names = _names(file)
    folded = {n.strip().casefold().replace(" ", "_"): n for n in names}
    return {what: folded[c] for what, called in _CALLED.items() if (c := next((c for c in called if c in folded), ""))}


def _needed(file: File, *columns: str) -> Places:
    """The same; UnreadableInput if one of these columns is not there."""
    places = _places(file)
    if missing := [c for c in columns if c not in places]:
        raise UnreadableInput(f"has no column {missing[0]}, by this or a like name")
    return places


def _names(file: File) -> list[str]:
    if file.head.lstrip("\ufeff \n\t").startswith("{") and not file.is_workbook:
        return sorted(p for p in outline(file) if p and "." not in p)
    return header_of(file)


def detect_replies(file: File) -> str | None:
    """Why the file is a table of replies; None if it isn't."""
    places = _places(file)
    if places.get("reply", "").casefold() == "reply" or {"reply", "patron_message"} <= set(places):
        return "a table with the columns " + " and ".join(
            v for k, v in places.items() if k in ("reply", "patron_message")
        )
    return None


def detect_messages(file: File) -> str | None:
    """Why the file is a table of messages; None if it isn't."""
    places = _places(file)
    if {"conversation", "text"} <= set(places) and {"speaker", "role"} & set(places):
        return "a table with the columns " + ", ".join(
            v for k, v in places.items() if k in ("conversation", "speaker", "role", "text")
        )
    return None


def detect_mapped(file: File, wanted: Mapping) -> str | None:
    """Why a mapping's columns fit the file; None if they don't."""
    if wanted.columns and set(wanted.columns.values()) <= set(_names(file)):
        return "a table with every column of the mapping"
    return None


def read_replies(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    """A conversation a row."""
    yield from _by_row(file, _needed(file, "reply"), wanted)


def read_messages(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    """The conversations of a table with a message a row, each when its last row has come."""
    yield from _by_conversation(file, _needed(file, "conversation", "text"), wanted)


def read_mapped(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    """A table as a mapping's columns describe it."""
    if "text" in wanted.columns:
        yield from _by_conversation(file, wanted.columns, wanted)
    else:
        yield from _by_row(file, wanted.columns, wanted)


def _cells(file: File) -> Iterator[tuple[int, dict[str, Any]] | Unread]:
    """Rows by the names of their columns, with the line that each begins in."""
    if file.head.lstrip("\ufeff \n\t").startswith("{") and not file.is_workbook:
        for record in records_of(file):
            yield record if isinstance(record, Unread) else (record.line or record.number, record.value)
        return
    names: list[str] = []
    for row in rows_of(file):
        if isinstance(row, Row) and not names:
            names = [c.strip().lstrip("\ufeff") for c in row.cells]
        else:
            yield row if isinstance(row, Unread) else (row.line, dict(zip(names, row.cells, strict=False)))


class _Cells:
    """A row's cells by what they are, not by what the file calls them."""

    def __init__(self, places: Places, cells: dict[str, Any]) -> None:
        self._places, self._cells = places, cells

    def __getitem__(self, what: str) -> str:
        return words(self._cells.get(self._places.get(what, ""))) if what in self._places else ""


def _about(name: str, line: int, cells: _Cells, dates: Dates, wanted: Mapping) -> About:
    identity = cells["conversation"].strip()
    return About(
        id=identity or f"{name}:{line}",
        source=name,
        line=line,
        started=_moment(cells, dates),
        channel=cells["channel"].strip() or wanted.channel or "chat",
        department=cells["department"].strip() or None,
        tags=tag_list(cells["tags"]),
        rating=whole(cells["rating"]),
        wait=seconds(cells["wait"]),
        names=[cells["answerer"], cells["patron"]],
        id_is_the_exports=bool(identity),
    )


def _moment(cells: _Cells, dates: Dates) -> Any:
    stamp = f"{cells['date']} {cells['time']}".strip()
    return dates.read(stamp) or dates.read(cells["date"]) or unix(stamp or None)


def _by_row(file: File, places: Places, wanted: Mapping) -> Iterator[Found | Unread]:
    dates = Dates([], wanted.date_format)
    for row in _cells(file):
        if isinstance(row, Unread):
            yield row
            continue
        line, raw = row
        cells = _Cells(places, raw)
        about = _about(file.name, line, cells, dates, wanted)
        stray: tuple[int, ...] = ()
        if "transcript" in places:
            turns, lost = _transcript(cells["transcript"], line, about, wanted)
            stray = tuple(lost)
            who = decide(
                turns,
                wanted=wanted,
                answerers=[cells["answerer"]],
                departments=[cells["department"]],
                patrons=[cells["patron"]],
            )
        else:
            turns = [
                Turn(cells["patron"], cells["patron_message"], None, Role.PATRON),
                Turn(cells["answerer"], cells["reply"], None, Role.STAFF),
            ]
            who = {
                cells["patron"] or "patron": Decision(Role.PATRON, "the column of messages"),
                cells["answerer"] or "staff": Decision(Role.STAFF, f"the column {places['reply']}"),
            }
            if not cells["reply"].strip():
                yield Unread(file.name, line, f"no text in {places['reply']}")
                continue
        found = put_together(about, turns, who, stray)
        yield found or Unread(file.name, line, "no message in the row")


def _transcript(text: str, line: int, about: About, wanted: Mapping) -> tuple[list[Turn], list[int]]:
    if wanted.line is None:
        return chat_lines(text, first_line=line, started=about.started)
    turns: list[Turn] = []
    stray: list[int] = []
    for number, piece in enumerate(text.replace("\r", "").split("\n"), line):
        head = wanted.line.match(piece)
        if head:
            turns.append(Turn(head["speaker"].strip(), head["text"]))
        elif turns:
            turns[-1].text += "\n" + piece
        elif piece.strip():
            stray.append(number)
    return turns, stray


def _by_conversation(file: File, places: Places, wanted: Mapping) -> Iterator[Found | Unread]:
    dates = Dates([], wanted.date_format)
    broken: list[Unread] = []
    column = places["conversation"]

    def rows(note: list[Unread]) -> Iterator[tuple[int, dict[str, Any]]]:
        for row in _cells(file):
            if isinstance(row, Unread):
                note.append(row)
            else:
                yield row

    def key(row: tuple[int, dict[str, Any]]) -> str:
        return words(row[1].get(column)).strip()

    for group in complete(map(key, rows([])), rows(broken), key):
        yield from broken
        broken.clear()
        yield _messages(file.name, group, places, dates, wanted)
    yield from broken


def _messages(
    name: str, group: Iterable[tuple[int, dict[str, Any]]], places: Places, dates: Dates, wanted: Mapping
) -> Found | Unread:
    rows = [(line, _Cells(places, raw)) for line, raw in group]
    turns: list[Turn] = []
    said: dict[str, Decision] = {}
    for _, cells in rows:
        speaker = cells["speaker"].strip() or cells["role"].strip()
        role = _ROLES.get(cells["role"].strip().casefold()) or getattr(by_name(cells["role"].strip()), "role", None)
        if role and not wanted.is_staff(speaker):
            said.setdefault(speaker, Decision(role, f"the column {places['role']}"))
        else:
            role = None
        turns.append(Turn(speaker, cells["text"], _moment(cells, dates), role))
    if turns and all(t.time for t in turns):
        turns.sort(key=lambda t: t.time)  # type: ignore[arg-type, return-value]
    first = rows[0]
    unknown = [t for t in turns if t.role is None]
    patrons = [s for s, d in said.items() if d.role is Role.PATRON]
    who = {
        **decide(unknown, wanted=wanted, answerers=[first[1]["answerer"]], patrons=[*patrons, first[1]["patron"]]),
        **said,
    }
    return put_together(_about(name, first[0], first[1], dates, wanted), turns, who) or Unread(
        name, first[0], "a conversation without words"
    )
