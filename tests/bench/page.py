"""The record → `docs/bench.md` and its plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LIMITS: tuple[tuple[str, str, float], ...] = (
    ("60-word replies, verdict without reasons", "fast, 60 words, verdict alone", 2.5),
    ("the same with reasons and advice", "fast, 60 words, with reasons and advice", 3.5),
    ("60-word replies with the messages they answer, verdict without reasons", "fast, 60 words with message, verdict alone", 2.5),
    ("the same with reasons and advice", "fast, 60 words with message, with reasons and advice", 3.5),
    ("`replycheck check` from cold, fast engine", "replycheck check, fast engine", 1.0),
    ("`replycheck --help`", "replycheck --help", 0.15),
)  # fmt: skip
"""What was aimed at: in words, the row, and the most that its ratio may be."""
WORKER_MIB = 350
"""Most MiB that a process with the fast engine may hold."""
MINILM = 40
"""How many times as fast as MiniLM with logistic regression the fast engine must be."""

Row = Mapping[str, Any]


def _line(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _table(head: Sequence[str], lines: Sequence[str]) -> list[str]:
    return ["", _line(*head), _line(*["---"] * len(head)), *lines, ""]


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _ratio(row: Row) -> str:
    low, high = row["ratios"]
    return f"{row['ratio']:.2f}" + (f" ({low:.2f}–{high:.2f})" if low != high else "")


def render(record: Mapping[str, Any]) -> str:
    """The page, in Markdown."""
    by_name: dict[str, Row] = {r["row"]: r for r in record["rows"]}
    machine = record["machine"]
    lines = [
        "# How fast, and how large",
        "",
        "Made by `make bench`; `make bench-compare` measures again and reports every ratio that has got worse by 15 % or more. A time depends on the "
        "machine, so what counts are ratios within one run: every row is measured in "
        f"{record['turns']} turn(s) beside its floor, and its ratio is the median of the turns' (in brackets the lowest and the highest). The numbers "
        "are in [bench.json](bench.json).",
        "",
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']:g} GiB, {machine['system']}, Python {machine['python']}, "
        f"one thread; {', '.join(f'{k} {v}' for k, v in record['versions'].items())}; model {record['model_version']}. "
        f"The load of the machine before the run was {record['load_before']:.2f}.",
        *(
            [
                "",
                "**Measured in the short form (`--short`): each row once, of few texts, so these figures are rough.** `make bench` measures them properly.",
            ]
            if record.get("short")
            else []
        ),
        "",
        "## What was aimed at",
        *_aimed(by_name),
        "## Beside others",
        "",
        "Replies of 55 to 65 words of the corpus, without their messages, on one core; times as long as spaCy's blank English tokenizer with its sentencizer. "
        "Macro-F1 is on the development batches, whose writers none of them has learned from; the engines see the messages there, as they do in use. "
        "spaCy's textcat is kept after the pass that did best on those very batches. The encoder's row is the network of the deep engine alone.",
        *_beside(record["rows"]),
        *([f"Left out: {'; '.join(record['left_out'])}.", ""] if record["left_out"] else []),
        "![Time of a reply beside others](pictures/bench-beside.svg)",
        "",
        "## By number and by length",
        "",
        "The fast engine without reasons. Small batches pay for what is done once a call; long replies pay less for each word.",
        *_table(
            ["what", "a reply", "over the floor"],
            [
                _line(r["row"], _time(r["seconds_a_reply"]), _ratio(r))
                for r in record["rows"]
                if r.get("group") in ("size", "length")
            ],
        ),
        "![Ratio by number and by length](pictures/bench-size.svg)",
        "",
        "## One and many",
        "",
        "*With message*: both texts are read, by the floor too. One reply by itself pays for every array that is made for it.",
        *_table(
            ["what", "a reply", "over the floor", "slowest of a hundred"],
            [
                _line(
                    r["row"], _time(r["seconds_a_reply"]), _ratio(r), f"{r['p99_ms']:.1f} ms" if "p99_ms" in r else ""
                )
                for r in record["rows"]
                if r.get("group") in ("one", "many")
            ],
        ),
        "## From cold, and memory",
        "",
        'The floor of the command line is `python -c "import spacy, sklearn.linear_model"`: '
        f"{_time(by_name['floor: import spacy, sklearn.linear_model']['seconds_a_reply'])}.",
        *_table(
            ["command", "time", "over the floor"],
            [
                _line(r["row"], _time(r["seconds_a_reply"]), _ratio(r))
                for r in record["rows"]
                if r.get("group") == "cold"
            ],
        ),
        "Each in a process of its own that reads some hundred replies:",
        *_table(
            ["process", "at most", "over blank spaCy", "to import and load", "to read or to train"],
            [
                _line(
                    r["row"].removeprefix("process: "),
                    f"{r['peak_mib']:.0f} MiB",
                    f"{r['memory_ratio']:.2f}",
                    _time(r["load_seconds"]),
                    _time(r["seconds"]),
                )
                for r in record["rows"]
                if "peak_mib" in r
            ],
        ),
        *_service(record.get("service", {})),
        *_audits(record.get("audits", [])),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _aimed(by_name: Mapping[str, Row]) -> list[str]:
    lines = []
    for what, row, limit in LIMITS:
        if row in by_name:
            found = by_name[row]
            lines.append(_line(what, f"≤ {limit:g}", _ratio(found), "yes" if found["ratio"] <= limit else "**no**"))
    fast, process = by_name.get("the fast engine"), by_name.get("process: the fast engine")
    if minilm := by_name.get("MiniLM + logistic regression (torch)"):
        times = minilm["ratio"] / fast["ratio"] if fast else 0.0
        lines.append(_line("times as fast as MiniLM + logistic regression", f"≥ {MINILM}", f"{times:.0f}", "yes" if times >= MINILM else "**no**"))  # fmt: skip
    textcat = by_name.get("spaCy textcat, bag of words")
    if textcat and fast:
        better = fast["ratio"] < textcat["ratio"] and fast["macro_f1"] > textcat["macro_f1"]
        lines.append(
            _line(
                "spaCy textcat: faster, at higher macro-F1",
                f"< {textcat['ratio']:.2f}, > {textcat['macro_f1']:.3f}",
                f"{fast['ratio']:.2f}, {fast['macro_f1']:.3f}",
                "yes" if better else "**no**",
            )
        )
    if process:
        fits = process["peak_mib"] <= WORKER_MIB
        lines.append(_line("memory of a process with the fast engine", f"≤ {WORKER_MIB} MiB", f"{process['peak_mib']:.0f} MiB", "yes" if fits else "**no**"))  # fmt: skip
    return _table(["what", "aim", "found", "reached"], lines)


def _beside(rows: Sequence[Row]) -> list[str]:
    some = sorted((r for r in rows if r.get("group") == "beside"), key=lambda r: float(r["ratio"]))
    return _table(
        ["what", "a reply", "over blank spaCy", "macro-F1"],
        [
            _line(r["row"], _time(r["seconds_a_reply"]), _ratio(r), f"{r['macro_f1']:.3f}" if "macro_f1" in r else "")
            for r in some
        ],
    )


def _service(found: Mapping[str, Any]) -> list[str]:
    if not found:
        return []
    return [
        "## The service",
        "",
        "`make bench-http`: one worker beside an empty FastAPI endpoint with the same models on the same server, and two workers beside one.",
        *_table(
            ["what", "ratio"],
            [
                _line("calls a second, over the empty endpoint's", found["requests_a_second_over_empty"]),
                _line("slowest of a hundred calls, over the empty endpoint's", found["p99_over_empty"]),
                _line("calls a second of two workers, over one's", found["two_workers_over_one"]),
            ],
        ),
    ]


def _audits(found: Sequence[Mapping[str, Any]]) -> list[str]:
    if not found:
        return []
    return [
        "## Audits",
        "",
        f"`make bench-audit`: a made-up year, {found[0]['engine']} engine, {found[0]['jobs']} processes.",
        *_table(
            ["chats", "replies", "time", "replies a second", "main process at most", "times the time of a tenth"],
            [
                _line(
                    f"{a['chats']:,}",
                    f"{a['replies']:,}",
                    f"{a['seconds']:.0f} s",
                    f"{a['replies'] / a['seconds']:,.0f}",
                    f"{a['peak_mib']:.0f} MiB",
                    f"{a['over_a_tenth']:.1f}" if "over_a_tenth" in a else "",
                )
                for a in found
            ],
        ),
    ]


def plots(record: Mapping[str, Any], folder: Path) -> None:
    """Draw `bench-beside.svg` and `bench-size.svg`."""
    _save(_plot_beside(record["rows"]), folder / "bench-beside.svg")
    _save(_plot_sizes(record["rows"]), folder / "bench-size.svg")


def _save(figure: Figure, path: Path) -> None:
    import matplotlib as mpl

    # the same record gives the same bytes
    with mpl.rc_context({"svg.hashsalt": "replycheck", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None, "Creator": None}, facecolor="white")


def _plot_beside(rows: Sequence[Row]) -> Figure:
    from matplotlib.figure import Figure

    some = sorted((r for r in rows if r.get("group") == "beside"), key=lambda r: -float(r["ratio"]))
    figure = Figure(figsize=(8, 0.6 + 0.4 * len(some)), layout="constrained")
    axes = figure.subplots()
    ours = [r["row"].startswith("the ") for r in some]
    bars = axes.barh([r["row"] for r in some], [r["ratio"] for r in some], color=["#1b6ca8" if o else "#b0b7bf" for o in ours])  # fmt: skip
    said = [f"{r['ratio']:.1f}" + (f", F1 {r['macro_f1']:.2f}" if "macro_f1" in r else "") for r in some]
    axes.bar_label(bars, said, padding=3, fontsize=8)
    axes.set_xscale("log")
    axes.margins(x=0.25)
    axes.set_xlabel("time of a 60-word reply, over blank spaCy with sentencizer")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _plot_sizes(rows: Sequence[Row]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, group, key, label in (
        (left, "size", "size", "replies at once (60 words each)"),
        (right, "length", "words", "words of a reply"),
    ):
        some = [r for r in rows if r.get("group") == group]
        axes.plot([r[key] for r in some], [r["ratio"] for r in some], marker="o", color="#1b6ca8")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.axhline(2.5, color="#b0b7bf", linestyle="--")
        axes.set_xlabel(label)
        axes.spines[["top", "right"]].set_visible(False)
    left.set_ylabel("time over blank spaCy (dashed: 2.5)")
    return figure
