"""What several test files share: the shipped corpus and model, loaded once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from replycheck.checker import Checker, load
from replycheck.corpus import Example, read_split

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def no_models_of_ones_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Whatever somebody promoted on this machine, tests judge with the shipped model."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPLYCHECK_MODELS", str(tmp_path_factory.mktemp("models")))
        yield


@pytest.fixture(scope="session")
def data() -> Path:
    return ROOT / "data"


@pytest.fixture(scope="session")
def checker() -> Checker:
    return load(ROOT / "models" / "default")


@pytest.fixture(scope="session")
def training(data: Path) -> list[Example]:
    return read_split(data, "train")
