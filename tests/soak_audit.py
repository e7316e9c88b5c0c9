"""Kills audits half-way and compares what the next try gives with an undisturbed one, byte for byte; `make soak`.

Run by a person, never by the tests: it takes minutes. It interrupts and kills the command itself, kills one of its processes, and
judges on a Dask scheduler with two workers, of which it kills one; then it times one worker beside two.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench_audit import write_year
from replycheck.auditing import OUTPUTS

CHATS = 4_000
PORTS = iter(range(8797, 8897))
CALL = [sys.executable, "-m", "replycheck.cli", "audit"]


def audit(path: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    """The command, started."""
    return subprocess.Popen([*CALL, str(path), "--out", str(out), *more], start_new_session=True)


def wait_for_parts(out: Path, n: int) -> None:
    """Until so many parts are finished."""
    while len(list((out / ".audit" / "parts").glob("*.jsonl"))) < n:
        time.sleep(0.05)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """The command and its processes, as a power cut would."""
    for child in psutil.Process(process.pid).children(recursive=True):
        child.kill()
    process.kill()
    process.wait()


def same(out: Path, whole: Path) -> str:
    """Whether every output is the same, in words."""
    differs = [n for n in OUTPUTS if (whole / n).exists() and (out / n).read_bytes() != (whole / n).read_bytes()]
    if differs:
        raise SystemExit(f"{out.name}: {', '.join(differs)} differ")
    return "the same bytes"


@contextmanager
def cluster(workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a Dask scheduler, and its workers of one thread each."""
    port = next(PORTS)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    start = [sys.executable, "-m", "dask"]
    scheduler = subprocess.Popen([*start, "scheduler", "--port", str(port), "--no-dashboard"], **quiet)  # type: ignore[call-overload]
    time.sleep(5)
    running = [
        subprocess.Popen(  # type: ignore[call-overload]
            [*start, "worker", f"tcp://127.0.0.1:{port}", "--nthreads", "1", "--no-dashboard", "--no-nanny"], **quiet
        )
        for _ in range(workers)
    ]
    time.sleep(8)
    try:
        yield f"tcp://127.0.0.1:{port}", running
    finally:
        for process in [*running, scheduler]:
            process.kill()
            process.wait()


def main() -> None:
    """Each way to be interrupted, a line each."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        path, whole = here / "year.csv", here / "whole"
        write_year(path, CHATS)
        if audit(path, whole, "-j", "2").wait():
            raise SystemExit("the undisturbed audit failed")

        out = here / "interrupted"
        for n in (3, 6):
            process = audit(path, out, "-j", "2")
            wait_for_parts(out, n)
            process.send_signal(signal.SIGINT)
            if process.wait() != 130:
                raise SystemExit(f"interrupted: exit code {process.returncode}")
        audit(path, out, "-j", "2").wait()
        print("Ctrl-C twice:", same(out, whole), flush=True)

        out = here / "killed"
        process = audit(path, out, "-j", "2")
        wait_for_parts(out, 4)
        kill_tree(process)
        audit(path, out, "-j", "1").wait()
        print("kill -9 of everything, another -j:", same(out, whole), flush=True)

        out = here / "orphaned"
        process = audit(path, out, "-j", "2")
        wait_for_parts(out, 4)
        kill_tree_child(process)
        code = process.wait()
        audit(path, out, "-j", "2").wait() if code else None
        print(f"kill -9 of one process (exit code {code}):", same(out, whole), flush=True)

        for workers, kill in ((2, True), (1, False), (2, False)):
            out = here / f"cluster-{workers}-{kill}"
            with cluster(workers) as (address, running):
                begin = time.perf_counter()
                process = audit(path, out, "--scheduler", address)
                if kill:
                    wait_for_parts(out, 4)
                    running[0].kill()
                if process.wait():
                    raise SystemExit("the audit on the cluster failed")
                seconds = time.perf_counter() - begin
            print(
                f"{workers} Dask workers{', one killed' if kill else ''}: {seconds:.1f} s,",
                same(out, whole),
                flush=True,
            )


def kill_tree_child(process: subprocess.Popen[bytes]) -> None:
    """One judging process: the one that has worked most."""
    children = psutil.Process(process.pid).children(recursive=True)
    max(children, key=lambda c: c.cpu_times().user).kill()


if __name__ == "__main__":
    main()
