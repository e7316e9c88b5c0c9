"""Files → conversations, each once, with counts: the loop that holds sources, formats and readers together.

Nothing that a file holds stops it: what breaks becomes an `Unread`, and the next file is read.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from replycheck.conversation import Conversation, Role, Unread
from replycheck.errors import ReplycheckError, UnreadableInput, UsageError
from replycheck.transcripts import mail
from replycheck.transcripts.formats import FORMATS, Detected, detect
from replycheck.transcripts.found import Found
from replycheck.transcripts.mapping import Mapping, load
from replycheck.transcripts.sources import DAMAGED, File, find, in_words

LEAST_TEXT = 200
"""Characters that an undated conversation must have to be taken for a copy of one in another file."""


@dataclass(slots=True)
class Counts:
    """What was read; no figure here is about a person."""

    files: int = 0
    conversations: int = 0
    messages: int = 0
    duplicates: int = 0
    stray_lines: int = 0
    unread: int = 0
    by_role: Counter[Role] = field(default_factory=Counter)
    remarks: list[tuple[str, str]] = field(default_factory=list)
    """File and remark, such as another encoding."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A conversation that came before, in this file or in another."""

    id: str


class Reading:
    """One reading of files and folders."""

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        format: str | None = None,
        mapping: Path | None = None,
        staff: Sequence[str] = (),
    ) -> None:
        if format is not None and format not in FORMATS:
            raise UsageError(f"no format is called {format!r}; known are {', '.join(FORMATS)}")
        self.paths = [Path(p) for p in paths]
        self.format = format
        self.mapping: Mapping = load(mapping, staff)
        self.counts = Counts()
        self._seen: set[bytes] = set()
        self._dated: dict[bytes, str] = {}
        self._undated_here: set[bytes] = set()

    def conversations(self) -> Iterator[Conversation | Unread]:
        """Every conversation once, in order of files and within them; what can't be read as `Unread`."""
        for _, found in self.everything():
            if isinstance(found, Found):
                yield found.conversation
            elif isinstance(found, Unread):
                yield found

    def everything(self) -> Iterator[tuple[tuple[str, Detected | None], Found | Unread | Duplicate | None]]:
        """The same with each file's name and format; None stands for a file that begins."""
        mails: list[tuple[str, mail.Mail]] = []
        for file in find(self.paths, self.mapping.encoding):
            self.counts.files += 1
            if isinstance(file, Unread):
                self.counts.unread += 1
                yield (file.file, None), file
                continue
            detected = self._detect(file)
            if isinstance(detected, Unread):
                self.counts.unread += 1
                yield (file.name, None), detected
                continue
            yield (file.name, detected), None
            if detected.name == "eml":
                one = _guarded_mail(file)
                if isinstance(one, Unread):
                    self.counts.unread += 1
                    yield (file.name, detected), one
                else:
                    mails.append((file.name, one))
                continue
            for found in guarded(file, detected, self.mapping):
                yield (file.name, detected), self._count(found, detected.name)
            self.counts.remarks += [(file.name, remark) for remark in file.remarks]
            self._seen |= self._undated_here
            self._undated_here = set()
        whole = Detected("eml", "mail headers at the beginning", FORMATS["eml"].read)
        for found in mail.read_emls(mails, self.mapping):
            name = found.conversation.source if isinstance(found, Found) else found.file
            yield (name, whole), self._count(found, "eml")

    def _detect(self, file: File) -> Detected | Unread:
        try:
            found = detect(file, self.mapping, self.format)
        except UsageError:
            raise
        except (ReplycheckError, *DAMAGED) as problem:
            return Unread(file.name, None, in_words(problem))
        return Unread(file.name, None, found) if isinstance(found, str) else found

    def _count(self, found: Found | Unread, kind: str) -> Found | Unread | Duplicate:
        counts = self.counts
        if isinstance(found, Unread):
            counts.unread += 1
            return found
        if self._is_copy(found, kind):
            counts.duplicates += 1
            return Duplicate(found.conversation.id)
        counts.conversations += 1
        counts.messages += len(found.conversation.messages)
        counts.by_role.update(m.role for m in found.conversation.messages)
        counts.stray_lines += len(found.stray)
        return found

    def _is_copy(self, found: Found, kind: str) -> bool:
        """Whether the same conversation came before: by the export's id, or by the same dated messages, or undated in another file."""
        conversation = found.conversation
        said = [x for m in conversation.messages for x in (m.role, m.text, str(m.time or ""))]
        copy = False
        if found.id_is_the_exports:
            key = _digest("id", kind, conversation.id)
            copy = key in self._seen
            self._seen.add(key)
        if any(m.time for m in conversation.messages):
            key = _digest("said", str(conversation.started or ""), *said)
            identified_by = kind if found.id_is_the_exports else ""
            first = self._dated.get(key)
            self._dated.setdefault(key, identified_by)
            # two ids of one system are two conversations, even where all that was said is the same
            return copy or (first is not None and (first != identified_by or not identified_by))
        if found.id_is_the_exports:
            return copy
        if sum(len(m.text) for m in conversation.messages) < LEAST_TEXT:
            return False
        # undated and without an id: the same words twice in one file are two patrons, in two files one export twice
        key = _digest("undated", *said)
        self._undated_here.add(key)
        return key in self._seen


def _digest(*parts: str) -> bytes:
    return blake2b("\x1f".join(parts).encode("utf-8", errors="replace"), digest_size=8).digest()


def guarded(file: File, detected: Detected, wanted: Mapping) -> Iterator[Found | Unread]:
    """What a reader gives; whatever breaks in between ends as an `Unread`, and so does a change of the file."""
    before = _stamp(file)
    reader = detected.read(file, wanted)
    try:
        yield from reader
    except UsageError:
        raise
    except UnreadableInput as problem:
        yield Unread(file.name, problem.row, problem.what)
    except (csv.Error, *DAMAGED) as problem:
        yield Unread(file.name, None, in_words(problem))
    except Exception as problem:
        # ten years of chats do not stop at one file that a reader has not been tried on
        yield Unread(file.name, None, f"an error of ours ({type(problem).__name__}) in the rest of the file")
    if _stamp(file) != before:
        yield Unread(file.name, None, "changed while it was read: what was read before is judged; read it again")


def _guarded_mail(file: File) -> mail.Mail | Unread:
    try:
        return mail.read_eml(file)
    except (ReplycheckError, *DAMAGED) as problem:
        return Unread(file.name, None, in_words(problem))


def _stamp(file: File) -> tuple[int, int] | None:
    with suppress(OSError):
        stat = file.path.stat()
        return stat.st_size, stat.st_mtime_ns
    return None
