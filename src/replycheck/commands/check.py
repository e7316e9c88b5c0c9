"""`replycheck check`: one reply, judged and shown.

An edge of the walk.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from replycheck.commands.common import PUSHING, Model
from replycheck.errors import TooLong, UnreadableInput, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from replycheck.reply import Reply, Verdict


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

    verdicts = load(model or settings.model, settings.engine or None).check_many([item for _, item in items])
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
_STYLE = {"pushing": "red", "listening": "green", "neutral": "default", "courtesy": "dim"}


def _in_words(verdict: Verdict) -> str:
    from replycheck.codebook import LABELS_PLAIN, UNSURE_PLAIN

    what = LABELS_PLAIN[verdict.label]
    figures = f"probability of pushing {verdict.probability:.2f}, threshold {verdict.threshold:.2f}"
    if verdict.unsure_reason is None:
        return f"This reply {what} ({figures})."
    why = UNSURE_PLAIN[verdict.unsure_reason]
    detail = f" ({verdict.unsure_detail})" if verdict.unsure_reason == "out_of_domain" else ""
    return f"This reply probably {what} ({figures}), but unsure: {why}{detail}."


def _show(console: Console, verdict: Verdict, name: str | None, patron_message: str | None) -> None:
    from rich.markup import escape
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from replycheck.codebook import MOVES, SIDES

    if name:
        console.rule(escape(name), align="left")
    if patron_message:
        console.print(Padding(Text(f"They wrote: {printable(patron_message)}", style="italic"), (0, 0, 1, 0)))
    grid = Table.grid(padding=(0, 1))
    for sentence in verdict.sentences:
        mark, style = SIDES[sentence.side].symbol, _STYLE[sentence.side]
        words = printable(verdict.cut(sentence))
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
            _indented(console, f"“{printable(verdict.cut(reason))}” ({what})", 2)
    if verdict.advice:
        console.print("What to do instead:")
        for piece in verdict.advice:
            at = ""
            if piece.start is not None:
                at = f"“{printable(verdict.text[piece.start : piece.end])}” → "
            _indented(console, piece.question, 2)
            _indented(console, f"{at}{piece.suggestion}", 4)
            _indented(console, f"[{piece.citation}]", 4, style="dim")
    console.print()


def printable(text: str) -> str:
    """Somebody's words on one line, without what would steer the terminal or turn the line's direction."""
    return _STEERING.sub("\ufffd", " ".join(text.split()))


def _indented(console: Console, text: str, by: int, style: str = "") -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print(Padding(Text(text, style=style), (0, 0, 0, by)))
