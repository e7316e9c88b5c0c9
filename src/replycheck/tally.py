"""Counting for an audit: what is frequent, which groups are too small to show, shares and what chance does to them.

Beside `summary`, which counts with these. Everything here takes memory that does not grow with the audit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

OTHER = "other"
UNSTATED = "not stated"
HEADS = ("all", "input", "request")
"""What shares are of: every counted run, runs that answer input, runs that answer a request."""
_Z = 1.959964
_SUMS = 8


class Frequent:
    """The values that occur most, by Misra and Gries: at most `size` are held, and none that makes up more than 1 in
    `size + 1` of all is lost. Counts are lower bounds, exact as long as no more than `size` values have been seen."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.counts: dict[str, int] = {}

    def add(self, value: str) -> None:
        """Count a value once more."""
        counts = self.counts
        if value in counts:
            counts[value] += 1
        elif len(counts) < self.size:
            counts[value] = 1
        else:
            self.counts = {v: n - 1 for v, n in counts.items() if n > 1}


def merged(counts: Mapping[str, int], minimum: int) -> dict[str, str]:
    """For each group the name it is shown by: its own, or `other` for those of fewer than `minimum` conversations.

    What is merged has at least `minimum` conversations together, or else the next larger group joins it: otherwise a
    small group could be had by taking the shown ones from the total.
    """
    order = sorted(counts, key=lambda g: (counts[g], g))
    small = 0
    while small < len(order) and counts[order[small]] < minimum:
        small += 1
    while 0 < small < len(order) and sum(counts[g] for g in order[:small]) < minimum:
        small += 1
    hidden = set(order[:small])
    return {g: OTHER if g in hidden else g for g in counts}


class Tally:
    """Runs of a group, summed so that a share and its uncertainty follow: for each of `HEADS` the soft number of runs,
    of pushed ones and of those that only inform, their squares and products by conversation, and how unsure the kinds are."""

    __slots__ = ("conversations", "sums")

    def __init__(self) -> None:
        self.conversations = 0
        self.sums: list[float] = [0.0] * (_SUMS * len(HEADS))

    def add(self, contribution: Sequence[float]) -> None:
        """Count a conversation; `contribution` is what `contribution_of` made of its runs."""
        self.conversations += 1
        self.sums = [a + b for a, b in zip(self.sums, contribution, strict=True)]

    def shares(self, minimum: int) -> dict[str, dict[str, Any] | None]:
        """By head: runs, pushed, informs_only, share, and two intervals; None where there are too few to say anything."""
        return {head: self._share(i, minimum) for i, head in enumerate(HEADS)}

    def _share(self, head: int, minimum: int) -> dict[str, Any] | None:
        runs, pushed, informs, nn, ny, yy, spread, spread_pushed = self.sums[_SUMS * head : _SUMS * (head + 1)]
        if runs < max(minimum, 1e-9):
            return None
        share = min(pushed / runs, 1.0)
        m = self.conversations
        variance = max(yy - 2 * share * ny + share * share * nn, 0.0) / runs**2 * m / max(m - 1, 1)
        worth = min(share * (1 - share) / variance if variance > 0 else m, runs)
        kinds = _Z * math.sqrt(max(spread_pushed * (1 - 2 * share) + share * share * spread, 0.0)) / runs
        return {
            "runs": round(runs, 1),
            "pushed": round(pushed, 1),
            "informs_only": round(informs, 1),
            "share": round(share, 4),
            "by_chance": [round(x, 4) for x in wilson(share, worth)],
            "by_kind": [round(max(share - kinds, 0.0), 4), round(min(share + kinds, 1.0), 4)],
        }


def contribution_of(runs: Sequence[Mapping[str, Any]]) -> list[float]:
    """What a conversation adds to a `Tally`; `runs` are its counted runs' facts."""
    found: list[float] = []
    for head in range(len(HEADS)):
        n = y = informs = spread = spread_pushed = 0.0
        for run in runs:
            kinds = run["kinds"]
            p = 1.0 if head == 0 else kinds[head - 1] if kinds else 0.0
            n += p
            spread += p * (1 - p)
            if run["pushed"]:
                y += p
                spread_pushed += p * (1 - p)
            elif run["informs"]:
                informs += p
        found += (n, y, informs, n * n, n * y, y * y, spread, spread_pushed)
    return found


def wilson(share: float, n: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a share among `n`."""
    middle = share + _Z * _Z / (2 * n)
    half = _Z * math.sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    scale = 1 + _Z * _Z / n
    return max((middle - half) / scale, 0.0), min((middle + half) / scale, 1.0)


def difference(earlier: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[float, float]:
    """By how much a share changed, as the interval that chance alone leaves open (Newcombe, from the two intervals)."""
    old, new = earlier["share"], now["share"]
    (old_low, old_high), (new_low, new_high) = earlier["by_chance"], now["by_chance"]
    change = new - old
    return change - math.hypot(new - new_low, old_high - old), change + math.hypot(new_high - new, old - old_low)
