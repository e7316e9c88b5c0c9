"""What several test files share: the shipped corpus and model, loaded once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from replycheck.checker import Checker, load
from replycheck.corpus import Example, read_split

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Loggers as they were, whatever a test that starts a service does to them."""
    loggers = [logging.getLogger(name) for name in (None, "replycheck", "replycheck_api", "uvicorn", "uvicorn.error")]
    before = [(logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


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
