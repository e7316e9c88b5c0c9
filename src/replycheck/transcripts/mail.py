"""Mail: an mbox, or a folder of .eml files; a thread is a conversation, and only each mail's new words are its message.

One of the readers in `transcripts`. Attachments are skipped while the file is read, never decoded.
"""

from __future__ import annotations

import email
import email.utils
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError, MessageError
from email.header import decode_header, make_header
from email.message import Message as RawMail
from typing import BinaryIO

from replycheck.conversation import Role, Unread
from replycheck.transcripts.found import About, Found, Turn, put_together
from replycheck.transcripts.groups import complete
from replycheck.transcripts.mapping import Mapping
from replycheck.transcripts.markup import plain, tidy
from replycheck.transcripts.quoted import new_words
from replycheck.transcripts.roles import Decision
from replycheck.transcripts.sources import File

MAX_LINE = 2**20
MAX_PART = 2**19
"""Bytes kept of one MIME part: nobody writes half a megabyte by hand, attachments are larger."""
_HEADER = re.compile(
    r"(?:From|To|Subject|Date|Message-ID|Return-Path|Received|MIME-Version|Delivered-To|X-[\w-]+|DKIM-Signature): ?\S",
    re.I,
)
_REPLY = re.compile(r"^\s*(?:(?:re|aw|sv|antw|fwd?|tr)(?:\[\d+\])?\s*:\s*)+", re.I)
_TAGGED = re.compile(r"^\s*\[[^\]]{1,40}\]\s*")
_DAEMON = re.compile(r"(?:mailer-daemon|postmaster|no-?reply|do-?not-?reply)\b", re.I)
_DESK = re.compile(r"(?:ask|lib|info|ref|help|desk|circ|enquir|inquir|service|support|contact)", re.I)


@dataclass(slots=True)
class Mail:
    """What is needed of one mail."""

    line: int
    id: str
    refs: tuple[str, ...]
    subject: str
    name: str
    address: str
    others: frozenset[str]
    time: datetime | None
    automatic: bool
    text: str = ""
    quoted: str = ""
    quoted_from: str = ""
    people: frozenset[str] = frozenset()


def detect_mbox(file: File) -> str | None:
    """Why the file is an mbox; None if it isn't."""
    first, _, rest = file.head.partition("\n")
    return 'a line "From " and mail headers after it' if first.startswith("From ") and _headers(rest) >= 2 else None


def detect_eml(file: File) -> str | None:
    """Why the file is a single mail; None if it isn't."""
    return (
        "mail headers at the beginning"
        if _headers(file.head) >= 3 and re.search(r"^From:", file.head, re.M | re.I)
        else None
    )


def _headers(text: str) -> int:
    lines = text[:20_000].lstrip("\ufeff").partition("\n\n")[0].split("\n")
    return sum(_HEADER.match(line) is not None for line in lines) if lines and re.match(r"[\w-]+:", lines[0]) else 0


# --- an mbox, an eml ---------------------------------------------------------------------------------------------


def read_mbox(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    """The threads of an mbox, each when its last mail has come; the file is read twice."""
    threads = Threads()
    keys: list[int] = []
    for line, raw in _mails(file):
        mail = _parse(line, raw, headers_only=True)
        if isinstance(mail, Mail):
            keys.append(threads.add(mail))
    ends = [threads.root(k) for k in keys]
    owner = threads.owner()
    broken: list[Unread] = []
    place = iter(ends)

    def mails() -> Iterator[tuple[int, Mail]]:
        for line, raw in _mails(file):
            mail = _parse(line, raw)
            if isinstance(mail, Mail):
                yield next(place, -1), mail
            else:
                broken.append(Unread(file.name, line, mail))

    for group in complete(ends, mails(), lambda pair: pair[0]):
        yield from broken
        broken.clear()
        yield _thread(file.name, [m for _, m in group], owner, wanted)
    yield from broken


def read_emls(files: Iterable[tuple[str, Mail]], wanted: Mapping) -> Iterator[Found | Unread]:
    """The threads of single mails, given with the name of their file; ordered by their first mail."""
    threads = Threads()
    keyed = [(name, mail, threads.add(mail)) for name, mail in files]
    grouped: dict[int, list[tuple[str, Mail]]] = {}
    for name, mail, key in keyed:
        grouped.setdefault(threads.root(key), []).append((name, mail))
    owner = threads.owner()
    for group in grouped.values():
        yield _thread(group[0][0], [mail for _, mail in group], owner, wanted)


def read_eml(file: File) -> Mail | Unread:
    """One mail."""
    with file.open() as raw:
        found = _parse(1, b"".join(_slim(_lines(raw))))
    return found if isinstance(found, Mail) else Unread(file.name, 1, found)


def _lines(raw: BinaryIO) -> Iterator[bytes]:
    while line := raw.readline(MAX_LINE):
        yield line


def _slim(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Lines of a mail without the inside of large parts: a line that begins with two dashes may be a boundary."""
    size = 0
    for line in lines:
        if line.startswith(b"--"):
            size = 0
        size += len(line)
        if size <= MAX_PART:
            yield line


def _mails(file: File) -> Iterator[tuple[int, bytes]]:
    """Each mail of an mbox with the line that it begins in."""
    with file.open() as raw:
        held: list[bytes] = []
        begins, size, blank = 1, 0, True
        for number, line in enumerate(_lines(raw), 1):
            if line.startswith(b"From ") and blank:
                if held:
                    yield begins, b"".join(held)
                held, begins, size = [], number, 0
                blank = False
                continue
            blank = not line.strip()
            size = len(line) if line.startswith(b"--") else size + len(line)
            if size <= MAX_PART:
                held.append(line[1:] if re.match(rb">+From ", line) else line)
        if held:
            yield begins, b"".join(held)


def _parse(line: int, raw: bytes, *, headers_only: bool = False) -> Mail | str:
    """A mail from its bytes, or why it is none."""
    try:
        message = email.message_from_bytes(
            re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0] + b"\n\n" if headers_only else raw
        )
        return _mail(line, message, headers_only)
    except (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError, AssertionError):
        # the standard library's parser lets these through for headers and parts that break their own rules
        return "a mail that breaks the rules for mail"


def _mail(line: int, message: RawMail, headers_only: bool) -> Mail | str:
    if not message.get("From") and not message.get("Message-ID") and not message.get("Subject"):
        return "no mail: it has none of the headers From, Subject and Message-ID"
    name, address = email.utils.parseaddr(_header(message, "From"))
    pairs = email.utils.getaddresses([_header(message, h) for h in ("To", "Cc", "Delivered-To", "Reply-To")])
    mail = Mail(
        line=line,
        id=_header(message, "Message-ID").strip(),
        refs=tuple(
            re.findall(r"<[^<>\s]{1,300}>", _header(message, "References") + " " + _header(message, "In-Reply-To"))
        ),
        subject=_header(message, "Subject"),
        name=tidy(name),
        address=address.strip().casefold(),
        others=frozenset(a.strip().casefold() for _, a in pairs if "@" in a),
        time=_date(message),
        automatic=_header(message, "Auto-Submitted").strip().casefold() not in ("", "no")
        or _header(message, "Precedence").strip().casefold() == "auto_reply"
        or bool(message.get("X-Autoreply")),
        people=frozenset(tidy(n) for n, _ in pairs if n.strip()),
    )
    if not headers_only:
        parts = new_words(tidy(_body(message)))
        mail.text, mail.quoted, mail.quoted_from = parts.text, parts.quoted, parts.quoted_from
        mail.people |= frozenset(filter(None, [email.utils.parseaddr(parts.quoted_from)[0], *_signed(parts.signature)]))
    return mail


def _signed(signature: str) -> list[str]:
    """The name that a signature begins with."""
    first = signature.split("\n", 1)[0].strip(" ,.-")
    return [first] if 0 < len(first) < 60 and len(first.split()) <= 4 and not re.search(r"[\d@:]", first) else []


def _header(message: RawMail, name: str) -> str:
    value = message.get(name, "")
    try:
        return tidy(str(make_header(decode_header(str(value)[:20_000])))).replace("\n", " ")
    except (LookupError, UnicodeError, ValueError, HeaderParseError):
        return tidy(str(value)[:20_000]).replace("\n", " ")


def _date(message: RawMail) -> datetime | None:
    try:
        return email.utils.parsedate_to_datetime(_header(message, "Date")).replace(tzinfo=None)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _body(message: RawMail) -> str:
    """The first text part that is no attachment; plain text before HTML."""
    html = ""
    for part in message.walk():
        kind = part.get_content_type()
        if part.is_multipart() or part.get_content_disposition() == "attachment" or part.get_filename():
            continue
        if kind in ("text/plain", "text/html"):
            raw = part.get_payload(decode=True)
            text = _decoded(raw if isinstance(raw, bytes) else b"", part.get_content_charset())
            if kind == "text/plain" and text.strip():
                return text
            html = html or text
    return plain(html)


def _decoded(raw: bytes, charset: str | None) -> str:
    for name in (charset, "utf-8"):
        try:
            return raw.decode(name or "utf-8")
        except (LookupError, UnicodeError, ValueError):
            continue
    return raw.decode("cp1252", errors="replace")


# --- threads -----------------------------------------------------------------------------------------------------


class Threads:
    """Which mails belong together: by References and In-Reply-To, else an answer by its subject."""

    def __init__(self) -> None:
        self._parent: list[int] = []
        self._by_id: dict[str, int] = {}
        self._by_subject: dict[str, int] = {}
        self._addresses: Counter[str] = Counter()
        self._senders: Counter[str] = Counter()

    def add(self, mail: Mail) -> int:
        """Take a mail in; its thread's number for now, of which `root` is the one that stands."""
        here = len(self._parent)
        self._parent.append(here)
        for name in (mail.id, *mail.refs):
            if name:
                self._join(here, self._by_id.setdefault(name, here))
        subject = _plain_subject(mail.subject)
        if not mail.refs and _REPLY.match(mail.subject) and len(subject) > 3 and subject in self._by_subject:
            self._join(here, self._by_subject[subject])
        if subject:
            self._by_subject[subject] = here
        self._addresses.update({a for a in (mail.address, *mail.others) if a})
        self._senders[mail.address] += 1
        return here

    def _join(self, one: int, other: int) -> None:
        a, b = self.root(one), self.root(other)
        self._parent[max(a, b)] = min(a, b)

    def root(self, number: int) -> int:
        """The number of the thread that a mail ended up in."""
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def owner(self) -> str:
        """The address that most mails come from or go to, which is the mailbox's own; nothing if none stands out."""
        total = len(self._parent)
        best = sorted(
            self._addresses.items(), key=lambda pair: (-pair[1], not _DESK.search(pair[0].split("@")[0]), pair[0])
        )
        threads = len({self.root(i) for i in range(total)})
        return best[0][0] if best and threads > 1 and best[0][1] >= 0.6 * total else ""


def _plain_subject(subject: str) -> str:
    return " ".join(_TAGGED.sub("", _REPLY.sub("", subject)).casefold().split())


def _thread(name: str, mails: Sequence[Mail], owner: str, wanted: Mapping) -> Found | Unread:
    mails = sorted(mails, key=lambda m: m.time or datetime.max) if all(m.time for m in mails) else list(mails)
    who = _roles(mails, owner, wanted)
    turns: list[Turn] = []
    first = mails[0]
    if first.quoted and not first.automatic:
        # the mail it answers is not in the mailbox, as where only the folder of sent mail was exported
        other = Role.PATRON if who[_speaker(first)].role is Role.STAFF else Role.STAFF
        quoted_name, quoted_address = email.utils.parseaddr(first.quoted_from)
        quoted_by = quoted_name or quoted_address or "who is quoted"
        turns.append(Turn(quoted_by, new_words(first.quoted).text, None, other))
        who.setdefault(quoted_by, Decision(other, "quoted by the first mail of the thread"))
    for mail in mails:
        role = Role.BOT if mail.automatic else None
        turns.append(Turn(_speaker(mail), mail.text, mail.time, role))
    identity = first.id
    desk = {m.name for m in mails if m.address == owner and _DESK.match(owner)}
    names = {n for m in mails for n in (m.name, m.address, *m.people, *m.others)} - desk
    found = put_together(
        About(
            id=identity or f"{name}:{first.line}",
            source=name,
            line=first.line,
            started=first.time,
            channel="email",
            names=names,
            id_is_the_exports=bool(identity),
        ),
        turns,
        who,
    )
    return found or Unread(name, first.line, "a thread without words of its own")


def _speaker(mail: Mail) -> str:
    return mail.name or mail.address or "unknown"


def _roles(mails: Sequence[Mail], owner: str, wanted: Mapping) -> dict[str, Decision]:
    who: dict[str, Decision] = {}
    writers = [m for m in mails if not m.automatic] or list(mails)
    opener = next((m.address for m in writers if m.address != owner and not _wanted_staff(m, wanted)), "")
    for mail in mails:
        domain = mail.address.rpartition("@")[2]
        if _wanted_staff(mail, wanted):
            decision = Decision(Role.STAFF, "named as staff")
        elif wanted.is_patron(mail.name) or wanted.is_patron(mail.address):
            decision = Decision(Role.PATRON, "named as a patron")
        elif owner and mail.address == owner:
            desk = _DESK.match(mail.address)
            decision = Decision(Role.STAFF, "the mailbox's own desk" if desk else "the mailbox's own address")
        elif mail.automatic:
            decision = Decision(Role.BOT, "sent automatically")
        elif _DAEMON.match(mail.address):
            decision = Decision(Role.SYSTEM, "an address that nobody reads")
        elif mail.address != opener:
            decision = Decision(Role.STAFF, "answers who opened the thread")
        elif (
            mail is mails[0]
            and mail.quoted
            and owner not in mail.others
            and not (owner and domain != owner.rpartition("@")[2])
        ):
            decision = Decision(Role.STAFF, "answers a mail that it quotes")
        else:
            decision = Decision(Role.PATRON, "opened the thread, or wrote to the mailbox")
        who.setdefault(_speaker(mail), decision)
    return who


def _wanted_staff(mail: Mail, wanted: Mapping) -> bool:
    return any(
        wanted.is_staff(n) for n in (mail.name, mail.address, "@" + mail.address.rpartition("@")[2]) if len(n) > 1
    )
