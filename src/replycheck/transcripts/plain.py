"""Plain text, `Name: message` a line, with or without a time before it; and lines that a mapping file describes.

One of the readers in `transcripts`. A line of dashes, a heading or two blank lines begin a new conversation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from replycheck.conversation import Unread
from replycheck.transcripts.dates import Dates
from replycheck.transcripts.found import About, Clock, Found, Turn, put_together
from replycheck.transcripts.mapping import Mapping
from replycheck.transcripts.roles import by_name, decide, folded
from replycheck.transcripts.sources import File

_LINE = re.compile(
    r"\s{0,8}+(?:[\[(]?(?P<date>\d{4}-\d\d-\d\d|\d{1,2}[/.]\d{1,2}[/.]\d{2,4})?[T,]?\s?(?P<time>\d{1,2}:\d\d(?::\d\d)?(?:\s?[AaPp][Mm])?)?[\])]?\s*+[-–—]?\s*+)"
    r"(?P<speaker>[^\W_][^:\n\t]{0,59}?)\s?:(?:[ \t]+|$)(?P<text>.*)"
)
_RULE = re.compile(
    r"\s*+(?:[-=*_#~]{3,}+[^\n]{0,80}|#{1,3} .{1,80}|(?:chat|conversation|transcript|session)(?: id)?[ #:]*[\w.-]{0,20}\d[^:\n]{0,60})$",
    re.I,
)
_LABELS = frozenset(
    "note notes hours link links title author authors location phone tel email e-mail ps p.s tip update edit address isbn issn doi url subject re fwd"
    " date time from to cc sent call number volume source example monday tuesday wednesday thursday friday saturday sunday warning step remember"
    " important http https for answer question topic".split()
)
MAX_CONVERSATION = 20_000
"""Lines of one conversation; a file with more is no chat, or has separators that nobody foresaw."""


@dataclass(slots=True)
class _Block:
    begins: int
    lines: list[str] = field(default_factory=list)


def detect(file: File) -> str | None:
    """Why the file is plain text of `Name: message` lines; None if it isn't."""
    lines = [line for line in file.head.split("\n") if line.strip()][:400]
    heads = [m for m in map(_LINE.match, lines) if m and _may_speak(m["speaker"])]
    names = Counter(folded(m["speaker"]) for m in heads)
    roles = sum(n for name, n in names.items() if by_name(name))
    if len(names) >= 2 and len(heads) >= 0.3 * len(lines) and (roles >= 2 or len(heads) >= 1.5 * len(names)):
        return f"{len(heads)} of its first {len(lines)} lines begin with a name and a colon"
    return None


def _may_speak(name: str) -> bool:
    words = name.split()
    return len(words) <= 6 and folded(name) not in _LABELS and words[0].casefold().rstrip(".") not in _LABELS


def read(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    """The conversations of a file."""
    for block in _blocks(file, lambda line: _RULE.match(line) is not None, by_gap=True):
        yield from _conversation(file.name, block, wanted)


def detect_mapped(file: File, wanted: Mapping) -> str | None:
    """Why a mapping's line pattern fits the file; None if it doesn't."""
    if wanted.line is None or file.is_workbook:
        return None
    lines = [line for line in file.head.split("\n") if line.strip()][:200]
    fits = sum(wanted.line.match(line) is not None for line in lines)
    return (
        f"{fits} of its first {len(lines)} lines fit the mapping's pattern"
        if fits >= 2 and fits >= 0.2 * len(lines)
        else None
    )


def read_mapped(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    """The conversations of a file whose lines a mapping describes."""
    separator = wanted.new_conversation
    new = (
        (lambda line: separator.match(line) is not None) if separator else (lambda line: _RULE.match(line) is not None)
    )
    for block in _blocks(file, new, by_gap=separator is None):
        yield from _mapped(file.name, block, wanted)


def _blocks(file: File, new: Callable[[str], bool], *, by_gap: bool) -> Iterator[_Block]:
    block = _Block(1)
    blanks = 0
    with file.text() as text:
        number = 0
        while line := text.readline(2**20):
            number += 1
            line = line.rstrip("\n").lstrip("\ufeff")
            blanks = blanks + 1 if not line.strip() else 0
            if new(line) or (by_gap and blanks == 2) or len(block.lines) >= MAX_CONVERSATION:
                if any(kept.strip() for kept in block.lines):
                    yield block
                block = _Block(number + 1, [])
            else:
                block.lines.append(line)
    if any(kept.strip() for kept in block.lines):
        yield block


def _speakers(block: _Block) -> set[str]:
    """Who speaks: names that stand there twice, words for staff or patrons, and whoever else there is if that leaves one."""
    heads = [m["speaker"] for m in map(_LINE.match, block.lines) if m and _may_speak(m["speaker"])]
    counts = Counter(map(folded, heads))
    sure = {name for name, n in counts.items() if n > 1 or by_name(name)}
    if heads:
        sure.add(folded(heads[0]))
    for name in counts:
        if len(sure) < 2 or len(name.split()) <= 2:
            sure.add(name)
    return sure


def _conversation(name: str, block: _Block, wanted: Mapping) -> Iterator[Found | Unread]:
    speakers = _speakers(block)
    dates = Dates([], wanted.date_format)
    turns: list[Turn] = []
    stray: list[int] = []
    clock: Clock | None = None
    for number, line in enumerate(block.lines, block.begins):
        head = _LINE.match(line)
        if head and folded(head["speaker"]) in speakers:
            day = dates.read(head["date"]) if head["date"] else None
            if day:
                clock = Clock(day.replace(hour=12) if clock is None else day)
            turns.append(Turn(head["speaker"].strip(), head["text"], _moment(head["time"], clock)))
        elif turns:
            turns[-1].text += "\n" + line
        elif line.strip():
            stray.append(number)
    yield from _finish(name, block, turns, stray, wanted)


def _moment(time: str | None, clock: Clock | None) -> datetime | None:
    if not time or clock is None:
        return None
    numbers = [int(n) for n in re.findall(r"\d+", time)]
    hour = numbers[0] % 12 + (12 if "p" in time.lower() else 0) if "m" in time.lower() else numbers[0]
    return clock.at(hour, numbers[1], numbers[2] if len(numbers) > 2 else 0)


def _mapped(name: str, block: _Block, wanted: Mapping) -> Iterator[Found | Unread]:
    if wanted.line is None:
        return
    dates = Dates([], wanted.date_format)
    turns: list[Turn] = []
    stray: list[int] = []
    for number, line in enumerate(block.lines, block.begins):
        head = wanted.line.match(line)
        if head:
            turns.append(Turn(head["speaker"].strip(), head["text"], dates.read(head.get("time"))))
        elif turns:
            turns[-1].text += "\n" + line
        elif line.strip():
            stray.append(number)
    yield from _finish(name, block, turns, stray, wanted)


def _finish(name: str, block: _Block, turns: list[Turn], stray: list[int], wanted: Mapping) -> Iterator[Found | Unread]:
    about = About(
        id=f"{name}:{block.begins}",
        source=name,
        line=block.begins,
        channel=wanted.channel or "chat",
        id_is_the_exports=False,
    )
    found = put_together(about, turns, decide(turns, wanted=wanted), tuple(stray))
    if found is not None:
        yield found
    elif len([line for line in block.lines if line.strip()]) > 1:
        yield Unread(name, block.begins, "lines without a name and a colon")
