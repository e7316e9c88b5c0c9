"""What a run is, and what it answers."""

from __future__ import annotations

from replycheck.conversation import Conversation, Message, Role
from replycheck.runs import runs, staff_numbers, written_alone


def chat(*lines: str) -> Conversation:
    """`P: …`, `S: …` (or `S2: …`), `B: …`, `Y: …` → a conversation."""
    roles = {"P": Role.PATRON, "S": Role.STAFF, "B": Role.BOT, "Y": Role.SYSTEM}
    parts = [line.partition(": ") for line in lines]
    return Conversation("c1", tuple(Message(roles[who[0]], text, who) for who, _, text in parts), "made up")


def test_a_run_is_all_that_staff_write_between_two_patron_messages() -> None:
    found = runs(
        chat(
            "P: hi",
            "P: the printer ate my card",
            "S: oh no",
            "S: which one?",
            "P: the one by the stairs",
            "S: on my way",
        )
    )
    assert [(r.number, r.text, r.patron) for r in found] == [
        (1, "oh no\nwhich one?", "hi\nthe printer ate my card"),
        (2, "on my way", "the one by the stairs"),
    ]


def test_bots_system_lines_and_blanks_neither_belong_to_a_run_nor_end_it() -> None:
    found = runs(
        chat("P: help", "B: I am a robot", "S: one moment", "Y: Priya joined", "S:  ", "S: found it", "B: rate us")
    )
    assert [r.text for r in found] == ["one moment\nfound it"]


def test_staff_who_speak_first_answer_nothing() -> None:
    first, second = runs(chat("S: Welcome to the library!", "P: hello, are you open?", "S: till nine"))
    assert (first.patron, second.patron) == (None, "hello, are you open?")


def test_a_concern_goes_on_after_a_short_answer_and_ends_at_thanks_or_a_question() -> None:
    found = runs(
        chat(
            "P: my loan was renewed without asking me and now I owe ten euros",
            "S: shall I look?",
            "P: yes please",
            "S: done",
            "P: thanks!",
            "S: welcome",
            "P: open Sunday?",
            "S: yes",
        )
    )
    concern = "my loan was renewed without asking me and now I owe ten euros"
    assert [r.patron for r in found] == [concern, f"{concern}\nyes please", "thanks!", "open Sunday?"]


def test_short_answers_do_not_pile_up() -> None:
    lines = ["P: the lift has been out for a whole month now"]
    for _ in range(50):
        lines += ["S: is it still so?", "P: yes"]
    assert max(len(r.patron or "") for r in runs(chat(*lines, "S: noted"))) < 60


def test_staff_are_numbered_afresh() -> None:
    found = runs(chat("P: hi", "S7: hello", "S3: me too", "P: and?", "S3: still here", "P: ok", "S7: bye"))
    assert staff_numbers(found) == ["1 2", "2", "1"]


def test_replies_alone() -> None:
    assert written_alone(chat("S: We open at nine."))
    assert not written_alone(chat("P: when?", "S: at nine"))
    assert runs(chat()) == []
