"""Who is staff, patron, bot or system, and why: the export's own marks first, then who is left.

Used by every reader in `transcripts`; the reason is what a dry run shows.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from replycheck.conversation import Role
from replycheck.transcripts.markup import has_markup

if TYPE_CHECKING:
    from replycheck.transcripts.found import Turn
    from replycheck.transcripts.mapping import Mapping as Wanted


class Decision(NamedTuple):
    """A role and why."""

    role: Role
    why: str


_BOT = re.compile(
    r"(?:.*[\W_])?(?:chat ?bot|bot|robot|auto ?(?:mated|matic)?[ -]?(?:greeting|message|reply|responder|answer)|virtual (?:assistant|agent|librarian)"
    r"|ai assistant|trigger|answerbot|operator ?bot)(?:[\W_\d].*)?",
    re.I,
)
_SYSTEM = re.compile(r"(?:system(?: message)?|server|notice|info|chat ?system|\*+)", re.I)
_PATRON = re.compile(
    r"(?:library )?(?:patron|guest|anonymous(?: user)?|visitor|user|student|customer|client|reader|borrower|enquirer|inquirer|caller|q|studentid"
    r"|web ?guest)(?:[ #:_-]*[\w.]{0,24}\d[\w.]*|[ #:_-]*\d*|@.*)?",
    re.I,
)
_IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9a-f]{1,4}:){3,7}[0-9a-f:]*", re.I)
_STAFF = re.compile(
    r"(?:the )?(?:(?:reference|duty|subject|chat|on-?line|library|support|help|info(?:rmation)?|circulation|ask(?: us| a)?)[ -]?)*"
    r"(?:librarian|library|staff|agent|operator|desk|help ?desk|ask us|support|library ?id|provider|me|a)(?: team| staff| \d{1,4})?(?:@.*)?",
    re.I,
)
_SYSTEM_LINE = re.compile(
    r"(?:\[|\*+ ?|\()?(?:(?:[\w.'’-]+ ){0,4}(?:attached|uploaded|sent) (?:a|the) file(?:[:\]]|$)"
    r"|system message:"
    r"|(?:(?:[\w.'’@-]+ ){1,4}(?:has |have )?(?:joined|left|entered|ended|closed|rejoined|accepted) (?:the |this )?(?:chat|conversation)"
    r"|(?:this |the )?(?:chat|conversation|session)(?: has| was| is)?(?: been)? (?:started|ended|closed|transferred|assigned|timed out|accepted)"
    r"|transferred (?:chat |conversation )?(?:to|from)\b[^\n]{0,60}"
    r"|you (?:are|have been) (?:now )?(?:connected|transferred|disconnected))(?:[ ,](?:at|by|to|from|with|on|after|due)\b[^\n]{0,100})?[.!)\]* ]*$)",
    re.I,
)
_AUTOMATIC = re.compile(
    r"this is an? auto(?:mated|matic)|auto(?:mated|matic)[ -](?:message|reply|response)|you are (?:now )?(?:number|#) ?\d+ in"
    r"|(?:librarian|someone|staff member|member of (?:our )?staff|agent|representative|operator|one of us) will be (?:right )?(?:with you|here)(?: \w+)?[ .!]"
    r"|(?:no one|nobody) is (?:currently )?available to chat|all (?:of )?our (?:librarians|agents|operators) are (?:currently )?(?:busy|helping)",
    re.I,
)
_PROACTIVE = re.compile(
    r"(?:hi|hello|hey|welcome|good (?:morning|afternoon|evening)|need (?:some |any )?help|have a question|looking for something|can'?t find"
    r"|do you (?:need|have)|would you like|still (?:looking|searching|there)|questions\?|chat with|ask (?:a|us|me)|stuck\b|thanks? (?:you )?for (?:contacting|chatting|visiting))",
    re.I,
)


DEPARTMENT = "the department's name"
NO_PERSON = frozenset(
    [DEPARTMENT, "named as a bot", "the author is a bot", "sent by a trigger", "the mailbox's own desk"]
)
"""Reasons that show a speaker to be no person."""


def system_line(text: str) -> bool:
    """Whether nobody wrote this: files attached, people joining, chats ending."""
    return len(text) < 400 and _SYSTEM_LINE.match(text) is not None


def automatic(text: str, *, opening: bool) -> bool:
    """Whether a staff message was sent by the program: a queue notice, or a greeting before the patron has said a word."""
    if len(text) > 600:
        return False
    return _AUTOMATIC.search(text) is not None or (opening and _PROACTIVE.match(text) is not None)


def is_bot(name: str) -> bool:
    """Whether a speaker's name says that it is a program."""
    return len(name) < 100 and _BOT.fullmatch(name.strip()) is not None


def by_name(name: str, wanted: Wanted | None = None) -> Decision | None:
    """What the name alone says."""
    name = " ".join(name.split())
    if wanted is not None:
        if wanted.is_staff(name):
            return Decision(Role.STAFF, "named as staff")
        if wanted.is_patron(name):
            return Decision(Role.PATRON, "named as a patron")
    return _by_word(name)


@lru_cache(maxsize=4096)
def _by_word(name: str) -> Decision | None:
    if not name or len(name) > 100:
        return None
    if _SYSTEM.fullmatch(name):
        return Decision(Role.SYSTEM, "named as the system")
    if is_bot(name):
        return Decision(Role.BOT, "named as a bot")
    if _PATRON.fullmatch(name):
        return Decision(Role.PATRON, "a word for a patron")
    if _IP.fullmatch(name):
        return Decision(Role.PATRON, "an IP address")
    if _STAFF.fullmatch(name):
        return Decision(Role.STAFF, "a word for staff")
    return None


def folded(name: str) -> str:
    """A name for comparing."""
    return " ".join(name.split()).casefold()


def decide(
    turns: Sequence[Turn],
    *,
    wanted: Wanted | None = None,
    answerers: Collection[str] = (),
    departments: Collection[str] = (),
    patrons: Collection[str] = (),
    elsewhere: Collection[str] = (),
    question: str = "",
) -> dict[str, Decision]:
    """The role of each speaker of one conversation.

    `answerers`, `departments` and `patrons` are the metadata's names, `elsewhere` names that answer in other conversations of
    the file, `question` the first question as the metadata has it.
    """
    speakers = list(dict.fromkeys(t.speaker for t in turns))
    who: dict[str, Decision] = {}
    staff, rooms, visitors = _set(answerers), _set(departments), _set(patrons)
    for speaker in speakers:
        name = folded(speaker)
        said = by_name(speaker, wanted)
        if said and said.why.startswith("named as"):
            who[speaker] = said
        elif name in staff:
            who[speaker] = Decision(Role.STAFF, "the answerer in the metadata")
        elif name in rooms:
            who[speaker] = Decision(Role.STAFF, DEPARTMENT)
        elif name in visitors:
            who[speaker] = Decision(Role.PATRON, "the visitor in the metadata")
        elif said:
            who[speaker] = said
    _by_part_of_name(who, speakers, staff)
    _by_metadata_elsewhere(who, speakers, elsewhere)
    _by_markup(who, turns)
    _by_question(who, turns, question)
    _by_who_is_left(who, speakers)
    return who


def _set(names: Iterable[str]) -> set[str]:
    return {folded(n) for n in names if n and n.strip()}


def _open(who: Mapping[str, Decision], speakers: Iterable[str]) -> list[str]:
    return [s for s in speakers if s not in who]


def _by_part_of_name(who: dict[str, Decision], speakers: Sequence[str], staff: set[str]) -> None:
    """ "Jordan" where the metadata says "Jordan Pike", or "jpike@lib" where it says "jpike"."""
    if any(d.why == "the answerer in the metadata" for d in who.values()):
        return
    for speaker in _open(who, speakers):
        parts = set(re.split(r"[\s@,_.]+", folded(speaker))) - {""}
        if any(parts & set(re.split(r"[\s@,_.]+", name)) - {""} for name in staff):
            who[speaker] = Decision(Role.STAFF, "part of the answerer's name in the metadata")


def _by_metadata_elsewhere(who: dict[str, Decision], speakers: Sequence[str], elsewhere: Collection[str]) -> None:
    for speaker in _open(who, speakers):
        if folded(speaker) in elsewhere:
            who[speaker] = Decision(Role.STAFF, "the answerer of other conversations")


def _by_markup(who: dict[str, Decision], turns: Sequence[Turn]) -> None:
    for turn in turns:
        if turn.speaker not in who and has_markup(turn.text):
            who[turn.speaker] = Decision(Role.STAFF, "writes HTML, as only the staff side does")


def _by_question(who: dict[str, Decision], turns: Sequence[Turn], question: str) -> None:
    question = folded(question)
    if question and not _has(who, Role.PATRON):
        for turn in turns:
            if turn.speaker not in who and folded(turn.text) == question:
                who[turn.speaker] = Decision(Role.PATRON, "asked the initial question")
                return


def _has(who: Mapping[str, Decision], role: Role) -> bool:
    return any(d.role is role for d in who.values())


def _by_who_is_left(who: dict[str, Decision], speakers: Sequence[str]) -> None:
    for speaker in _open(who, speakers):
        if not _has(who, Role.PATRON):
            first = "opened the conversation" if not _has(who, Role.STAFF) else "not staff by any mark"
            who[speaker] = Decision(Role.PATRON, first)
        else:
            who[speaker] = Decision(Role.STAFF, "answers a patron")
