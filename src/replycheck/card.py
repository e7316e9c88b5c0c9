"""The evaluation record → the model card. A section without figures says so.

Beside the walk, after `evaluation`: the card states nothing that is not in the record or in the manifest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from replycheck.bundle import Manifest

Record = dict[str, Any]
_NOT_MEASURED = "Not measured for this model."


def render(record: Record, manifest: Manifest) -> str:
    """The card as Markdown."""
    parts = [
        f"# Model card: {manifest.model_version}",
        _head(record, manifest),
        "## What it is for",
        "Showing a person who is about to send a reply, or who looks back on past ones, whether the reply listens or "
        "pushes services, and which sentences made it so. Labels and moves are defined in `data/CODEBOOK.md`.",
        "## Uses to avoid",
        "- Judging, ranking or comparing members of staff, in any form.\n"
        "- Deciding anything without a person reading the reply.\n"
        "- Replies in other languages than English, or outside the exchange of a patron and an organisation.\n"
        "- Reading the score as the quality of an answer: a listening reply may be wrong, a pushing one true.",
        *_own(record.get("comparison")),
        "## Label, on writers it has not seen",
        *(
            _split(name, record.get(split))
            for split, name in (("dev", "Development batches"), ("test", "Test batches"))
        ),
        *_others(record.get("other_engines", {})),
        *_promotions(record.get("promotions", [])),
        "## Trained anew without each fold of training batches",
        _cross(record.get("cross_validation")),
        "## Moves, message kind, pairs",
        _steps(record),
        "## Behaviour",
        _behaviour(record["behaviour"]),
        "## Does a probability mean what it says?",
        _reliability(record),
        "## How readers agreed",
        _agreement(record["agreement"]),
        "Agreement with librarians: not measured. Writers and annotators of the corpus were language models, so their "
        "agreement says how clear the codebook is, not whether people would agree.",
        "## Known failures",
        _failures(record.get("known_failures")),
        "## What a score can't tell",
        "- Whether the facts in a reply are right, or whether the patron was helped.\n"
        "- What only inference shows: the tip that ignores what the person already did, the reason that contradicts what they lived.\n"
        "- Anything about the person who wrote the reply.",
    ]
    return "\n\n".join(parts) + "\n"


def render_json(record: Record) -> bytes:
    """The record as it is kept beside the card."""
    return (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode()


def _table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join("–" if c is None else str(c) for c in line) + " |" for line in lines)


def _range(value: Any) -> str:
    return "" if not value else f" ({value[0]:.2f}–{value[1]:.2f})"


def _head(record: Record, manifest: Manifest) -> str:
    trained = ", ".join(f"{v:,} {k.replace('_', ' ')}" for k, v in manifest.trained_on.items())
    contested = ", ".join(f"{k} {v}" for k, v in record["contested"].items())
    return (
        f"Engine *{manifest.engine}*; trained on {trained}. Threshold {manifest.threshold:.2f}, chosen on grouped "
        f"out-of-fold predictions for a base rate of {record['base_rate']:.0%} pushing replies, and calibrated for the same. "
        f"Contested items, counted and left out of every figure: {contested}; in training those whose readers were torn, and yet all gave the same label, count half. "
        f"Rendered from `evaluation.json`; made anew by `make train`."
    )


def _split(name: str, part: Record | None) -> str:
    if part is None:
        return f"### {name}\n\n{_NOT_MEASURED}"
    label = part["label"]
    rows = [
        ["all", label["replies"], label["pushing"], f"{label['macro_f1']}{_range(label['macro_f1_interval'])}", f"{label['auc']}{_range(label['auc_interval'])}"],
        *(
            [k, v["replies"], v["pushing"], f"{v['macro_f1']}{_range(v['macro_f1_interval'])}", v["auc"]]
            for k, v in part["by"]["register"].items()
        ),
    ]  # fmt: skip
    base = [["all", k, v["macro_f1"], v["auc"]] for k, v in part.get("baselines", {}).items()]
    for register, v in part["by"]["register"].items():
        base += [[register, k, b["macro_f1"], b["auc"]] for k, b in v.get("baselines", {}).items()]
    rates = ", ".join(f"{k}: {v}" for k, v in label["precision_at_base_rate"].items())
    return "\n\n".join(
        [
            f"### {name}",
            _table(["register", "replies", "pushing", "macro-F1 (95 %)", "AUC (95 %)"], rows),
            f"Recall {label['recall']}, false alarms {label['false_alarms']}; precision if so many in a hundred pushed: {rates}. "
            f"Precision at a recall of 0.60 if five in a hundred pushed: {label['precision_at_recall_60_base_rate_5']}. "
            f"Sure of {label['sure']:.0%}, macro-F1 of those {label['macro_f1_of_the_sure']}. "
            f"Contested and left out: {part['contested_left_out']}.",
            "Baselines, fitted on the same training batches:",
            _table(["register", "baseline", "macro-F1", "AUC"], base),
        ]
    )


def _others(part: Record) -> list[str]:
    if not part:
        return []
    rows = []
    for engine, splits in part.items():
        for split, found in splits.items():
            for name, v in {"all": found["label"], **found["by"]["register"]}.items():
                f1 = f"{v['macro_f1']}{_range(v['macro_f1_interval'])}"
                rows.append([engine, split, name, v["replies"], f1, v["auc"], v["recall"], v["false_alarms"]])
    return [
        "### By the other engines",
        "Chosen with `--engine` or `REPLYCHECK_ENGINE`; *cascade* asks the deep engine only where the fast one is not sure.",
        _table(["engine", "batches", "register", "replies", "macro-F1 (95 %)", "AUC", "recall", "false alarms"], rows),
    ]


def _own(part: Record | None) -> list[str]:
    """A model that a library trained anew says how it does on that library's replies, beside the model it came from."""
    if part is None:
        return []
    head = [
        "replies",
        "pushing",
        "macro-F1 before",
        "macro-F1 now",
        "difference (95 %)",
        "set right",
        "set wrong",
        "McNemar p",
    ]
    rows = []
    for name, what in (("own", "the library's own"), ("corpus", "the corpus's")):
        if p := part.get(name):
            difference = f"{p['gain']:+}{_signed(p['gain_interval'])}"
            rows.append([f"{what}: {p['replies']}", p["pushing"], p["old"]["macro_f1"], p["new"]["macro_f1"], difference, p["gained"], p["lost"], p["mcnemar_p"]])  # fmt: skip
    behaviour = part["behaviour"]
    return [
        f"## Beside {part['old']}, on the same held-out replies",
        _table(head, rows),
        f"Behavioural cases passed: {behaviour['old']} before, {behaviour['new']} now, of {behaviour['number']}.",
        *(f"- {remark}" for remark in part["remarks"]),
        part["advice"],
        part["migration"]["note"],
    ]


def _signed(value: Any) -> str:
    return "" if not value else f" ({value[0]:+.3f} to {value[1]:+.3f})"


def _promotions(part: list[Record]) -> list[str]:
    if not part:
        return []
    rows = [[p["day"], p["over"], "; ".join(p["against"]), p["reason"].replace("|", "\\|")] for p in part]
    return ["## Promoted all the same", _table(["day", "over", "what spoke against it", "reason given"], rows)]


def _cross(part: Record | None) -> str:
    if part is None:
        return _NOT_MEASURED
    rows = [["all", part["replies"], part["macro_f1"], part["auc"]]]
    rows += [[k, v["replies"], v["macro_f1"], round(v["auc"], 3)] for k, v in part["by_register"].items()]
    return _table(["register", "replies", "macro-F1", "AUC"], rows)


def _steps(record: Record) -> str:
    rows = []
    for split in ("dev", "test"):
        if split in record:
            part = record[split]
            moves = part.get("moves", {})
            rows.append(
                [
                    split,
                    part["kind"]["macro_f1"],
                    moves.get("move_macro_f1"),
                    moves.get("side_macro_f1"),
                    moves.get("boundary_f1"),
                    part["pairs"]["pairs"],
                    part["pairs"]["both_right"],
                ]
            )
    return _table(
        [
            "batches",
            "kind macro-F1",
            "move macro-F1",
            "side macro-F1",
            "sentence boundary F1",
            "pairs",
            "both sides right",
        ],
        rows,
    )


def _behaviour(part: Record) -> str:
    rows = [
        [name, row["type"], f"{row['passed']} of {row['cases']}"]
        for name, row in sorted(part["capabilities"].items(), key=lambda item: (item[1]["type"], item[0]))
    ]
    whole = ", ".join(f"{t} {v['passed']} of {v['cases']}" for t, v in part["by_type"].items())
    return (
        "Cases written from the codebook, without a look at the model (`data/behaviour.jsonl`): "
        f"{whole}.\n\n" + _table(["capability", "type", "passed"], rows)
    )


def _reliability(record: Record) -> str:
    part = record.get("test") or record["dev"]
    figures = part["reliability"]
    return (
        _table(["replies", "said", "was"], ([b["replies"], b["said"], b["was"]] for b in figures["bins"]))
        + f"\n\nReweighted to a base rate of {figures['base_rate']:.0%}, in bins of equal mass; calibration error {figures['calibration_error']}."
    )


def _failures(rows: list[Record] | None) -> str:
    if rows is None:
        return _NOT_MEASURED
    if not rows:
        return "None on the development batches."
    shown = [
        [
            _short(r["patron_message"]),
            _short(r["reply"]),
            r["label"],
            r["probability"],
            "unsure" if r["unsure"] else "sure",
        ]
        for r in rows
    ]
    return (
        "Of the development batches, what the model is wrong about with most confidence, missed ones first:\n\n"
        + _table(["message", "reply", "is", "said to push", ""], shown)
    )


def _short(text: str, most: int = 160) -> str:
    line = " ".join(text.split()).replace("|", "/").replace("<", "&lt;")
    return line if len(line) <= most else line[:most].rsplit(" ", 1)[0] + " …"


def _agreement(part: Record) -> str:
    rows = [["label", k, v["n"], v.get("raw"), v.get("kappa")] for k, v in part["label"].items()]
    rows += [["kind", k, v["n"], v.get("raw"), v.get("kappa")] for k, v in part["kind"].items()]
    rows.append(["moves", "first reader–B", part["moves"]["n"], part["moves"].get("raw"), part["moves"].get("kappa")])
    felt = part["felt_with_label"]
    rows.append(["felt heard or pushed", "C–label", felt["n"], felt.get("raw"), felt.get("kappa")])
    whole = _table(["of", "between", "n", "raw", "κ"], rows)
    by_batch = [
        [b, v["label"].get("raw"), v["label"].get("kappa"), v["kind"].get("raw"), v["kind"].get("kappa"), v["moves"].get("raw"), v["moves"].get("kappa")]
        for b, v in part["by_batch"].items()
    ]  # fmt: skip
    disputed = "; ".join(f"{' and '.join(m['moves'])} {m['times']}" for m in part["moves_contested"])
    contested = "; ".join(f"{c['label']} in answer to {c['message_kind']} {c['times']}" for c in part["contested"])
    return "\n\n".join(
        [
            whole,
            f"What was contested: {contested or 'nothing'}. Moves that the first reader (the writer, or A where the writer judged nothing) and B took for each other most often, in sentences: {disputed}. "
            "What the rulings are, and which were added because a pattern showed, is in `data/CODEBOOK.md`.",
            "By batch (label and kind between A and B, moves between the first reader and B):",
            _table(["batch", "label raw", "κ", "kind raw", "κ", "moves raw", "κ"], by_batch),
        ]
    )
