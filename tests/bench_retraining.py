"""How long `retrain` takes with 5,000 extra rows, and how much memory (`make bench-retraining`).

The rows are made of the corpus's sentences, shuffled: like real ones in length and words, and worthless to learn from.
"""

from __future__ import annotations

import csv
import os
import random
import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

from replycheck.corpus import read_split
from replycheck.retraining import retrain
from replycheck.settings import shipped

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 5000


def rows() -> list[tuple[str, str, str]]:
    examples = read_split(shipped("data"), "train")
    rng = random.Random(0)
    found = []
    for _ in range(ROWS):
        e = rng.choice(examples)
        sentences = []
        for _ in range(max(1, len(e.sentences))):
            other = rng.choice(examples)
            if other.sentences:
                s = rng.choice(other.sentences)
                sentences.append(other.reply[s.start : s.end])
        found.append((" ".join(sentences) or e.reply, str(e.label), e.patron_message))
    return found


def memory() -> int:
    """Resident KiB of this process and its children, where the system says so."""
    total = 0
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
            if int(place.parent.name) == os.getpid() or int(fields[1]) == os.getpid():
                total += int(fields[21]) * resource.getpagesize() // 1024
        except OSError:
            continue
    return total


if __name__ == "__main__":
    peak, running = 0, True

    def watch() -> None:
        global peak
        while running:
            peak = max(peak, memory())
            time.sleep(0.2)

    with tempfile.TemporaryDirectory() as place:
        table = Path(place) / "labels.csv"
        with table.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("reply", "label", "patron_message"), *rows()])
        threading.Thread(target=watch, daemon=True).start()
        started = time.perf_counter()

        def progress(step: str, done: int, total: int) -> None:
            print(f"{time.perf_counter() - started:6.1f} s  {step} {done}/{total}", flush=True)

        done = retrain(table, name="bench", models=Path(place) / "models", progress=progress)
        wall = time.perf_counter() - started
        running = False
    learned = done.entry.manifest.trained_on["of_the_library"]
    print(f"{ROWS:,} rows, {learned:,} of them learned from: {wall:.0f} s, {peak / 2**20:.2f} GiB at most")
