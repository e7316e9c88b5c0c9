"""What several test files share: the shipped corpus and model, loaded once."""

from __future__ import annotations

import logging
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from replycheck.checker import Checker, load
from replycheck.cli import main
from replycheck.corpus import Example, read_split

ROOT = Path(__file__).resolve().parent.parent

# the same examples in every run, so that a run says something of the change; `make fuzz` draws others
settings.register_profile("same", derandomize=True)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Loggers as they were, whatever a test that starts a service does to them."""
    loggers = [logging.getLogger(name) for name in (None, "replycheck", "replycheck_api", "uvicorn", "uvicorn.error")]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def no_models_of_ones_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever somebody promoted on this machine, tests judge with the shipped model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPLYCHECK_MODELS", str(tmp_path_factory.mktemp("models")))
        yield


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command line with these arguments; gives its exit code."""

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["replycheck", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        return int(str(stop.value.code))

    return run


@pytest.fixture(scope="session")
def data() -> Path:
    return ROOT / "data"


@pytest.fixture(scope="session")
def checker() -> Checker:
    return load(ROOT / "models" / "default")


@pytest.fixture(scope="session")
def training(data: Path) -> list[Example]:
    return read_split(data, "train")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly which tests were left out, and why: a skipped one looks like a passed one otherwise."""
    left_out = terminalreporter.stats.get("skipped", [])
    if not left_out:
        return
    reasons = Counter(str(report.longrepr[2] if isinstance(report.longrepr, tuple) else "") for report in left_out)
    terminalreporter.section(f"LEFT OUT: {len(left_out)} tests", sep="!", red=True, bold=True)
    for reason, count in reasons.items():
        terminalreporter.line(f"{count:4} {reason.removeprefix('Skipped: ')}")


@pytest.fixture(scope="session")
def small_data(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus that is quick to learn from: three training batches, one development batch, every eighth behavioural case."""
    folder = tmp_path_factory.mktemp("data")
    for split, count in (("train", 3), ("dev", 1)):
        (folder / split).mkdir()
        for file in sorted((data / split).glob("*.jsonl"))[:count]:
            shutil.copy(file, folder / split)
    (folder / "messages").mkdir()
    shutil.copy(sorted((data / "messages").glob("*.jsonl"))[0], folder / "messages")
    cases = (data / "behaviour.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "behaviour.jsonl").write_text("".join(cases[::8]), encoding="utf-8")
    return folder
