"""Personal data is replaced, other words are not, and no text makes it slow."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from replycheck.cli import app
from replycheck.conversation import Conversation, Message, Role
from replycheck.errors import UnreadableInput
from replycheck.privacy import Deidentifier, for_conversation, names, patterns
from replycheck.privacy.measure import KINDS, LINES, RECALL, measure, read_lines, record

SIZE = 100_000
LIMIT = 0.5
"""Seconds that a text of 100 KB may take a rule here: ten times what it takes, so that a busy machine fails nothing."""

clean = Deidentifier().clean


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("", ""),
        ("My card is 21234009876541.", "My card is [number]."),
        ("student no. S3317841, thanks", "student no. [number], thanks"),
        ("write to a.b+c@lib.example.ac.uk now", "write to [email] now"),
        ("ana (at) example dot org", "[email]"),
        ("ring 212-555-0142 x9, or +44 20 7946 0018", "ring [phone], or [phone]"),
        ("from 192.0.2.7 and 2001:db8::7 at 14:02:11", "from [ip] and [ip] at 14:02:11"),
        ("198.51.100.0/24 is a range", "198.51.100.0/24 is a range"),
        ("see https://lib.example.edu/hours.", "see https://lib.example.edu/hours."),
        ("see https://lib.example.edu/me?user=ana4 please", "see [url] please"),
        ("netid: abc1234 fails; abc1234 again", "netid: [username] fails; [username] again"),
        ("DOB 3/4/1999, due 3/4/2024", "DOB [date of birth], due 3/4/2024"),
        ("at 14 Larkspur Lane, Apt 3, Leeds LS6 1AB please", "at [address] please"),
        ("i live at 42 mill lane, can you post it", "i live at [address], can you post it"),
        ("she stayed in 4 hotels on the way", "she stayed in 4 hotels on the way"),
        ("my name is oluwakemi adeyinka and", "my name is [name] and"),
        ("Hi Marta, thanks", "Hi [name], thanks"),
        ("Best,\nGrace", "Best,\n[name]"),
        ("Marta's book", "[name]'s book"),
        ("will you mark it in May? Grace period?", "will you mark it in May? Grace period?"),
        (
            "QA76.73.P98 L88 2019, ISBN 978-0-306-40615-7, room 214",
            "QA76.73.P98 L88 2019, ISBN 978-0-306-40615-7, room 214",
        ),
        ("1899-1925, £12.40, 1,402,112,000 and 3.14159265", "1899-1925, £12.40, 1,402,112,000 and 3.14159265"),
        ("HIST 4402, vol. 12, pp. 211-219, doi:10.1000/182", "HIST 4402, vol. 12, pp. 211-219, doi:10.1000/182"),
    ],
)
def test_what_is_replaced_and_what_is_kept(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned
    assert clean(cleaned) == cleaned


def test_known_names_go_in_any_case_and_words_that_are_names_only_where_they_are_meant() -> None:
    known = Deidentifier(["Quist, Bartholomew", "Will Tanaka", "m.okafor", "Kovač"])
    assert known.clean("quist told BARTHOLOMEW; kovac's list") == "[name] told [name]; [name]'s list"
    assert known.clean("Will, will you be there? will tanaka will.") == "[name], will you be there? [name] will."
    assert known.clean("m.okafor joined") == "[name] joined"


def test_a_conversation_gives_the_names_that_its_metadata_speakers_and_greetings_hold() -> None:
    talk = Conversation(
        "1",
        (
            Message(Role.PATRON, "hi, my name is zebulonia and it fails", "Guest 81", datetime.now(UTC)),
            Message(Role.STAFF, "Hi, Tamsinda here. What does it say?", "Access Services"),
        ),
        "made-up.csv",
        department="Access Services",
        names=frozenset({"Corvina Ashdown"}),
    )
    known = for_conversation(talk)
    assert known.clean("zebulonia asked corvina") == "[name] asked [name]"
    assert known.clean("Please ask Access Services as a guest.") == "Please ask Access Services as a guest."


PIECES = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        "Hi Dear Thanks Marta Will May Okonkwo my name is I'm from Mr. Dr . , ? ! \n - -- or and ' 's [name] [phone] [ ] card ID "
        "number 1 12 2019 5550142 21234009876541 3/4/1999 born DOB a@b.example 192.0.2.1 :: www.example.org/~a ?u= 14 Oak Street Apt Flat "
        "PO Box rue de LS6 1AB user name netid ab1234 abc1d @handle £ 12.40 ISBN 978-0-306-40615-7 Regards Best , A. K. the of".split(
            " "
        )
    ),
)


@given(
    st.lists(PIECES, max_size=25), st.lists(st.sampled_from(["Will", "Marta Kovač", "m.okafor", "name"]), max_size=2)
)
@settings(deadline=None, max_examples=150)
def test_cleaning_twice_changes_nothing(pieces: list[str], known: list[str]) -> None:
    deidentifier = Deidentifier(known)
    for text in (" ".join(pieces), "".join(pieces)):
        once = deidentifier.clean(text)
        assert deidentifier.clean(once) == once
        assert deidentifier.clean_many([text, once]) == [once, once]


@given(st.text(max_size=80))
@settings(deadline=None, max_examples=100)
def test_spans_are_in_order_inside_the_text_and_never_overlap(text: str) -> None:
    at = 0
    for span in Deidentifier(["Ana"]).find(text):
        assert at <= span.start < span.end <= len(text)
        at = span.end


HOSTILE = [
    "a",
    "1",
    "1 ",
    "1-",
    "(1)",
    "a@a.",
    "1.1.1.1 ",
    "::",
    "http://a?",
    "[name]",
    "[",
    "Aa ",
    "Aa-",
    "1 Aa ",
    "my name is ",
    "\n",
    "A. ",
]
HOSTILE += [
    "card number number ",
    "born on on ",
    "May ",
    "user name is ",
    "ab1234 ",
    "a (at) a dot ",
    "Aa or ",
    "Flat 1 ",
    "12 Rue Aa ",
    "1 Aa, ",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_no_text_makes_a_rule_slow(piece: str) -> None:
    text = (piece * SIZE)[:SIZE]
    for pattern in [r.pattern for r in patterns.RULES] + names.CUES:
        began = time.perf_counter()
        for _ in pattern.finditer(text):
            pass
        assert time.perf_counter() - began < LIMIT, pattern.pattern


@pytest.mark.parametrize("piece", ["1 Aa ", "user name is ", "PO Box 1, Aa", "Aa or "])
def test_time_grows_with_length_and_not_faster(piece: str) -> None:
    def seconds(size: int) -> float:
        text, best = (piece * size)[:size], 9.0
        for _ in range(3):
            began = time.perf_counter()
            clean(text)
            best = min(best, time.perf_counter() - began)
        return best

    clean(piece)
    assert seconds(32_000) < 12 * seconds(8_000)


def test_the_record_that_reports_quote_is_current_and_reaches_what_it_must(data: Path) -> None:
    current = record(data / "privacy")
    assert json.loads((data / "privacy" / RECALL).read_text(encoding="utf-8")) == current
    assert current["dev"]["lines"] + current["test"]["lines"] >= 300
    for half in ("dev", "test"):
        assert set(current[half]["recall"]) >= set(KINDS)
        assert current[half]["recall"]["known name"]["share"] >= 0.99
        assert current[half]["recall"]["other name"]["share"] >= 0.9
        assert current[half]["other_words"]["share"] <= 0.02


def test_a_half_found_span_is_missed_and_a_replaced_word_outside_is_counted(tmp_path: Path) -> None:
    line = {"id": "x", "half": "dev", "text": "ask Marta Smiley-Quark about Tomasz", "known": []}
    file = tmp_path / LINES
    file.write_text(
        json.dumps(line | {"spans": [{"start": 0, "end": 9, "kind": "other name"}]}) + "\n", encoding="utf-8"
    )
    figures = measure(read_lines(file))
    assert figures["recall"]["other name"] == {"spans": 1, "found": 0, "share": 0.0}
    assert figures["other_words"]["replaced"] >= 1


@pytest.mark.parametrize(
    ("change", "why"),
    [({"half": "x"}, "unknown half"), ({"spans": [{"start": 0}]}, "not a line"), ({"text": 3}, "not a line")],
)
def test_a_line_that_breaks_the_format_is_named(tmp_path: Path, change: dict[str, object], why: str) -> None:
    line = {"id": "x", "half": "dev", "text": "hello", "known": [], "spans": [{"start": 0, "end": 5, "kind": "phone"}]}
    file = tmp_path / LINES
    file.write_text(json.dumps(line) + "\n" + json.dumps(line | change) + "\n", encoding="utf-8")
    with pytest.raises(UnreadableInput, match=f"row 2: .*{why}"):
        read_lines(file)


def test_the_command_prints_the_record_and_writes_it_only_when_asked(tmp_path: Path, data: Path) -> None:
    folder = tmp_path / "privacy"
    folder.mkdir()
    (folder / LINES).write_bytes((data / "privacy" / LINES).read_bytes())
    said = CliRunner().invoke(app, ["evaluate-privacy", "--data", str(tmp_path)])
    assert json.loads(said.output) == record(folder)
    assert not (folder / RECALL).exists()
    CliRunner().invoke(app, ["evaluate-privacy", "--data", str(tmp_path), "--write"])
    assert (folder / RECALL).read_text(encoding="utf-8") == said.output
