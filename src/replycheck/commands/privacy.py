"""`replycheck evaluate-privacy`: how much personal data de-identification finds in written lines.

An edge of the walk.
"""

from __future__ import annotations

from typing import Annotated

import typer

from replycheck.commands.common import Data


def evaluate_privacy(
    data: Data = None,
    write: Annotated[bool, typer.Option(help="Put the record beside the lines, for reports to quote.")] = False,
) -> None:
    """Measure de-identification on the written lines of data/privacy; print the record as JSON."""
    import json

    from replycheck.privacy.measure import RECALL, record
    from replycheck.settings import shipped

    folder = (data or shipped("data")) / "privacy"
    text = json.dumps(record(folder), indent=2) + "\n"
    if write:
        from replycheck.tables import replacing

        with replacing(folder / RECALL) as new:
            new.write_text(text, encoding="utf-8")
    print(text, end="")
