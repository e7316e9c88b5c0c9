"""`replycheck audit`: exports of past chats, judged into a folder with findings, workbook, summary and report.

An edge of the walk.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from replycheck.commands.common import UNREADABLE, Model, report
from replycheck.errors import UnreadableInput, UsageError

if TYPE_CHECKING:
    from replycheck.auditing import Progress


def audit(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Exports, or folders of them; .gz and .zip too.")
    ],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder to write; made if it is not there.")] = None,
    format: Annotated[str | None, typer.Option(help="Format of the files, if it is not what they look like.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="TOML file that says how to read an unknown format.")] = None,
    staff: Annotated[
        list[str] | None, typer.Option(help="Name or address that is staff; may be given several times.")
    ] = None,
    with_text: Annotated[
        bool, typer.Option("--with-text", help="Also write the moments' texts, personal data replaced.")
    ] = False,
    min_group: Annotated[int, typer.Option(min=2, help="Groups of fewer conversations are merged.")] = 10,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes.")] = 1,
    scheduler: Annotated[str | None, typer.Option(help="Dask scheduler to judge on, such as tcp://host:8786.")] = None,
    compare: Annotated[Path | None, typer.Option(help="Folder of an earlier audit to set beside this one.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is understood of the files; judge nothing.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on with an interrupted audit, or start anew.")
    ] = True,
    model: Model = None,
    engine: Annotated[
        str | None,
        typer.Option(
            help="fast: many times quicker, less right; deep: the other way; cascade: deep only where fast is not sure; else the model's default."
        ),
    ] = None,
) -> None:
    """Audit past chats: how often, where and when replies listened or pushed. Nobody's name is written."""
    if dry_run:
        _understand(files, format, mapping, staff)
        return
    if out is None:
        raise UsageError("say where to write with --out FOLDER, or look first with --dry-run")
    from replycheck.auditing import Options, write_audit
    from replycheck.settings import Settings

    options = Options(
        format=format,
        mapping=mapping,
        staff=tuple(staff or ()),
        with_text=with_text,
        min_group=min_group,
        model=model,
        engine=engine,
        compare=compare,
        max_chars=Settings.from_environment().max_chars,
    )
    with _Bar() as bar:
        summary = write_audit(files, out, options, jobs=jobs, scheduler=scheduler, resume=resume, progress=bar.show)
    for piece in summary["unread"]:
        report(UnreadableInput(piece.why, file=piece.file or None, row=piece.line))
    runs = summary["runs"]
    print(
        f"{summary['read']['conversations']:,} conversations, {runs['counted']:,} of {runs['all']:,} replies counted, "
        f"{runs['pushed']:,} pushed by the model's count; written to {out}, begin with {out / 'report.html'}"
    )
    if summary["unread"]:
        raise typer.Exit(UNREADABLE)


class _Bar:
    """Progress on standard error, where somebody looks: conversations judged, the rate, and the time left."""

    def __enter__(self) -> _Bar:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._progress.add_task("conversations", total=None, rate="")
        self._progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._progress.stop()

    def show(self, at: Progress) -> None:
        """Take over how far the audit is."""
        self._progress.update(
            self._task, completed=at.earlier + at.conversations, total=at.expected, rate=f"{at.runs:,} replies"
        )


def _understand(files: list[Path], format: str | None, mapping: Path | None, staff: list[str] | None) -> None:
    from replycheck.transcripts import understand

    found = understand(files, format=format, mapping=mapping, staff=staff or ())
    # whoever looks at a terminal must see who was taken for staff; a file or a pipe gets no names
    for line in found.lines(names=sys.stdout.isatty()):
        print(line)
    if found.counts.unread:
        raise typer.Exit(UNREADABLE)
