"""No text is slow: every regular expression and every function that reads a whole text takes time that grows with its length only.

Each hostile text is tried short, at two lengths; where that takes long, or grows faster than the length, 50 KB are compared with 100 KB.
Ratios, so that the machine does not matter.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from hostile import PIECES, Used, expressions, pumps, readers, seconds, text_of, way_of

BOUNDED = {
    # these see no more of a text than their callers cut for them
    "replycheck.text._ABBREVIATION": 9,
    "replycheck.lexicon._NUMBER": 200,
    "replycheck.lexicon._URL": 200,
    "replycheck.privacy.patterns._IDENTIFYING": 2_000,
    "replycheck.transcripts.roles._BOT": 100,
    "replycheck.transcripts.roles._SYSTEM": 100,
    "replycheck.transcripts.roles._PATRON": 100,
    "replycheck.transcripts.roles._IP": 100,
    "replycheck.transcripts.roles._STAFF": 100,
    "replycheck.transcripts.roles._SYSTEM_LINE": 400,
    "replycheck.transcripts.roles._AUTOMATIC": 600,
    "replycheck.transcripts.roles._PROACTIVE": 600,
}
"""Characters of the longest text that an expression is tried on."""
OURS = ("replycheck.plots:",)
"""Read what we have drawn ourselves, nothing that came in."""
LIMIT = 0.5
"""Seconds for 100 KB, ten times what an expression may take: a busy machine fails nothing."""
ENDINGS = ("", "\n", "z")


class TooSlow(Exception):
    """Stopped: `re` looks at signals while it tries."""


@contextmanager
def at_most(limit: float, what: object) -> Iterator[None]:
    """TooSlow when it takes longer, so that an expression that blows up fails a test instead of stopping them all."""

    def stop(*_: object) -> None:
        raise TooSlow(f"more than {limit} s: {what}")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def linear(call: Callable[[str], object], before: str, inside: str, end: str) -> bool:
    """Whether 100 KB take less than three times as long as 50 KB."""
    half, whole = (text_of(before, inside, size, end) for size in (50_000, 100_000))
    return any(seconds(call, whole) < 3 * seconds(call, half) for _ in range(4))


def suspicious(call: Callable[[str], object], before: str, inside: str, end: str, worth: float) -> bool:
    """Whether 4 KB take more than `worth` seconds, or so long that it may have grown with the square from 1 KB on."""
    whole = seconds(call, text_of(before, inside, 4_000, end))
    if whole < worth / 24:
        return False
    return whole > worth or whole > 6 * seconds(call, text_of(before, inside, 1_000, end))


@pytest.mark.parametrize("used", expressions(), ids=lambda u: ascii(u.name))
def test_an_expression_takes_time_that_grows_with_length_only(used: Used) -> None:
    if used.name.startswith(OURS):
        return
    way, bound = way_of(used), BOUNDED.get(used.name)
    for before, inside in pumps(used.pattern):
        for end in ENDINGS:
            with at_most(20, (used.name, before, inside, end)):
                if bound:
                    many = 100_000 // bound
                    assert seconds(way, text_of(before, inside, bound, end), 3) * many < 2 * LIMIT, (
                        before,
                        inside,
                        end,
                    )
                elif suspicious(way, before, inside, end, worth=0.0012):
                    assert linear(way, before, inside, end), (before, inside, end)
                    assert seconds(way, text_of(before, inside, 100_000, end), 2) < LIMIT, (before, inside, end)


@pytest.mark.parametrize("piece", PIECES, ids=ascii)
def test_what_reads_a_whole_text_takes_time_that_grows_with_length_only(piece: str) -> None:
    for name, read in readers().items():
        with at_most(60, (name, piece)):
            if suspicious(read, "", piece, "z", worth=0.15):
                assert linear(read, "", piece, "z"), name
