"""Labels come in from tables and labelling tools; every faulty cell is named at once and marked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from replycheck.codebook import Label, MessageKind, Move
from replycheck.corpus import Example
from replycheck.errors import CorpusError, UsageError
from replycheck.labels import read_labels

REPLY = "I tried it and it fails here too. I'll ask Bo today."


def jsonl(path: Path, *records: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return path


def only(path: Path) -> Example:
    (example,) = read_labels([path]).examples
    return example


def test_one_row_a_reply_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "ours.csv"
    file.write_text(
        "Reply,Label\nThanks. What happened?,Listening\nWe have a form!,Service pushing\n", encoding="utf-8"
    )
    found = read_labels([file], weight=2.5).examples
    assert [e.label for e in found] == [Label.LISTENING, Label.PUSHING]
    assert {e.weight for e in found} == {2.5}
    assert not found[0].sentences
    assert len({e.batch for e in found}) == 2


def test_everything_that_a_table_may_say_is_read(tmp_path: Path) -> None:
    file = tmp_path / "ours.csv"
    file.write_text(
        "reply,label,patron_message,message_kind,moves,group,pair\n"
        f'"{REPLY}",listening,The search fails.,input,acknowledges; owns_action,chat-7,p1\n',
        encoding="utf-8",
    )
    example = only(file)
    assert (example.patron_message, example.message_kind) == ("The search fails.", MessageKind.INPUT)
    assert [s.move for s in example.sentences] == [Move.ACKNOWLEDGES, Move.OWNS_ACTION]
    assert [example.reply[s.start : s.end] for s in example.sentences][1] == "I'll ask Bo today."
    assert (example.batch, example.pair) == ("chat-7", "p1")


def test_a_pair_without_a_group_is_one(tmp_path: Path) -> None:
    file = tmp_path / "ours.csv"
    file.write_text("reply,label,pair\nOne.,listening,p\nTwo!,service-pushing,p\nThree.,listening,\n")
    a, b, c = read_labels([file]).examples
    assert a.batch == b.batch != c.batch
    assert a.pair == b.pair == "p"


@pytest.mark.parametrize(
    ("suffix", "record"),
    [
        (".jsonl", {"id": 3, "text": REPLY, "label": ["listening"]}),
        (".jsonl", {"text": REPLY, "labels": ["listening"]}),
        (".jsonl", {"text": REPLY, "label": [[0, len(REPLY), "listening"]]}),
        (".json", {"id": 1, "data": {"text": REPLY}, "annotations": [
            {"was_cancelled": True, "result": [{"type": "choices", "value": {"choices": ["service-pushing"]}}]},
            {"was_cancelled": False, "result": [{"type": "choices", "value": {"choices": ["listening"]}}]}],
            "predictions": [{"result": [{"type": "choices", "value": {"choices": ["service-pushing"]}}]}]}),
        (".jsonl", {"fields": {"text": REPLY}, "responses": {"label": [{"value": "listening", "user_id": "u"}]}}),
        (".jsonl", {"text": REPLY, "label.responses": ["listening", "listening", "service-pushing"], "label.suggestion": "service-pushing"}),
        (".jsonl", {"text": REPLY, "label.response": "listening", "label.suggestion.score": 0.4}),
        (".jsonl", {"text": REPLY, "label": "listening", "answer": "accept", "spans": []}),
        (".jsonl", {"text": REPLY, "label": "service-pushing", "answer": "reject"}),
        (".jsonl", {"text": REPLY, "accept": ["listening"], "answer": "accept"}),
        (".jsonl", {"reply": REPLY, "label": "listening", "source": "feedback"}),
    ],
)  # fmt: skip
def test_labelling_tools_are_read(tmp_path: Path, suffix: str, record: dict[str, Any]) -> None:
    file = tmp_path / f"export{suffix}"
    if suffix == ".json":
        file.write_text(json.dumps([record]), encoding="utf-8")
    else:
        jsonl(file, record)
    example = only(file)
    assert (example.reply, example.label, example.sentences) == (REPLY, Label.LISTENING, ())


@pytest.mark.parametrize(
    ("suffix", "record"),
    [
        (".jsonl", {"text": REPLY, "label": [[34, 52, "owns_action"]], "cats": ["listening"]}),
        (".json", {"data": {"text": REPLY}, "annotations": [{"result": [
            {"type": "choices", "value": {"choices": ["listening"]}},
            {"type": "labels", "value": {"start": 34, "end": 52, "labels": ["owns_action"]}}]}]}),
        (".jsonl", {"text": REPLY, "label": "listening", "answer": "accept", "spans": [{"start": 34, "end": 52, "label": "owns_action"}]}),
        (".jsonl", {"reply": REPLY, "label": "listening", "moves": '[{"start": 34, "end": 52, "move": "owns_action"}]'}),
    ],
)  # fmt: skip
def test_spans_that_bear_moves_are_moves(tmp_path: Path, suffix: str, record: dict[str, Any]) -> None:
    file = tmp_path / f"export{suffix}"
    file.write_text(json.dumps(record) + "\n", encoding="utf-8")
    example = only(file)
    assert [(example.reply[s.start : s.end], s.move) for s in example.sentences] == [
        ("I'll ask Bo today.", Move.OWNS_ACTION)
    ]


def test_what_nobody_decided_is_left_out_and_counted(tmp_path: Path) -> None:
    file = jsonl(
        tmp_path / "export.jsonl",
        {"text": "A", "label": "listening", "answer": "accept"},
        {"text": "B", "label": "listening", "answer": "ignore"},
    )
    assert len(read_labels([file]).examples) == 1
    table = tmp_path / "t.csv"
    table.write_text("reply,label\nYes.,listening\nNo.,\nPerhaps.,can't tell\n")
    assert read_labels([table]).left_out == {"no label": 1, "can't tell": 1}
    split = jsonl(tmp_path / "s.jsonl", {"text": "A", "label.responses": ["listening", "service-pushing"]})
    with pytest.raises(CorpusError, match="no row has a label"):
        read_labels([split])


def test_every_fault_is_named_at_once_with_its_sheet_and_marked(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "March"
    for row in (
        ["reply", "Desk", "label", "patron_message", "message_kind", "moves"],
        ["Good.", "", "Listening", "Hm.", "Input", ""],
        ["=HYPERLINK(1)", "=1+1", "pushing?", "Hm.", "wish", ""],
        ["", "Law", "listening", "", "", ""],
        ["One. Two.", "", "listening", "", "", "thanks"],
    ):
        sheet.append(row)
    sheet["A3"].data_type = sheet["B3"].data_type = "s"
    file = tmp_path / "ours.xlsx"
    book.save(file)
    with pytest.raises(CorpusError) as problem:
        read_labels([file], mark=True)
    said = str(problem.value)
    assert "4 cells" in said
    assert (
        "sheet 'March', row 3, column 'label': found 'pushing?', allowed: listening, service-pushing, can't tell"
        in said
    )
    assert "row 3, column 'message_kind': found 'wish', allowed: input, request, social" in said
    assert "row 4, column 'reply': is empty" in said
    assert "row 5, column 'moves': found 1 moves for 2 sentences" in said
    marked = load_workbook(tmp_path / "ours-marked.xlsx")
    cells = marked["replies"]
    assert cells["B2"].value == "listening"
    assert cells["A3"].data_type == "s"
    assert [c.coordinate for row in cells.iter_rows() for c in row if c.comment] == ["B3", "D3", "A4", "E5"]
    assert marked.sheetnames == ["replies", "codebook"]
    # a column of their own comes along, as text
    assert [cells.cell(r, 6).value for r in range(1, 5)] == ["Desk", None, "=1+1", "Law"]
    assert cells["F3"].data_type == "s"
    cells["B3"], cells["D3"], cells["A4"], cells["E5"] = "service-pushing", "input", "Here.", None
    marked.save(tmp_path / "fixed.xlsx")
    assert len(read_labels([tmp_path / "fixed.xlsx"]).examples) == 4


def test_only_so_many_faults_are_spelled_out(tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    file.write_text("reply,label\n" + "Hm.,maybe\n" * 100)
    with pytest.raises(CorpusError, match="and 75 more"):
        read_labels([file])
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "text,verdict\nx,y\n", "column 'label': no such column; there are text, verdict"),
        ("a.csv", "reply,label,label\nx,y,z\n", "more than once"),
        ("a.json", "{", "not JSON"),
        ("a.jsonl", "[1]\n", "expected a JSON object"),
        ("a.jsonl", '{"reply": "x", "label": "listening", "moves": "[{}]"}\n', "expected JSON objects"),
        ("a.csv", f"reply,label,moves\nx,listening,{'[' * 3000}\n", "row 2, column 'moves': expected JSON objects"),
        ("a.jsonl", '{"reply": "x", "label": "listening", "moves": "[{\\"start\\": 0, \\"end\\": 9, \\"move\\": \\"thanks\\"}]"}\n', "not inside"),
        ("a.csv", "", "is empty"),
    ],
)  # fmt: skip
def test_a_file_that_holds_no_labels_says_why(tmp_path: Path, name: str, content: str, says: str) -> None:
    file = tmp_path / name
    file.write_text(content)
    with pytest.raises(Exception, match=says):
        read_labels([file])


def test_an_unknown_suffix_is_misuse(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't tell the format"):
        read_labels([tmp_path / "a.doc"])


def test_a_batch_of_the_corpus_is_read_whole(data: Path) -> None:
    examples = read_labels([data / "dev" / "b015.jsonl"], weight=2).examples
    assert len(examples) == 50
    assert all(e.sentences and e.weight == 2 for e in examples)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from(["text", "label", "labels", "data", "annotations", "fields", "answer", "spans", "reply", "value", "result"]), x, max_size=4), max_leaves=12), max_size=3))  # fmt: skip
def test_whatever_json_holds_is_refused_with_words(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    file = tmp_path_factory.mktemp("json") / "a.json"
    file.write_text(json.dumps(value))
    with pytest.raises((CorpusError, UsageError)):
        read_labels([file])
