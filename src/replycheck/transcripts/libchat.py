"""Springshare LibChat's "Transcripts" CSV: a row a chat, the conversation in one cell, `HH:MM:SS - Speaker : message`.

One of the readers in `transcripts`. Columns are matched by name; no library has all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from replycheck.conversation import Role, Unread
from replycheck.errors import UnreadableInput
from replycheck.transcripts.dates import Dates
from replycheck.transcripts.found import About, Found, Turn, put_together, seconds, tag_list, whole
from replycheck.transcripts.lines import chat_lines
from replycheck.transcripts.mapping import Mapping
from replycheck.transcripts.roles import Decision, decide, folded
from replycheck.transcripts.rows import Row, header_of, rows_of
from replycheck.transcripts.sources import File

_MARKS = ("chat id", "answerer", "initial question", "wait time (seconds)", "message count", "department", "timestamp")
_SEVERAL = re.compile(r" ?[,;&|] ?| and ")
MAX_ANSWERERS = 20_000


def detect(file: File) -> str | None:
    """Why the file is a LibChat export; None if it isn't."""
    names = {name.casefold() for name in header_of(file)}
    marks = [m for m in _MARKS if m in names]
    if "transcript" in names and len(marks) >= 2 and "guest" not in names:
        return f"a table with the columns Transcript, {', '.join(m.capitalize() for m in marks[:3])}"
    return None


def read(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    """The chats of a file, a row each."""
    answerers, dates = _first_look(file, wanted)
    rows = rows_of(file)
    names: list[str] = []
    for row in rows:
        if isinstance(row, Unread):
            yield row
        elif not names:
            names = [cell.strip().lstrip("\ufeff").casefold() for cell in row.cells]
            if "transcript" not in names:
                raise UnreadableInput("has no column Transcript")
        else:
            yield _chat(file.name, row, dict(zip(names, row.cells, strict=False)), answerers, dates, wanted)


def _first_look(file: File, wanted: Mapping) -> tuple[set[str], Dates]:
    """Everybody who answers somewhere in the file, and how it writes dates."""
    answerers: set[str] = set()
    stamps: list[str] = []
    place: dict[str, int] = {}
    for row in rows_of(file):
        if isinstance(row, Unread):
            continue
        if not place:
            place = {cell.strip().lstrip("\ufeff").casefold(): i for i, cell in enumerate(row.cells)}
            continue
        if (i := place.get("answerer")) is not None and len(answerers) < MAX_ANSWERERS:
            answerers |= {folded(n) for n in _several(row.cells[i])}
        if (i := place.get("timestamp")) is not None and len(stamps) < 1000:
            stamps.append(row.cells[i])
    return answerers, Dates(stamps, wanted.date_format)


def _several(cell: str) -> list[str]:
    """The names in a cell that may hold more than one."""
    return [n for n in _SEVERAL.split(" ".join(cell.split())) if n.strip()]


def _chat(
    name: str, row: Row, cells: dict[str, str], elsewhere: set[str], dates: Dates, wanted: Mapping
) -> Found | Unread:
    started = dates.read(cells.get("timestamp"))
    answerers = _several(cells.get("answerer", ""))
    answerers += [cells["answerer"]] if cells.get("answerer", "").strip() else []
    department = cells.get("department", "").strip()
    visitors = [v for k in ("name", "patron name", "guest name", "visitor") if (v := cells.get(k, "").strip())]
    before = row.cells[: list(cells).index("transcript")]
    line = row.line + sum(cell.count("\n") for cell in before)
    turns, stray = chat_lines(
        cells.get("transcript", ""), first_line=line, started=started, known=[*answerers, department, *visitors]
    )
    question = cells.get("initial question", "").strip()
    who = decide(
        turns,
        wanted=wanted,
        answerers=answerers,
        departments=[department],
        patrons=visitors,
        elsewhere=elsewhere,
        question=question,
    )
    if question and turns and not any(who[t.speaker].role is Role.PATRON and _same(t.text, question) for t in turns):
        # asked in the form before the chat, so that the lines begin with the answer
        turns.insert(0, Turn("Patron", question, started, Role.PATRON))
        who.setdefault("Patron", Decision(Role.PATRON, "asked the initial question"))
    identity = cells.get("chat id", "").strip()
    found = put_together(
        About(
            id=identity or f"{name}:{row.line}",
            source=name,
            line=row.line,
            started=started,
            department=department,
            tags=tag_list(cells.get("tags")),
            rating=next((whole(v) for k, v in cells.items() if k.startswith("rating") and v.strip()), None),
            wait=next((seconds(v) for k, v in cells.items() if k.startswith("wait time")), None),
            names=[*answerers, *visitors],
            id_is_the_exports=bool(identity),
        ),
        turns,
        who,
        tuple(stray),
    )
    if found is None:
        return Unread(name, row.line, "no message in the transcript" if turns else "no transcript that can be read")
    return found


def _same(text: str, question: str) -> bool:
    from replycheck.transcripts.markup import plain

    said, asked = folded(plain(text)), folded(plain(question))
    return bool(said) and (said.startswith(asked) or asked.startswith(said))
