"""What each piece of the chain buys: the chain without it, out of fold on the training batches; beside it simpler models.

Beside the walk, after `evaluation`; `make ablation` writes `docs/ablation.json` and the page made of it. Every row is fitted on the same folds of
writers' batches, under the true kind of each message; the sentences are those found, not those a reader marked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from replycheck.checker import Checker
from replycheck.classifier import KINDS, MOVES, MoveTagger, read_whole, summarise
from replycheck.codebook import MessageKind
from replycheck.corpus import REGISTERS, Example, LabelledMessage
from replycheck.encoder import CorpusEncoder
from replycheck.evaluation import auc, baselines, held_out_probability, macro_f1, pair_figures, reliability
from replycheck.features import CUES, FORM, Floats
from replycheck.reply import Reply
from replycheck.training import (
    Table,
    calibrate,
    folds,
    head_log_odds,
    out_of_fold,
    prepare,
    settle,
    silent,
    train,
)

Record = dict[str, Any]
Masks = list[NDArray[np.bool_]]
Say = Callable[[str], None]

_SCORES = ("macro_f1", "auc", "auc_by_register", "pairs")
_ENDS = np.cumsum([len(CUES), len(FORM), 1, len(CUES), len(CUES)])
"""Where the columns of `classifier.inputs` end: cues, form, overlap with the message, cues before, cues after; then the encoder's."""
CURVE_DRAWS = 2
TIMED = 200
"""Replies that the cost of a model is measured on."""


def _blank(table: Table, *parts: int) -> Table:
    """The table without some parts of its dense columns, as numbered in `_ENDS`."""
    dense = table.given.dense.copy()
    bounds = [0, *_ENDS.tolist(), dense.shape[1]]
    for part in parts:
        dense[:, bounds[part] : bounds[part + 1]] = 0
    return replace(table, given=replace(table.given, dense=dense))


def _without_message(table: Table) -> Table:
    return replace(_blank(table, 2), kind=np.full_like(table.kind, KINDS.index(MessageKind.INPUT)))


def _same(table: Table) -> Table:
    return table


def _as_it_is(found: Floats) -> Floats:
    return found


def _columns(*kept: int) -> Callable[[Floats], Floats]:
    """Blanks the columns of what the readers say but for those kept."""

    def change(read: Floats) -> Floats:
        return np.where(np.isin(np.arange(read.shape[1]), kept), read, np.float32(0))

    return change


def _orderless(summary: Floats) -> Floats:
    """The summary without its first and last moves."""
    found = summary.copy()
    found[:, len(MOVES) : 3 * len(MOVES)] = 0
    return found


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece that the chain is tried without."""

    name: str
    table: Callable[[Table], Table] = _same
    tagger: MoveTagger | None = None
    summary: Callable[[Floats], Floats] = _as_it_is
    read: Callable[[Floats], Floats] = _as_it_is


PIECES = (
    Piece("nothing: the whole chain"),
    Piece("the cue families", lambda t: _blank(t, 0, 3, 4)),
    Piece("the neighbours' cues", lambda t: _blank(t, 3, 4)),
    Piece("length and place of the sentence", lambda t: _blank(t, 1)),
    Piece("delexicalised n-grams", tagger=MoveTagger(views="moves, lexical")),
    Piece("n-grams of words and stems", tagger=MoveTagger(views="moves, delexicalised")),
    Piece("sentence moves", summary=np.zeros_like),
    Piece("order of the moves", summary=_orderless),
)
OF_FAST = (
    Piece("the message", _without_message),
    Piece("n-grams of characters", read=_columns()),
)
OF_DEEP = (
    Piece("n-grams of characters", read=_columns(1)),
    Piece("what the encoder says of moves", lambda t: _blank(t, 5)),
    Piece("what the encoder says of pushing", read=_columns(0)),
)


def _figures(table: Table, log_odds: NDArray[np.float64]) -> Record:
    _, _, probability, threshold = settle(table, log_odds)
    return _scores(table, probability, probability >= threshold)


def _scores(table: Table, score: NDArray[Any], called: NDArray[np.bool_]) -> Record:
    register = np.array([e.register for e in table.examples])
    return {
        "macro_f1": round(macro_f1(table.pushing, called), 3),
        "auc": round(auc(table.pushing, score) or 0.0, 3),
        "auc_by_register": {
            r: round(auc(table.pushing[register == r], score[register == r]) or 0.0, 3) for r in REGISTERS
        },
        "pairs": pair_figures(table.examples, called)["both_right"],
    }


def _moves_right(table: Table, moves: Floats) -> float:
    seen = table.move >= 0
    return round(float((moves[seen].argmax(axis=1) == table.move[seen]).mean()), 3)


def _chain(table: Table, held_out: Masks, piece: Piece) -> tuple[Floats, NDArray[np.float64]]:
    """(moves, log-odds) out of fold without a piece."""
    without = piece.table(table)
    moves, read = out_of_fold(without, held_out, 2, silent, piece.tagger)
    text, texts = table.reply.sentence_text, table.reply.texts
    whole = piece.read(read_whole(read, table.given.words, text, texts))
    summary = piece.summary(summarise(moves, table.given.words, text, texts))
    return moves, head_log_odds(without, held_out, summary, whole)


def pieces(table: Table, held_out: Masks, say: Say) -> list[Record]:
    """A row a piece, and one with the moves that readers gave in place of predicted ones."""
    found = []
    for piece in (*PIECES, *(OF_FAST if table.encoded is None else OF_DEEP)):
        say(f"without {piece.name}")
        moves, log_odds = _chain(table, held_out, piece)
        found.append({"without": piece.name, "moves_right": _moves_right(table, moves), **_figures(table, log_odds)})
        if piece is PIECES[0]:
            found[0]["calibration"] = calibration(table, log_odds)
    return found


def moves_of_readers(table: Table, held_out: Masks) -> Record:
    """The label from the agreed moves alone: how far a perfect tagger of moves would come."""
    moves = np.zeros((table.reply.sentences, len(MOVES)), dtype=np.float32)
    seen = table.move >= 0
    moves[np.flatnonzero(seen), table.move[seen]] = 1
    summary = summarise(moves, table.given.words, table.reply.sentence_text, table.reply.texts)
    nothing = np.zeros((table.reply.texts, 1), dtype=np.float32)
    return _figures(table, head_log_odds(table, held_out, summary, nothing))


def calibration(table: Table, log_odds: NDArray[np.float64]) -> Record:
    """Calibration error at the base rate: as shipped, with the share of the training batches kept, and without calibrating."""
    own = LogisticRegression(C=100.0).fit(log_odds[:, None], table.pushing)
    slope, offset = calibrate(log_odds, table.pushing, table.weight)
    scores = {
        "prior corrected": slope * log_odds + offset,
        "share of the training batches kept": own.coef_[0, 0] * log_odds + own.intercept_[0],
        "not calibrated": log_odds,
    }
    return {
        name: reliability(table.pushing, (1 / (1 + np.exp(-x))).astype(np.float32))["calibration_error"]
        for name, x in scores.items()
    }


def left_out(table: Table, say: Say) -> list[Record]:
    """Each register, read by a chain that has seen no batch of it."""
    register = np.array([e.register for e in table.examples])
    names = sorted(set(register))
    held_out = [register == r for r in names]
    say("without each register")
    _, log_odds = _chain(table, held_out, PIECES[0])
    _, _, probability, threshold = settle(table, log_odds)
    return [
        {
            "register": name,
            "replies": int(test.sum()),
            "macro_f1": round(macro_f1(table.pushing[test], probability[test] >= threshold), 3),
            "auc": round(auc(table.pushing[test], probability[test]) or 0.0, 3),
        }
        for name, test in zip(names, held_out, strict=True)
    ]


def learning_curve(
    examples: Sequence[Example],
    messages: Sequence[LabelledMessage],
    held_out: Sequence[Example],
    say: Say,
) -> list[Record]:
    """Macro-F1 and AUC of the fast engine on other writers' batches by the number of training batches, each size drawn `CURVE_DRAWS` times. The
    deep one has none: its encoder has learned from all batches, and is not fine-tuned anew for this."""
    batches = sorted({e.batch for e in examples})
    scored = [e for e in held_out if not e.contested]
    was = np.array([e.pushing for e in scored])
    found = []
    size = len(batches)
    sizes = [size]
    while size >= 8:
        sizes.append(size := size // 2)
    for size in reversed(sizes):
        scores = []
        for draw in range(CURVE_DRAWS if size < len(batches) else 1):
            say(f"{size} of {len(batches)} batches")
            chosen = set(np.random.default_rng(draw).permutation(batches)[:size].tolist())
            engine = train([e for e in examples if e.batch in chosen], messages).engine
            verdicts = Checker(engine, "curve").check_many([e.as_reply for e in scored], reasons=False)
            p = np.array([v.probability for v in verdicts])
            scores.append((macro_f1(was, p >= engine.threshold_), auc(was, p) or 0.0))
        f1, area = np.mean(scores, axis=0)
        found.append(
            {
                "batches": size,
                "replies": round(sum(not e.contested for e in examples) * size / len(batches)),
                "macro_f1": round(float(f1), 3),
                "auc": round(float(area), 3),
            }
        )
    return found


def _cost(judge: Callable[[list[Reply]], object], examples: Sequence[Example]) -> float:
    """Milliseconds a reply on one core: the middle of five runs."""
    replies = [e.as_reply for e in examples[:TIMED]]
    judge(replies)
    taken = []
    for _ in range(5):
        begin = time.perf_counter()
        judge(replies)
        taken.append(time.perf_counter() - begin)
    return round(float(np.median(taken)) / len(replies) * 1000, 2)


def beside(table: Table, held_out: Masks, engines: dict[str, Checker], say: Say) -> list[Record]:
    """Simpler models on the same folds, with the cost of each on one core."""
    replies = [e.as_reply for e in table.examples]
    texts = np.array([r.text for r in replies], dtype=object)
    register = {"auc_by_register": dict.fromkeys(REGISTERS, 0.5)}
    most = bool(table.pushing.mean() >= 0.5)
    found: list[Record] = [
        {
            "model": "what most replies are",
            "macro_f1": round(macro_f1(table.pushing, np.full(len(texts), most)), 3),
            "auc": 0.5,
            **register,
            "pairs": 0.0,
            "ms": 0.0,
        }
    ]
    for name, model in baselines().items():
        say(name)
        p = held_out_probability(model, texts, table.pushing, held_out)
        cost = _cost(lambda some, model=model: model.predict_proba([r.text for r in some]), table.examples)  # type: ignore[misc]
        found.append({"model": name, **_scores(table, p, p >= 0.5), "ms": cost})
    found += _frozen(table, held_out, replies, say)
    if table.encoded is not None:
        encoded = table.encoded.sentences[:, len(MOVES)][:, None]
        both = np.concatenate([encoded, encoded], axis=1)
        score = read_whole(both, table.given.words, table.reply.sentence_text, table.reply.texts)[:, 1].astype(float)
        found.append(
            {
                "model": "fine-tuned MiniLM alone: what the encoder says of pushing",
                **_figures(table, score),
                "ms": _cost(lambda some: engines["deep"].judge(some), table.examples),
            }
        )
    return found


def _frozen(table: Table, held_out: Masks, replies: Sequence[Reply], say: Say) -> list[Record]:
    """MiniLM as it comes, its mean vectors of message and reply with logistic regression; needs the extra `encoder`."""
    try:
        from replycheck.finetuning import frozen
    except ImportError:
        say("frozen MiniLM left out: the extra `encoder` is not installed")
        return []
    say("frozen MiniLM")
    vectors = frozen([r.text for r in replies], [r.patron_message or "" for r in replies])
    model = LogisticRegression(C=10.0, max_iter=2000, class_weight="balanced")
    p = held_out_probability(model, vectors, table.pushing, held_out)
    cost = _cost(lambda some: frozen([r.text for r in some], [r.patron_message or "" for r in some]), table.examples)
    return [{"model": "frozen MiniLM + logistic regression", **_scores(table, p, p >= 0.5), "ms": cost}]


def cascade(engines: dict[str, Checker], examples: Sequence[Example], ms: dict[str, float]) -> list[Record]:
    """The fast engine's verdicts where it is surest, the deep one's for the rest, by the share that the fast one keeps; on other
    writers' batches, by register. `ms` is what a reply costs each engine."""
    scored = [e for e in examples if not e.contested]
    replies = [e.as_reply for e in scored]
    was = np.array([e.pushing for e in scored])
    register = np.array([e.register for e in scored])
    called, distance = {}, {}
    for name, checker in engines.items():
        verdicts = checker.check_many(replies, reasons=False)
        p, t = np.array([v.probability for v in verdicts]), checker.engine.threshold_
        called[name] = p >= t
        distance[name] = np.abs(np.log(p / (1 - p)) - np.log(t / (1 - t)))
    found = []
    for share in (1.0, 0.75, 0.5, 0.25, 0.0):
        kept = distance["fast"] >= np.quantile(distance["fast"], 1 - share) if share else np.zeros(len(was), dtype=bool)
        said = np.where(kept, called["fast"], called["deep"])
        time_of_each = ms["deep"] if not share else ms["fast"] + (1 - share) * ms["deep"]
        found.append(
            {
                "fast_keeps": share,
                "macro_f1": round(macro_f1(was, said), 3),
                "macro_f1_by_register": {
                    r: round(macro_f1(was[register == r], said[register == r]), 3)
                    for r in REGISTERS
                    if (register == r).any()
                },
                "per_second": round(1000 / time_of_each),
            }
        )
    return found


def ablate(
    examples: Sequence[Example],
    messages: Sequence[LabelledMessage],
    dev: Sequence[Example],
    encoder: CorpusEncoder | None,
    engines: dict[str, Checker],
    say: Say = lambda _: None,
) -> Record:
    """The whole record; `engines` are the shipped ones by name, for their cost."""
    kept = [e for e in examples if not e.contested]
    record: Record = {"replies": len(kept), "batches": len({e.batch for e in kept}), "engines": {}}
    table = None
    for name, source in {"fast": None, **({"deep": encoder} if encoder else {})}.items():
        say(f"the {name} engine")
        table, _ = prepare(kept, messages, source)
        held_out = folds(table.group, 0)
        record["engines"][name] = {
            "pieces": pieces(table, held_out, say),
            "moves_of_readers": moves_of_readers(table, held_out),
            "register_left_out": left_out(table, say),
        }
        if source is None:
            record["engines"][name]["learning_curve"] = learning_curve(examples, messages, dev, say)
    assert table is not None  # noqa: S101 - the fast engine is always there
    record["beside"] = beside(table, folds(table.group, 0), engines, say)
    ms = {
        name: _cost(lambda some, c=checker: c.check_many(some, reasons=False), kept)  # type: ignore[misc]
        for name, checker in engines.items()
    }
    if len(engines) > 1:
        record["cascade"] = cascade(engines, dev, ms)
    for name, cost in ms.items():
        whole = {k: v for k, v in record["engines"][name]["pieces"][0].items() if k in _SCORES}
        record["beside"].append({"model": f"the {name} engine", **whole, "ms": cost})
    return record


def _row(*cells: object) -> str:
    return "| " + " | ".join(f"{c:.3f}" if isinstance(c, float) else str(c) for c in cells) + " |"


def _head(*cells: str) -> list[str]:
    return ["", _row(*cells), _row(*["---"] * len(cells))]


def _of(row: Record) -> list[object]:
    return [row["macro_f1"], row["auc"], *(row["auc_by_register"][r] for r in REGISTERS), row["pairs"]]


def render(record: Record) -> str:
    """The record as a page of Markdown."""
    scores = ["macro-F1", "AUC", *(f"AUC, {r}" for r in REGISTERS), "pairs right"]
    lines = [
        "# What each piece buys",
        "",
        f"Made by `make ablation` from the {record['batches']} training batches ({record['replies']:,} replies that are not contested): everything is out of fold, "
        "folds are whole writers' batches, every row has the same folds, and the kind of each message is given. Differences under a hundredth are noise. "
        "*Pairs right* is the share of minimal pairs with both sides right; *moves right* the share of sentences whose move is the agreed one.",
        "",
        "## Whole models",
        "",
        "Simpler ones beside the two engines. *ms* is the time of a reply on one core of the machine that made this page, batches of "
        f"{TIMED}. The fine-tuned encoder's outputs are those of encoders that had seen half of the batches, never the reply's own.",
        *_head("model", *scores, "ms"),
        *(_row(r["model"], *_of(r), f"{r['ms']:.2f}") for r in record["beside"]),
    ]
    for name, engine in record["engines"].items():
        whole = engine["pieces"][0]
        lines += [
            "",
            f"## The {name} engine without …",
            *_head("without", "moves right", *scores),
            *(_row(r["without"], r["moves_right"], *_of(r)) for r in engine["pieces"]),
            _row("*the label from the moves that readers gave*", 1.0, *_of(engine["moves_of_readers"])),
            "",
            "Calibration error at a base rate of one in five, in ten bins: "
            + ", ".join(f"{k} {v:.3f}" for k, v in whole["calibration"].items())
            + ".",
            "",
            "With each register left out of training"
            + (" (the encoder had seen it)" if name == "deep" else "")
            + ", threshold and calibration included:",
            *_head("register", "replies", "macro-F1", "AUC", "AUC with its other batches in training"),
            *(
                _row(r["register"], r["replies"], r["macro_f1"], r["auc"], whole["auc_by_register"][r["register"]])
                for r in engine["register_left_out"]
            ),
        ]
        if "learning_curve" in engine:
            lines += [
                "",
                f"By the number of training batches, on the development batches (each size the mean of {CURVE_DRAWS} draws):",
                *_head("batches", "replies", "macro-F1", "AUC"),
                *(_row(r["batches"], f"{r['replies']:,}", r["macro_f1"], r["auc"]) for r in engine["learning_curve"]),
            ]
    if "cascade" in record:
        lines += [
            "",
            "## A cascade",
            "",
            "The fast engine's verdict where its probability is farthest from its threshold, the deep one's for the others; development batches, replies a second "
            "on one core. The engine `cascade` keeps what lies a fixed distance away; the model's card says how right it is.",
            *_head("kept by the fast engine", "macro-F1", *(f"macro-F1, {r}" for r in REGISTERS), "replies a second"),
            *(
                _row(f"{r['fast_keeps']:.0%}", r["macro_f1"], *r["macro_f1_by_register"].values(), r["per_second"])
                for r in record["cascade"]
            ),
        ]
    return "\n".join(lines) + "\n"
