"""The record of figures on one table → text for a terminal, and a self-contained page with plots.

Beside the walk, after `evaluation`.
"""

from __future__ import annotations

from typing import Any

from replycheck import plots
from replycheck.errors import UsageError

Record = dict[str, Any]
_COLOURS = {"3%": plots.PUSH, "10%": plots.ASK, "50%": plots.LISTEN}


def as_text(record: Record, name: str, model_version: str) -> str:
    """The figures that most people look for, as lines."""
    label = record["label"]
    lines = [
        f"{name}: {label['replies']:,} replies, {label['pushing']:,} pushing; {model_version}, threshold {record['threshold']:.2f}",
        f"macro-F1 {_number(label['macro_f1'])}{_interval(label['macro_f1_interval'])}, AUC {_number(label['auc'])}{_interval(label['auc_interval'])}",
        f"recall {_number(label['recall'])}, false alarms {_number(label['false_alarms'])}; sure of {label['sure']:.0%}, "
        f"macro-F1 of those {_number(label['macro_f1_of_the_sure'])}",
        "precision if so many pushed: "
        + (", ".join(f"{rate} {_number(p)}" for rate, p in label["precision_at_base_rate"].items()) or "–"),
        f"message kind macro-F1 {_number(record['kind']['macro_f1'] if record['kind']['messages'] else None)}; pairs both right "
        f"{_number(record['pairs']['both_right'] if record['pairs']['pairs'] else None)} of {record['pairs']['pairs']}",
    ]
    if moves := record.get("moves"):
        lines.append(f"moves macro-F1 {_number(moves['move_macro_f1'])}, sides {_number(moves['side_macro_f1'])}")
    for field, groups in record["by"].items():
        if len(groups) > 1:
            lines.append(f"by {field.replace('_', ' ')}:")
            lines += [
                f"  {group}: {g['replies']:,} replies, {g['pushing']:,} pushing, macro-F1 {_number(g['macro_f1'])}, AUC {_number(g['auc'])}"
                for group, g in groups.items()
            ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _interval(value: tuple[float, float] | None) -> str:
    return "" if not value else f" (95 %: {value[0]:.2f}–{value[1]:.2f})"


def render(record: Record, name: str, model_version: str) -> str:
    """The page. UsageError without the extra `audit`, which brings the plots."""
    try:
        import matplotlib  # noqa: F401
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise UsageError("a page needs the extra: pip install 'replycheck[audit]'") from None
    environment = Environment(loader=PackageLoader("replycheck"), autoescape=True, undefined=StrictUndefined)
    environment.filters["percent"] = lambda share: f"{share:.0%}"
    environment.filters["number"] = lambda count: f"{count:,}"
    curves = [
        (f"if {rate} pushed", _COLOURS[rate], [(p["recall"], p["precision"]) for p in points])
        for rate, points in record["precision_recall"].items()
        if points
    ]
    bins = [(b["said"], b["was"]) for b in record["reliability"]["bins"]]
    # the plots are ours and escape what they are given
    curve = Markup(plots.lines("curve", "Precision and recall", curves, ("recall", "precision"))) if curves else ""  # noqa: S704
    reliability = (
        Markup(  # noqa: S704
            plots.lines("reliability", "Said and was", [("replies", plots.ASK, bins)], ("said", "was"), diagonal=True)
        )
        if bins
        else ""
    )
    return environment.get_template("evaluation.html.j2").render(
        r=record,
        name=name,
        model_version=model_version,
        curve=curve,
        reliability=reliability,
        by={field: groups for field, groups in record["by"].items() if len(groups) > 1},
    )
