"""The corpus holds its format, and nothing but the words gives the labels away."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from replycheck import corpus
from replycheck.codebook import Label, MessageKind, Move
from replycheck.corpus import SPLITS, Annotation, Example, agreed_kind, agreed_label, agreed_moves
from replycheck.errors import CorpusError


@pytest.fixture(scope="module")
def splits(data: Path) -> dict[str, list[Example]]:
    return {split: corpus.read_split(data, split) for split in SPLITS}


@pytest.fixture(scope="module")
def everything(splits: dict[str, list[Example]]) -> list[Example]:
    return [e for examples in splits.values() for e in examples]


def test_format(everything: list[Example]) -> None:
    assert corpus.problems(everything) == []


def test_size(everything: list[Example]) -> None:
    assert len(everything) >= 600
    assert sum(e.register == "real" for e in everything) * 2 >= len(everything) * 0.9
    assert len({e.pair for e in everything if e.pair}) >= 75
    assert all(e.sentences for e in everything)


def test_headers_agree_with_where_a_batch_lies(data: Path) -> None:
    for split in SPLITS:
        for file in sorted((data / split).glob("*.jsonl")):
            header, items = corpus.read_batch(file)
            assert (header.split, header.batch) == (split, file.stem)
            assert {e.batch for e in items} == {header.batch}
            assert {e.register for e in items} == {header.register}
            assert header.brief


def test_the_datasheet_counts_what_is_there(data: Path) -> None:
    sheet = (data / "DATASHEET.md").read_text(encoding="utf-8")
    assert corpus.COUNTS_BEGIN + corpus.counts(data) + "\n" + corpus.COUNTS_END in sheet
    assert "## Uses to avoid" in sheet


def test_no_batch_is_in_two_splits(splits: dict[str, list[Example]]) -> None:
    batches = Counter(b for examples in splits.values() for b in {e.batch for e in examples})
    assert set(batches.values()) == {1}


def test_no_near_duplicates(everything: list[Example]) -> None:
    assert corpus.near_duplicates(everything) == []


def test_openings_vary(everything: list[Example]) -> None:
    seen: dict[tuple[str, ...], set[str]] = {}
    for e in everything:
        seen.setdefault(corpus.opening(e.reply), set()).add(e.pair or e.id)
    often = {" ".join(o): len(ids) for o, ids in seen.items() if len(o) == 4 and len(ids) > len(everything) / 100}
    assert often == {}


def test_messages_on_their_own(data: Path) -> None:
    messages = corpus.read_messages(data)
    assert len({m.message for m in messages}) == len(messages) >= 300
    assert {m.message_kind for m in messages} == set(MessageKind)


FORM = {
    "words": lambda e: len(e.reply.split()),
    **{f"count of {c}": lambda e, c=c: e.reply.count(c) for c in "?!.,:;-"},
    "thanks": lambda e: len(re.findall(r"thank", e.reply.lower())),
    "apologies": lambda e: len(re.findall(r"sorry|apolog|unfortunately", e.reply.lower())),
    "we": lambda e: len(re.findall(r"\bwe\b", e.reply.lower())),
    "words of the message": lambda e: len(e.patron_message.split()),
    "? in the message": lambda e: e.patron_message.count("?"),
}
GIVE_AWAY = 0.60
"""AUC over which a thing that is not the words of the reply would give the label away."""
KIND_GIVES_AWAY = 0.65
"""The same for the message: at support desks, as in life, who asks is answered and who judges is pushed at more often."""


def _auc(model: object, x: object, examples: list[Example]) -> float:
    y = np.array([e.pushing for e in examples])
    groups = [e.batch for e in examples]
    p = cross_val_predict(model, x, y, groups=groups, cv=GroupKFold(5), method="predict_proba")[:, 1]
    return float(roc_auc_score(y, p))


@pytest.mark.parametrize("name", FORM)
def test_form_does_not_give_the_label_away(name: str, training: list[Example]) -> None:
    area = roc_auc_score([e.pushing for e in training], [FORM[name](e) for e in training])
    assert 1 - GIVE_AWAY <= area <= GIVE_AWAY


def test_where_it_stands_does_not_give_the_label_away(training: list[Example]) -> None:
    x = np.array([[e.register, e.channel, e.library] for e in training])
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    assert _auc(model, x, training) <= GIVE_AWAY


def test_the_message_alone_does_not_give_the_label_away(training: list[Example]) -> None:
    some = [e for e in training if e.patron_message]
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2), LogisticRegression())
    assert _auc(model, [e.patron_message for e in some], some) <= KIND_GIVES_AWAY


# --- reading and agreeing ------------------------------------------------------------------------------------------

L, P = Label.LISTENING, Label.PUSHING


@pytest.mark.parametrize(
    ("labels", "torn", "label", "contested"),
    [
        ([L, L, L], 0, L, False),
        ([L, P, P], 0, P, False),
        ([L, L, L], 1, L, False),
        ([L, L, L], 2, L, True),
        ([L, P], 0, L, True),
        ([P], 0, P, False),
    ],
)
def test_majority_and_contest(labels: list[Label], torn: int, label: Label, contested: bool) -> None:
    readers = [Annotation("A", given, sure=i >= torn) for i, given in enumerate(labels)]
    assert agreed_label(readers) == (label, contested)


def test_moves_are_the_second_readers_with_the_writers_beside_them() -> None:
    readers = [
        Annotation("writer", L, moves=(Move.THANKS, Move.EXPLAINS)),
        Annotation("B", L, moves=(Move.THANKS, Move.DISMISSES)),
    ]
    assert agreed_moves(readers) == [(Move.THANKS, None), (Move.DISMISSES, Move.EXPLAINS)]


def test_what_readers_agree_on_though_torn_counts_half(training: list[Example]) -> None:
    doubted = [Annotation("A", L, sure=False), Annotation("B", L, sure=False)]
    at_odds = [Annotation("A", L), Annotation("B", P)]
    sure, torn, split = (
        replace(training[0], contested=c, annotations=tuple(a))
        for c, a in ((False, doubted), (True, doubted), (True, at_odds))
    )
    assert [(e.annotations, e.weight) for e in corpus.learnable([sure, torn, split])] == [
        (tuple(doubted), 1.0),
        (tuple(doubted), 0.5),
    ]


def test_where_the_writer_judged_nothing_a_stands_beside_b() -> None:
    readers = [
        Annotation("A", L, moves=(Move.THANKS, Move.EXPLAINS)),
        Annotation("B", L, moves=(Move.COURTESY, Move.EXPLAINS)),
    ]
    assert agreed_moves(readers) == [(Move.COURTESY, Move.THANKS), (Move.EXPLAINS, None)]


def test_kind_without_majority_is_the_writers() -> None:
    readers = [Annotation("writer", L, MessageKind.INPUT), Annotation("A", L, MessageKind.REQUEST)]
    assert agreed_kind(readers) is MessageKind.INPUT
    assert agreed_kind([]) is None


def test_fingerprint_ignores_order_and_sees_a_label(training: list[Example]) -> None:
    some = training[:20]
    assert corpus.fingerprint(some) == corpus.fingerprint(some[::-1])
    changed = [
        Example(**{**{f: getattr(some[0], f) for f in Example.__slots__}, "label": P if some[0].label is L else L})
    ]
    assert corpus.fingerprint(some) != corpus.fingerprint(changed + some[1:])


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "row 2: not JSON"),
        ("[" * 3000, "row 2: not JSON"),
        ("9" * 5000, "row 2: not JSON"),
        ("[]", "row 2: expected a JSON object"),
        ('{"id": "x", "batch": "b", "reply": "", "label": "listening"}', "row 2, column 'reply': missing or empty"),
        (
            '{"id": "x", "batch": "b", "reply": "r", "label": "good"}',
            "row 2, column 'label': found 'good', allowed: listening",
        ),
    ],
)
def test_a_faulty_line_is_named(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "b.jsonl"
    head = {"batch": "b", "split": "train", "register": "real", "library": "none", "brief": "x"}
    file.write_text(json.dumps(head) + "\n" + line + "\n")
    with pytest.raises(CorpusError, match=re.escape(says)) as problem:
        corpus.read_batch(file)
    assert str(file) in str(problem.value)


def test_the_log_of_openings_is_kept_once_a_model_and_day(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    corpus.log_opening(tmp_path, "m-1")
    corpus.log_opening(tmp_path, "m-1")
    corpus.log_opening(tmp_path, "m-2")
    lines = (tmp_path / "test" / corpus.OPENINGS).read_text().splitlines()
    assert [line.split("|")[2].strip() for line in lines[4:]] == ["m-1", "m-2"]


# --- behavioural cases -----------------------------------------------------------------------------------------------


def test_behavioural_cases_are_many_and_of_every_type(data: Path) -> None:
    cases = corpus.read_cases(data)
    assert len({c.id for c in cases}) == len(cases) >= 400
    assert len({c.capability for c in cases}) >= 40
    assert {c.type for c in cases} == set(corpus.EXPECTED)
    assert all(len({x.type for x in cases if x.capability == c.capability}) == 1 for c in cases)


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ({"id": "1"}, "missing"),
        ({"type": "minimum", "expect": "same"}, "type 'minimum' can't expect 'same'"),
        ({"type": "direction", "expect": "higher"}, "column 'reply_2': missing or empty"),
    ],
)
def test_a_faulty_case_is_named(tmp_path: Path, case: dict[str, str], says: str) -> None:
    whole = {"id": "1", "capability": "c", "message": "m", "reply": "r"} if len(case) > 1 else {}
    (tmp_path / "behaviour.jsonl").write_text(json.dumps({**whole, **case}) + "\n")
    with pytest.raises(CorpusError, match=re.escape(says)) as problem:
        corpus.read_cases(tmp_path)
    assert "row 1" in str(problem.value)


# --- bringing up to date ---------------------------------------------------------------------------------------------


def test_refreshing_changes_hard_and_the_counts_and_nothing_else(data: Path, tmp_path: Path) -> None:
    for split in SPLITS:
        (tmp_path / split).mkdir()
        file = min((data / split).glob("*.jsonl"))
        (tmp_path / split / file.name).write_bytes(file.read_bytes())
    sheet = tmp_path / "DATASHEET.md"
    sheet.write_text(f"before\n{corpus.COUNTS_BEGIN}{corpus.COUNTS_END}\nafter\n")
    before = {s: corpus.read_split(tmp_path, s) for s in SPLITS}
    hard = {before["dev"][0].id}
    for _ in range(2):
        corpus.refresh(tmp_path, hard)
    assert sheet.read_text() == f"before\n{corpus.COUNTS_BEGIN}{corpus.counts(tmp_path)}\n{corpus.COUNTS_END}\nafter\n"
    for split, examples in before.items():
        assert corpus.read_split(tmp_path, split) == [replace(e, hard=e.id in hard) for e in examples]


def test_a_datasheet_without_a_place_for_the_counts_is_left_alone(data: Path, tmp_path: Path) -> None:
    (tmp_path / "DATASHEET.md").write_text("all of it")
    with pytest.raises(CorpusError, match="no place for the counts"):
        corpus.refresh(tmp_path, set())
    assert (tmp_path / "DATASHEET.md").read_text() == "all of it"
