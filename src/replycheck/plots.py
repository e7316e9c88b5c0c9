"""Figures of a summary → plots as SVG that stands inside a page: its colours, its font, text instead of outlines.

Beside `report`. Colours are the page's CSS variables, so that a plot turns with dark mode and with print; every plot carries
a title and a description for those who do not see it.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {
    "#010101": "var(--ink)",
    "#020202": "var(--quiet)",
    "#030303": "var(--line)",
    "#040404": "var(--push)",
    "#050505": "var(--listen)",
    "#060606": "var(--ask)",
    "#070707": "var(--inform)",
}
"""Colours that nothing else has → what the page calls them."""
INK, QUIET, LINE, PUSH, LISTEN, ASK, INFORM = _COLOURS
_SERIES = (("input", PUSH, "o", "to input"), ("request", ASK, "s", "to a request"))
_WIDTH = 6.4
_LONGEST_NAME = 26


def split(name: str, title: str, parts: Sequence[tuple[str, str, float]]) -> str:
    """One bar in parts: (name, colour, share) each."""
    figure, axes = _figure(0.62)
    at = 0.0
    for _, colour, share in parts:
        axes.barh(0, share, left=at, color=colour, height=0.8)
        if share >= 0.07:
            axes.text(
                at + share / 2,
                0,
                f"{share:.0%}",
                ha="center",
                va="center",
                color="#ffffff",
                fontsize=10,
                fontweight="bold",
            )
        at += share
    axes.set_xlim(0, 1)
    axes.axis("off")
    return _svg(figure, name, title, "; ".join(f"{what} {share:.0%}" for what, _, share in parts))


def trend(name: str, title: str, months: Sequence[Mapping[str, Any]]) -> str:
    """Shares month by month, as a line each for input and requests, with what chance alone does to them as a band."""
    figure, axes = _figure(2.7)
    said = []
    for head, colour, marker, words in _SERIES:
        points = [(i, m[head]) for i, m in enumerate(months) if m[head]]
        if not points:
            continue
        x = [i for i, _ in points]
        axes.fill_between(
            x,
            [s["by_chance"][0] for _, s in points],
            [s["by_chance"][1] for _, s in points],
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
        axes.plot(
            x, [s["share"] for _, s in points], color=colour, marker=marker, markersize=4, linewidth=1.8, label=words
        )
        said.append(f"{words}: " + ", ".join(f"{months[i]['group']} {s['share']:.0%}" for i, s in points))
    step = max(1, -(-len(months) // 12))
    axes.set_xticks(
        range(0, len(months), step),
        [m["group"] for m in months[::step]],
        rotation=45 if len(months) > 7 else 0,
        ha="right" if len(months) > 7 else "center",
    )
    axes.set_ylim(bottom=0)
    _dress(axes, vertical=True)
    return _svg(figure, name, title, "Share of replies that pushed. " + "; ".join(said))


def shares(name: str, title: str, groups: Sequence[Mapping[str, Any]]) -> str:
    """A line a group: the shares for input and requests as points, with what chance alone does to them."""
    figure, axes = _figure(0.75 + 0.36 * len(groups))
    said = []
    for row, group in enumerate(groups):
        words = []
        for j, (head, colour, marker, what) in enumerate(_SERIES):
            share = group[head]
            if not share:
                continue
            y = row + (j - 0.5) * 0.28
            low, high = share["by_chance"]
            axes.plot([low, high], [y, y], color=colour, linewidth=1.6, alpha=0.45, solid_capstyle="round")
            axes.plot([share["share"]], [y], color=colour, marker=marker, markersize=5.5, linestyle="none", label=what)
            words.append(f"{what} {share['share']:.0%}")
        said.append(f"{group['group']}: {', '.join(words) or 'too few to say'}")
    axes.set_yticks(range(len(groups)), [_short(g["group"]) for g in groups])
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlim(left=0)
    _dress(axes, vertical=False)
    return _svg(figure, name, title, "Share of replies that pushed. " + "; ".join(said))


def bars(name: str, title: str, rows: Sequence[tuple[str, float, str]]) -> str:
    """A bar a row: (name, share, colour) each."""
    figure, axes = _figure(0.5 + 0.3 * len(rows))
    axes.barh(range(len(rows)), [share for _, share, _ in rows], color=[colour for *_, colour in rows], height=0.66)
    for i, (_, share, _) in enumerate(rows):
        axes.text(share, i, f" {share:.0%}", va="center", ha="left", color=QUIET, fontsize=9)
    axes.set_yticks(range(len(rows)), [_short(n, 34) for n, *_ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, max(0.05, *(share for _, share, _ in rows)) * 1.12)
    _dress(axes, vertical=False)
    axes.grid(False)
    axes.set_xticks([])
    return _svg(figure, name, title, "; ".join(f"{n} {share:.0%}" for n, share, _ in rows))


def _short(text: str, most: int = _LONGEST_NAME) -> str:
    """A name that fits beside a plot; a dollar sign would begin a formula."""
    return (text if len(text) <= most else text[: most - 1] + "…").replace("$", r"\$")


def _figure(height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    return figure, axes


def _dress(axes: Axes, *, vertical: bool) -> None:
    from matplotlib.ticker import PercentFormatter

    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(colors=QUIET, length=0, labelsize=9.5)
    along = axes.yaxis if vertical else axes.xaxis
    along.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    along.grid(True, color=LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    by_label = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    if by_label:
        axes.legend(
            list(by_label.values()),
            list(by_label),
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=2,
            frameon=False,
            labelcolor=INK,
            fontsize=9.5,
            borderaxespad=0.1,
        )


def _svg(figure: Figure, name: str, title: str, description: str) -> str:
    """The figure as an element of a page. `name` keeps its ids apart from those of other plots."""
    from matplotlib import rc_context

    out = io.StringIO()
    # text stays text, which a reader of screens can read; no date and no chance in the ids: the same figures give the same bytes
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), warnings.catch_warnings():
        # a name may hold characters that the font lacks; they are measured wrongly, and shown by the reader's own font
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(
            out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}, transparent=True
        )
    text = out.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'\b(id="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"font: (700 )?([\d.]+px) [^;\"]*", r"font-size: \2", text)
    for ours, theirs in _COLOURS.items():
        text = text.replace(ours, theirs)
    head, _, rest = text.partition(">")
    head = re.sub(r' (?:width|height)="[^"]*"| xmlns(?::\w+)?="[^"]*"| version="[^"]*"', "", head)
    return (
        f'{head} role="img" aria-labelledby="{name}-title {name}-desc"><title id="{name}-title">{html.escape(title)}</title>'
        f'<desc id="{name}-desc">{html.escape(description)}</desc>{rest}'
    )
