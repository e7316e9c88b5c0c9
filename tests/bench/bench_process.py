"""Whole processes: the command line from cold, memory, training."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import alone, texts
from bench.bench_engine import FEW, many
from bench.conftest import SHORT, Measure

IMPORTS = "floor: import spacy, sklearn.linear_model"
REPLY = b"Thanks for telling us. We have cameras to borrow at the tech desk, and you can book them on our website."


def run(*command: str, text: bytes = b"", **environment: str) -> bytes:
    """Standard output of a Python process that must succeed."""
    env = {**os.environ, **environment}
    return subprocess.run([sys.executable, *command], input=text, env=env, check=True, capture_output=True).stdout


def test_floor(measure: Measure) -> None:
    measure(IMPORTS, lambda: run("-c", "import spacy, sklearn.linear_model"))


def test_help(measure: Measure) -> None:
    measure("replycheck --help", lambda: run("-m", "replycheck.cli", "--help"), over=IMPORTS, group="cold")


@pytest.mark.parametrize("engine", ["fast", "deep"])
def test_check(measure: Measure, engine: str) -> None:
    measure(
        f"replycheck check, {engine} engine",
        lambda: run("-m", "replycheck.cli", "check", "-", text=REPLY, REPLYCHECK_ENGINE=engine),
        over=IMPORTS,
        group="cold",
    )


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the fitted subjects."""
    folder = tmp_path_factory.mktemp("kept")
    run(
        "-c", "import sys; from pathlib import Path; from bench.alone import keep; keep(Path(sys.argv[1]))", str(folder)
    )
    return folder


@pytest.mark.once
@pytest.mark.parametrize("name", [n for n in alone.SUBJECTS if n != "training the fast engine"])
def test_memory(measure: Measure, kept: Path, name: str) -> None:
    """Peak of a process that reads some hundred replies, whatever it needs to import and load included."""
    read = json.dumps(texts.strings(many(FEW["deep" if "deep" in name else "fast"], messages=False))).encode()
    found: dict[str, float] = {}
    measure(
        f"process: {name}",
        lambda: found.update(json.loads(run("-m", "bench.alone", name, str(kept), text=read))),
        group="memory",
        fills=found,
    )


@pytest.mark.once
def test_training(measure: Measure) -> None:
    if SHORT:
        pytest.skip("takes too long for a short try")
    found: dict[str, float] = {}
    measure(
        "process: training the fast engine",
        lambda: found.update(json.loads(run("-m", "bench.alone", "training the fast engine", text=b"[]"))),
        group="memory",
        fills=found,
    )
