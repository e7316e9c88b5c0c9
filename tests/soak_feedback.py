"""kill -9 during feedback posts (`make soak-feedback`): every acknowledged one must be there, and none twice.

A real service with two workers is killed, all of it, at random moments and started again, while clients post, and send again
what was not acknowledged. Prints one line of JSON; exit code 1 if anything was lost or kept twice.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx


def free_port() -> int:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return int(it.getsockname()[1])


class Service:
    """The service as a process group of its own, so that all of it can be killed."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.port, self.store = free_port(), folder / "feedback.sqlite"
        self.log = folder / "service.log"
        self.environment = os.environ | {
            "REPLYCHECK_FEEDBACK": str(self.store),
            "REPLYCHECK_PORT": str(self.port),
            "REPLYCHECK_WORKERS": str(workers),
            "REPLYCHECK_LOG_LEVEL": "error",
            "OMP_NUM_THREADS": "1",
        }
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "replycheck_api"],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait(self) -> None:
        for _ in range(1200):
            try:
                if httpx.get(f"http://127.0.0.1:{self.port}/healthz", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise RuntimeError(self.log.read_text())


def body(number: int) -> dict[str, Any]:
    return {
        "id": str(uuid.UUID(int=number + 1)),
        "consent": True,
        "reply": f"We have a guide for that, number {number}. Please fill in the form.",
        "label": "service-pushing",
        "model_label": "listening",
        "model_version": "soak",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="replycheck-soak-"))
    service = Service(folder, options.workers)
    service.wait()
    acknowledged: set[str] = set()
    repeated = [0]
    lock, stop = threading.Lock(), threading.Event()
    chance = random.Random(1)
    at = sorted(chance.sample(range(options.posts // 10, options.posts * 9 // 10), options.kills))

    def post(number: int) -> None:
        tries = 0
        while not stop.is_set():
            tries += 1
            try:
                answer = client.post("/v1/feedback", json=body(number))
            except httpx.HTTPError:
                time.sleep(0.05)  # it is down, or went down before it answered
                continue
            if answer.status_code != 200:
                raise RuntimeError(answer.text)
            with lock:
                acknowledged.add(answer.json()["id"])
                repeated[0] += tries > 1
            return

    begin = time.perf_counter()
    with (
        httpx.Client(base_url=f"http://127.0.0.1:{service.port}", timeout=30, trust_env=False) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        found = [pool.submit(post, n) for n in range(options.posts)]
        for count in at:
            while len(acknowledged) < count and not any(f.done() and f.exception() for f in found):
                time.sleep(0.001)
            # in the middle of whatever is being written
            time.sleep(chance.random() * 0.02)
            service.kill()
            # what was acknowledged before the kill must be there before anybody sends it again
            with lock:
                told = set(acknowledged)
            if gone := told - kept(service.store)[0]:
                stop.set()
                print(json.dumps({"lost": len(gone)}))
                return 1
            service.start()
        for future in found:
            future.result()
    service.kill()
    ids, rows = kept(service.store)
    result = {
        "posts": options.posts,
        "kills": options.kills,
        "workers": options.workers,
        "acknowledged": len(acknowledged),
        "sent_again": repeated[0],
        "kept": rows,
        "lost": len(acknowledged - ids),
        "twice": rows - len(ids),
        "seconds": round(time.perf_counter() - begin, 1),
    }
    print(json.dumps(result))
    return int(bool(result["lost"] or result["twice"] or rows != options.posts))


def kept(store: Path) -> tuple[set[str], int]:
    """(ids, rows) of the file as another program reads it."""
    db = sqlite3.connect(store)
    rows = [row[0] for row in db.execute("SELECT id FROM correction")]
    (state,) = db.execute("PRAGMA integrity_check").fetchone()
    db.close()
    if state != "ok":
        raise RuntimeError(state)
    return set(rows), len(rows)


if __name__ == "__main__":
    sys.exit(main())
