"""Which replies to label next, which labels look wrong, and how far two people agree.

Beside the walk, around `training`: before it, to spend a person's hours where they teach most; after it, to look again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from replycheck.checker import Checker
from replycheck.codebook import Label, MessageKind, Move
from replycheck.corpus import Example, LabelledMessage, alike
from replycheck.encoder import CorpusEncoder
from replycheck.errors import CorpusError, UsageError
from replycheck.evaluation import interval
from replycheck.labels import CANT_TELL, plain
from replycheck.privacy import Deidentifier
from replycheck.reply import Reply
from replycheck.training import Progress, Tagged, silent, train

Floats = NDArray[np.float64]
RANDOM = 0.1
"""Share of the chosen that is drawn by lot, so that a share counted on these is honest."""
PREFILTER = 4
"""Uncertain replies that the diverse ones are chosen from, for each that is wanted."""
TOPICS = 48
"""Dimensions of the space in which replies are told apart."""
_CHUNK = 512
_WORD = re.compile(r"\w+")


# --- what to label next ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Choice:
    """A reply worth labelling: its row, and whether it was drawn by lot or chosen."""

    row: int
    drawn: bool


def label_next(
    checker: Checker, replies: Sequence[Reply], n: int, *, known: Sequence[str] = (), seed: int = 0
) -> list[Choice]:
    """At most `n` rows whose labels would teach most, in a shuffled order.

    A tenth is drawn by lot from all rows. The others are uncertain (close to the threshold) and unlike each other: a weighted k-means
    over the most uncertain, one from each cluster (Zhdanov 2019, “Diverse mini-batch active learning”). A reply that
    is a near-duplicate of a chosen or a `known` (already labelled) one is passed over. UsageError if nothing can be chosen.
    """
    if n < 1:
        raise UsageError("choose at least one reply")
    rng = np.random.default_rng(seed)
    texts = [r.text for r in replies]
    twins = _twins([*texts, *known])
    barred = {i for i in range(len(texts)) if not texts[i].strip() or any(j >= len(texts) for j in twins[i])}
    free = [i for i in range(len(texts)) if i not in barred]
    if not free:
        raise UsageError("every reply is empty or labelled already")
    taken: list[int] = []
    for i in rng.permutation(free).tolist():
        if len(taken) < math.ceil(min(n, len(free)) * RANDOM) and not twins[i] & set(taken):
            taken.append(i)
    drawn = set(taken)
    doubt, place = _uncertainty_and_place(checker, replies)
    barred |= {j for i in taken for j in (*twins[i], i)}
    order = [i for i in np.argsort(-doubt, kind="stable").tolist() if i not in barred]
    wanted = n - len(taken)
    some = order[: max(PREFILTER * wanted, 1)]
    for i in [*_spread(some, doubt, place, wanted, seed), *order]:
        if len(taken) == n:
            break
        if i not in barred:
            taken.append(i)
            barred |= {i, *twins[i]}
    return [Choice(i, i in drawn) for i in rng.permutation(taken).tolist()]


def _twins(texts: Sequence[str]) -> list[set[int]]:
    """Near-duplicates of each text."""
    found: list[set[int]] = [set() for _ in texts]
    for i, j, _ in alike(texts):
        found[i].add(j)
        found[j].add(i)
    return found


def _uncertainty_and_place(checker: Checker, replies: Sequence[Reply]) -> tuple[Floats, Floats]:
    """(replies,) 1 at the threshold and falling with the distance in log-odds; (replies, dimensions) of what it does and is about."""
    probability, moves = [], []
    for at in range(0, len(replies), _CHUNK):
        chunk = replies[at : at + _CHUNK]
        batch, judged = checker.judge(chunk)
        probability.append(judged.probability)
        shares = np.zeros((len(chunk), judged.moves.shape[1]))
        np.add.at(shares, batch.sentence_text, judged.moves)
        moves.append(shares)
    p = np.clip(np.concatenate(probability).astype(np.float64), 1e-6, 1 - 1e-6)
    t = checker.engine.threshold_
    distance = np.abs(np.log(p / (1 - p)) - np.log(t / (1 - t)))
    return 1 / (1 + distance), np.hstack([normalize(np.concatenate(moves)), _topics([r.text for r in replies])])


def _topics(texts: Sequence[str]) -> Floats:
    matrix = TfidfVectorizer(sublinear_tf=True, analyzer=_WORD.findall).fit_transform([t.lower() for t in texts])
    width = min(TOPICS, *(size - 1 for size in matrix.shape))
    if width < 2:
        return np.zeros((len(texts), 0))
    found: Floats = normalize(TruncatedSVD(width, random_state=0).fit_transform(matrix))
    return found


def _spread(rows: Sequence[int], doubt: Floats, place: Floats, count: int, seed: int) -> list[int]:
    """From each of `count` clusters of the rows the one nearest to its centre."""
    if count < 1 or len(rows) <= count:
        return list(rows)
    chosen = np.array(rows)
    model = KMeans(count, n_init=1, random_state=seed).fit(place[chosen], sample_weight=doubt[chosen])
    distance = model.transform(place[chosen])
    return [int(chosen[k]) for k in dict.fromkeys(distance.argmin(axis=0).tolist())]


# --- which labels look wrong -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Doubt:
    """A label that looks wrong: the example, what the model would say, how likely the label is right, and the reason in words."""

    example: Example
    instead: Label
    quality: float
    why: str
    torn: bool
    """Whether almost the same words bear the other label elsewhere."""

    @property
    def looks_wrong(self) -> bool:
        """Whether anything speaks against the label."""
        return self.torn or self.instead is not self.example.label


def check_labels(
    examples: Sequence[Example],
    others: Sequence[Example] = (),
    messages: Sequence[LabelledMessage] = (),
    *,
    encoder: CorpusEncoder | None = None,
    tagged: Tagged | None = None,
    seed: int = 0,
    jobs: int = 2,
    progress: Progress = silent,
) -> list[Doubt]:
    """Every example, the likeliest to be mislabelled first. The probabilities are out of fold: no model has seen the example's
    group; `others` (the corpus) teach too but are not looked at; `tagged` as in `train`. UsageError without the extra `labels`."""
    try:
        from cleanlab.rank import get_label_quality_scores
    except ImportError:
        raise UsageError("check-labels needs the extra: pip install 'replycheck[labels]'") from None
    ours = [e for e in examples if not e.contested]
    trained = train([*ours, *others], messages, encoder=encoder, tagged=tagged, seed=seed, jobs=jobs, progress=progress)
    probability = trained.out_of_fold[: len(ours)].astype(np.float64)
    # put the threshold in the middle, so that which label is likelier agrees with the verdict
    t = trained.engine.threshold_
    p = _balanced(probability, t)
    given = np.array([e.pushing for e in ours]).astype(int)
    quality = get_label_quality_scores(given, np.column_stack([1 - p, p]), method="normalized_margin")
    twins = _twins([e.reply for e in ours])
    found = []
    for i in np.argsort(quality, kind="stable").tolist():
        e = ours[i]
        instead = Label.PUSHING if p[i] >= 0.5 else Label.LISTENING
        torn = [j for j in twins[i] if ours[j].label is not e.label and ours[j].patron_message == e.patron_message]
        found.append(Doubt(e, instead, float(quality[i]), _reason(e, float(probability[i]), t, ours, torn), bool(torn)))
    return found


def _balanced(probability: Floats, threshold: float) -> Floats:
    odds = probability / (1 - probability) * (1 - threshold) / threshold
    found: Floats = odds / (1 + odds)
    return found


def _reason(e: Example, probability: float, threshold: float, ours: Sequence[Example], torn: Sequence[int]) -> str:
    if torn:
        return f"almost the same words stand in {ours[torn[0]].id}, which is {ours[torn[0]].label}"
    says = Label.PUSHING if probability >= threshold else Label.LISTENING
    figures = f"probability of pushing {probability:.2f}, threshold {threshold:.2f}"
    if says is not e.label:
        return f"models that have not seen it say {says} ({figures})"
    return f"models that have not seen it agree ({figures})"


# --- how far two people agree ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Agreement:
    """Raw agreement and Cohen's κ over what both gave; κ and its interval are None where one value alone was given."""

    of: str
    n: int
    raw: float
    kappa: float | None
    interval: tuple[float, float] | None


def match(a: Sequence[Example], b: Sequence[Example]) -> list[tuple[Example, Example]]:
    """Examples of the same reply to the same message; UsageError if there are none."""
    theirs: dict[tuple[str, str], list[Example]] = {}
    for e in b:
        theirs.setdefault(_same(e), []).append(e)
    found = [(e, theirs[_same(e)].pop(0)) for e in a if theirs.get(_same(e))]
    if not found:
        raise UsageError("the two files have no reply in common")
    return found


def _same(e: Example) -> tuple[str, str]:
    return _words(e.reply, e.patron_message)


def _words(reply: str, message: str) -> tuple[str, str]:
    return " ".join(reply.split()), " ".join(message.split())


def agreement(pairs: Sequence[tuple[Example, Example]]) -> list[Agreement]:
    """By label, kind and move (of sentences that both gave a move), then each label, kind and move against all others."""
    labels = [(str(a.label), str(b.label)) for a, b in pairs]
    kinds = [(str(a.message_kind), str(b.message_kind)) for a, b in pairs if a.message_kind and b.message_kind]
    moves = [x for a, b in pairs for x in _common_moves(a, b)]
    found = []
    for name, given in (("label", labels), ("kind", kinds), ("move", moves)):
        if not given:
            continue
        found.append(_agree(name, given))
        words = sorted({w for pair in given for w in pair})
        if len(words) > 2:
            found += [_agree(f"{name}: {w}", [(str(x == w), str(y == w)) for x, y in given]) for w in words]
    return found


def _common_moves(a: Example, b: Example) -> list[tuple[str, str]]:
    given: dict[tuple[int, int], Move] = {(s.start, s.end): s.move for s in b.sentences}
    return [(str(s.move), str(given[s.start, s.end])) for s in a.sentences if (s.start, s.end) in given]


def _agree(name: str, given: Sequence[tuple[str, str]]) -> Agreement:
    codes = np.unique(np.array(given), return_inverse=True)[1].reshape(-1, 2)

    def figure(rows: NDArray[np.int64]) -> float | None:
        return kappa(codes[rows])

    value = figure(np.arange(len(given)))
    return Agreement(
        name,
        len(given),
        round(float((codes[:, 0] == codes[:, 1]).mean()), 3),
        None if value is None else round(value, 3),
        None if value is None else interval(figure, [str(i) for i in range(len(given))]),
    )


def kappa(codes: NDArray[np.int64]) -> float | None:
    """Cohen's κ of (items, 2) small whole numbers; None where one value alone was given. Written out since scikit-learn's takes a
    millisecond, a thousand times for each interval."""
    first, second = (np.bincount(column, minlength=int(codes.max()) + 1) / len(codes) for column in codes.T)
    chance = float(first @ second)
    return None if chance == 1 else (float((codes[:, 0] == codes[:, 1]).mean()) - chance) / (1 - chance)


def differing(pairs: Sequence[tuple[Example, Example]]) -> list[tuple[Example, Example]]:
    """Those on whose label the two differ, or on the kind where both gave one."""
    return [(a, b) for a, b in pairs if _differ(a, b)]


def _differ(a: Example, b: Example) -> bool:
    kinds_differ = bool(a.message_kind and b.message_kind) and a.message_kind is not b.message_kind
    return a.label is not b.label or kinds_differ


def alone(
    given: Sequence[Example], pairs: Sequence[tuple[Example, Example]], cant_tell: Sequence[tuple[str, str]] = ()
) -> list[Example]:
    """Those of one person's examples that the other did not look at; `cant_tell` are reply and message of what the other could not tell."""
    seen = {_same(a) for a, _ in pairs} | {_words(*texts) for texts in cant_tell}
    return [e for e in given if _same(e) not in seen]


def settle(
    pairs: Sequence[tuple[Example, Example]], sheet: Sequence[Mapping[str, str]], file: Path | None = None
) -> tuple[list[Example], int]:
    """(examples that both agree on or that were settled, how many were not settled), from the rows of a sheet that `differing_sheet`
    made. CorpusError names every cell that is no word of the codebook."""
    said = {_words(r["reply"], r["patron_message"]): (i, r) for i, r in enumerate(sheet, 2)}
    clean = Deidentifier().clean
    asked = [_words(clean(a.reply), clean(a.patron_message)) if _differ(a, b) else None for a, b in pairs]
    if said and any(asked) and not said.keys() & set(asked):
        raise CorpusError("none of its rows is one on which these two files differ; it is of others", file=file)
    found, open_ = [], 0
    faults: list[str] = []
    for (a, b), key in zip(pairs, asked, strict=True):
        given = a.message_kind or b.message_kind
        if key is None:
            found.append(replace(a, message_kind=given))
            continue
        row, cells = said.get(key, (0, {}))
        label, kind = plain(cells.get("settled", "")), plain(cells.get("message_kind", ""))
        label = CANT_TELL if label.replace("\u2019", "'") == plain(CANT_TELL) else label
        for column, value, allowed in (("settled", label, [*Label, CANT_TELL]), ("message_kind", kind, [*MessageKind])):
            if value and value not in allowed:
                faults.append(f"row {row}, column {column!r}: found {value!r}, allowed: {', '.join(allowed)}")
        if faults:
            continue
        if a.label is b.label and not label:
            label = a.label
        if not label or label == CANT_TELL:
            open_ += not label
            continue
        found.append(replace(a, label=Label(label), message_kind=MessageKind(kind) if kind else given))
    if faults:
        raise CorpusError("\n  ".join(faults), file=file)
    return found, open_


# --- sheets ------------------------------------------------------------------------------------------------------

Rows = list[list[Any]]


def next_sheet(choices: Sequence[Choice], replies: Sequence[Reply], groups: Sequence[str]) -> tuple[list[str], Rows]:
    """Columns and rows to label in; the model's own opinion is left out, so that nobody is led by it."""
    clean = Deidentifier().clean
    columns = ["patron_message", "reply", "label", "message_kind", "group", "chosen"]
    return columns, [
        [clean(replies[c.row].patron_message or ""), clean(replies[c.row].text), "", "", groups[c.row], "by lot" if c.drawn else "for learning"]
        for c in choices
    ]  # fmt: skip


def doubt_sheet(doubts: Sequence[Doubt]) -> tuple[list[str], Rows]:
    """Columns and rows of labels to look at again."""
    clean = Deidentifier().clean
    columns = ["where", "label", "instead", "why", "patron_message", "reply"]
    return columns, [
        [d.example.id, str(d.example.label), "" if d.instead is d.example.label else str(d.instead), d.why, clean(d.example.patron_message), clean(d.example.reply)]
        for d in doubts
    ]  # fmt: skip


def differing_sheet(pairs: Sequence[tuple[Example, Example]]) -> tuple[list[str], Rows]:
    """Columns and rows on which two people settle what they said."""
    clean = Deidentifier().clean
    columns = ["patron_message", "reply", "first", "second", "settled", "first_kind", "second_kind", "message_kind"]
    return columns, [
        [clean(a.patron_message), clean(a.reply), str(a.label), str(b.label), "", str(a.message_kind or ""), str(b.message_kind or ""), ""]
        for a, b in pairs
    ]  # fmt: skip


def labels_sheet(
    examples: Sequence[Example], chosen: Mapping[tuple[str, str], str] | None = None
) -> tuple[list[str], Rows]:
    """Columns and rows of labels, as `labels.read_labels` reads them; `chosen` as in `labels.Labels`."""
    how = {_words(*texts): word for texts, word in (chosen or {}).items()}
    columns = ["patron_message", "reply", "label", "message_kind", "group", "pair", "chosen"]
    return columns, [
        [e.patron_message, e.reply, str(e.label), str(e.message_kind or ""), "" if e.batch == e.id else e.batch, e.pair or "", how.get(_same(e), "")]
        for e in examples
    ]  # fmt: skip
