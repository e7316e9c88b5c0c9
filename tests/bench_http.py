"""Times the service beside an empty FastAPI endpoint with the same models on the same server; `make bench-http` runs it.

Run by a person, never by the tests: a figure depends on the machine and on what else it does, so each is a ratio within
one run, the two servers take turns, and processor time stands beside the clock's.

    python tests/bench_http.py               # one worker and two, 8 connections
    python tests/bench_http.py --soak 30     # minutes at 80 % of capacity: errors, memory
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from replycheck_api.schemas import VERDICT_EXAMPLE, CheckRequest, VerdictOut

CONNECTIONS = 8
MANY = 32
SECONDS = 10.0
ROUNDS = 5
_REPLY = (
    "Thanks so much for writing to us about the filming kit. I read your note twice and I can see how three groups with one "
    "camera would lose a whole afternoon. We have cameras to borrow at the tech desk, and you can book them on our website. "
    "Please fill in our survey too. I will ask Amara about a second tripod on Tuesday."
)
_BODY = json.dumps({"reply": _REPLY, "patron_message": "Half my students have nothing to film with."}).encode()
_CALL = (
    b"POST /v1/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    % len(_BODY)
    + _BODY
)


def empty() -> FastAPI:
    """An endpoint that does nothing but what FastAPI does for these models."""
    off = dict.fromkeys(("tracing", "metrics", "logs", "operation_spans", "auto_configure"), False)
    app = FastAPI(telemetry=off)

    @app.post("/v1/check", response_model=VerdictOut)
    async def check(item: CheckRequest) -> Any:
        return VERDICT_EXAMPLE

    return app


@contextmanager
def serving(*command: str, port: int) -> Any:
    """A server in a process of its own; gives its process id once it answers."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent)}
    process = subprocess.Popen([sys.executable, "-m", *command], env=env, stdout=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                asyncio.run(_one(port))
                break
            except OSError:
                time.sleep(0.1)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


async def _one(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await _call(reader, writer)
    writer.close()


async def _call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    writer.write(_CALL)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])


async def load(
    port: int, seconds: float, rate: float | None = None, connections: int = CONNECTIONS
) -> tuple[list[float], int]:
    """(seconds of each call, calls not answered with 200) of `seconds` of calls, at most `rate` a second."""
    times: list[float] = []
    wrong = 0
    end = time.perf_counter() + seconds

    async def caller(i: int) -> None:
        nonlocal wrong
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        due = time.perf_counter() + (i / rate if rate else 0)
        while (begin := time.perf_counter()) < end:
            if rate:
                await asyncio.sleep(max(0, due - begin))
                begin = time.perf_counter()
                due += connections / rate
            wrong += await _call(reader, writer) != 200
            times.append(time.perf_counter() - begin)
        writer.close()

    await asyncio.gather(*(caller(i) for i in range(connections)))
    return times, wrong


def family(pid: int) -> list[int]:
    """The process and its children."""
    found = [pid]
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += family(int(child))
    return found


def processor_seconds(pid: int) -> float:
    """Processor time of the process and its children so far."""
    ticks = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> float:
    """MiB in memory of the process and its children."""
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in family(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure(port: int, pid: int, connections: int) -> dict[str, float]:
    """One round."""
    before = processor_seconds(pid)
    times, wrong = asyncio.run(load(port, SECONDS, connections=connections))
    used = processor_seconds(pid) - before
    assert not wrong
    times.sort()
    return {
        "per_second": len(times) / SECONDS,
        "median_ms": times[len(times) // 2] * 1e3,
        "p99_ms": times[int(len(times) * 0.99)] * 1e3,
        "processor_ms": used / len(times) * 1e3,
    }


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def throughput() -> None:
    """Print rounds of each server in turn, and the medians of the rounds' ratios."""
    ports = {name: free_port() for name in ("empty", "one worker", "two workers")}
    ours = ("replycheck_api", "--log-level", "warning", "--port")
    with (
        serving("uvicorn", "bench_http:empty", "--factory", "--port", str(ports["empty"]), "--no-access-log", "--log-level", "warning", port=ports["empty"]) as a,
        serving(*ours, str(ports["one worker"]), port=ports["one worker"]) as b,
        serving(*ours, str(ports["two workers"]), "--workers", "2", port=ports["two workers"]) as c,
    ):  # fmt: skip
        pids = {"empty": a, "one worker": b, "two workers": c}
        for name in ports:
            asyncio.run(load(ports[name], 2))
        few, many = ("empty", "one worker"), ("one worker", "two workers")
        rounds = [{name: measure(ports[name], pids[name], CONNECTIONS) for name in few} for _ in range(ROUNDS)]
        # each worker judges at once what waits at once, so two need as many callers each as one has
        wide = [{name: measure(ports[name], pids[name], MANY) for name in many} for _ in range(ROUNDS)]
    for one in [*rounds, *wide]:
        for name, figures in one.items():
            print(f"{name:12}", *(f"{k}={v:.2f}" for k, v in figures.items()))

    def ratio(runs: list[dict[str, dict[str, float]]], of: str, to: str, what: str) -> float:
        return round(statistics.median(r[of][what] / r[to][what] for r in runs), 2)

    print(
        json.dumps(
            {
                "load_before": os.getloadavg()[1],
                "requests_a_second_over_empty": ratio(rounds, "one worker", "empty", "per_second"),
                "same_by_processor_time": ratio(rounds, "empty", "one worker", "processor_ms"),
                "p99_over_empty": ratio(rounds, "one worker", "empty", "p99_ms"),
                "two_workers_over_one": ratio(wide, "two workers", "one worker", "per_second"),
            },
            indent=2,
        )
    )


def soak(minutes: float) -> None:
    """Print errors and memory of some time at 80 % of what the service was measured to manage."""
    port = free_port()
    with serving("replycheck_api", "--log-level", "warning", "--port", str(port), port=port) as pid:
        asyncio.run(load(port, 5))
        times, _ = asyncio.run(load(port, 10))
        rate = 0.8 * len(times) / 10
        before = memory(pid)
        times, wrong = asyncio.run(load(port, minutes * 60, rate))
        after = memory(pid)
    print(
        json.dumps(
            {
                "minutes": minutes,
                "asked_a_second": round(rate),
                "answered": len(times),
                "errors": wrong,
                "p99_ms": round(sorted(times)[int(len(times) * 0.99)] * 1e3, 1),
                "memory_mib": [round(before, 1), round(after, 1)],
                "growth": round(after / before - 1, 4),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--soak", type=float, metavar="MINUTES")
    given = parser.parse_args()
    if given.soak:
        soak(given.soak)
    else:
        throughput()
