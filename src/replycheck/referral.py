"""Referrals that must be made: emergency help, crisis lines, safeguarding, medical and legal advice.

Fourth step of the walk, before the move tagger: codebook rule 6 says such a sentence is `hands_over` and is never
flagged, so this is a rule that can be read and checked, not something learned.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from replycheck.features import Batch, hash_word

_PLACES = (
    r"\b(?:(?:call|ring|dial|text|phone|contact|is|it's)\b[^.!?]{0,25}\b(?<!(?<!/)\d[ ,.])(?:911|999|112|000|988|9-8-8)(?![,.]\d)|116 ?123|13 11 14|samaritans|childline|lifeline|crisis (?:line|text|team|cent(?:re|er))|suicide (?:prevention|line)"
    r"|emergency (?:services?|department|room|number)|ambulance|a\s?&\s?e\b|poison (?:control|cent(?:re|er)|line)|safeguarding|child protection"
    r"|domestic (?:abuse|violence)|women'?s (?:refuge|shelter)|rape crisis|campus police|(?:the|your) police|duty counsell?or|counsell?ing (?:service|team|cent(?:re|er))"
    r"|(?:see|speak (?:to|with)|talk (?:to|with)|ask|ring|call|contact|consult) (?:a|an|your|the) (?:doctor|gp|g\.p\.|nurse|pharmacist|physician|midwife|therapist"
    r"|solicitor|lawyer|attorney|barrister|legal (?:aid|adviser|advisor|clinic))"
    r"|legal (?:aid|clinic|advice (?:cent(?:re|er)|line|service))|citizens'? advice|law cent(?:re|er)|nhs 111|call 111)\b"
)
_SENDS = (
    r"\b(?:call|ring|dial|text|phone|speak|talk|go|see|contact|reach|ask|consult|report|tell|told|rang|called|walk|get|is there|are there|can help"
    r"|please|advice|open|answer\w*|number|on)\b"
)
_PLACE = re.compile(_PLACES, re.I)
_SEND = re.compile(_SENDS, re.I)
_TRIGGERS = np.zeros(1 << 16, dtype=bool)
"""Whether a sentence with a word of this hash (its low bits) is looked at: without such a word no pattern matches."""
_TRIGGERS[
    [
        hash_word(word) & 0xFFFF
        for word in """911 999 112 000 988 9 116 116123 13 samaritans childline lifeline crisis suicide emergency ambulance e e. a&e
        poison safeguarding child domestic women refuge shelter rape police counsellor counselor counselling counseling doctor
        gp g.p. nurse pharmacist physician midwife therapist solicitor lawyer attorney barrister legal citizens citizen law nhs
        """.split()
    ]
] = True


def must_be_made(sentence: str) -> bool:
    """Whether the sentence refers somebody to help that a library worker may not replace."""
    sentence = sentence[:2000]
    return bool(_PLACE.search(sentence) and _SEND.search(sentence))


def referrals(batch: Batch, texts: Sequence[str]) -> NDArray[np.bool_]:
    """(sentences,) which sentences of a batch are referrals that must be made."""
    found = np.zeros(batch.sentences, dtype=bool)
    for s in np.unique(batch.token_sentence[_TRIGGERS[batch.word & 0xFFFF]]):
        found[s] = must_be_made(texts[batch.sentence_text[s]][batch.start[s] : batch.end[s]])
    return found
