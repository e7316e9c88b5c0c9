"""The formats that are read: what each is, how it is told from the others, an example, and its reader.

Between `sources` and the readers; `replycheck formats` prints it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from replycheck.conversation import Unread
from replycheck.errors import UsageError
from replycheck.transcripts import intercom, libchat, libraryh3lp, mail, openfire, plain, tables, tawkto, zendesk
from replycheck.transcripts.found import Found
from replycheck.transcripts.mapping import Mapping
from replycheck.transcripts.rows import header_of
from replycheck.transcripts.sources import File

Reader = Callable[[File, Mapping], Iterator[Found | Unread]]


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of export."""

    name: str
    description: str
    rule: str
    """How it is told from the others, in words."""
    example: str
    """File in `data/examples/transcripts/`."""
    detect: Callable[[File], str | None]
    read: Reader


def _one_mail(file: File, wanted: Mapping) -> Iterator[Found | Unread]:
    found = mail.read_eml(file)
    if isinstance(found, Unread):
        yield found
    else:
        yield from mail.read_emls([(file.name, found)], wanted)


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format(
            "libchat",
            "Springshare LibChat, Transcripts (CSV or workbook): a row a chat",
            "a column Transcript, and two more of Chat ID, Answerer, Department, Initial Question, Timestamp …",
            "libchat.csv",
            libchat.detect,
            libchat.read,
        ),
        Format(
            "libraryh3lp",
            "LibraryH3lp: XML or HTML a chat (zip), a table with an HTML transcript, the consortial CSV without a header",
            "elements or columns transcript and three of guest, queue, operator, started …; or lines of time and speaker in the eleventh column",
            "libraryh3lp.zip",
            libraryh3lp.detect,
            libraryh3lp.read,
        ),
        Format(
            "openfire",
            "Openfire or other XMPP log (CSV): a row a message",
            "the columns conversationID, fromJID and body",
            "openfire.csv",
            openfire.detect,
            openfire.read,
        ),
        Format(
            "zendesk-chat",
            "Zendesk Chat (JSON): a record a chat with its history",
            "the keys visitor and history[].msg",
            "zendesk-chat.json",
            zendesk.detect_chat,
            zendesk.read_chat,
        ),
        Format(
            "zendesk-tickets",
            "Zendesk tickets with their comments (JSON); private comments are skipped",
            "the key comments[].author_id, or author_id, public and html_body",
            "zendesk-tickets.json",
            zendesk.detect_tickets,
            zendesk.read_tickets,
        ),
        Format(
            "intercom",
            "Intercom conversations (JSON); notes are skipped",
            "the key conversation_parts.conversation_parts",
            "intercom.json",
            intercom.detect,
            intercom.read,
        ),
        Format(
            "tawkto",
            "tawk.to chat transcripts (JSON), as its webhook sends them",
            "the key messages[].sender.t",
            "tawkto.json",
            tawkto.detect,
            tawkto.read,
        ),
        Format(
            "mbox",
            "Mail, an mbox: a thread is a conversation",
            "a first line “From …” and headers after it",
            "mail.mbox",
            mail.detect_mbox,
            mail.read_mbox,
        ),
        Format(
            "eml",
            "Mail, a file each (.eml): the threads of all files together",
            "mail headers at the beginning",
            "eml",
            mail.detect_eml,
            _one_mail,
        ),
        Format(
            "table-of-replies",
            "A table (CSV, workbook, JSON lines) with a reply a row: reply, and patron_message if there",
            "a column reply, or a column of replies and one of questions",
            "replies.csv",
            tables.detect_replies,
            tables.read_replies,
        ),
        Format(
            "table-of-messages",
            "A table (CSV, workbook, JSON lines) with a message a row: conversation, speaker or role, text, and time if there",
            "columns for conversation, for speaker or role, and for text",
            "messages.csv",
            tables.detect_messages,
            tables.read_messages,
        ),
        Format(
            "plain",
            "Plain text, “Name: message” a line, with or without a time",
            "many lines that begin with a name and a colon, at least two names",
            "plain.txt",
            plain.detect,
            plain.read,
        ),
    )
}
"""Every format by name, in the order in which they are tried."""

_MAPPED_COLUMNS = "mapped columns"
_MAPPED_LINES = "mapped lines"


@dataclass(frozen=True, slots=True)
class Detected:
    """A file's format, why it was taken for that, and its reader."""

    name: str
    why: str
    read: Reader


def detect(file: File, wanted: Mapping, name: str | None = None) -> Detected | str:
    """The format of a file from its content, or why none fits; `name` overrides what the content says."""
    if name is not None:
        chosen = FORMATS.get(name)
        if chosen is None:
            raise UsageError(f"no format is called {name!r}; known are {', '.join(FORMATS)}")
        return Detected(name, "given with --format", chosen.read)
    if why := tables.detect_mapped(file, wanted):
        return Detected(_MAPPED_COLUMNS, why, tables.read_mapped)
    if not wanted.columns and (why := plain.detect_mapped(file, wanted)):
        return Detected(_MAPPED_LINES, why, plain.read_mapped)
    for one in FORMATS.values():
        if why := one.detect(file):
            return Detected(one.name, why, one.read)
    return _what_else(file)


def _what_else(file: File) -> str:
    """Why a file that is no known export is none, as far as it shows."""
    if not file.start.strip():
        return "empty"
    names = {n.casefold() for n in header_of(file)}
    if {"question type", "communication"} <= names or {"ticket #", "read"} <= names:
        return "an export of LibAnswers transactions, which holds no conversation"
    if sum(c < 9 or 13 < c < 32 for c in file.start[:4000]) > len(file.start[:4000]) // 20:
        return "a binary file, no export of conversations"
    return "no known format: `replycheck formats` lists them; --format names one, --mapping describes another"
