"""Times an audit of a made-up year, drawn from the example exports: replies a second, memory, and how time grows; `make bench-audit`.

Run by a person, never by the tests: figures depend on the machine. `--chats 10000 100000` is the size that the project promises for;
each audit runs in a process of its own, whose peak memory is that of the main process alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

from replycheck.conversation import Conversation, Role
from replycheck.settings import shipped

MESSAGES = 15
"""Messages of a chat."""


def examples() -> list[Conversation]:
    """The conversations of the example exports in which both sides speak."""
    from replycheck.transcripts import read

    found = [c for c in read([shipped("data") / "examples" / "transcripts"]) if isinstance(c, Conversation)]
    return [c for c in found if {m.role for m in c.messages} >= {Role.PATRON, Role.STAFF}]


def write_year(path: Path, chats: int, seed: int = 0) -> None:
    """A LibChat export: each chat goes on with conversations drawn at random until it has `MESSAGES` messages."""
    rng = random.Random(seed)
    talks = [[m for m in c.messages if m.role in (Role.PATRON, Role.STAFF)] for c in examples()]
    desks = ["Main desk", "Law", "Media", "Health", "Archives"]
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            [
                "Chat ID",
                "Timestamp",
                "Answerer",
                "Department",
                "Tags",
                "Wait Time (seconds)",
                "Rating (0-4)",
                "Transcript",
            ]
        )
        for i in range(chats):
            at = datetime(2025, 1, 1, 8) + timedelta(minutes=rng.randrange(365 * 24 * 60))
            messages = list(rng.choice(talks))
            while len(messages) < MESSAGES:
                messages += rng.choice(talks)
            lines = []
            for n, m in enumerate(messages[:MESSAGES]):
                who = "Patron" if m.role is Role.PATRON else "Robin Vale"
                text = " ".join(m.text.split())
                lines.append(f"{at + timedelta(seconds=40 * n):%H:%M:%S} - {who} : {text}")
            table.writerow(
                [
                    i + 1,
                    f"{at:%Y-%m-%d %H:%M:%S}",
                    "Robin Vale",
                    rng.choice(desks),
                    rng.choice(["", "printing", "e-books,access"]),
                    rng.randrange(200),
                    rng.choice(["", 0, 3, 4]),
                    "\n".join(lines),
                ]
            )


def one(path: Path, out: Path, jobs: int, engine: str, scheduler: str | None) -> dict[str, float]:
    """Audit in this process: seconds in all, until the last run was judged, and of reading alone (before); replies, MiB at most and on disk."""
    from replycheck.auditing import Options, write_audit
    from replycheck.transcripts import read

    begin = time.perf_counter()
    for _ in read([path]):
        pass
    reading = time.perf_counter() - begin
    begin = judged = time.perf_counter()

    def progress(_: object) -> None:
        nonlocal judged
        judged = time.perf_counter()

    summary = write_audit([path], out, Options(engine=engine), jobs=jobs, scheduler=scheduler, progress=progress)
    return {
        "seconds": time.perf_counter() - begin,
        "judging_seconds": judged - begin,
        "reading_seconds": reading,
        "replies": summary["runs"]["all"],
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "read_mib": path.stat().st_size / 2**20,
        "written_mib": sum(f.stat().st_size for f in out.rglob("*") if f.is_file()) / 2**20,
    }


def main() -> None:
    """Print a line an audit, of each number of chats."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--chats", type=int, nargs="+", default=[1_000, 10_000])
    options.add_argument("--jobs", "-j", type=int, default=2)
    options.add_argument("--engine", default="fast")
    options.add_argument("--scheduler")
    options.add_argument("--json", action="store_true", help="a JSON object a line")
    options.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        print(json.dumps(one(*given.one, given.jobs, given.engine, given.scheduler)))
        return
    seconds: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for chats in given.chats:
            path, out = Path(folder) / f"{chats}.csv", Path(folder) / f"out-{chats}"
            write_year(path, chats)
            call = [sys.executable, __file__, "--one", str(path), str(out), "-j", str(given.jobs)]
            call += ["--engine", given.engine, *(["--scheduler", given.scheduler] if given.scheduler else [])]
            said = subprocess.run(call, check=True, capture_output=True, text=True).stdout
            found = {"chats": chats, "engine": given.engine, "jobs": given.jobs, **json.loads(said.splitlines()[-1])}
            seconds[chats] = found["seconds"]
            if chats // 10 in seconds:
                found["over_a_tenth"] = found["seconds"] / seconds[chats // 10]
            print(json.dumps(found) if given.json else in_words(found), flush=True)


def in_words(found: dict[str, float]) -> str:
    """A line about one audit."""
    return (
        f"{found['chats']:,} chats, {found['replies']:,} replies: {found['seconds']:.1f} s, "
        f"{found['replies'] / found['seconds']:,.0f} replies a second, main process at most {found['peak_mib']:.0f} MiB"
        + (f", {found['over_a_tenth']:.1f} times the time of a tenth" if "over_a_tenth" in found else "")
    )


if __name__ == "__main__":
    main()
