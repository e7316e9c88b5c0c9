"""Conversations of a made-up library, drawn from a few written by hand; what several tests of the audit share."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from replycheck.conversation import Conversation, Message, Role, Unread
from replycheck.transcripts import Counts

STAFF = ("Marguerite Okonjo", "Tobias Fenwick-Hale", "p.lindqvist")
PATRONS = ("Zephyrine Adair", "Kwabena Thistlewood", "guest_qx81")
MACRO = "You can find all of this and much more in our exciting online guides!"
OPENING = "Hello and welcome to Ask Harrow Lane, somebody will read this soon!"

TALKS: tuple[tuple[tuple[str, str], ...], ...] = (
    (
        ("P", "the catalogue hides the e-books, I gave up after an hour"),
        ("S", "An hour is awful. Which title were you after, so that I can see what it showed you?"),
        ("P", "the nursing one by Alder"),
        ("S", "I see it too: the link is broken. I've told our systems person and will write to you by Friday."),
    ),
    (
        ("P", "My students can't film their projects, they've nothing to film on."),
        ("S", "Come and discover the cameras at our tech desk! We also offer workshops, tripods and a studio."),
    ),
    (
        ("P", "Do you lend cameras?"),
        ("S", "Yes, for three days, at the desk on level 1."),
        ("P", "thanks!"),
        ("S", "You're welcome!"),
    ),
    (
        ("P", "it is freezing on the fourth floor, I can't hold my pen"),
        ("S", "Please submit a ticket to facilities using the online form."),
        ("P", "I did that twice, nobody answers"),
        ("S", "Twice and no answer is not right. I'm ringing them now and will tell you what they say."),
    ),
    (
        ("P", "why was my hold cancelled without a word"),
        ("S", "Holds expire after seven days, as stated in our policy. Most people find the reminders sufficient."),
    ),
    (
        ("P", "what time do you close on sunday"),
        ("S", "At six. Have you seen our new app? It shows hours, events and more!"),
    ),
)


def library(n: int, seed: int = 1) -> list[Conversation]:
    """`n` conversations with everything in their metadata that must not be written."""
    rng = random.Random(seed)
    found = []
    for i in range(n):
        staff, patron = rng.choice(STAFF), rng.choice(PATRONS)
        who = {"P": (Role.PATRON, patron), "S": (Role.STAFF, staff), "B": (Role.BOT, "bot")}
        lines = list(rng.choice(TALKS))
        if rng.random() < 0.4:
            lines.insert(1, ("S", OPENING))
        if rng.random() < 0.3:
            lines.append(("S", MACRO))
        if rng.random() < 0.1:
            lines.insert(0, ("B", "Hi, I'm the library robot."))
        at = datetime(2025, 1, 1, 8) + timedelta(days=rng.randrange(200), hours=rng.randrange(12), minutes=7)
        messages = [Message(*who[w][:1], text, who[w][1], at) for w, text in lines]
        messages.append(
            Message(Role.SYSTEM, f"{patron} <{patron[:4].strip()}@example.edu> left the chat", "system", at)
        )
        found.append(
            Conversation(
                f"chat-id-{i}-8841",
                tuple(messages),
                "export.csv",
                i + 2,
                at,
                department=rng.choices(["Main desk", "Law", "=cmd|' /C calc'!A0", "Attic"], [50, 40, 20, 1])[0],
                tags=tuple(rng.sample(["printing", "e-books", "rooms"], rng.randrange(3))),
                rating=rng.choice([None, 0, 4]),
                wait=rng.choice([None, 5.0, 400.0]),
                names=frozenset({staff, patron}),
            )
        )
    return found


class Library:
    """Stands in for a reading of files: gives conversations, as `replycheck.transcripts.open_reading` does."""

    def __init__(self, items: Sequence[Conversation | Unread]) -> None:
        self.items = items
        self.counts = Counts()

    def conversations(self) -> object:
        """The conversations and what could not be read, in order."""
        return iter(self.items)


def export(folder: Path) -> Path:
    """A file to take a fingerprint of."""
    path = folder / "export.csv"
    path.write_text("any\n" * 500)
    return path
