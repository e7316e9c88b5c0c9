"""`replycheck retrain` and `models`: a model of one's own, beside the others on this machine.

An edge of the walk.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replycheck.commands.common import Data, steps

if TYPE_CHECKING:
    from replycheck.comparison import Comparison

models = typer.Typer(
    help="The models on this machine: which there are, which one judges, and back.", no_args_is_help=True
)
Models = Annotated[Path | None, typer.Option("--models", help="Folder of your models; the usual one unless given.")]
Name = Annotated[str, typer.Argument(metavar="MODEL", help="Name or version, as `models list` shows it.")]
Own = Annotated[list[Path] | None, typer.Option("--on", help="Labels of yours to compare on, too.")]


def retrain(
    tables: Annotated[list[Path], typer.Argument(help="Labels: tables, or files of labelling tools.")],
    name: Annotated[str, typer.Option(help="What to call the model, such as my-library.")],
    weight: Annotated[
        float | None,
        typer.Option(help="How often a reply of yours counts beside one of the corpus; twice unless given."),
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Comparison page to write; NAME-comparison.html unless given.")
    ] = None,
    models: Models = None,
    data: Data = None,
    seed: Annotated[int, typer.Option(help="The same labels and seed give the same model.")] = 0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes.")] = 2,
) -> None:
    """Train a model on your labels and the corpus, compare it with the one that judges now, and keep it, not yet promoted."""
    from replycheck.registry import check_name

    # what follows takes seconds to import; a name that can't be is said at once
    check_name(name)
    from replycheck.comparison_page import write_page
    from replycheck.retraining import WEIGHT
    from replycheck.retraining import retrain as run

    page = page or Path(f"{name}-comparison.html")
    with steps() as progress:
        done = run(
            list(tables),
            name=name,
            weight=WEIGHT if weight is None else weight,
            models=models,
            data=data,
            seed=seed,
            jobs=jobs,
            progress=progress,
        )
    write_page(done.comparison, page)
    _say_remarks(done.comparison)
    print(f"{done.entry.version} is kept; how it compares, with examples: {page}")
    print(done.comparison.record["migration"]["note"])
    print(done.advice)


def _say_remarks(comparison: Comparison) -> None:
    for remark in comparison.record["remarks"]:
        print(f"note: {remark}")


@models.command("list")
def _list(models: Models = None) -> None:
    """The models, oldest first; the one that judges is marked."""
    from replycheck.promotion import record_of
    from replycheck.retraining import open_registry

    for entry in open_registry(models).entries():
        record = record_of(entry)
        own = record.get("comparison", {}).get("own")
        figures = f", macro-F1 on own replies {own['new']['macro_f1']}" if own else ""
        mark = "→" if entry.promoted else " "
        print(f"{mark} {entry.version}: {entry.manifest.trained_on.get('replies', 0):,} replies{figures}")


@models.command()
def show(model: Name, models: Models = None) -> None:
    """The card of a model."""
    from replycheck.bundle import CARD, inspect_bundle
    from replycheck.retraining import open_registry

    entry = open_registry(models).find(model)
    _, contents = inspect_bundle(entry.folder)
    print(contents[CARD].decode() if CARD in contents else f"{entry.version} has no card")


@models.command()
def compare(
    old: Name,
    new: Name,
    on: Own = None,
    page: Annotated[
        Path | None, typer.Option(help="Comparison page to write; OLD-NEW-comparison.html unless given.")
    ] = None,
    models: Models = None,
    data: Data = None,
) -> None:
    """Compare two models on the same replies."""
    from replycheck.comparison_page import write_page
    from replycheck.labels import read_labels
    from replycheck.promotion import compare_entries
    from replycheck.retraining import open_registry
    from replycheck.settings import shipped

    registry = open_registry(models)
    own = read_labels(on, mark=True).examples if on else []
    first, second = registry.find(old), registry.find(new)
    page = page or Path(f"{first.version}-{second.version}-comparison.html")
    comparison = compare_entries(first, second, own, data or shipped("data"))
    write_page(comparison, page)
    _say_remarks(comparison)
    print(f"how they compare, with examples: {page}")
    print(comparison.record["migration"]["note"])
    print(comparison.advice)


@models.command()
def promote(
    model: Name,
    anyway: Annotated[
        str | None, typer.Option(metavar="REASON", help="Promote a worse model; the reason goes into its card.")
    ] = None,
    on: Own = None,
    models: Models = None,
    data: Data = None,
) -> None:
    """Let a model judge from now on; a running service takes it up. Refused (exit code 5) if it is worse."""
    from replycheck.labels import read_labels
    from replycheck.promotion import promote as run
    from replycheck.retraining import open_registry
    from replycheck.settings import shipped

    registry = open_registry(models)
    own = read_labels(on, mark=True).examples if on else []
    entry = registry.find(model)
    comparison = run(registry, entry, own, data or shipped("data"), anyway=anyway)
    _say_remarks(comparison)
    print(f"{entry.version} judges from now on; back with: replycheck models rollback")
    print(comparison.record["migration"]["note"])


@models.command()
def rollback(models: Models = None) -> None:
    """Let the model that judged before judge again."""
    from replycheck.retraining import open_registry

    print(f"{open_registry(models).rollback().version} judges again")


@models.command("export")
def _export(
    model: Name, out: Annotated[Path, typer.Option("--out", "-o", help="Zip file to write.")], models: Models = None
) -> None:
    """Write a model into one zip file; it holds no text that it learned from."""
    from replycheck.retraining import open_registry

    registry = open_registry(models)
    entry = registry.find(model)
    registry.export(entry, out)
    print(f"{entry.version} written to {out}")


@models.command("import")
def _import(
    file: Annotated[Path, typer.Argument(help="Zip file of an exported model.")], models: Models = None
) -> None:
    """Take in an exported model, not yet promoted; nothing in it is executed."""
    from replycheck.retraining import open_registry

    version = open_registry(models).take(file).version
    print(f"{version} is kept; let it judge with: replycheck models promote {version}")
