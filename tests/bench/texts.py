"""The texts that everything is measured on: replies of the corpus, and longer or shorter ones made of its sentences."""

from __future__ import annotations

import random
from functools import cache

from replycheck.corpus import Example, read_split
from replycheck.reply import Reply
from replycheck.settings import shipped


@cache
def examples(split: str) -> list[Example]:
    """The replies of a split that readers agree on."""
    return [e for e in read_split(shipped("data"), split) if not e.contested]


@cache
def sixty() -> list[Reply]:
    """Replies of 55 to 65 words, with the messages they answer."""
    found = [*examples("train"), *examples("dev")]
    return [e.as_reply for e in found if 55 <= len(e.reply.split()) <= 65]


def alone(replies: list[Reply]) -> list[Reply]:
    """The same replies without their messages."""
    return [Reply(r.text) for r in replies]


def made_up(count: int, words: int, seed: int = 0) -> list[Reply]:
    """Replies of exactly so many words, without messages: sentences of the corpus drawn at random, one after the other, the last cut."""
    drawn = random.Random(seed)
    sentences = [e.reply[s.start : s.end].split() for e in examples("train") for s in e.sentences]
    found = []
    for _ in range(count):
        reply: list[str] = []
        while len(reply) < words:
            reply += drawn.choice(sentences)
        found.append(Reply(" ".join(reply[:words])))
    return found


def strings(replies: list[Reply]) -> list[str]:
    """Every text that judging these replies reads: messages, then replies."""
    return [*(r.patron_message for r in replies if r.patron_message), *(r.text for r in replies)]
