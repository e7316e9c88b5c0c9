"""Throw bytes at every reader until told to stop: `make fuzz`. A reader that raises, or an error of ours, ends it.

Run as `python tests/fuzz_transcripts.py [-max_total_time=60]` with atheris installed (coverage leads it), or without (chance does).
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "data" / "examples" / "transcripts"


def seeds() -> list[bytes]:
    """The example exports, to begin from."""
    return [p.read_bytes() for p in sorted(EXAMPLES.rglob("*")) if p.is_file()]


def throw(raw: bytes) -> None:
    """Every reader over the same bytes, whatever the detection says, and the detection itself."""
    import io

    from replycheck.transcripts.formats import FORMATS, detect
    from replycheck.transcripts.mapping import NOTHING
    from replycheck.transcripts.reading import guarded
    from replycheck.transcripts.sources import File, Opener

    opener: Opener = lambda: io.BytesIO(raw)  # noqa: E731
    for name in [None, *FORMATS]:
        file = File("fuzzed", opener, Path("fuzzed"))
        detected = detect(file, NOTHING, name)
        if isinstance(detected, str):
            continue
        for found in guarded(file, detected, NOTHING):
            if "an error of ours" in getattr(found, "why", ""):
                raise AssertionError(f"{name}: {found}")


def damaged(chance: random.Random, raw: bytes) -> bytes:
    """An export with pieces cut, doubled, swapped and overwritten."""
    data = bytearray(raw)
    for _ in range(chance.randint(1, 12)):
        a = chance.randrange(len(data) + 1)
        b = min(len(data), a + chance.choice([1, 2, 8, 60, 400]))
        match chance.randrange(5):
            case 0:
                del data[a:b]
            case 1:
                data[a:a] = data[a:b]
            case 2:
                data[a:b] = chance.randbytes(b - a)
            case 3:
                data[a:a] = chance.choice(TOKENS)
            case _:
                del data[a:]
    return bytes(data)


TOKENS = [
    b'"', b'""', b",", b"\n", b"\r", b"\x00", b"\xff\xfe", b"{", b"}", b"[", b"]", b"null", b"1e999", b"-1", b"<div>", b"</div>", b"<!--",
    b"&#x110000;", b"From ", b"Content-Type: multipart/mixed; boundary=\n", b"=?utf-8?q?=", b": ", b" : ", b"25:61:99", b"\\ud800",
    b"9" * 400, b"Date: x\n", b"> ", b"On x wrote:\n",
]  # fmt: skip


def by_chance(limit: float) -> int:
    """Without atheris: damaged examples until the time is over; how many."""
    chance, pool, end, thrown = random.Random(0), seeds(), time.monotonic() + limit, 0
    while time.monotonic() < end:
        throw(damaged(chance, chance.choice(pool)))
        thrown += 1
    return thrown


def main() -> None:
    """Let atheris lead where it is installed."""
    limit = next((float(a.split("=")[1]) for a in sys.argv[1:] if a.startswith("-max_total_time=")), 60.0)
    try:
        import atheris
    except ImportError:
        sys.stdout.write(f"{by_chance(limit):,} damaged examples read (with atheris installed, coverage would lead)\n")
        return
    with atheris.instrument_imports(include=["replycheck.transcripts", "email", "quotequail"]):
        import replycheck.transcripts  # noqa: F401
    sys.stdout.write(f"{by_chance(limit / 2):,} damaged examples read\n")
    with tempfile.TemporaryDirectory() as corpus:
        for i, raw in enumerate(seeds()):
            Path(corpus, str(i)).write_bytes(raw)
        atheris.Setup(
            [sys.argv[0], f"-max_total_time={int(limit / 2)}", "-max_len=30000", "-print_final_stats=1", corpus], throw
        )
        atheris.Fuzz()


if __name__ == "__main__":
    main()
