"""What is made of measurements: ratios, what slipped, the page. The measuring itself is `make bench`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import page, record, sizing

DOCS = Path(__file__).resolve().parent.parent / "docs"


def one(
    row: str, turn: int, seconds: float, *, replies: int = 10, over: str | None = None, **said: Any
) -> dict[str, Any]:
    """A measurement as pytest-benchmark writes it."""
    return {
        "stats": {"min": seconds},
        "extra_info": {"row": row, "turn": turn, "replies": replies, "over": over, **said},
    }


def a_record(**ratios: float) -> dict[str, Any]:
    return {"rows": [{"row": name, "ratio": ratio} for name, ratio in ratios.items()]}


def test_a_ratio_is_the_median_of_the_turns_each_beside_its_own_floor() -> None:
    floor = [one("floor", turn, seconds) for turn, seconds in enumerate((1.0, 2.0, 4.0))]
    # the machine was twice and four times as slow in later turns, and busy with something else in the last
    ours = [one("ours", turn, seconds, over="floor", group="many") for turn, seconds in enumerate((2.0, 4.2, 16.0))]
    ours[0]["extra_info"]["replies"] = ours[1]["extra_info"]["replies"] = ours[2]["extra_info"]["replies"] = 5
    found = {r["row"]: r for r in record.rows([*floor, *ours])}
    assert found["ours"]["ratio"] == pytest.approx(4.2)
    assert found["ours"]["ratios"] == pytest.approx([4.0, 8.0])
    assert found["ours"]["seconds_a_reply"] == pytest.approx(0.4)
    assert found["ours"]["group"] == "many"
    assert "ratio" not in found["floor"]


def test_what_is_measured_once_is_compared_with_its_floor_of_that_turn() -> None:
    found = record.rows([one("floor", 0, 1.0), one("floor", 1, 9.0), one("large", 0, 3.0, over="floor")])
    assert found[1]["ratio"] == pytest.approx(3.0)


def test_memory_is_told_as_a_ratio_to_the_floor_s() -> None:
    floor, ours = "process: blank spaCy and sentencizer", "process: the fast engine"
    found = record.with_memory(record.rows([one(floor, 0, 1.0, peak_mib=100.0), one(ours, 0, 1.0, peak_mib=150.0)]))
    assert found[1]["memory_ratio"] == pytest.approx(1.5)


@pytest.mark.parametrize(("now", "reported"), [(2.29, False), (2.3, True), (3.0, True), (2.0, False), (1.0, False)])
def test_a_ratio_that_slipped_by_fifteen_hundredths_is_reported(now: float, reported: bool) -> None:
    lines, missing = record.slipped(a_record(check=2.0, other=1.0), a_record(check=now, other=1.0))
    assert bool(lines) is reported
    assert missing == []
    if reported:
        assert lines[0].startswith(f"check: 2 → {now:.3g} (+")


def test_of_calls_a_second_less_is_worse() -> None:
    old = {
        "rows": [],
        "service": {"requests_a_second_over_empty": 0.6, "p99_over_empty": 2.0, "two_workers_over_one": 1.8},
    }
    new = {
        "rows": [],
        "service": {"requests_a_second_over_empty": 0.5, "p99_over_empty": 1.0, "two_workers_over_one": 2.9},
    }
    assert record.slipped(old, new)[0] == ["service, requests_a_second_over_empty: 0.6 → 0.5 (-17%)"]
    assert record.slipped(new, old)[0] == [
        "service, p99_over_empty: 1 → 2 (+100%)",
        "service, two_workers_over_one: 2.9 → 1.8 (-38%)",
    ]


def test_what_was_not_measured_this_time_is_named_and_not_counted() -> None:
    old = a_record(check=1.0, service=1.0) | {"audits": [{"chats": 10_000, "over_a_tenth": 9.0}]}
    lines, missing = record.slipped(old, a_record(check=1.0, new=5.0))
    assert (lines, missing) == ([], ["service", "audit, 10,000 chats over a tenth"])


def an_audit(chats: int) -> dict[str, Any]:
    """A chat is read in 10 ms, judged in 80 ms and written in 10 ms, and 5 s go to what is done once."""
    return {
        "chats": chats,
        "reading_seconds": 0.01 * chats,
        "judging_seconds": 2 + 0.09 * chats,
        "seconds": 5 + 0.1 * chats,
    }


def test_an_audit_takes_as_long_as_its_slower_half_and_the_writing() -> None:
    both = an_audit(100), an_audit(1000)
    assert sizing.seconds_a_chat(*both) == pytest.approx((0.01, 0.08, 0.01))
    assert sizing.expected(*both, 1000, 1) == pytest.approx(95)
    assert sizing.expected(*both, 1000, 4) == pytest.approx(35)
    assert sizing.expected(*both, 1000, 100) == pytest.approx(25)


def test_the_page_on_sizing_is_what_its_record_says() -> None:
    found = json.loads((DOCS / "bench.json").read_text(encoding="utf-8"))
    assert (DOCS / "sizing.md").read_text(encoding="utf-8") == sizing.render(found)


def test_the_page_is_what_its_record_says() -> None:
    found = json.loads((DOCS / "bench.json").read_text(encoding="utf-8"))
    assert (DOCS / "bench.md").read_text(encoding="utf-8") == page.render(found)


def test_the_page_says_what_was_not_reached() -> None:
    found = json.loads((DOCS / "bench.json").read_text(encoding="utf-8"))
    for row in found["rows"]:
        if row["row"] == "replycheck --help":
            row["ratio"], row["ratios"] = 9.0, [9.0, 9.0]
    assert "| `replycheck --help` | ≤ 0.15 | 9.00 | **no** |" in page.render(found)
