"""What pytest-benchmark measured → one record of ratios; and which of them slipped against an older record."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

SLIPPED = 0.15
"""Least part by which a ratio is worse to be reported."""
_OF_PYTEST = ("row", "turn", "replies", "over")
_PACKAGES = ("numpy", "onnxruntime", "scikit-learn", "spacy", "torch", "transformers", "vaderSentiment")

Row = dict[str, Any]


def rows(benchmarks: Iterable[Mapping[str, Any]]) -> list[Row]:
    """One row for each thing measured: seconds of a reply, and where it has a floor the ratio to it, the median of the turns' ratios.

    `benchmarks` are those of pytest-benchmark's files; a turn counts with its quickest round, which the machine disturbed least.
    """
    seconds: dict[str, dict[int, float]] = {}
    said: dict[str, Mapping[str, Any]] = {}
    for one in benchmarks:
        info = one["extra_info"]
        seconds.setdefault(info["row"], {})[info["turn"]] = one["stats"]["min"] / info["replies"]
        said.setdefault(info["row"], info)
    found = []
    for name, by_turn in seconds.items():
        info = said[name]
        row: Row = {"row": name, **{k: v for k, v in info.items() if k not in _OF_PYTEST}}
        row |= {"replies": info["replies"], "seconds_a_reply": min(by_turn.values())}
        if info["over"] is not None:
            floor = seconds[info["over"]]
            ratios = [by_turn[t] / floor[t] for t in sorted(by_turn) if t in floor]
            row |= {"over": info["over"], "ratio": statistics.median(ratios), "ratios": [min(ratios), max(ratios)]}
        found.append(row)
    return found


def with_memory(found: Sequence[Row]) -> list[Row]:
    """The rows, each that has a peak with its ratio to the floor's peak."""
    peaks = {r["row"]: r["peak_mib"] for r in found if "peak_mib" in r}
    floor = peaks.get("process: blank spaCy and sentencizer")
    return [r | {"memory_ratio": r["peak_mib"] / floor} if floor and "peak_mib" in r else r for r in found]


def machine(info: Mapping[str, Any]) -> dict[str, Any]:
    """What the figures were measured on, from what pytest-benchmark says of it."""
    total = next(
        (
            int(line.split()[1])
            for line in Path("/proc/meminfo").read_text().splitlines()
            if line.startswith("MemTotal")
        ),
        0,
    )
    return {
        "processor": info.get("cpu", {}).get("brand_raw") or info["machine"],
        "cores": os.cpu_count(),
        "memory_gib": round(total / 2**20, 1),
        "system": info["system"],
        "python": info["python_version"],
    }


def versions() -> dict[str, str]:
    """Of what was measured, as far as it is installed."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def ratios(record: Mapping[str, Any]) -> dict[str, tuple[float, bool]]:
    """Every ratio of a record by name, and whether more of it is worse."""
    found = {r["row"]: (r["ratio"], True) for r in record["rows"] if "ratio" in r}
    found |= {f"memory, {r['row']}": (r["memory_ratio"], True) for r in record["rows"] if "memory_ratio" in r}
    for name, more_is_worse in (
        ("requests_a_second_over_empty", False),
        ("p99_over_empty", True),
        ("two_workers_over_one", False),
    ):
        if name in record.get("service", {}):
            found[f"service, {name}"] = (record["service"][name], more_is_worse)
    for audit in record.get("audits", []):
        if "over_a_tenth" in audit:
            found[f"audit, {audit['chats']:,} chats over a tenth"] = (audit["over_a_tenth"], True)
    return found


def slipped(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """(lines about ratios that are worse by `SLIPPED` or more, names that only the old record has)."""
    before, now = ratios(old), ratios(new)
    lines = []
    for name, (was, more_is_worse) in before.items():
        if name not in now or not was:
            continue
        change = now[name][0] / was - 1
        if (change if more_is_worse else -change) >= SLIPPED - 1e-9:
            lines.append(f"{name}: {was:.3g} → {now[name][0]:.3g} ({change:+.0%})")
    return lines, [name for name in before if name not in now]
