"""What several test files share: the shipped corpus and model, loaded once."""

from __future__ import annotations

import logging
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
