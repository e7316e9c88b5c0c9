"""The only road from text to verdict: `Checker.check_many`; `check` is a batch of one.

Fifth step of the walk: reads the text (`text`, `features`), lets the `classifier` judge, decides, and makes verdicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from replycheck.bundle import CASCADE, Manifest, load_bundle
from replycheck.classifier import COURTESY, KINDS, MOVES, Engine, Judgement
from replycheck.codebook import MessageKind, Move, Side, UnsureReason
from replycheck.errors import UsageError
from replycheck.features import Batch, Floats, Ints, Tokens
from replycheck.referral import referrals
from replycheck.reply import Reason, Reply, Sentence, Verdict
from replycheck.settings import Settings
from replycheck.text import make_nlp

CHUNK = 512
"""Replies judged at once: large enough for arrays to pay, small enough to stay in the cache."""
REASONS = 3
"""Most spans named as having carried a verdict."""
_TRIED = 12
"""Most sentences of a reply that are left out in turn to find the reasons."""
_MOVED = 0.05
"""Least log-odds that a sentence moves to be named a reason."""
_FAMILIAR = 0.55
"""Least share of a reply's words that the corpus must know."""
_USUAL, _UNADDRESSED = 0.14, 0.46
"""Least share of a reply's pairs of neighbouring words that two writers of the corpus used; where nobody speaks to anybody, the other. Of the
development batches one in a hundred falls below."""
_TELLING = 15
"""Words from which on those shares tell something."""
_ANNOUNCES, _ITEMS = 0.75, 4
"""Share of words that pitch, list or redirect, and number of sentences, from which a text without a message is an announcement to everybody."""
_LONGEST = 700
"""Words of the longest reply that the verdict is not called out of domain for; the corpus ends far below."""
_POLITE = 0.5
"""Least probability of being courtesy that every sentence of a reply of courtesy alone has."""
_SURE = 2.0
"""Least distance, in log-odds, from both thresholds at which a cascade keeps the fast engine's verdict: of the development batches three
quarters lie farther, and the whole errs there no more than the deep engine (the model's card)."""
_KIND_SURE = 0.8
"""Probability from which a message's kind is not in doubt."""
_MORE_THAN_INFORMS = np.array([m.side in (Side.LISTENING, Side.PUSHING) and m is not Move.EXPLAINS for m in MOVES])
"""Moves that do more than inform: not courtesy, `answers` or `explains`."""
_ANNOUNCING = np.array([m in (Move.PITCHES, Move.ALREADY_DO, Move.REDIRECTS) for m in MOVES])


class Checker:
    """A loaded model, ready to judge. Make one with `replycheck.load()`; it may be shared by threads for reading."""

    def __init__(self, engine: Engine, model_version: str) -> None:
        self.engine = engine
        self.model_version = model_version
        self._tokens = Tokens(make_nlp())

    def check(self, reply: str | Reply, patron_message: str | None = None) -> Verdict:
        """The verdict on one reply."""
        item = reply if isinstance(reply, Reply) else Reply(reply, patron_message)
        return self.check_many([item])[0]

    def check_many(self, replies: Iterable[str | Reply], *, reasons: bool = True) -> list[Verdict]:
        """One verdict a reply, in order. Without `reasons` the spans that carried each verdict are not looked for.

        UsageError if an item is neither a string nor a `Reply`.
        """
        items = [r if isinstance(r, Reply) else Reply(r) for r in replies]
        for item in items:
            if not isinstance(item.text, str):
                raise UsageError(f"a reply must be text, found {type(item.text).__name__}")
        found: list[Verdict] = []
        for at in range(0, len(items), CHUNK):
            found += self._chunk(items[at : at + CHUNK], reasons)
        return found

    def judge(self, items: Sequence[Reply], engine: Engine | None = None) -> tuple[Batch, Judgement]:
        """Sentences and probabilities of a chunk, before any decision; by another engine than the checker's, if one is given."""
        engine = engine or self.engine
        texts = [r.text for r in items]
        messages = [r.patron_message or "" for r in items]
        both = self._tokens.batch([*texts, *messages])
        reply, message = both.part(0, len(items)), both.part(len(items), 2 * len(items))
        return reply, engine.judge(reply, message, referrals(reply, texts), engine.encode(reply, texts, messages))

    def _chunk(self, items: Sequence[Reply], reasons: bool) -> list[Verdict]:
        batch, judged = self.judge(items)
        probability, unsure, details = decide(self.engine, batch, judged)
        carried = _carried(self.engine, batch, judged, np.array(probability)) if reasons else [()] * len(items)
        best = judged.moves.argmax(axis=1)
        bounds = np.searchsorted(batch.sentence_text, np.arange(len(items) + 1)).tolist()
        moves, sure = [MOVES[m] for m in best.tolist()], judged.moves[np.arange(len(best)), best].tolist()
        sentences = list(map(Sentence, batch.start.tolist(), batch.end.tolist(), moves, sure))
        kinds, known, spread = judged.kind.argmax(axis=1).tolist(), judged.known.tolist(), judged.kind.tolist()
        return [
            Verdict(
                text=item.text,
                probability=probability[i],
                threshold=self.engine.threshold_,
                unsure_reason=unsure[i],
                unsure_detail=details[i],
                message_kind=KINDS[kinds[i]] if known[i] else None,
                message_kind_probability=float(judged.kind[i, kinds[i]]) if known[i] else None,
                sentences=tuple(sentences[bounds[i] : bounds[i + 1]]),
                reasons=carried[i],
                model_version=self.model_version,
                kinds=tuple(spread[i]) if known[i] else None,
            )
            for i, item in enumerate(items)
        ]


class Cascade(Checker):
    """A checker that leaves to its deep engine only what the fast one beside it is not sure of: nearly the deep one's verdicts on labels, at
    a quarter of its time; moves and reasons are the fast one's where it was sure."""

    def __init__(self, engine: Engine, model_version: str) -> None:
        super().__init__(engine, model_version)
        if engine.companion is None:
            raise UsageError("a cascade needs a model with both engines")
        self._fast = Checker(engine.companion, model_version)

    def _chunk(self, items: Sequence[Reply], reasons: bool) -> list[Verdict]:
        found = self._fast._chunk(items, reasons)
        again = [i for i, verdict in enumerate(found) if not self._sure(verdict)]
        found = [replace(verdict, threshold=self.engine.threshold_) for verdict in found]
        if again:
            for i, verdict in zip(again, super()._chunk([items[i] for i in again], reasons), strict=True):
                found[i] = verdict
        return found

    def _sure(self, verdict: Verdict) -> bool:
        at = _log_odds(np.array([verdict.probability, verdict.threshold, self.engine.threshold_]))
        return not verdict.unsure and bool(abs(at[0] - at[1]) >= _SURE and abs(at[0] - at[2]) >= _SURE)


def decide(engine: Engine, batch: Batch, judged: Judgement) -> tuple[list[float], list[UnsureReason | None], list[str]]:
    """(probability, unsure reason, its detail in words) of each reply; the label follows from probability and threshold."""
    t = engine.threshold_
    probability = judged.probability.astype(np.float64)
    text = batch.sentence_text
    best = judged.moves.argmax(axis=1)
    referred = np.bincount(text, weights=judged.referral, minlength=batch.texts) > 0
    least_polite = np.ones(batch.texts)
    np.minimum.at(least_polite, text, judged.moves[:, COURTESY].sum(axis=1))
    polite = least_polite >= _POLITE
    # the codebook's rules for these leave no room for a probability
    probability[referred | polite] = np.minimum(probability[referred | polite], t / 2)

    more = np.bincount(text, weights=_MORE_THAN_INFORMS[best], minlength=batch.texts)
    words = np.bincount(text, weights=judged.words, minlength=batch.texts)
    count = np.bincount(text, minlength=batch.texts)
    announced = np.bincount(text, weights=judged.words * _ANNOUNCING[best], minlength=batch.texts) / np.maximum(
        words, 1
    )
    told, asked, social = (KINDS.index(k) for k in MessageKind)
    differs = (judged.readings[:, asked] >= t) != (judged.readings[:, told] >= t)
    with np.errstate(divide="ignore"):
        distance = np.abs(np.log(probability / (1 - probability)) - np.log(t / (1 - t)))
    reasons: list[UnsureReason | None] = []
    details: list[str] = []
    for i in range(batch.texts):
        reason, detail = None, ""
        if strange := _out_of_domain(judged, i, int(words[i])) or _announcement(
            announced[i], count[i], judged.known[i]
        ):
            reason, detail = UnsureReason.OUT_OF_DOMAIN, strange
        elif polite[i]:
            if not (judged.known[i] and judged.kind[i].argmax() == social):
                reason, detail = UnsureReason.COURTESY_ONLY, "nothing remains once the courtesy is struck out"
        elif referred[i]:
            pass
        elif differs[i] and not judged.known[i]:
            reason = UnsureReason.MESSAGE_MISSING
            detail = "fine if they asked for this; a pitch if they were telling you something"
        elif differs[i] and judged.kind[i].max() < _KIND_SURE:
            reason, detail = UnsureReason.MESSAGE_UNCLEAR, "it hangs on whether the message tells or asks something"
        elif distance[i] < engine.band_:
            reason, detail = UnsureReason.NEAR_THRESHOLD, "the probability is close to the threshold"
        elif probability[i] < t and judged.kind[i].argmax() == told and more[i] == 0:
            reason, detail = UnsureReason.INFORMS_ONLY, "it informs, and takes nothing up, asks nothing, owns nothing"
        reasons.append(reason)
        details.append(detail)
    return probability.tolist(), reasons, details


def _out_of_domain(judged: Judgement, i: int, words: int) -> str:
    familiar, usual = float(judged.familiar[i]), float(judged.usual[i])
    if familiar == 0:
        return "it has no words that the corpus knows"
    if familiar < _FAMILIAR:
        return f"only {familiar:.0%} of its words are known from the corpus; another language, or code?"
    if words >= _TELLING and usual < _USUAL:
        return f"only {usual:.0%} of its pairs of words are known from the corpus; code, or a list?"
    if words >= _TELLING and usual < _UNADDRESSED and not judged.addressed[i]:
        return "nobody speaks to anybody in it, and its turns of phrase are not those of replies"
    if words > _LONGEST:
        return f"{words:,} words; the longest reply learned from is far shorter"
    return ""


def _announcement(announced: float, sentences: int, known: bool) -> str:
    if known or announced < _ANNOUNCES or sentences < _ITEMS:
        return ""
    return "it reads like a newsletter, or an announcement to everybody, and no message is known that it answers"


def _carried(engine: Engine, batch: Batch, judged: Judgement, decided: Floats) -> list[tuple[Reason, ...]]:
    """For each reply the sentences without which its probability would be further from its label; `decided` are the
    probabilities that the labels follow from."""
    chosen = _candidates(batch, judged)
    if not len(chosen):
        return [()] * batch.texts
    owner = batch.sentence_text[chosen]
    bounds = np.searchsorted(batch.sentence_text, np.arange(batch.texts + 1))
    count = (bounds[1:] - bounds[:-1])[owner]
    copy = np.repeat(np.arange(len(chosen)), count)
    row = np.arange(len(copy)) - np.repeat(np.cumsum(count) - count, count) + bounds[owner][copy]
    keep = row != chosen[copy]
    copy, row = copy[keep], row[keep]
    without, _ = engine.weigh(
        judged.tagged[:, row],
        judged.read[row],
        judged.words[row],
        copy,
        judged.kind[owner],
    )
    weight = judged.probability[owner] - without
    # where several sentences push, leaving one out hardly moves a probability near 1, but it does move its log-odds
    moved = _log_odds(judged.probability[owner]) - _log_odds(without)
    sign = np.where(decided[owner] >= engine.threshold_, 1.0, -1.0)
    found: list[list[Reason]] = [[] for _ in range(batch.texts)]
    best = judged.moves.argmax(axis=1)
    for k in np.argsort(-sign * moved, kind="stable"):
        if sign[k] * moved[k] < _MOVED or sign[k] * weight[k] <= 0:
            break
        s, reasons = chosen[k], found[owner[k]]
        if len(reasons) < REASONS:
            reasons.append(Reason(int(batch.start[s]), int(batch.end[s]), MOVES[best[s]], float(weight[k])))
    return [tuple(r) for r in found]


def _log_odds(probability: Floats) -> Floats:
    p = np.clip(probability.astype(np.float64), 1e-9, 1 - 1e-9)
    return (np.log(p) - np.log1p(-p)).astype(np.float32)


def _candidates(batch: Batch, judged: Judgement) -> Ints:
    """Sentences worth leaving out: not courtesy, the weightiest few of each reply, and only where there are several."""
    weight: Floats = judged.moves[:, ~COURTESY].sum(axis=1) * judged.words
    order = np.lexsort((-weight, batch.sentence_text))
    text = batch.sentence_text[order]
    rank = np.arange(len(order)) - np.searchsorted(text, text)
    chosen = order[(rank < _TRIED) & (weight[order] > 0)]
    return np.sort(chosen)


def load(model: str | Path | None = None, engine: str | None = None) -> Checker:
    """A `Checker` with the model in that folder, or with the promoted one, or else the one that ships, and its engine of that name
    (`fast`, `deep` or `cascade`), or its default one. BundleError if it must not be loaded."""
    return load_with_manifest(Settings.from_environment().model if model is None else Path(model), engine)[0]


def load_with_manifest(folder: Path, engine: str | None = None) -> tuple[Checker, Manifest]:
    """`load`, with what the bundle says of itself."""
    found, manifest = load_bundle(folder, engine)
    judges = Cascade if manifest.engine == CASCADE else Checker
    return judges(found, manifest.model_version), manifest
