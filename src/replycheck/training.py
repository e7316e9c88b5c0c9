"""Corpus → fitted, calibrated, thresholded engine.

Beside the walk. Every step is fitted on out-of-fold outputs of the step before it, folds grouped by writer's batch;
calibration and threshold are chosen on the out-of-fold probabilities of the whole chain. An example whose sentences have no
moves teaches no moves: it is read by taggers that have not seen its batch, and its label teaches the steps after them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from replycheck.classifier import (
    KINDS,
    MOVES,
    Engine,
    Inputs,
    LabelHead,
    MessageKindClassifier,
    MoveTagger,
    ReplyReader,
    inputs,
    read_sentences,
    read_whole,
    summarise,
)
from replycheck.codebook import MessageKind
from replycheck.corpus import Example, LabelledMessage, LabelledSentence, learnable
from replycheck.encoder import CorpusEncoder, Encoded, OutOfFold, Spans, key_of
from replycheck.errors import CorpusError
from replycheck.features import Batch, Floats, Ints, Tokens
from replycheck.referral import referrals
from replycheck.text import make_nlp

BASE_RATE = 0.2
"""Share of pushing replies that calibration and threshold are made for: what 129 real comment-and-reply pairs showed."""
FOLDS = 5
COVERAGE = 0.87
"""Share of replies that the band round the threshold leaves sure."""


Progress = Callable[[str, int, int], None]
"""Told the name of a step, how many of its parts are done, and of how many."""


def silent(step: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Table:
    """The corpus as arrays: what every fold takes its part of."""

    examples: list[Example]
    reply: Batch
    message: Batch
    given: Inputs
    encoded: Encoded | None
    group: Ints
    kind: Ints
    """(texts,) true kind; `input` where there is no message, as the codebook says."""
    pushing: NDArray[np.bool_]
    weight: Floats
    """(texts,) how often each counts."""
    move: Ints
    """(sentences,) agreed move; -1 where a sentence has none."""
    other: Ints
    """(sentences,) the move that the second reader gave, or -1."""
    referral: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class MessageTable:
    """Messages with their kinds: those of the replies, and those on their own."""

    batch: Batch
    encoded: Floats | None
    """(messages, kinds) what the encoder says of each."""
    kind: list[MessageKind]
    group: Ints


def _numbers(names: Sequence[str]) -> Ints:
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)


def align(batch: Batch, examples: Sequence[Example]) -> tuple[Ints, Ints]:
    """(agreed move, other move) of each sentence found, by the labelled sentence that it shares most characters with."""
    move = np.full(batch.sentences, -1, dtype=np.int64)
    other = np.full(batch.sentences, -1, dtype=np.int64)
    for i, (t, a, b) in enumerate(
        zip(batch.sentence_text.tolist(), batch.start.tolist(), batch.end.tolist(), strict=True)
    ):
        best = 0
        for s in examples[t].sentences:
            if (shared := min(s.end, b) - max(s.start, a)) > best:
                best, move[i] = shared, MOVES.index(s.move)
                other[i] = MOVES.index(s.other) if s.other else -1
    return move, other


def tabulate(examples: Sequence[Example], tokens: Tokens, encoder: CorpusEncoder | None = None) -> Table:
    """Arrays of the examples; CorpusError if there is nothing to learn from."""
    examples = list(examples)
    if len({e.label for e in examples}) < 2:
        raise CorpusError("both labels are needed to train")
    if len({e.batch for e in examples}) < 2:
        raise CorpusError("at least two batches (groups) are needed to train")
    reply = tokens.batch([e.reply for e in examples])
    message = tokens.batch([e.patron_message for e in examples])
    move, other = align(reply, examples)
    encoded = None
    if encoder is not None:
        encoded = encoder.encode(Spans.of(reply), [e.reply for e in examples], [e.patron_message for e in examples])
    return Table(
        examples=examples,
        reply=reply,
        message=message,
        given=inputs(reply, message, encoded),
        encoded=encoded,
        group=_numbers([e.batch for e in examples]),
        kind=np.array([KINDS.index(e.message_kind or MessageKind.INPUT) for e in examples]),
        pushing=np.array([e.pushing for e in examples]),
        weight=np.array([e.weight for e in examples], dtype=np.float32),
        move=move,
        other=other,
        referral=referrals(reply, [e.reply for e in examples]),
    )


def tabulate_messages(
    table: Table, messages: Sequence[LabelledMessage], tokens: Tokens, encoder: CorpusEncoder | None = None
) -> MessageTable:
    """Arrays of all messages whose kind is known; the same message under two replies counts once."""
    rows: list[tuple[str, MessageKind, str]] = []
    chosen: list[int] = []
    seen: set[str] = set()
    for i, e in enumerate(table.examples):
        if e.message_kind is not None and e.patron_message not in seen:
            seen.add(e.patron_message)
            chosen.append(i)
            rows.append((e.patron_message, e.message_kind, e.batch))
    rows += [(m.message, m.message_kind, m.batch) for m in messages]
    encoded = None
    if encoder is not None and table.encoded is not None:
        alone = encoder.encode(Spans.none(), [""] * len(messages), [m.message for m in messages])
        encoded = np.concatenate([table.encoded.kinds[chosen], alone.kinds])
    return MessageTable(
        tokens.batch([r[0] for r in rows]),
        encoded,
        [r[1] for r in rows],
        _numbers([r[2] for r in rows]),
    )


def guess_kinds(table: Table, classifier: MessageKindClassifier) -> Table:
    """The table with the likeliest kind of each message whose kind nobody gave."""
    unknown = np.array([e.message_kind is None and bool(e.patron_message.strip()) for e in table.examples])
    if not unknown.any():
        return table
    said = classifier.predict_proba(table.message, table.encoded.kinds if table.encoded is not None else None)
    return replace(table, kind=np.where(unknown, said.argmax(axis=1), table.kind))


def prepare(
    examples: Sequence[Example], messages: Sequence[LabelledMessage], encoder: CorpusEncoder | None
) -> tuple[Table, MessageKindClassifier]:
    """Arrays of the examples, every message with a kind, and the fitted classifier of kinds."""
    tokens = Tokens(make_nlp())
    table = tabulate(examples, tokens, encoder)
    spoken = tabulate_messages(table, messages, tokens, encoder)
    kinds = MessageKindClassifier().fit(spoken.batch, spoken.kind, spoken.group, spoken.encoded)
    return guess_kinds(table, kinds), kinds


# --- fitting each step -------------------------------------------------------------------------------------------


def fit_tagger(table: Table, texts: NDArray[np.bool_], tagger: MoveTagger | None = None) -> MoveTagger:
    """A tagger (like `tagger`) from the sentences of the chosen texts; where two readers differ both moves count by half."""
    rows = np.flatnonzero(texts[table.reply.sentence_text] & (table.move >= 0))
    split = rows[table.other[rows] >= 0]
    text = table.reply.sentence_text
    found: MoveTagger = clone(tagger or MoveTagger())
    return found.fit(
        table.given,
        table.kind[text],
        np.concatenate([table.move[rows], table.other[split]]),
        table.group[text],
        np.concatenate([np.where(table.other[rows] >= 0, 0.5, 1.0), np.full(len(split), 0.5)])
        * table.weight[text[np.concatenate([rows, split])]],
        np.concatenate([rows, split]),
    )


def read_moves(tagger: MoveTagger, table: Table) -> Floats:
    """(sentences, moves) probabilities under the true kind of each message."""
    readings = tagger.readings(table.given)
    moves: Floats = readings[table.kind[table.reply.sentence_text], np.arange(table.reply.sentences)]
    moves[table.referral] = 0
    moves[table.referral, [str(m) for m in MOVES].index("hands_over")] = 1
    return moves


def fit_reader(table: Table, texts: NDArray[np.bool_]) -> ReplyReader:
    """A reader from the chosen texts, both labels weighing the same."""
    weight = rate_weights(table.pushing, 0.5, table.weight)
    chosen = np.flatnonzero(texts)
    return ReplyReader().fit(table.reply, table.given.words, table.pushing, weight, table.group, chosen)


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tagger, and what taggers that had not seen a reply's batch said of each reply that it learned from. Whoever trains on the same replies
    with moves, and others without, takes both over: replies without moves teach a tagger nothing, and fitting it takes most of the time."""

    tagger: MoveTagger
    out_of_fold: OutOfFold

    @classmethod
    def collect(cls, tagger: MoveTagger, table: Table, moves: Floats) -> Tagged:
        """From the moves, out of fold, of every sentence of the table."""
        bounds, nothing = Spans.of(table.reply).bounds(table.reply.texts), np.zeros(0, dtype=np.float32)
        return cls(
            tagger, OutOfFold({k: (moves[bounds[i] : bounds[i + 1]], nothing) for i, k in taught(table.examples)})
        )

    def moves(self, table: Table) -> Floats | None:
        """(sentences, moves) of the table, out of fold; None where its replies with moves are not those that the tagger learned from."""
        known = taught(table.examples)
        if {k for _, k in known} != set(self.out_of_fold.found):
            return None
        found = read_moves(self.tagger, table)
        bounds = Spans.of(table.reply).bounds(table.reply.texts)
        for i, k in known:
            said = self.out_of_fold.found[k][0]
            if len(said) != bounds[i + 1] - bounds[i]:  # sentence boundaries have changed since
                return None
            found[bounds[i] : bounds[i + 1]] = said
        return found


def taught(examples: Sequence[Example]) -> list[tuple[int, bytes]]:
    """(number, key) of the replies with moves; the key changes with anything that a tagger learns from."""
    return [
        (
            i,
            key_of(
                e.reply, json.dumps([e.patron_message, e.message_kind, e.batch, e.weight, *map(_parts, e.sentences)])
            ),
        )
        for i, e in enumerate(examples)
        if e.sentences
    ]


def _parts(s: LabelledSentence) -> list[object]:
    return [s.start, s.end, s.move, s.other]


def _fold(
    table: Table, train: NDArray[np.bool_], test: NDArray[np.bool_], tagger: MoveTagger | None, known: Floats | None
) -> tuple[Ints, Floats, Floats]:
    rows = np.flatnonzero(test[table.reply.sentence_text])
    with threadpool_limits(1):  # sums over several threads differ in their last bits
        moves = read_moves(fit_tagger(table, train, tagger), table) if known is None else known
        return rows, moves[rows], read_sentences(fit_reader(table, train), table.reply, table.encoded)[rows]


def _whole(table: Table, tag: bool) -> tuple[MoveTagger | None, ReplyReader]:
    """The tagger, if one is wanted, and the reader that ship."""
    everything = np.ones(len(table.examples), dtype=bool)
    with threadpool_limits(1):
        return fit_tagger(table, everything) if tag else None, fit_reader(table, everything)


def folds(group: Ints, seed: int, count: int = FOLDS) -> list[NDArray[np.bool_]]:
    """One mask of held-out rows a fold; a group is never split."""
    count = min(count, len(np.unique(group)))
    found = []
    for _, test in GroupKFold(count, shuffle=True, random_state=seed).split(group, groups=group):
        mask = np.zeros(len(group), dtype=bool)
        mask[test] = True
        found.append(mask)
    return found


def out_of_fold(
    table: Table,
    held_out: Sequence[NDArray[np.bool_]],
    jobs: int,
    progress: Progress = silent,
    tagger: MoveTagger | None = None,
) -> tuple[Floats, Floats]:
    """(moves, read) of every sentence, from a tagger and readers that have not seen its batch."""
    return _placed(table, _done(_folds(table, held_out, tagger, None), jobs, progress))


def _folds(
    table: Table, held_out: Sequence[NDArray[np.bool_]], tagger: MoveTagger | None, known: Floats | None
) -> list[Any]:
    return [delayed(_fold)(table, ~test, test, tagger, known) for test in held_out]


def _done(calls: Sequence[Any], jobs: int, progress: Progress) -> list[Any]:
    """What the calls give, in order."""
    step, found = "fitting, with and without each fold", []
    progress(step, 0, len(calls))
    for result in Parallel(n_jobs=jobs, return_as="generator")(calls):
        found.append(result)
        progress(step, len(found), len(calls))
    return found


def _placed(table: Table, folds: Sequence[tuple[Ints, Floats, Floats]]) -> tuple[Floats, Floats]:
    moves = np.zeros((table.reply.sentences, len(MOVES)), dtype=np.float32)
    read = np.zeros((table.reply.sentences, 1 if table.encoded is None else 2), dtype=np.float32)
    for rows, tagged, scored in folds:
        moves[rows], read[rows] = tagged, scored
    return moves, read


def head_log_odds(
    table: Table, held_out: Sequence[NDArray[np.bool_]], summary: Floats, read: Floats
) -> NDArray[np.float64]:
    """(texts,) log-odds of pushing, from heads that have not seen the text's batch; `summary` and `read` are out of fold too."""
    weight = rate_weights(table.pushing, 0.5, table.weight)
    log_odds = np.zeros(len(table.examples), dtype=np.float64)
    for test in held_out:
        fit = ~test
        head = LabelHead().fit(summary[fit], read[fit], table.kind[fit], table.pushing[fit], weight[fit])
        log_odds[test] = head.decision_function(summary[test], read[test], table.kind[test])
    return log_odds


def rate_weights(pushing: NDArray[np.bool_], rate: float = BASE_RATE, weight: Floats | None = None) -> Floats:
    """Weights that make the share of pushing replies `rate`, and sum to the number of replies; with `weight`, how often each
    counts, to the sum of that."""
    each = np.ones(len(pushing)) if weight is None else weight.astype(np.float64)
    share = each[pushing].sum() / each.sum()
    found: Floats = (each * np.where(pushing, rate / share, (1 - rate) / (1 - share))).astype(np.float32)
    return found


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted engine, the out-of-fold probabilities that it was calibrated and thresholded on, and what retraining takes over."""

    engine: Engine
    out_of_fold: Floats
    tagged: Tagged


def train(
    examples: Sequence[Example],
    messages: Sequence[LabelledMessage] = (),
    *,
    encoder: CorpusEncoder | None = None,
    tagged: Tagged | None = None,
    seed: int = 0,
    jobs: int = 2,
    progress: Progress = silent,
) -> Trained:
    """Fit the whole chain: the deep engine with an encoder, else the fast one. What is learned from is told by `learnable`; `tagged`, of an
    earlier training of the same engine, is taken over where it would come out the same."""
    with threadpool_limits(1):
        return _train(examples, messages, encoder, tagged, seed, jobs, progress)


def _train(
    examples: Sequence[Example],
    messages: Sequence[LabelledMessage],
    encoder: CorpusEncoder | None,
    tagged: Tagged | None,
    seed: int,
    jobs: int,
    progress: Progress,
) -> Trained:
    progress("reading sentences", 0, 1)
    table, kinds = prepare(learnable(examples), messages, encoder)
    progress("reading sentences", 1, 1)
    held_out = folds(table.group, seed)
    known = tagged.moves(table) if tagged else None
    # what is fitted to everything goes first, since it takes longest
    calls = [delayed(_whole)(table, known is None), *_folds(table, held_out, None, known)]
    (tagger, reader), *of_folds = _done(calls, jobs, progress)
    moves, scored = _placed(table, of_folds)
    read = read_whole(scored, table.given.words, table.reply.sentence_text, table.reply.texts)
    summary = summarise(moves, table.given.words, table.reply.sentence_text, table.reply.texts)
    log_odds = head_log_odds(table, held_out, summary, read)
    slope, offset, probability, threshold = settle(table, log_odds)
    distance = np.abs(np.log(probability / (1 - probability)) - np.log(threshold / (1 - threshold)))
    band = float(np.quantile(distance, 1 - COVERAGE))

    if tagged is None or known is None:
        tagged = Tagged.collect(tagger, table, moves)
    engine = Engine(seed).assemble(
        kinds,
        tagged.tagger,
        reader,
        LabelHead().fit(summary, read, table.kind, table.pushing, rate_weights(table.pushing, 0.5, table.weight)),
        slope,
        offset,
        threshold,
        band,
    )
    return Trained(engine, probability.astype(np.float32), tagged)


def settle(table: Table, log_odds: NDArray[np.float64]) -> tuple[float, float, NDArray[np.float64], float]:
    """(slope, offset, probabilities, threshold): calibration and threshold chosen on out-of-fold log-odds."""
    slope, offset = calibrate(log_odds, table.pushing, table.weight)
    probability = 1 / (1 + np.exp(-(slope * log_odds + offset)))
    return slope, offset, probability, choose_threshold(probability, table.pushing, table.weight)


def calibrate(
    log_odds: NDArray[np.float64], pushing: NDArray[np.bool_], weight: Floats | None = None
) -> tuple[float, float]:
    """(slope, offset) of Platt's scaling at the base rate."""
    weights = rate_weights(pushing, BASE_RATE, weight)
    model = LogisticRegression(C=100.0).fit(log_odds[:, None], pushing, sample_weight=weights)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def choose_threshold(
    probability: Floats | NDArray[np.float64], pushing: NDArray[np.bool_], weight: Floats | None = None
) -> float:
    """The threshold with the best macro-F1 at the base rate, smoothed over its neighbours so that it is not a fluke."""
    grid = np.arange(0.1, 0.81, 0.01)
    weights = rate_weights(pushing, BASE_RATE, weight)
    scores = np.array([f1_score(pushing, probability >= t, average="macro", sample_weight=weights) for t in grid])
    smooth = np.convolve(np.pad(scores, 5, mode="edge"), np.ones(11) / 11, mode="valid")
    return round(float(grid[smooth.argmax()]), 2)
