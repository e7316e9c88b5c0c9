"""scikit-learn estimators: message kind → move of each sentence → label.

Fourth step of the walk. Each step is fitted on out-of-fold outputs of the one before it (`training` does the folds). What
a patron's message calls for is never certain, so the reply is *read* once as an answer to input and once as an
answer to a request (a social message is read with its own moves), and the readings are weighed by the kind's probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from replycheck import features, lexicon
from replycheck.codebook import MessageKind, Move, Side
from replycheck.features import Batch, Floats, Ints

KINDS: tuple[MessageKind, ...] = tuple(MessageKind)
MOVES: tuple[Move, ...] = tuple(Move)
COURTESY = np.array([m.side is Side.COURTESY for m in MOVES])
SIDES: tuple[Side, ...] = tuple(Side)
SIDE_OF_MOVE = np.array([[m.side is s for s in SIDES] for m in MOVES], dtype=np.float32)
"""(moves, sides) indicator: probabilities of moves @ this = probabilities of sides."""


_MARK = np.zeros(256, dtype=bool)
_MARK[
    [
        lexicon.CODES[n]
        for n in ["QUESTION", "EXCLAIM", "STOP", "COMMA", "COLON", "DASH", "QUOTE", "BRACKET", "BULLET", "SYMBOL"]
    ]
] = True
_WORDY = 0.6
"""Share of words among the tokens of the least wordy prose."""


class Vocabulary(BaseEstimator):
    """Which n-gram buckets of a view are kept: those seen in at least `min_groups` groups (writers' batches)."""

    def __init__(self, min_groups: int = 3, min_count: int = 4) -> None:
        self.min_groups = min_groups
        self.min_count = min_count

    def fit(self, rows: Ints, found: features.Hashes, groups: Ints) -> Vocabulary:
        """rows and buckets of every n-gram; `groups` maps a row to the number of its group."""
        pairs = np.unique(rows * (1 << features.BUCKET_BITS) + found)
        bucket, row = pairs % (1 << features.BUCKET_BITS), pairs // (1 << features.BUCKET_BITS)
        count = np.bincount(bucket, minlength=1 << features.BUCKET_BITS)
        grouped = np.unique(groups[row] * (1 << features.BUCKET_BITS) + bucket) % (1 << features.BUCKET_BITS)
        spread = np.bincount(grouped, minlength=1 << features.BUCKET_BITS)
        needed = min(self.min_groups, int(groups.max()) + 1) if len(groups) else 1
        self.kept_ = np.flatnonzero((count >= self.min_count) & (spread >= needed)).astype(np.uint32)
        return self

    def columns(self, found: features.Hashes) -> Ints:
        """Column of each bucket, -1 where it is not kept."""
        table = getattr(self, "_table", None)
        if table is None:
            table = np.full(1 << features.BUCKET_BITS, -1, dtype=np.int32)
            table[self.kept_] = np.arange(len(self.kept_))
            self._table = table
        return table[found].astype(np.int64)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_table", None)
        return state


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the move tagger and the label read of a batch of replies, whatever their messages' kinds."""

    batch: Batch
    dense: Floats
    words: Floats
    """Number of words of each sentence."""
    overlap: Floats
    """(sentences, 2): share of its telling words that the message has too; whether there is a message."""


def _telling(batch: Batch) -> NDArray[np.bool_]:
    codes = [lexicon.CODES[n] for n in ("WORD", "NAME", "PLURAL", "ED", "ING", "SERVICE", "CHANNEL", "FEEL")]
    keep = np.zeros(256, dtype=bool)
    keep[codes] = True
    return keep[batch.code]


def overlap(reply: Batch, message: Batch) -> Floats:
    """(sentences of the reply, 2): share of telling words that stand in the message; 1 where there is a message."""
    found = np.zeros((reply.sentences, 2), dtype=np.float32)
    if not reply.sentences or not message.sentences:
        return found
    theirs = message.sentence_text[message.token_sentence] << 32 | message.word.astype(np.int64)
    telling = _telling(reply)
    owner = reply.token_sentence[telling]
    ours = reply.sentence_text[owner] << 32 | reply.word[telling].astype(np.int64)
    shared = np.isin(ours, theirs[message.word > 0])
    total = np.bincount(owner, minlength=reply.sentences)
    found[:, 0] = np.bincount(owner, weights=shared, minlength=reply.sentences) / np.maximum(total, 1)
    has = np.zeros(reply.texts, dtype=np.float32)
    has[message.sentence_text] = 1
    found[:, 1] = has[reply.sentence_text]
    return found


def _neighbours(cues: Floats, text: Ints) -> tuple[Floats, Floats]:
    """Cues of the sentence before and after, zeros at the ends of a text."""
    before = np.zeros_like(cues)
    after = np.zeros_like(cues)
    if len(text) > 1:
        same = (text[1:] == text[:-1])[:, None]
        before[1:] = cues[:-1] * same
        after[:-1] = cues[1:] * same
    return before, after


def inputs(reply: Batch, message: Batch) -> Inputs:
    """Dense features of each sentence of a batch of replies, beside the messages they answer (blank where unknown)."""
    cues = features.cue_matrix(reply)
    form = features.form_matrix(reply)
    shared = overlap(reply, message)
    before, after = _neighbours(cues, reply.sentence_text)
    words = np.bincount(reply.token_sentence, minlength=reply.sentences).astype(np.float32) - 1
    dense = np.concatenate([cues, form, shared, 0.5 * before, 0.5 * after], axis=1)
    return Inputs(reply, dense, words, shared)


class MessageKindClassifier(ClassifierMixin, BaseEstimator):
    """What a patron's message calls for, from its cues, length and n-grams."""

    def __init__(self, C: float = 0.3, min_groups: int = 2) -> None:
        self.C = C
        self.min_groups = min_groups

    def _dense(self, batch: Batch) -> Floats:
        cues = features.cue_matrix(batch)
        count = np.bincount(batch.sentence_text, minlength=batch.texts)
        found = np.zeros((batch.texts, cues.shape[1] + 4), dtype=np.float32)
        np.maximum.at(found[:, : cues.shape[1]], batch.sentence_text, cues)
        words = np.bincount(batch.sentence_text[batch.token_sentence], minlength=batch.texts) - count
        last = np.cumsum(count) - 1
        asks = features.CUE_COLUMN["question"]
        filled = count > 0
        found[:, -4] = np.log1p(words) / 3
        found[:, -3] = np.log1p(count) / 2
        found[filled, -2] = cues[last[filled], asks]
        found[filled, -1] = cues[(last - count + 1)[filled], asks]
        return found

    def _sparse(self, batch: Batch) -> sparse.csr_matrix:
        parts = []
        for view, vocabulary in zip((features.WORDS, features.DELEXICALISED), self.vocabularies_, strict=True):
            rows, found = features.buckets(batch, view, batch.sentence_text)
            parts.append(
                0.5 * features.indicator(rows, vocabulary.columns(found), (batch.texts, len(vocabulary.kept_)))
            )
        return sparse.hstack(parts, format="csr", dtype=np.float32)

    def fit(self, batch: Batch, y: Sequence[MessageKind], groups: Ints) -> MessageKindClassifier:
        """`batch` of messages, their kinds, and the number of each one's group."""
        self.vocabularies_ = []
        for view in (features.WORDS, features.DELEXICALISED):
            rows, found = features.buckets(batch, view, batch.sentence_text)
            self.vocabularies_.append(Vocabulary(self.min_groups, 3).fit(rows, found, groups))
        self.classes_ = np.arange(len(KINDS))
        target = np.array([KINDS.index(k) for k in y])
        matrix = sparse.hstack([sparse.csr_matrix(self._dense(batch)), self._sparse(batch)], format="csr")
        model = LogisticRegression(C=self.C, max_iter=400).fit(matrix, target)
        coef, self.intercept_ = _all_classes(model, len(KINDS))
        self.coef_ = np.ascontiguousarray(coef.T)
        return self

    def predict_proba(self, batch: Batch) -> Floats:
        """(texts, 3) in the order of `KINDS`."""
        if not batch.sentences:
            return np.tile(_softmax(self.intercept_), (batch.texts, 1))
        dense = self._dense(batch)
        width = dense.shape[1]
        return _softmax(dense @ self.coef_[:width] + self._sparse(batch) @ self.coef_[width:] + self.intercept_)


def _softmax(log_odds: Floats) -> Floats:
    power: Floats = np.exp(log_odds - log_odds.max(axis=-1, keepdims=True))
    power /= power.sum(axis=-1, keepdims=True)
    return power


def _all_classes(model: LogisticRegression, count: int) -> tuple[Floats, Floats]:
    """Coefficients with a row for every class, also one that the data did not have (very unlikely) or two of two."""
    coef = np.zeros((count, model.coef_.shape[1]), dtype=np.float32)
    intercept = np.full(count, -20.0, dtype=np.float32)
    if len(model.classes_) == 2:
        coef[model.classes_[1]] = model.coef_[0]
        intercept[model.classes_] = [0.0, model.intercept_[0]]
    else:
        coef[model.classes_] = model.coef_
        intercept[model.classes_] = model.intercept_
    return coef, intercept


class MoveTagger(ClassifierMixin, BaseEstimator):
    """The move of each sentence, seen with its place, its neighbours' cues, and what the message calls for."""

    VIEWS = ((features.DELEXICALISED, 0.6), (features.WORDS, 0.4), (features.STEMS, 0.4))
    """Families of n-grams and the weight of each one's indicator: lexical ones count less, since topics change."""

    def __init__(self, C: float = 0.5, min_groups: int = 3) -> None:
        self.C = C
        self.min_groups = min_groups

    def _sparse(self, given: Inputs) -> sparse.csr_matrix:
        rows = given.batch.sentences
        parts = []
        for (view, weight), vocabulary in zip(self.VIEWS, self.vocabularies_, strict=True):
            owner, found = features.buckets(given.batch, view)
            parts.append(
                np.float32(weight) * features.indicator(owner, vocabulary.columns(found), (rows, len(vocabulary.kept_)))
            )
        return sparse.hstack(parts, format="csr", dtype=np.float32)

    @staticmethod
    def _with_kind(given: Inputs, kind: Ints) -> Floats:
        """Kind one-hot, and the cues under a request: the only part that turns with the message's kind."""
        cues = given.dense[:, : len(features.CUES)]
        asked = (kind == KINDS.index(MessageKind.REQUEST))[:, None]
        one_hot = np.eye(len(KINDS), dtype=np.float32)[kind]
        return np.concatenate([2 * one_hot, cues * asked], axis=1).astype(np.float32)

    def fit(
        self,
        given: Inputs,
        kind: Ints,
        moves: Ints,
        groups: Ints,
        weight: Floats | None = None,
        rows: Ints | None = None,
    ) -> MoveTagger:
        """`kind` of each sentence's message, the numbers of its move and group; `rows` picks the sentences learned from
        (a sentence may be named twice, with two moves and two weights)."""
        self.vocabularies_ = []
        for view, _ in self.VIEWS:
            owner, found = features.buckets(given.batch, view)
            chosen = np.ones(given.batch.sentences, dtype=bool)
            if rows is not None:
                chosen = np.isin(np.arange(given.batch.sentences), rows)
            keep = chosen[owner]
            self.vocabularies_.append(Vocabulary(self.min_groups).fit(owner[keep], found[keep], groups))
        owner, found = features.buckets(given.batch, features.SINGLE_WORDS)
        self.known_ = Vocabulary(min_groups=1, min_count=1).fit(owner, found, groups)
        dense = np.concatenate([given.dense, self._with_kind(given, kind)], axis=1)
        matrix = sparse.hstack([sparse.csr_matrix(dense), self._sparse(given)], format="csr")
        if rows is not None:
            matrix = matrix[rows]
        model = LogisticRegression(C=self.C, max_iter=120, tol=1e-3).fit(matrix, moves, sample_weight=weight)
        coef, self.intercept_ = _all_classes(model, len(MOVES))
        parts = np.split(coef.T, [given.dense.shape[1], dense.shape[1]])
        self.dense_coef_, self.kind_coef_, self.coef_ = (np.ascontiguousarray(part) for part in parts)
        self.classes_ = np.arange(len(MOVES))
        return self

    def familiar(self, batch: Batch) -> Floats:
        """(texts,) share of the words that stand in the corpus, less where marks outnumber words as they do in code;
        0 for a text without words."""
        rows, found = features.buckets(batch, features.SINGLE_WORDS)
        mark = _MARK[batch.code[batch.word > 0]]
        text = batch.sentence_text[rows]
        known = (self.known_.columns(found) >= 0) & ~mark
        words = np.bincount(text, weights=~mark, minlength=batch.texts)
        tokens = np.bincount(text, minlength=batch.texts)
        share = np.bincount(text, weights=known, minlength=batch.texts) / np.maximum(words, 1)
        return (share * np.minimum(1, words / np.maximum(tokens, 1) / _WORDY)).astype(np.float32)

    def readings(self, given: Inputs) -> Floats:
        """(kinds, sentences, moves) probabilities for each kind that a message may have, in the order of `KINDS`."""
        base = given.dense @ self.dense_coef_ + self._sparse(given) @ self.coef_ + self.intercept_
        found = np.empty((len(KINDS), *base.shape), dtype=np.float32)
        cues = given.dense[:, : len(features.CUES)]
        for k, kind in enumerate(KINDS):
            np.add(base, 2 * self.kind_coef_[k], out=found[k])
            if kind is MessageKind.REQUEST:
                found[k] += cues @ self.kind_coef_[len(KINDS) :]
        return _softmax(found)


def summarise(moves: Floats, words: Floats, text: Ints, texts: int) -> Floats:
    """(…, texts, columns) what the order and weight of a reply's moves say: shares of words, first, last, strongest.

    `moves` (…, sentences, moves) are probabilities, `words` and `text` give each sentence's length and text; leading
    axes (the readings) are kept.
    """
    found = np.zeros((*moves.shape[:-2], texts, 4 * len(MOVES) + 1), dtype=np.float32)
    if not len(text):
        return found
    begins = np.flatnonzero(np.concatenate([[True], text[1:] != text[:-1]]))
    filled = text[begins]
    telling = np.where(COURTESY, np.float32(0), moves)
    share = np.add.reduceat(words[:, None] * telling, begins, axis=-2)
    remainder = share.sum(axis=-1, keepdims=True)
    courtesy = np.log(np.clip(moves[..., COURTESY].sum(axis=-1), 1e-6, 1 - 1e-6).astype(np.float64))
    first = _ordered(telling, courtesy, begins)
    # the same from the end: positions counted backwards
    back = len(text) - np.concatenate([begins[1:], [len(text)]])[::-1]
    last = _ordered(telling[..., ::-1, :], courtesy[..., ::-1], back)[..., ::-1, :]
    found[..., filled, :] = np.concatenate(
        [
            share / np.maximum(remainder, 1e-6),
            first,
            0.5 * last,
            np.maximum.reduceat(moves, begins, axis=-2),
            np.log1p(remainder) / 4,
        ],
        axis=-1,
    )
    return found


def _ordered(telling: Floats, courtesy: NDArray[np.float64], begins: Ints) -> Floats:
    """Expected move of the first sentence that is not courtesy; `courtesy` are log-probabilities."""
    running = np.cumsum(courtesy, axis=-1) - courtesy
    width = np.diff(np.concatenate([begins, [courtesy.shape[-1]]]))
    passed = np.exp(running - np.repeat(running[..., begins], width, axis=-1)).astype(np.float32)
    found: Floats = np.add.reduceat(telling * passed[..., None], begins, axis=-2)
    return found


class LabelHead(ClassifierMixin, BaseEstimator):
    """The probability of pushing, from the order and weight of the moves under one reading of the message."""

    def __init__(self, C: float = 0.3) -> None:
        self.C = C

    @staticmethod
    def matrix(summary: Floats, kind: Ints, known: Floats) -> Floats:
        """(texts, …) summary, kind, whether the message is known, and the summary's shares under a request."""
        one_hot = np.eye(len(KINDS), dtype=np.float32)[kind]
        asked = (kind == KINDS.index(MessageKind.REQUEST))[:, None]
        return np.concatenate(
            [summary, one_hot, known[:, None], summary[:, : len(MOVES)] * asked], axis=1, dtype=np.float32
        )

    def fit(self, summary: Floats, kind: Ints, known: Floats, pushing: NDArray[np.bool_], weight: Floats) -> LabelHead:
        """Summaries under the true kind of each message."""
        model = LogisticRegression(C=self.C, max_iter=1000).fit(
            self.matrix(summary, kind, known), pushing, sample_weight=weight
        )
        self.coef_ = model.coef_[0].astype(np.float32)
        self.intercept_ = float(model.intercept_[0])
        self.classes_ = np.array([False, True])
        return self

    def decision_function(self, summary: Floats, kind: Ints, known: Floats) -> Floats:
        """Log-odds of pushing."""
        found: Floats = self.matrix(summary, kind, known) @ self.coef_ + np.float32(self.intercept_)
        return found


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the engine says of a batch, as arrays; `checker` makes verdicts of it."""

    probability: Floats
    """(texts,) calibrated probability of pushing."""
    readings: Floats
    """(texts, kinds) the same under each reading of the message."""
    kind: Floats
    """(texts, kinds) probability of each kind; all on `input` where there is no message."""
    known: NDArray[np.bool_]
    """(texts,) whether there is a message."""
    moves: Floats
    """(sentences, moves) probabilities, the readings weighed by kind."""
    tagged: Floats
    """(kinds, sentences, moves) under each reading."""
    words: Floats
    """(sentences,) number of words."""
    referral: NDArray[np.bool_]
    """(sentences,) a referral that must be made."""
    familiar: Floats
    """(texts,) share of the words that the model has learned from."""


class Engine(BaseEstimator):
    """The three steps together, with calibration: the *fast* engine (cues and n-grams; no encoder)."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def assemble(
        self,
        kind: MessageKindClassifier,
        tagger: MoveTagger,
        head: LabelHead,
        slope: float,
        offset: float,
        threshold: float,
        band: float,
    ) -> Engine:
        """Take over the fitted steps; `slope` and `offset` calibrate log-odds, `band` is the half-width, in calibrated
        log-odds, of the region round the threshold in which the verdict is unsure."""
        self.kind_, self.tagger_, self.head_ = kind, tagger, head
        self.slope_, self.offset_, self.threshold_, self.band_ = slope, offset, threshold, band
        return self

    def judge(self, reply: Batch, message: Batch, referral: NDArray[np.bool_]) -> Judgement:
        """Probabilities for a batch of replies; `message` holds the message of each, blank where unknown."""
        given = inputs(reply, message)
        known = (np.bincount(message.sentence_text, minlength=reply.texts) > 0).astype(np.float32)
        kind = self.kind_.predict_proba(message)
        kind[known == 0] = np.eye(len(KINDS), dtype=np.float32)[KINDS.index(MessageKind.INPUT)]
        readings = self.tagger_.readings(given)
        readings[:, referral] = np.eye(len(MOVES), dtype=np.float32)[MOVES.index(Move.HANDS_OVER)]
        return Judgement(
            *self.weigh(readings, given.words, reply.sentence_text, kind, known),
            kind=kind,
            known=known > 0,
            tagged=readings,
            words=given.words,
            moves=np.einsum("ksm,sk->sm", readings, kind[reply.sentence_text]),
            referral=referral,
            familiar=self.tagger_.familiar(reply),
        )

    def weigh(self, tagged: Floats, words: Floats, text: Ints, kind: Floats, known: Floats) -> tuple[Floats, Floats]:
        """(probability, (texts, kinds) probability under each reading) from the moves under each reading."""
        summary = summarise(tagged, words, text, len(known))
        found = np.empty((len(known), len(KINDS)), dtype=np.float32)
        for k in range(len(KINDS)):
            found[:, k] = self.head_.decision_function(summary[k], np.full(len(known), k), known)
        found = 1 / (1 + np.exp(-(self.slope_ * found + self.offset_)))
        return (found * kind).sum(axis=1), found
