"""A small encoder that reads each sentence of a reply beside the message it answers: the *deep* half of the judging.

Third step of the walk, beside `features`. MiniLM, fine-tuned once on sentence moves (`finetuning`), exported to ONNX with
whole-number weights, run by onnxruntime. It gives every token a row of numbers; a sentence's are the mean of its tokens'.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from replycheck.codebook import MessageKind, Move
from replycheck.features import Batch, Floats, Ints
from replycheck.text import mask

MESSAGE_TOKENS = 80
"""Most tokens of the message that are read."""
WINDOW_TOKENS = 200
"""Most tokens of the reply that are read at once; longer replies are read in several windows, each beside the message."""
THREADS = os.cpu_count() or 1
"""Windows that are read at once in training."""
CLS, SEP, PAD = 101, 102, 0
OF_SENTENCE = len(Move) + 1
"""Numbers of a sentence: a score for each move, and how far it pushes."""
COLUMNS = OF_SENTENCE + len(Move) + len(MessageKind)
"""Numbers of a token: the sentence's, what the first token adds to each move, and the message's kinds."""


@dataclass(frozen=True, slots=True)
class Spans:
    """The sentences of several replies: each one's reply and offsets (see `features.Batch`)."""

    text: Ints
    start: Ints
    end: Ints

    @classmethod
    def of(cls, reply: Batch) -> Spans:
        """Those of a batch."""
        return cls(reply.sentence_text, reply.start, reply.end)

    @classmethod
    def none(cls) -> Spans:
        """Those of replies that are empty."""
        nothing = np.zeros(0, dtype=np.int64)
        return cls(nothing, nothing, nothing)

    def bounds(self, texts: int) -> Ints:
        """(texts + 1,) where the sentences of each reply begin and end."""
        return np.searchsorted(self.text, np.arange(texts + 1))


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder says of a batch of replies."""

    sentences: Floats
    """(sentences, OF_SENTENCE) log-odds of each move, then of pushing."""
    kinds: Floats
    """(texts, kinds) log-odds of what each message calls for; zeros without a message."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one reply, as the encoder reads it: `[CLS] message [SEP] sentences [SEP]`."""

    text: int
    ids: list[int]
    message: int
    """Number of tokens of the message."""
    owner: list[int]
    """Sentence of each token after the message's `[SEP]`, as its row in the batch."""


def windows(tokenizer: Any, spans: Spans, replies: Sequence[str], messages: Sequence[str]) -> list[Window]:
    """Windows of several replies, each beside the message it answers (empty where unknown)."""
    found: list[Window] = []
    theirs = tokenizer.encode_batch_fast([mask(m) for m in messages], add_special_tokens=False)
    # offsets are needed of the reply, so the slower call
    ours = tokenizer.encode_batch([mask(r) for r in replies], add_special_tokens=False)
    bounds = spans.bounds(len(replies))
    for i, (encoding, message) in enumerate(zip(ours, theirs, strict=True)):
        before = message.ids[:MESSAGE_TOKENS]
        first, last = int(bounds[i]), int(bounds[i + 1])
        offsets = np.array([a for a, _ in encoding.offsets], dtype=np.int64)
        row = np.searchsorted(spans.start[first:last], offsets, side="right") - 1
        inside = (row >= 0) & (offsets < spans.end[first:last][np.maximum(row, 0)]) if last > first else row >= 0
        ids = np.array(encoding.ids, dtype=np.int64)[inside]
        owner = row[inside] + first
        at = 0
        while True:
            stop = at + WINDOW_TOKENS
            if stop < len(ids):
                # end with a whole sentence, unless one alone is longer than a window
                whole = int(np.searchsorted(owner, owner[stop]))
                stop = whole if whole > at else stop
            found.append(
                Window(i, [CLS, *before, SEP, *ids[at:stop].tolist(), SEP], len(before), owner[at:stop].tolist())
            )
            at = stop
            if at >= len(ids):
                break
    return found


def collate(chosen: Sequence[Window]) -> tuple[Ints, Ints, Ints]:
    """(ids, attention, segment), each (windows, longest), of several windows."""
    length = max(len(w.ids) for w in chosen)
    ids = np.full((len(chosen), length), PAD, dtype=np.int64)
    attention = np.zeros_like(ids)
    segment = np.zeros_like(ids)
    for i, w in enumerate(chosen):
        ids[i, : len(w.ids)] = w.ids
        attention[i, : len(w.ids)] = 1
        segment[i, w.message + 2 : len(w.ids)] = 1
    return ids, attention, segment


def _pool(chosen: Sequence[Window], tokens: NDArray[Any], sentences: Floats, count: Floats, kinds: Floats) -> None:
    """Add the tokens' numbers (windows, longest, COLUMNS) to their sentences' sums and messages' means, in place."""
    moves = OF_SENTENCE - 1
    for w, rows in zip(chosen, tokens, strict=True):
        owner = np.array(w.owner, dtype=np.int64)
        own = rows[w.message + 2 : w.message + 2 + len(owner), :OF_SENTENCE].copy()
        own[:, :moves] += rows[0, OF_SENTENCE : OF_SENTENCE + moves]
        np.add.at(sentences, owner, own)
        np.add.at(count, owner, 1)
        if w.message:
            kinds[w.text] = rows[: w.message + 1, OF_SENTENCE + moves :].mean(axis=0)


def gather(read: Iterable[tuple[Sequence[Window], NDArray[Any]]], sentences: int, texts: int) -> Encoded:
    """What is said of the sentences of several replies, from their windows and the numbers (windows, longest, COLUMNS) of those."""
    sums = np.zeros((sentences, OF_SENTENCE), dtype=np.float32)
    count = np.zeros(sentences, dtype=np.float32)
    kinds = np.zeros((texts, len(MessageKind)), dtype=np.float32)
    for chosen, tokens in read:
        _pool(chosen, tokens, sums, count, kinds)
    return Encoded((sums / np.maximum(count, 1)[:, None]).astype(np.float32), kinds)


class Encoder:
    """The ONNX model and its tokenizer, ready to read. Thread-safe: onnxruntime's sessions and tokenizers are."""

    def __init__(self, model: bytes, tokenizer: bytes) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_str(tokenizer.decode())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def encode(self, spans: Spans, replies: Sequence[str], messages: Sequence[str], *, threads: int = 1) -> Encoded:
        """What the encoder says of each sentence of the replies and of each message; the same whatever the number of threads."""
        # one at a time: the whole numbers are scaled to all that is read at once, so company would change what is said
        todo = [[w] for w in windows(self._tokenizer, spans, replies, messages)]
        if threads == 1:
            return gather(zip(todo, map(self._run, todo), strict=True), len(spans.text), len(replies))
        with ThreadPoolExecutor(threads) as pool:
            return gather(zip(todo, pool.map(self._run, todo), strict=True), len(spans.text), len(replies))

    def _run(self, chosen: Sequence[Window]) -> NDArray[Any]:
        ids, attention, segment = collate(chosen)
        (tokens,) = self._session.run(None, {"input_ids": ids, "attention_mask": attention, "token_type_ids": segment})
        found: NDArray[Any] = tokens
        return found


def key_of(reply: str, message: str) -> bytes:
    """What `OutOfFold` finds a reply and its message by."""
    return blake2b(f"{reply}\0{message}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What encoders (or taggers) that had not seen a reply said of it, for the replies that the shipped one learned from.

    The heads must learn how far an encoder can be trusted on what it has not seen; on what it was fitted to it is always right.
    """

    found: dict[bytes, tuple[Floats, Floats]]
    """`key_of` → (sentences, what is said of one), (kinds,); of taggers (sentences, moves) and nothing."""

    @classmethod
    def collect(cls, spans: Spans, replies: Sequence[str], messages: Sequence[str], encoded: Encoded) -> OutOfFold:
        """Take apart what was said of several replies."""
        bounds = spans.bounds(len(replies))
        return cls(
            {
                key_of(r, m): (encoded.sentences[bounds[i] : bounds[i + 1]], encoded.kinds[i])
                for i, (r, m) in enumerate(zip(replies, messages, strict=True))
            }
        )

    def dump(self) -> bytes:
        """As the bytes of a numpy archive; 16-bit numbers are exact enough."""
        keys = sorted(self.found)
        target = BytesIO()
        np.savez(
            target,
            keys=np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, 8),
            counts=np.array([len(self.found[k][0]) for k in keys], dtype=np.int32),
            sentences=np.concatenate([self.found[k][0] for k in keys]).astype(np.float16),
            kinds=np.stack([self.found[k][1] for k in keys]).astype(np.float16),
        )
        return target.getvalue()

    @classmethod
    def load(cls, raw: bytes) -> OutOfFold:
        """From `dump`'s bytes; nothing in them is executed."""
        with np.load(BytesIO(raw), allow_pickle=False) as archive:
            ends = np.cumsum(archive["counts"])
            sentences = np.split(archive["sentences"].astype(np.float32), ends[:-1])
            kinds = archive["kinds"].astype(np.float32)
            return cls({bytes(k): (s, d) for k, s, d in zip(archive["keys"], sentences, kinds, strict=True)})


@dataclass(frozen=True, slots=True)
class CorpusEncoder:
    """An encoder for training: what it learned from is looked up in `out_of_fold`, everything else is read."""

    encoder: Encoder
    out_of_fold: OutOfFold

    def encode(self, spans: Spans, replies: Sequence[str], messages: Sequence[str]) -> Encoded:
        """As `Encoder.encode`."""
        bounds = spans.bounds(len(replies))
        sentences = np.zeros((len(spans.text), OF_SENTENCE), dtype=np.float32)
        kinds = np.zeros((len(replies), len(MessageKind)), dtype=np.float32)
        unknown = np.zeros(len(replies), dtype=bool)
        for i, (r, m) in enumerate(zip(replies, messages, strict=True)):
            known = self.out_of_fold.found.get(key_of(r, m))
            # sentence boundaries may have changed since
            if known is not None and len(known[0]) == bounds[i + 1] - bounds[i]:
                sentences[bounds[i] : bounds[i + 1]], kinds[i] = known
            else:
                unknown[i] = True
        rest, rows = np.flatnonzero(unknown).tolist(), np.flatnonzero(unknown[spans.text])
        number = np.cumsum(unknown) - 1
        some = Spans(number[spans.text[rows]], spans.start[rows], spans.end[rows])
        read = self.encoder.encode(some, [replies[i] for i in rest], [messages[i] for i in rest], threads=THREADS)
        sentences[rows], kinds[rest] = read.sentences, read.kinds
        return Encoded(sentences, kinds)


@dataclass(frozen=True, slots=True)
class Remembering:
    """An encoder that reads no reply twice: for models that share it and judge the same replies, one after another."""

    reader: CorpusEncoder

    def encode(self, spans: Spans, replies: Sequence[str], messages: Sequence[str]) -> Encoded:
        """As `Encoder.encode`."""
        found = self.reader.encode(spans, replies, messages)
        self.reader.out_of_fold.found.update(OutOfFold.collect(spans, replies, messages, found).found)
        return found
