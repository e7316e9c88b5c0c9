"""The engines: one reply, many by number and by length, with and without reasons and advice."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pytest

from bench import subjects, texts
from bench.conftest import SHORT, Measure
from replycheck.checker import Checker
from replycheck.reply import Reply

MANY = 500 if SHORT else 2_000
SIZES = (1, 10, 100, 1_000, 10_000, 100_000)
LENGTHS = (5, 20, 60, 200, 500, 2_000)
WORDS = 10_000 if SHORT else 40_000
"""Words of all texts of one length together."""
FEW = {"fast": MANY, "deep": 16 if SHORT else 64}
"""Replies that an engine judges at once here: the deep one takes far longer for each."""

WAYS: dict[str, Callable[[Checker, Sequence[Reply]], object]] = {
    "verdict alone": lambda checker, some: checker.check_many(some, reasons=False),
    "with reasons": lambda checker, some: checker.check_many(some),
    "with reasons and advice": lambda checker, some: [v.advice for v in checker.check_many(some)],
}


def many(count: int, *, messages: bool) -> list[Reply]:
    """So many replies of about sixty words."""
    sixty = texts.sixty() if messages else texts.alone(texts.sixty())
    return (sixty * (count // len(sixty) + 1))[:count]


@pytest.mark.parametrize("messages", [False, True], ids=["alone", "messages"])
def test_floor(measure: Measure, messages: bool) -> None:
    read = texts.strings(many(MANY, messages=messages))
    row = "floor: 60 words with message" if messages else "floor: 60 words"
    measure(row, lambda: subjects.blank()(read), replies=MANY)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("messages", [False, True], ids=["alone", "messages"])
@pytest.mark.parametrize("engine", ["fast", "deep"])
def test_many(measure: Measure, checkers: dict[str, Checker], engine: str, messages: bool, way: str) -> None:
    some = many(FEW[engine], messages=messages)
    what = "60 words with message" if messages else "60 words"
    measure(
        f"{engine}, {what}, {way}",
        lambda: WAYS[way](checkers[engine], some),
        replies=len(some),
        over=f"floor: {what}",
        group="many",
    )


@pytest.mark.parametrize("engine", ["fast", "deep"])
def test_one(measure: Measure, checkers: dict[str, Checker], engine: str) -> None:
    some = texts.sixty()[: FEW[engine]]
    checker = checkers[engine]
    checker.check_many(some)
    seconds = []
    for reply in some:
        begin = time.perf_counter()
        checker.check(reply)
        seconds.append(time.perf_counter() - begin)
    measure(
        f"{engine}, one reply by itself, with reasons",
        lambda: [checker.check(r) for r in some],
        replies=len(some),
        over="floor: 60 words with message",
        group="one",
        p99_ms=sorted(seconds)[int(len(seconds) * 0.99)] * 1e3,
    )


@pytest.mark.parametrize("who", ["floor", "fast"])
def test_new_words(measure: Measure, checkers: dict[str, Checker], who: str) -> None:
    """Words are remembered once they were split, by spaCy and by us: what the first few hundred replies cost."""
    some = many(500, messages=True)
    read = texts.strings(some)
    floor = "floor: 60 words with message, nothing read before"
    if who == "floor":
        measure(
            floor,
            lambda nlp: [nlp(text) for text in read],
            replies=len(some),
            fresh=subjects.new_blank,
        )
        return
    measure(
        "fast, 60 words with message, verdict alone, nothing read before",
        lambda checker: checker.check_many(some, reasons=False),
        replies=len(some),
        over=floor,
        fresh=lambda: Checker(checkers["fast"].engine, "new"),
        group="many",
    )


def sized(count: int) -> list[Reply]:
    """Different replies of sixty words."""
    made = texts.made_up(min(count, 20_000), 60)
    return (made * (count // len(made) + 1))[:count]


@pytest.mark.parametrize("size", [*SIZES[:4], *(pytest.param(n, marks=pytest.mark.once) for n in SIZES[4:])])
def test_size(measure: Measure, checkers: dict[str, Checker], size: int) -> None:
    if SHORT and size in SIZES[4:]:
        pytest.skip("takes too long for a short try")
    some = sized(size)
    measure(
        f"fast, {size:,} at once",
        lambda: checkers["fast"].check_many(some, reasons=False),
        replies=size,
        over="floor: 60 words, made up",
        group="size",
        size=size,
    )


def test_floor_of_sizes(measure: Measure) -> None:
    read = texts.strings(sized(1_000))
    measure("floor: 60 words, made up", lambda: subjects.blank()(read), replies=len(read))


@pytest.mark.parametrize("who", ["floor", "fast"])
@pytest.mark.parametrize("words", LENGTHS)
def test_length(measure: Measure, checkers: dict[str, Checker], who: str, words: int) -> None:
    some = texts.made_up(WORDS // words, words)
    if who == "floor":
        read = texts.strings(some)
        measure(f"floor: {words:,} words", lambda: subjects.blank()(read), replies=len(some))
        return
    measure(
        f"fast, {words:,} words",
        lambda: checkers["fast"].check_many(some, reasons=False),
        replies=len(some),
        over=f"floor: {words:,} words",
        group="length",
        words=words,
    )
