"""Conversations → what is known of each of their runs, as lines of JSON that hold no text and no name.

Second step of an audit, and the one that processes share out: `judge` takes a chunk of conversations and gives a line each.
A line is what `auditing` keeps on disk until everything is judged, and what `summary` counts.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replycheck.codebook import Label, Move, Side, UnsureReason
from replycheck.conversation import Conversation, Role, Unread
from replycheck.errors import ReplycheckError
from replycheck.reply import Reply, Verdict
from replycheck.runs import Apart, Run, runs, staff_numbers, written_alone

if TYPE_CHECKING:
    from replycheck.checker import Checker

FEW_WORDS = 4
"""A sentence or an opening of fewer words may recur by chance, and is nobody's macro."""
WAITS = {
    "under 30 s": 30.0,
    "30–60 s": 60.0,
    "1–5 min": 300.0,
    "5–30 min": 1_800.0,
    "30 min – 1 day": 86_400.0,
    "over a day": math.inf,
}
"""Bands of how long a patron waited, with the seconds that each ends before."""
_WORDS = re.compile(r"\w+")
_GREETS = re.compile(
    r"\W*+(hi|hello|hey|hiya|welcome|greetings|good (morning|afternoon|evening|day)|thanks?( you)? for (contacting|chatting|reaching|using|asking|visiting)"
    r"|you('re| are) (now )?(chatting|connected|talking)|my name is|this is)\b",
    re.IGNORECASE,
)
_WELCOMES = {m for m in Move if m.side is Side.COURTESY} | {
    Move.ASKS_OPEN,
    Move.ASKS_CLARIFYING,
    Move.OWNS_ACTION,
    Move.OFFERS_GENTLY,
    Move.PITCHES,
}
"""What the sentences of an opening may do."""
_INFORMS = {Move.ANSWERS, Move.EXPLAINS}


@dataclass(frozen=True, slots=True)
class Task:
    """What a process needs to judge as the others do."""

    model: str
    """Folder of the model, on the machine that judges."""
    engine: str | None
    """`fast` or `deep`; None is the model's default."""
    model_version: str
    secret: bytes
    """Keys every digest. It is made from the transcripts, so that who lacks them can check no guess against a digest."""
    with_text: bool = False
    max_chars: int = 100_000


@dataclass(frozen=True, slots=True)
class Judged:
    """Lines of JSON, one a conversation, and what could not be judged."""

    lines: list[str]
    unread: list[Unread]
    runs: int


class WrongModel(ReplycheckError):
    """A process found another model in its folder than the one that the audit was started with."""


def judge(task: Task, first: int, conversations: Sequence[Conversation]) -> Judged:
    """The lines of a chunk whose first conversation has the running number `first`."""
    checker = _checker(task.model, task.engine)
    if checker.model_version != task.model_version:
        raise WrongModel(
            f"{task.model}: holds {checker.model_version}; the audit was started with {task.model_version}"
        )
    found = [runs(c) for c in conversations]
    verdicts = iter(
        checker.check_many([r for c, own in zip(conversations, found, strict=True) for r in _asked(task, c, own)])
    )
    lines, unread = [], []
    for number, (conversation, own) in enumerate(zip(conversations, found, strict=True), first):
        lines.append(json.dumps(_line(task, number, conversation, own, verdicts), separators=(",", ":")))
        unread += [
            Unread(
                conversation.source,
                conversation.line,
                f"a reply of {len(r.text):,} characters; at most {task.max_chars:,} are judged",
            )
            for r in own
            if _too_long(task, r)
        ]
    return Judged(lines, unread, sum(map(len, found)))


@lru_cache(maxsize=1)
def _checker(model: str, engine: str | None) -> Checker:
    from replycheck.checker import load

    return load(Path(model), engine)


def _too_long(task: Task, run: Run) -> bool:
    return max(len(run.text), len(run.patron or "")) > task.max_chars


def _proactive(conversation: Conversation, run: Run) -> bool:
    return run.patron is None and not written_alone(conversation)


def _may_open(run: Run) -> bool:
    """Whether the run begins with what may turn out to be a canned opening, and goes on."""
    return run.number == 1 and len(run.messages) > 1


def _asked(task: Task, conversation: Conversation, own: list[Run]) -> Iterable[Reply]:
    """What the checker is asked of a conversation, in the order in which `_line` takes the answers. A run that may begin
    with a canned opening is judged with and without it: which openings are canned is known at the end only."""
    for run in own:
        if _too_long(task, run) or _proactive(conversation, run):
            continue
        yield Reply(run.text, run.patron, conversation.channel)
        if _may_open(run):
            yield Reply(run.after_opening, run.patron, conversation.channel)


def _line(task: Task, number: int, conversation: Conversation, own: list[Run], verdicts: Any) -> dict[str, Any]:
    started = conversation.started or next((m.time for m in conversation.messages if m.time), None)
    roles = [m.role for m in conversation.messages]
    clean = _cleaner(conversation) if task.with_text else None
    rows = []
    for run, staff in zip(own, staff_numbers(own), strict=True):
        row: dict[str, Any] = {
            "run": run.number,
            "staff": staff,
            "key": _digest(task, f"{number} {run.number} {run.patron}\0{run.text}"),
        }
        if _too_long(task, run):
            row["apart"] = Apart.TOO_LONG
        elif _proactive(conversation, run):
            row["apart"] = Apart.PROACTIVE
        else:
            row |= _facts(task, run, next(verdicts), clean, first=run is own[0])
            if _may_open(run):
                row["after_opening"] = _facts(task, run, next(verdicts), clean)
        rows.append(row)
    return {
        "conversation": number,
        "month": started.strftime("%Y-%m") if started else None,
        "band": f"{started.hour // 4 * 4:02d}-{started.hour // 4 * 4 + 4:02d}" if started else None,
        "department": _without_names(conversation, conversation.department, may_answer=True),
        "channel": _without_names(conversation, conversation.channel),
        "tags": sorted({t for tag in conversation.tags if (t := _without_names(conversation, tag))}),
        "rating": conversation.rating,
        "wait": _wait(conversation.wait),
        "messages": [roles.count(r) for r in Role],
        "opening": _opening(task, own, rows),
        "runs": rows,
    }


def _facts(task: Task, run: Run, verdict: Verdict, clean: Any, *, first: bool = False) -> dict[str, Any]:
    """What is written of a verdict: nothing of its text, unless `clean` is there to take personal data out of it."""
    moves = [s.move for s in verdict.sentences]
    facts: dict[str, Any] = {
        "apart": None,
        "pushed": verdict.label is Label.PUSHING,
        "informs": informs_only(verdict),
        "probability": round(verdict.probability, 4),
        "unsure": verdict.unsure_reason,
        "kinds": [round(p, 4) for p in verdict.kinds] if verdict.kinds else None,
        "moves": moves,
        **(
            {"first_message": [s.move for s in verdict.sentences if s.start < len(run.messages[0].text)]}
            if first
            else {}
        ),
        "reasons": [[r.move, round(r.weight, 3)] for r in verdict.reasons],
        "advice": list(dict.fromkeys(a.suggestion for a in verdict.advice)),
        "canned": [
            [d, s.start, s.end]
            for s in verdict.sentences
            if s.side is Side.PUSHING and (d := digest(task, verdict.cut(s)))
        ],
    }
    if verdict.unsure_reason is UnsureReason.OUT_OF_DOMAIN:
        facts["apart"] = Apart.OUT_OF_DOMAIN
    elif verdict.unsure_reason is UnsureReason.COURTESY_ONLY or all(m.side is Side.COURTESY for m in moves):
        facts["apart"] = Apart.COURTESY_ONLY
    elif clean:
        facts["patron"] = clean(run.patron) if run.patron else None
        facts["reply"] = clean(verdict.text)
    return facts


def informs_only(verdict: Verdict) -> bool:
    """Whether the reply, courtesy aside, only explains or answers; the verdict names this only where nothing graver makes it unsure."""
    moves = {s.move for s in verdict.sentences if s.side is not Side.COURTESY}
    return verdict.label is Label.LISTENING and bool(moves) and moves <= _INFORMS


def _cleaner(conversation: Conversation) -> Any:
    from replycheck.privacy import for_conversation

    return for_conversation(conversation).clean


def _digest(task: Task, text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), key=task.secret, digest_size=10).hexdigest()


def digest(task: Task, text: str) -> str | None:
    """The same for texts that differ in case, spaces and punctuation only; None for a text too short to be a macro."""
    words = _WORDS.findall(text.casefold())
    return _digest(task, " ".join(words)) if len(words) >= FEW_WORDS else None


def _opening(task: Task, own: list[Run], rows: list[dict[str, Any]]) -> str | None:
    """The digest of the first message, if it greets and takes up nothing: a saved answer that recurs is no opening."""
    if not own or "moves" not in rows[0]:
        return None
    first = own[0].messages[0].text
    sentences = rows[0].pop("first_message")
    return digest(task, first) if _GREETS.match(first) and set(sentences) <= _WELCOMES else None


def _without_names(conversation: Conversation, value: str | None, *, may_answer: bool = False) -> str | None:
    """What a conversation is grouped by, unless a person is named in it. A department that may answer under its own name is
    among the names then."""
    if not value or not value.strip():
        return None
    plain = f" {' '.join(_WORDS.findall(value.casefold()))} "
    for name in conversation.names:
        words = f" {' '.join(_WORDS.findall(name.casefold()))} "
        if words.strip() and words in plain and not (may_answer and words == plain):
            return "[name]"
    return " ".join(value.split())


def _wait(seconds: float | None) -> str | None:
    """How long the patron waited, as a band."""
    if seconds is None or not 0 <= seconds < math.inf:
        return None
    return next(name for name, limit in WAITS.items() if seconds < limit)
