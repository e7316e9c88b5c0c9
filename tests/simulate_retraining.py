"""What labels are worth, tried on the corpus's training and development batches (`make simulate-retraining`).

Three questions, each with a foreign library made by leaving out all batches of one kind of library. Its replies have labels only, no moves, as
a librarian's own would; a third is held out at a time, so that every reply is judged once by a model that has not seen it.

- foreign: how much of the way from the model without this library to the model with all of its rows do 200 labels go?
- curve: how many labels are needed, chosen by `label-next` or by lot?
- flipped: with one label in twenty turned round, how many of them stand in the first tenth of `check-labels`' list?
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from replycheck.checker import Checker
from replycheck.codebook import Label
from replycheck.corpus import Example, read_messages, read_split
from replycheck.evaluation import auc, macro_f1
from replycheck.labelling import check_labels, label_next
from replycheck.retraining import WEIGHT, tagged_by
from replycheck.training import train

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "docs" / "retraining.json"
GUIDE = ROOT / "docs" / "retraining.md"
PICTURE = ROOT / "docs" / "pictures" / "labels-needed.png"
FOREIGN = {"public": "public libraries", "academic": "academic libraries", "none": "other organisations"}
LABELS, FOLDS, SEED = 200, 3, 0


def split(examples: Sequence[Example]) -> list[np.ndarray]:
    """A third of the replies at a time; the two sides of a pair stay together."""
    names = sorted({e.pair or e.id for e in examples})
    order = np.random.default_rng(SEED).permutation(len(names))
    fold = {names[i]: k % FOLDS for k, i in enumerate(order)}
    number = np.array([fold[e.pair or e.id] for e in examples])
    return [number == k for k in range(FOLDS)]


def own(examples: Sequence[Example], weight: float) -> list[Example]:
    """As a library's own table has them: labels, no moves, no kinds; a group is a pair or a reply."""
    return [
        replace(e, batch=f"own {e.pair or e.id}", sentences=(), message_kind=None, weight=weight, annotations=())
        for e in examples
    ]


class World:
    """The corpus without one kind of library, and that library's replies."""

    def __init__(self, kind: str) -> None:
        data = ROOT / "data"
        everything = [e for s in ("train", "dev") for e in read_split(data, s) if not e.contested]
        self.theirs = [e for e in everything if e.library == kind]
        self.rest = [e for e in read_split(data, "train") if e.library != kind]
        # the kinds of the library's own messages are not known beforehand
        gone = {e.patron_message for e in self.theirs}
        self.messages = [m for m in read_messages(data) if m.message not in gone]
        trained = train(self.rest, self.messages)
        self.base, self.tagged = Checker(trained.engine, "simulated"), trained.tagged

    def train(self, rows: Sequence[Example], weight: float = WEIGHT) -> Checker:
        trained = train([*self.rest, *own(rows, weight)], self.messages, tagged=self.tagged)
        return Checker(trained.engine, "simulated")

    def judge(self, checker: Checker, rows: Sequence[Example]) -> tuple[np.ndarray, np.ndarray]:
        verdicts = checker.check_many([e.as_reply for e in rows], reasons=False)
        return np.array([v.probability for v in verdicts]), np.array([v.label is Label.PUSHING for v in verdicts])

    def figures(self, how: str, n: int | None, weight: float = WEIGHT, seed: int = SEED) -> dict[str, Any]:
        """Macro-F1 and AUC over all replies, each judged by a model without its third; trained on `n` chosen rows of the others."""
        probability, called = np.zeros(len(self.theirs)), np.zeros(len(self.theirs), dtype=bool)
        used = []
        for k, held in enumerate(split(self.theirs)):
            pool = [e for e, h in zip(self.theirs, held, strict=True) if not h]
            rows = pool
            if n is not None:
                if how == "label-next":
                    replies = [e.as_reply for e in pool]
                    rows = [pool[c.row] for c in label_next(self.base, replies, n, seed=seed)]
                else:
                    order = np.random.default_rng(1000 * seed + k).permutation(len(pool))
                    rows = [pool[i] for i in order[:n]]
            checker = self.train(rows, weight) if rows else self.base
            used.append(len(rows))
            probability[held], called[held] = self.judge(
                checker, [e for e, h in zip(self.theirs, held, strict=True) if h]
            )
        pushing = np.array([e.pushing for e in self.theirs])
        return {
            "how": how,
            "labels": round(float(np.mean(used))),
            "macro_f1": round(macro_f1(pushing, called), 4),
            "auc": round(auc(pushing, probability) or 0.0, 4),
        }


def foreign(kind: str) -> dict[str, Any]:
    """How far 200 labels go from the model without this library to the model with all of its rows."""
    world = World(kind)
    base = world.figures("none", 0)
    some, by_lot, everything = (
        world.figures("label-next", LABELS), world.figures("lot", LABELS), world.figures("all", None)
    )  # fmt: skip
    way = everything["macro_f1"] - base["macro_f1"]
    share = (some["macro_f1"] - base["macro_f1"]) / way if way > 0 else None
    row = {"replies": len(world.theirs), "figures": [base, some, by_lot, everything],
           "share_of_the_way": None if share is None else round(share, 2)}  # fmt: skip
    print(json.dumps(row), flush=True)
    return row


def weights(kind: str) -> list[dict[str, Any]]:
    """Which weight a library's own rows should have: tried, to choose the default."""
    world = World(kind)
    found = [world.figures("none", 0)]
    for weight in (1.0, 2.0, 4.0):
        found.append({"weight": weight, **world.figures("all", None, weight)})
        print(json.dumps(found[-1]), flush=True)
    return found


def curve(kind: str, seeds: Sequence[int] = (0,)) -> list[dict[str, Any]]:
    world = World(kind)
    found = [world.figures("none", 0)]
    for n in (25, 50, 100):
        for how in ("label-next", "lot"):
            runs = [world.figures(how, n, seed=s) for s in seeds]
            row = {"how": how, "labels": n} | {
                f: round(float(np.mean([r[f] for r in runs])), 4) for f in ("macro_f1", "auc")
            }
            print(json.dumps(row), flush=True)
            found.append(row)
    return found


def flipped(seeds: Sequence[int] = (0, 1)) -> dict[str, Any]:
    """One label in twenty of the development batches and of a few training batches turned round."""
    data = ROOT / "data"
    ours = [e for e in read_split(data, "dev") if not e.contested]
    others = read_split(data, "train")
    tagged = tagged_by(ROOT / "models" / "default").get("fast")
    in_tenth = []
    for seed in seeds:
        turned = set(np.random.default_rng(seed).permutation(len(ours))[: round(len(ours) / 20)].tolist())
        wrong = [
            replace(e, label=Label.LISTENING if e.pushing else Label.PUSHING) if i in turned else e
            for i, e in enumerate(own(ours, 1.0))
        ]
        listed = check_labels(wrong, others, read_messages(data), tagged=tagged, seed=seed)
        first = {d.example.id for d in listed[: len(listed) // 10]}
        in_tenth.append(sum(ours[i].id in first for i in turned) / len(turned))
        print(f"flipped: {in_tenth[-1]:.2f} of {len(turned)} in the first tenth of {len(listed)}", flush=True)
    return {"replies": len(ours), "turned": len(turned), "in_the_first_tenth": [round(x, 3) for x in in_tenth]}


# --- what the guide shows --------------------------------------------------------------------------------------------


def told(guide: str, record: dict[str, Any]) -> str:
    """The guide with the record's figures between its marks."""
    for name, text in (("foreign", foreign_table(record)), ("curve", curve_table(record)), ("flipped", shares(record))):
        before, begin, rest = guide.partition(f"<!-- {name} -->")
        _, end, after = rest.partition(f"<!-- end of {name} -->")
        guide = f"{before}{begin}{text}{end}{after}"
    return guide


def by_how(record: dict[str, Any], library: str) -> dict[str, dict[str, Any]]:
    return {f["how"]: f for f in record[f"foreign {library}"]["figures"]}


def foreign_table(record: dict[str, Any]) -> str:
    lines = [
        "\n| left out | replies | without its labels | 200 labels by `label-next` | 200 by lot | all its labels | 200 go this far |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for key, row in record.items():
        if key.startswith("foreign "):
            f = by_how(record, key.removeprefix("foreign "))
            figures = " | ".join(f"{f[k]['macro_f1']:.3f}" for k in ("none", "label-next", "lot"))
            whole = f"{f['all']['macro_f1']:.3f} ({f['all']['labels']})"
            lines.append(
                f"| {key.removeprefix('foreign ')} | {row['replies']} | {figures} | {whole} | {row['share_of_the_way']:.0%} |"
            )
    return "\n".join(lines) + "\n"


def curve_points(record: dict[str, Any]) -> dict[str, list[tuple[int, float]]]:
    """(labels, macro-F1) of each way of choosing, with what all the labels give."""
    ends = by_how(record, record["curve"]["library"])
    found = {}
    for how in ("label-next", "lot"):
        between = [(f["labels"], f["macro_f1"]) for f in record["curve"]["figures"] if f["how"] == how]
        found[how] = [(0, ends["none"]["macro_f1"]), *between, (LABELS, ends[how]["macro_f1"])]
    return found


def curve_table(record: dict[str, Any]) -> str:
    points = curve_points(record)
    lines = [f"\n| labels ({record['curve']['library']}) | " + " | ".join(str(n) for n, _ in points["lot"]) + " |"]
    lines.append("| --- " * (len(points["lot"]) + 1) + "|")
    for how, name in (("label-next", "chosen by `label-next`"), ("lot", "drawn by lot")):
        lines.append(f"| {name} | " + " | ".join(f"{v:.3f}" for _, v in points[how]) + " |")
    return "\n".join(lines) + "\n"


def shares(record: dict[str, Any]) -> str:
    return " and ".join(f"{x:.0%}" for x in record["flipped"]["in_the_first_tenth"]) + " (two tries)"


def draw(record: dict[str, Any]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    fig, ax = plt.subplots(figsize=(6.4, 3.2), dpi=110)
    for points, colour, name in zip(
        curve_points(record).values(), ("#2f7d5b", "#8a94a0"), ("chosen by label-next", "drawn by lot"), strict=True
    ):
        ax.plot(*zip(*points, strict=True), marker="o", color=colour, label=name)
    ax.set(
        xlabel="labels of this library",
        ylabel="macro-F1 on its held-out replies",
        title=f"Left out of training: {record['curve']['library']}",
    )
    low, high = ax.get_ylim()
    room = max(high - low, 0.05) / 2  # what chance alone does must not look like a rise
    ax.set_ylim((low + high) / 2 - room, (low + high) / 2 + room)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="lower right")
    fig.tight_layout()
    fig.savefig(PICTURE)


def keep(name: str, value: Any) -> None:
    """Put figures into the record as soon as they are there: the whole takes a quarter of an hour."""
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    record[name] = value
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    started = time.perf_counter()
    wanted = sys.argv[1:] or ["flipped", "foreign", "curve"]
    kinds = [k for k in FOREIGN if k in wanted] or list(FOREIGN)
    if "weights" in wanted:
        keep("weights", {"library": FOREIGN[kinds[0]], "figures": weights(kinds[0])})
    if "flipped" in wanted:
        keep("flipped", flipped())
    if "foreign" in wanted:
        for kind in kinds:
            keep(f"foreign {FOREIGN[kind]}", foreign(kind))
    if "curve" in wanted:
        keep("curve", {"library": FOREIGN[kinds[0]], "figures": curve(kinds[0])})
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    GUIDE.write_text(told(GUIDE.read_text(encoding="utf-8"), record), encoding="utf-8")
    draw(record)
    print(f"{time.perf_counter() - started:.0f} s")
