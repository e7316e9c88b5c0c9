"""A library's labels make a model that is measured on replies it has not seen, and nothing of their words is left in it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import replycheck
from replycheck.bundle import CARD, EVALUATION, inspect_bundle
from replycheck.checker import load
from replycheck.codebook import Label, MessageKind
from replycheck.comparison import Comparison, Turned, _balance, _migration, _worse, conclude, sharing_encoder
from replycheck.comparison_page import render_page
from replycheck.corpus import Example, read_split
from replycheck.encoder import Encoded, Encoder, Spans
from replycheck.errors import CorpusError, UsageError
from replycheck.features import Tokens
from replycheck.registry import Registry
from replycheck.reply import Reply
from replycheck.retraining import Retrained, hold_out
from replycheck.settings import shipped
from replycheck.text import make_nlp
from replycheck.training import align, tabulate


@pytest.fixture(scope="module")
def own(data: Path) -> list[Example]:
    """Labels as a library would have them: a batch that the small corpus lacks."""
    return [e for e in read_split(data, "train") if e.batch == "b031"]


@pytest.fixture(scope="module")
def table(own: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("ours") / "ours.csv"
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["reply", "label", "patron_message", "group", "pair"])
        writer.writerows([e.reply, e.label, e.patron_message, e.pair or "", e.pair or ""] for e in own)
        writer.writerow(["We will see.", "", "", "", ""])
    return file


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, int, int]]:
    return []


@pytest.fixture(scope="module")
def done(
    table: Path, small_data: Path, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> Retrained:
    return replycheck.retrain(
        table,
        name="ours",
        models=tmp_path_factory.mktemp("registry"),
        data=small_data,
        jobs=1,
        progress=lambda *step: steps.append(step),
    )


def test_both_models_are_measured_on_the_same_replies_that_neither_learned_from(
    done: Retrained, own: list[Example], small_data: Path
) -> None:
    record = done.comparison.record
    learned = done.entry.manifest.trained_on["of_the_library"]
    assert 0 < record["own"]["replies"] == len(own) - learned < len(own)
    assert record["own"]["old"]["replies"] == record["own"]["new"]["replies"]
    assert record["corpus"]["replies"] == sum(not e.contested for e in read_split(small_data, "dev"))
    assert record["new"] == done.entry.version != record["old"]
    assert record["own"]["gained"] - record["own"]["lost"] == sum(
        1 if t.better else -1 for t in done.comparison.turned if t.example.id.startswith("ours.csv")
    )
    assert "1 rows are left out: no label" in record["remarks"]
    assert any("only" in r and "pushing replies are held out" in r for r in record["remarks"])
    assert done.advice == record["advice"]
    assert done.entry.version in done.advice or record["old"] in done.advice


def test_every_step_is_told(done: Retrained, steps: list[tuple[str, int, int]]) -> None:
    names = list(dict.fromkeys(name for name, _, _ in steps))
    assert names == [
        "reading labels",
        "reading sentences",
        "fitting, with and without each fold",
        "comparing",
    ]
    assert {n for n, d, t in steps if d == t} == set(names)


def test_no_words_of_the_library_are_in_the_model(done: Retrained, own: list[Example]) -> None:
    raw = b"\0".join(inspect_bundle(done.entry.folder)[1].values())
    assert not [e.id for e in own if e.reply.encode() in raw or e.reply[:40].encode() in raw]


def test_the_card_and_the_record_are_kept_with_the_model(done: Retrained) -> None:
    contents = inspect_bundle(done.entry.folder)[1]
    assert json.loads(contents[EVALUATION])["comparison"]["advice"] == done.advice
    card = contents[CARD].decode()
    assert "## Beside default-" in card
    assert done.advice in card


def test_the_page_escapes_and_hides(done: Retrained, checker: replycheck.Checker) -> None:
    text = "<script>alert(1)</script> Ring 020 7946 0991 or write to jo.bloggs@example.org"
    verdict = checker.check(text)
    example = Example("x", "x", text, Label.LISTENING)
    page = render_page(Comparison(done.comparison.record, [Turned(example, verdict, verdict)]))
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "jo.bloggs" not in page
    assert "7946" not in page
    assert "http://" not in page
    assert done.advice.replace("'", "&#39;") in page


def test_it_is_kept_but_does_not_judge_yet(done: Retrained) -> None:
    registry = Registry(done.entry.folder.parent.parent)
    assert [e.promoted for e in registry.entries()] == [True, False]


# --- holding out -----------------------------------------------------------------------------------------------------


def test_groups_pairs_and_near_duplicates_stay_on_one_side(own: list[Example]) -> None:
    twins = [replace(e, id=f"{e.id}'", batch=f"{e.id}'", reply=e.reply + "!", pair=None) for e in own[:10]]
    alone = [replace(e, batch=e.id) for e in own]
    parts = hold_out([*alone, *twins])
    side = {e.id: e in parts.held_out for e in [*parts.learned, *parts.held_out]}
    for twin, e in zip(twins, own, strict=False):
        assert side[twin.id] == side[e.id]
    pairs: dict[str, set[bool]] = {}
    for e in own:
        if e.pair:
            pairs.setdefault(e.pair, set()).add(side[e.id])
    assert pairs
    assert all(len(s) == 1 for s in pairs.values())
    assert any("near-duplicates" in r for r in parts.remarks)


def test_more_labels_move_no_reply_to_the_other_side(training: list[Example]) -> None:
    rows = [replace(e, batch=e.id) for e in training if e.batch in ("b001", "b002")]
    half = hold_out(rows[:50])
    whole = hold_out([*reversed(rows)])
    assert {e.id for e in half.held_out} <= {e.id for e in whole.held_out}
    assert 0.15 < len(whole.held_out) / len(rows) < 0.45


def test_what_the_corpus_has_too_is_not_measured_on(own: list[Example]) -> None:
    rows = [replace(e, batch=e.id, pair=None) for e in own]
    parts = hold_out(rows, own[:5])
    assert not {e.id for e in own[:5]} & {e.id for e in parts.held_out}
    assert any("of the corpus's" in r for r in parts.remarks)


def test_one_label_one_group_and_contradictions_are_said(own: list[Example]) -> None:
    with pytest.raises(CorpusError, match="both are needed"):
        hold_out([e for e in own if e.pushing])
    with pytest.raises(CorpusError, match="one group"):
        hold_out(own)
    other = Label.LISTENING if own[0].pushing else Label.PUSHING
    rows = [replace(e, batch=e.id) for e in own] + [replace(own[0], id="again", batch="again", label=other)]
    assert any("bear both labels" in r for r in hold_out(rows).remarks)


@pytest.mark.parametrize("name", ["", "default", "a b", "../x", "é"])
def test_names_that_no_folder_should_have(name: str, table: Path) -> None:
    with pytest.raises(UsageError, match="--name"):
        replycheck.retrain(table, name=name)


# --- what training makes of labels alone -----------------------------------------------------------------------------


def test_replies_without_moves_teach_no_moves(own: list[Example]) -> None:
    bare = [replace(e, sentences=(), message_kind=None) for e in own]
    batch = Tokens(make_nlp()).batch([e.reply for e in bare])
    assert (align(batch, bare)[0] == -1).all()
    table = tabulate([*bare, *(replace(e, batch="other", weight=3.0) for e in own)], Tokens(make_nlp()))
    assert np.bincount(table.weight.astype(int)).tolist() == [0, len(own), 0, len(own)]
    assert {e.message_kind for e in own} >= {MessageKind.INPUT}


# --- what is said -------------------------------------------------------------------------------------------------------


def record(gain: float, low: float, high: float, pushing: int = 60, behaviour: tuple[int, int] = (100, 100)) -> dict:  # type: ignore[type-arg]
    balance = {"number": 200, "old": behaviour[0], "new": behaviour[1], "gained": max(behaviour[1] - behaviour[0], 0), "lost": max(behaviour[0] - behaviour[1], 0)}  # fmt: skip
    own = {"replies": 200, "pushing": pushing, "gain": gain, "gain_interval": (low, high), "old": {"macro_f1": 0.8}, "new": {"macro_f1": 0.8 + gain}, "pairs": _balance(np.array([True]), np.array([True]))}  # fmt: skip
    return {"old": "a", "new": "b", "own": own, "behaviour": balance, "remarks": []}


@pytest.mark.parametrize(
    ("given", "begins"),
    [
        (record(0.05, 0.01, 0.09), "Promote b"),
        (record(0.05, -0.01, 0.09), "You may promote b"),
        (record(-0.01, -0.05, 0.03), "Keep a"),
        (record(-0.05, -0.09, -0.01), "Don't promote b"),
        (record(0.05, 0.01, 0.09, behaviour=(100, 97)), "Don't promote b"),
        (record(0.05, 0.01, 0.09, behaviour=(100, 98)), "Promote b"),
    ],
)
def test_the_advice_follows_from_the_figures(given: dict, begins: str) -> None:  # type: ignore[type-arg]
    said = conclude(given)
    assert said["advice"].startswith(begins)
    assert bool(said["against"]) == begins.startswith("Don't")


def test_losing_one_pair_of_few_is_worse_and_one_of_many_is_not() -> None:
    few, many = np.ones(20, dtype=bool), np.ones(200, dtype=bool)
    for some, worse in ((few, True), (many, False)):
        after = some.copy()
        after[0] = False
        assert _worse(_balance(some, after)) is worse


def test_the_migration_note_says_whether_trends_go_on() -> None:
    same = [(True, True)] * 20 + [(False, False)] * 180
    assert "may go on" in _migration(same)["note"]
    assert "again" in _migration([*same, *[(False, True)] * 20])["note"]
    assert "must not" in _migration([])["note"]


# --- the command ------------------------------------------------------------------------------------------------------


def test_faults_are_named_and_nothing_is_trained(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ours.csv"
    file.write_text("reply,label\nHm.,maybe\n")
    assert command("retrain", str(file), "--name", "ours", "--models", str(tmp_path / "models")) == 3
    said = capsys.readouterr().err
    assert "row 2, column 'label': found 'maybe', allowed: listening, service-pushing" in said
    assert (tmp_path / "ours-marked.xlsx").exists()
    assert not (tmp_path / "models").exists()


def test_a_retrained_model_is_compared_again_and_promoted(
    done: Retrained, table: Path, small_data: Path, tmp_path: Path, command: Callable[..., int],
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    models = ["--models", str(done.entry.folder.parent.parent), "--data", str(small_data)]
    page = tmp_path / "page.html"
    assert command("models", "compare", "default", "ours", "--on", str(table), "--page", str(page), *models) == 0
    assert "macro-F1" in page.read_text(encoding="utf-8")
    held = done.comparison.record["own"]["replies"]
    assert f"note: measured on {held} of your" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    assert command("models", "compare", "default", "ours", *models) == 0
    versions = inspect_bundle(shipped("models") / "default")[0].model_version, done.entry.version
    assert (tmp_path / f"{versions[0]}-{versions[1]}-comparison.html").exists()
    code = command("models", "promote", "ours", *models)
    assert code == (5 if done.comparison.reasons_against else 0)
    assert command("models", "promote", "ours", "--anyway", "a test", *models) == (0 if code else 2)
    assert command("models", "rollback", *models[:2]) == 0


def test_the_guide_shows_what_the_simulation_found() -> None:
    import simulate_retraining as simulation

    record = json.loads(simulation.RECORD.read_text(encoding="utf-8"))
    guide = simulation.GUIDE.read_text(encoding="utf-8")
    assert simulation.told(guide, record) == guide
    for key, row in record.items():
        if key.startswith("foreign "):
            before, chosen = (f["macro_f1"] for f in row["figures"][:2])
            assert chosen >= before, key
    assert min(record["flipped"]["in_the_first_tenth"]) >= 0.7


def test_every_command_of_the_guide_is_there(command: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    guide = (Path(__file__).resolve().parent.parent / "docs" / "retraining.md").read_text(encoding="utf-8")
    lines = re.findall(r"^replycheck (.+)$", guide, re.M)
    assert len(lines) >= 8
    for line in lines:
        words = line.split()
        name = words[:2] if words[0] == "models" else words[:1]
        command(*name, "--help")
        shown = capsys.readouterr().out
        assert "Usage" in shown
        assert all(option in shown for option in words if option.startswith("-")), line


def test_models_that_share_an_encoder_read_no_reply_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    checkers = [load(shipped("models") / "default"), load(shipped("models") / "default")]
    replies = [Reply("We have pods! Did you try them?", "It is loud."), Reply("I asked for a lock.")]
    before = checkers[0].check_many(replies)
    encoder = checkers[0].engine.encoder
    assert isinstance(encoder, Encoder)
    read: list[str] = []
    as_ever = Encoder.encode

    def counted(self: Encoder, spans: Spans, replies: list[str], messages: list[str], *, threads: int = 1) -> Encoded:
        read.extend(replies)
        return as_ever(self, spans, replies, messages, threads=threads)

    monkeypatch.setattr(Encoder, "encode", counted)
    with sharing_encoder(*checkers):
        for checker in checkers:
            assert checker.check_many(replies) == before
    assert checkers[0].engine.encoder is encoder
    assert sorted(read) == sorted(r.text for r in replies)
