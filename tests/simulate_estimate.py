"""Simulate libraries and see how often the interval of `replycheck.estimate` holds the truth: `make simulate`.

A made-up library has 1,000 to 50,000 runs, a true share of 1 to 40 %, and a model whose recall and false alarms lie 0 to 15
points off those of the shipped model's registers, either way. Its scores are normal around two means that give just
these errors at the threshold, and more or less extreme, so that the probabilities are not calibrated. Beside the stratified sample stands a simple random one of the same size with Wilson's interval.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from replycheck.estimate import ErrorRates, draw_sample, error_rates, estimate
from replycheck.settings import shipped

Z = 1.959963985
BANDS = ((0.01, 0.03), (0.03, 0.08), (0.08, 0.2), (0.2, 0.4))


def library(
    rng: np.random.Generator, rates: list[ErrorRates], threshold: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """(whether each run pushes, the model's probability that it does)."""
    runs = int(np.exp(rng.uniform(np.log(1_000), np.log(50_000))))
    card = rates[rng.integers(len(rates))]
    recall = float(np.clip(card.recall + rng.uniform(-0.15, 0.15), 0.02, 0.995))
    alarms = float(np.clip(card.false_alarms + rng.uniform(-0.15, 0.15), 0.005, 0.98))
    pushes = rng.random(runs) < rng.uniform(0.01, 0.40)
    spread = rng.uniform(1, 3)
    cut = np.log(threshold / (1 - threshold))
    score = np.where(pushes, cut + norm.ppf(recall) * spread, cut - norm.ppf(1 - alarms) * spread)
    return pushes, 1 / (1 + np.exp(-(score + spread * rng.standard_normal(runs))))


def simple(rng: np.random.Generator, pushes: NDArray[np.bool_], n: int) -> tuple[float, float]:
    """Wilson's interval from a simple random sample."""
    drawn = pushes[rng.choice(len(pushes), size=n, replace=False)]
    m = n * (len(pushes) - 1) / (len(pushes) - n)
    share = float(drawn.mean())
    middle = (share + Z**2 / (2 * m)) / (1 + Z**2 / m)
    half = Z / (1 + Z**2 / m) * float(np.sqrt(share * (1 - share) / m + Z**2 / (4 * m**2)))
    return middle - half, middle + half


def simulate(libraries: int, n: int = 100, seed: int = 0) -> dict[str, Any]:
    """Coverage and mean width of both intervals, over all libraries and by true share."""
    record = json.loads((shipped("models") / "default" / "evaluation.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(libraries):
        pushes, p = library(rng, error_rates(record), record["threshold"])
        sample = draw_sample(p, n, seed + k)
        found = estimate(p, sample.rows, [bool(x) for x in pushes[sample.rows]])
        if found is None:
            raise RuntimeError("everything drawn is judged here")
        low, high = simple(rng, pushes, n)
        truth = float(pushes.mean())
        rows.append(
            (
                truth,
                found.interval[0] <= truth <= found.interval[1],
                found.interval[1] - found.interval[0],
                found.share - truth,
                low <= truth <= high,
                high - low,
            )
        )
    table = np.array(rows, dtype=np.float64)

    def figures(some: NDArray[np.float64]) -> dict[str, float]:
        names = ("covers", "width", "bias", "simple_covers", "simple_width")
        return {"libraries": len(some)} | {
            m: round(float(v), 4) for m, v in zip(names, some[:, 1:].mean(axis=0), strict=True)
        }

    bands = {f"{a:.0%}-{b:.0%}": figures(table[(table[:, 0] >= a) & (table[:, 0] < b)]) for a, b in BANDS}
    return {"n": n, **figures(table), "by_true_share": bands}


if __name__ == "__main__":
    for n in (100, 50, 200):
        sys.stdout.write(json.dumps(simulate(2_000, n)) + "\n")
