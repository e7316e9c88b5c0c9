"""Lines of judged conversations → `findings.csv`, `moments.jsonl` and the summary that the report is made from.

Third step of an audit, after `findings`. The lines are read three times, so that memory stays flat: once for what is frequent,
once for the openings that are canned and the groups that are too small, once for everything else.
"""

from __future__ import annotations

import csv
import heapq
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from replycheck.codebook import Label, MessageKind, Move, Side
from replycheck.conversation import Unread
from replycheck.findings import WAITS
from replycheck.runs import Apart
from replycheck.tally import OTHER, UNSTATED, Frequent, Tally, contribution_of, merged

COLUMNS = (
    "conversation",
    "run",
    "staff",
    "month",
    "band",
    "department",
    "channel",
    "label",
    "class",
    "probability",
    "unsure",
    "unsure_reason",
    "kind",
    "kind_probability",
    "p_input",
    "p_request",
    "moves",
    "reasons",
    "advice",
    "place",
    "counted",
    "why_not_counted",
    "key",
)
"""Columns of the findings, in order."""
DIMENSIONS = ("month", "band", "department", "channel", "tags", "rating", "wait")
"""What conversations are grouped by."""
PLACES = ("only", "first", "middle", "last")
"""Where among a conversation's counted runs one stands."""
_CELL = ("month", "band", "department", "channel")
_HIDDEN_FIRST = (1, 2, 3, 0)
"""The order in which a row's group is made coarser until enough conversations share it: band, department, channel, month."""
_GROUPS, _RECURRING = 10_000, 50_000
"""Values held while counting what is frequent: groups, and openings or sentences."""
_CANNED_SHOWN, _CLEAREST, _CANDIDATES = 25, 10, 200
_HEARS = {Move.ACKNOWLEDGES, Move.ASKS_OPEN, Move.OWNS_ACTION, Move.HANDS_OVER, Move.OFFERS_GENTLY}
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""

Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Canned:
    """A sentence that recurs and pushes: in how many conversations and pushed runs, and where it was met first."""

    digest: str
    conversations: int
    runs: int
    conversation: int
    run: int
    after_opening: bool
    start: int
    end: int


@dataclass(frozen=True)
class Survey:
    """What must be known before a row can be written."""

    conversations: int
    shown: dict[str, dict[str, str]]
    """By dimension: group → the name it is shown by."""
    cells: dict[tuple[str, ...], tuple[str, ...]]
    """Month, band, department and channel of a conversation → what its rows say."""
    openings: frozenset[str]
    """Digests of the canned openings."""
    sentences: frozenset[str]
    """Digests of sentences that may recur often enough to show."""


def survey(lines: Callable[[], Iterator[Facts]], minimum: int, clean: Callable[[str], str]) -> Survey:
    """The first two readings. `clean` takes personal data out of the names of groups."""
    groups = {d: Frequent(_GROUPS) for d in DIMENSIONS}
    openings, sentences = Frequent(_RECURRING), Frequent(_RECURRING)
    conversations = 0
    for line in lines():
        conversations += 1
        for d in DIMENSIONS:
            for value in _values(line, d):
                groups[d].add(value)
        if line["opening"]:
            openings.add(line["opening"])
        for value in sorted({c[0] for run in line["runs"] if run.get("pushed") for c in run["canned"]}):
            sentences.add(value)
    shown = {
        d: {
            g: name if name == OTHER or d not in ("department", "channel", "tags") else clean(name)
            for g, name in merged(f.counts, minimum).items()
        }
        for d, f in groups.items()
    }
    often: Counter[str] = Counter()
    cells: Counter[tuple[str, ...]] = Counter()
    for line in lines():
        if line["opening"] in openings.counts:
            often[line["opening"]] += 1
        cells[tuple(_shown(shown, line, d) for d in _CELL)] += 1
    return Survey(
        conversations,
        shown,
        coarser(cells, minimum),
        frozenset(o for o, n in often.items() if n >= minimum),
        frozenset(sentences.counts),
    )


def coarser(cells: Mapping[tuple[str, ...], int], minimum: int) -> dict[tuple[str, ...], tuple[str, ...]]:
    """For each cell one that at least `minimum` conversations share, as fine as it may be; `other` throughout if need be."""
    now = {cell: cell for cell in cells}
    for place in _HIDDEN_FIRST:
        size: Counter[tuple[str, ...]] = Counter()
        for cell, n in cells.items():
            size[now[cell]] += n
        now = {cell: (*at[:place], OTHER, *at[place + 1 :]) if size[at] < minimum else at for cell, at in now.items()}
    return now


def _values(line: Facts, dimension: str) -> list[str]:
    value = line[dimension]
    if isinstance(value, list):
        return value or [UNSTATED]
    return [UNSTATED if value is None else str(value)]


def _shown(shown: Mapping[str, Mapping[str, str]], line: Facts, dimension: str) -> str:
    return shown[dimension].get(_values(line, dimension)[0], OTHER)


@dataclass
class Counts:
    """What the third reading adds up."""

    minimum: int
    messages: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    runs: int = 0
    counted: int = 0
    pushed: int = 0
    pushed_and_sure: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    unsure: Counter[str] = field(default_factory=Counter)
    social: float = 0.0
    message_unknown: int = 0
    total: Tally = field(default_factory=Tally)
    groups: dict[str, dict[str, Tally]] = field(default_factory=lambda: {d: {} for d in (*DIMENSIONS, "place")})
    moves: dict[str, list[int]] = field(default_factory=lambda: {m: [0, 0] for m in Move})
    with_push: int = 0
    recovered: int = 0
    canned: dict[str, list[Any]] = field(default_factory=dict)
    clearest: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: {"pushed": [], "listened": []})

    def add(self, line: Facts, rows: Sequence[Facts], known: Survey) -> None:
        """Count a conversation; `rows` are its runs as `settled` gave them."""
        self.messages = [a + b for a, b in zip(self.messages, line["messages"], strict=True)]
        self.runs += len(rows)
        counted = [r for r in rows if r["apart"] is None]
        self.left_out.update(str(r["apart"]) for r in rows if r["apart"] is not None)
        contribution = contribution_of(counted)
        self.total.add(contribution)
        for d in DIMENSIONS:
            for name in sorted({known.shown[d].get(v, OTHER) for v in _values(line, d)}):
                self.groups[d].setdefault(name, Tally()).add(contribution)
        for place in PLACES:
            here = [r for r in counted if r["place"] == place]
            if here:
                self.groups["place"].setdefault(place, Tally()).add(contribution_of(here))
        for row in counted:
            self._run(line["conversation"], row)
        pushes = [i for i, r in enumerate(counted) if r["pushed"]]
        self.with_push += bool(pushes)
        self.recovered += bool(pushes) and not all(r["pushed"] for r in counted[pushes[0] :])
        self._recurring(line["conversation"], counted, known)

    def _run(self, conversation: int, row: Facts) -> None:
        self.counted += 1
        self.pushed += row["pushed"]
        self.pushed_and_sure += row["pushed"] and not row["unsure"]
        if row["unsure"]:
            self.unsure[row["unsure"]] += 1
        if row["kinds"]:
            self.social += row["kinds"][2]
        else:
            self.message_unknown += 1
        for move in set(row["moves"]):
            self.moves[move][0 if row["pushed"] else 1] += 1
        if row["unsure"] or not row["kinds"] or row["kinds"][0] < 0.8 or not 1 <= len(row["moves"]) <= 8:
            return
        if row["pushed"]:
            self._keep("pushed", (row["probability"], -conversation, -row["run"]), row)
        elif hears := len(_HEARS & set(row["moves"])):
            self._keep("listened", (hears, -row["probability"], -conversation, -row["run"]), row)

    def _keep(self, which: str, rank: tuple[Any, ...], row: Facts) -> None:
        heap = self.clearest[which]
        entry = (
            *rank,
            row["key"],
            tuple(row["moves"]),
            tuple(r[0] for r in row["reasons"]),
            tuple(row["advice"]),
            tuple(c[0] for c in row["canned"]),
        )
        if len(heap) < _CANDIDATES:
            heapq.heappush(heap, entry)
        elif entry > heap[0]:
            heapq.heapreplace(heap, entry)

    def _recurring(self, conversation: int, counted: Sequence[Facts], known: Survey) -> None:
        new = set()
        for row in counted:
            if not row["pushed"]:
                continue
            own = set()
            for digest, start, end in row["canned"]:
                if digest not in known.sentences or digest in own:
                    continue
                own.add(digest)
                place = (conversation, row["run"], row["opening_left_out"], start, end)
                entry = self.canned.setdefault(digest, [0, 0, place])
                entry[1] += 1
                if digest not in new:
                    new.add(digest)
                    entry[0] += 1

    def recurring(self) -> list[Canned]:
        """Sentences met in enough conversations to be shown, the most frequent first."""
        found = [Canned(d, n, runs, *place) for d, (n, runs, place) in self.canned.items() if n >= self.minimum]
        return sorted(found, key=lambda c: (-c.conversations, c.digest))[:_CANNED_SHOWN]

    def clear(self, which: str) -> list[Facts]:
        """The clearest moments, unlike each other: no macro twice, and not all for the same reason."""
        found: list[Facts] = []
        macros: set[str] = set()
        why: Counter[str] = Counter()
        for *_, key, moves, reasons, advice, canned in sorted(self.clearest[which], reverse=True):
            first = reasons[0] if reasons else moves[0]
            if macros & set(canned) or why[first] >= max(3, _CLEAREST // 3):
                continue
            found.append({"key": key, "moves": list(moves), "reasons": list(reasons), "advice": list(advice)})
            macros |= set(canned)
            why[first] += 1
        return found[:_CLEAREST]


def settled(line: Facts, openings: frozenset[str]) -> list[Facts]:
    """The runs of a conversation with what is known now: a canned opening set apart, and each run's place."""
    canned = line["opening"] in openings
    rows = []
    for run in line["runs"]:
        row = {k: v for k, v in run.items() if k != "after_opening"} | {"opening_left_out": False}
        if canned and run["run"] == 1 and run["apart"] not in (Apart.PROACTIVE, Apart.TOO_LONG):
            if "after_opening" in run:
                row |= run["after_opening"] | {"opening_left_out": True}
            else:
                row["apart"] = Apart.CANNED_OPENING
        rows.append(row)
    counted = [r for r in rows if r["apart"] is None]
    for i, row in enumerate(counted):
        last = len(counted) - 1
        row["place"] = "only" if last == 0 else "first" if i == 0 else "last" if i == last else "middle"
    return rows


def write_findings(
    lines: Callable[[], Iterator[Facts]], known: Survey, minimum: int, findings: Path, moments: Path | None
) -> Counts:
    """The third reading: writes the findings and, if asked for, the moments; returns everything counted."""
    counts = Counts(minimum)
    with findings.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        texts = moments.open("w", encoding="utf-8") if moments else None
        try:
            for line in lines():
                rows = settled(line, known.openings)
                counts.add(line, rows, known)
                cell = known.cells[tuple(_shown(known.shown, line, d) for d in _CELL)]
                for row in rows:
                    writer.writerow([_plain(v) for v in _cells(line["conversation"], cell, row)])
                    if texts and row["apart"] is None:
                        _write_moment(texts, line["conversation"], row)
        finally:
            if texts:
                texts.close()
    return counts


def _write_moment(texts: TextIO, conversation: int, row: Facts) -> None:
    moment = {"key": row["key"], "conversation": conversation, "patron": row["patron"], "reply": row["reply"]}
    texts.write(json.dumps(moment, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n")


def _cells(conversation: int, cell: tuple[str, ...], row: Facts) -> list[Any]:
    judged = "probability" in row
    kinds = row.get("kinds")
    best = max(range(len(kinds)), key=kinds.__getitem__) if kinds else 0
    return [
        conversation,
        row["run"],
        row["staff"],
        *cell,
        (Label.PUSHING if row["pushed"] else Label.LISTENING) if judged else None,
        class_of(row) if judged else None,
        row["probability"] if judged else None,
        bool(row["unsure"]) if judged else None,
        row["unsure"] if judged else None,
        tuple(MessageKind)[best] if kinds else None,
        kinds[best] if kinds else None,
        kinds[0] if kinds else None,
        kinds[1] if kinds else None,
        "; ".join(row["moves"]) if judged else None,
        "; ".join(f"{move} {weight:+.2f}" for move, weight in row["reasons"]) if judged else None,
        " ".join(row["advice"]) if judged else None,
        row.get("place"),
        row["apart"] is None,
        row["apart"],
        row["key"],
    ]


def class_of(row: Facts) -> str:
    """Pushed, listened or informs_only; the last is known of input only, since to a request informing is answering."""
    if row["pushed"]:
        return "pushed"
    kinds = row["kinds"]
    return "informs_only" if row["informs"] and kinds and max(kinds) == kinds[0] else "listened"


def _plain(value: Any) -> Any:
    """A cell as CSV has it. What a spreadsheet would take for a formula, which only a group's name could be, is quoted."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


def summarise(counts: Counts, known: Survey, unread: Sequence[Unread], canned: Sequence[Facts]) -> Facts:
    """The part of `summary.json` that comes from the conversations; docs/audit.md describes it."""
    by = {}
    for d, groups in counts.groups.items():
        stated = {g for g in groups if g not in (OTHER, UNSTATED)}
        if stated:
            by[d] = [
                {"group": g, "conversations": groups[g].conversations, **groups[g].shares(counts.minimum)}
                for g in _ordered(d, groups)
            ]
    months = sorted(g for g in counts.groups["month"] if g not in (OTHER, UNSTATED))
    patron, staff, bot, system = counts.messages
    return {
        "read": {
            "conversations": known.conversations,
            "messages": {"patron": patron, "staff": staff, "bot": bot, "system": system},
            "unread": [{"file": u.file, "line": u.line, "why": u.why} for u in unread],
        },
        "period": [months[0], months[-1]] if months else None,
        "runs": {
            "all": counts.runs,
            "counted": counts.counted,
            "pushed": counts.pushed,
            "pushed_and_sure": counts.pushed_and_sure,
            "left_out": {str(a): counts.left_out[a] for a in Apart},
            "unsure": dict(sorted(counts.unsure.items())),
            "social": round(counts.social, 1),
            "message_unknown": counts.message_unknown,
        },
        "headlines": counts.total.shares(1),
        "by": by,
        "moves": [
            {"move": m, "side": Move(m).side, "pushed": pushed, "listened": listened}
            for m, (pushed, listened) in counts.moves.items()
            if Move(m).side is not Side.COURTESY
        ],
        "recovered": {"conversations_with_push": counts.with_push, "recovered": counts.recovered},
        "canned": list(canned),
        "canned_openings": len(known.openings),
        "clearest": {which: counts.clear(which) for which in counts.clearest},
    }


def _ordered(dimension: str, groups: Mapping[str, Tally]) -> list[str]:
    """Time, ratings and places in their order, other groups by size; `not stated` and `other` at the end."""

    def rank(group: str) -> tuple[Any, ...]:
        tail = (group in (OTHER, UNSTATED), group == OTHER)
        if dimension == "place":
            return (*tail, PLACES.index(group))
        if dimension == "wait":
            return (*tail, WAITS.get(group, 0.0))
        if dimension in ("month", "band"):
            return (*tail, group)
        if dimension == "rating":
            return (*tail, float(group) if group not in (OTHER, UNSTATED) else 0.0)
        return (*tail, -groups[group].conversations, group)

    return sorted(groups, key=rank)
