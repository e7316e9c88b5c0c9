"""What is left when things go wrong: killed, no room, no right to write, no memory, a wrong clock, damaged files, two at once.

Each test causes the fault itself. What needs a process of its own runs in a child, whose limits and rights are its own: a file
larger than `RLIMIT_FSIZE` can't be written, as on a full disk; root without its capabilities may write as little as anybody.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from chats import library
from replycheck import auditing, findings
from replycheck.auditing import Options, Progress
from replycheck.bundle import inspect_bundle, load_bundle, save_bundle
from replycheck.checker import Checker
from replycheck.codebook import Label
from replycheck.errors import BundleError, UnreadableInput, UsageError
from replycheck.feedback import Correction, Store
from replycheck.registry import Registry
from replycheck.settings import current_model, shipped
from replycheck.tables import Table, read_rows, write_table
from test_auditing import Start, start  # noqa: F401 - a fixture

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork") or sys.platform != "linux", reason="needs Linux's limits and rights"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),
]
SHIPPED = shipped("models") / "default"
WRITTEN = ("findings.csv", "findings.xlsx", "report.html", "summary.json", "moments.jsonl")
KILLED = -signal.SIGKILL


def child(work: Callable[[], object], before: Callable[[], object] = lambda: None) -> tuple[int, str]:
    """(exit code, or minus the signal; the error that ended it) of the work in a child process."""
    reading, writing = os.pipe()
    number = os.fork()
    if not number:
        said = ""
        try:
            before()
            work()
        except BaseException as problem:
            said = f"{type(problem).__name__}: {problem}"
        os.write(writing, said.encode()[:4000])
        os._exit(1 if said else 0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), said


def full_disk(room: int) -> Callable[[], None]:
    """No file may grow beyond so many bytes; what is there may be read."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))


def no_rights() -> None:
    """As anybody: root goes by the modes of files, too, once it has given up its capabilities."""
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x20080522, 0))
    none = ctypes.create_string_buffer(24)
    if ctypes.CDLL(None, use_errno=True).capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")


def correction(number: int) -> Correction:
    return Correction(
        f"00000000-0000-0000-0000-{number:012x}", f"We have guide {number}. " * 40, *[Label.PUSHING] * 2, "m"
    )


@pytest.fixture
def table(tmp_path: Path) -> Table:
    path = tmp_path / "in.csv"
    path.write_text("reply\n" + "".join(f'"We have guide {i}. Please ask."\n' for i in range(300)))
    return read_rows(path)


@pytest.fixture
def engine() -> Any:
    return load_bundle(SHIPPED, "fast")[0]


def save(folder: Path, engine: Any, name: str) -> None:
    save_bundle(folder, engine, name=name, data_fingerprint="", trained_on={})


# --- killed ------------------------------------------------------------------------------------------------------


def test_an_audit_killed_outright_goes_on_and_gives_the_same_bytes(start: Start, tmp_path: Path) -> None:  # noqa: F811
    items = library(60)
    start(items, "whole")

    def die(at: Progress) -> None:
        if at.conversations > 20:
            os.kill(os.getpid(), signal.SIGKILL)

    assert child(lambda: start(items, progress=die))[0] == KILLED
    assert not (tmp_path / "out" / "summary.json").exists()
    seen: list[Progress] = []
    start(items, progress=seen.append)
    assert seen[0].earlier > 20
    for name in WRITTEN[:4]:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_table_or_a_model_killed_while_it_is_written_leaves_the_older_one(
    table: Table, engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, folder = tmp_path / "out.xlsx", tmp_path / "model"
    older.write_text("older")
    save(folder, engine, "older")

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def writing() -> None:
        monkeypatch.setattr("replycheck.tables._for_sheet", die)
        write_table(table, [None] * len(table.rows), older)

    def saving() -> None:
        monkeypatch.setattr("replycheck.bundle._sha256", die)
        save(folder, engine, "newer")

    assert child(writing)[0] == child(saving)[0] == KILLED
    assert older.read_text() == "older"
    assert inspect_bundle(folder)[0].name == "older"


# --- a full disk -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx", ".jsonl", ".parquet"])
def test_a_table_that_does_not_fit_leaves_the_older_one(table: Table, tmp_path: Path, suffix: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    older = folder / f"out{suffix}"
    older.write_text("older")
    code, said = child(lambda: write_table(table, [None] * len(table.rows), older), full_disk(1000))
    assert code == 1
    assert said.startswith(f"UsageError: {older}: can't be written: ")
    assert said.endswith("File too large")
    assert list(folder.iterdir()) == [older]
    assert older.read_text() == "older"


def test_a_model_that_does_not_fit_leaves_the_older_one(engine: Any, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "mine"
    save(folder, engine, "older")
    code, said = child(lambda: save(folder, engine, "newer"), full_disk(100_000))
    assert (code, said) == (1, f"UsageError: {folder}: can't be written: File too large")
    assert [p.name for p in folder.parent.iterdir()] == ["mine"]
    assert load_bundle(folder)[1].name == "older"


def test_a_model_that_can_not_take_its_place_gives_it_back(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "models" / "mine"
    save(folder, engine, "older")
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if target == folder and self.name != "old":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(UsageError, match="Input/output error"):
        save(folder, engine, "newer")
    assert [p.name for p in folder.parent.iterdir()] == ["mine"]
    assert inspect_bundle(folder)[0].name == "older"


@pytest.mark.parametrize("room", [2_000, 12_000, 30_000])
def test_an_audit_that_does_not_fit_goes_on_once_there_is_room(start: Start, tmp_path: Path, room: int) -> None:  # noqa: F811
    items = library(60)
    start(items, "whole", options=Options(with_text=True))
    code, said = child(lambda: start(items, options=Options(with_text=True)), full_disk(room))
    assert code == 1
    assert said.startswith("UsageError: ")
    assert "can't be written: " in said
    assert not (tmp_path / "out" / "summary.json").exists()
    start(items, options=Options(with_text=True))
    for name in WRITTEN:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_correction_that_does_not_fit_is_refused_and_those_before_it_stay(tmp_path: Path) -> None:
    path = tmp_path / "feedback.sqlite"

    def filling() -> None:
        store = Store(path)
        kept = 0
        for number in range(1000):
            try:
                store.add(correction(number))
                kept += 1
            except UnreadableInput:
                break
        # room again: it takes the next one
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        store.add(correction(2000))
        raise AssertionError(f"kept {kept}")

    code, said = child(filling, full_disk(200_000))
    kept = int(said.rpartition(" ")[2])
    assert 10 < kept < 1000
    assert [k.correction.id for k in Store(path)] == [correction(n).id for n in (*range(kept), 2000)]
    assert code == 1


# --- a disk that is read only ------------------------------------------------------------------------------------


def test_where_nothing_may_be_written_it_is_said_and_nothing_changes(
    start: Start,  # noqa: F811
    table: Table,
    engine: Any,
    tmp_path: Path,
) -> None:
    closed = tmp_path / "closed"
    save(closed / "model", engine, "older")
    (closed / "out.csv").write_text("older")
    before = sorted(closed.rglob("*"))
    closed.chmod(0o555)
    try:
        for work in (
            lambda: write_table(table, [None] * len(table.rows), closed / "out.csv"),
            lambda: save(closed / "model", engine, "newer"),
            lambda: start(library(20), "closed/audit"),
            lambda: Store(closed / "feedback.sqlite"),
            lambda: Registry(closed / "models").add(SHIPPED),
        ):
            code, said = child(work, no_rights)
            assert code == 1
            assert said.startswith(("UsageError: ", "UnreadableInput: ")), said
            assert "Permission denied" in said or "unable to open" in said
    finally:
        closed.chmod(0o755)
    assert sorted(closed.rglob("*")) == before
    assert (closed / "out.csv").read_text() == "older"
    assert inspect_bundle(closed / "model")[0].name == "older"


# --- no memory ---------------------------------------------------------------------------------------------------


def hungry(*arguments: Any) -> Any:
    """`judge` in a process that has 200 MB more than now, and wants 400."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + 200_000_000, resource.RLIM_INFINITY))
    try:
        bytearray(400_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return findings.judge(*arguments)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_process_out_of_memory_ends_the_audit_which_then_goes_on(
    start: Start,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    jobs: int,
) -> None:
    items = library(40)
    start(items, "whole")
    with monkeypatch.context() as poor:
        poor.setattr(auditing, "judge", hungry)
        with pytest.raises(UsageError, match="ran out of memory, or was killed; what is finished"):
            start(items, jobs=jobs)
    start(items)
    for name in WRITTEN[:4]:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


# --- the clock ---------------------------------------------------------------------------------------------------


def test_no_output_depends_on_the_clock(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    items = library(40)
    start(items, "now", report=True)
    monkeypatch.setattr(time, "time", lambda: 1e8)
    start(items, "then", report=True)
    for name in WRITTEN[:4]:
        assert (tmp_path / "now" / name).read_bytes() == (tmp_path / "then" / name).read_bytes(), name


# --- damaged files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["a bit", "cut", "empty", "foreign"])
def test_a_damaged_part_is_judged_anew(start: Start, tmp_path: Path, damage: str) -> None:  # noqa: F811
    items = library(60)
    start(items, "whole")

    def stop(at: Progress) -> None:
        if at.conversations > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(items, progress=stop)
    parts = sorted((tmp_path / "out" / ".audit" / "parts").iterdir())
    raw = parts[0].read_bytes()
    half = len(raw) // 2
    parts[0].write_bytes(
        {
            "a bit": raw[:half] + bytes([raw[half] ^ 1]) + raw[half + 1 :],
            "cut": raw[:half],
            "empty": b"",
            "foreign": b"\xff",
        }[damage]
    )
    (parts[0].parent / "notes.jsonl").write_text("not a part\n")
    start(items)
    for name in WRITTEN[:4]:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b'{"version": 2}'])
def test_a_damaged_journal_is_said_and_fresh_starts_anew(start: Start, tmp_path: Path, raw: bytes) -> None:  # noqa: F811
    def stop(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(library(20), progress=stop)
    (tmp_path / "out" / ".audit" / "state.json").write_bytes(raw)
    with pytest.raises(UsageError, match=r"state\.json: damaged; --fresh"):
        start(library(20))
    start(library(20), resume=False)
    assert (tmp_path / "out" / "summary.json").exists()


def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "feedback.sqlite"
    store = Store(path)
    for number in range(40):
        store.add(correction(number))
    store.close()
    raw = bytearray(path.read_bytes())
    raw[4096:-4096] = b"\xa5" * (len(raw) - 8192)
    path.write_bytes(raw)
    with pytest.raises(UnreadableInput, match=r"feedback\.sqlite: can't be used as a store"):
        list(Store(path))


# --- two at once -------------------------------------------------------------------------------------------------


def test_a_second_audit_into_the_same_folder_is_refused(start: Start, tmp_path: Path) -> None:  # noqa: F811
    said: list[str] = []

    def second(_: Progress) -> None:
        if not said:
            said.append(child(lambda: start(library(40)))[1])

    start(library(40), progress=second)
    assert said[0].startswith("UsageError: ")
    assert "another audit is being written there" in said[0]
    start(library(40), "whole")
    assert (tmp_path / "out" / "findings.csv").read_bytes() == (tmp_path / "whole" / "findings.csv").read_bytes()


def test_two_processes_that_write_one_table_leave_a_whole_one(table: Table, tmp_path: Path) -> None:
    out = tmp_path / "out" / "out.csv"
    rows = [("x",) * 8, ("y",) * 8]
    for row in rows:
        write_table(table, [row] * len(table.rows), out.with_name(f"{row[0]}.csv"))
    whole = {out.with_name(f"{row[0]}.csv").read_bytes() for row in rows}

    def writing(row: tuple[str, ...]) -> None:
        for _ in range(40):
            write_table(table, [row] * len(table.rows), out)

    two = [threading.Thread(target=child, args=(lambda row=row: writing(row),)) for row in rows]
    for thread in two:
        thread.start()
    seen = set()
    while any(thread.is_alive() for thread in two):
        if out.exists():
            seen.add(out.read_bytes())
    assert seen <= whole
    assert out.read_bytes() in whole
    assert len(list(out.parent.iterdir())) == 3


def test_two_processes_that_write_one_model_leave_a_whole_one(engine: Any, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "mine"
    save(folder, engine, "first")

    def saving(name: str) -> None:
        for _ in range(6):
            try:
                save(folder, engine, name)
            except UsageError:
                continue  # the other one was just putting its own there

    two = [threading.Thread(target=child, args=(lambda name=name: saving(name),)) for name in ("left", "right")]
    for thread in two:
        thread.start()
    while any(thread.is_alive() for thread in two):
        with suppress(BundleError):  # read while it was replaced: refused, never mixed
            assert inspect_bundle(folder)[0].name in ("first", "left", "right")
    assert inspect_bundle(folder)[0].name in ("left", "right")
    assert [p.name for p in folder.parent.iterdir()] == ["mine"]


def test_two_processes_that_keep_corrections_lose_none(tmp_path: Path) -> None:
    path = tmp_path / "feedback.sqlite"

    def adding(numbers: range) -> None:
        store = Store(path)
        for number in numbers:
            store.add(correction(number))

    found: list[tuple[int, str]] = []
    two = [threading.Thread(target=lambda n=n: found.append(child(lambda: adding(range(n, n + 40))))) for n in (0, 20)]
    for thread in two:
        thread.start()
    for thread in two:
        thread.join()
    assert found == [(0, "")] * 2
    assert [k.correction.id for k in Store(path)] == [correction(n).id for n in range(60)]


# --- promotion during load ---------------------------------------------------------------------------------------


def test_a_model_that_is_loaded_while_others_are_promoted_is_a_whole_one(engine: Any, tmp_path: Path) -> None:
    registry = Registry(tmp_path / "models")
    for name in ("low", "high"):
        engine.threshold_ = 0.01 if name == "low" else 0.99
        save(tmp_path / name, engine, name)
        registry.add(tmp_path / name)
    low, high = registry.find("low"), registry.find("high")
    registry.promote(low)

    def promoting() -> None:
        while True:
            registry.promote(high)
            registry.promote(low)

    number = os.fork()
    if not number:
        promoting()
    try:
        seen = set()
        for _ in range(12):
            loaded, manifest = load_bundle(current_model(registry.folder))
            assert loaded.threshold_ == manifest.threshold == {"low": 0.01, "high": 0.99}[manifest.name]
            assert Checker(loaded, manifest.model_version).check("We have a guide.").threshold == loaded.threshold_
            seen.add(manifest.name)
    finally:
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
    assert seen == {"low", "high"}
