"""Openfire and other XMPP logs as CSV: a row a message; staff are the rows that Smack, the web gateway's library, sent.

One of the readers in `transcripts`. Rows of conversations may be mixed.
"""

from __future__ import annotations

from collections.abc import Iterator

from replycheck.conversation import Role, Unread
from replycheck.errors import UnreadableInput
from replycheck.transcripts.dates import Dates, unix
from replycheck.transcripts.found import About, Found, Turn, put_together
from replycheck.transcripts.groups import complete
from replycheck.transcripts.mapping import Mapping
from replycheck.transcripts.roles import Decision, by_name
from replycheck.transcripts.rows import Row, header_of, rows_of
from replycheck.transcripts.sources import File

_NEEDED = frozenset(["conversationid", "fromjid", "body"])


def detect(file: File) -> str | None:
    """Why the file is an Openfire log; None if it isn't."""
    names = {name.casefold() for name in header_of(file)}
    return "a table with the columns conversationID, fromJID and body" if names >= _NEEDED else None


def read(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    """The conversations of a file, each when its last row has come."""
    names = [name.casefold() for name in header_of(file)]
    if not set(names) >= _NEEDED:
        raise UnreadableInput("has not the columns conversationID, fromJID and body")
    broken: list[Unread] = []
    place = names.index("conversationid")

    def rows(note: list[Unread]) -> Iterator[Row]:
        first = True
        for row in rows_of(file):
            if isinstance(row, Unread):
                note.append(row)
            elif not first:
                yield row
            first = False

    keys = (row.cells[place] for row in rows([]))
    for group in complete(keys, rows(broken), lambda row: row.cells[place]):
        yield from broken
        broken.clear()
        yield _conversation(file.name, group, names, wanted)
    yield from broken


def _conversation(name: str, group: list[Row], names: list[str], wanted: Mapping) -> Found | Unread:
    turns: list[Turn] = []
    who: dict[str, Decision] = {}
    dates = Dates([], wanted.date_format)
    for row in group:
        cells = dict(zip(names, row.cells, strict=False))
        # several staff share an account, and a patron may have the same one at another place: the resource is part of who it is
        jid = cells["fromjid"].strip()
        gateway = cells.get("fromjidresource", "").strip().casefold() == "smack"
        time = unix(cells.get("sentdate")) or dates.read(f"{cells.get('date', '')} {cells.get('time', '')}")
        turns.append(Turn(f"{jid}/Smack" if gateway else jid, cells["body"], time or dates.read(cells.get("sentdate"))))
        said = by_name(jid, wanted)
        if said is None or not said.why.startswith("named as"):
            said = (
                Decision(Role.STAFF, "sent through Smack")
                if gateway
                else Decision(Role.PATRON, "not sent through Smack")
            )
        who[turns[-1].speaker] = said
    identity = group[0].cells[names.index("conversationid")].strip()
    people = {t.speaker.removesuffix("/Smack") for t in turns}
    found = put_together(
        About(
            id=identity or f"{name}:{group[0].line}",
            source=name,
            line=group[0].line,
            names=people | {p.split("@")[0] for p in people},
            speakers_are_names=False,
            id_is_the_exports=bool(identity),
        ),
        turns,
        who,
    )
    return found or Unread(name, group[0].line, "a conversation without words")
