"""How much of the exports has been read, so that the time left can be told; used by `auditing`.

A reader gives conversations, not positions. But a conversation says its file and its line, and lines are counted a thousand
times faster than chats are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from replycheck.conversation import Conversation
from replycheck.journal import Fingerprint

_BLOCK = 1 << 20
_PACKED = (b"PK\x03\x04", b"\x1f\x8b")


class Position:
    """Follows the conversations as they are read, file after file."""

    def __init__(self, files: Sequence[Fingerprint]) -> None:
        self._files = files
        self._before = 0
        self._at = 0
        self._lines: int | None = None
        self._total = sum(f.size for f in files)

    def share(self, conversation: Conversation) -> float:
        """How much of all bytes lies before the conversation, from 0 to 1."""
        while self._at < len(self._files) and not conversation.source.startswith(self._files[self._at].file):
            self._before += self._files[self._at].size
            self._at += 1
            self._lines = None
        if self._at == len(self._files) or not self._total:
            return 1.0
        size = self._files[self._at].size
        if self._lines is None:
            self._lines = _lines(Path(self._files[self._at].file))
        within = min((conversation.line or 0) / self._lines, 1.0) if self._lines else 0.0
        return (self._before + within * size) / self._total


def _lines(file: Path) -> int:
    """Lines of a file; 0 where lines say nothing, as in an archive."""
    try:
        with file.open("rb") as raw:
            block = raw.read(_BLOCK)
            if block.startswith(_PACKED):
                return 0
            found = 0
            while block:
                found += block.count(b"\n")
                block = raw.read(_BLOCK)
            return found
    except OSError:
        return 0
