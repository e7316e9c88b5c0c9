"""The codebook for people and the one for programs can't drift apart."""

from __future__ import annotations

import json
from pathlib import Path

from replycheck import codebook
from replycheck.codebook import NOT_FOR, Label, MessageKind, Move, Side, UnsureReason, to_dict

ROOT = Path(__file__).resolve().parent.parent


def test_the_tables_for_people_are_rendered_from_the_module(data: Path) -> None:
    text = (data / "CODEBOOK.md").read_text(encoding="utf-8")
    tables = text.partition("<!-- tables -->\n")[2].partition("\n<!-- end of tables -->")[0]
    assert tables == codebook.markdown_tables()


def test_every_word_has_its_entry() -> None:
    for words, entries in (
        (Label, codebook.LABELS),
        (MessageKind, codebook.MESSAGE_KINDS),
        (Move, codebook.MOVES),
        (UnsureReason, codebook.UNSURE_REASONS),
    ):
        assert list(entries) == list(words)
        assert all(e.definition and e.citation for e in entries.values())


def test_the_rules_speak_of_every_move_and_side(data: Path) -> None:
    rules = (data / "CODEBOOK.md").read_text(encoding="utf-8").partition("<!-- tables -->")[0]
    for move in set(Move) - {Move.THANKS, Move.ASKS_OPEN, Move.OFFERS_GENTLY}:
        assert f"`{move}`" in rules or f"`{str(move).rstrip('es')}`" in rules, move
    assert {m.side for m in Move} == set(Side)


def test_the_document_for_programs_holds_every_word() -> None:
    document = to_dict()
    tables = {
        "labels": Label,
        "sides": Side,
        "message_kinds": MessageKind,
        "moves": Move,
        "unsure_reasons": UnsureReason,
    }
    for name, words in tables.items():
        assert set(document[name]) == {str(w) for w in words}
    assert len({side["symbol"] for side in document["sides"].values()}) == len(Side)
    assert json.loads(json.dumps(document)) == document


def test_the_readme_says_what_it_is_not_for() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## What it must not be used for")[2].partition("##")[0]
    assert [line.removeprefix("- ") for line in section.strip().splitlines()] == list(NOT_FOR)
