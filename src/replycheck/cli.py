"""Command line: gathers the `commands`, runs one, and turns every error into a line and an exit code.

An edge of the walk. Exit codes, the same for every command: 0 fine, 1 pushing found and sure (only with
--fail-on-pushing), 2 misuse, 3 some input unreadable (outranks 1), 4 an error of ours, 5 promotion refused,
130 interrupted.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Annotated, Any, NoReturn

import typer

from replycheck.commands.audit import audit
from replycheck.commands.check import check
from replycheck.commands.common import FINE, INTERRUPTED, MISUSE, OURS, report
from replycheck.commands.corpus import ablate, corpus, evaluate, finetune, train
from replycheck.commands.estimate import audit_estimate, audit_sample
from replycheck.commands.feedback import feedback
from replycheck.commands.formats import formats
from replycheck.commands.labelling import agreement, check_labels, label_next
from replycheck.commands.models import models, retrain
from replycheck.commands.privacy import evaluate_privacy
from replycheck.commands.score import score
from replycheck.errors import ReplycheckError

_CALL_ERROR: Any = typer.BadParameter.__mro__[2]
"""Click's ClickException, reached through typer, which in newer versions brings a click of its own."""

app = typer.Typer(
    help="Does a library's reply listen, or does it push services?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
        code = report(problem)
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


_COMMANDS: tuple[Callable[..., None], ...] = (
    check,
    score,
    audit,
    audit_sample,
    audit_estimate,
    formats,
    label_next,
    check_labels,
    agreement,
    retrain,
    train,
    evaluate,
    corpus,
    finetune,
    ablate,
    evaluate_privacy,
)
for _command in _COMMANDS:
    app.command()(_command)
app.add_typer(feedback)
app.add_typer(models, name="models")


if __name__ == "__main__":
    main()
