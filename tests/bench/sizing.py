"""The record → `docs/sizing.md`: what ten million chats take, reckoned from the audits that were measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.page import _line, _table

CHATS = 10_000_000
PROCESSES = (2, 4, 8, 16, 32, 64)

Audit = Mapping[str, Any]


def seconds_a_chat(audit: Audit) -> tuple[float, float, float]:
    """(reading, judging, writing) of an audit by one process, which does one after the other."""
    chats = audit["chats"]
    reading = audit["reading_seconds"] / chats
    return reading, audit["judging_seconds"] / chats - reading, (audit["seconds"] - audit["judging_seconds"]) / chats


def expected(audit: Audit, chats: float, processes: int) -> float:
    """Seconds of an audit of so many chats by so many judging processes: one process reads while the others judge, then one writes."""
    reading, judging, writing = seconds_a_chat(audit)
    return chats * (max(reading, judging / processes) + writing)


def hours(seconds: float) -> str:
    """Two digits."""
    return f"{seconds / 3600:.2g}" if seconds < 36_000 else f"{seconds / 3600:.0f}"


def render(record: Mapping[str, Any]) -> str:
    """The page, in Markdown; the record has `audits` and `alone`."""
    by_engine: dict[str, Audit] = {a["engine"]: a for a in record["alone"]}
    fast, deep = by_engine["fast"], by_engine["deep"]
    largest: Audit = max(record["audits"], key=lambda a: float(a["chats"]))
    process = {r["row"]: r for r in record["rows"]}
    machine = record["machine"]
    worker = {name: process[f"process: the {name} engine"]["peak_mib"] for name in by_engine}
    least = seconds_a_chat(fast)[0] + seconds_a_chat(fast)[2]
    enough = {name: max(1, round(seconds_a_chat(a)[1] / seconds_a_chat(a)[0])) for name, a in by_engine.items()}
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
        f"A judging process held at most {worker['fast']:.0f} MiB with the fast engine and {worker['deep']:.0f} MiB with the deep one ([bench.md](bench.md)).",
        "",
        "## Assumed",
        "",
        "- Chats like those of the made-up year, exported as LibChat does; longer ones cost in proportion ([bench.md](bench.md) has the time by length).",
        "- Cores like the one measured, each with a judging process of its own; a core that another tenant shares counts for less.",
        "- One process reads while the others judge, then one writes: that is how an audit works, on one machine and on a cluster. So the time is the number "
        "of chats × (the larger of reading, and judging ÷ processes, + writing).",
        "- Exports and the audit's folder on a disk that keeps up with "
        f"{fast['read_mib'] / fast['reading_seconds']:.0f} MiB a second; nothing but replies judged goes over the network of a cluster.",
        "",
        f"Checked against what was measured with {largest['jobs']} processes: {largest['chats']:,} chats should take "
        f"{expected(fast, largest['chats'], largest['jobs']):.0f} s with the fast engine, and took {largest['seconds']:.0f} s.",
        "",
        f"## {CHATS:,} chats",
        *_table(
            ["judging processes", "fast engine, hours", "deep engine, hours", "memory, fast, GiB", "memory, deep, GiB"],
            [
                _line(
                    n,
                    hours(expected(fast, CHATS, n)),
                    hours(expected(deep, CHATS, n)),
                    f"{_memory(largest, worker['fast'], n):.1f}",
                    f"{_memory(largest, worker['deep'], n):.1f}",
                )
                for n in PROCESSES
            ],
        ),
        f"- **Where more processes stop helping**: at about {enough['fast']} for the fast engine and {enough['deep']} for the deep one, since reading is done by one. "
        f"No audit of {CHATS:,} chats in one piece takes less than {hours(CHATS * least)} hours.",
        "- **Where that is too long, audit each library or year by itself**: the parts need nothing of each other, so as many machines as there are parts take the time of "
        "the largest part. Each has its own report and its own merged groups; there is no report over all of them then, and chats that stand in two parts count twice.",
        f"- **Memory** is the main process ({largest['peak_mib']:.0f} MiB at {largest['chats']:,} chats, and 30 bytes or so more for each chat beyond) and the judging ones. "
        "It does not grow with the length of the export otherwise.",
        f"- **Disk**: the exports ({CHATS * fast['read_mib'] / fast['chats'] / 1024:.0f} GiB) and what an audit writes "
        f"({CHATS * fast['written_mib'] / fast['chats'] / 1024:.0f} GiB).",
        "- **On a cluster** (`--scheduler tcp://…`) the same holds: its workers judge, the process that asked reads and writes.",
        "- **An interruption costs minutes**: the same command goes on where it stopped, after reading again what it had read "
        f"({hours(CHATS * seconds_a_chat(fast)[0])} hours of reading at most).",
    ]
    return "\n".join(lines) + "\n"


def _memory(largest: Audit, worker: float, processes: int) -> float:
    """GiB of an audit: the main process with its 30 bytes a chat, and the judging ones."""
    return float(largest["peak_mib"] + 30 * CHATS / 2**20 + processes * worker) / 1024
