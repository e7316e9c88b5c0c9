"""How much longer a check of a hostile text takes than of an ordinary one of that length (`make hostile`); exit code 1 above five times."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from hostile import PIECES, text_of
from replycheck.checker import Checker, load
from replycheck.corpus import read_split
from replycheck.settings import shipped

MOST = 5.0
SIZES = {"fast": 100_000, "deep": 3_000}


def seconds(loaded: Checker, text: str) -> float:
    """Processor time of a check whose words have not been seen before."""
    fresh = Checker(loaded.engine, loaded.model_version)
    begin = time.process_time()
    fresh.check(text)
    return time.process_time() - begin


def main() -> int:
    """A line an engine, and each text above half of what is allowed."""
    ordinary = " ".join(e.reply for e in read_split(Path(shipped("data")), "train"))
    worst = 0.0
    for engine, size in SIZES.items():
        loaded = load(shipped("models") / "default", engine)
        loaded.check("Thanks for writing! We have a guide for that.", "The catalogue hides the e-books.")
        base = min(seconds(loaded, ordinary[k * size : (k + 1) * size]) for k in range(3))
        ratios = {piece: seconds(loaded, text_of("", piece, size, "z")) / base for piece in PIECES}
        print(
            f"{engine}, {size:,} characters: ordinary {base * 1000:.0f} ms, slowest {max(ratios.values()):.1f} times that"
        )
        for piece, ratio in sorted(ratios.items(), key=lambda pair: -pair[1]):
            if ratio > MOST / 2:
                print(f"  {ascii(piece)[:40]:40} {ratio:.1f}")
        worst = max(worst, *ratios.values())
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main())
