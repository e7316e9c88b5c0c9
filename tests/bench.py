"""Times one check, many checks and the start of the command line, beside spaCy's tokenizer alone; `make bench` runs it.

Run by a person, never by the tests: a figure depends on the machine, so ratios stand beside it.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import spacy

from replycheck.checker import load
from replycheck.corpus import read_split
from replycheck.reply import Reply
from replycheck.settings import shipped

REPEATS = 7


def best(run: Callable[[], object]) -> float:
    """Seconds of the fastest of several runs: the one that the machine disturbed least."""
    times = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)


def main() -> None:
    """Print the figures as JSON."""
    examples = [e for split in ("train", "dev") for e in read_split(shipped("data"), split)]
    sixty = [Reply(e.reply, e.patron_message or None) for e in examples if 55 <= len(e.reply.split()) <= 65]
    items = (sixty * (2000 // len(sixty) + 1))[:2000]
    checker = load()
    checker.check_many(items[:600])
    single = []
    for item in sixty * 3:
        begin = time.perf_counter()
        checker.check(item)
        single.append(time.perf_counter() - begin)
    floor = spacy.blank("en")
    floor.add_pipe("sentencizer")
    without = best(lambda: checker.check_many(items, reasons=False))
    reasons = best(lambda: [v.advice for v in checker.check_many(items)])
    tokens = best(lambda: [floor(i.text) for i in items])
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "replycheck.cli", "check", "-"], input=b"Thanks.", check=True, capture_output=True
    )
    cold = time.perf_counter() - begin
    print(
        json.dumps(
            {
                "machine": platform.processor() or platform.machine(),
                "python": platform.python_version(),
                "texts": f"{len(sixty)} replies of 55 to 65 words with their messages, one thread",
                "check_ms_median": round(statistics.median(single) * 1e3, 2),
                "check_ms_99th": round(sorted(single)[int(len(single) * 0.99)] * 1e3, 2),
                "check_many_per_second": round(len(items) / without),
                "check_many_with_reasons_and_advice_per_second": round(len(items) / reasons),
                "time_over_blank_spacy_with_sentencizer": round(without / tokens, 2),
                "command_line_cold_seconds": round(cold, 2),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
