"""LibraryH3lp: one XML or HTML a chat, a table whose `transcript` is HTML, and the consortial CSV without a header.

One of the readers in `transcripts`. Staff are whoever carries the operator's, queue's or profile's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from replycheck.conversation import Role, Unread
from replycheck.errors import UnreadableInput
from replycheck.transcripts.dates import Dates
from replycheck.transcripts.found import About, Clock, Found, Turn, put_together, seconds, tag_list
from replycheck.transcripts.mapping import Mapping
from replycheck.transcripts.markup import plain
from replycheck.transcripts.roles import decide, folded
from replycheck.transcripts.rows import header_of, rows_of
from replycheck.transcripts.sources import File

_FIELDS = ("guest", "protocol", "queue", "profile", "operator", "started", "accepted", "ended", "wait", "referrer")
_TIME = re.compile(
    r"[\[(]?(?:\d{4}-\d\d-\d\d[T ])?(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\.\d+)?Z?[\])]?(?:\s*([AaPp])[Mm])?"
)
_SPEAKER = re.compile(r"\s*+[-–]?\s*+([^:\n]{1,80}?)\s{0,9}:(?=\s|$)\s*")
_IDS = re.compile(r"^\s*((?:Student|Library|Patron|Staff)ID)@\S+?:", re.I)
_TRANSCRIPT_COLUMN, _LEAST_COLUMNS = 10, 11
MAX_XML = 2**25
"""Most characters of one chat's XML."""


def detect(file: File) -> str | None:
    """Why the file is LibraryH3lp's; None if it isn't."""
    head = file.head.lstrip("\ufeff \n\t")
    if head.startswith("<"):
        marks = [f for f in ("transcript", *_FIELDS) if re.search(rf"<{f}[\s>/]|\b{f}=", head)]
        if "transcript" in marks and len(marks) >= 3:
            return f"XML with {', '.join(marks[:4])}"
        if re.match(r"<(?:!doctype html|html|div)\b", head, re.I) and len(_html_lines(head[:20_000])) > 1:
            return "HTML of nested <div>s, each a message with its time and speaker"
        return None
    cells = header_of(file)
    names = {c.casefold() for c in cells}
    if "transcript" in names and len(names & set(_FIELDS)) >= 3:
        return f"a table with the columns transcript, {', '.join(sorted(names & set(_FIELDS))[:3])}"
    if len(cells) >= _LEAST_COLUMNS and _TIME.match(cells[_TRANSCRIPT_COLUMN].strip()):
        return "a table without a header whose eleventh column holds lines of time, speaker and words"
    return None


def read(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    """The chats of a file."""
    if file.head.lstrip("\ufeff \n\t").startswith("<"):
        yield from _read_marked_up(file, wanted)
    else:
        yield from _read_table(file, wanted)


# --- XML and HTML ------------------------------------------------------------------------------------------------


def _read_marked_up(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    with file.text() as text:
        whole = text.read(MAX_XML + 1)
    if len(whole) > MAX_XML:
        raise UnreadableInput(f"a chat of more than {MAX_XML:,} characters")
    whole = whole.lstrip("\ufeff \n\t")
    if re.match(r"<(?:!doctype html|html|div)\b", whole, re.I):
        yield _chat(file.name, 1, {"transcript": whole}, wanted)
        return
    for number, record in enumerate(_records(whole), 1):
        found = _chat(file.name, None, record, wanted)
        yield found if isinstance(found, Found) else Unread(file.name, None, f"chat {number}: {found.why}")


def _records(text: str) -> Iterator[dict[str, Any]]:
    """The innermost elements that hold a `transcript`, as texts by name; entities of its own are refused."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    # the declaration may name the encoding that the file no longer is in
    text = re.sub(r"^<\?xml[^>]{0,200}\?>", "", text)
    try:
        root = fromstring(text, forbid_dtd=True)
    except ParseError as problem:
        line, column = problem.position
        raise UnreadableInput(f"not XML that can be read, at column {column}", row=line) from None
    except DefusedXmlException:
        raise UnreadableInput("XML that declares entities or a document type of its own: refused") from None
    except ValueError:
        raise UnreadableInput("not XML that can be read") from None
    for element in root.iter():
        inner = next((child for child in element if child.tag.lower() == "transcript"), None)
        if inner is None and not element.get("transcript"):
            continue
        record: dict[str, Any] = {k.lower(): v for k, v in element.attrib.items()}
        for child in element:
            if child.tag.lower() != "transcript":
                record[child.tag.lower()] = (child.text or child.get("jid") or child.get("name") or "").strip()
        if inner is not None:
            from xml.etree.ElementTree import tostring

            record["transcript"] = tostring(inner, encoding="unicode", method="xml") if len(inner) else inner.text or ""
        yield record


def _html_lines(html: str) -> list[str]:
    """The innermost `<div>`s (or `<p>`s, or `<message>`s) as text, a message each."""
    from lxml import etree
    from lxml import html as parser

    try:
        root = parser.fragment_fromstring(
            html.replace("\x00", ""), create_parent="section", parser=parser.HTMLParser(no_network=True)
        )
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return []
    leaves = []
    for element in root.iter("div", "p", "li", "message"):
        if not any(True for _ in element.iterchildren("div", "p", "li", "message")):
            text = plain(etree.tostring(element, encoding="unicode", method="html", with_tail=False))
            if text:
                leaves.append(text)
    return leaves


# --- tables ------------------------------------------------------------------------------------------------------


def _read_table(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    names = {c.casefold() for c in header_of(file)}
    header: list[str] = []
    positional = "transcript" not in names
    for row in rows_of(file):
        if isinstance(row, Unread):
            yield row
        elif positional:
            cells = row.cells
            if len(cells) < _LEAST_COLUMNS:
                yield Unread(file.name, row.line, f"has {len(cells)} of {_LEAST_COLUMNS} cells")
                continue
            record = {"guest": cells[0], "profile": cells[2], "queue": cells[3], "operator": cells[7]}
            record["started"] = next((c for c in cells[4:7] if re.match(r"\s*\d{1,4}[-/]\d", c)), "")
            yield _chat(file.name, row.line, {**record, "transcript": cells[_TRANSCRIPT_COLUMN]}, wanted)
        elif not header:
            header = [c.strip().lstrip("\ufeff").casefold() for c in row.cells]
        else:
            yield _chat(file.name, row.line, dict(zip(header, row.cells, strict=False)), wanted)


# --- one chat ----------------------------------------------------------------------------------------------------


def _chat(name: str, line: int | None, record: dict[str, Any], wanted: Mapping) -> Found | Unread:
    get = {k: str(v or "").strip() for k, v in record.items()}.get
    dates = Dates([], wanted.date_format)
    started, accepted = dates.read(get("started")), dates.read(get("accepted"))
    operator, queue, profile, guest = (get(k, "") for k in ("operator", "queue", "profile", "guest"))
    raw = get("transcript", "")
    html = raw.lstrip().startswith("<")
    texts = _html_lines(raw) if html else raw.split("\n")
    turns, stray = _turns(texts, started, [operator, queue, profile], guest)
    who = decide(
        turns,
        wanted=wanted,
        answerers=[operator],
        departments=[queue, profile, *_rooms(turns, queue, profile)],
        patrons=[guest],
    )
    identity = get("id", "")
    wait = seconds(get("wait"))
    if wait is None and started and accepted and accepted >= started:
        wait = (accepted - started).total_seconds()
    found = put_together(
        About(
            id=identity or f"{name}:{line or 1}",
            source=name,
            line=line,
            started=started,
            channel="sms" if get("protocol", "") in ("sms", "twilio") else "chat",
            department=queue or None,
            tags=tag_list(get("tags")),
            wait=wait,
            names=[operator, guest, *re.split(r"[@/]", operator)[:1]],
            id_is_the_exports=bool(identity),
        ),
        turns,
        who,
        () if html or line is None else tuple(line + n for n in stray),
    )
    return found or Unread(name, line, "no message in the transcript (storing transcripts may be off)")


def _rooms(turns: list[Turn], *names: str) -> list[str]:
    """Speakers whose id holds the queue's or the profile's name, such as queue@chat.example.org."""
    inside = [folded(n) for n in names if n]
    return [t.speaker for t in turns if any(n in folded(t.speaker) for n in inside)]


def _turns(texts: list[str], started: datetime | None, staff: list[str], guest: str) -> tuple[list[Turn], list[int]]:
    """Lines of time, speaker and words; a speaker nobody knows goes on with the line before."""
    clock = Clock(started)
    turns: list[Turn] = []
    stray: list[int] = []
    for number, text in enumerate(texts):
        if not text.strip():
            continue
        head = _TIME.match(text.strip())
        rest = text.strip()[head.end() :] if head else text.strip()
        ids = _IDS.match(rest)
        speaker = _SPEAKER.match(rest)
        if rest.lower().lstrip(" -").startswith("system message"):
            turns.append(Turn("System", rest, None, Role.SYSTEM))
        elif ids:
            turns.append(Turn(ids[1], rest[ids.end() :], _moment(clock, head)))
        elif speaker and (head or _is_known(speaker[1], [*staff, guest])):
            turns.append(Turn(speaker[1].strip(), rest[speaker.end() :], _moment(clock, head)))
        elif head and (words := rest.split(None, 1)) and _is_known(words[0], [*staff, guest]):
            turns.append(Turn(words[0], words[1] if len(words) > 1 else "", _moment(clock, head)))
        elif turns:
            turns[-1].text += "\n" + text
        else:
            stray.append(number)
    return turns, stray


def _is_known(speaker: str, names: list[str]) -> bool:
    from replycheck.transcripts.roles import by_name

    low = folded(speaker)
    return (
        any(n and (folded(n) in low or folded(n).split("@")[0] == low) for n in names) or by_name(speaker) is not None
    )


def _moment(clock: Clock, head: re.Match[str] | None) -> datetime | None:
    if head is None:
        return None
    hour = int(head[1])
    if head[4]:
        hour = hour % 12 + (12 if head[4] in "pP" else 0)
    return clock.at(hour, int(head[2]), int(head[3] or 0))
