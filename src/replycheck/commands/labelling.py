"""`replycheck label-next`, `check-labels` and `agreement`: what to label, which labels look wrong, how far two people agree.

An edge of the walk.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from replycheck.commands.common import Data, Model, steps
from replycheck.errors import UsageError

Sheet = Annotated[Path | None, typer.Option("--out", "-o", help="Workbook (.xlsx) to write.")]


def _workbook(out: Path | None, beside: Path, what: str, *, worked_in: bool = True) -> Path:
    """The workbook to write; one that people work in never takes the place of another."""
    out = out or Path(f"{beside.stem}-{what}.xlsx")
    if out.suffix.lower() != ".xlsx":
        raise UsageError(f"{out}: people label in a workbook; use .xlsx")
    if out.resolve() == beside.resolve():
        raise UsageError(f"{out}: would overwrite the file it is made from; give another name")
    if worked_in and out.exists():
        raise UsageError(f"{out}: is there already, and somebody may have worked in it; give another name with -o")
    return out


def label_next(
    table: Annotated[Path, typer.Argument(help="Table of replies, or folder of an audit made --with-text.")],
    n: Annotated[int, typer.Option("-n", min=1, help="How many replies.")] = 50,
    out: Sheet = None,
    labelled: Annotated[
        list[Path] | None, typer.Option(help="Labels that you have already; replies like those are passed over.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same table, model and seed give the same choice.")] = 0,
    model: Model = None,
) -> None:
    """Choose the replies whose labels would teach most; write a workbook to label them in, without personal data."""
    from replycheck.checker import load
    from replycheck.labelling import label_next as choose
    from replycheck.labelling import next_sheet
    from replycheck.labels import read_labels, read_replies
    from replycheck.sheets import write_sheet

    out = _workbook(out, table, "to-label")
    found = read_replies(table)
    known = found.known + [e.reply for e in read_labels(labelled).examples] if labelled else found.known
    choices = choose(load(model), found.replies, n, known=known, seed=seed)
    write_sheet(out, *next_sheet(choices, found.replies, found.groups))
    drawn = sum(c.drawn for c in choices)
    print(f"{len(choices)} of {len(found.replies):,} replies, {drawn} of them drawn by lot, written to {out}")


def check_labels(
    tables: Annotated[list[Path], typer.Argument(help="Labels: a table, or the file of a labelling tool.")],
    n: Annotated[
        int | None,
        typer.Option(
            "-n", min=1, help="How many rows; unless given, those of the first tenth (or ten) that look wrong."
        ),
    ] = None,
    out: Sheet = None,
    data: Data = None,
    seed: Annotated[int, typer.Option(help="The same labels and seed give the same list.")] = 0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes.")] = 2,
) -> None:
    """List the labels that look wrong, the likeliest first, each with its reason. Needs the extra `labels`."""
    from replycheck.corpus import read_messages, read_split
    from replycheck.labelling import check_labels as look
    from replycheck.labelling import doubt_sheet
    from replycheck.labels import read_labels
    from replycheck.retraining import tagged_by
    from replycheck.settings import shipped
    from replycheck.sheets import write_sheet

    out = _workbook(out, tables[0], "to-check", worked_in=False)
    labels, data = read_labels(tables, mark=True), data or shipped("data")
    with steps() as progress:
        corpus, messages = read_split(data, "train"), read_messages(data)
        tagged = tagged_by(shipped("models") / "default").get("fast")
        listed = look(labels.examples, corpus, messages, tagged=tagged, seed=seed, jobs=jobs, progress=progress)
    first = listed[:n] if n else [d for d in listed[: max(len(listed) // 10, 10)] if d.looks_wrong]
    for reason, many in labels.left_out.items():
        print(f"{many:,} rows are left out: {reason}")
    if not first:
        print(f"none of {len(listed):,} labels looks wrong")
        return
    write_sheet(out, *doubt_sheet(first))
    for doubt in first[:10]:
        other = "" if doubt.instead is doubt.example.label else f", perhaps {doubt.instead}"
        print(f"{doubt.example.id}: {doubt.example.label}{other}: {doubt.why}")
    print(
        f"the {len(first)} of {len(listed):,} labels most likely to be wrong, written to {out}; correct them in your own file"
    )


def agreement(
    first: Annotated[Path, typer.Argument(metavar="A", help="Labels by one person.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Labels of the same replies by another.")],
    out: Sheet = None,
    settled: Annotated[
        Path | None, typer.Option(help="The sheet of differing rows, settled; writes the labels that now stand.")
    ] = None,
) -> None:
    """Say how far two people agree, and write the rows on which they differ; or read those back, settled."""
    from replycheck.labelling import agreement as agree
    from replycheck.labelling import alone, differing, differing_sheet, labels_sheet, match, settle
    from replycheck.labels import CANT_TELL, read_labels
    from replycheck.sheets import write_sheet
    from replycheck.tables import as_text, read_table

    out = _workbook(out, first, "settled" if settled else "to-settle")
    one, other = (read_labels([path], mark=True) for path in (first, second))
    a, b = one.examples, other.examples
    pairs = match(a, b)
    if doubtful := {*one.cant_tell, *other.cant_tell}:
        print(f"left out since one of you put {CANT_TELL!r}: {len(doubtful)}")
    for row in agree(pairs):
        kappa = "–" if row.kappa is None else f"{row.kappa:.2f}"
        between = f" ({row.interval[0]:.2f} to {row.interval[1]:.2f})" if row.interval else ""
        print(f"{row.of}: {row.n:,} in common, same {row.raw:.0%}, κ {kappa}{between}")
    if settled is None:
        rows = differing(pairs)
        write_sheet(out, *differing_sheet(rows))
        print(f"{len(rows)} rows on which you differ, written to {out}")
        return
    table = read_table(settled)
    if "settled" not in table.columns:
        raise UsageError(
            f"{settled}: has no column 'settled'; give the sheet that this command wrote without --settled"
        )
    sheet = [{str(k): as_text(v) for k, v in r.items()} for r in table.to_dict("records")]
    examples, unsettled = settle(pairs, sheet, settled)
    of_one = [*alone(a, pairs, other.cant_tell), *alone(b, pairs, one.cant_tell)]
    if given_up := len(pairs) - len(examples) - unsettled:
        print(f"left out since you settled on {CANT_TELL!r}: {given_up}")
    write_sheet(out, *labels_sheet([*examples, *of_one], {**other.chosen, **one.chosen}))
    print(
        f"{len(examples) + len(of_one):,} labels written to {out}, {len(of_one):,} of them by one of you alone; "
        f"{unsettled} rows are not settled yet and left out"
    )
