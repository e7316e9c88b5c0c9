"""A conversation written as lines, `10:02:15 - Speaker : message` and the like → turns.

Used by the readers of exports that keep a whole chat in one text. The first head of a text says how its other heads look,
so that a time inside a message is not taken for one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from replycheck.transcripts.found import Clock, Turn
from replycheck.transcripts.roles import folded

_HEAD = re.compile(r"\s*[\[(]?(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*([AaPp])\.?[Mm]\.?)?[\])]?\s*([-–—]\s+)?")
# blanks before a colon are stripped off the name, so it does not matter that no more than nine are looked at
_COLON = re.compile(r"\s{0,9}:(?:\s+|$)")
_SPACED = re.compile(r"\s:(?:\s|$)")
MAX_SPEAKER = 80


@dataclass(slots=True)
class _Head:
    line: int
    hour: int
    minute: int
    second: int
    rest: str
    more: list[str]


def chat_lines(
    text: str, *, first_line: int, started: datetime | None, known: Collection[str] = ()
) -> tuple[list[Turn], list[int]]:
    """Turns of a chat whose lines begin with a time of day, and the numbers of lines before the first that fit nothing.

    `known` are names from the metadata, which may hold colons.
    """
    heads, stray = _heads(text, first_line)
    if not heads:
        return [], stray
    spaced = all(_SPACED.search(h.rest) for h in heads)
    longer = _names_with_colons([h.rest for h in heads]) if not spaced else {}
    names = sorted({n for n in known if n and ":" in n}, key=len, reverse=True)
    clock = Clock(started)
    turns = []
    for head in heads:
        speaker, said = _split(head.rest, names, longer, spaced)
        moment = clock.at(head.hour, head.minute, head.second)
        turns.append(Turn(speaker, "\n".join([said, *head.more]), moment))
    return turns, stray


def _heads(text: str, first_line: int) -> tuple[list[_Head], list[int]]:
    heads: list[_Head] = []
    stray: list[int] = []
    shape: tuple[bool, bool] | None = None
    for number, line in enumerate(text.split("\n"), first_line):
        found = _HEAD.match(line)
        if found and shape in (None, (found[3] is not None, found[5] is not None)) and _COLON.search(line, found.end()):
            hour = int(found[1]) % 12 + (12 if found[4] in ("p", "P") else 0) if found[4] else int(found[1])
            shape = (found[3] is not None, found[5] is not None)
            heads.append(_Head(number, hour, int(found[2]), int(found[3] or 0), line[found.end() :], []))
        elif heads:
            heads[-1].more.append(line)
        elif line.strip():
            stray.append(number)
    return heads, stray


def _split(rest: str, names: Sequence[str], longer: dict[str, str], spaced: bool) -> tuple[str, str]:
    for name in names:
        if folded(rest[: len(name)]) == folded(name) and (colon := _COLON.match(rest, len(name))):
            return name, rest[colon.end() :]
    colon = (_SPACED if spaced else _COLON).search(rest)
    if colon is None or colon.start() > MAX_SPEAKER:
        return "", rest
    speaker = rest[: colon.start()].strip()
    if speaker in longer:
        speaker = longer[speaker]
        colon = _COLON.match(rest, len(speaker)) or colon
    return speaker, rest[colon.end() :]


def _names_with_colons(rests: Sequence[str]) -> dict[str, str]:
    """Speakers that hold a colon ("Main: Ask Us"): the short part never stands without the long one, several times."""
    short: Counter[str] = Counter()
    long: Counter[tuple[str, str]] = Counter()
    for rest in rests:
        if first := _COLON.search(rest[: 2 * MAX_SPEAKER]):
            name = rest[: first.start()]
            short[name.strip()] += 1
            if second := _COLON.search(rest[: 2 * MAX_SPEAKER], first.end()):
                long[name.strip(), rest[: second.start()].strip()] += 1
    return {name: full for (name, full), n in long.items() if n == short[name] and n > 1}
