"""A comparison of two models → a page for people: one file, no script, nothing from elsewhere.

Beside the walk, after `comparison`. It holds replies, with placeholders instead of personal data, and so is kept apart from the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from replycheck.comparison import Comparison, Turned
from replycheck.tables import replacing

SHOWN = 20
"""Most replies shown of those that turned for the better, and of those that turned for the worse."""


def render_page(comparison: Comparison) -> str:
    """The page as HTML; every text in it is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from replycheck.privacy import Deidentifier

    clean = Deidentifier().clean

    def shown(t: Turned) -> dict[str, Any]:
        return {
            "message": clean(t.example.patron_message),
            "reply": clean(t.example.reply),
            "label": str(t.example.label),
            "old": t.old.probability,
            "new": t.new.probability,
        }

    def balance(b: dict[str, Any]) -> Markup:
        cells = "".join(f'<td class="n">{int(b[k])}</td>' for k in ("number", "old", "new", "gained", "lost"))
        return Markup(cells)  # noqa: S704 - whole numbers only

    environment = Environment(loader=PackageLoader("replycheck"), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("comparison.html.j2").render(
        record=comparison.record,
        better=[shown(t) for t in comparison.turned if t.better],
        worse=[shown(t) for t in comparison.turned if not t.better],
        shown=SHOWN,
        balance=balance,
    )


def write_page(comparison: Comparison, path: Path) -> None:
    """Write the page, whole or not at all."""
    page = render_page(comparison)
    with replacing(path) as new:
        new.write_text(page, encoding="utf-8")
