"""How a row is measured: in several turns, so that whatever else the machine does falls on all rows alike, each beside its floor."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import pytest

from replycheck.checker import Checker, load
from replycheck.settings import shipped

TURNS = int(os.environ.get("BENCH_TURNS", "3"))
SHORT = "BENCH_SHORT" in os.environ
"""Whether only the way is tried: fewer texts, each timed once."""


Measure = Callable[..., None]
"""What the fixture `measure` gives."""


@pytest.fixture(scope="session", params=range(TURNS), autouse=True)
def turn(request: pytest.FixtureRequest) -> int:
    """The turn; pytest runs every test of one turn before the next begins."""
    return int(request.param)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long (`once`) is measured in the first turn only."""
    later = [
        i
        for i in items
        if isinstance(i, pytest.Function) and i.get_closest_marker("once") and i.callspec.params.get("turn")
    ]
    if later:
        config.hook.pytest_deselected(items=later)
        items[:] = [i for i in items if i not in later]


def pytest_configure(config: pytest.Config) -> None:
    """Our own marker."""
    config.addinivalue_line("markers", "once: measured in the first turn only")


@pytest.fixture
def measure(benchmark: Any, turn: int, request: pytest.FixtureRequest) -> Measure:
    """Measure a row: seconds of a `call` that judges `replies` replies; its ratio is that to the row `over`, measured in the same turn.

    With `fresh`, each call is given what that makes, whose making is not measured. `fills` is what a call found out by itself.
    """

    def run(
        row: str,
        call: Callable[..., object],
        *,
        replies: int = 1,
        over: str | None = None,
        fresh: Callable[[], object] | None = None,
        fills: dict[str, float] | None = None,
        **said: Any,
    ) -> None:
        benchmark.extra_info.update({"row": row, "turn": turn, "replies": replies, "over": over, **said})
        setup = (lambda: ((fresh(),), {})) if fresh else None
        once = request.node.get_closest_marker("once")
        count = 1 if once else rounds(lambda: call(fresh()) if fresh else call())
        benchmark.pedantic(call, setup=setup, rounds=count)
        benchmark.extra_info.update(fills or {})

    return run


def rounds(call: Callable[[], object], budget: float = 1.5) -> int:
    """How often a call is timed: three times at least, more if it is quick. The call that finds out also warms the caches."""
    begin = time.perf_counter()
    call()
    taken = time.perf_counter() - begin
    return 1 if SHORT else max(3, min(30, int(budget / taken)))


@pytest.fixture(scope="session")
def checkers() -> dict[str, Checker]:
    """The shipped engines by name."""
    folder = shipped("models") / "default"
    return {name: load(folder, name) for name in ("fast", "deep")}
