"""A library's labels + the shipped corpus → a new model, measured beside the old one on replies that neither learned from.

Beside the walk: `labels` reads, this trains and compares, `registry` keeps. Which of a library's replies are held out follows from their
words and groups alone, so that adding labels later, or another file, never moves a reply from one side to the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from replycheck.bundle import CARD, EVALUATION, Manifest, corpus_encoder, inspect_bundle, save_bundle, taggers
from replycheck.card import render, render_json
from replycheck.checker import Checker, load
from replycheck.comparison import Comparison, compare, sharing_encoder
from replycheck.corpus import Example, LabelledMessage, alike, fingerprint, read_cases, read_messages, read_split
from replycheck.encoder import CorpusEncoder
from replycheck.errors import CorpusError, UsageError
from replycheck.evaluation import agreement, behaviour_figures, measure
from replycheck.labels import read_labels
from replycheck.registry import Entry, Registry, check_name
from replycheck.settings import Settings, shipped
from replycheck.training import BASE_RATE, Progress, Tagged, silent, train

WEIGHT = 2.0
"""How often a library's own reply counts beside one of the corpus (docs/retraining.md has the figures)."""
HELD_OUT = 0.3
"""Share of a library's groups that is held out."""


@dataclass(frozen=True, slots=True)
class Retrained:
    """A new model in the registry, and how it compares with the one that judged before."""

    entry: Entry
    comparison: Comparison

    @property
    def advice(self) -> str:
        """One sentence: whether to promote, and why."""
        return self.comparison.advice


@dataclass(frozen=True, slots=True)
class Parts:
    """A library's examples, those that are learned from and those that are held out, and what to say about them."""

    learned: list[Example]
    held_out: list[Example]
    remarks: list[str]


# --- holding out -------------------------------------------------------------------------------------------------


def hold_out(own: Sequence[Example], corpus: Sequence[Example] = (), share: float = HELD_OUT) -> Parts:
    """Part a library's examples. Replies of one group or pair and near-duplicates stay on one side; a reply that the corpus has too is
    learned from. CorpusError with one label, or one group, since nothing could be measured."""
    own = list(own)
    if len({e.label for e in own}) < 2:
        raise CorpusError(f"all {len(own)} labels are {own[0].label}: both are needed, to learn and to measure")
    twins = [(i, j) for i, j, _ in alike([*(e.reply for e in own), *(e.reply for e in corpus)]) if i < len(own)]
    inside = [(i, j) for i, j in twins if j < len(own)]
    known = {i for i, j in twins if j >= len(own)}
    number = _components(own, inside)
    if number.max() == 0:
        raise CorpusError(f"all {len(own)} replies are of one group, or near-duplicates: none can be held out apart")
    side = [_hash(own, np.flatnonzero(number == k)) < share for k in range(number.max() + 1)]
    common = {int(number[i]) for i in known}
    learned: list[Example] = []
    held: list[Example] = []
    for k, e in zip(number.tolist(), own, strict=True):
        (held if side[k] and k not in common else learned).append(e)
    return Parts(learned, held, _remarks(own, inside, known))


def _components(own: Sequence[Example], twins: Sequence[tuple[int, int]]) -> np.ndarray:
    """Number of the cluster of each example: replies tied by group, pair or likeness."""
    ties = list(twins)
    for name in ("batch", "pair"):
        first: dict[str, int] = {}
        for i, e in enumerate(own):
            value = getattr(e, name)
            if value is not None:
                ties.append((first.setdefault(value, i), i))
    a, b = np.array(ties).T
    found: np.ndarray = connected_components(coo_matrix((np.ones(len(a)), (a, b)), shape=(len(own), len(own))))[1]
    return found


def _hash(own: Sequence[Example], rows: np.ndarray) -> float:
    """A number from 0 to 1 that follows from the words of a cluster's first reply, in order of the alphabet."""
    words = min(f"{own[i].patron_message}\0{own[i].reply}" for i in rows.tolist())
    return int.from_bytes(blake2b(words.encode("utf-8", "surrogatepass"), digest_size=6).digest()) / 2**48


def _remarks(own: Sequence[Example], twins: Sequence[tuple[int, int]], known: set[int]) -> list[str]:
    found = []
    if twins:
        found.append(
            f"{len({j for _, j in twins})} replies are near-duplicates of others and stay on the same side as those"
        )
    if known:
        found.append(
            f"{len(known)} replies are near-duplicates of the corpus's; they are learned from, not measured on"
        )
    both = [
        (i, j) for i, j in twins if own[i].label is not own[j].label and own[i].patron_message == own[j].patron_message
    ]
    if both:
        i, j = both[0]
        found.append(
            f"{len(both)} near-duplicates bear both labels, such as {own[i].id} and {own[j].id}: settle them (replycheck check-labels)"
        )
    without = sum(not e.patron_message for e in own)
    if without > len(own) / 2:
        found.append(
            f"{without} of {len(own)} replies come without the patron's message; with it the model does better"
        )
    return found


# --- the whole ---------------------------------------------------------------------------------------------------


def retrain(
    tables: Sequence[str | Path] | str | Path,
    *,
    name: str,
    weight: float = WEIGHT,
    models: Path | None = None,
    data: Path | None = None,
    seed: int = 0,
    jobs: int = 2,
    progress: Progress = silent,
) -> Retrained:
    """Learn from tables of labels beside the shipped corpus, compare with the model that judges now, and keep the new one in the registry,
    not yet promoted. UsageError or UnreadableInput if the labels can't be used."""
    check_name(name)
    if weight <= 0:
        raise UsageError("--weight must be above 0")
    paths = [Path(t) for t in ([tables] if isinstance(tables, (str, Path)) else tables)]
    progress("reading labels", 0, 1)
    labels = read_labels(paths, weight=weight, mark=True)
    data = data or shipped("data")
    corpus, messages = read_split(data, "train"), read_messages(data)
    parts = hold_out(labels.examples, corpus)
    remarks = [*(f"{n} rows are left out: {why}" for why, n in labels.left_out.items()), *parts.remarks]
    progress("reading labels", 1, 1)

    registry = open_registry(models)
    current = registry.current()
    with TemporaryDirectory() as place:
        folder = Path(place) / name
        manifest = fit_bundle(
            folder, [*corpus, *parts.learned], messages,
            name=name, source=corpus_encoder(current), default=inspect_bundle(current)[0].engine,
            counts={"of_the_library": len(parts.learned)}, before=tagged_by(current), seed=seed, jobs=jobs, progress=progress,
        )  # fmt: skip
        progress("comparing", 0, 1)
        held = [e for e in read_split(data, "dev") if not e.contested]
        new, old = load(folder), load(current)
        with sharing_encoder(old, new):
            comparison = compare(old, new, parts.held_out, held, read_cases(data), remarks)
            record = _record(new, manifest, data, corpus, held, comparison)
        entry = registry.add(folder, _files(record, manifest))
        progress("comparing", 1, 1)
    return Retrained(entry, comparison)


def tagged_by(folder: Path) -> dict[str, Tagged]:
    """What training may take over of each engine of a model; engines without that are left out."""
    return {name: Tagged(*found) for name, found in taggers(folder).items()}


def open_registry(models: Path | None = None) -> Registry:
    """The registry of that folder, or of the settings."""
    return Registry(models or Settings.from_environment().models or Path())


def fit_bundle(
    folder: Path,
    examples: Sequence[Example],
    messages: Sequence[LabelledMessage],
    *,
    name: str,
    source: tuple[CorpusEncoder, dict[str, bytes]] | None,
    default: str,
    counts: Mapping[str, int],
    before: Mapping[str, Tagged] | None = None,
    seed: int = 0,
    jobs: int = 2,
    progress: Progress = silent,
) -> Manifest:
    """Fit the fast engine and, with the `source` of an encoder (`corpus_encoder`), the deep one, and save them; the encoder is taken over as it is.
    `default` judges unless told otherwise; `counts` stand in the manifest beside the usual ones; `before` is what taggers may be taken over from."""
    trained = {
        n: train(
            examples, messages, encoder=encoder, tagged=(before or {}).get(n), seed=seed, jobs=jobs, progress=progress
        )
        for n, encoder in {"fast": None, **({"deep": source[0]} if source else {})}.items()
    }
    return save_bundle(
        folder,
        trained["fast"].engine,
        deep=trained["deep"].engine if source else None,
        encoder=source and source[1],
        tagged={n: t.tagged.out_of_fold for n, t in trained.items()},
        default=default if source else "fast",
        name=name,
        data_fingerprint=fingerprint(examples, messages),
        trained_on={
            "replies": len(examples),
            **counts,
            "sentences": sum(len(e.sentences) for e in examples),
            "messages": len(messages),
            "contested": sum(e.contested for e in examples),
        },
    )


def _record(
    new: Checker,
    manifest: Manifest,
    data: Path,
    corpus: Sequence[Example],
    held: Sequence[Example],
    comparison: Comparison,
) -> dict[str, Any]:
    contested = Counter(e.contested for e in corpus)
    return {
        "model_version": manifest.model_version,
        "threshold": manifest.threshold,
        "base_rate": BASE_RATE,
        "trained_on": manifest.trained_on,
        "contested": {"train": contested[True]},
        "agreement": agreement([*corpus, *held]),
        "behaviour": behaviour_figures(new, read_cases(data)),
        "dev": measure(new, held),
        "comparison": comparison.record,
    }


def _files(record: dict[str, Any], manifest: Manifest) -> dict[str, bytes]:
    return {EVALUATION: render_json(record), CARD: render(record, manifest).encode()}
