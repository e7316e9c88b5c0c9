"""Masking keeps offsets, and sentences are found as people see them."""

from __future__ import annotations

import string
import sys

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from replycheck.features import BLANKS, Tokens
from replycheck.text import (
    _ABBREVIATION,
    _CLOSING,
    _PLAIN_STOP,
    _SHORT,
    _STOP,
    _closes,
    make_nlp,
    mask,
    sentence_spans,
)

NLP = make_nlp()
PIECES = st.sampled_from(
    ["Hi", "Dr.", "e.g.", "3.5", "\n", "\n\n", " ", "\t", ".", "?!", "…", "> quoted", "- item", "<br>", "&amp;", "\x00", "\ud800",
     "😀", "שלום", "https://example.org/a.b?c=d", "can't", "I'll", "  ", "\r\n", "On 3 May A wrote:", "word"]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=25).map(" ".join))


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        ("   \n ", []),
        ("Thanks.", ["Thanks."]),
        ("Hi Ana,\nI've asked Sam. He'll ring.", ["Hi Ana,", "I've asked Sam.", "He'll ring."]),
        ("yes its broken\nive told them\nback soon", ["yes its broken", "ive told them", "back soon"]),
        ("Ask Dr. Osei, e.g. at 9 a.m. on Monday.", ["Ask Dr. Osei, e.g. at 9 a.m. on Monday."]),
        ("It costs £3.50. Pay by card.", ["It costs £3.50.", "Pay by card."]),
        ("1. Lifts: mended.\n2. Heat: on its way.", ["1. Lifts: mended.", "2. Heat: on its way."]),
        ("- towels\n- soap", ["- towels", "- soap"]),
        ("See https://example.org/a.b?c=d. Then ring.", ["See https://example.org/a.b?c=d.", "Then ring."]),
        ("Well… maybe not. Really?! Yes!", ["Well… maybe not.", "Really?!", "Yes!"]),
        ("Done 🎉 Enjoy it", ["Done 🎉", "Enjoy it"]),
        (
            "It's mended.\nBest wishes,\nPriya\nHead of Lending",
            ["It's mended.", "Best wishes,\nPriya\nHead of Lending"],
        ),
        ("I can't. The lift is out.", ["I can't.", "The lift is out."]),
        ("So do I. Sam does too.", ["So do I.", "Sam does too."]),
    ],
)
def test_sentences_as_people_see_them(text: str, sentences: list[str]) -> None:
    assert [text[a:b] for a, b in sentence_spans(mask(text))] == sentences


def test_a_hard_wrapped_paragraph_is_not_cut_at_its_lines() -> None:
    text = (
        "We looked at the two machines on the second floor on Tuesday and found that\n"
        "the rollers were worn in both of them, so a fitter has been sent for and will\n"
        "come before the end of the week, and until he does we keep one of the two open\n"
        "for print jobs. I'll write again on Friday."
    )
    assert [text[a:b][:7] for a, b in sentence_spans(mask(text))] == ["We look", "I'll wr"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("New words.\n> old words\n> more", "New words."),
        ("New words.\n\nOn Mon, 3 May 2021 at 10:00, A. Reader <a@example.org> wrote:\nold words", "New words."),
        ("New words.\n-----Original Message-----\nFrom: A\nold", "New words."),
        ("<p>New <b>words</b>.</p><script>alert('old')</script>", "New words."),
        ("New&nbsp;words&#46;", "New words."),
        ("New\x00words.", "New words."),
    ],
)
def test_what_is_not_the_writers_own_words_is_masked(text: str, left: str) -> None:
    masked = mask(text)
    assert len(masked) == len(text)
    assert " ".join(masked.split()).replace(" .", ".") == left


@given(TEXTS)
def test_masking_keeps_every_offset(text: str) -> None:
    masked = mask(text)
    assert len(masked) == len(text)
    masked.encode("utf-8")


@given(TEXTS)
def test_spans_cover_every_visible_character_once(text: str) -> None:
    masked = mask(text)
    end = 0
    for a, b in sentence_spans(masked):
        assert end <= a < b <= len(text)
        assert not masked[end:a].strip()
        assert masked[a:b] == masked[a:b].strip()
        end = b
    assert not masked[end:].strip()


@given(TEXTS)
def test_remembered_tokens_are_spacys_own(text: str) -> None:
    """Splitting run by run with a memory gives the tokens that spaCy gives for the whole text."""
    # longer runs than these are handed to spaCy in slices
    assume(all(len(run) <= Tokens.LONGEST_MARKS for run in mask(text).split()))
    tokens = Tokens(NLP)
    batch = tokens.batch([text, text])
    words = [t for t in NLP.make_doc(mask(text)) if not t.is_space]
    edges = batch.word == 0
    assert int((~edges).sum()) == 2 * len(words)
    assert int(edges.sum()) == batch.sentences


@given(TEXTS)
def test_the_component_starts_sentences_where_the_spans_do(text: str) -> None:
    masked = mask(text)
    starts = {a for a, _ in sentence_spans(masked)}
    doc = NLP(masked)
    assert {t.idx for t in doc if t.is_sent_start and not t.is_space} <= starts | {t.idx for t in doc[:1]}


def test_what_is_remembered_does_not_change_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a memory that has grown past its first room nor one that started anew gives other tokens."""
    text = "I've asked Sam; he'll ring by 9 a.m. on Friday."
    fresh = Tokens(NLP).batch([text])
    grown = Tokens(NLP)
    grown.batch([" ".join(f"word{i}" for i in range(5000))])
    again = grown.batch([text])
    monkeypatch.setattr(Tokens, "MOST", 10)
    anew = grown.batch([text])
    for other in (again, anew):
        for field in ("word", "delexicalised", "stem", "code", "gram", "token_sentence", "gram_sentence", "cues"):
            assert (getattr(fresh, field) == getattr(other, field)).all(), field


# --- what is quicker must find the same --------------------------------------------------------------------------


def test_runs_end_at_every_white_space() -> None:
    assert {" ", *BLANKS} == {c for c in map(chr, range(sys.maxunicode + 1)) if c.isspace()}


@given(st.text(alphabet=string.printable, max_size=60))
@settings(max_examples=300, deadline=None)
def test_stops_of_plain_text_are_those_of_any_text(text: str) -> None:
    assert [m.span() for m in _PLAIN_STOP.finditer(text)] == [m.span() for m in _STOP.finditer(text)]


@given(st.text(alphabet=string.ascii_letters, min_size=2, max_size=7) | st.sampled_from(sorted(_SHORT)))
@settings(max_examples=300, deadline=None)
def test_a_plain_word_is_an_abbreviation_if_it_is_listed(word: str) -> None:
    assert (word.lower() in _SHORT) == bool(_ABBREVIATION.search(f" {word}."))


@given(st.lists(st.sampled_from([*"Best regards thanks wishes see you soon yours all the in haste take care Ana , . -".split(), "\u2013"]), max_size=5))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_no_closing_is_missed_for_want_of_its_words(words: list[str]) -> None:
    line = " ".join(words)
    assert _closes(line) == bool(_CLOSING.search(line))
