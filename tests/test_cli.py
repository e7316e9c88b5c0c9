"""The command line: what `check` and `score` print, write and exit with, for good input and bad."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import openpyxl
import pytest

from replycheck import cli
from replycheck.checker import Checker, load
from replycheck.codebook import MOVES, UNSURE_PLAIN, Move, UnsureReason
from replycheck.reply import Reason, Reply, Sentence, Verdict
from replycheck.tables import COLUMNS

MESSAGE = "Closing on Sundays makes it impossible for me."
REPLY = "Thanks for writing 😀. Our hours are set by policy. What would a Saturday change for you?"


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """What was printed, without the line breaks that a narrow terminal makes."""
        return " ".join(self.out.split())


Runner = Callable[..., Run]


@pytest.fixture
def run(checker: Checker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Runner]:
    """The console entry, in this process; the shipped model is loaded once for all."""
    for name in [n for n in os.environ if n.startswith("REPLYCHECK_") or n in ("FORCE_COLOR", "TTY_COMPATIBLE")]:
        monkeypatch.delenv(name)
    handlers = {s: signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGHUP)}

    def found(model: Path, engine: str | None) -> Checker:
        return checker if model.name == "default" else load(model, engine)

    def call(*arguments: object, stdin: bytes | str = b"") -> Run:
        raw = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
        monkeypatch.setattr("sys.argv", ["replycheck", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert isinstance(stop.value.code, int)
        return Run(stop.value.code, *capsys.readouterr())

    monkeypatch.setattr("replycheck.checker.load", found)
    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


class Fixed:
    """A checker whose verdict is the first word of the reply: sure or unsure, pushes or listens."""

    def check_many(self, replies: Iterable[Reply]) -> list[Verdict]:
        return [self.verdict(r.text) for r in replies]

    def verdict(self, text: str) -> Verdict:
        return Verdict(
            text=text,
            probability=0.9 if "pushes" in text else 0.1,
            threshold=0.5,
            unsure_reason=UnsureReason.NEAR_THRESHOLD if "unsure" in text else None,
            unsure_detail="",
            message_kind=None,
            message_kind_probability=None,
            sentences=(Sentence(0, len(text), Move.PITCHES, 0.9),),
            reasons=(Reason(0, len(text), Move.PITCHES, 0.4),),
            model_version="fixed-1",
        )


@pytest.fixture
def fixed(run: Runner, monkeypatch: pytest.MonkeyPatch) -> Runner:
    monkeypatch.setattr("replycheck.checker.load", lambda *_: Fixed())
    return run


def entry(*arguments: object, before: str = "", environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    """The console script in a process of its own; `before` runs first there."""
    code = f"{before}\nfrom replycheck.cli import main; main()"
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, **(environment or {})},
    )


def finish(process: subprocess.Popen[str]) -> Run:
    out, err = process.communicate(timeout=60)
    return Run(process.returncode, out, err)


# --- check -------------------------------------------------------------------------------------------------------


def test_check_tells_people_what_each_sentence_does_the_verdict_and_what_to_do(run: Runner, checker: Checker) -> None:
    verdict = checker.check(REPLY, MESSAGE)
    found = run("check", "-", "--patron-message", MESSAGE, stdin=REPLY)
    assert (found.code, found.err) == (0, "")
    assert f"They wrote: {MESSAGE}" in found.words
    for sentence in verdict.sentences:
        assert f"{MOVES[sentence.move].plain} {verdict.cut(sentence)}" in found.words
    assert ("This reply listens" in found.words) == (verdict.label == "listening" and not verdict.unsure)
    assert f"probability of pushing {verdict.probability:.2f}, threshold {verdict.threshold:.2f}" in found.words
    assert f"The message was read as {verdict.message_kind}" in found.words


def test_check_says_what_carried_the_verdict_and_what_to_do_instead(run: Runner, checker: Checker) -> None:
    reply = "Thank you so much for your feedback, we value it! Please complete our survey. Visit our website any time."
    verdict = checker.check(reply, MESSAGE)
    assert verdict.reasons
    assert verdict.advice
    found = run("check", "--patron-message", MESSAGE, stdin=reply)
    for reason in verdict.reasons:
        sign = "pushing" if reason.weight > 0 else "listening"
        says = f"“{verdict.cut(reason)}” ({MOVES[reason.move].plain}, {abs(reason.weight):.2f} towards {sign})"
        assert says in found.words
    for piece in verdict.advice:
        assert piece.question in found.words
        assert piece.suggestion in found.words
        assert f"[{piece.citation}]" in found.words
    assert found.words.index("What carried it") < found.words.index("What to do instead")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("pushes", "This reply pushes services (probability of pushing 0.90, threshold 0.50)."),
        ("listens", "This reply listens (probability of pushing 0.10, threshold 0.50)."),
        (
            "pushes, unsure",
            "This reply probably pushes services (probability of pushing 0.90, threshold 0.50), but unsure: ",
        ),
        ("listens, unsure", "This reply probably listens (probability of pushing 0.10, threshold 0.50), but unsure: "),
    ],
)
def test_the_verdict_is_said_in_words(fixed: Runner, text: str, says: str) -> None:
    assert says in fixed("check", stdin=text).words


def test_every_reason_to_be_unsure_is_said_in_words() -> None:
    assert set(UNSURE_PLAIN) == set(UnsureReason)


@pytest.mark.parametrize("message", [MESSAGE, None, ""])
def test_json_is_the_verdict_with_offsets_in_code_points(run: Runner, checker: Checker, message: str | None) -> None:
    found = run("check", "--json", *(["--patron-message", message] if message is not None else []), stdin=REPLY)
    verdict = json.loads(found.out)
    assert verdict == checker.check(REPLY, message).to_dict()
    assert (found.code, found.err, verdict["offset_unit"]) == (0, "", "codepoint")
    assert [REPLY[s["start"] : s["end"]] for s in verdict["sentences"]] == [s["text"] for s in verdict["sentences"]]
    assert verdict["sentences"][-1]["end"] == len(REPLY)


def test_a_file_is_read_as_standard_input_is(run: Runner, tmp_path: Path) -> None:
    path = tmp_path / "draft.txt"
    path.write_bytes(b"\xef\xbb\xbf" + REPLY.encode())
    for arguments in (["-"], []):
        assert run("check", path, "--json") == run("check", *arguments, "--json", stdin=REPLY)


def test_the_example_drafts_are_judged_in_turn(run: Runner, checker: Checker, data: Path) -> None:
    drafts = [json.loads(line) for line in (data / "examples" / "drafts.jsonl").read_text().splitlines()]
    human, text = run("check", "--examples"), run("check", "--examples", "--json").out
    assert human.code == 0
    for draft in drafts:
        assert draft["name"] in human.words
        verdict, end = json.JSONDecoder().raw_decode(text)
        text = text[end:].lstrip()
        assert verdict["label"] == checker.check(draft["reply"], draft["patron_message"] or None).label
    assert not text


ODD = {
    "emoji": "😀",
    "a few NUL bytes": "Thank you\x00 so much\x00",
    "right to left": "שלום, תודה שכתבת לנו. הספרייה פתוחה.",
    "another language": "Vielen Dank für Ihre Nachricht, die Öffnungszeiten wurden leider gekürzt.",
    "HTML": "<p>Please <b>fill in</b> our survey.</p><script>alert(1)</script>",
    "markup of our own": "[bold]Please[/bold] [/] fill in [link=x]our[/link] survey :smile:",
    "many lines": "We're open.\r\n" * 500,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_an_odd_text_gets_a_verdict(run: Runner, checker: Checker, text: str) -> None:
    found = run("check", "--json", "-", "--patron-message", text[:200], stdin=text)
    assert (found.code, found.err) == (0, "")
    assert json.loads(found.out) == checker.check(text, text[:200]).to_dict()
    human = run("check", "-", "--patron-message", text[:200], stdin=text)
    assert (human.code, human.err) == (0, "")
    assert "probability of pushing" in human.words
    assert ("[bold]Please[/bold] [/]" in human.words) == text.startswith("[bold]")


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "standard input: the reply is empty"),
        (b" \n\t \n", "standard input: the reply is empty"),
        (b"\xef\xbb\xbf", "standard input: the reply is empty"),
        (b"x" * 200_000, "standard input: the reply has 200,000 characters; at most 100,000 are judged"),
        ("We're öpen.".encode("cp1252"), "standard input: not UTF-8 text (line 1): a binary file, or another encoding"),
        (b"We \xed\xa0\x80 are.", "standard input: not UTF-8 text (line 1)"),
        ("We are open.".encode("utf-16-le"), "standard input: a binary file, or UTF-16"),
        (b"\x00" * 100, "standard input: a binary file"),
        (b"\x89PNG\r\n\x1a\n", "standard input: not UTF-8 text (line 1): a binary file"),
    ],
)
def test_a_text_that_can_not_be_judged_is_an_error_in_one_line(run: Runner, raw: bytes, says: str) -> None:
    found = run("check", "-", "--fail-on-pushing", stdin=raw)
    assert (found.code, found.out) == (3, "")
    assert found.err.startswith(f"replycheck: {says}")
    assert found.err.count("\n") == 1


def test_an_over_long_message_is_named_and_the_limit_is_a_setting(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPLYCHECK_MAX_CHARS", "20")
    found = run("check", "--patron-message", "x" * 21, stdin="Yes.")
    assert (found.code, found.err) == (
        3,
        "replycheck: standard input: the patron message has 21 characters; at most 20 are judged\n",
    )
    monkeypatch.setenv("REPLYCHECK_MAX_CHARS", "many")
    assert run("check", stdin="Yes.").code == 2


def test_a_file_that_can_not_be_read_is_named(run: Runner, tmp_path: Path) -> None:
    (tmp_path / "binary.txt").write_bytes(bytes(range(256)))
    for name, says in (
        ("missing.txt", "no such file"),
        ("", "is a directory; give a text file"),
        ("binary.txt", "not UTF-8 text (line 2): a binary file"),
        ("binary.txt/x", "Not a directory"),
    ):
        found = run("check", tmp_path / name)
        assert (found.code, found.out) == (3, "")
        assert found.err.startswith(f"replycheck: {tmp_path / name}: {says}")


def test_words_can_not_steer_the_terminal_nor_turn_its_direction(fixed: Runner) -> None:
    text = "pushes \x1b]0;title\x07 \x1b[2J \u202eabc\u2066 \x9b1m"
    found = fixed("check", "-", "--patron-message", text, stdin=text)
    assert found.code == 0
    assert not set(found.out) & set("\x1b\x07\x9b\u202e\u2066")
    assert found.words.count("pushes \ufffd]0;title\ufffd \ufffd[2J \ufffdabc\ufffd \ufffd1m") == 4


def test_a_message_with_half_a_character_and_a_poor_terminal_do_no_harm(
    fixed: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "?" in fixed("check", "--patron-message", "caf\udce9", stdin="listens").out
    for encoding in ("ascii", "cp1252"):
        out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", out)
            assert fixed("check", stdin="pushes 😀 ▲").code == 0
        assert "This reply pushes services" in out.buffer.getvalue().decode(encoding)


# --- score -------------------------------------------------------------------------------------------------------


def table(path: Path, *replies: str) -> Path:
    path.write_text("\n".join(["reply", *(f'"{r}"' for r in replies)]) + "\n")
    return path


def test_score_writes_the_table_and_says_how_many_rows_were_judged(run: Runner, tmp_path: Path) -> None:
    source, target = table(tmp_path / "in.csv", "Yes.", "No."), tmp_path / "new" / "out.csv"
    found = run("score", source, "-o", target)
    assert found == Run(0, f"2 of 2 rows judged, written to {target}\n", "")
    assert target.read_text().splitlines()[0] == ",".join(["reply", *COLUMNS])


def test_columns_may_have_other_names(run: Runner, checker: Checker, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"a": REPLY, "q": MESSAGE}))
    run("score", source, "--out", target, "--reply-column", "a", "--message-column", "q")
    verdict = checker.check(REPLY, MESSAGE)
    scored = json.loads(target.read_text())
    assert (scored["rc_message_kind"], scored["rc_label"]) == (verdict.message_kind, verdict.label)


def test_progress_is_shown_on_a_terminal_and_only_on_standard_error(
    fixed: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = table(tmp_path / "in.csv", "listens", "pushes")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    found = fixed("score", source, "-o", tmp_path / "out.csv")
    assert found.out == f"2 of 2 rows judged, written to {tmp_path / 'out.csv'}\n"
    assert "judging" in found.err
    assert "100%" in found.err


def test_rows_that_can_not_be_judged_are_named_and_the_others_judged(fixed: Runner, tmp_path: Path) -> None:
    source, target = table(tmp_path / "in.csv", "pushes", "", "x" * 100_001, "listens"), tmp_path / "out.csv"
    found = fixed("score", source, "-o", target, "--fail-on-pushing")
    assert found == Run(
        3,
        f"2 of 4 rows judged, written to {target}\n",
        f"replycheck: {source}, row 3, column 'reply': is empty\n"
        f"replycheck: {source}, row 4, column 'reply': has 100,001 characters; at most 100,000 are judged\n",
    )
    rows = target.read_text().splitlines()[1:]
    assert [r.split(",")[1] for r in rows] == ["service-pushing", "", "", "listening"]
    assert rows[1] == "," * len(COLUMNS)


def test_what_had_to_be_changed_or_left_is_said(fixed: Runner, tmp_path: Path) -> None:
    source, target = tmp_path / "in.xlsx", tmp_path / "out.xlsx"
    book = openpyxl.Workbook()
    book.worksheets[0].append(["reply"])
    book.create_sheet("more")
    book.save(source)
    found = fixed("score", source, "-o", target)
    assert found.err == f"replycheck: {source}: only its first sheet, 'Sheet', was read\n"
    source = table(tmp_path / "in.csv", "listens", "listens" + "x" * 40_000)
    found = fixed("score", source, "-o", target)
    says = f"replycheck: {target}, row 3, column '{{}}': shortened: a cell of a workbook holds 32,767 characters"
    assert found.code == 0
    for line, column in zip(found.err.splitlines(), ["reply", "rc_reasons"], strict=True):
        assert line.startswith(says.format(column))
    source = tmp_path / "in.jsonl"
    source.write_text(r'{"reply": "listens \ud800"}')
    found = fixed("score", source, "-o", tmp_path / "out.csv")
    assert f"{tmp_path / 'out.csv'}, row 2, column 'reply': held half of a character" in found.err
    assert found.code == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"text\nYes.\n", ", column 'reply': no such column; there are 'text'"),
        (b"reply\nYes.,No.\n", ", row 2: has 2 cells, the header 1"),
        (b'reply\n"Yes." No.\n', ", row 2: a quotation mark out of place"),
        (b"reply\n\xff\n", ": not UTF-8 text (line 2)"),
        (b"", ": is empty"),
        (None, ": no such file"),
    ],
)
def test_a_table_that_can_not_be_read_is_named_and_nothing_is_written(
    run: Runner, tmp_path: Path, content: bytes | None, says: str
) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    if content is not None:
        source.write_bytes(content)
    found = run("score", source, "-o", target)
    assert (found.code, found.out) == (3, "")
    assert found.err.startswith(f"replycheck: {source}{says}")
    assert found.err.count("\n") == 1
    assert not target.exists()


# --- exit codes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"), [("pushes", 1), ("pushes, unsure", 0), ("listens", 0), ("listens, unsure", 0)]
)
def test_pushing_fails_only_when_sure_and_only_when_asked_for(
    fixed: Runner, tmp_path: Path, text: str, code: int
) -> None:
    source = table(tmp_path / "in.csv", "listens", text)
    assert fixed("check", "--fail-on-pushing", stdin=text).code == code
    assert fixed("check", "--json", "--fail-on-pushing", stdin=text).code == code
    assert fixed("check", stdin=text).code == 0
    assert fixed("score", source, "-o", tmp_path / "out.csv", "--fail-on-pushing").code == code
    assert (tmp_path / "out.csv").exists()
    assert fixed("score", source, "-o", tmp_path / "out.csv").code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "--nope"], "No such option: --nope"),
        (["check", "a", "b"], "unexpected extra argument"),
        (["frobnicate"], "No such command 'frobnicate'"),
        (["score", "x.csv"], "Missing option '--out' / '-o'"),
        (["score"], "Missing argument 'TABLE'"),
        ([], "Usage:"),
        (["check", "x.txt", "--examples"], "--examples brings its own drafts"),
        (["check", "--examples", "--patron-message", "x"], "--examples brings its own drafts"),
        (["score", "in.csv", "-o", "out.txt"], "out.txt: can't tell the format from '.txt'"),
        (["score", "in.txt", "-o", "out.csv"], "in.txt: can't tell the format from '.txt'"),
        (["score", "in.csv", "-o", "./in.csv"], "would overwrite the table it is made from"),
        (["score", "in.csv", "-o", "link.csv"], "would overwrite the table it is made from"),
        (["score", "in.csv", "-o", "folder.csv"], "is a directory"),
        (["score", "in.csv", "-o", "in.csv/out.csv"], "is not a directory that may be written to"),
    ],
)
def test_misuse_says_what_is_wrong_and_touches_nothing(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    table(tmp_path / "in.csv", "Yes.")
    Path("link.csv").symlink_to("in.csv")
    Path("folder.csv").mkdir()
    before = sorted(tmp_path.rglob("*")), Path("in.csv").read_bytes()
    found = run(*arguments)
    assert found.code == 2
    assert says in " ".join((found.err + found.out).split())
    assert "Traceback" not in found.err
    assert (sorted(tmp_path.rglob("*")), Path("in.csv").read_bytes()) == before


def test_parquet_without_its_extra_is_misuse_before_anything_is_judged(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setattr("replycheck.checker.load", None)
    found = run("score", table(tmp_path / "in.csv", "Yes."), "-o", tmp_path / "out.parquet")
    assert found.code == 2
    assert "pip install 'replycheck[parquet]'" in found.err


def test_a_model_that_must_not_be_loaded_is_unreadable_input(run: Runner, tmp_path: Path) -> None:
    source = table(tmp_path / "in.csv", "Yes.")
    for arguments in (["check"], ["score", source, "-o", tmp_path / "out.csv"]):
        found = run(*arguments, "--model", tmp_path / "none", stdin="Yes.")
        assert found == Run(3, "", f"replycheck: {tmp_path / 'none'}: no such model folder\n")
        (tmp_path / "empty").mkdir(exist_ok=True)
        found = run(*arguments, "--model", tmp_path / "empty", stdin="Yes.")
        assert found == Run(3, "", f"replycheck: {tmp_path / 'empty' / 'manifest.json'}: missing\n")


@pytest.mark.parametrize("wanted", [False, True], ids=["short", "traceback"])
def test_an_error_of_ours_is_one_line_without_anybodys_text(
    fixed: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wanted: bool
) -> None:
    def break_down(_: Fixed, replies: Iterable[Reply]) -> list[Verdict]:
        raise RuntimeError(next(iter(replies)).text)

    monkeypatch.setattr(Fixed, "check_many", break_down)
    if wanted:
        monkeypatch.setenv("REPLYCHECK_TRACEBACK", "1")
    source = table(tmp_path / "in.csv", "a secret")
    for found in (fixed("check", stdin="a secret"), fixed("score", source, "-o", tmp_path / "out.csv")):
        assert (found.code, found.out) == (4, "")
        assert ("secret" in found.err) == wanted
        assert ("Traceback" in found.err) == wanted
        if not wanted:
            assert found.err == "replycheck: an error of ours (RuntimeError); set REPLYCHECK_TRACEBACK=1 to see where\n"
    assert sorted(tmp_path.iterdir()) == [source]


def test_an_interrupted_run_writes_nothing(fixed: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupt(_: Fixed, replies: Iterable[Reply]) -> list[Verdict]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Fixed, "check_many", interrupt)
    source, older = table(tmp_path / "in.csv", "Yes."), tmp_path / "out.csv"
    older.write_text("older")
    assert fixed("score", source, "-o", older) == Run(130, "", "replycheck: interrupted\n")
    assert sorted(tmp_path.iterdir()) == [source, older]
    assert older.read_text() == "older"


def test_a_full_disk_is_said_and_leaves_the_older_table(
    fixed: Runner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("replycheck.tables.csv.writer", full)
    source, older = table(tmp_path / "in.csv", "Yes."), tmp_path / "out.csv"
    older.write_text("older")
    found = fixed("score", source, "-o", older)
    assert found == Run(2, "", f"replycheck: {older}: can't be written: No space left on device\n")
    assert sorted(tmp_path.iterdir()) == [source, older]
    assert older.read_text() == "older"


# --- in a process of its own -------------------------------------------------------------------------------------


def test_the_console_entry_judges_the_examples_and_errors_are_quick_and_short(tmp_path: Path) -> None:
    none = tmp_path / "none"
    wrong = [
        (["check", f"{none}.txt"], 3, f"replycheck: {none}.txt: no such file\n"),
        (["score", f"{none}.csv", "-o", "x.csv"], 3, f"replycheck: {none}.csv: no such file\n"),
        (["check", "--nope"], 2, "Usage: replycheck check [OPTIONS] [FILE|-]\n"),
    ]
    with entry("check", "--examples") as whole:
        for arguments, code, says in wrong:
            with entry(*arguments) as process:
                found = finish(process)
            assert (found.code, found.out) == (code, "")
            assert found.err.startswith(says)
        found = finish(whole)
    assert (found.code, found.err) == (0, "")
    assert found.out.count("This reply ") == 6


@pytest.mark.parametrize("option", ["--help", "--version"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_seen_enough_is_no_error(option: str, unbuffered: str) -> None:
    with entry(option, environment={"PYTHONUNBUFFERED": unbuffered}) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


STOPPED_WHILE_WRITING = """
import signal, sys, time, types
# a shell that runs the tests in its background has them, and so this process, ignore it
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.modules["replycheck.checker"] = types.ModuleType("replycheck.checker")
sys.modules["replycheck.checker"].load = lambda *_: None
from replycheck import tables
def slow(table, added, whole=tables._full):
    yield from whole(table, added)
    print("writing", flush=True)
    time.sleep(60)
tables._full = slow
tables.score_table = lambda checker, table, **_: tables.Scored([None] * len(table.rows), [], 0)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_takes_its_temporary_files_along(tmp_path: Path, number: int, code: int) -> None:
    source, folder, scratch = table(tmp_path / "in.csv", *["Yes."] * 3000), tmp_path / "out", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    older = folder / "out.xlsx"
    older.write_text("older")
    with entry(
        "score", source, "-o", older, before=STOPPED_WHILE_WRITING, environment={"TMPDIR": str(scratch)}
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "writing\n"
        assert len(list(folder.iterdir())) == 2
        process.send_signal(number)
        found = finish(process)
    assert (found.code, found.err) == (code, "replycheck: interrupted\n" if number == signal.SIGINT else "")
    assert list(folder.iterdir()) == [older]
    assert older.read_text() == "older"
    assert not list(scratch.iterdir())
