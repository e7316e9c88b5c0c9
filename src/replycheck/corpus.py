"""Labelled examples: read, validate, fingerprint, split.

Stands beside the walk: `training` and `evaluation` learn and measure on what is read here. The corpus that ships is
one JSONL file a batch in `data/train`, `data/dev` and `data/test` (first line: the batch's header), and messages on
their own in `data/messages`. Fields are described in `data/DATASHEET.md`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from replycheck.codebook import Label, MessageKind, Move
from replycheck.errors import CorpusError
from replycheck.reply import Reply

SPLITS = ("train", "dev", "test")
REGISTERS = ("real", "eloquent", "other-organisation")
CHANNELS = ("email", "chat", "survey-reply", "social", "ticket", "note")
LIBRARIES = ("academic", "public", "school", "special", "national", "none")


@dataclass(frozen=True, slots=True)
class LabelledSentence:
    """One sentence with its agreed move; `other` is the move that the second reader gave where the two differ."""

    start: int
    end: int
    move: Move
    other: Move | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """What one reader said: the writer, A (label; moves too where the writer judged nothing), B (moves, label), or C (felt heard or pushed)."""

    who: Literal["writer", "A", "B", "C"]
    label: Label | None = None
    kind: MessageKind | None = None
    sure: bool = True
    moves: tuple[Move, ...] = ()
    felt: Literal["heard", "pushed"] | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled reply. `message_kind` is None when there is no message; in a library's own table it may be unknown, and
    `sentences` empty. `weight` is how often it counts in training."""

    id: str
    batch: str
    reply: str
    label: Label
    patron_message: str = ""
    message_kind: MessageKind | None = None
    register: str = ""
    channel: str = ""
    library: str = ""
    pair: str | None = None
    hard: bool = False
    contested: bool = False
    sentences: tuple[LabelledSentence, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    weight: float = 1.0

    @property
    def as_reply(self) -> Reply:
        """What a checker is given of it."""
        return Reply(self.reply, self.patron_message or None)

    @property
    def pushing(self) -> bool:
        """Whether the agreed label is service-pushing."""
        return self.label is Label.PUSHING


@dataclass(frozen=True, slots=True)
class LabelledMessage:
    """A patron's message on its own, with what it calls for."""

    id: str
    batch: str
    message: str
    message_kind: MessageKind


@dataclass(frozen=True, slots=True)
class BatchHeader:
    """Where a batch comes from."""

    batch: str
    split: str
    register: str
    library: str
    brief: str


# --- agreeing ----------------------------------------------------------------------------------------------------


def agreed_label(annotations: Sequence[Annotation]) -> tuple[Label, bool]:
    """(majority label of writer, A and B, whether it is contested: no majority, or torn for two)."""
    given = [a for a in annotations if a.label is not None]
    counts = Counter(a.label for a in given).most_common()
    if not counts or counts[0][0] is None:
        raise ValueError("no annotation gives a label")
    torn = sum(not a.sure for a in given)
    no_majority = len(given) > 1 and counts[0][1] * 2 <= len(given)
    return counts[0][0], no_majority or torn >= 2


def learnable(examples: Iterable[Example]) -> list[Example]:
    """What a model learns from: contested examples are left out, save those whose readers were torn and yet all gave the same label,
    which count half."""
    kept = []
    for e in examples:
        if not e.contested:
            kept.append(e)
        elif len({a.label for a in e.annotations if a.label}) == 1:
            kept.append(replace(e, weight=e.weight / 2))
    return kept


def agreed_kind(annotations: Sequence[Annotation]) -> MessageKind | None:
    """Majority kind; the writer's where there is none."""
    kinds = [a.kind for a in annotations if a.kind is not None]
    if not kinds:
        return None
    top, count = Counter(kinds).most_common(1)[0]
    return top if count > 1 or len(kinds) == 1 else kinds[0]


def agreed_moves(annotations: Sequence[Annotation]) -> list[tuple[Move, Move | None]]:
    """(move, other) a sentence: B's move stands, since B judged without knowing the intention; the first reader's is kept
    beside it where the two differ."""
    first, second = moves_read(annotations)
    if not second:
        return [(m, None) for m in first]
    return [(b, a if a is not b else None) for a, b in zip(first, second, strict=True)]


def moves_read(annotations: Sequence[Annotation]) -> tuple[tuple[Move, ...], tuple[Move, ...]]:
    """Moves by the first reader (the writer, or A where the writer judged nothing) and by B; empty where there are none."""
    by = {a.who: a.moves for a in annotations if a.moves}
    return by.get("writer") or by.get("A", ()), by.get("B", ())


# --- reading -----------------------------------------------------------------------------------------------------


E = TypeVar("E", Label, MessageKind, Move)


def _enum(kind: type[E], value: Any, **place: Any) -> E:
    try:
        return kind(value)
    except ValueError:
        allowed = ", ".join(kind)
        raise CorpusError(f"found {value!r}, allowed: {allowed}", **place) from None


def example_from_record(record: Mapping[str, Any], *, file: Path | None = None, row: int | None = None) -> Example:
    """One item of a batch file; CorpusError names file, row and field."""
    place: dict[str, Any] = {"file": file, "row": row}
    for field in ("id", "batch", "reply", "label"):
        if not isinstance(record.get(field), str) or not record[field]:
            raise CorpusError("missing or empty", column=field, **place)
    kind = record.get("message_kind")
    return Example(
        id=record["id"],
        batch=record["batch"],
        reply=record["reply"],
        label=_enum(Label, record["label"], column="label", **place),
        patron_message=record.get("patron_message") or "",
        message_kind=None if kind is None else _enum(MessageKind, kind, column="message_kind", **place),
        register=record.get("register", ""),
        channel=record.get("channel", ""),
        library=record.get("library", ""),
        pair=record.get("pair"),
        hard=bool(record.get("hard")),
        contested=bool(record.get("contested")),
        sentences=tuple(
            LabelledSentence(
                s["start"],
                s["end"],
                _enum(Move, s["move"], column="sentences", **place),
                _enum(Move, s["other"], column="sentences", **place) if s.get("other") else None,
            )
            for s in record.get("sentences", ())
        ),
        annotations=tuple(
            Annotation(
                a["who"],
                _enum(Label, a["label"], column="annotations", **place) if a.get("label") else None,
                _enum(MessageKind, a["kind"], column="annotations", **place) if a.get("kind") else None,
                a.get("sure", True),
                tuple(_enum(Move, m, column="annotations", **place) for m in a.get("moves", ())),
                a.get("felt"),
                a.get("why", ""),
            )
            for a in record.get("annotations", ())
        ),
    )


def _records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for row, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as problem:
            raise CorpusError(f"not JSON: {problem.msg}", file=file, row=row) from None
        except (ValueError, RecursionError):
            raise CorpusError(
                "not JSON: nested too deeply, or a number of thousands of digits", file=file, row=row
            ) from None
        if not isinstance(record, dict):
            raise CorpusError("expected a JSON object", file=file, row=row)
        yield row, record


def read_batch(file: Path) -> tuple[BatchHeader, list[Example]]:
    """Header and items of one batch file."""
    records = _records(file)
    try:
        _, head = next(records)
        header = BatchHeader(*(head[k] for k in ("batch", "split", "register", "library", "brief")))
    except (StopIteration, KeyError):
        raise CorpusError("the first line must be the batch's header", file=file, row=1) from None
    return header, [example_from_record(record, file=file, row=row) for row, record in records]


def read_split(data: Path, split: str) -> list[Example]:
    """All items of one split, batches in order of name."""
    if split not in SPLITS:
        raise CorpusError(f"no split {split!r}; there are {', '.join(SPLITS)}", file=data)
    files = sorted((data / split).glob("*.jsonl"))
    if not files:
        raise CorpusError("no batch files (*.jsonl)", file=data / split)
    return [example for file in files for example in read_batch(file)[1]]


def read_messages(data: Path) -> list[LabelledMessage]:
    """Messages on their own; empty where a corpus has none."""
    return [
        LabelledMessage(
            r["id"],
            r["batch"],
            r["message"],
            _enum(MessageKind, r["message_kind"], file=file, row=row, column="message_kind"),
        )
        for file in sorted((data / "messages").glob("*.jsonl"))
        for row, r in _records(file)
    ]


def fingerprint(examples: Iterable[Example], messages: Iterable[LabelledMessage] = ()) -> str:
    """SHA-256 of what a model learns from: texts, labels, kinds, moves, batches, weights; independent of order."""
    lines = [
        json.dumps(
            [
                e.id,
                e.batch,
                e.reply,
                e.label,
                e.patron_message,
                e.message_kind,
                e.pair,
                e.contested,
                [(s.start, s.end, s.move, s.other) for s in e.sentences],
                *([e.weight] if e.weight != 1 else []),
            ]
        )
        for e in examples
    ]
    lines += [json.dumps([m.id, m.batch, m.message, m.message_kind]) for m in messages]
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


# --- checks ------------------------------------------------------------------------------------------------------


def problems(examples: Sequence[Example]) -> list[str]:
    """Everything that breaks the format, each with its item: ids, spans, pairs, kinds, agreement."""
    found = []
    for name, count in Counter(e.id for e in examples).items():
        if count > 1:
            found.append(f"{name}: id used {count} times")
    pairs: defaultdict[str, list[Example]] = defaultdict(list)
    for e in examples:
        found += [f"{e.id}: {p}" for p in _item_problems(e)]
        if e.pair:
            pairs[e.pair].append(e)
    for name, members in pairs.items():
        if len(members) != 2 or len({m.batch for m in members}) != 1:
            found.append(f"pair {name}: expected two items of one batch, found {[m.id for m in members]}")
    return found


def _item_problems(e: Example) -> Iterator[str]:
    if (e.message_kind is None) != (not e.patron_message):
        yield f"message kind {e.message_kind} with {'a' if e.patron_message else 'no'} message"
    for field, allowed in (("register", REGISTERS), ("channel", CHANNELS), ("library", LIBRARIES)):
        if (value := getattr(e, field)) not in allowed:
            yield f"{field} {value!r}"
    end = 0
    for s in e.sentences:
        if e.reply[end : s.start].strip() or s.start < end or s.end <= s.start:
            yield f"spans must cover every sentence once, in order: at {s.start}"
        if e.reply[s.start : s.end] != e.reply[s.start : s.end].strip():
            yield f"span {s.start}–{s.end} begins or ends with white space"
        end = s.end
    if e.reply[end:].strip():
        yield "words after the last span"
    if e.annotations:
        label, contested = agreed_label(e.annotations)
        if (label, contested) != (e.label, e.contested):
            yield f"label {e.label}, contested {e.contested}: the annotations say {label}, {contested}"
        if agreed_moves(e.annotations) != [(s.move, s.other) for s in e.sentences]:
            yield "moves differ from what the annotations say"


_WORD = re.compile(r"\w+")


def five_grams(text: str) -> frozenset[str]:
    """Character 5-grams of the words, lower case: what near-duplicates are measured by."""
    words = " ".join(_WORD.findall(text.lower()))
    return frozenset(words[i : i + 5] for i in range(len(words) - 4))


def near_duplicates(examples: Sequence[Example], limit: float = 0.35) -> list[tuple[str, str, float]]:
    """(id, id, Jaccard similarity) of every two replies outside a pair that are alike above the limit."""
    found = []
    for i, j, value in alike([e.reply for e in examples], limit):
        a, b = examples[i], examples[j]
        if not (a.pair and a.pair == b.pair):
            found.append((a.id, b.id, round(value, 2)))
    return found


def alike(texts: Sequence[str], limit: float = 0.35) -> Iterator[tuple[int, int, float]]:
    """(row, later row, Jaccard similarity of their 5-grams) of every two texts that are alike above the limit."""
    import numpy as np
    from scipy import sparse

    columns: dict[str, int] = {}
    rows = [[columns.setdefault(g, len(columns)) for g in sorted(five_grams(text))] for text in texts]
    sizes = np.array([len(r) for r in rows])
    if not sizes.sum():
        return
    matrix = sparse.csr_matrix(
        (np.ones(sizes.sum(), dtype=np.float32), np.concatenate(rows), np.concatenate([[0], np.cumsum(sizes)])),
        shape=(len(rows), len(columns)),
    )
    for at in range(0, len(rows), 256):
        common = (matrix[at : at + 256] @ matrix.T).tocoo()
        value = common.data / (sizes[at + common.row] + sizes[common.col] - common.data)
        keep = (value >= limit) & (common.row + at < common.col)
        first, second = common.row[keep] + at, common.col[keep]
        yield from zip(first.tolist(), second.tolist(), value[keep].tolist(), strict=True)


def opening(text: str) -> tuple[str, ...]:
    """The first four words, lower case."""
    return tuple(_WORD.findall(text.lower())[:4])


# --- behavioural cases -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """One behavioural case: a reply and what is expected of it, alone (`minimum`) or against its second version."""

    id: str
    capability: str
    type: Literal["minimum", "invariance", "direction"]
    expect: str
    message: str
    reply: str
    message_2: str = ""
    reply_2: str = ""


EXPECTED: dict[str, tuple[str, ...]] = {
    "minimum": tuple(Label),
    "invariance": ("same",),
    "direction": ("higher", "lower"),
}
"""What a case of each type may expect."""


def read_cases(data: Path) -> list[Case]:
    """The behavioural cases; CorpusError names the line that breaks their format."""
    file = data / "behaviour.jsonl"
    found = []
    for row, record in _records(file):
        try:
            case = Case(**record)
        except TypeError as problem:
            raise CorpusError(str(problem).replace("Case.__init__() ", ""), file=file, row=row) from None
        if case.expect not in EXPECTED.get(case.type, ()):
            raise CorpusError(f"type {case.type!r} can't expect {case.expect!r}", file=file, row=row, column="expect")
        if not case.reply or (case.type != "minimum" and not case.reply_2):
            raise CorpusError("missing or empty", file=file, row=row, column="reply" if not case.reply else "reply_2")
        found.append(case)
    return found


# --- what stands in the datasheet --------------------------------------------------------------------------------

COUNTS_BEGIN, COUNTS_END = "<!-- counts -->\n", "<!-- end of counts -->"


def counts(data: Path) -> str:
    """The datasheet's table of what the corpus holds, as Markdown."""
    rows = []
    for split in SPLITS:
        examples = read_split(data, split)
        by_register = Counter(e.register for e in examples)
        rows.append(
            [
                len({e.batch for e in examples}),
                len(examples),
                *(by_register[r] for r in REGISTERS),
                sum(e.pushing for e in examples),
                len({e.pair for e in examples if e.pair}),
                sum(len(e.sentences) for e in examples),
                sum(e.contested for e in examples),
                sum(e.hard for e in examples),
            ]
        )
    rows.append([sum(column) for column in zip(*rows, strict=True)])
    head = ["split", "batches", "replies", *REGISTERS, "pushing", "pairs", "sentences", "contested", "hard"]
    body = [[name, *(f"{c:,}" for c in row)] for name, row in zip((*SPLITS, "all"), rows, strict=True)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body])
    kinds = Counter(m.message_kind for m in read_messages(data))
    spoken = ", ".join(f"{kinds[k]:,} {k}" for k in MessageKind)
    return f"{table}\n\nMessages on their own: {sum(kinds.values()):,} ({spoken})."


def refresh(data: Path, hard: set[str]) -> None:
    """Write `hard` into the batch files and the counts into the datasheet; CorpusError if it has no place for them."""
    from replycheck.tables import replacing

    sheet = data / "DATASHEET.md"
    before, begin, rest = sheet.read_text(encoding="utf-8").partition(COUNTS_BEGIN)
    _, end, after = rest.partition(COUNTS_END)
    if not begin or not end:
        raise CorpusError("has no place for the counts, between its two marks", file=sheet)
    for split in SPLITS:
        for file in sorted((data / split).glob("*.jsonl")):
            head, *items = file.read_text(encoding="utf-8").splitlines()
            records = [json.loads(line) for line in items]
            lines = [head, *(json.dumps({**r, "hard": r["id"] in hard}, ensure_ascii=False) for r in records)]
            with replacing(file) as new:
                new.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with replacing(sheet) as new:
        new.write_text(before + begin + counts(data) + "\n" + end + after, encoding="utf-8")


# --- the log of the test batches ---------------------------------------------------------------------------------

OPENINGS = "openings.md"


def log_opening(data: Path, model_version: str) -> None:
    """Write down that the test batches are opened, by which model, and when; once a model and day."""
    from datetime import UTC, datetime

    log = data / "test" / OPENINGS
    line = f"| {datetime.now(UTC):%Y-%m-%d} | {model_version} |\n"
    text = (
        log.read_text(encoding="utf-8")
        if log.exists()
        else "# Openings of the test batches\n\n| day | model |\n| --- | --- |\n"
    )
    if line not in text:
        log.write_text(text + line, encoding="utf-8")
