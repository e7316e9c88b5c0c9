"""Only sentences with a word that triggers it are looked at for a referral that must be made; none may be missed for that."""

from __future__ import annotations

import numpy as np

from replycheck.corpus import Example
from replycheck.features import Tokens
from replycheck.referral import must_be_made, referrals
from replycheck.text import make_nlp

WRITTEN = """Go to A&E now.|Please go to A & E.|go to a &e, please|Call A& E!|(A&E) is open: call them.|Ring A&E's desk|is A&E open?|Please see a G.P.
see your GP.|Call 9-8-8.|call 116 123|Please ring 116123|ask a pharmacist!|Speak to a Citizens' Advice adviser|Call NHS 111|call an ambulance"""


def test_no_referral_is_missed_for_want_of_a_trigger(training: list[Example]) -> None:
    texts = [*(e.reply for e in training), *WRITTEN.replace("\n", "|").split("|")]
    batch = Tokens(make_nlp()).batch(texts)
    looked_at_all = [
        must_be_made(texts[t][a:b]) for t, a, b in zip(batch.sentence_text, batch.start, batch.end, strict=True)
    ]
    assert sum(looked_at_all) > 30
    assert np.flatnonzero(referrals(batch, texts) != looked_at_all).tolist() == []


def test_the_end_of_a_large_number_is_no_emergency() -> None:
    counted = [
        "It's about 2,000 items; please ask.",
        "The limit is 10,000 a week, tell them.",
        "There is room for 10 000.",
    ]
    assert not any(map(must_be_made, counted))
    assert all(
        map(must_be_made, ["Please call 000 now.", "Ring 112.", "If it is urgent, call 999, please.", "Ring 24/7 999."])
    )
