"""Every error that replycheck raises on purpose.

ReplycheckError
├── UsageError           the call itself is wrong (exit code 2)
├── UnreadableInput      some input can't be read: file, row and column are named (exit code 3)
│   └── CorpusError      labelled examples that break the corpus format
├── PromotionRefused     a new model that the figures speak against (exit code 5)
├── BundleError          a model folder that is changed, truncated, foreign or newer (exit code 3)
└── TooLong              a text over the size limit of the edge it came in by (exit code 3)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


class ReplycheckError(Exception):
    """Root of the tree."""


class UsageError(ReplycheckError):
    """The call is wrong: an unknown column, option or suffix."""


def unwritable(place: str | Path, why: OSError | str, then: str = "") -> UsageError:
    """What to raise where the disk does not take something; `then` says what is left and what to do."""
    return UsageError(f"{place}: can't be written: {why if isinstance(why, str) else said(why)}{then and f'; {then}'}")


def said(problem: OSError) -> str:
    """What the system says of it, in a few words."""
    return problem.strerror or type(problem).__name__


class PromotionRefused(ReplycheckError):
    """The new model is worse where it must not be; names what speaks against it."""

    def __init__(self, version: str, against: Sequence[str]) -> None:
        self.version, self.against = version, list(against)
        super().__init__(
            f"{version} is not promoted: {'; '.join(against)}. To promote it all the same, give a reason with --anyway"
        )


class UnreadableInput(ReplycheckError):
    """Input that can't be read; the message names file, row and column where there are any."""

    def __init__(
        self, what: str, *, file: str | Path | None = None, row: int | None = None, column: str | None = None
    ) -> None:
        self.what, self.file, self.row, self.column = what, file, row, column
        place = [str(file)] if file is not None else []
        if row is not None:
            place.append(f"row {row}")
        if column is not None:
            place.append(f"column {column!r}")
        super().__init__(f"{', '.join(place)}: {what}" if place else what)


class CorpusError(UnreadableInput):
    """A labelled example that breaks the corpus format."""


class BundleError(ReplycheckError):
    """A model folder that must not be loaded; says which file and why."""

    def __init__(self, file: str | Path, why: str) -> None:
        self.file, self.why = file, why
        super().__init__(f"{file}: {why}")


class TooLong(ReplycheckError):
    """A text over the limit."""

    def __init__(self, what: str, length: int, limit: int) -> None:
        self.what, self.length, self.limit = what, length, limit
        super().__init__(f"{what} has {length:,} characters; at most {limit:,} are judged")
