"""The record → `docs/sizing.md`: what ten million chats take, reckoned from the audits that were measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from bench.page import _line, _table

CHATS = 10_000_000
PROCESSES = (2, 4, 8, 16, 32, 64)
ENGINES = ("fast", "cascade", "deep")

Audit = Mapping[str, Any]


def seconds_a_chat(small: Audit, large: Audit) -> tuple[float, float, float]:
    """(reading, judging, writing) of an audit by one process, which does one after the other: what more chats cost more, so that what
    is done once an audit does not count."""

    def each(what: Callable[[Audit], float]) -> float:
        return max(0.0, what(large) - what(small)) / (large["chats"] - small["chats"])

    reading = each(lambda a: float(a["reading_seconds"]))
    judging = each(lambda a: float(a["judging_seconds"])) - reading
    return reading, max(0.0, judging), each(lambda a: float(a["seconds"] - a["judging_seconds"]))


def expected(small: Audit, large: Audit, chats: float, processes: int) -> float:
    """Seconds of an audit of so many chats by so many judging processes: one process reads while the others judge, then one writes."""
    reading, judging, writing = seconds_a_chat(small, large)
    once = max(0.0, large["seconds"] - large["chats"] * (reading + judging + writing))
    return once + chats * (max(reading, judging / processes) + writing)


def hours(seconds: float) -> str:
    """Two digits."""
    return f"{seconds / 3600:.2g}" if seconds < 36_000 else f"{seconds / 3600:.0f}"


def render(record: Mapping[str, Any]) -> str:
    """The page, in Markdown; the record has `audits` and `alone`."""
    by_engine = {
        name: sorted((a for a in record["alone"] if a["engine"] == name), key=lambda a: float(a["chats"]))
        for name in ENGINES
    }
    fast, each = by_engine["fast"][-1], {name: seconds_a_chat(*some) for name, some in by_engine.items()}
    largest: Audit = max(record["audits"], key=lambda a: float(a["chats"]))
    process = {r["row"]: r for r in record["rows"]}
    machine = record["machine"]
    worker = {name: process[f"process: the {name} engine"]["peak_mib"] for name in ("fast", "deep")}
    # by itself it is measured in no process; what it holds beyond the deep engine shows where each audits in one process
    beyond = by_engine["cascade"][-1]["peak_mib"] - by_engine["deep"][-1]["peak_mib"]
    worker["cascade"] = worker["deep"] + max(0.0, beyond)
    least = each["fast"][0] + each["fast"][2]
    enough = {name: max(1, math.ceil(judging / reading)) for name, (reading, judging, _) in each.items()}
    lines = [
        "# What a consortium needs",
        "",
        f"A consortium with {CHATS:,} past chats wants them audited: how many machines, how many hours, how much memory and disk? What follows is reckoned by "
        '`make bench WITH="audits"` from the audits that it measured (they are in [bench.json](bench.json)) on '
        f"{machine['processor']}, {machine['cores']} cores. Prices are left out: they differ, and change.",
        "",
        "## Measured",
        *_table(
            ["command", "replies", "read, s", "judged, s", "written, s", "main process, MiB"],
            [
                _line(
                    f"`python tests/bench_audit.py --chats {a['chats']} --jobs {a['jobs']} --engine {a['engine']}`",
                    f"{a['replies']:,}",
                    f"{a['reading_seconds']:.1f}",
                    f"{a['judging_seconds']:.1f}",
                    f"{a['seconds'] - a['judging_seconds']:.1f}",
                    f"{a['peak_mib']:.0f}",
                )
                for a in (*record["alone"], *record["audits"])
            ],
        ),
        "*Read* is one pass over the export by itself; *judged* is the time until the last reply was judged, reading included; *written* is the workbook, "
        f"the page and the figures. A chat of the made-up year has 15 messages and {fast['replies'] / fast['chats']:.1f} replies. "
        f"A judging process held at most {worker['fast']:.0f} MiB with the fast engine, {worker['deep']:.0f} MiB with the deep one ([bench.md](bench.md)) and {worker['cascade']:.0f} MiB with the cascade of both.",
        "",
        "## Assumed",
        "",
        "- Chats like those of the made-up year, exported as LibChat does; longer ones cost in proportion ([bench.md](bench.md) has the time by length).",
        "- Cores like the one measured, each with a judging process of its own; a core that another tenant shares counts for less.",
        "- One process reads while the others judge, then one writes: that is how an audit works, on one machine and on a cluster. So the time is the number "
        "of chats × (the larger of reading, and judging ÷ processes, + writing).",
        "- Chats cost alike however many there are: the cost of one is the difference between the smaller and the larger audit by one process, divided by the difference in chats.",
        "",
        f"Checked against what was measured with {largest['jobs']} processes: {largest['chats']:,} chats should take "
        f"{expected(*by_engine['fast'], largest['chats'], largest['jobs']):.0f} s with the fast engine, and took {largest['seconds']:.0f} s. "
        f"At the pace of that audit {CHATS:,} chats take {hours(largest['seconds'] / largest['chats'] * CHATS)} hours.",
        "",
        f"## {CHATS:,} chats",
        *_table(
            [
                "judging processes",
                *(f"{name}, hours" for name in ENGINES),
                *(f"memory, {name}, GiB" for name in ENGINES),
            ],
            [
                _line(
                    n,
                    *(hours(expected(*by_engine[name], CHATS, n)) for name in ENGINES),
                    *(f"{_memory(largest, worker[name], n):.1f}" for name in ENGINES),
                )
                for n in PROCESSES
            ],
        ),
        f"- **Where more processes stop helping**: at about {enough['fast']} for the fast engine, {enough['cascade']} for the cascade and {enough['deep']} for the deep one, since reading is done by one. "
        f"No audit of {CHATS:,} chats in one piece takes less than {hours(CHATS * least)} hours.",
        "- **Where that is too long, audit each library or year by itself**: the parts need nothing of each other, so as many machines as there are parts take the time of "
        "the largest part. Each has its own report and its own merged groups; there is no report over all of them then, and chats that stand in two parts count twice.",
        f"- **Memory** is the main process ({largest['peak_mib']:.0f} MiB at {largest['chats']:,} chats, and 30 bytes or so more for each chat beyond) and the judging ones. "
        "It does not grow with the length of the export otherwise.",
        f"- **Disk**: the exports ({CHATS * fast['read_mib'] / fast['chats'] / 1024:.0f} GiB) and what an audit writes "
        f"({CHATS * fast['written_mib'] / fast['chats'] / 1024:.0f} GiB).",
        "- **On a cluster** (`--scheduler tcp://…`) the same holds: its workers judge, the process that asked reads and writes.",
        "- **After an interruption** the same command reads everything again "
        f"({hours(CHATS * each['fast'][0])} hours at most) and judges what is left.",
    ]
    return "\n".join(lines) + "\n"


def _memory(largest: Audit, worker: float, processes: int) -> float:
    """GiB of an audit: the main process with its 30 bytes a chat, and the judging ones."""
    return float(largest["peak_mib"] + 30 * CHATS / 2**20 + processes * worker) / 1024
