"""What every command shares: exit codes, the `--model` option, how an error is said.

An edge of the walk.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replycheck.errors import PromotionRefused, ReplycheckError, UsageError

if TYPE_CHECKING:
    from rich.progress import TaskID

    from replycheck.training import Progress

FINE, PUSHING, MISUSE, UNREADABLE, OURS, REFUSED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

Model = Annotated[Path | None, typer.Option("--model", help="Model folder; the shipped one unless given.")]
Data = Annotated[Path | None, typer.Option("--data", help="Corpus folder; the shipped one unless given.")]


def report(problem: ReplycheckError) -> int:
    """One line on standard error; the exit code that the error stands for."""
    print(f"replycheck: {problem}", file=sys.stderr)
    if isinstance(problem, PromotionRefused):
        return REFUSED
    return MISUSE if isinstance(problem, UsageError) else UNREADABLE


@contextmanager
def steps() -> Iterator[Progress]:
    """A bar for each step on standard error where somebody looks, else a line when one begins."""
    if not sys.stderr.isatty():
        yield lambda step, done, _: None if done else print(f"{step} …", file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(step: str, done: int, total: int) -> None:
            if step not in tasks or (done == 0 and bars.tasks[tasks[step]].finished):
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done)

        yield progress
