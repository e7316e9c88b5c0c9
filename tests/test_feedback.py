"""Corrections: kept once, without personal data, as a table that training reads; forgotten for good."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import uuid
import warnings
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replycheck import cli
from replycheck.checker import Checker
from replycheck.codebook import Label, MessageKind, Move
from replycheck.errors import UnreadableInput, UsageError
from replycheck.feedback import EXPORTED, Conflict, CorrectedMove, Correction, Store, deidentified, export
from replycheck.labels import read_labels
from replycheck.privacy import Deidentifier
from replycheck.settings import Settings
from replycheck_api import create_app
from replycheck_api.problems import Kind

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client would rather have a newer httpx than there is
    from starlette.testclient import TestClient

REPLY = "Dear Ines, write to zola.prudhomme@example.org about it. We have a guide for that."
DAY = date(2026, 3, 4)


def an_id(number: int) -> str:
    return str(uuid.UUID(int=number))


def correction(number: int = 1, reply: str = REPLY, **more: Any) -> Correction:
    return Correction(an_id(number), reply, Label.PUSHING, Label.LISTENING, "default-1", **more)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "feedback.sqlite")


# --- the store ---------------------------------------------------------------------------------------------------


def test_what_is_kept_has_placeholders_and_its_offsets_follow(store: Store) -> None:
    start = REPLY.index("We have")
    given = correction(
        moves=(CorrectedMove(start, len(REPLY), Move.ALREADY_DO), CorrectedMove(0, start - 1, Move.REDIRECTS)),
        patron_message="I'm on 020 7946 0958, it spins",
        message_kind=MessageKind.INPUT,
    )
    kept, new = store.add(given, day=DAY)
    assert new
    assert "zola" not in kept.reply
    assert "7946" not in kept.patron_message
    assert [kept.reply[m.start : m.end] for m in kept.moves] == [
        "We have a guide for that.",
        kept.reply.partition(" We have")[0],
    ]
    (again,) = Store(store.path)
    assert (again.correction, again.day) == (kept, DAY)
    raw = b"".join(f.read_bytes() for f in store.path.parent.iterdir())
    assert b"zola" not in raw
    assert b"7946" not in raw


@given(
    st.lists(
        st.sampled_from(["Hi Ines Okafor, ", "ring 020 7946 0958 ", "a@example.org ", "😀 ", "it spins. "]), max_size=7
    ),
    st.lists(st.integers(0, 90), max_size=8, unique=True),
)
@settings(max_examples=60, deadline=None)
def test_placeholders_are_the_cleaners_and_spans_stay_in_order(words: list[str], cuts: list[int]) -> None:
    reply = "".join(words) or "x"
    cuts = sorted(c for c in cuts if c <= len(reply))
    spans = [CorrectedMove(a, b, Move.PITCHES) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    kept = deidentified(correction(reply=reply, moves=tuple(spans)), Deidentifier())
    assert kept.reply == Deidentifier().clean(reply)
    at = 0
    for m in kept.moves:
        assert at <= m.start < m.end <= len(kept.reply)
        at = m.end


def test_the_same_id_is_kept_once_and_another_correction_under_it_is_refused(store: Store) -> None:
    assert store.add(correction(), day=DAY)[1]
    assert not store.add(correction(), day=DAY + timedelta(days=1))[1]
    with pytest.raises(Conflict):
        store.add(correction(reply="Something else."))
    assert len(list(store)) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"moves": (CorrectedMove(0, 999, Move.THANKS),)},
        {"moves": (CorrectedMove(5, 5, Move.THANKS),)},
        {"moves": (CorrectedMove(0, 5, Move.THANKS), CorrectedMove(4, 9, Move.THANKS))},
    ],
)
def test_spans_that_make_no_sense_are_refused(store: Store, more: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        store.add(correction(**more))
    with pytest.raises(UsageError):
        store.add(replace(correction(), id="1; DROP TABLE correction"))
    assert not list(store)


def test_half_a_character_and_a_nul_do_no_harm(store: Store) -> None:
    kept, _ = store.add(correction(reply="a \ud800 b \x00 c", patron_message="\udfff"))
    assert kept.reply == "a \ufffd b \x00 c"
    assert [k.correction for k in Store(store.path)] == [kept]


def test_forgetting_by_id_and_by_age_leaves_no_bytes(store: Store) -> None:
    for n, days in ((1, 0), (2, 30), (3, 31)):
        store.add(correction(n, reply=f"unforgettable {n} words."), day=DAY - timedelta(days=days))
    assert store.forget(older_than=timedelta(days=30), today=DAY) == 1
    assert {k.correction.id for k in store} == {an_id(1), an_id(2)}
    assert store.forget([an_id(1), an_id(9)]) == 1
    raw = b"".join(f.read_bytes() for f in store.path.parent.iterdir())
    assert b"unforgettable 2" in raw
    assert b"unforgettable 1" not in raw
    assert b"unforgettable 3" not in raw


def test_the_file_is_private_and_another_programs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new" / "feedback.sqlite"
    Store(path).close()
    assert path.stat().st_mode & 0o077 == 0
    other = tmp_path / "other.sqlite"
    db = sqlite3.connect(other)
    db.execute("CREATE TABLE theirs (x)")
    db.close()
    (tmp_path / "text.sqlite").write_text("no database at all, but long enough to be looked at " * 20)
    for wrong in (other, tmp_path / "text.sqlite", tmp_path):
        with pytest.raises(UnreadableInput, match=wrong.name):
            Store(wrong)
    with pytest.raises(UnreadableInput, match="no such file"):
        Store(tmp_path / "missing", create=False)


# --- as a table --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".xlsx", ".jsonl"])
def test_the_exported_table_is_one_that_training_reads(store: Store, tmp_path: Path, suffix: str) -> None:
    formula = '=HYPERLINK("http://example.org","look")'
    store.add(
        correction(1, reply="We have\x07 a guide.", patron_message="It _x0041_ spins", message_kind=MessageKind.INPUT)
    )
    store.add(correction(2, reply=formula, moves=(CorrectedMove(0, 10, Move.PITCHES),)))
    out = tmp_path / f"labels{suffix}"
    assert export(store, out) == 2
    found = read_labels([out]).examples
    assert [e.label for e in found] == [Label.PUSHING] * 2
    assert found[0].patron_message == "It _x0041_ spins"
    assert found[0].message_kind is MessageKind.INPUT
    assert found[1].reply == Deidentifier().clean(formula)
    if suffix == ".xlsx":
        sheet = openpyxl.load_workbook(out).active
        assert sheet is not None
        assert [c.value for c in next(sheet.iter_rows())] == list(EXPORTED)
        assert {c.data_type for row in sheet.iter_rows() for c in row if c.value is not None} == {"s"}
    else:
        row = json.loads(out.read_text(encoding="utf-8").splitlines()[1])
        assert json.loads(row["moves"]) == [{"start": 0, "end": 10, "move": "pitches"}]
        assert row["source"] == "feedback on default-1"


def test_a_table_is_written_whole_or_not_at_all(store: Store, tmp_path: Path) -> None:
    store.add(correction(reply="word " * 8000))
    for name in ("labels.csv", "labels.xlsx", "feedback.sqlite/labels.jsonl"):
        with pytest.raises(UsageError):
            export(store, tmp_path / name)
    assert {f.name.partition("-")[0] for f in tmp_path.iterdir()} == {"feedback.sqlite"}


# --- on the command line -----------------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["replycheck", *arguments])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capsys.readouterr()
    return int(stop.value.code or 0), out, err


def test_list_export_and_forget(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(correction(1, reply="We have a guide.\x1b[2J"), day=DAY)
    store.add(correction(2), day=date(2020, 1, 1))
    monkeypatch.setenv("REPLYCHECK_FEEDBACK", str(store.path))
    code, out, _ = run(capsys, monkeypatch, "feedback", "list", "--texts")
    assert code == 0
    assert an_id(1) in out
    assert "We have a guide." in out
    assert "\x1b" not in out
    assert out.endswith("2 corrections\n")
    assert "guide" not in run(capsys, monkeypatch, "feedback", "list")[1]
    assert run(capsys, monkeypatch, "feedback", "export", str(tmp_path / "t.xlsx"))[0] == 0
    assert run(capsys, monkeypatch, "feedback", "forget")[0] == 2
    assert run(capsys, monkeypatch, "feedback", "forget", "--older-than", "365")[1] == "1 corrections forgotten\n"
    assert run(capsys, monkeypatch, "feedback", "forget", an_id(1))[1] == "1 corrections forgotten\n"
    assert not list(store)


def test_without_a_store_the_command_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("REPLYCHECK_FEEDBACK", raising=False)
    code, _, err = run(capsys, monkeypatch, "feedback", "list")
    assert (code, "REPLYCHECK_FEEDBACK" in err) == (2, True)
    code, _, err = run(capsys, monkeypatch, "feedback", "list", "--store", str(tmp_path / "none"))
    assert (code, "none" in err) == (3, True)


# --- over HTTP ---------------------------------------------------------------------------------------------------

SENT = {
    "id": an_id(7),
    "consent": True,
    "reply": REPLY,
    "patron_message": "the login just spins",
    "label": "service-pushing",
    "model_label": "listening",
    "model_version": "default-1",
    "moves": [{"start": 57, "end": 82, "move": "already_do"}],
}


def test_a_correction_is_kept_shown_and_taken_back(tmp_path: Path, checker: Checker) -> None:
    path = tmp_path / "feedback.sqlite"
    with TestClient(create_app(Settings(feedback=path), checker)) as client:
        assert client.get("/v1/page").json()["feedback"] is True
        first = client.post("/v1/feedback", json=SENT)
        assert first.status_code == 200
        assert "zola" not in first.text
        assert first.json() == client.post("/v1/feedback", json=SENT).json() | {"new": True}
        assert len(list(Store(path))) == 1
        assert client.post("/v1/feedback", json=SENT | {"reply": "other"}).status_code == Kind.INVALID.status
        other = client.post("/v1/feedback", json=SENT | {"reply": "other", "moves": []})
        assert other.json()["type"].endswith(Kind.CONFLICT.slug)
        assert client.delete(f"/v1/feedback/{an_id(7)}").json() == {"forgotten": 1}
        assert client.delete("/v1/feedback/anything").json() == {"forgotten": 0}
    assert not list(Store(path))


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"consent": False}, "/consent"),
        ({"consent": None}, "/consent"),
        ({"id": "7"}, "/id"),
        ({"label": "rude"}, "/label"),
        ({"reply": " "}, "/reply"),
        ({"who": "me"}, "/who"),
        ({"moves": [{"start": 5, "end": 999, "move": "thanks"}]}, "/moves"),
    ],
)
def test_nothing_is_kept_without_consent_or_sense(
    tmp_path: Path, checker: Checker, change: dict[str, Any], pointer: str
) -> None:
    path = tmp_path / "feedback.sqlite"
    with TestClient(create_app(Settings(feedback=path), checker)) as client:
        answer = client.post("/v1/feedback", json=SENT | change)
        assert answer.status_code == Kind.INVALID.status
        assert [e["pointer"] for e in answer.json()["errors"]] == [pointer]
        assert client.post("/v1/feedback", content=b"{}").status_code == Kind.UNSUPPORTED_MEDIA_TYPE.status
    assert not list(Store(path))


def test_it_is_off_unless_a_file_is_named(checker: Checker) -> None:
    with TestClient(create_app(Settings(), checker)) as client:
        assert client.get("/v1/page").json()["feedback"] is False
        assert client.post("/v1/feedback", json=SENT).json()["type"].endswith(Kind.NO_STORE.slug)
        assert client.delete(f"/v1/feedback/{an_id(7)}").status_code == Kind.NO_STORE.status


# --- kill -9 -----------------------------------------------------------------------------------------------------


ADDING = """
import sys, uuid
from pathlib import Path
from replycheck.codebook import Label
from replycheck.feedback import Correction, Store
store = Store(Path(sys.argv[1]))
for n in range(int(sys.argv[2]), 10_000):
    kept, _ = store.add(Correction(str(uuid.UUID(int=n)), f"We have a guide, number {n}.", *[Label.PUSHING] * 2, "m"))
    print(kept.id, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9_and_is_there_once(tmp_path: Path) -> None:
    """`make soak-feedback` does the same to the whole service, 10,000 posts long."""
    path, acknowledged = tmp_path / "feedback.sqlite", []
    for _ in range(3):
        # begins again with the last one that was acknowledged, as a client does that heard no answer
        begin = str(max(0, len(acknowledged) - 1))
        adding = subprocess.Popen([sys.executable, "-c", ADDING, str(path), begin], stdout=subprocess.PIPE, text=True)
        assert adding.stdout
        for _ in range(25):
            acknowledged.append(adding.stdout.readline().strip())
        adding.send_signal(signal.SIGKILL)
        acknowledged += [line.strip() for line in adding.communicate()[0].splitlines(keepends=True) if line[-1] == "\n"]
        acknowledged = sorted(set(acknowledged))
        ids = [k.correction.id for k in Store(path, create=False)]
        assert len(ids) == len(set(ids))
        assert set(acknowledged) <= set(ids)
    assert len(acknowledged) > 60
