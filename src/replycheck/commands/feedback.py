"""`replycheck feedback list`, `export` and `forget`: corrections that people gave to the service.

An edge of the walk.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replycheck.errors import UsageError

if TYPE_CHECKING:
    from replycheck.feedback import Store

feedback = typer.Typer(
    name="feedback", help="Corrections that people gave: list, export, forget.", no_args_is_help=True
)

StorePath = Annotated[
    Path | None, typer.Option("--store", help="SQLite file of corrections; that of the settings unless given.")
]


def _open(path: Path | None) -> Store:
    from replycheck.feedback import Store
    from replycheck.settings import Settings

    path = path or Settings.from_environment().feedback
    if path is None:
        raise UsageError("no store: give --store, or set REPLYCHECK_FEEDBACK as for the service")
    return Store(path, create=False)


@feedback.command("list")
def show(
    store: StorePath = None,
    texts: Annotated[bool, typer.Option(help="Show the replies, with placeholders as they are kept.")] = False,
) -> None:
    """What is kept: id, day, the person's label and the model's, model version."""
    from replycheck.commands.check import printable

    count = 0
    for kept in _open(store):
        c, count = kept.correction, count + 1
        moves = f"  {len(c.moves)} sentences corrected" if c.moves else ""
        print(f"{c.id}  {kept.day}  {c.label} (model: {c.model_label}, {printable(c.model_version)}){moves}")
        if texts:
            print(f"    {printable(c.reply)}")
    print(f"{count:,} corrections")


@feedback.command()
def export(
    out: Annotated[Path, typer.Argument(metavar="TABLE", help="Labelled table to write: .xlsx or .jsonl.")],
    store: StorePath = None,
) -> None:
    """Write a labelled table that `replycheck train` reads."""
    from replycheck.feedback import export as write

    print(f"{write(_open(store), out):,} corrections, written to {out}")


@feedback.command()
def forget(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids, as `list` shows them.")] = None,
    older_than: Annotated[int | None, typer.Option(min=0, metavar="DAYS", help="Forget what came earlier.")] = None,
    store: StorePath = None,
) -> None:
    """Delete corrections for good, by id or by age."""
    from datetime import timedelta

    if not ids and older_than is None:
        raise UsageError("give ids, or --older-than DAYS")
    age = None if older_than is None else timedelta(days=min(older_than, 100_000))
    print(f"{_open(store).forget(ids or (), older_than=age):,} corrections forgotten")
