"""`replycheck score`: a table of replies in, the same table with verdicts out.

An edge of the walk.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from replycheck.commands.common import PUSHING, UNREADABLE, Model, report
from replycheck.errors import UnreadableInput, UsageError


def score(
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="csv, tsv, xlsx, jsonl or parquet; one reply a row.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Table to write, with the verdict's columns added.")],
    reply_column: Annotated[str, typer.Option(help="Column that holds the reply.")] = "reply",
    message_column: Annotated[
        str | None, typer.Option(help="Column that holds the patron's message; patron_message if there is one.")
    ] = None,
    fail_on_pushing: Annotated[bool, typer.Option(help="Exit with 1 if a reply pushes and the model is sure.")] = False,
    model: Model = None,
) -> None:
    """Judge a table of replies; keeps every column and row in order and adds rc_… columns."""
    from replycheck.settings import Settings
    from replycheck.tables import check_output, check_room, read_rows, score_table, write_table

    settings = Settings.from_environment()
    check_output(out)
    if out.resolve() == table.resolve():
        raise UsageError(f"{out}: would overwrite the table it is made from; give another name")
    rows = read_rows(table)
    check_room(out, rows)
    from rich.console import Console
    from rich.progress import Progress

    from replycheck.checker import load

    checker = load(model or settings.model, settings.engine or None)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("judging", total=len(rows.rows))
        scored = score_table(
            checker,
            rows,
            reply_column=reply_column,
            message_column=message_column,
            max_chars=settings.max_chars,
            progress=lambda n: bar.advance(task, n),
        )
    changed = write_table(rows, scored.added, out)
    for file, remarks in ((table, [*rows.remarks, *scored.unread]), (out, changed)):
        for remark in remarks:
            report(UnreadableInput(remark.why, file=file, row=remark.row, column=remark.column))
    print(f"{len(rows.rows) - len(scored.unread):,} of {len(rows.rows):,} rows judged, written to {out}")
    if scored.unread:
        raise typer.Exit(UNREADABLE)
    if fail_on_pushing and scored.pushing_and_sure:
        raise typer.Exit(PUSHING)
