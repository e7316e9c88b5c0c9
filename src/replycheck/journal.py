"""What an audit has finished, on disk, so that an interrupted one goes on where it stopped.

Beside `auditing`. A part is there whole or not at all: it is written beside its place, flushed, and moved. So the list of
parts is the journal; one that a disk has damaged since is judged anew. The folder belongs to one audit of one set of inputs with one set
of options, which it remembers, and to one process at a time.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b, file_digest
from pathlib import Path
from typing import Any

from replycheck.conversation import Unread
from replycheck.errors import UnreadableInput, UsageError, unwritable

FOLDER = ".audit"
_STATE = "state.json"
_LOCK = "lock"
_VERSION = 2
_END = 65_536
"""Bytes of a file's beginning and of its end that its fingerprint is made from."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A file as it was when the audit began."""

    file: str
    size: int
    changed: int
    """Time of the last change, in nanoseconds."""
    ends: str


def files_of(paths: Sequence[Path], out: Path) -> list[Path]:
    """The files that the paths stand for, folders looked through, in a settled order; what isn't there is left to the reader.

    UnreadableInput if there is none, UsageError if what the audit writes would be read by it.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            if out.resolve().is_relative_to(path.resolve()):
                raise UsageError(f"{out}: lies in {path}, which is to be audited; write somewhere else")
            found += sorted(p for p in path.rglob("*") if p.is_file())
        elif path.exists():
            found.append(path)
    if not found:
        raise UnreadableInput("no such file, or an empty folder", file=", ".join(map(str, paths[:3])))
    return found


def fingerprints(files: Iterable[Path]) -> tuple[list[Fingerprint], bytes]:
    """A fingerprint a file, and a secret that only who holds the files can make."""
    found = []
    secret = blake2b(digest_size=32, person=b"secret")
    for file in files:
        try:
            stat = file.stat()
            with file.open("rb") as handle:
                ends = handle.read(_END)
                if stat.st_size > 2 * _END:
                    handle.seek(-_END, os.SEEK_END)
                ends += handle.read(_END)
        except OSError:
            # listed by the reader, which says why
            continue
        secret.update(ends + str(stat.st_size).encode())
        found.append(Fingerprint(str(file), stat.st_size, stat.st_mtime_ns, blake2b(ends, digest_size=16).hexdigest()))
    return found, secret.digest()


class Journal:
    """The folder of one audit; `finished` are the numbers of the parts that need not be judged again."""

    def __init__(self, out: Path, options: dict[str, Any], inputs: Sequence[Fingerprint], *, resume: bool) -> None:
        """Take up what is there, or begin. UsageError if what is there belongs to another audit, is being written by one, or can't be
        written. To be used as a context, at whose end another process may take it up."""
        from filelock import FileLock, Timeout

        self.folder = out / FOLDER
        self.parts = self.folder / "parts"
        self.inputs = inputs
        state = {"version": _VERSION, "options": options, "inputs": [asdict(i) for i in inputs]}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            # the system lets go of it when the process ends, however it ends
            self._lock = FileLock(self.folder / _LOCK, timeout=0)
            self._lock.acquire()
        except Timeout:
            raise UsageError(
                f"{out}: another audit is being written there; wait for it, or give another folder"
            ) from None
        except OSError as problem:
            raise unwritable(out, problem) from None
        try:
            if not resume:
                shutil.rmtree(self.parts, ignore_errors=True)
                (self.folder / _STATE).unlink(missing_ok=True)
            if (self.folder / _STATE).exists():
                _same(_remembered(self.folder / _STATE), state, out)
            else:
                self.parts.mkdir(exist_ok=True)
                _put(self.folder / _STATE, json.dumps(state, indent=1))
            self.finished = {int(p.stem) for p in self.parts.glob("*.jsonl") if _sound(p)}
        except BaseException as problem:
            self._lock.release()
            if isinstance(problem, OSError):
                raise unwritable(out, problem) from None
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def put(self, number: int, lines: Sequence[str], unread: Sequence[Unread]) -> None:
        """Keep a part. UsageError if the disk does not take it; the parts before it stay."""
        head = json.dumps([[u.file, u.line, u.why] for u in unread])
        try:
            text = "\n".join([head, *lines]) + "\n"
            _put(self._part(number), f"{_checksum(text)}\n{text}")
        except OSError as problem:
            then = "what is finished is kept, and the same command goes on from there"
            raise unwritable(self.folder, problem, then) from None
        self.finished.add(number)

    def unread(self) -> list[Unread]:
        """What could not be judged, of all parts in order."""
        found: list[Unread] = []
        for number in sorted(self.finished):
            with self._part(number).open(encoding="utf-8") as file:
                next(file)
                found += (Unread(*u) for u in json.loads(file.readline()))
        return found

    def lines(self) -> Iterator[dict[str, Any]]:
        """The judged conversations of all parts in order."""
        for number in sorted(self.finished):
            with self._part(number).open(encoding="utf-8") as file:
                next(file)
                next(file)
                yield from map(json.loads, file)

    def changed(self) -> list[str]:
        """Files that are no longer what they were when the audit began."""
        now, _ = fingerprints(Path(i.file) for i in self.inputs)
        return [i.file for i in self.inputs if i not in now]

    def close(self) -> None:
        """Forget everything: the audit is written."""
        self._lock.release()
        shutil.rmtree(self.folder)

    def _part(self, number: int) -> Path:
        return self.parts / f"{number:07d}.jsonl"


def _put(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    try:
        with new.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def _checksum(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _sound(part: Path) -> bool:
    """Whether a part holds what its first line vouches for; it is as if it had never been judged otherwise."""
    with part.open("rb") as file:
        said = file.readline().strip().decode("ascii", "replace")
        return part.stem.isdigit() and said == file_digest(file, lambda: blake2b(digest_size=16)).hexdigest()


def _remembered(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict) or not {"version", "options", "inputs"} <= set(found):
        raise UsageError(f"{path}: damaged; --fresh throws away what was judged and starts anew")
    return found


def _same(there: dict[str, Any], wanted: dict[str, Any], out: Path) -> None:
    """UsageError that names what differs."""
    differs = [name for name, value in wanted["options"].items() if there.get("options", {}).get(name) != value]
    what = f"other options ({', '.join(differs)})" if differs else ""
    if there.get("version") != wanted["version"]:
        what = "another version of replycheck"
    elif not differs and there["inputs"] != wanted["inputs"]:
        before = {i["file"]: i for i in there["inputs"]}
        now = {i["file"]: i for i in wanted["inputs"]}
        new, gone = [f for f in now if f not in before], [f for f in before if f not in now]
        edited = [f for f in now if f in before and before[f] != now[f]]
        parts = [("new", new), ("missing", gone), ("changed", edited)]
        what = (
            "other inputs: " + "; ".join(f"{_few(f)} {word}" for word, f in parts if f)
            if any(f for _, f in parts)
            else "the inputs in another order"
        )
    if what:
        raise UsageError(f"{out}: holds an interrupted audit with {what}; --fresh throws that away and starts anew")


def _few(files: Sequence[str]) -> str:
    return ", ".join(files[:3]) + (f" and {len(files) - 3:,} more" if len(files) > 3 else "")
