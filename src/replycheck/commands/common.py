"""What every command shares: exit codes, the `--model` option, how an error is said.

An edge of the walk.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from replycheck.errors import ReplycheckError, UsageError

FINE, PUSHING, MISUSE, UNREADABLE, OURS, REFUSED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

Model = Annotated[Path | None, typer.Option("--model", help="Model folder; the shipped one unless given.")]
Data = Annotated[Path | None, typer.Option("--data", help="Corpus folder; the shipped one unless given.")]


def report(problem: ReplycheckError) -> int:
    """One line on standard error; the exit code that the error stands for."""
    print(f"replycheck: {problem}", file=sys.stderr)
    return MISUSE if isinstance(problem, UsageError) else UNREADABLE
