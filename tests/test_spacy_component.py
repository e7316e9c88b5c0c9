"""spaCy users have verdicts without our classes."""

from __future__ import annotations

import spacy

from replycheck.checker import Checker

TEXT = "We offer many workshops. Please fill in the form."


def test_it_is_found_through_spacys_entry_points_and_agrees(checker: Checker) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("replycheck")
    doc = nlp(TEXT)
    assert doc._.replycheck.probability == checker.check(TEXT).probability
    assert doc.text == TEXT


def test_the_patron_message_is_read_and_batches_agree(checker: Checker) -> None:
    nlp = spacy.blank("en")
    component = nlp.add_pipe("replycheck")
    docs = [nlp.make_doc(TEXT), nlp.make_doc(TEXT)]
    docs[1]._.patron_message = "Do you have workshops?"
    first, second = list(component.pipe(docs))
    assert first._.replycheck.message_kind is None
    assert second._.replycheck.message_kind == "request"
    assert abs(second._.replycheck.probability - checker.check(TEXT, "Do you have workshops?").probability) < 1e-6
