"""Counting: small groups, shares and their intervals."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replycheck.summary import coarser
from replycheck.tally import OTHER, Frequent, Tally, contribution_of, difference, merged, wilson


def run(pushed: bool, kinds: list[float] | None = None, informs: bool = False) -> dict[str, Any]:
    return {"pushed": pushed, "informs": informs, "kinds": kinds}


@given(st.dictionaries(st.text("abc", max_size=3), st.integers(1, 60), max_size=12), st.integers(2, 20))
@settings(deadline=None, max_examples=200)
def test_no_small_group_is_shown_nor_left_over_by_subtraction(counts: dict[str, int], minimum: int) -> None:
    shown = merged(counts, minimum)
    sizes: Counter[str] = Counter()
    for group, name in shown.items():
        assert name in (group, OTHER)
        sizes[name] += counts[group]
    assert all(n >= minimum for name, n in sizes.items() if name != OTHER)
    if OTHER in shown.values() and any(name != OTHER for name in shown.values()):
        assert sizes[OTHER] >= minimum


def test_large_groups_stay() -> None:
    assert merged({"a": 30, "b": 10, "c": 9, "d": 3}, 10) == {"a": "a", "b": "b", "c": OTHER, "d": OTHER}
    assert merged({"a": 30, "b": 12, "c": 3}, 10) == {"a": "a", "b": OTHER, "c": OTHER}


@given(st.dictionaries(st.tuples(*[st.sampled_from("xyz")] * 4), st.integers(1, 15), max_size=25))
@settings(deadline=None, max_examples=100)
def test_every_cell_that_says_something_is_shared_by_enough_conversations(cells: dict[tuple[str, ...], int]) -> None:
    sizes: Counter[tuple[str, ...]] = Counter()
    for cell, at in coarser(cells, 10).items():
        sizes[at] += cells[cell]
        assert all(new in (old, OTHER) for old, new in zip(cell, at, strict=True))
    assert all(n >= 10 or set(cell) == {OTHER} for cell, n in sizes.items())


def test_the_frequent_are_kept_whatever_the_order() -> None:
    values = ["macro"] * 300 + [f"once {i}" for i in range(2_000)]
    random.Random(1).shuffle(values)
    few = Frequent(20)
    for value in values:
        few.add(value)
    assert "macro" in few.counts
    assert len(few.counts) <= 20


def test_a_doubtful_message_counts_in_part_for_each_kind() -> None:
    tally = Tally()
    tally.add(contribution_of([run(True, [0.8, 0.2, 0.0]), run(False, [0.5, 0.5, 0.0])]))
    tally.add(contribution_of([run(False, [1.0, 0.0, 0.0], informs=True), run(True, None)]))
    found = tally.shares(1)
    assert found["all"]
    assert (found["all"]["runs"], found["all"]["pushed"]) == (4, 2)
    assert found["input"]
    assert found["input"]["share"] == pytest.approx(0.8 / 2.3, abs=1e-4)
    assert found["input"]["informs_only"] == 1
    low, high = found["input"]["by_kind"]
    assert low < found["input"]["share"] < high
    assert found["request"] is None


def test_the_interval_by_chance_covers_and_knows_that_replies_of_a_chat_are_alike() -> None:
    # drawn again and again: chats whose replies push together, one in five
    rng = random.Random(3)
    covered = 0
    for _ in range(300):
        tally = Tally()
        for _ in range(60):
            often = rng.random() < 0.2
            tally.add(contribution_of([run(rng.random() < (0.8 if often else 0.05), [1, 0, 0]) for _ in range(5)]))
        share = tally.shares(1)["input"]
        assert share
        covered += share["by_chance"][0] <= 0.2 <= share["by_chance"][1]
    assert 0.9 <= covered / 300 <= 0.99


def test_nothing_pushed_is_no_proof_of_nothing() -> None:
    tally = Tally()
    for _ in range(20):
        tally.add(contribution_of([run(False, [1, 0, 0])]))
    share = tally.shares(1)["input"]
    assert share
    assert share["share"] == 0
    assert 0.1 < share["by_chance"][1] < 0.2


def test_wilson_and_the_difference_of_two() -> None:
    assert wilson(0.2, 50) == pytest.approx((0.1124, 0.3304), abs=1e-4)  # Wilson 1927, by hand
    low, high = difference({"share": 0.3, "by_chance": [0.2, 0.4]}, {"share": 0.35, "by_chance": [0.3, 0.4]})
    assert low < 0 < high
    low, high = difference({"share": 0.1, "by_chance": [0.08, 0.12]}, {"share": 0.35, "by_chance": [0.3, 0.4]})
    assert 0 < low < 0.25 < high
