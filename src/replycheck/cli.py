"""Command line: parse, call, print, exit. The only module that prints.

An edge of the walk. Exit codes, the same for every command: 0 fine, 1 pushing found and sure (only with
--fail-on-pushing), 2 misuse, 3 some input unreadable (outranks 1), 4 an error of ours, 5 promotion refused,
130 interrupted.
"""

from __future__ import annotations

import io
import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from replycheck.errors import ReplycheckError, TooLong, UnreadableInput, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from replycheck.reply import Reply, Verdict

FINE, PUSHING, MISUSE, UNREADABLE, OURS, INTERRUPTED = 0, 1, 2, 3, 4, 130
_CALL_ERROR: Any = typer.BadParameter.__mro__[2]
"""Click's ClickException, reached through typer, which in newer versions brings a click of its own."""

app = typer.Typer(
    help="Does a library's reply listen, or does it push services?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
Model = Annotated[Path | None, typer.Option("--model", help="Model folder; the shipped one unless given.")]


def main() -> None:
    """Console script: run, and turn every error into a line and an exit code."""
    for name in ("SIGTERM", "SIGHUP"):
        # so that a stopped run, too, takes its temporary files along
        if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_DFL:
            signal.signal(getattr(signal, name), _stop)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # a terminal or a pipe that knows few characters gets a question mark for the others
        sys.stdout.reconfigure(errors="replace")
    code = FINE
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except ReplycheckError as problem:
        code = _report(problem)
    except (KeyboardInterrupt, typer.Abort):
        print("replycheck: interrupted", file=sys.stderr)
        code = INTERRUPTED
    except BrokenPipeError:
        _stop_printing()
    except SystemExit as stop:
        # how Rich, which prints the help too, leaves a broken pipe
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        _stop_printing()
    except Exception as problem:
        code = _unexpected(problem)
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """Parse and call, with every error left as it is; `app()` would turn some into exit codes of its own."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("replycheck", arguments) as context:
            command.invoke(context)
    except typer.Exit as stop:
        return stop.exit_code
    return FINE


def _stop_printing() -> None:
    """Whoever read our output has seen enough: no error, and nothing more to flush at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stop(number: int, _: object) -> NoReturn:
    sys.exit(128 + number)


def _report(problem: ReplycheckError) -> int:
    print(f"replycheck: {problem}", file=sys.stderr)
    return MISUSE if isinstance(problem, UsageError) else UNREADABLE


def _unexpected(problem: Exception) -> int:
    if isinstance(problem, _CALL_ERROR):
        problem.show()
        return MISUSE
    if os.environ.get("REPLYCHECK_TRACEBACK"):
        import traceback

        traceback.print_exception(problem)
        return OURS
    # the message may hold a piece of somebody's text, so only its kind is shown
    print(
        f"replycheck: an error of ours ({type(problem).__name__}); set REPLYCHECK_TRACEBACK=1 to see where",
        file=sys.stderr,
    )
    return OURS


def _version(wanted: bool) -> None:
    if wanted:
        from replycheck import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Does a library's reply listen, or does it push services?"""


# --- check -------------------------------------------------------------------------------------------------------


@app.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="Text file with one reply; - is standard input.")] = "-",
    patron_message: Annotated[str | None, typer.Option(help="The message that the reply answers.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON (docs/json.md).")] = False,
    examples: Annotated[bool, typer.Option("--examples", help="Check the example drafts that ship.")] = False,
    fail_on_pushing: Annotated[bool, typer.Option(help="Exit with 1 if a reply pushes and the model is sure.")] = False,
    model: Model = None,
) -> None:
    """Judge one reply: what each sentence does, the verdict, what carried it, and what to ask instead."""
    from replycheck.reply import Reply
    from replycheck.settings import Settings

    settings = Settings.from_environment()
    if examples and (file != "-" or patron_message is not None):
        raise UsageError("--examples brings its own drafts and messages; give no others")
    items = _examples() if examples else [(None, Reply(_read_text(file), patron_message))]
    for name, item in items:
        for what, text in (("reply", item.text), ("patron message", item.patron_message or "")):
            if len(text) > settings.max_chars:
                raise TooLong(f"{name or _place(file)}: the {what}", len(text), settings.max_chars)
        if not item.text.strip():
            raise UnreadableInput("the reply is empty", file=_place(file))
    from replycheck.checker import load

    verdicts = load(model or settings.model).check_many([item for _, item in items])
    if as_json:
        import json

        for verdict in verdicts:
            print(json.dumps(verdict.to_dict(), indent=2))
    else:
        console = _console()
        for (name, item), verdict in zip(items, verdicts, strict=True):
            _show(console, verdict, name, item.patron_message)
    if fail_on_pushing and any(v.label == "service-pushing" and not v.unsure for v in verdicts):
        raise typer.Exit(PUSHING)


def _place(file: str) -> str:
    return "standard input" if file == "-" else file


def _read_text(file: str) -> str:
    from replycheck.tables import decode

    path = Path(file)
    if file != "-" and path.is_dir():
        raise UnreadableInput("is a directory; give a text file", file=file)
    try:
        raw = sys.stdin.buffer.read() if file == "-" else path.read_bytes()
    except FileNotFoundError:
        raise UnreadableInput("no such file", file=file) from None
    except OSError as problem:
        raise UnreadableInput(problem.strerror or "can't be read", file=file) from None
    return decode(raw, _place(file))


def _examples() -> list[tuple[str | None, Reply]]:
    import json

    from replycheck.reply import Reply
    from replycheck.settings import shipped

    lines = (shipped("data") / "examples" / "drafts.jsonl").read_text(encoding="utf-8").splitlines()
    return [(r["name"], Reply(r["reply"], r["patron_message"] or None)) for r in map(json.loads, lines)]


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 100)


_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_MARK = {"pushing": ("▲", "red"), "listening": ("●", "green"), "neutral": ("·", "default"), "courtesy": ("·", "dim")}
_REASON_IN_WORDS = {
    "near_threshold": "the probability is close to the threshold",
    "message_missing": "without the patron's message it reads both ways: fine if they asked for this, a pitch if they were telling you something",
    "message_unclear": "it hangs on whether the message tells something or asks for something, and that is not clear",
    "informs_only": "nothing is pushed, but nothing is taken up, asked, owned or offered either; most people feel unheard by this",
    "courtesy_only": "nothing remains once the courtesy is struck out",
    "out_of_domain": "the text is unlike anything the model has learned from",
}


def _in_words(verdict: Verdict) -> str:
    what = "pushes services" if verdict.label == "service-pushing" else "listens"
    figures = f"probability of pushing {verdict.probability:.2f}, threshold {verdict.threshold:.2f}"
    if verdict.unsure_reason is None:
        return f"This reply {what} ({figures})."
    why = _REASON_IN_WORDS[verdict.unsure_reason]
    detail = f" ({verdict.unsure_detail})" if verdict.unsure_reason == "out_of_domain" else ""
    return f"This reply probably {what} ({figures}), but unsure: {why}{detail}."


def _show(console: Console, verdict: Verdict, name: str | None, patron_message: str | None) -> None:
    from rich.markup import escape
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from replycheck.codebook import MOVES

    if name:
        console.rule(escape(name), align="left")
    if patron_message:
        console.print(Padding(Text(f"They wrote: {_printable(patron_message)}", style="italic"), (0, 0, 1, 0)))
    grid = Table.grid(padding=(0, 1))
    for sentence in verdict.sentences:
        mark, style = _MARK[sentence.side]
        words = _printable(verdict.cut(sentence))
        grid.add_row(Text(mark, style=style), Text(MOVES[sentence.move].plain, style=style), Text(words))
    console.print(grid)
    console.print()
    console.print(Text(_in_words(verdict), style="bold"))
    if verdict.message_kind is not None:
        console.print(Text(f"The message was read as {verdict.message_kind} ({verdict.message_kind_probability:.0%})."))
    if verdict.reasons:
        console.print("What carried it:")
        for reason in verdict.reasons:
            sign = "towards pushing" if reason.weight > 0 else "towards listening"
            what = f"{MOVES[reason.move].plain}, {abs(reason.weight):.2f} {sign}"
            _indented(console, f"“{_printable(verdict.cut(reason))}” ({what})", 2)
    if verdict.advice:
        console.print("What to do instead:")
        for piece in verdict.advice:
            at = ""
            if piece.start is not None:
                at = f"“{_printable(verdict.text[piece.start : piece.end])}” → "
            _indented(console, piece.question, 2)
            _indented(console, f"{at}{piece.suggestion}", 4)
            _indented(console, f"[{piece.citation}]", 4, style="dim")
    console.print()


def _printable(text: str) -> str:
    """Somebody's words on one line, without what would steer the terminal or turn the line's direction."""
    return _STEERING.sub("\ufffd", " ".join(text.split()))


def _indented(console: Console, text: str, by: int, style: str = "") -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(text, style=style), (0, 0, 0, by)))


# --- score -------------------------------------------------------------------------------------------------------


@app.command()
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

    checker = load(model or settings.model)
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
            _report(UnreadableInput(remark.why, file=file, row=remark.row, column=remark.column))
    print(f"{len(rows.rows) - len(scored.unread):,} of {len(rows.rows):,} rows judged, written to {out}")
    if scored.unread:
        raise typer.Exit(UNREADABLE)
    if fail_on_pushing and scored.pushing_and_sure:
        raise typer.Exit(PUSHING)


# --- train, evaluate ---------------------------------------------------------------------------------------------

Data = Annotated[Path | None, typer.Option("--data", help="Corpus folder; the shipped one unless given.")]


@app.command()
def train(
    out: Annotated[Path, typer.Option("--out", help="Model folder to write.")],
    data: Data = None,
    name: Annotated[str | None, typer.Option(help="Name of the model; the folder's unless given.")] = None,
    seed: Annotated[int, typer.Option(help="The same data and seed give the same model.")] = 0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes.")] = 2,
) -> None:
    """Train a model from the training batches of a corpus folder."""
    from replycheck.bundle import save_bundle
    from replycheck.corpus import fingerprint, read_messages, read_split
    from replycheck.settings import shipped
    from replycheck.training import train as fit

    data = data or shipped("data")
    examples, messages = read_split(data, "train"), read_messages(data)
    trained = fit(examples, messages, seed=seed, jobs=jobs)
    manifest = save_bundle(
        out,
        trained.engine,
        name=name or out.resolve().name,
        data_fingerprint=fingerprint(examples, messages),
        trained_on={
            "replies": len(examples),
            "batches": len({e.batch for e in examples}),
            "sentences": sum(len(e.sentences) for e in examples),
            "messages": len(messages),
            "contested_left_out": sum(e.contested for e in examples),
        },
    )
    print(f"{manifest.model_version}: {len(examples):,} replies, threshold {manifest.threshold:.2f}, written to {out}")


@app.command()
def evaluate(
    table: Annotated[
        Path | None, typer.Argument(help="Batch file (.jsonl) or labelled table; the corpus unless given.")
    ] = None,
    data: Data = None,
    model: Model = None,
    test: Annotated[bool, typer.Option(help="Open the test batches too; the opening is logged in data/test.")] = False,
    cross_validation: Annotated[
        bool, typer.Option(help="Also train anew without each fold of training batches.")
    ] = False,
    write: Annotated[bool, typer.Option(help="Put the record and the card into the model folder.")] = False,
) -> None:
    """Measure a model on batches whose writers it has not seen, beside baselines; print the record as JSON."""
    import json

    from replycheck.bundle import CARD, EVALUATION, add_file, load_bundle
    from replycheck.card import render
    from replycheck.checker import Checker
    from replycheck.corpus import log_opening, read_labelled_table
    from replycheck.evaluation import evaluate_corpus, measure
    from replycheck.settings import Settings, shipped

    folder = model or Settings.from_environment().model
    engine, manifest = load_bundle(folder)
    checker = Checker(engine, manifest.model_version)
    if table is not None:
        print(json.dumps(measure(checker, read_labelled_table(table)), indent=2, ensure_ascii=False))
        return
    data = data or shipped("data")
    if test:
        log_opening(data, manifest.model_version)
    record = evaluate_corpus(checker, data, manifest, test=test, cross_validation=cross_validation)
    if write:
        add_file(folder, EVALUATION, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())
        add_file(folder, CARD, render(record, manifest).encode())
    print(json.dumps(record, indent=2, ensure_ascii=False))


@app.command()
def corpus(
    data: Data = None,
    write: Annotated[bool, typer.Option(help="Bring `hard` and the datasheet's counts up to date.")] = False,
) -> None:
    """Check a corpus folder: format, near-duplicates, counts."""
    from replycheck.corpus import SPLITS, counts, near_duplicates, problems, read_split, refresh
    from replycheck.errors import CorpusError
    from replycheck.evaluation import hard_items
    from replycheck.settings import shipped

    data = data or shipped("data")
    examples = [e for split in SPLITS for e in read_split(data, split)]
    found = problems(examples)
    found += [f"{a} and {b} are near-duplicates ({alike})" for a, b, alike in near_duplicates(examples)]
    if found:
        raise CorpusError("; ".join(found), file=data)
    if write:
        refresh(data, hard_items(examples))
    print(counts(data))


if __name__ == "__main__":
    main()
