"""Named cues and n-grams of sentences: pure functions of the tokens, defined on empty text.

Third step of the walk: `classifier` reads these. Everything works on a whole batch of texts at once, as arrays over the
tokens of all of them; one text is a batch of one.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language

from replycheck import lexicon
from replycheck.text import mask, sentence_spans

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Hashes = NDArray[np.uint32]

BLANKS = "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
"""White space but for the blank itself: runs of characters end there."""
EDGE = ord("|")
"""Code of the mark that stands before each sentence."""


# --- tokens ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Batch:
    """Sentences and tokens of several texts, as arrays.

    Sentence arrays have one entry a sentence, token arrays one a token, in order; before the tokens of each sentence
    stands one edge mark, so that an n-gram can say "at the start".
    """

    texts: int
    sentence_text: Ints
    """Which text each sentence belongs to."""
    start: Ints
    """Offset of the sentence in its text, code points."""
    end: Ints
    token_sentence: Ints
    word: Hashes
    """Hash of the lower-cased token; 0 for the edge mark."""
    delexicalised: Hashes
    """Hash of the token's delexicalised form."""
    stem: Hashes
    """Hash of the token's first five characters, lower case: a stem that forgives endings and some typos."""
    code: NDArray[np.uint8]
    """The token's word class (`lexicon.CODES`)."""
    gram: Hashes
    """Hashes of the character n-grams of all tokens, in order."""
    gram_sentence: Ints
    cues: Floats
    """(sentences, len(CUES)): 1 where the cue stands in the sentence."""

    def part(self, first: int, last: int) -> Batch:
        """The batch of the texts `first` to `last` (exclusive) of this one."""
        a, b = np.searchsorted(self.sentence_text, (first, last))
        c, d = np.searchsorted(self.token_sentence, (a, b))
        e, f = np.searchsorted(self.gram_sentence, (a, b))
        return Batch(
            last - first,
            self.sentence_text[a:b] - first,
            self.start[a:b],
            self.end[a:b],
            self.token_sentence[c:d] - a,
            self.word[c:d],
            self.delexicalised[c:d],
            self.stem[c:d],
            self.code[c:d],
            self.gram[e:f],
            self.gram_sentence[e:f] - a,
            self.cues[a:b],
        )

    @property
    def sentences(self) -> int:
        """How many sentences there are."""
        return len(self.start)


def hash_word(word: str) -> int:
    """32 bits, the same on every machine and in every process; never 0, which marks the edge of a sentence."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass")) or 1


def character_ngrams(word: str) -> list[int]:
    """Hashes of the runs of three to five characters of a word, its ends marked by a blank."""
    padded = f" {word} ".encode("utf-8", "surrogatepass")
    return [zlib.crc32(padded[i : i + n]) for n in (3, 4, 5) for i in range(len(padded) - n + 1)]


class _Growing:
    """An array that grows at its end: room is doubled, so that adding costs by what is added, not by what is there."""

    def __init__(self, dtype: type[np.generic], columns: tuple[int, ...] = ()) -> None:
        self._room = np.zeros((1024, *columns), dtype=dtype)
        self.size = 0

    def extend(self, rows: Sequence[int] | Sequence[tuple[int, ...]]) -> None:
        """Add rows at the end."""
        end = self.size + len(rows)
        if end > len(self._room):
            room = np.zeros((max(end, 2 * len(self._room)), *self._room.shape[1:]), dtype=self._room.dtype)
            room[: self.size] = self._room[: self.size]
            self._room = room
        if len(rows):
            self._room[self.size : end] = rows
        self.size = end

    def __getitem__(self, rows: Ints) -> NDArray[Any]:
        return self._room.take(rows, axis=0)


class Tokens:
    """spaCy's tokenizer with a memory: it splits each run of non-blank characters by itself, so each distinct run is
    split and each distinct token looked up once."""

    LONGEST = 200
    """Longest run of non-blank characters that is remembered, and that spaCy splits as one: its time grows with the
    square of a run's length, so longer ones (no words of any language) are handed over in slices."""
    LONGEST_MARKS = 64
    """The same for a run that is mostly marks, of which spaCy takes off one after the other, looking at all the rest each time."""
    LONGEST_WORD = 30
    """Characters of a word that its character n-grams are taken from."""
    MOST = 300_000
    """Runs remembered before the memory starts anew; bounds it on endless input."""

    def __init__(self, nlp: Language) -> None:
        self._make_doc = nlp.make_doc
        self._forget()

    def _forget(self) -> None:
        self._run: dict[str, int] = {}
        # the first token's number, how many there are, and how many characters
        self._tokens_of_run = _Growing(np.int64, (3,))
        self._token = _Growing(np.int64, (5,))
        self._grams_of_token = _Growing(np.int64, (2,))
        self._gram = _Growing(np.uint32)

    def _learn(self, run: str) -> int:
        """Number of a run of characters that has not been seen yet."""
        number = self._tokens_of_run.size
        if len(run) <= self.LONGEST:
            self._run[run] = number
        marks = len(run) > self.LONGEST_MARKS and 2 * sum(map(str.isalnum, run)) < len(run)
        width = self.LONGEST_MARKS if marks else self.LONGEST
        found = [
            (at + token.idx, token.text)
            for at in range(0, len(run), width)
            for token in self._make_doc(run[at : at + width])
        ]
        self._tokens_of_run.extend([(self._token.size, len(found), len(run))])
        for at, word in found:
            lower = word.lower()
            grams = character_ngrams(lower[: self.LONGEST_WORD])
            self._grams_of_token.extend([(self._gram.size, len(grams))])
            self._gram.extend(grams)
            self._token.extend(
                [
                    (
                        at,
                        hash_word(lower.replace("\u2019", "'")),
                        hash_word(lexicon.delexicalised(word)),
                        hash_word(lower[:5]),
                        lexicon.CODES[lexicon.word_class(word)],
                    )
                ]
            )
        return number

    def batch(self, texts: Sequence[str]) -> Batch:
        """The batch of these texts (original texts: masking happens here)."""
        if self._tokens_of_run.size > self.MOST:
            self._forget()
        masked = [mask(text) if text else "" for text in texts]
        found = [sentence_spans(text) if text else [] for text in masked]
        counts = [len(some) for some in found]
        spans = [span for some in found for span in some]
        # all texts as one, so that no step is a loop over runs; between two blanks stands an empty run, which has no tokens
        joined = " ".join(masked)
        for blank in BLANKS:
            joined = joined.replace(blank, " ")
        pieces = joined.split(" ")
        get = self._run.get
        runs = list(map(get, pieces))
        for i in [i for i, n in enumerate(runs) if n is None] if None in runs else ():
            runs[i] = n if (n := get(pieces[i])) is not None else self._learn(pieces[i])
        size_of_text = np.array(list(map(len, masked)), dtype=np.int64) + 1
        shifts = np.cumsum(size_of_text) - size_of_text
        sentence_text = np.repeat(np.arange(len(texts)), counts)
        edges = np.array(spans, dtype=np.int64).reshape(-1, 2)
        if not spans:
            none = np.zeros(0, dtype=np.int64)
            hashes = none.astype(np.uint32)
            no_cues = np.zeros((0, len(CUES)), dtype=np.float32)
            code = none.astype(np.uint8)
            return Batch(len(texts), none, none, none, none, hashes, hashes, hashes, code, hashes, none, no_cues)
        first_token, width, length = self._tokens_of_run[np.fromiter(runs, dtype=np.int64, count=len(runs))].T
        row = _expanded(first_token, width)
        table = self._token[row]
        offset = np.repeat(np.cumsum(length + 1) - (length + 1), width) + table[:, 0]
        first_gram, grams = self._grams_of_token[row].T
        first = edges[:, 0] + shifts[sentence_text]
        # where each sentence's tokens begin; those before the first one's are its own
        begins = np.searchsorted(offset, first)
        begins[0] = 0
        each = np.arange(len(spans))
        sentence = np.repeat(each, np.diff(begins, append=len(offset)))
        # room for one edge mark before each sentence
        place = np.arange(len(sentence)) + sentence + 1
        size = len(sentence) + len(spans)
        owner = np.empty(size, dtype=np.int64)
        owner[place], owner[begins + each] = sentence, each
        word, form, stem = np.zeros((3, size), dtype=np.uint32)
        code = np.full(size, EDGE, dtype=np.uint8)
        word[place], form[place], stem[place], code[place] = table[:, 1:].T
        return Batch(
            len(texts),
            sentence_text,
            edges[:, 0],
            edges[:, 1],
            owner,
            word,
            form,
            stem,
            code,
            self._gram[_expanded(first_gram, grams)],
            np.repeat(sentence, grams),
            _cues(code, owner, len(spans)),
        )


def _expanded(first: Ints, count: Ints) -> Ints:
    """first, first + 1, … (count of them), one after the other for each pair."""
    return np.repeat(first - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))


# --- cues --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cue:
    """A named pattern over word classes. `family` is one of `design.md`'s, `pattern` a regular expression whose
    upper-case words are class names, `|` alone the start of the sentence and `_` any one token of the sentence."""

    name: str
    family: str
    pattern: str


_TOKEN = "[^|]"
CUES: tuple[Cue, ...] = (
    # agent × tense × act
    Cue("i_have_done", "agent", "I HAVE (?:_)?(?:ACTED|ED)"),
    Cue("we_have_done", "agent", "WE HAVE (?:_)?(?:ACTED|ED)"),
    Cue("i_did", "agent", "I (?:AND|LY|TIME)?(?:ACTED)"),
    Cue("we_did", "agent", "WE (?:AND|LY|TIME)?(?:ACTED)"),
    Cue("i_will", "agent", "I WILL (?:_)?(?:ACT|ACTING|BE|HAVE|WORD)"),
    Cue("we_will", "agent", "WE WILL (?:_)?(?:ACT|ACTING|BE|HAVE|WORD)"),
    Cue("i_am_doing", "agent", "I BE (?:_)?(?:ACTING|ING)"),
    Cue("we_are_doing", "agent", "WE BE (?:_)?(?:ACTING|ING)"),
    Cue("i_can", "agent", "I CAN"),
    Cue("we_can", "agent", "WE CAN"),
    Cue("i_cannot", "agent", "I (?:(?:DO|CAN|HAVE|BE|WILL) )?NOT"),
    Cue("we_cannot", "agent", "WE (?:(?:DO|CAN|HAVE|BE|WILL) )?NOT"),
    Cue("i_anywhere", "agent", "I"),
    Cue("we_anywhere", "agent", "WE"),
    Cue("team_acts", "agent", "(?:TEAM|NAME) (?:HAVE|WILL|BE) (?:_)?(?:ACT|ACTED|ACTING|ED|ING)"),
    Cue("team_acted", "agent", "(?:TEAM|NAME) (?:ACTED)"),
    Cue("log_line_done", "agent", r"\| (?:ACTED|ED)"),
    Cue("log_line_doing", "agent", r"\| (?:ACTING)"),
    Cue("passive_done", "agent", "(?:HAVE )?BE (?:TIME |LY )?(?:ACTED|ED)"),
    Cue("passive_will", "agent", "(?:WILL|CAN) BE (?:_)?(?:ACTED|ED|PASSIVE)"),
    Cue("named_person", "agent", "(?:ARTICLE|PREP|AND|COMMA|HAVE|ACTED|ACT|ACTING|ASK|TEAM) NAME"),
    Cue("to_you", "agent", "(?:ACT|ACTED|ASK|WORD) (?:PREP )?YOU"),
    # directives
    Cue("you_can", "directive", "YOU (?:_)?CAN"),
    Cue("you_must", "directive", "YOU (?:_)?(?:MUST|WILL (?:HAVE|MUST))"),
    Cue("you_will_find", "directive", "YOU WILL"),
    Cue("please_do", "directive", "DIRECT (?:_)?(?:DIRECT|ACT|ASK|WORD)"),
    Cue("starts_imperative", "directive", r"\| (?:AND |BUT |COMMA |YES )*(?:DIRECT|ACT)"),
    Cue("if_then_directive", "directive", "IF (?:_ ){1,12}?COMMA (?:DIRECT|ACT|YOU (?:CAN|MUST))"),
    Cue("not_directive", "directive", r"\| (?:DIRECT )?DO NOT"),
    Cue("channel", "directive", "CHANNEL"),
    Cue("to_channel", "directive", "(?:DIRECT|ACT|PREP) (?:_ ){0,3}?CHANNEL"),
    Cue("link", "directive", "URL"),
    # an existing thing presented
    Cue("we_offer", "presents", "(?:WE|NAME|TEAM|SERVICE) (?:_ )?EXISTS"),
    Cue("we_have", "presents", "WE (?:EXISTS )?HAVE (?:ARTICLE|NUM|EXISTS|WORD|PLURAL|SERVICE)"),
    Cue("there_is", "presents", "THERE BE"),
    Cue("is_available", "presents", "(?:BE|HAVE) (?:_ ){0,2}?EXISTS"),
    Cue("already", "presents", "EXISTS"),
    Cue("service", "presents", "SERVICE"),
    Cue("did_you_know", "presents", r"\| (?:BUT )?(?:HAVE|DO) YOU (?:_ ){1,10}?QUESTION"),
    Cue("why_not", "presents", r"\| WHAT NOT"),
    # agreement
    Cue("you_are_right", "agrees", "YOU BE (?:_)?FEEL"),
    Cue("agrees", "agrees", "(?:I|WE) (?:_)?FEEL"),
    Cue("starts_feeling", "agrees", r"\| (?:THIS (?:BE )?|YES COMMA |ARTICLE )?FEEL"),
    Cue("that_is_feeling", "agrees", "THIS (?:BE|WORD|MUST|CAN) (?:_ ){0,2}?FEEL"),
    Cue("feeling", "agrees", "FEEL"),
    Cue("sorry", "agrees", "SORRY"),
    Cue("thanks", "agrees", "THANK"),
    Cue("fault_ours", "agrees", "(?:WE|I) (?:_ ){0,2}?(?:FEEL)"),
    # questions
    Cue("question", "asks", "QUESTION"),
    Cue("wh_question", "asks", r"(?:\||AND|COMMA|BUT) (?:PREP )?WHAT (?:_ ){1,25}?QUESTION"),
    Cue("would_you", "asks", "(?:WOULD|CAN|DO|WILL|BE|HAVE) YOU (?:_ ){1,25}?QUESTION"),
    Cue("shall_i", "asks", "(?:WILL|WOULD|CAN|MUST|ACT) (?:I|WE|THIS) (?:_ ){1,25}?QUESTION"),
    Cue("was_it", "asks", r"\| (?:BE|DO) (?:THIS|THERE|ARTICLE) (?:_ ){1,20}?QUESTION"),
    Cue("tell_me", "asks", "ASK (?:I|WE)"),
    Cue("if_you_like", "asks", "IF YOU (?:_ ){0,2}?ASK"),
    Cue("or_question", "asks", "OR (?:_ ){1,10}?QUESTION"),
    # the recited-policy voice
    Cue("policy", "policy", "POLICY"),
    Cue("policy_agent", "policy", "POLICY (?:BE|MUST|CAN|WILL|HAVE)"),
    Cue("must", "policy", "MUST"),
    Cue("passive_voice", "policy", "PASSIVE"),
    Cue("most_people", "policy", "MOST (?:_ ){0,2}?(?:POLICY|WORD|PLURAL)"),
    Cue("most", "policy", "MOST"),
    Cue("comparison", "policy", "COMPARE (?:_ ){0,3}?(?:PREP|COMPARE)"),
    Cue("nothing_to_do", "policy", "NOT (?:_)?(?:CAN|POLICY|COMPARE)"),
    # facts and reasons
    Cue("because", "facts", "BECAUSE"),
    Cue("but", "facts", "BUT"),
    Cue("starts_but", "facts", r"\| BUT"),
    Cue("not", "facts", "NOT"),
    Cue("time", "facts", "TIME"),
    Cue("by_time", "facts", "PREP (?:ARTICLE |NUM )?TIME"),
    Cue("number", "facts", "NUM"),
    Cue("money", "facts", "MONEY"),
    Cue("maybe", "facts", "MAYBE"),
    Cue("would", "facts", "WOULD"),
    # courtesy and form
    Cue("greets", "form", r"\| GREET"),
    Cue("closes", "form", r"\| (?:_ ){0,2}?CLOSE"),
    Cue("exclaims", "form", "EXCLAIM"),
    Cue("emoji", "form", "EMOJI"),
    Cue("bullet", "form", r"\| (?:BULLET|DASH|NUM (?:STOP|BRACKET))"),
    Cue("starts_number", "form", r"\| NUM"),
    Cue("starts_yes", "form", r"\| YES"),
    Cue("starts_no", "form", r"\| NOT"),
    Cue("name_only", "form", r"\| (?:(?:DASH|NAME|COMMA|TEAM|STOP|SYMBOL|SERVICE|I) ){1,8}(?=\||$)"),
    Cue("colon_end", "form", r"(?:COLON|COMMA) (?=\||$)"),
    Cue("quote", "form", "QUOTE"),
)
"""Every cue, in the order of the columns of `Batch.cues`."""

CUE_COLUMN: dict[str, int] = {cue.name: column for column, cue in enumerate(CUES)}


def _compile(pattern: str) -> re.Pattern[str]:
    pattern = re.sub(r"[A-Z]+", lambda m: chr(lexicon.CODES[m.group()]), pattern)
    return re.compile(pattern.replace(" ", "").replace("_", _TOKEN))


_COMPILED = [(k, _compile(cue.pattern)) for k, cue in enumerate(CUES) if cue.pattern not in lexicon.CODES]
_OF_CLASS = np.full(256, -1, dtype=np.int64)
"""Column of the cue that is nothing but a word class, for each class: found by looking up, not by a pattern."""
for _column, _cue in enumerate(CUES):
    if _cue.pattern in lexicon.CODES:
        _OF_CLASS[lexicon.CODES[_cue.pattern]] = _column


def _cues(code: NDArray[np.uint8], sentence: Ints, sentences: int) -> Floats:
    """(sentences, len(CUES)) from the word classes of all tokens, in one string."""
    found = np.zeros((sentences, len(CUES)), dtype=np.float32)
    alone = _OF_CLASS[code]
    found[sentence[alone >= 0], alone[alone >= 0]] = 1.0
    line = code.tobytes().decode("latin-1")
    for column, pattern in _COMPILED:
        if at := [m.end() - 1 for m in pattern.finditer(line)]:
            found[sentence[at], column] = 1.0
    return found


FORM = ("words", "words_over_20", "place", "first", "last", "alone", "sentences", "share_of_words")
"""Columns of `form_matrix`."""


def form_matrix(batch: Batch) -> Floats:
    """(sentences, len(FORM)): length and place of each sentence in its text."""
    words = np.bincount(batch.token_sentence, minlength=batch.sentences).astype(np.float32) - 1
    count = np.bincount(batch.sentence_text, minlength=batch.texts)
    first = np.cumsum(count) - count
    index = np.arange(batch.sentences) - first[batch.sentence_text]
    total = count[batch.sentence_text]
    all_words = np.bincount(batch.sentence_text, weights=words, minlength=batch.texts)[batch.sentence_text]
    return np.stack(
        [
            np.log1p(words) / 3,
            words > 20,
            index / np.maximum(total - 1, 1),
            index == 0,
            index == total - 1,
            total == 1,
            np.log1p(total) / 3,
            words / np.maximum(all_words, 1),
        ],
        axis=1,
    ).astype(np.float32)


# --- n-grams -----------------------------------------------------------------------------------------------------

BUCKET_BITS = 20
_PRIME = np.uint32(0x9E3779B1)


@dataclass(frozen=True, slots=True)
class View:
    """One family of n-grams: which form of the tokens, and of what sizes."""

    name: str
    form: str
    sizes: tuple[int, ...]
    """Numbers of tokens."""
    salt: int


WORDS = View("words", "word", (1, 2), 1)
SINGLE_WORDS = View("single words", "word", (1,), 1)
WORD_PAIRS = View("word pairs", "word", (2,), 1)
STEMS = View("stems", "stem", (1, 2), 3)
DELEXICALISED = View("delexicalised", "delexicalised", (1, 2, 3, 4), 2)


CHARACTERS = View("characters", "gram", (), 4)


def buckets(batch: Batch, view: View, owner: Ints | None = None) -> tuple[Ints, Hashes]:
    """(row, bucket) of every n-gram of a view that lies within one sentence; rows are sentences, or what `owner` maps
    sentences to."""
    shift = np.uint32(32 - BUCKET_BITS)
    if view is CHARACTERS:
        rows = batch.gram_sentence
        return (rows if owner is None else owner[rows]), (batch.gram ^ np.uint32(view.salt)) * _PRIME >> shift
    tokens: Hashes = getattr(batch, view.form)
    sentence = batch.token_sentence
    found_rows, found = [], []
    # the hash of n tokens goes on from that of the first n - 1
    value = np.full(len(tokens), view.salt * 2654435761 % 2**32, dtype=np.uint32)
    for size in range(1, min(max(view.sizes), len(tokens)) + 1):
        value = (value[: len(tokens) - size + 1] ^ tokens[size - 1 :]) * _PRIME
        value ^= value >> np.uint32(15)
        if size not in view.sizes:
            continue
        inside = tokens != 0 if size == 1 else sentence[: len(value)] == sentence[size - 1 :]
        found_rows.append(sentence[: len(value)][inside])
        found.append(value[inside] >> shift)
    if not found:
        return sentence, tokens
    rows = np.concatenate(found_rows)
    return (rows if owner is None else owner[rows]), np.concatenate(found)
