"""From text to verdict: what must hold for any text, and for the pairs that fix the boundary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replycheck.checker import Cascade, Checker, load
from replycheck.codebook import Label, MessageKind, Move, Side, UnsureReason
from replycheck.corpus import Example, read_split
from replycheck.encoder import Encoded
from replycheck.errors import UsageError
from replycheck.features import Batch
from replycheck.referral import must_be_made
from replycheck.reply import Reply
from replycheck.settings import shipped
from replycheck.text import mask, sentence_spans

CAMERAS = "We have cameras to borrow at the tech desk!"
NOTHING_TO_FILM_ON = "My students can't film their projects, they've nothing to film on."


@pytest.fixture(scope="session")
def fast() -> Checker:
    return load(shipped("models") / "default", "fast")


@pytest.fixture(scope="session")
def cascade() -> Checker:
    return load(shipped("models") / "default", "cascade")


@pytest.fixture(scope="module")
def dev(data: Path) -> list[Example]:
    return read_split(data, "dev")


# --- the pairs of the codebook ---------------------------------------------------------------------------------


def test_the_same_reply_turns_with_the_message(checker: Checker) -> None:
    told = checker.check(CAMERAS, NOTHING_TO_FILM_ON)
    asked = checker.check(CAMERAS, "Do you lend cameras?")
    assert (told.message_kind, told.label) == (MessageKind.INPUT, Label.PUSHING)
    assert (asked.message_kind, asked.label) == (MessageKind.REQUEST, Label.LISTENING)
    assert asked.sentences[0].move is Move.ANSWERS


@pytest.mark.parametrize(
    ("message", "reply", "label"),
    [
        (
            NOTHING_TO_FILM_ON,
            "I love that you have them filming. What should they take away from it, and what have they tried so far? "
            "If it suits you I could walk you through what the tech desk lends.",
            Label.LISTENING,
        ),
        (
            "The catalogue hides the e-books.",
            "Thank you so much for your feedback, we value it! Please complete our survey.",
            Label.PUSHING,
        ),
        (
            "The catalogue hides the e-books.",
            "I just tried your search and I see it: they sit under a closed tab. I'm writing to the systems team today and "
            "will send you what they say.",
            Label.LISTENING,
        ),
        ("We need more quiet space.", "Why not stand for the student committee? They advise on spaces.", Label.PUSHING),
        (
            "We need more quiet space.",
            "That's fair. What does a good study spot look like for you, and when is it that you can't find one?",
            Label.LISTENING,
        ),
        (
            "Sunday closing makes it impossible for me.",
            "I'm sorry, we can't open Sundays this year: two posts are unfilled and the budget's set in May. Would a Saturday "
            "evening help at all, or is it Sunday that matters?",
            Label.LISTENING,
        ),
        (
            "Sunday closing makes it impossible for me.",
            "Unfortunately library hours are set by policy and published on our website.",
            Label.PUSHING,
        ),
    ],
)
def test_pairs_that_fix_the_boundary(checker: Checker, message: str, reply: str, label: Label) -> None:
    assert checker.check(reply, message).label is label


# --- unsure, and why -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "message", "reason"),
    [
        ("Thanks.", "The lights flicker on level 3.", UnsureReason.COURTESY_ONLY),
        (CAMERAS, None, UnsureReason.MESSAGE_MISSING),
        ("😀", "The lights flicker on level 3.", UnsureReason.OUT_OF_DOMAIN),
        (
            "Vielen Dank für Ihre Nachricht, die Öffnungszeiten wurden leider im Frühjahr gekürzt.",
            "The hours are bad.",
            UnsureReason.OUT_OF_DOMAIN,
        ),
        (
            "def main():\n    parser = argparse.ArgumentParser()\n    for x in range(10):\n        print(x ** 2, xs[i:j])",
            None,
            UnsureReason.OUT_OF_DOMAIN,
        ),
    ],
)
def test_unsure_says_why(checker: Checker, reply: str, message: str | None, reason: UnsureReason) -> None:
    assert checker.check(reply, message).unsure_reason is reason


def test_no_message_no_kind(checker: Checker) -> None:
    for blank in (None, "", "  \n"):
        verdict = checker.check(CAMERAS, blank)
        assert verdict.message_kind is None
        assert verdict.message_kind_probability is None


# --- referrals that must be made -------------------------------------------------------------------------------

REFERRALS = [
    "If you might hurt yourself, please call 988 now, at any hour.",
    "Please call 999 and ask for an ambulance.",
    "You can talk to the Samaritans on 116 123, day or night.",
    "I have told our safeguarding lead, and she will ring you today.",
    "I'm a librarian, so please ask a pharmacist before you take both.",
    "This needs a person trained in law: the law centre can help, and it is free.",
    "The counselling service can see you this afternoon.",
]


@pytest.mark.parametrize("sentence", REFERRALS)
@pytest.mark.parametrize("message", ["I can't go on.", "Where can I get help?", None])
def test_a_referral_that_must_be_made_is_never_flagged(checker: Checker, sentence: str, message: str | None) -> None:
    verdict = checker.check(sentence, message)
    assert verdict.label is Label.LISTENING
    assert Move.HANDS_OVER in {s.move for s in verdict.sentences}
    assert checker.check(f"You should always contact the right office. {sentence}", message).label is Label.LISTENING


@pytest.mark.parametrize(
    "sentence",
    [
        "Please ask at the desk.",
        "Contact circulation for that.",
        "The law collection is on level 4.",
        "Our medical databases are listed online.",
        "Item 999 is on hold for you.",
        "Use the doctoral reading room.",
    ],
)
def test_other_referrals_are_not(sentence: str) -> None:
    assert not must_be_made(sentence)


# --- any text --------------------------------------------------------------------------------------------------

ODD = [
    "a", "?", "😀", "\x00", "\ud800", "שלום עולם, הספרייה פתוחה", "<b>Hi</b> <script>x</script>", "a" * 50_000, "( " * 20_000,
    "<" * 20_000, "http://" * 3000, "\n" * 10_000, "x\n" * 10_000, ". " * 20_000, "We're open. " * 5000, "\u202e" + "olleh",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_texts_get_a_verdict(checker: Checker, text: str) -> None:
    verdict = checker.check(text, text[:500])
    assert 0 <= verdict.probability <= 1
    for s in verdict.sentences:
        assert text[s.start : s.end].strip()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=120), st.none() | st.text(max_size=60)), max_size=6))
def test_one_is_a_batch_of_one_bit_for_bit(
    checker: Checker, fast: Checker, cascade: Checker, pairs: list[tuple[str, str | None]]
) -> None:
    items = [Reply(*pair) for pair in pairs]
    for engine in (checker, fast, cascade):
        assert [engine.check(item) for item in items] == engine.check_many(items)


BLANKS = st.text(" \n\t", max_size=6)
TEXT = st.one_of(
    st.text(max_size=120),
    st.lists(st.sampled_from(["Thanks for writing.", "We have a guide!", "What would help?", "\n", "- ", "😀", "<b>x</b>", "Dr. Ana", "> old\n", "e.g."]), max_size=9).map(
        " ".join
    ),
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(TEXT)
def test_offsets_cut_the_original_into_exactly_its_sentences(fast: Checker, text: str) -> None:
    verdict = fast.check(text)
    left, at = "", 0
    for s in verdict.sentences:
        assert at <= s.start < s.end <= len(text)
        left += text[at : s.start]
        at = s.end
        assert verdict.cut(s) == text[s.start : s.end]
    # what stands between sentences is blank, or was masked: no word is lost
    assert not mask(left + text[at:]).strip() or not mask(text)[at:].strip()
    assert [(s.start, s.end) for s in verdict.sentences] == sentence_spans(mask(text))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 400),
    BLANKS,
    st.sampled_from(["", "\n\n> you wrote\n> this", "\n\nOn 3 May A. Reader wrote:\nold words"]),
)
def test_neither_blanks_around_nor_quoted_mail_below_change_anything(
    fast: Checker, training: list[Example], which: int, blanks: str, quoted: str
) -> None:
    e = training[which]
    bare = fast.check(e.reply.strip(), e.patron_message)
    if ">" in e.reply or "wrote:" in e.reply or "From:" in e.reply:
        return
    more = fast.check(e.reply.strip() + blanks + quoted, e.patron_message)
    assert more.probability == bare.probability
    assert more.sentences == bare.sentences


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 400), st.sampled_from(REFERRALS), st.booleans())
def test_a_referral_that_must_be_made_is_not_flagged_in_any_company(
    fast: Checker, training: list[Example], which: int, referral: str, first: bool
) -> None:
    e = training[which]
    text = f"{referral}\n\n{e.reply}" if first else f"{e.reply.strip()}\n\n{referral}"
    assert fast.check(text, e.patron_message).label is Label.LISTENING


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["", "Hello,", "Hi Ana,"]),
    st.sampled_from(["Thank you!", "Thanks so much for writing.", "Cheers for this"]),
    st.sampled_from(["", "Take care!", "Have a nice day!"]),
    st.sampled_from(["", "Best wishes,\nAna", "Kind regards,"]),
)
def test_courtesy_alone_never_pushes(checker: Checker, hail: str, thanks: str, wish: str, close: str) -> None:
    verdict = checker.check("\n".join(filter(None, (hail, thanks, wish, close))), "The catalogue hides the e-books.")
    assert verdict.label is Label.LISTENING


def test_the_batch_an_item_stands_in_does_not_matter_to_a_single_bit(
    checker: Checker, fast: Checker, cascade: Checker, training: list[Example]
) -> None:
    items = [e.as_reply for e in training[:120]] + [Reply(e.reply) for e in training[:40]]
    for engine in (checker, fast, cascade):
        assert [engine.check(i) for i in items] == engine.check_many(items)


def test_a_cascade_asks_the_deep_engine_only_where_the_fast_one_is_not_sure(
    checker: Checker, fast: Checker, cascade: Checker, dev: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    items = [e.as_reply for e in dev[:200]]
    read: list[tuple[str, str]] = []
    encode = cascade.engine.encode

    def reads(batch: Batch, replies: Sequence[str], messages: Sequence[str]) -> Encoded | None:
        read.extend(zip(replies, messages, strict=True))
        return encode(batch, replies, messages)

    monkeypatch.setattr(cascade.engine, "encode", reads)
    found = cascade.check_many(items)
    quick, slow = fast.check_many(items), checker.check_many(items)
    kept = [i for i, item in enumerate(items) if (item.text, item.patron_message or "") not in read]
    assert len(items) / 2 < len(kept) < len(items)
    for i, verdict in enumerate(found):
        assert verdict.threshold == checker.engine.threshold_
        assert verdict.model_version == f"{checker.model_version}+cascade"
        same = quick[i] if i in kept else slow[i]
        assert (verdict.probability, verdict.sentences, verdict.reasons) == (
            same.probability,
            same.sentences,
            same.reasons,
        )
        assert verdict.label is same.label
    for i in kept:
        assert not quick[i].unsure


def test_a_cascade_needs_both_engines(fast: Checker) -> None:
    with pytest.raises(UsageError, match="both engines"):
        Cascade(fast.engine, "x")


def test_reasons_are_not_needed_for_the_verdict(checker: Checker, training: list[Example]) -> None:
    items = [e.as_reply for e in training[:60]]
    without = checker.check_many(items, reasons=False)
    assert [replace(v, reasons=()) for v in checker.check_many(items)] == without


def test_reasons_lie_in_the_text_and_point_to_the_label(checker: Checker, training: list[Example]) -> None:
    verdicts = checker.check_many([e.as_reply for e in training[:200]])
    seen = 0
    for v in verdicts:
        spans = {(s.start, s.end) for s in v.sentences}
        for r in v.reasons:
            seen += 1
            assert (r.start, r.end) in spans
            assert (r.weight > 0) == (v.label is Label.PUSHING)
            assert r.move.side is not Side.COURTESY or v.unsure or abs(r.weight) > 0
    assert seen > 100


def test_a_reason_is_what_leaving_the_sentence_out_changes(checker: Checker) -> None:
    text = "Our catalogue is considered easy to use by most readers. You can find guides on our website."
    verdict = checker.check(text, "The catalogue hides the e-books.")
    batch, judged = checker.judge([Reply(text, "The catalogue hides the e-books.")])
    reason = verdict.reasons[0]
    s = next(i for i in range(batch.sentences) if batch.start[i] == reason.start)
    rest = np.array([i for i in range(batch.sentences) if i != s])
    without, _ = checker.engine.weigh(
        judged.tagged[:, rest], judged.read[rest], judged.words[rest], batch.sentence_text[rest], judged.kind
    )
    assert reason.weight == pytest.approx(verdict.probability - without[0], abs=1e-6)


def test_added_courtesy_does_not_turn_the_label(checker: Checker, training: list[Example]) -> None:
    items = [e for e in training if e.patron_message][:150]
    plain = checker.check_many([Reply(e.reply, e.patron_message) for e in items])
    polite = checker.check_many(
        [Reply(f"Hello,\n\n{e.reply.strip()}\n\nBest wishes,\nAna", e.patron_message) for e in items]
    )
    turned = sum(a.label is not b.label for a, b in zip(plain, polite, strict=True) if not (a.unsure or b.unsure))
    assert turned <= 1


def test_what_is_not_text_is_refused(checker: Checker) -> None:
    with pytest.raises(UsageError, match="must be text, found int"):
        checker.check_many([Reply(3)])  # type: ignore[arg-type]


def test_nothing_in_nothing_out(checker: Checker) -> None:
    assert checker.check_many([]) == []


def test_advice_is_tied_to_sentences_and_only_given_where_it_helps(checker: Checker) -> None:
    pushed = checker.check(
        "Unfortunately library hours are set by policy and published on our website.", "Sunday closing hurts."
    )
    heard = checker.check(
        "I've asked Sam to mend it and I'll write to you on Friday.", "The lamp at my desk is broken again!"
    )
    assert pushed.advice
    assert heard.advice == ()
    spans = {(s.start, s.end) for s in pushed.sentences}
    assert {(a.start, a.end) for a in pushed.advice if a.start is not None} <= spans
    assert all(a.citation and a.question and a.suggestion for a in pushed.advice)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Merci pour votre message. Nous avons transmis votre demande au service et nous vous répondrons.", "language"),
        ("def f(x):\n    return [y for y in x if y > 3]\n\nfor i in range(10):\n    print(f(i), end='')", "code"),
        ("Heat the oven to 180 degrees. Whisk four eggs and the sugar until pale, fold in the flour, bake for half an hour.", "nobody"),
        ("The central bank raised interest rates by a quarter point on Thursday, citing stubborn inflation in services and a tight labour market.", "nobody"),
        ("SPRING NEWS\n\nNew this month: story time every Tuesday at 10. Meet the author: join us for an evening with Ida Moss on 4 May. "
         "Book club picks: our top ten. Our makerspace has a new laser cutter. Follow us on social media!", "newsletter"),
        ("??? !!!", "no words"),
    ],
)  # fmt: skip
def test_what_is_no_reply_is_called_out_of_domain(checker: Checker, text: str, said: str) -> None:
    verdict = checker.check(text)
    assert verdict.unsure_reason is UnsureReason.OUT_OF_DOMAIN
    assert said in verdict.unsure_detail


def test_replies_of_other_writers_are_in_domain(checker: Checker, data: Path) -> None:
    examples = read_split(data, "dev")
    verdicts = checker.check_many([e.as_reply for e in examples], reasons=False)
    strange = [v for v in verdicts if v.unsure_reason is UnsureReason.OUT_OF_DOMAIN]
    assert len(strange) <= 0.03 * len(examples)
