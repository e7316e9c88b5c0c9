"""Exports of chats, mail and tickets → `Conversation`s, whatever they look like: the first step of an audit's walk.

`read` is the plain road; `open_reading` the same with counts, and `understand` says what was taken for what and why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from replycheck.conversation import Conversation, Unread
from replycheck.transcripts.formats import FORMATS, Format
from replycheck.transcripts.reading import Counts, Reading
from replycheck.transcripts.understanding import Understanding, understand

__all__ = ["FORMATS", "Counts", "Format", "Reading", "Understanding", "open_reading", "read", "understand"]


def open_reading(
    paths: Sequence[Path], *, format: str | None = None, mapping: Path | None = None, staff: Sequence[str] = ()
) -> Reading:
    """A reading of files and folders: `.conversations()`, and behind it `.counts`.

    `staff` are names, addresses or `@domains` of staff, added to those of the mapping file. UsageError for an unknown
    format or a mapping that is wrong.
    """
    return Reading(paths, format=format, mapping=mapping, staff=staff)


def read(
    paths: Sequence[Path], *, format: str | None = None, mapping: Path | None = None, staff: Sequence[str] = ()
) -> Iterator[Conversation | Unread]:
    """Every conversation of files and folders, in a fixed order, each once; what can't be read as `Unread`."""
    return open_reading(paths, format=format, mapping=mapping, staff=staff).conversations()
