"""Two models on the same held-out replies: which is better, where, and whether that could be chance.

Beside the walk, after `evaluation`. The record holds figures only; what turned, with its words, is kept apart for the page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from replycheck.checker import Checker
from replycheck.codebook import Label
from replycheck.corpus import Case, Example
from replycheck.encoder import CorpusEncoder, Encoder, OutOfFold, Remembering
from replycheck.evaluation import case_results, interval, label_figures, macro_f1
from replycheck.reply import Verdict

Record = dict[str, Any]
Bools = NDArray[np.bool_]
ENOUGH = 30
"""Pushing replies held out below which a difference is hardly ever told from chance."""
TOLERATED = 0.01
"""Share of behavioural cases, or of pairs, that a new model may lose on balance without being called worse."""
SAME_LABELS, SAME_SHARE = 0.97, 0.01
"""Least share of equal labels, and largest difference in the share called pushing, with which trends go on."""


@dataclass(frozen=True, slots=True)
class Turned:
    """A reply that the two models label differently."""

    example: Example
    old: Verdict
    new: Verdict

    @property
    def better(self) -> bool:
        """Whether the new label is the right one."""
        return self.new.label is self.example.label


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came out: the figures, what to keep in mind, and the verdicts that turned."""

    record: Record
    turned: list[Turned] = field(default_factory=list)

    @property
    def advice(self) -> str:
        """One sentence: whether to promote, and why."""
        return str(self.record["advice"])

    @property
    def reasons_against(self) -> list[str]:
        """Why promotion is refused; empty if it is not."""
        return list(self.record["against"])


def compare(
    old: Checker,
    new: Checker,
    own: Sequence[Example],
    corpus: Sequence[Example],
    cases: Sequence[Case],
    remarks: Sequence[str] = (),
) -> Comparison:
    """Judge a library's held-out replies (`own`, may be empty), the corpus's, and the behavioural cases with both models."""
    own, corpus = ([e for e in some if not e.contested] for some in (own, corpus))
    record: Record = {
        "old": old.model_version,
        "new": new.model_version,
        "thresholds": [old.engine.threshold_, new.engine.threshold_],
        "remarks": list(remarks),
    }
    turned: list[Turned] = []
    labels: list[tuple[bool, bool]] = []
    for name, examples in (("own", own), ("corpus", corpus)):
        if examples:
            first, second = _verdicts(old, examples), _verdicts(new, examples)
            record[name] = _rows(examples, first, second)
            both = list(zip(examples, first, second, strict=True))
            turned += [Turned(e, a, b) for e, a, b in both if a.label is not b.label]
            labels += [(a.label is Label.PUSHING, b.label is Label.PUSHING) for _, a, b in both]
    record["behaviour"] = _behaviour(old, new, cases)
    record["migration"] = _migration(labels)
    few = record["own"]["pushing"] if own else 0
    if own and few < ENOUGH:
        record["remarks"].append(f"only {few} pushing replies are held out; with under {ENOUGH} little can be told")
    return Comparison(conclude(record), turned)


@contextmanager
def sharing_encoder(old: Checker, new: Checker) -> Iterator[None]:
    """Meanwhile, two models whose bundles hold the same encoder let it read no reply twice."""
    before = old.engine.encoder, new.engine.encoder
    if isinstance(before[0], Encoder) and isinstance(before[1], Encoder):
        old.engine.encoder = new.engine.encoder = Remembering(CorpusEncoder(before[0], OutOfFold({})))
    try:
        yield
    finally:
        old.engine.encoder, new.engine.encoder = before


def conclude(record: Record) -> Record:
    """The same with what speaks against promotion, and the advice, from its figures."""
    return {**record, "against": (against := _against(record)), "advice": _advice({**record, "against": against})}


def _verdicts(checker: Checker, examples: Sequence[Example]) -> list[Verdict]:
    return checker.check_many([e.as_reply for e in examples], reasons=False)


def _rows(examples: Sequence[Example], old: Sequence[Verdict], new: Sequence[Verdict]) -> Record:
    """Figures of both on the same rows; the difference with an interval over groups (paired bootstrap), and McNemar's exact test."""
    was = np.array([e.pushing for e in examples])
    called = [np.array([v.label is Label.PUSHING for v in some]) for some in (old, new)]
    groups = [e.batch for e in examples]

    def gain(rows: NDArray[np.int64]) -> float:
        return macro_f1(was[rows], called[1][rows]) - macro_f1(was[rows], called[0][rows])

    right = [c == was for c in called]
    gained, lost = int((~right[0] & right[1]).sum()), int((right[0] & ~right[1]).sum())
    figures = [
        label_figures(examples, np.array([v.probability for v in some]), some[0].threshold) for some in (old, new)
    ]
    return {
        "replies": len(examples),
        "pushing": int(was.sum()),
        "old": figures[0],
        "new": figures[1],
        "gain": round(gain(np.arange(len(was))), 3),
        "gain_interval": interval(gain, groups),
        "gained": gained,
        "lost": lost,
        "mcnemar_p": round(float(binomtest(gained, gained + lost).pvalue), 4) if gained + lost else 1.0,
        "pairs": _pairs(examples, *right),
    }


def _pairs(examples: Sequence[Example], old: Bools, new: Bools) -> Record:
    """Pairs of which both sides are called right."""
    sides: dict[str, list[int]] = {}
    for i, e in enumerate(examples):
        if e.pair:
            sides.setdefault(f"{e.batch}\0{e.pair}", []).append(i)
    whole = [rows for rows in sides.values() if len(rows) == 2]
    before = np.array([old[rows].all() for rows in whole], dtype=bool)
    after = np.array([new[rows].all() for rows in whole], dtype=bool)
    return _balance(before, after)


def _behaviour(old: Checker, new: Checker, cases: Sequence[Case]) -> Record:
    before, after = (np.array(case_results(checker, cases), dtype=bool) for checker in (old, new))
    record = _balance(before, after)
    changed: dict[str, list[int]] = {}
    for case, a, b in zip(cases, before, after, strict=True):
        row = changed.setdefault(case.capability, [0, 0])
        row[0] += int(b and not a)
        row[1] += int(a and not b)
    record["capabilities"] = {k: {"gained": g, "lost": n} for k, (g, n) in sorted(changed.items()) if g or n}
    return record


def _balance(before: Bools, after: Bools) -> Record:
    return {
        "number": len(before),
        "old": int(before.sum()),
        "new": int(after.sum()),
        "gained": int((after & ~before).sum()),
        "lost": int((before & ~after).sum()),
    }


def _worse(balance: Record) -> bool:
    return bool(balance["lost"] - balance["gained"] > TOLERATED * balance["number"])


def _against(record: Record) -> list[str]:
    found = []
    behaviour = record["behaviour"]
    if _worse(behaviour):
        found.append(
            f"it passes {behaviour['new']} of {behaviour['number']} behavioural cases, the old one {behaviour['old']}"
        )
    if own := record.get("own"):
        pairs = own["pairs"]
        if _worse(pairs):
            found.append(f"it has {pairs['new']} of {pairs['number']} of your pairs right, the old one {pairs['old']}")
        if own["gain_interval"] and own["gain_interval"][1] < 0:
            found.append(f"on your held-out replies macro-F1 falls by {-own['gain']:.3f}, more than chance would do")
    return found


def _advice(record: Record) -> str:
    own = record.get("own")
    if record["against"]:
        return f"Don't promote {record['new']}: {'; '.join(record['against'])}."
    if own is None:
        return f"Nothing speaks against {record['new']}, but none of your own replies was held out, so nothing speaks for it."
    low, high = own["gain_interval"] or (0.0, 0.0)
    said = f"on {own['replies']} held-out replies of yours macro-F1 goes from {own['old']['macro_f1']} to {own['new']['macro_f1']} (difference {own['gain']:+.3f}, {low:+.3f} to {high:+.3f})"
    if low > 0:
        return f"Promote {record['new']}: {said}."
    few = ", and too few pushing replies are held out to tell" if own["pushing"] < ENOUGH else ""
    if own["gain"] > 0:
        return f"You may promote {record['new']}, but the gain may be chance{few}: {said}."
    return f"Keep {record['old']}: the new model is no better on your replies{few}: {said}."


def _migration(labels: Sequence[tuple[bool, bool]]) -> Record:
    """Whether old thresholds and the trends of audits may still be compared."""
    if not labels:
        return {
            "replies": 0,
            "note": "Old figures and new ones must not be compared: no reply was judged by both models.",
        }
    old, new = np.array(labels).T
    same, shares = float((old == new).mean()), (float(old.mean()), float(new.mean()))
    goes_on = same >= SAME_LABELS and abs(shares[1] - shares[0]) <= SAME_SHARE
    figures = f"the two models give the same label to {same:.1%} of {len(old)} held-out replies, and call {shares[0]:.1%} and {shares[1]:.1%} pushing"
    note = (
        f"Trends of audits may go on across the change: {figures}. A threshold of your own must be chosen anew: probabilities are not on one scale."
        if goes_on
        else f"Audit past months again before you compare them with new ones, and choose thresholds of your own anew: {figures}."
    )
    return {"replies": len(old), "same_labels": round(same, 3), "pushing": [round(s, 3) for s in shares], "note": note}
