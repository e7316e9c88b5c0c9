"""Bytes of an export → text: BOMs, UTF-16 without one, and single bytes that are not UTF-8 but Windows-1252.

Beside `sources` at the beginning of an audit's walk.
"""

from __future__ import annotations

import codecs
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_seen = threading.local()


def _as_windows(problem: UnicodeError) -> tuple[str, int]:
    """An error handler: each byte that is not UTF-8 is taken for Windows-1252, or for U+FFFD where that has none."""
    if not isinstance(problem, UnicodeDecodeError):
        raise problem
    wrong = problem.object[problem.start : problem.end]
    if not problem.encoding.startswith("utf-8"):
        return "\ufffd", problem.end
    _seen.count = getattr(_seen, "count", 0) + len(wrong)
    return wrong.decode("cp1252", errors="replace"), problem.end


_FORGIVING = "replycheck-windows"
codecs.register_error(_FORGIVING, _as_windows)


def encoding_of(start: bytes, said: str | None = None) -> str:
    """The encoding that a file's beginning shows; UTF-8 unless a BOM or every second byte says otherwise."""
    for bom, name in _BOMS:
        if start.startswith(bom):
            return name
    if said:
        return said
    even, odd = start[0:2000:2].count(0), start[1:2000:2].count(0)
    half = min(len(start), 2000) / 2
    if half >= 2 and odd > 0.6 * half and even < 0.1 * half:
        return "utf-16-le"
    if half >= 2 and even > 0.6 * half and odd < 0.1 * half:
        return "utf-16-be"
    return "utf-8"


def decode(raw: bytes, said: str | None = None) -> str:
    """A piece of a file as text; a character that is cut at its end is left out."""
    decoder = codecs.getincrementaldecoder(encoding_of(raw, said))(_FORGIVING)
    before = getattr(_seen, "count", 0)
    text = decoder.decode(raw)
    _seen.count = before
    return text


@contextmanager
def open_text(opener: Callable[[], BinaryIO], encoding: str, remarks: list[str]) -> Iterator[TextIO]:
    """A file as text with one kind of line end; `remarks` is told of bytes in another encoding."""
    before = getattr(_seen, "count", 0)
    with opener() as raw, io.TextIOWrapper(raw, encoding=encoding, errors=_FORGIVING, newline=None) as text:
        yield text
    if (wrong := getattr(_seen, "count", 0) - before) and not remarks:
        remarks.append(f"{wrong:,} bytes are not UTF-8; read as Windows-1252")


@contextmanager
def open_utf8(opener: Callable[[], BinaryIO], encoding: str, remarks: list[str]) -> Iterator[BinaryIO]:
    """The same as UTF-8 bytes, for parsers that want bytes."""
    with open_text(opener, encoding, remarks) as text:
        yield cast(BinaryIO, io.BufferedReader(_Encoded(text)))


class _Encoded(io.RawIOBase):
    """Text read as UTF-8 bytes."""

    def __init__(self, text: TextIO) -> None:
        self._text, self._left = text, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        if not self._left:
            self._left = self._text.read(max(len(view), 1)).encode("utf-8", errors="replace")
        chunk, self._left = self._left[: len(view)], self._left[len(view) :]
        view[: len(chunk)] = chunk
        return len(chunk)
