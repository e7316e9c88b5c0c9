"""A library's own labels → examples: tables, the files of labelling tools, corrections that people gave.

Beside the walk, before `training`. One row a reply is enough (`reply, label`). Every cell that can't be used is named at once, and
a workbook in which those cells are marked is written beside the file.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from replycheck.codebook import Label, MessageKind, Move
from replycheck.corpus import Example, LabelledSentence, read_batch
from replycheck.errors import CorpusError, UsageError
from replycheck.reply import Reply
from replycheck.tables import SUFFIXES, as_text, decode, read_rows

FIELDS = ("reply", "label", "patron_message", "message_kind", "moves", "group", "pair")
"""Columns that are read; the first two must be there."""
CANT_TELL = "can't tell"
"""What a person puts where no label fits; the row is left out."""
SHOWN = 25
"""Most faults that an error spells out; the marked workbook has them all."""
_OTHER_NAMES = {"reply": ("text",), "label": ("labels",), "group": ("conversation", "batch")}
"""What labelling tools and audits call a column."""
_RESPONSE = re.compile(r"^(?P<question>.+)\.responses?$")
_SPACE = re.compile(r"\s+")
_BETWEEN = re.compile(r"\s?[;,\n]\s?")


@dataclass(frozen=True, slots=True)
class Fault:
    """A cell that can't be used: where it is, and what is wrong."""

    row: int
    column: str
    why: str


@dataclass(slots=True)
class Record:
    """One reply with its label as a file holds it, before anything is checked."""

    row: int
    cells: dict[str, Any]
    """Values by the names in `FIELDS`."""
    spans: list[tuple[int, int, str]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    """What the file calls a field, where it has another name for it."""
    torn: bool = False
    """Whether the people who labelled it are split in halves."""
    others: dict[str, Any] = field(default_factory=dict)
    """What stands in columns that are none of `FIELDS`: a person's own, kept in the marked workbook."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What several files hold together."""

    examples: list[Example]
    left_out: Counter[str]
    """How many rows were left out, by reason."""
    cant_tell: list[tuple[str, str]] = field(default_factory=list)
    """(reply, message) of the rows that somebody read and could not tell."""
    chosen: dict[tuple[str, str], str] = field(default_factory=dict)
    """How `label-next` came to a row (`by lot` or not), by (reply, message), where the file says so."""


def read_labels(paths: Sequence[Path], *, weight: float = 1.0, mark: bool = False) -> Labels:
    """Examples of one file or several; the same label of the same reply in a later file counts once. CorpusError names every faulty cell (file, sheet, row, column, what was found, what is
    allowed); with `mark` a workbook with those cells marked is written beside the file."""
    examples: list[Example] = []
    left_out: Counter[str] = Counter()
    cant_tell: list[tuple[str, str]] = []
    chosen: dict[tuple[str, str], str] = {}
    for path in paths:
        one = _read_one(path, weight, mark)
        found = one.examples
        cant_tell += one.cant_tell
        chosen |= one.chosen
        taken, said = {e.id for e in examples}, {_said(e) for e in examples}
        again = [e for e in found if _said(e) in said]
        examples += [e if e.id not in taken else _renamed(e, path) for e in found if _said(e) not in said]
        left_out += one.left_out + Counter({"stands in another file too": len(again)})
    if not examples:
        raise CorpusError("no row has a label", file=", ".join(map(str, paths)))
    return Labels(examples, left_out, cant_tell, chosen)


def _said(e: Example) -> tuple[str, str, Label]:
    return e.reply, e.patron_message, e.label


def _renamed(example: Example, path: Path) -> Example:
    return replace(example, id=f"{path.parent.name}/{example.id}")


def _read_one(path: Path, weight: float, mark: bool) -> Labels:
    records, sheet = read_records(path)
    if not isinstance(records, list):
        return Labels([replace(e, weight=weight) for e in records.examples], Counter())
    faults: list[Fault] = []
    found = Labels([], Counter())
    for record in records:
        words = as_text(record.cells.get("reply")), as_text(record.cells.get("patron_message"))
        if _says_cant_tell(record):
            found.cant_tell.append(words)
        if chosen := as_text(record.others.get("chosen")):
            found.chosen[words] = chosen
        label = _label(record, faults, found.left_out)
        example = _example(path, record, label, weight, faults)
        if example is not None and label is not None:
            found.examples.append(example)
    if faults:
        where = f"sheet {sheet!r}, " if sheet else ""
        lines = [f"{where}row {f.row}, column {f.column!r}: {f.why}" for f in faults[:SHOWN]]
        if len(faults) > SHOWN:
            lines.append(f"and {len(faults) - SHOWN:,} more")
        if mark:
            from replycheck.sheets import marked_beside, write_marked

            target = marked_beside(path)
            write_marked(target, records, faults)
            which = "all of them are" if len(faults) > 1 else "it is"
            lines.append(f"{which} marked in {target}: put that right there, and give that file")
        many = f"{len(faults):,} cells" if len(faults) > 1 else "one cell"
        raise CorpusError(f"{many} can't be used:\n  " + "\n  ".join(lines), file=path)
    return found


# --- one record --------------------------------------------------------------------------------------------------


def _cell(record: Record, name: str) -> str:
    return as_text(record.cells.get(name)).strip()


def plain(value: str) -> str:
    """A word of the codebook however people write it: `Service Pushing`, `service_pushing`."""
    return re.sub(r"[\s_]+", "-", value.strip().lower())


def _label(record: Record, faults: list[Fault], left_out: Counter[str]) -> Label | None:
    if record.torn:
        left_out["the people who labelled it are split in halves"] += 1
        return None
    raw = _cell(record, "label")
    if not raw:
        left_out["no label"] += 1
        return None
    if _says_cant_tell(record):
        left_out[CANT_TELL] += 1
        return None
    found = next((x for x in Label if x == plain(raw)), None)
    if found is None:
        faults.append(_not_allowed(record, "label", raw, [*Label, CANT_TELL]))
    return found


def _says_cant_tell(record: Record) -> bool:
    return _cell(record, "label").casefold().replace("\u2019", "'") == CANT_TELL


def _not_allowed(record: Record, name: str, found: str, allowed: Sequence[str]) -> Fault:
    shown = found if len(found) <= 60 else found[:59] + "…"
    return Fault(record.row, record.names.get(name, name), f"found {shown!r}, allowed: {', '.join(allowed)}")


def _example(path: Path, record: Record, label: Label | None, weight: float, faults: list[Fault]) -> Example | None:
    before = len(faults)
    reply = as_text(record.cells.get("reply"))
    column = record.names.get("reply", "reply")
    if not reply.strip():
        if any(_cell(record, name) for name in FIELDS):
            faults.append(Fault(record.row, column, "is empty"))
        return None
    message, raw_kind = as_text(record.cells.get("patron_message")), _cell(record, "message_kind")
    kind = None
    if message.strip() and raw_kind:
        kind = next((k for k in MessageKind if k == plain(raw_kind)), None)
        if kind is None:
            faults.append(_not_allowed(record, "message_kind", raw_kind, [*MessageKind]))
    sentences = _sentences(record, reply, faults)
    if len(faults) > before or label is None:
        return None
    where, pair = f"{path.name}:{record.row}", _cell(record, "pair")
    return Example(
        id=where,
        batch=_cell(record, "group") or (f"{path.name}, pair {pair}" if pair else where),
        reply=reply,
        label=label,
        patron_message=message if message.strip() else "",
        message_kind=kind,
        pair=pair or None,
        sentences=sentences,
        weight=weight,
    )


def _sentences(record: Record, reply: str, faults: list[Fault]) -> tuple[LabelledSentence, ...]:
    """Moves, from spans that a tool marked or from the column `moves`: one a sentence, in order, or JSON spans."""
    spans, column = record.spans, record.names.get("moves", "moves")
    raw = _cell(record, "moves")
    if not spans and not raw:
        return ()
    if not spans and raw.startswith("["):
        try:
            spans = [(int(s["start"]), int(s["end"]), str(s["move"])) for s in json.loads(raw)]
        except (ValueError, TypeError, KeyError, RecursionError):
            faults.append(Fault(record.row, column, "expected JSON objects with start, end and move"))
            return ()
    if not spans:
        from replycheck.text import mask, sentence_spans

        places, words = sentence_spans(mask(reply)), _BETWEEN.split(_SPACE.sub(_one, raw))
        if len(words) != len(places):
            why = f"found {len(words)} moves for {len(places)} sentences; give one a sentence, or none"
            faults.append(Fault(record.row, column, why))
            return ()
        spans = [(a, b, word) for (a, b), word in zip(places, words, strict=True) if word]
    found = []
    for start, end, word in sorted(spans):
        move = next((m for m in Move if m == word.strip().lower().replace(" ", "_").replace("-", "_")), None)
        if move is None:
            faults.append(_not_allowed(record, "moves", word, [*Move]))
        elif not 0 <= start < end <= len(reply):
            faults.append(Fault(record.row, column, f"span {start}–{end} is not inside the reply"))
        else:
            found.append(LabelledSentence(start, end, move))
    return tuple(found)


def _one(space: re.Match[str]) -> str:
    """One line end or blank for a whole stretch of white space, which a pattern would try from each of its characters."""
    return "\n" if "\n" in space.group() else " "


# --- files -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch file of the corpus, whose items are complete."""

    examples: list[Example]


def read_records(path: Path) -> tuple[list[Record] | Batch, str | None]:
    """(records, name of the sheet) of a file, by what is in it: a table, or the export of doccano, Label Studio, Argilla or
    Prodigy. UsageError or UnreadableInput if it is none of these."""
    suffix = path.suffix.lower()
    if suffix not in (*SUFFIXES, ".json"):
        raise UsageError(f"{path}: can't tell the format from {path.suffix!r}; use one of {', '.join(SUFFIXES)}, .json")
    if suffix in (".json", ".jsonl"):
        items = _json_items(path)
        if suffix == ".jsonl" and items and {"batch", "split", "brief"} <= items[0][1].keys():
            return Batch(read_batch(path)[1]), None
        reader = next((read for fits, read in _TOOLS if items and fits(items[0][1])), None)
        if reader is not None:
            return [r for row, item in items for r in _read_item(path, reader, row, item)], None
        return [_plain_record(row, item, list(item)) for row, item in items], None
    table = read_rows(path)
    names = _columns(path, table.columns, table.sheet)
    records = []
    for number, cells in zip(table.numbers, table.rows, strict=True):
        row = dict(zip(table.columns, cells, strict=True))
        others = {c: value for c, value in row.items() if c not in names.values()}
        records.append(Record(number, {n: row[c] for n, c in names.items()}, names=names, others=others))
    return records, table.sheet


def _read_item(path: Path, reader: _Reader, row: int, item: dict[str, Any]) -> list[Record]:
    try:
        return list(reader(row, item))
    except (AttributeError, KeyError, TypeError, ValueError):
        name = reader.__name__.strip("_").replace("_", " ")
        raise CorpusError(f"begins like a file of {name}, but this record is not one", file=path, row=row) from None


def _columns(path: Path, columns: Sequence[str], sheet: str | None = None) -> dict[str, str]:
    """Field → its column; CorpusError if the reply's or the label's is missing, or stands twice."""
    found: dict[str, str] = {}
    by_name = {c.strip().lower(): c for c in reversed(columns)}
    for name in FIELDS:
        for other in (name, *_OTHER_NAMES.get(name, ())):
            if other in by_name:
                found[name] = by_name[other]
                break
    if "label" not in found:
        response = next((c for c in columns if _RESPONSE.match(c)), None)
        if response is not None:
            found["label"] = response
    for name in FIELDS[:2]:
        where = f"sheet {sheet!r}: " if sheet else ""
        if name not in found:
            raise CorpusError(
                f"{where}no such column; there are {', '.join(columns) or 'none'}", file=path, column=name
            )
        if columns.count(found[name]) > 1:
            raise CorpusError(f"{where}is there more than once; rename all but one", file=path, column=found[name])
    return found


def _plain_record(row: int, item: dict[str, Any], columns: list[str]) -> Record:
    names = _columns(Path(f"record {row}"), columns)
    return Record(row, {n: item.get(c) for n, c in names.items()}, names=names)


def _json_items(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """(line or place, object) of a JSON list, or of JSON lines."""
    try:
        text = decode(path.read_bytes(), path)
    except OSError as problem:
        raise CorpusError(problem.strerror or "can't be read", file=path) from None
    items: list[tuple[int, Any]] = []
    if path.suffix.lower() == ".json":
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise CorpusError("not JSON", file=path) from None
        items = list(enumerate(found if isinstance(found, list) else [found], 1))
    else:
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                try:
                    items.append((number, json.loads(line)))
                except (ValueError, RecursionError):
                    raise CorpusError("not JSON", file=path, row=number) from None
    for number, item in items:
        if not isinstance(item, dict):
            raise CorpusError("expected a JSON object", file=path, row=number)
    return items


def _from_tool(row: int, text: Any, labels: Sequence[Any], spans: list[Any], *more: Any, column: str) -> Record:
    """A record of a labelling tool; `more` are the places in which other fields may stand."""
    cells: dict[str, Any] = {}
    for place in more:
        if isinstance(place, dict):
            cells |= {n: place[n] for n in FIELDS if n in place and n != "label"}
    cells.setdefault("reply", text)
    counts = Counter(as_text(x) for x in labels if as_text(x)).most_common(2)
    torn = len(counts) == 2 and counts[0][1] == counts[1][1]
    cells["label"] = counts[0][0] if counts else ""
    triples = [(int(a), int(b), str(m)) for a, b, m in spans]
    return Record(row, cells, triples, {"label": column, "moves": "spans"}, torn)


def _doccano(row: int, item: dict[str, Any]) -> Iterator[Record]:
    given = [x for key in ("label", "labels") for x in _as_list(item.get(key))]
    spans = [x for x in given if isinstance(x, (list, tuple)) and len(x) == 3]
    spans += [(s["start_offset"], s["end_offset"], s["label"]) for s in item.get("entities") or ()]
    labels = [x for x in given if not isinstance(x, (list, tuple))] + _as_list(item.get("cats"))
    # a span that bears a label rather than a move is the label of the reply
    labels += [m for _, _, m in spans if plain(str(m)) in list(Label)]
    spans = [s for s in spans if plain(str(s[2])) not in list(Label)]
    yield _from_tool(row, item["text"], labels, spans, item.get("meta"), item, column="label")


def _label_studio(row: int, item: dict[str, Any]) -> Iterator[Record]:
    labels: list[Any] = []
    spans: list[Any] = []
    for annotation in item.get("annotations") or item.get("completions") or ():
        if annotation.get("was_cancelled"):
            continue
        for result in annotation.get("result", ()):
            value = result.get("value", {})
            labels += value.get("choices", ())
            spans += [(value["start"], value["end"], m) for m in value.get("labels", ())]
    data = item.get("data", {})
    text = data.get("text", data.get("reply"))
    yield _from_tool(
        row, text, labels, sorted(set(spans)), data.get("meta"), item.get("meta"), data, column="annotations"
    )


def _argilla(row: int, item: dict[str, Any]) -> Iterator[Record]:
    fields = item.get("fields") if isinstance(item.get("fields"), dict) else item
    text = fields.get("reply", fields.get("text")) if fields else None
    flat = {m["question"]: item[key] for key in item if (m := _RESPONSE.match(key))}
    nested = item.get("responses")
    answers = {**flat, **(nested if isinstance(nested, dict) else {})}
    given = answers.get("label", next(iter(answers.values()), None))
    labels = [x.get("value") if isinstance(x, dict) else x for x in _as_list(given)]
    yield _from_tool(row, text, labels, [], item.get("metadata"), fields, column="label.responses")


def _prodigy(row: int, item: dict[str, Any]) -> Iterator[Record]:
    if item.get("answer") == "ignore":
        return
    chosen = _as_list(item.get("accept")) or _as_list(item.get("label"))
    if item.get("answer") == "reject":
        # of two labels, the one that was not offered
        known = [Label(plain(str(x))) for x in chosen if plain(str(x)) in list(Label)]
        chosen = [next(x for x in Label if x is not known[0])] if len(known) == 1 else []
    spans = [(s["start"], s["end"], s.get("label")) for s in item.get("spans") or ()]
    yield _from_tool(row, item.get("text"), chosen, spans, item.get("meta"), item, column="label")


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]


_Reader = Callable[[int, dict[str, Any]], Iterator[Record]]
_TOOLS: tuple[tuple[Callable[[dict[str, Any]], bool], _Reader], ...] = (
    (lambda x: "answer" in x and "text" in x, _prodigy),
    (lambda x: isinstance(x.get("data"), dict), _label_studio),
    (lambda x: isinstance(x.get("fields"), dict) or any(map(_RESPONSE.match, x)), _argilla),
    (lambda x: "text" in x and isinstance(x.get("label", x.get("labels")), list), _doccano),
)
"""How each tool's first record is known, and how its records are read."""


# --- replies to label --------------------------------------------------------------------------------------------

SUMMARY, MOMENTS = "summary.json", "moments.jsonl"
"""What every audit leaves in its folder, and its texts."""


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Replies of a table or an audit: those without a label, the words of those with one, and the groups numbered afresh."""

    replies: list[Reply]
    groups: list[str]
    known: list[str]


def read_replies(path: Path) -> Unlabelled:
    """Replies of a table (`reply`, and if there `patron_message`, `group`, `label`) or of an audit's folder. CorpusError if there are none."""
    if path.is_dir():
        if not (path / SUMMARY).exists():
            raise UsageError(
                f"{path}: not the folder of a finished audit; give the one that `replycheck audit … --with-text` wrote"
            )
        path = path / MOMENTS
        if not path.exists():
            raise CorpusError("the audit kept no texts; run it with --with-text", file=path)
    table = read_rows(path)
    columns = [c.strip().lower() for c in table.columns]
    if "reply" not in columns:
        raise CorpusError(f"no such column; there are {', '.join(table.columns)}", file=path, column="reply")

    def place(*names: str) -> int | None:
        return next((columns.index(n) for n in names if n in columns), None)

    at = [place("reply"), place("patron_message", "patron"), place("group", "conversation"), place("label")]
    found = Unlabelled([], [], [])
    numbers: dict[str, str] = {}
    for row in table.rows:
        reply, message, group, label = ("" if j is None else as_text(row[j]) for j in at)
        if label.strip():
            found.known.append(reply)
        elif reply.strip():
            found.replies.append(Reply(reply, message or None))
            found.groups.append(numbers.setdefault(group, f"g{len(numbers) + 1}") if group else "")
    if not found.replies:
        raise CorpusError("has no reply without a label", file=path)
    return found
