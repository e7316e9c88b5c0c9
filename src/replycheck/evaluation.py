"""Engine + held-out data → one record of figures, from which `card` is rendered.

Beside the walk. Everything is measured through `Checker.check_many`, with the shipped threshold, on batches whose
writers the model has not seen; baselines are fitted on the same training batches and tried on the same held-out ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score, f1_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from replycheck.bundle import Manifest
from replycheck.checker import Checker
from replycheck.classifier import KINDS, MOVES
from replycheck.codebook import Label
from replycheck.corpus import (
    EXPECTED,
    Annotation,
    Case,
    Example,
    LabelledMessage,
    fingerprint,
    moves_read,
    read_cases,
    read_messages,
    read_split,
)
from replycheck.encoder import CorpusEncoder
from replycheck.errors import UsageError
from replycheck.reply import Reply, Verdict
from replycheck.training import BASE_RATE, align, folds, rate_weights, train

Record = dict[str, Any]
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
RESAMPLES = 1000


# --- the parts ---------------------------------------------------------------------------------------------------


def macro_f1(pushing: Bools, called: Bools) -> float:
    """Macro-F1 of the two labels."""
    hit, quiet = int((pushing & called).sum()), int((~pushing & ~called).sum())
    wrong = len(pushing) - hit - quiet  # each error counts once in both labels' F1
    return sum(2 * right / (2 * right + wrong) if right else 0.0 for right in (hit, quiet)) / 2


def auc(pushing: Bools, probability: Floats) -> float | None:
    """Area under the ROC curve; None with one class only."""
    ones = int(pushing.sum())
    if not 0 < ones < len(pushing):
        return None
    return float((rankdata(probability)[pushing].sum() - ones * (ones + 1) / 2) / (ones * (len(pushing) - ones)))


def interval(
    figure: Callable[[NDArray[np.int64]], float | None], groups: Sequence[str], seed: int = 0
) -> tuple[float, float] | None:
    """95 % bootstrap interval of a figure of row indices; groups are drawn, or rows where there are fewer than five groups."""
    rng = np.random.default_rng(seed)
    names = sorted(set(groups))
    members = (
        [np.flatnonzero(np.array(groups) == n) for n in names]
        if len(names) >= 5
        else [np.array([i]) for i in range(len(groups))]
    )
    drawn = []
    for _ in range(RESAMPLES):
        value = figure(np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))]))
        if value is not None:
            drawn.append(value)
    return (round(float(np.quantile(drawn, 0.025)), 3), round(float(np.quantile(drawn, 0.975)), 3)) if drawn else None


def label_figures(
    examples: Sequence[Example], probability: Floats, threshold: float, *, unsure: Bools | None = None
) -> Record:
    """Macro-F1 and AUC with intervals, and precision and recall at the threshold."""
    pushing = np.array([e.pushing for e in examples])
    called = probability >= threshold
    groups = [e.batch for e in examples]

    def some_auc(rows: NDArray[np.int64]) -> float | None:
        return auc(pushing[rows], probability[rows])

    area = auc(pushing, probability)
    record: Record = {
        "replies": len(examples),
        "pushing": int(pushing.sum()),
        "macro_f1": round(macro_f1(pushing, called), 3),
        "macro_f1_interval": interval(lambda r: macro_f1(pushing[r], called[r]), groups),
        "auc": None if area is None else round(area, 3),
        "auc_interval": interval(some_auc, groups),
        "recall": round(float(called[pushing].mean()), 3) if pushing.any() else None,
        "false_alarms": round(float(called[~pushing].mean()), 3) if (~pushing).any() else None,
        "precision_at_base_rate": _precision(pushing, called),
        "precision_at_recall_60_base_rate_5": _precision_at_recall(pushing, probability, 0.6, 0.05),
    }
    if unsure is not None:
        sure = ~unsure
        record["sure"] = round(float(sure.mean()), 3)
        record["macro_f1_of_the_sure"] = round(macro_f1(pushing[sure], called[sure]), 3) if sure.any() else None
    return record


def curve(pushing: Bools, probability: Floats, rate: float) -> list[tuple[float, float, float]]:
    """(threshold, recall, precision if `rate` of the replies pushed), from the highest threshold down."""
    if not pushing.any() or pushing.all():
        return []
    found = []
    for t in np.unique(probability)[::-1]:
        recall, alarms = float((probability[pushing] >= t).mean()), float((probability[~pushing] >= t).mean())
        precision = rate * recall / (rate * recall + (1 - rate) * alarms) if recall + alarms else 1.0
        found.append((float(t), recall, precision))
    return found


def _precision_at_recall(pushing: Bools, probability: Floats, recall: float, rate: float) -> float | None:
    """Precision at the highest threshold that reaches a recall."""
    return next((round(p, 3) for _, r, p in curve(pushing, probability, rate) if r >= recall), None)


def _thinned(points: list[tuple[float, float, float]], most: int = 60) -> list[Record]:
    chosen = points if len(points) <= most else [points[round(i * (len(points) - 1) / (most - 1))] for i in range(most)]
    return [{"threshold": round(t, 4), "recall": round(r, 4), "precision": round(p, 4)} for t, r, p in chosen]


def _precision(pushing: Bools, called: Bools) -> dict[str, float | None]:
    """Precision if 3, 10, 20 or 50 in a hundred replies pushed, from recall and false alarms."""
    if not pushing.any() or pushing.all():
        return {}
    recall, alarms = called[pushing].mean(), called[~pushing].mean()
    return {
        f"{rate:.0%}": round(float(rate * recall / (rate * recall + (1 - rate) * alarms)), 3)
        if rate * recall + (1 - rate) * alarms > 0
        else None
        for rate in (0.03, 0.1, 0.2, 0.5)
    }


def reliability(pushing: Bools, probability: Floats, bins: int = 10) -> Record:
    """Equal-mass bins, reweighted to the base rate that the calibration is made for, and the calibration error over them; no bins with one
    class only, which no weights bring to that rate."""
    if pushing.all() or not pushing.any():
        return {"base_rate": BASE_RATE, "bins": [], "calibration_error": None}
    weight = rate_weights(pushing).astype(np.float64)
    order = np.argsort(probability, kind="stable")
    cumulative = np.cumsum(weight[order]) / weight.sum()
    rows = []
    error = 0.0
    for k in range(bins):
        members = order[(cumulative > k / bins) & (cumulative <= (k + 1) / bins + 1e-9)]
        if not len(members):
            continue
        w = weight[members]
        said, was = float(np.average(probability[members], weights=w)), float(np.average(pushing[members], weights=w))
        rows.append({"replies": len(members), "said": round(said, 3), "was": round(was, 3)})
        error += w.sum() / weight.sum() * abs(said - was)
    return {"base_rate": BASE_RATE, "bins": rows, "calibration_error": round(error, 3)}


def move_figures(checker: Checker, examples: Sequence[Example]) -> Record:
    """Moves and sides of the labelled sentences, as predicted for the sentences found; and how well those were found."""
    batch, judged = checker.judge([e.as_reply for e in examples])
    move, _ = align(batch, examples)
    seen = move >= 0
    called = judged.moves.argmax(axis=1)
    side = np.array([list(dict.fromkeys(m.side for m in MOVES)).index(m.side) for m in MOVES])
    gold = {(i, s.start) for i, e in enumerate(examples) for s in e.sentences if s.start != e.sentences[0].start}
    firsts = {(i, e.sentences[0].start) for i, e in enumerate(examples) if e.sentences}
    found = set(zip(batch.sentence_text.tolist(), batch.start.tolist(), strict=True)) - firsts
    common = len(gold & found)
    confusion = Counter((str(MOVES[a]), str(MOVES[b])) for a, b in zip(move[seen], called[seen], strict=True) if a != b)
    return {
        "sentences": int(seen.sum()),
        "move_macro_f1": round(float(f1_score(move[seen], called[seen], average="macro", zero_division=0)), 3),
        "move_accuracy": round(float((move[seen] == called[seen]).mean()), 3),
        "side_macro_f1": round(
            float(f1_score(side[move[seen]], side[called[seen]], average="macro", zero_division=0)), 3
        ),
        "boundary_f1": round(2 * common / (len(gold) + len(found)), 3) if gold or found else None,
        "most_confused": [{"was": a, "called": b, "times": n} for (a, b), n in confusion.most_common(8)],
    }


def kind_figures(verdicts: Sequence[Verdict], examples: Sequence[Example]) -> Record:
    """Message kind, where there is a message and a reader said what it calls for."""
    rows = [
        (KINDS.index(e.message_kind), KINDS.index(v.message_kind))
        for v, e in zip(verdicts, examples, strict=True)
        if e.message_kind is not None and v.message_kind is not None
    ]
    if not rows:
        return {"messages": 0, "macro_f1": None, "accuracy": None}
    was, called = np.array(rows).T
    return {
        "messages": len(rows),
        "macro_f1": round(float(f1_score(was, called, average="macro", zero_division=0)), 3),
        "accuracy": round(float((was == called).mean()), 3),
    }


def pair_figures(examples: Sequence[Example], called: Bools) -> Record:
    """Pairs whose two sides are both called right."""
    sides: dict[str, list[bool]] = {}
    for e, c in zip(examples, called, strict=True):
        if e.pair:
            sides.setdefault(e.pair, []).append(bool(c) == e.pushing)
    whole = [s for s in sides.values() if len(s) == 2]
    return {"pairs": len(whole), "both_right": round(sum(all(s) for s in whole) / len(whole), 3) if whole else None}


def agreement(examples: Iterable[Example]) -> Record:
    """Raw agreement and Cohen's κ of the readers, over all and by batch: A with B, the writer with each, C with the agreed label;
    moves of the first reader (see `moves_read`) and B. And what was contested, by what it is about."""
    examples = list(examples)
    batches = {b: _agreed([e for e in examples if e.batch == b]) for b in sorted({e.batch for e in examples})}
    contested = [e for e in examples if e.contested]
    about = Counter((str(e.message_kind or "none"), str(e.label)) for e in contested)
    return {
        **_agreed(examples),
        "by_batch": {
            b: {"label": r["label"]["A–B"], "kind": r["kind"]["A–B"], "moves": r["moves"]} for b, r in batches.items()
        },
        "contested": [{"message_kind": k, "label": v, "times": n} for (k, v), n in about.most_common()],
        "moves_contested": _disputed(examples),
    }


def _disputed(examples: Sequence[Example], most: int = 10) -> list[Record]:
    """The pairs of moves that the first reader and B differ on most often."""
    found: Counter[tuple[str, str]] = Counter()
    for e in examples:
        found.update((min(a, b), max(a, b)) for a, b in _moves_of_both(e) if a != b)
    return [{"moves": list(pair), "times": n} for pair, n in found.most_common(most)]


def _moves_of_both(example: Example) -> list[tuple[str, str]]:
    """(first reader's, B's) move of each sentence; none where one of them gave none."""
    first, second = moves_read(example.annotations)
    return list(zip(first, second, strict=True)) if first and second else []


def _agreed(examples: Iterable[Example]) -> Record:
    labels: dict[str, list[tuple[str, str]]] = {"A–B": [], "writer–A": [], "writer–B": []}
    kinds: dict[str, list[tuple[str, str]]] = {"A–B": []}
    felt: list[tuple[str, str]] = []
    moves: list[tuple[str, str]] = []
    for e in examples:
        by: dict[str, Annotation] = {a.who: a for a in e.annotations}
        for name in labels:
            a, b = (by.get(x) for x in name.split("–"))
            if a and b and a.label and b.label:
                labels[name].append((a.label, b.label))
                if name in kinds and a.kind and b.kind:
                    kinds[name].append((a.kind, b.kind))
        if "C" in by:
            felt.append(("listening" if by["C"].felt == "heard" else "service-pushing", e.label))
        moves += _moves_of_both(e)

    def figures(pairs: list[tuple[str, str]]) -> Record:
        if not pairs:
            return {"n": 0}
        a, b = zip(*pairs, strict=True)
        return {
            "n": len(pairs),
            "raw": round(sum(x == y for x, y in pairs) / len(pairs), 3),
            "kappa": round(float(cohen_kappa_score(a, b)), 3) if len({*a, *b}) > 1 else None,
        }

    return {
        "label": {k: figures(v) for k, v in labels.items()},
        "kind": {k: figures(v) for k, v in kinds.items()},
        "felt_with_label": figures(felt),
        "moves": figures(moves),
    }


def case_results(checker: Checker, cases: Sequence[Case]) -> list[bool]:
    """Whether each case is passed. Invariance: the same label; direction: a probability that moves the expected way."""
    first = checker.check_many([Reply(c.reply, c.message or None) for c in cases], reasons=False)
    second = checker.check_many([Reply(c.reply_2 or c.reply, c.message_2 or None) for c in cases], reasons=False)
    return [
        {
            "same": a.label is b.label,
            "higher": b.probability > a.probability,
            "lower": b.probability < a.probability,
        }.get(case.expect, a.label == case.expect)
        for case, a, b in zip(cases, first, second, strict=True)
    ]


def behaviour_figures(checker: Checker, cases: Sequence[Case]) -> Record:
    """Pass rate of each capability."""
    capabilities: dict[str, Record] = {}
    for case, passed in zip(cases, case_results(checker, cases), strict=True):
        row = capabilities.setdefault(case.capability, {"type": case.type, "cases": 0, "passed": 0})
        row["cases"] += 1
        row["passed"] += passed
    by_type = {
        t: {
            "capabilities": sum(r["type"] == t for r in capabilities.values()),
            "cases": sum(r["cases"] for r in capabilities.values() if r["type"] == t),
            "passed": sum(r["passed"] for r in capabilities.values() if r["type"] == t),
        }
        for t in EXPECTED
    }
    return {"by_type": by_type, "capabilities": capabilities}


# --- baselines ---------------------------------------------------------------------------------------------------


def _form(texts: Sequence[str]) -> Floats:
    return np.array(
        [
            [len(t.split()), len(t), t.count("?"), t.count("!"), t.count(","), t.count("."), t.count("\n")]
            for t in texts
        ],
        dtype=np.float64,
    )


def baselines() -> dict[str, Any]:
    """Punctuation and length, and TF-IDF of words and characters, each with logistic regression, on the reply alone."""
    return {
        "punctuation and length": make_pipeline(
            FunctionTransformer(_form), StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
        ),
        "TF-IDF + logistic regression": make_pipeline(
            make_union(
                TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
                TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=3, sublinear_tf=True),
            ),
            LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000),
        ),
    }


def baseline_figures(train_on: Sequence[Example], try_on: Sequence[Example]) -> Record:
    """Macro-F1 and AUC of each baseline, and of always saying what most training replies do."""
    was = np.array([e.pushing for e in try_on])
    learned = [e for e in train_on if not e.contested]
    y = np.array([e.pushing for e in learned])
    found: Record = {"majority": {"macro_f1": round(macro_f1(was, np.full(len(was), y.mean() >= 0.5)), 3), "auc": 0.5}}
    for name, model in baselines().items():
        p = model.fit([e.reply for e in learned], y).predict_proba([e.reply for e in try_on])[:, 1]
        area = auc(was, p)
        found[name] = {"macro_f1": round(macro_f1(was, p >= 0.5), 3), "auc": None if area is None else round(area, 3)}
    return found


def held_out_probability(
    model: Any, given: NDArray[Any], pushing: Bools, held_out: Sequence[Bools]
) -> NDArray[np.float64]:
    """Probability of pushing of each row of `given`, from a model fitted without the row's fold."""
    found = np.zeros(len(pushing))
    for test in held_out:
        found[test] = model.fit(given[~test], pushing[~test]).predict_proba(given[test])[:, 1]
    return found


def hard_items(examples: Sequence[Example], seed: int = 0) -> set[str]:
    """Ids that the TF-IDF baseline misses out of fold, or that a reader was torn about."""
    y = np.array([e.pushing for e in examples])
    texts = np.array([e.reply for e in examples], dtype=object)
    group = np.unique([e.batch for e in examples], return_inverse=True)[1]
    found = {e.id for e in examples if any(not a.sure for a in e.annotations)}
    called = held_out_probability(baselines()["TF-IDF + logistic regression"], texts, y, folds(group, seed)) > 0.5
    return found | {examples[i].id for i in np.flatnonzero(called != y).tolist()}


# --- the whole ---------------------------------------------------------------------------------------------------


def _judged(checker: Checker, examples: Sequence[Example]) -> tuple[list[Example], list[Verdict]]:
    """The examples that are scored, contested ones left out, and what the checker says of them."""
    scored = [e for e in examples if not e.contested]
    return scored, checker.check_many([e.as_reply for e in scored], reasons=False)


def measure(checker: Checker, examples: Sequence[Example], train_on: Sequence[Example] | None = None) -> Record:
    """Every figure on held-out examples; with `train_on` the baselines beside them. Contested examples are counted, not scored."""
    scored, verdicts = _judged(checker, examples)
    probability = np.array([v.probability for v in verdicts])
    unsure = np.array([v.unsure for v in verdicts])
    threshold = checker.engine.threshold_
    called = probability >= threshold
    record: Record = {
        "contested_left_out": len(examples) - len(scored),
        "label": label_figures(scored, probability, threshold, unsure=unsure),
        "threshold": threshold,
        "precision_recall": {
            f"{rate:.0%}": _thinned(curve(np.array([e.pushing for e in scored]), probability, rate))
            for rate in (0.03, 0.1, 0.5)
        },
        "unsure": dict(Counter(str(v.unsure_reason) for v in verdicts if v.unsure)),
        "pairs": pair_figures(scored, called),
        "kind": kind_figures(verdicts, scored),
        "reliability": reliability(np.array([e.pushing for e in scored]), probability),
        "by": {},
    }
    if any(e.sentences for e in scored):
        record["moves"] = move_figures(checker, [e for e in scored if e.sentences])
    if train_on is not None:
        record["baselines"] = baseline_figures(train_on, scored)
    for name, of in GROUPS.items():
        if len({of(e) for e in scored}) > MOST_GROUPS:
            continue
        record["by"][name] = _by(of, scored, probability, threshold, train_on if name == "register" else None)
    return record


def measure_labels(checker: Checker, examples: Sequence[Example]) -> Record:
    """Of `measure` what concerns labels alone, over all replies and by register: for engines that a model has beside its default one."""
    scored, verdicts = _judged(checker, examples)
    probability, unsure = np.array([v.probability for v in verdicts]), np.array([v.unsure for v in verdicts])
    threshold = checker.engine.threshold_
    return {
        "label": label_figures(scored, probability, threshold, unsure=unsure),
        "by": {"register": _by(GROUPS["register"], scored, probability, threshold, None)},
    }


def _length(example: Example) -> str:
    words = len(example.reply.split())
    return next(
        (f"{at}–{to - 1} words" for at, to in ((0, 20), (20, 65), (65, 126)) if words < to), "126 words or more"
    )


GROUPS: dict[str, Callable[[Example], str]] = {
    "register": lambda e: e.register or "none",
    "batch": lambda e: e.batch,
    "channel": lambda e: e.channel or "none",
    "library": lambda e: e.library or "none",
    "message_kind": lambda e: str(e.message_kind or "none"),
    "length": _length,
    "hard": lambda e: "hard" if e.hard else "not hard",
}
"""What figures are broken down by."""
MOST_GROUPS = 100
"""No breakdown into more groups than this: a table without groups has one a row."""


def _by(
    of: Callable[[Example], str],
    examples: Sequence[Example],
    probability: Floats,
    threshold: float,
    train_on: Sequence[Example] | None,
) -> Record:
    found: Record = {}
    values = [of(e) for e in examples]
    for value in sorted(set(values)):
        rows = [i for i, v in enumerate(values) if v == value]
        some = [examples[i] for i in rows]
        figures = label_figures(some, probability[rows], threshold)
        kept = ("replies", "pushing", "macro_f1", "macro_f1_interval", "auc", "recall", "false_alarms")
        found[value] = {k: figures[k] for k in kept}
        if train_on is not None:
            found[value]["baselines"] = baseline_figures(train_on, some)
    return found


def cross_validate(
    examples: Sequence[Example],
    messages: Sequence[LabelledMessage] = (),
    *,
    encoder: CorpusEncoder | None = None,
    seed: int = 0,
    jobs: int = 2,
) -> Record:
    """The whole chain trained anew without each fold of batches (threshold and calibration too), and tried on that fold, less
    what is contested there. The encoder is not fine-tuned anew: of what it learned from, its out-of-fold outputs are used."""
    group = np.unique([e.batch for e in examples], return_inverse=True)[1]
    kept: list[Example] = []
    found: list[Verdict] = []
    for test in folds(group, seed + 1):
        inside = [e for e, t in zip(examples, test, strict=True) if not t]
        engine = train(inside, messages, encoder=encoder, seed=seed, jobs=jobs).engine
        engine.encoder = encoder
        outside = [e for e, t in zip(examples, test, strict=True) if t and not e.contested]
        kept += outside
        found += Checker(engine, "fold").check_many([e.as_reply for e in outside], reasons=False)
    probability = np.array([v.probability for v in found])
    called = np.array([v.label is Label.PUSHING for v in found])
    pushing = np.array([e.pushing for e in kept])
    registers = np.array([e.register for e in kept])
    return {
        "replies": len(kept),
        "macro_f1": round(macro_f1(pushing, called), 3),
        "auc": round(auc(pushing, probability) or 0.0, 3),
        "by_register": {
            str(r): {
                "replies": int((registers == r).sum()),
                "macro_f1": round(macro_f1(pushing[registers == r], called[registers == r]), 3),
                "auc": auc(pushing[registers == r], probability[registers == r]),
            }
            for r in sorted(set(registers))
        },
        "pairs": pair_figures(kept, called),
    }


def known_failures(checker: Checker, examples: Sequence[Example], most: int = 10) -> list[Record]:
    """The examples that the model is wrong about with most confidence, half missed and half false alarms, most confident first."""
    scored, verdicts = _judged(checker, examples)
    threshold = checker.engine.threshold_
    wrong = [(v.probability - threshold, e, v) for v, e in zip(verdicts, scored, strict=True) if v.label is not e.label]
    wrong.sort(key=lambda w: (-abs(w[0]), w[1].id))
    chosen = [w for w in wrong if w[0] < 0][: most // 2] + [w for w in wrong if w[0] >= 0][: most // 2]
    return [
        {
            "id": e.id,
            "patron_message": e.patron_message,
            "reply": e.reply,
            "label": str(e.label),
            "probability": round(v.probability, 3),
            "unsure": v.unsure,
        }
        for _, e, v in chosen
    ]


def evaluate_corpus(
    checker: Checker,
    data: Path,
    manifest: Manifest,
    *,
    encoder: CorpusEncoder | None = None,
    others: Mapping[str, Checker] | None = None,
    test: bool = False,
    cross_validation: bool = False,
) -> Record:
    """The record of a model: development batches, on request test batches and cross-validation, and how readers agreed. For the deep
    engine `encoder` is its encoder for training; `others` are the engines beside the model's default one, by name."""
    learned, messages = read_split(data, "train"), read_messages(data)
    if fingerprint(learned, messages) != manifest.data_fingerprint:
        raise UsageError(f"{data}: the training batches are not those that {manifest.model_version} learned from")
    held_out = {"dev": read_split(data, "dev")}
    if test:
        held_out["test"] = read_split(data, "test")
    everything = [e for split in (learned, *held_out.values()) for e in split]
    record: Record = {
        "model_version": manifest.model_version,
        "threshold": manifest.threshold,
        "known_failures": known_failures(checker, held_out["dev"]),
        "base_rate": BASE_RATE,
        "trained_on": manifest.trained_on,
        "contested": {
            "train": sum(e.contested for e in learned),
            **{split: sum(e.contested for e in examples) for split, examples in held_out.items()},
        },
        "agreement": agreement(everything),
        "behaviour": behaviour_figures(checker, read_cases(data)),
        **{split: measure(checker, examples, learned) for split, examples in held_out.items()},
        "other_engines": {
            name: {split: measure_labels(other, examples) for split, examples in held_out.items()}
            for name, other in (others or {}).items()
        },
    }
    if cross_validation:
        record["cross_validation"] = cross_validate(learned, messages, encoder=encoder)
    return record
