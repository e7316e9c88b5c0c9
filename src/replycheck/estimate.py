"""Counts of a model, and what a person judged, → the share of runs that push, and how sure that is.

Beside the walk, after an audit. The model errs on every library in its own way, so its count is only a count: its range
over known error rates is `sensitivity_range`, which promises no coverage. `draw_sample` and `estimate` do: a stratified
random sample that a person judges gives a design-based share and a 95 % interval, whatever the model's errors are; the
model's probability only says where to look. How often the interval holds is simulated in `tests/simulate_estimate.py`.

The interval is Wilson's at the effective sample size, as Korn and Graubard do for surveys (Survey Methodology 24, 1998,
193-201); variances come from counts to which one run of the model's mean is added, so that a stratum
without a pushing run among those judged is not taken for one without any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replycheck.codebook import MessageKind

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

EDGES = (0.02, 0.1, 0.3, 0.6, 0.9)
"""Probabilities at which one stratum ends and the next begins; findings in a stratum are drawn alike."""
FLOOR = 4
"""At least so many are drawn from every stratum that has them."""
DOUBT = 0.05
"""How far a probability is drawn towards one half when the sample is shared out: the model may be that wrong here."""
SUREST = 0.03
"""No stratum's mean counts as nearer to none or all than this: a model that is very sure is wrong now and then."""
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """How a model did on held-out replies: the share of pushing ones called so, and of the others."""

    name: str
    recall: float
    false_alarms: float


def error_rates(record: Mapping[str, Any], engine: str | None = None) -> list[ErrorRates]:
    """Error rates in a model's evaluation record: by register where it has them, and of each split as a whole. `engine` names one beside
    the model's default; none are found where the record does not know it."""
    found = []
    if engine is not None:
        record = record.get("other_engines", {}).get(engine, {})
    for split in ("dev", "test"):
        part = record.get(split) or {}
        figures = {f"{split}, {name}": f for name, f in part.get("by", {}).get("register", {}).items()}
        for name, f in {split: part.get("label", {}), **figures}.items():
            if f.get("recall") is not None and f.get("false_alarms") is not None:
                found.append(ErrorRates(name, float(f["recall"]), float(f["false_alarms"])))
    return found


def sensitivity_range(pushing: int, runs: int, rates: Sequence[ErrorRates]) -> tuple[float, float] | None:
    """Lowest and highest true share that would give this count at one of the error rates (Rogan and Gladen 1978).

    Not a confidence interval: nothing says that this library's errors are among the rates. None without runs, or when no
    rate tells pushing from listening.
    """
    useful = [r for r in rates if r.recall > r.false_alarms]
    if not runs or not useful:
        return None
    shares = [min(1.0, max(0.0, (pushing / runs - r.false_alarms) / (r.recall - r.false_alarms))) for r in useful]
    return min(shares), max(shares)


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows drawn, in random order, with each one's stratum and the probability that it had of being drawn."""

    rows: Ints
    stratum: Ints
    inclusion: Floats


def strata_of(probability: ArrayLike) -> Ints:
    """Stratum of each finding, from its probability."""
    return np.digitize(np.asarray(probability, dtype=np.float64), EDGES).astype(np.int64)


def allocate(sizes: ArrayLike, means: ArrayLike, n: int) -> Ints:
    """How many to draw from each stratum: Neyman's allocation on the model's mean probability, none below the floor."""
    size, mean = np.asarray(sizes, dtype=np.int64), np.asarray(means, dtype=np.float64)
    n = min(n, int(size.sum()))
    doubted = DOUBT + (1 - 2 * DOUBT) * mean
    ideal = size * np.sqrt(doubted * (1 - doubted))
    least = np.minimum(size, max(1, min(FLOOR, n // max(1, int((size > 0).sum())))))
    drawn: Ints = np.minimum(np.maximum(np.round(n * ideal / max(ideal.sum(), 1e-12)).astype(np.int64), least), size)
    while (over := int(drawn.sum()) - n) != 0:
        # take from, or give to, the stratum that is furthest above, or below, what it ought to have
        gap = drawn - n * ideal / max(ideal.sum(), 1e-12)
        may = drawn > np.minimum(least, 1) if over > 0 else drawn < size
        at = int(np.argmax(np.where(may, gap if over > 0 else -gap, -np.inf)))
        drawn[at] += -1 if over > 0 else 1
    return drawn


def draw_sample(probability: ArrayLike, n: int, seed: int) -> Sample:
    """A stratified random sample without replacement of `n` findings, or of all if there are fewer."""
    p = np.asarray(probability, dtype=np.float64)
    rng = np.random.default_rng(seed)
    stratum = strata_of(p)
    count = len(EDGES) + 1
    sizes = np.bincount(stratum, minlength=count)
    means = np.bincount(stratum, weights=p, minlength=count) / np.maximum(sizes, 1)
    drawn = allocate(sizes, means, n)
    rows = np.concatenate(
        [rng.choice(np.flatnonzero(stratum == h), size=int(drawn[h]), replace=False) for h in range(count)]
    ).astype(np.int64)
    rows = rng.permutation(rows)
    return Sample(rows, stratum[rows], (drawn / np.maximum(sizes, 1))[stratum[rows]])


@dataclass(frozen=True, slots=True)
class Estimate:
    """A share with its 95 % interval; `worst_case` is the interval's reach if all that nobody could judge were one or the other."""

    share: float
    interval: tuple[float, float]
    worst_case: tuple[float, float]
    runs: int
    drawn: int
    judged: int


def estimate(probability: ArrayLike, rows: ArrayLike, judged: Sequence[bool | None]) -> Estimate | None:
    """The share of all findings that push, from those drawn; None if none of them was judged.

    `probability`: of every finding, (runs,). `rows`: places of those drawn, (drawn,). `judged`: whether each pushes, None
    where nobody could say. Runs not judged are taken to be like the judged ones of their stratum; `worst_case` is not.
    Within strata the draw must be random; ValueError if a row was drawn twice or is none of the findings.
    """
    p, at = np.asarray(probability, dtype=np.float64), np.asarray(rows, dtype=np.int64)
    if len(np.unique(at)) != len(at) or (len(at) and not 0 <= at.min() <= at.max() < len(p)) or len(judged) != len(at):
        raise ValueError("rows must be distinct places of findings, with a judgement or None for each")
    known = np.array([j is not None for j in judged], dtype=bool)
    pushes = np.array([bool(j) for j in judged], dtype=bool)
    if not known.any():
        return None
    share, low, high = _wilson(p, at[known], pushes[known])
    none, all_ = _wilson(p, at, pushes & known), _wilson(p, at, pushes | ~known)
    return Estimate(share, (low, high), (min(low, none[1]), max(high, all_[2])), len(p), len(at), int(known.sum()))


def estimate_by_kind(
    probability: ArrayLike, kind: Sequence[str], rows: ArrayLike, judged: Sequence[bool | None]
) -> dict[str, Estimate | None]:
    """`estimate` of all runs, and of those that answer `input` and those that answer a `request`, by the model's reading.

    Which runs these are is taken from the findings, so within a stratum those drawn are a random sample of them too.
    """
    p, at = np.asarray(probability, dtype=np.float64), np.asarray(rows, dtype=np.int64)
    found = {"all runs": estimate(p, at, judged)}
    for wanted in (MessageKind.INPUT, MessageKind.REQUEST):
        inside = np.array([k == wanted for k in kind], dtype=bool)
        place = np.cumsum(inside) - 1
        drawn = [(int(place[i]), j) for i, j in zip(at.tolist(), judged, strict=True) if inside[i]]
        found[f"runs that answer {wanted}"] = estimate(p[inside], [i for i, _ in drawn], [j for _, j in drawn])
    return found


def _wilson(p: Floats, rows: Ints, pushes: NDArray[np.bool_]) -> tuple[float, float, float]:
    """(share, lower, upper) by strata, of which those without a judged run are merged into a neighbour."""
    stratum = _merged(strata_of(p), rows)
    names, place = np.unique(stratum, return_inverse=True)
    k = len(names)
    size = np.bincount(place, minlength=k).astype(np.float64)
    mean = np.bincount(place, weights=p, minlength=k) / size
    n = np.bincount(place[rows], minlength=k).astype(np.float64)
    x = np.bincount(place[rows], weights=pushes.astype(np.float64), minlength=k)
    weight = size / size.sum()
    share = float(weight @ (x / n))
    if len(rows) == len(p):
        return share, share, share
    smooth = (x + np.clip(mean, SUREST, 1 - SUREST)) / (n + 1)
    left = np.where(size > 1, (size - n) / np.maximum(size - 1, 1), 0.0)
    """What sampling without replacement leaves of the variance."""
    variance = float((weight**2 * smooth * (1 - smooth) / n * left).sum())
    centre = float(weight @ smooth)
    effective = centre * (1 - centre) / variance
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    middle = (share + z**2 / (2 * effective)) / (1 + z**2 / effective)
    half = z / (1 + z**2 / effective) * float(np.sqrt(share * (1 - share) / effective + z**2 / (4 * effective**2)))
    return share, max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def _merged(stratum: Ints, rows: Ints) -> Ints:
    """Strata renumbered so that each holds a judged run: the nearest one takes those that don't."""
    have = np.unique(stratum[rows])
    nearest = np.abs(np.arange(stratum.max() + 1)[:, None] - have[None, :]).argmin(axis=1)
    merged: Ints = have[nearest][stratum]
    return merged
