"""scikit-learn estimators: message kind → move of each sentence → label.

Fourth step of the walk. Each step is fitted on out-of-fold outputs of the one before it (`training` does the folds). What
a patron's message calls for is never certain, so the reply is *read* once as an answer to input and once as an
answer to a request (a social message is read with its own moves), and the readings are weighed by the kind's probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from math import isqrt
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from replycheck import features, lexicon
from replycheck.codebook import MessageKind, Move, Side
from replycheck.encoder import CorpusEncoder, Encoded, Encoder, Remembering, Spans
from replycheck.features import Batch, Floats, Ints

if TYPE_CHECKING:
    from scipy import sparse
    from sklearn.linear_model import LogisticRegression

KINDS: tuple[MessageKind, ...] = tuple(MessageKind)
MOVES: tuple[Move, ...] = tuple(Move)
COURTESY = np.array([m.side is Side.COURTESY for m in MOVES])
SIDES: tuple[Side, ...] = tuple(Side)
SIDE_OF_MOVE = np.array([[m.side is s for s in SIDES] for m in MOVES], dtype=np.float32)
"""(moves, sides) indicator: probabilities of moves @ this = probabilities of sides."""


_MARK = np.zeros(256, dtype=bool)
_MARK[[lexicon.CODES[name] for name in (*lexicon.MARKS, "SYMBOL", "EMOJI")]] = True
_TELLING = np.zeros(256, dtype=bool)
_TELLING[[lexicon.CODES[name] for name in "WORD NAME PLURAL ED ING SERVICE CHANNEL FEEL".split()]] = True
_ADDRESS = np.zeros(256, dtype=bool)
_ADDRESS[[lexicon.CODES[name] for name in "I WE YOU THANK SORRY GREET".split()]] = True
ENCODED_WEIGHT = np.float32(0.5)
"""Weight of the encoder's scores beside cues of 0 or 1."""
_FINE = 2.0**32
"""Parts of one in which log-probabilities are added up."""
_WORDY = 0.6
"""Share of words among the tokens of the least wordy prose."""


class Estimator:
    """scikit-learn's contract for the parameters of an estimator. scikit-learn itself is imported where something is fitted: its import
    takes longer than judging a reply from cold."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What the constructor was given, by name."""
        return {name: getattr(self, name) for name in signature(type(self)).parameters}


def _distinct(numbers: Ints) -> Ints:
    """`np.unique`, which hashes, and with tens of millions of numbers spends a third of the training on that; to sort them, here in place,
    is several times as fast."""
    numbers.sort()
    return numbers[np.diff(numbers, prepend=-1) > 0]


class Ngrams(Estimator):
    """N-grams of several views as columns: the buckets seen in at least `min_groups` groups (writers' batches), in fewer
    where there are not many.

    `views` names pairs of a view and the weight of its indicator in `VIEWS`.
    """

    VIEWS: ClassVar[dict[str, tuple[tuple[features.View, float], ...]]] = {
        # lexical n-grams count less, since topics change
        "moves": ((features.DELEXICALISED, 0.6), (features.WORDS, 0.4), (features.STEMS, 0.4)),
        "moves, delexicalised": ((features.DELEXICALISED, 0.6),),
        "moves, lexical": ((features.WORDS, 0.4), (features.STEMS, 0.4)),
        "kind": ((features.WORDS, 0.5), (features.DELEXICALISED, 0.5)),
        "reply": ((features.CHARACTERS, 1.0),),
        "known": ((features.SINGLE_WORDS, 1.0),),
        "usual": ((features.WORD_PAIRS, 1.0),),
    }

    def __init__(self, views: str, min_groups: int, min_count: int) -> None:
        self.views = views
        self.min_groups = min_groups
        self.min_count = min_count

    def fit(self, batch: Batch, owner: Ints, group: Ints, chosen: NDArray[np.bool_] | None = None) -> Ngrams:
        """`owner` maps a sentence to its row, `group` a row to the number of its group; `chosen` rows are learned from."""
        size = 1 << features.BUCKET_BITS
        self.kept_ = []
        groups = int(group.max()) + 1 if len(group) else 1
        needed = min(self.min_groups, 1 + isqrt(groups), groups)
        for view, _ in self.VIEWS[self.views]:
            rows, found = features.buckets(batch, view, owner)
            if chosen is not None:
                rows, found = rows[chosen[rows]], found[chosen[rows]]
            pairs = _distinct(rows * size + found)
            bucket, row = pairs % size, pairs // size
            spread = np.bincount(_distinct(group[row] * size + bucket) % size, minlength=size)
            often = np.bincount(bucket, minlength=size) >= self.min_count
            self.kept_.append(np.flatnonzero(often & (spread >= needed)).astype(np.uint32))
        return self

    @property
    def width(self) -> int:
        """How many columns there are."""
        return sum(map(len, self.kept_))

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_tables"}

    def _columns(self) -> list[NDArray[np.int32]]:
        """Column of each bucket of each view, -1 where it is not kept; made once, never saved."""
        if not hasattr(self, "_tables"):
            self._tables = []
            first = 0
            for kept in self.kept_:
                table = np.full(1 << features.BUCKET_BITS, -1, dtype=np.int32)
                table[kept] = np.arange(first, first + len(kept))
                first += len(kept)
                self._tables.append(table)
        return self._tables

    def find(self, batch: Batch, owner: Ints) -> tuple[Ints, NDArray[np.int32]]:
        """(row, column) of every kept n-gram, by row."""
        rows, columns = [], []
        for (view, _), table in zip(self.VIEWS[self.views], self._columns(), strict=True):
            row, found = features.buckets(batch, view, owner)
            column = table.take(found)
            kept = np.flatnonzero(column >= 0)
            rows.append(row.take(kept))
            columns.append(column.take(kept))
        if len(rows) == 1 and view is features.CHARACTERS:
            return rows[0], columns[0]  # in order already
        row = np.concatenate(rows)
        order = np.argsort(row, kind="stable")
        return row.take(order), np.concatenate(columns).take(order)

    def known(self, batch: Batch) -> tuple[Ints, NDArray[np.bool_]]:
        """(sentence, whether it is kept) of every n-gram of the first view."""
        rows, found = features.buckets(batch, self.VIEWS[self.views][0][0])
        return rows, self._columns()[0][found] >= 0

    def weights(self) -> Floats:
        """(width,) weight of each column."""
        sizes = [len(kept) for kept in self.kept_]
        return np.repeat(np.array([weight for _, weight in self.VIEWS[self.views]], dtype=np.float32), sizes)

    def matrix(self, batch: Batch, owner: Ints, count: int) -> sparse.csr_matrix:
        """(count, width): the weight of each n-gram, as often as it stands there."""
        from scipy import sparse

        row, column = self.find(batch, owner)
        pointer = np.searchsorted(row, np.arange(count + 1))
        return sparse.csr_matrix((self.weights()[column], column, pointer), shape=(count, self.width))

    def score(self, batch: Batch, owner: Ints, count: int, coef: Floats) -> Floats:
        """`matrix(…) @ coef` for coefficients (width, …) that hold the weights already. The matrix itself is not made:
        its making is most of the cost for a single reply."""
        row, column = self.find(batch, owner)
        if coef.ndim == 1:
            return np.bincount(row, weights=coef.take(column), minlength=count).astype(np.float32)
        total = np.zeros((count, coef.shape[1]), dtype=np.float32)
        if len(row):
            begins = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
            total[row[begins]] = np.add.reduceat(coef.take(column, axis=0), begins, axis=0)
        return total


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the move tagger and the label read of a batch of replies, whatever their messages' kinds."""

    batch: Batch
    dense: Floats
    words: Floats
    """Number of words of each sentence."""
    encoded: bool
    """Whether the last columns of `dense` are what the encoder says of each move."""


def overlap(reply: Batch, message: Batch) -> Floats:
    """(sentences of the reply, 1): share of telling words that stand in the message too."""
    if not reply.sentences or not message.sentences:
        return np.zeros((reply.sentences, 1), dtype=np.float32)
    theirs = message.sentence_text[message.token_sentence] << 32 | message.word.astype(np.int64)
    telling = _TELLING[reply.code]
    owner = reply.token_sentence[telling]
    ours = reply.sentence_text[owner] << 32 | reply.word[telling].astype(np.int64)
    shared = np.isin(ours, theirs[message.word > 0])
    total = np.bincount(owner, minlength=reply.sentences)
    share = np.bincount(owner, weights=shared, minlength=reply.sentences) / np.maximum(total, 1)
    return share[:, None].astype(np.float32)


def _neighbours(cues: Floats, text: Ints) -> tuple[Floats, Floats]:
    """Cues of the sentence before and after, zeros at the ends of a text."""
    before = np.zeros_like(cues)
    after = np.zeros_like(cues)
    if len(text) > 1:
        same = (text[1:] == text[:-1])[:, None]
        before[1:] = cues[:-1] * same
        after[:-1] = cues[1:] * same
    return before, after


def inputs(reply: Batch, message: Batch, encoded: Encoded | None = None) -> Inputs:
    """Dense features of each sentence of a batch of replies, beside the messages they answer (blank where unknown);
    with `encoded`, what the encoder says of each move stands beside the cues."""
    cues = reply.cues
    form = features.form_matrix(reply)
    shared = overlap(reply, message)
    before, after = _neighbours(cues, reply.sentence_text)
    words = np.bincount(reply.token_sentence, minlength=reply.sentences).astype(np.float32) - 1
    parts = [cues, form, shared, 0.5 * before, 0.5 * after]
    if encoded is not None:
        parts.append(ENCODED_WEIGHT * _centred(encoded.sentences[:, : len(MOVES)]))
    dense = np.concatenate(parts, axis=1)
    return Inputs(reply, dense, words, encoded is not None)


class MessageKindClassifier(Estimator):
    """What a patron's message calls for, from its cues, length and n-grams."""

    def __init__(self, C: float = 0.1, min_groups: int = 2) -> None:
        self.C = C
        self.min_groups = min_groups

    def _dense(self, batch: Batch, encoded: Floats | None) -> Floats:
        cues = batch.cues
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
        if encoded is None:
            return found
        return np.concatenate([found, ENCODED_WEIGHT * _centred(encoded)], axis=1)

    def fit(
        self, batch: Batch, y: Sequence[MessageKind], groups: Ints, encoded: Floats | None = None
    ) -> MessageKindClassifier:
        """`batch` of messages, their kinds, the number of each one's group, and what the encoder says of each kind."""
        from scipy import sparse
        from sklearn.linear_model import LogisticRegression

        self.ngrams_ = Ngrams("kind", self.min_groups, 3).fit(batch, batch.sentence_text, groups)
        self.classes_ = np.arange(len(KINDS))
        target = np.array([KINDS.index(k) for k in y])
        found = self.ngrams_.matrix(batch, batch.sentence_text, batch.texts)
        matrix = sparse.hstack([sparse.csr_matrix(self._dense(batch, encoded)), found], format="csr")
        model = LogisticRegression(C=self.C, max_iter=400).fit(matrix, target)
        coef, self.intercept_ = _all_classes(model, len(KINDS))
        self.coef_ = np.ascontiguousarray(coef.T)
        self.coef_[-self.ngrams_.width :] *= self.ngrams_.weights()[:, None]
        return self

    def predict_proba(self, batch: Batch, encoded: Floats | None = None) -> Floats:
        """(texts, 3) in the order of `KINDS`."""
        if not batch.sentences:
            return np.tile(_softmax(self.intercept_), (batch.texts, 1))
        dense = self._dense(batch, encoded)
        width = dense.shape[1]
        found = self.ngrams_.score(batch, batch.sentence_text, batch.texts, self.coef_[width:])
        return _softmax(by_row(dense, self.coef_[:width]) + found + self.intercept_)


def by_row(rows: Floats, coef: Floats) -> Floats:
    """`rows @ coef`, each row by itself: how BLAS adds a row up depends on how many there are, and a verdict must not depend on its company."""
    each = np.ascontiguousarray(rows)[..., None, :] @ coef
    found: Floats = each[..., 0, :] if coef.ndim > 1 else each[..., 0]
    return found


def _centred(scores: Floats) -> Floats:
    """Scores of a row about their mean. Log-probabilities say the same, but all sink together where one class is sure, and a model fitted
    to columns that move together takes several times as many steps."""
    found: Floats = (scores - scores.mean(axis=-1, keepdims=True)).astype(np.float32)
    return found


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


class MoveTagger(Estimator):
    """The move of each sentence, seen with its place, its neighbours' cues, and what the message calls for.

    `C` is 0.5 unless told otherwise, 0.1 where an encoder's scores stand beside the cues: they say most by themselves.
    """

    def __init__(self, C: float | None = None, min_groups: int = 6, views: str = "moves") -> None:
        self.C = C
        self.min_groups = min_groups
        self.views = views

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
        from scipy import sparse
        from sklearn.linear_model import LogisticRegression

        each = np.arange(given.batch.sentences)
        chosen = np.isin(each, rows) if rows is not None else None
        self.ngrams_ = Ngrams(self.views, self.min_groups, 4).fit(given.batch, each, groups, chosen)
        self.known_ = Ngrams("known", 1, 1).fit(given.batch, each, groups)
        self.usual_ = Ngrams("usual", 2, 2).fit(given.batch, each, groups)
        dense = np.concatenate([given.dense, self._with_kind(given, kind)], axis=1)
        found = self.ngrams_.matrix(given.batch, each, given.batch.sentences)
        matrix = sparse.hstack([sparse.csr_matrix(dense), found], format="csr")
        if rows is not None:
            matrix = matrix[rows]
        strength = self.C if self.C is not None else 0.1 if given.encoded else 0.5
        model = LogisticRegression(C=strength, max_iter=500, tol=1e-3).fit(matrix, moves, sample_weight=weight)
        coef, self.intercept_ = _all_classes(model, len(MOVES))
        parts = np.split(coef.T, [given.dense.shape[1], dense.shape[1]])
        self.dense_coef_, self.kind_coef_, self.coef_ = (np.ascontiguousarray(part) for part in parts)
        self.coef_ *= self.ngrams_.weights()[:, None]
        self.classes_ = np.arange(len(MOVES))
        return self

    def familiar(self, batch: Batch) -> Floats:
        """(texts,) share of the words that stand in the corpus, less where marks outnumber words as they do in code;
        0 for a text without words."""
        visible = batch.word > 0
        mark = _MARK[batch.code[visible]]
        text = batch.sentence_text[batch.token_sentence[visible]]
        words = np.bincount(text, weights=~mark, minlength=batch.texts)
        tokens = np.bincount(text, minlength=batch.texts)
        known = self.known_.known(batch)[1] & ~mark
        share = np.bincount(text, weights=known, minlength=batch.texts) / np.maximum(words, 1)
        return (share * np.minimum(1, words / np.maximum(tokens, 1) / _WORDY)).astype(np.float32)

    def usual(self, batch: Batch) -> Floats:
        """(texts,) share of the pairs of neighbouring words that two writers of the corpus used; 1 for a text without pairs."""
        sentence, known = self.usual_.known(batch)
        text = batch.sentence_text[sentence]
        pairs = np.bincount(text, minlength=batch.texts)
        found: Floats = np.bincount(text, weights=known, minlength=batch.texts).astype(np.float32)
        return np.where(pairs > 0, found / np.maximum(pairs, 1), np.float32(1))

    def readings(self, given: Inputs) -> Floats:
        """(kinds, sentences, moves) probabilities for each kind that a message may have, in the order of `KINDS`."""
        rows = given.batch.sentences
        base = by_row(given.dense, self.dense_coef_) + self.intercept_
        base += self.ngrams_.score(given.batch, np.arange(rows), rows, self.coef_)
        found = np.empty((len(KINDS), *base.shape), dtype=np.float32)
        cues = given.dense[:, : len(features.CUES)]
        for k, kind in enumerate(KINDS):
            np.add(base, 2 * self.kind_coef_[k], out=found[k])
            if kind is MessageKind.REQUEST:
                found[k] += by_row(cues, self.kind_coef_[len(KINDS) :])
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
    # whole numbers add up exactly, so that what stands before a text in the batch leaves no trace in its last bits
    whole = np.rint(courtesy * _FINE).astype(np.int64)
    running = np.cumsum(whole, axis=-1) - whole
    width = np.diff(np.concatenate([begins, [courtesy.shape[-1]]]))
    passed = np.exp((running - np.repeat(running[..., begins], width, axis=-1)) / _FINE).astype(np.float32)
    found: Floats = np.add.reduceat(telling * passed[..., None], begins, axis=-2)
    return found


class ReplyReader(Estimator):
    """What the words of a reply say by themselves: character n-grams, added up by sentence.

    A text's log-odds are the sum of its sentences' scores over the square root of its number of words, so that a sentence can
    be left out of a text exactly.
    """

    def __init__(self, C: float = 0.1, min_groups: int = 3) -> None:
        self.C = C
        self.min_groups = min_groups

    def fit(
        self, batch: Batch, words: Floats, pushing: NDArray[np.bool_], weight: Floats, groups: Ints, texts: Ints
    ) -> ReplyReader:
        """`texts` picks the replies learned from; `words` is the number of words of each sentence."""
        from scipy import sparse
        from sklearn.linear_model import LogisticRegression

        text = batch.sentence_text
        chosen = np.isin(np.arange(batch.texts), texts)
        self.ngrams_ = Ngrams("reply", self.min_groups, 4).fit(batch, text, groups, chosen)
        counts = self.ngrams_.matrix(batch, text, batch.texts)[texts]
        often = np.bincount(counts.indices, minlength=self.ngrams_.width)
        rarity = np.maximum(np.log((1 + len(texts)) / (1 + often)) + 1, 0.1)
        length = np.maximum(np.bincount(text, weights=words, minlength=batch.texts), 1)[texts]
        matrix = sparse.diags(length**-0.5) @ counts @ sparse.diags(rarity)
        model = LogisticRegression(C=self.C, max_iter=300).fit(matrix, pushing[texts], sample_weight=weight[texts])
        self.coef_ = (model.coef_[0] * rarity).astype(np.float32)
        self.intercept_ = float(model.intercept_[0])
        self.classes_ = np.array([False, True])
        return self

    def score_sentences(self, batch: Batch) -> Floats:
        """(sentences,) what each adds before the square root."""
        return self.ngrams_.score(batch, np.arange(batch.sentences), batch.sentences, self.coef_)


def read_sentences(reader: ReplyReader, batch: Batch, encoded: Encoded | None) -> Floats:
    """(sentences, readers) how far each sentence pushes by itself: by its characters, and as the encoder says."""
    found = [reader.score_sentences(batch)]
    if encoded is not None:
        found.append(encoded.sentences[:, len(MOVES)])
    return np.stack(found, axis=1)


def read_whole(read: Floats, words: Floats, text: Ints, texts: int) -> Floats:
    """(texts, readers) log-odds, but for a constant, from the scores of their sentences (`read_sentences`): characters add up
    over the square root of the length, the encoder's are a mean."""
    length = np.maximum(np.bincount(text, weights=words, minlength=texts), 1)
    found = [np.bincount(text, weights=read[:, 0], minlength=texts) / np.sqrt(length)]
    if read.shape[1] > 1:
        found.append(np.bincount(text, weights=read[:, 1] * words, minlength=texts) / length)
    return np.stack(found, axis=1).astype(np.float32)


class LabelHead(Estimator):
    """The probability of pushing, from the order and weight of the moves under one reading of the message."""

    def __init__(self, C: float = 0.3) -> None:
        self.C = C

    @staticmethod
    def matrix(summary: Floats, read: Floats, kind: Ints) -> Floats:
        """(texts, …) summary, what the words say by themselves, kind, and the summary's shares under a request; whether there is a message
        does not enter, since without one the same readings are judged."""
        one_hot = np.eye(len(KINDS), dtype=np.float32)[kind]
        asked = (kind == KINDS.index(MessageKind.REQUEST))[:, None]
        return np.concatenate([summary, read, one_hot, summary[:, : len(MOVES)] * asked], axis=1, dtype=np.float32)

    def fit(self, summary: Floats, read: Floats, kind: Ints, pushing: NDArray[np.bool_], weight: Floats) -> LabelHead:
        """Summaries under the true kind of each message."""
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=self.C, max_iter=1000).fit(
            self.matrix(summary, read, kind), pushing, sample_weight=weight
        )
        self.coef_ = model.coef_[0].astype(np.float32)
        self.intercept_ = float(model.intercept_[0])
        self.classes_ = np.array([False, True])
        return self

    def decision_function(self, summary: Floats, read: Floats, kind: Ints) -> Floats:
        """(texts,) log-odds of pushing."""
        found: Floats = by_row(self.matrix(summary, read, kind), self.coef_) + np.float32(self.intercept_)
        return found

    def readings(self, summary: Floats, read: Floats) -> Floats:
        """(texts, kinds) `decision_function` of the summaries (kinds, texts, …) under each reading."""
        width = summary.shape[-1]
        end = width + read.shape[1]
        own, alone, kinds, asked = np.split(self.coef_, [width, end, end + len(KINDS)])
        found = by_row(summary, own) + by_row(read, alone) + kinds[:, None] + np.float32(self.intercept_)
        request = KINDS.index(MessageKind.REQUEST)
        found[request] += by_row(summary[request, :, : len(MOVES)], asked)
        return np.ascontiguousarray(found.T)


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
    read: Floats
    """(sentences, readers) how far each pushes by itself (`read_sentences`)."""
    words: Floats
    """(sentences,) number of words."""
    referral: NDArray[np.bool_]
    """(sentences,) a referral that must be made."""
    familiar: Floats
    """(texts,) share of the words that the model has learned from."""
    usual: Floats
    """(texts,) share of the pairs of words that the model has learned from."""
    addressed: NDArray[np.bool_]
    """(texts,) whether somebody speaks to somebody: I, we, you, thanks, sorry, a greeting."""


def _moved(probability: Floats, of: float, to: float) -> Floats:
    """Probabilities of an engine with one threshold as if it had another."""
    odds = probability / np.maximum(1 - probability, 1e-9) * np.float32(to / (1 - to) / (of / (1 - of)))
    found: Floats = (odds / (1 + odds)).astype(np.float32)
    return found


class Engine(Estimator):
    """The three steps together, with calibration.

    Two engines, told apart by what they were fitted on: *fast* (cues and n-grams alone) and *deep* (what the encoder says stands
    beside them).
    """

    encoder: Encoder | CorpusEncoder | Remembering | None = None
    """What reads for the deep engine; set when a bundle is loaded, never saved with the engine."""
    companion: Engine | None = None
    """The fast engine beside the deep one, likewise. The encoder reads a reply as it stands; only cues can say how it would read if the
    message, which is not there, had asked for it."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("encoder", "companion")}

    def assemble(
        self,
        kind: MessageKindClassifier,
        tagger: MoveTagger,
        reader: ReplyReader,
        head: LabelHead,
        slope: float,
        offset: float,
        threshold: float,
        band: float,
    ) -> Engine:
        """Take over the fitted steps; `slope` and `offset` calibrate log-odds, `band` is the half-width, in calibrated
        log-odds, of the region round the threshold in which the verdict is unsure."""
        self.kind_, self.tagger_, self.reader_, self.head_ = kind, tagger, reader, head
        self.slope_, self.offset_, self.threshold_, self.band_ = slope, offset, threshold, band
        return self

    def encode(self, reply: Batch, replies: Sequence[str], messages: Sequence[str]) -> Encoded | None:
        """What the encoder says of the texts that `reply` was made of; None for the fast engine."""
        return None if self.encoder is None else self.encoder.encode(Spans.of(reply), replies, messages)

    def judge(self, reply: Batch, message: Batch, referral: NDArray[np.bool_], encoded: Encoded | None) -> Judgement:
        """Probabilities for a batch of replies; `message` holds the message of each, blank where unknown, `encoded` what `encode` gave."""
        given = inputs(reply, message, encoded)
        known = np.bincount(message.sentence_text, minlength=reply.texts) > 0
        kind = self.kind_.predict_proba(message, encoded.kinds if encoded is not None else None)
        kind[~known] = np.eye(len(KINDS), dtype=np.float32)[KINDS.index(MessageKind.INPUT)]
        readings = self.tagger_.readings(given)
        read = read_sentences(self.reader_, reply, encoded)
        readings[:, referral] = np.eye(len(MOVES), dtype=np.float32)[MOVES.index(Move.HANDS_OVER)]
        probability, by_kind = self.weigh(readings, read, given.words, reply.sentence_text, kind)
        if self.companion is not None and not known.all():
            told = self.companion.judge(reply, message, referral, None).readings[~known]
            by_kind[~known] = _moved(told, self.companion.threshold_, self.threshold_)
        return Judgement(
            probability,
            by_kind,
            kind=kind,
            known=known,
            tagged=readings,
            read=read,
            words=given.words,
            moves=np.einsum("ksm,sk->sm", readings, kind[reply.sentence_text]),
            referral=referral,
            familiar=self.tagger_.familiar(reply),
            usual=self.tagger_.usual(reply),
            addressed=np.bincount(
                reply.sentence_text[reply.token_sentence], weights=_ADDRESS[reply.code], minlength=reply.texts
            )
            > 0,
        )

    def weigh(self, tagged: Floats, read: Floats, words: Floats, text: Ints, kind: Floats) -> tuple[Floats, Floats]:
        """(probability, (texts, kinds) probability under each reading) from the moves under each reading."""
        summary = summarise(tagged, words, text, len(kind))
        found = self.head_.readings(summary, read_whole(read, words, text, len(kind)))
        with np.errstate(over="ignore"):
            # log-odds of a text made to be strange may be in the hundreds: a probability of 0
            found = 1 / (1 + np.exp(-(self.slope_ * found + self.offset_)))
        return (found * kind).sum(axis=1), found
