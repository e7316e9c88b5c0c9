"""Paths → `File`s: folders walked, gzip and zip looked into without unpacking anything to disk; the walk of an audit begins here.

What an archive unpacks to is bounded by ratio and in total, names inside it are only ever *named*, and one archive may
lie inside another, no deeper.
"""

from __future__ import annotations

import gzip
import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

from replycheck.conversation import Unread
from replycheck.errors import UnreadableInput
from replycheck.transcripts import decoding

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_RATIO = 200
"""Text packs to a tenth or a twentieth; what unpacks to more than this many times its size is a bomb."""
MAX_UNPACKED = 16 * 2**30
"""Most bytes that one archive may unpack to."""
MAX_NESTED = 256 * 2**20
"""Most bytes of an archive inside an archive, which is held in memory."""
FREE = 8 * 2**20
"""A member no larger than this is read whatever its ratio."""
HEAD = 2**18
"""Bytes that a format is detected from."""

DAMAGED = (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError)
"""What zipfile, gzip and the file system raise for files that are not what they say (NotImplementedError: a way of packing that
zipfile does not know)."""

Opener = Callable[[], BinaryIO]


@dataclass(frozen=True)
class File:
    """One file to read, on disk or inside an archive; it can be opened more than once."""

    name: str
    open: Opener
    path: Path
    remarks: list[str] = field(default_factory=list)
    encoding: str | None = None
    """As a mapping says it; found from the content otherwise."""

    @cached_property
    def start(self) -> bytes:
        """The first `HEAD` bytes."""
        with self.open() as raw:
            found = b""
            while len(found) < HEAD and (more := raw.read(HEAD - len(found))):
                found += more
            return found

    @cached_property
    def head(self) -> str:
        """The beginning as text, one kind of line end."""
        text = decoding.decode(self.start, self.encoding)
        return text.replace("\r\n", "\n").replace("\r", "\n")

    @property
    def is_workbook(self) -> bool:
        """Whether the content is a zip, of which only workbooks arrive here."""
        return self.start[:4] == b"PK\x03\x04"

    def text(self) -> AbstractContextManager[TextIO]:
        """Open as text with one kind of line end; bytes that are not UTF-8 are read as Windows-1252, with a remark."""
        return decoding.open_text(self.open, decoding.encoding_of(self.start, self.encoding), self.remarks)

    def bytes(self) -> AbstractContextManager[BinaryIO]:
        """Open as UTF-8 bytes, whatever the encoding was."""
        return decoding.open_utf8(self.open, decoding.encoding_of(self.start, self.encoding), self.remarks)


def find(paths: Sequence[Path], encoding: str | None = None) -> Iterator[File | Unread]:
    """Every file under the paths, in order of the paths and of names, each once; what can't be opened as `Unread`."""
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            yield Unread(str(path), None, "no such file or folder")
            continue
        for file in _walk(path):
            real = file.resolve()
            if real in seen:
                continue
            seen.add(real)
            try:
                yield from _expand(str(file), _opener(file), file, 0, encoding)
            except UnreadableInput as problem:
                yield Unread(str(file), problem.row, problem.what)
            except DAMAGED as problem:
                yield Unread(str(file), None, in_words(problem))


def in_words(problem: BaseException) -> str:
    """Why a file could not be read; never a piece of what it holds."""
    if isinstance(problem, UnreadableInput):
        return problem.what
    if isinstance(problem, FileNotFoundError):
        return "vanished while it was read"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    if isinstance(problem, RuntimeError) and "password" in str(problem):
        return "encrypted"
    if isinstance(problem, NotImplementedError):
        return "packed in a way that can't be read here"
    return f"damaged ({type(problem).__name__})"


def _walk(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(f for f in folders if not _hidden(f))
        for name in sorted(names):
            if not _hidden(name) and (file := Path(folder, name)).is_file():
                yield file


def _hidden(name: str) -> bool:
    return name.startswith((".", "~$")) or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _opener(path: Path) -> Opener:
    return lambda: path.open("rb")


def _expand(name: str, opener: Opener, path: Path, depth: int, encoding: str | None) -> Iterator[File | Unread]:
    with opener() as raw:
        magic = raw.read(4)
    if magic[:2] == b"\x1f\x8b":
        if depth > 1:
            yield Unread(name, None, "an archive in an archive in an archive")
            return
        yield from _expand(name, _gunzip(name, opener), path, depth + 1, encoding)
    elif magic in (b"PK\x03\x04", b"PK\x05\x06"):
        yield from _expand_zip(name, opener, path, depth, encoding)
    else:
        yield File(name, opener, path, encoding=encoding)


def _expand_zip(name: str, opener: Opener, path: Path, depth: int, encoding: str | None) -> Iterator[File | Unread]:
    with opener() as raw, zipfile.ZipFile(raw if depth == 0 else _in_memory(raw)) as archive:
        infos = archive.infolist()
        total = 0
        workbook = any(i.filename == "[Content_Types].xml" for i in infos)
        if depth > 1 and not workbook:
            yield Unread(name, None, "an archive in an archive in an archive")
            return
        for info in sorted(infos, key=lambda i: i.filename):
            inside = f"{name}/{_named(info.filename)}"
            total += info.file_size
            if info.is_dir() or any(_hidden(p) for p in info.filename.split("/") if p != ".."):
                continue
            if info.file_size > FREE and info.file_size > MAX_RATIO * max(info.compress_size, 1):
                yield Unread(inside, None, f"unpacks to more than {MAX_RATIO} times its size: refused as a zip bomb")
            elif total > MAX_UNPACKED:
                yield Unread(inside, None, f"the archive unpacks to more than {MAX_UNPACKED // 2**30} GiB: refused")
            elif not workbook:
                try:
                    yield from _expand(inside, _member(archive, info), path, depth + 1, encoding)
                except UnreadableInput as problem:
                    yield Unread(inside, problem.row, problem.what)
                except DAMAGED as problem:
                    yield Unread(inside, None, in_words(problem))
        if workbook and total <= MAX_UNPACKED:
            yield File(name, opener, path, encoding=encoding)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Opener:
    return lambda: cast(BinaryIO, archive.open(info))


def _in_memory(raw: BinaryIO) -> io.BytesIO:
    held = raw.read(MAX_NESTED + 1)
    if len(held) > MAX_NESTED:
        raise UnreadableInput(f"an archive in an archive of more than {MAX_NESTED // 2**20} MiB")
    return io.BytesIO(held)


def _named(name: str) -> str:
    """A member's name for people: it opens nothing, and steers no terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in name)[:300]


def _gunzip(name: str, opener: Opener) -> Opener:
    return lambda: io.BufferedReader(_Watched(opener()))


class _Watched(io.RawIOBase):
    """A gzip stream that stops when it grows out of proportion; its header, unlike a zip's, names no size."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed, self._stream, self._total = packed, gzip.GzipFile(fileobj=packed), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        chunk = self._stream.read(len(view))
        view[: len(chunk)] = chunk
        self._total += len(chunk)
        if self._total > FREE and self._total > MAX_RATIO * self._packed.tell():
            raise UnreadableInput(f"unpacks to more than {MAX_RATIO} times its size: refused as a gzip bomb")
        if self._total > MAX_UNPACKED:
            raise UnreadableInput(f"unpacks to more than {MAX_UNPACKED // 2**30} GiB: refused")
        return len(chunk)

    def close(self) -> None:
        self._stream.close()
        self._packed.close()
        super().close()
