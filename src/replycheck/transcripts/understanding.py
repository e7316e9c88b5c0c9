"""What was understood of an export, for a dry run: formats and why, who was taken for whom and why, what fits nothing.

Names of staff are in it, since a person must see whether the right ones were taken for staff: show them on a screen,
never write them to a file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from replycheck.conversation import Role, Unread
from replycheck.transcripts.found import Found
from replycheck.transcripts.reading import Counts, Reading

SHOWN = 20
"""Most names, lines or unread pieces that a listing shows."""
MAX_NAMES = 5_000


@dataclass(slots=True)
class FileUnderstood:
    """One file: its format and why, what is in it, and who is who."""

    file: str
    format: str | None = None
    why: str = ""
    conversations: int = 0
    messages: Counter[Role] = field(default_factory=Counter)
    reasons: dict[Role, Counter[str]] = field(default_factory=dict)
    """By role: reasons, and in how many conversations each was the reason."""
    staff: dict[str, str] = field(default_factory=dict)
    """Speakers taken for staff, and the first reason."""
    bots: dict[str, str] = field(default_factory=dict)
    duplicates: int = 0
    stray: list[int] = field(default_factory=list)
    stray_lines: int = 0
    unread: list[Unread] = field(default_factory=list)
    unread_pieces: int = 0
    remarks: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Understanding:
    """Everything that was understood, a file at a time, and the counts of all."""

    files: list[FileUnderstood]
    counts: Counts

    def lines(self, *, names: bool) -> list[str]:
        """The same as lines for people; without `names`, staff are "staff 1", "staff 2" …"""
        shown: list[str] = []
        for file in self.files:
            shown += _of_file(file, names)
        c = self.counts
        shown.append(
            f"In all: {c.conversations:,} conversations, {c.messages:,} messages in {c.files:,} files; "
            f"{c.duplicates:,} duplicates left out, {c.stray_lines:,} lines that fit nothing, {c.unread:,} pieces unread"
        )
        return shown


def understand(
    paths: Sequence[Path], *, format: str | None = None, mapping: Path | None = None, staff: Sequence[str] = ()
) -> Understanding:
    """Read everything as `read` would, and keep what was understood instead of what was said."""
    reading = Reading(paths, format=format, mapping=mapping, staff=staff)
    files: dict[str, FileUnderstood] = {}
    for (name, detected), found in reading.everything():
        if detected is not None and (detected.name == "eml" or not Path(name).exists()):
            # a folder or an archive of a file a chat is one entry
            name = name.rpartition("/")[0] + "/*"
        file = files.setdefault(name, FileUnderstood(name))
        if detected is not None:
            file.format, file.why = detected.name, detected.why
        if isinstance(found, Found):
            _take(file, found)
        elif isinstance(found, Unread):
            file.unread_pieces += 1
            if len(file.unread) < SHOWN:
                file.unread.append(found)
        elif found is not None:
            file.duplicates += 1
    for name, remark in reading.counts.remarks:
        file = files.get(name) or files[name.rpartition("/")[0] + "/*"]
        file.remarks += [remark] if len(file.remarks) < SHOWN else []
    return Understanding(list(files.values()), reading.counts)


def _take(file: FileUnderstood, found: Found) -> None:
    file.conversations += 1
    file.messages.update(m.role for m in found.conversation.messages)
    for speaker, (role, why) in found.why.items():
        file.reasons.setdefault(role, Counter())[why] += 1
        people = {Role.STAFF: file.staff, Role.BOT: file.bots}.get(role)
        if people is not None and len(people) < MAX_NAMES:
            people.setdefault(speaker, why)
    file.stray_lines += len(found.stray)
    file.stray += found.stray[: max(0, SHOWN - len(file.stray))]


def _of_file(file: FileUnderstood, names: bool) -> list[str]:
    said = ", ".join(f"{n:,} by {role}" for role, n in sorted(file.messages.items()))
    lines = [f"{file.file}: {file.format or 'not read'}" + (f" ({file.why})" if file.why else "")]
    if file.conversations:
        lines.append(f"  {file.conversations:,} conversations, {sum(file.messages.values()):,} messages ({said})")
    for role, reasons in sorted(file.reasons.items()):
        lines.append(f"  taken for {role}: " + "; ".join(f"{why} ({n:,})" for why, n in reasons.most_common()))
    for title, people in (("staff", file.staff), ("bots", file.bots)):
        if people:
            shown = list(people.items())[:SHOWN]
            more = f" and {len(people) - SHOWN:,} more" if len(people) > SHOWN else ""
            one = title.removesuffix("s") if title == "bots" else title
            lines.append(
                f"  {title}: "
                + "; ".join(
                    f"{_on_a_line(who) if names else f'{one} {i}'}: {why}" for i, (who, why) in enumerate(shown, 1)
                )
                + more
            )
    if file.duplicates:
        lines.append(f"  {file.duplicates:,} conversations that came before, left out")
    if file.stray_lines:
        first = ", ".join(map(str, file.stray))
        lines.append(
            f"  {file.stray_lines:,} lines fit nothing: line {first}{' …' if file.stray_lines > len(file.stray) else ''}"
        )
    lines += [f"  remark: {remark}" for remark in file.remarks]
    for piece in file.unread:
        lines.append("  unread" + (f", line {piece.line:,}" if piece.line else "") + f": {piece.why}")
    if file.unread_pieces > len(file.unread):
        lines.append(f"  … and {file.unread_pieces - len(file.unread):,} more pieces unread")
    return lines


def _on_a_line(name: str) -> str:
    """A name without what would steer the terminal."""
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(name.split()))[:80] or "(no name)"
