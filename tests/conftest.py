"""What several test files share: the shipped corpus and model, loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from replycheck.checker import Checker, load
from replycheck.corpus import Example, read_split

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data() -> Path:
    return ROOT / "data"


@pytest.fixture(scope="session")
def checker() -> Checker:
    return load(ROOT / "models" / "default")


@pytest.fixture(scope="session")
def training(data: Path) -> list[Example]:
    return read_split(data, "train")
