"""The summary of an audit → a page that a person reads: one file, no script, nothing fetched.

Last step of an audit. The page states nothing that is not in `summary.json`, `moments.jsonl` or, where a person has checked a sheet,
`estimate.json`; so it can be made anew from the folder when one of them changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replycheck import plots
from replycheck.codebook import MOVES, QUESTIONS, UNSURE_REASONS, Move, Side, UnsureReason
from replycheck.errors import UsageError
from replycheck.runs import APART, Apart
from replycheck.tables import replacing

if TYPE_CHECKING:
    from replycheck.estimate import Estimate

TITLES = {
    "department": "By department",
    "channel": "By channel",
    "band": "By time of day",
    "tags": "By tag",
    "rating": "By the patron's rating",
    "wait": "By how long the patron waited",
    "place": "Where in a chat",
}
"""Groups that have a section, in order; months have the trend."""
_MOST_GROUPS = 15


SUMMARY = "summary.json"
ESTIMATE = "estimate.json"
"""Of an audit's folder: what followed from the sheet that a person has checked."""


def write_estimate(folder: Path, found: Mapping[str, Estimate | None]) -> None:
    """Keep the estimates beside the audit, and put them at the head of its report."""
    headlines = [
        {"title": title, "share": e.share, "low": e.interval[0], "high": e.interval[1], "judged": e.judged}
        for title, e in found.items()
        if e is not None
    ]
    with replacing(folder / ESTIMATE) as new:
        new.write_text(json.dumps({"headlines": headlines}, indent=1) + "\n", encoding="utf-8")
    write_report(folder)


def write_report(folder: Path) -> None:
    """Write `report.html` from the other files of an audit's folder."""
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    estimate = folder / ESTIMATE
    checked = json.loads(estimate.read_text(encoding="utf-8")) if estimate.exists() else None
    page = render(summary, _moments(folder / "moments.jsonl", summary["clearest"]), checked)
    with replacing(folder / "report.html") as new:
        new.write_text(page, encoding="utf-8", newline="\n")


def render(
    summary: Mapping[str, Any],
    moments: Mapping[str, Mapping[str, Any]] | None = None,
    checked: Mapping[str, Any] | None = None,
) -> str:
    """The page. `moments`: key → patron and reply, where texts were kept; `checked`: what a checked sheet gave."""
    try:
        import matplotlib  # noqa: F401
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ImportError:
        raise UsageError("an audit needs the extra: pip install 'replycheck[audit]'") from None
    environment = Environment(
        loader=PackageLoader("replycheck"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": _percent, "number": _number}
    return (
        environment.get_template("report.html.j2").render(
            s=summary,
            checked=checked,
            headlines=_headlines(summary["headlines"]),
            trend=_trend(summary),
            sections=[_section(d, summary["by"][d]) for d in TITLES if len(summary["by"].get(d, ())) > 1],
            pushing=_moves(summary, Side.PUSHING),
            listening=_moves(summary, Side.LISTENING),
            clearest={which: _clearest(found, moments or {}) for which, found in summary["clearest"].items()},
            left_out=[(a, summary["runs"]["left_out"][a], APART[a]) for a in Apart],
            unsure=[(r, n, UNSURE_REASONS[UnsureReason(r)].definition) for r, n in summary["runs"]["unsure"].items()],
            questions=QUESTIONS,
        )
        + "\n"
    )


def _headlines(heads: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for head, to in (("input", "input"), ("request", "a request")):
        if not (share := heads[head]):
            continue
        informs = share["informs_only"] / share["runs"] if head == "input" else 0.0
        parts = [
            ("pushed services", plots.PUSH, share["share"]),
            ("listened" if head == "input" else "answered", plots.LISTEN, 1 - share["share"] - informs),
        ]
        if head == "input":
            parts.append(("only informed", plots.INFORM, informs))
        found.append(
            {
                "head": head,
                "to": to,
                **share,
                "parts": parts,
                "plot": plots.split(f"split-{head}", f"Replies to {to}", parts),
            }
        )
    return found


def _trend(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    months = [m for m in summary["by"].get("month", []) if m["group"] not in ("other", "not stated")]
    if len(months) < 2:
        return None
    return {"plot": plots.trend("trend", "Month by month", months), "groups": summary["by"]["month"]}


def _section(dimension: str, groups: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    title = TITLES[dimension]
    shown = groups[:_MOST_GROUPS]
    return {
        "dimension": dimension,
        "word": "tag" if dimension == "tags" else dimension,
        "title": title,
        "groups": groups,
        "plot": plots.shares(dimension, title, shown),
    }


def _moves(summary: Mapping[str, Any], side: Side) -> dict[str, Any]:
    """How many of the pushed runs hold each pushing move, or of the others each listening one."""
    which = "pushed" if side is Side.PUSHING else "listened"
    of = summary["runs"]["pushed"] if side is Side.PUSHING else summary["runs"]["counted"] - summary["runs"]["pushed"]
    rows = [
        {
            "move": m["move"],
            "plain": MOVES[Move(m["move"])].plain,
            "example": MOVES[Move(m["move"])].example,
            "runs": m[which],
            "share": m[which] / of,
        }
        for m in summary["moves"]
        if m["side"] == side and of and m[which]
    ]
    rows.sort(key=lambda r: -r["runs"])
    colour = plots.PUSH if side is Side.PUSHING else plots.LISTEN
    title = "What pushing replies do" if side is Side.PUSHING else "What other replies do"
    plot = plots.bars(f"moves-{side}", title, [(r["plain"], r["share"], colour) for r in rows]) if rows else ""
    return {"rows": rows, "plot": plot, "of": of}


def _clearest(found: Sequence[Mapping[str, Any]], moments: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Those of the clearest moments whose texts were kept, with what their sentences do."""
    return [
        {
            **moments[c["key"]],
            "advice": c["advice"],
            "did": list(dict.fromkeys(MOVES[Move(m)].plain for m in c["moves"])),
        }
        for c in found
        if c["key"] in moments
    ]


def _moments(path: Path, clearest: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    wanted = {c["key"] for found in clearest.values() for c in found}
    if not path.exists():
        return {}
    found = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            moment = json.loads(line)
            if moment["key"] in wanted:
                found[moment["key"]] = moment
    return found


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"


def _number(value: float) -> str:
    return f"{value:,.0f}"
