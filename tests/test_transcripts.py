"""Exports in, conversations out: every format's example, every trap that the formats are known for, and bad input of every kind."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import zipfile
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from replycheck.conversation import Conversation, Role, Unread
from replycheck.errors import UsageError
from replycheck.transcripts import FORMATS, open_reading, read, rows, sources, understand

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "data" / "examples" / "transcripts"
HEAD = "Chat ID,Timestamp,Answerer,Department,Tags,Initial Question,Transcript\n"


def split(paths: list[Path], **options: object) -> tuple[list[Conversation], list[Unread]]:
    found = list(read(paths, **options))  # type: ignore[arg-type]
    return [f for f in found if isinstance(f, Conversation)], [f for f in found if isinstance(f, Unread)]


def one(path: Path, **options: object) -> Conversation:
    conversations, unread = split([path], **options)
    assert unread == []
    assert len(conversations) == 1
    return conversations[0]


def said(conversation: Conversation) -> list[tuple[Role, str]]:
    return [(m.role, m.text) for m in conversation.messages]


def roles(conversation: Conversation) -> list[Role]:
    return [m.role for m in conversation.messages]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def libchat(transcript: str, **cells: str) -> str:
    row = {
        "id": "7",
        "time": "2025-01-02 10:00:00",
        "who": "Jordan Pike",
        "room": "Main",
        "tags": "",
        "question": "",
        "transcript": transcript,
    } | cells
    return HEAD + ",".join('"' + v.replace('"', '""') + '"' for v in row.values()) + "\n"


P, S, B, SYS = Role.PATRON, Role.STAFF, Role.BOT, Role.SYSTEM


# --- the examples ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_each_example_is_recognised_and_read_whole(name: str) -> None:
    found = understand([EXAMPLES / FORMATS[name].example])
    assert {f.format for f in found.files} == {name}
    assert found.counts.unread == found.counts.duplicates == found.counts.stray_lines == 0
    assert found.counts.by_role[P] > 0
    assert found.counts.by_role[S] > 0


def test_the_examples_together_hold_what_an_audit_needs() -> None:
    conversations, unread = split([EXAMPLES])
    assert unread == []
    assert len(conversations) >= 60
    assert len({c.messages[0].text for c in conversations}) >= 60
    assert {c.channel for c in conversations} == {"chat", "sms", "email", "ticket"}
    messages = [m for c in conversations for m in c.messages]
    assert {m.role for m in messages} == set(Role)
    assert not [m for m in messages if "<br" in m.text or "&#" in m.text or "\r" in m.text]
    several = [c for c in conversations if len({m.speaker for m in c.messages if m.role is S}) > 1]
    assert len(several) >= 3
    dates = [{m.time.date() for m in c.messages if m.time} for c in conversations if c.channel == "chat"]
    assert sum(len(d) == 2 for d in dates) >= 2
    assert all(m.time is None or m.time.year == 2025 for m in messages)


def test_reading_twice_gives_the_same_in_the_same_order() -> None:
    assert list(read([EXAMPLES])) == list(read([EXAMPLES]))


def test_a_folder_given_twice_is_read_once() -> None:
    reading = open_reading([EXAMPLES, EXAMPLES / "libchat.csv"])
    assert len(list(reading.conversations())) == reading.counts.conversations == len(split([EXAMPLES])[0])
    assert reading.counts.duplicates == 0


# --- LibChat -----------------------------------------------------------------------------------------------------


def test_a_chat_goes_on_past_midnight_and_may_begin_before_its_timestamp(tmp_path: Path) -> None:
    text = "23:59:58 - Patron : still open?\n00:00:20 - Jordan Pike : Until one.\n00:01:00 - Patron : ok"
    chat = one(write(tmp_path / "a", libchat(text, time="2025-01-03 00:00:05")))
    assert [m.time for m in chat.messages] == [
        datetime(2025, 1, 2, 23, 59, 58),
        datetime(2025, 1, 3, 0, 0, 20),
        datetime(2025, 1, 3, 0, 1, 0),
    ]


def test_slashed_dates_are_read_the_way_that_all_of_the_file_allows(tmp_path: Path) -> None:
    rows = [
        f'{i},{day}/03/2025 10:00,Jo,Main,,,"10:00:01 - Patron : hi {i}\n10:00:09 - Jo : yes"'
        for i, day in ((1, "04"), (2, "25"))
    ]
    conversations, _ = split([write(tmp_path / "a", HEAD + "\n".join(rows) + "\n")])
    assert [c.started for c in conversations] == [datetime(2025, 3, 4, 10), datetime(2025, 3, 25, 10)]


@pytest.mark.parametrize(
    ("lines", "speaker"),
    [
        ("10:00:00 - Patron : a\n10:00:05 - Main: Ask Us : b: c", "Main: Ask Us"),
        ("10:00:00 - Patron: a\n10:00:05 - Main: Ask Us: b: c", "Main: Ask Us"),
        ("10:00:00 - Patron: a\n10:00:05 - Ref - Night: b: c", "Ref - Night"),
        ("10:00 - Patron: a\n10:01 - Jordan Pike: b: c", "Jordan Pike"),
    ],
)
def test_a_speakers_name_may_hold_a_colon_or_a_dash(tmp_path: Path, lines: str, speaker: str) -> None:
    room = speaker if speaker != "Jordan Pike" else "Main"
    chat = one(write(tmp_path / "a", libchat(lines, room=room)))
    assert [(m.role, m.speaker, m.text) for m in chat.messages] == [(P, "Patron", "a"), (S, speaker, "b: c")]


def test_an_unknown_name_with_a_colon_is_seen_from_its_other_lines(tmp_path: Path) -> None:
    lines = "10:00:00 - Ann: help\n10:00:05 - Desk: East: hello\n10:00:09 - Ann: hm\n10:00:11 - Desk: East: try: this"
    chat = one(write(tmp_path / "a", libchat(lines, who="", room="")))
    assert [(m.speaker, m.text) for m in chat.messages][1::2] == [("Desk: East", "hello"), ("Desk: East", "try: this")]


def test_html_entities_links_and_lines_of_one_message(tmp_path: Path) -> None:
    lines = (
        '10:00:00 - Zoe : it&#x27;s 5 &lt; 6 &amp; I love it <3\n10:00:05 - Kim : See <a href="https://x.example/a">here</a><br />'
        'or <a href="https://x.example/b">https://x.example/b</a>&nbsp;!\nsecond line\n10:20 - not a head\n10:00:30 - Zoe : thx'
    )
    chat = one(write(tmp_path / "a", libchat(lines, who="", room="")))
    assert said(chat) == [
        (P, "it's 5 < 6 & I love it <3"),
        (S, "See here (https://x.example/a)\nor https://x.example/b !\nsecond line\n10:20 - not a head"),
        (P, "thx"),
    ]


def test_who_writes_html_is_staff_even_when_speaking_first(tmp_path: Path) -> None:
    lines = "10:00:00 - Kim : I saw your note<br />about the lamp\n10:00:05 - Zoe : yes, it flickers"
    assert roles(one(write(tmp_path / "a", libchat(lines, who="", room="")))) == [S, P]


def test_whoever_answers_elsewhere_in_the_file_is_staff_here(tmp_path: Path) -> None:
    first = libchat(
        "10:00:00 - Ada : my book is gone\n10:00:05 - Jordan Pike : asking Lee\n10:00:09 - Lee Wong : found it"
    )
    second = libchat("11:00:00 - Bea : hm?\n11:00:05 - Lee Wong : yes", id="8", who="Lee Wong").removeprefix(HEAD)
    conversations, _ = split([write(tmp_path / "a", first + second)])
    assert roles(conversations[0]) == [P, S, S]


def test_a_question_asked_in_the_form_comes_first(tmp_path: Path) -> None:
    chat = one(
        write(
            tmp_path / "a", libchat("10:00:05 - Jordan Pike : Which floor?\n10:00:09 - Ann : 2", question="Cold here")
        )
    )
    assert said(chat) == [(P, "Cold here"), (S, "Which floor?"), (P, "2")]


@pytest.mark.parametrize(
    ("line", "role"),
    [
        ("10:00:01 - Library Chatbot : Try our FAQ.", B),
        ("10:00:01 - Virtual Assistant : Try our FAQ.", B),
        ("10:00:01 - Abbot : I can't log in.", P),
        ("10:00:01 - Jordan Pike : A librarian will be with you shortly.", B),
        ("10:00:01 - System : Jordan has joined the chat", SYS),
        ("10:00:01 - Ann : attached a file: a.png", SYS),
        ("10:00:01 - Ann : I attached a file last week and it is gone", P),
        ("10:00:01 - Ann : this chat was closed yesterday before I got an answer!", P),
    ],
)
def test_bots_and_system_lines_are_set_apart(tmp_path: Path, line: str, role: Role) -> None:
    chat = one(write(tmp_path / "a", libchat(f"{line}\n10:00:40 - Jordan Pike : It is on level two.", room="")))
    assert chat.messages[0].role is role


def test_a_greeting_before_the_patron_speaks_is_a_bots_and_after_it_is_staffs(tmp_path: Path) -> None:
    lines = "10:00:00 - Jordan Pike : Hi, how can I help?\n10:00:05 - Ann : too loud\n10:00:09 - Jordan Pike : Hi, how can I help?"
    assert roles(one(write(tmp_path / "a", libchat(lines)))) == [B, P, S]


def test_names_are_those_of_people_and_not_of_rooms(tmp_path: Path) -> None:
    lines = "10:00:00 - Ann Lee : hm\n10:00:05 - Main : yes\n10:00:09 - Jordan : no\n10:00:12 - Guest 4 : eh"
    assert one(write(tmp_path / "a", libchat(lines))).names == {"Ann Lee", "Jordan", "Jordan Pike"}


def test_a_workbook_of_chats_is_read_like_the_csv(tmp_path: Path) -> None:
    from openpyxl import Workbook

    book = Workbook()
    for row in (
        ["Chat ID", "Answerer", "Timestamp", "Transcript"],
        [5, "Jo", "2025-02-03 09:00", "09:00:01 - Ann : a\n09:00:05 - Jo : b"],
    ):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    assert said(one(tmp_path / "a.xlsx")) == [(P, "a"), (S, "b")]


# --- the others --------------------------------------------------------------------------------------------------


def test_libraryh3lp_as_a_table_and_as_html(tmp_path: Path) -> None:
    html = "<div><div>10:00:01 guest9: lost &amp; found?</div><div>10:00:20 kim_lib: At the desk.</div></div>"
    table = f'id,guest,protocol,queue,operator,started,wait,transcript\n4,guest9,sms,q,kim_lib,2025-01-02 10:00:00,12,"{html}"\n'
    chat = one(write(tmp_path / "a.csv", table))
    assert (chat.id, chat.channel, chat.wait, said(chat)) == (
        "4",
        "sms",
        12.0,
        [(P, "lost & found?"), (S, "At the desk.")],
    )
    assert said(one(write(tmp_path / "b.html", html))) == said(chat)


def test_the_other_consortial_layout_names_roles_before_the_address(tmp_path: Path) -> None:
    lines = "10:00:01 StudentID@192.0.2.1: hi there\n10:00:30 LibraryID@192.0.2.9: hello\nmore of it"
    cells = ["192.0.2.1", "", "p", "q", "", "", "", "op", "", "", f'"{lines}"']
    assert said(one(write(tmp_path / "a.csv", ",".join(cells) + "\n"))) == [(P, "hi there"), (S, "hello\nmore of it")]


def test_private_comments_and_notes_never_come_out() -> None:
    texts = " ".join(m.text for c in split([EXAMPLES])[0] for m in c.messages)
    assert "raise with vendor" not in texts
    assert "cookie thing again" not in texts


def test_comments_of_one_ticket_without_users(tmp_path: Path) -> None:
    comments = [
        {"author_id": a, "public": p, "html_body": t, "ticket_id": 3}
        for a, p, t in ((1, True, "<p>cold</p>"), (2, False, "x"), (2, True, "<p>why?</p>"))
    ]
    assert said(one(write(tmp_path / "a.json", json.dumps({"comments": comments})))) == [(P, "cold"), (S, "why?")]


def test_an_intercom_operator_that_sends_by_itself_is_a_bot() -> None:
    chat = next(c for c in split([EXAMPLES / "intercom.json"])[0] if c.id == "88115")
    assert roles(chat) == [B, P, S, P, S]


def test_mail_keeps_only_new_words_and_finds_threads_by_subject(tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    head = "From: {}\nTo: {}\nSubject: {}\nDate: Mon, 3 Mar 2025 1{}:00:00 +0000\nMessage-ID: <{}@x>\n\n"
    inline = "> cold\n\nYes, I feel it too.\n\n> and dark\n\nThe lamp is ordered.\n-- \nKim Wu\nHarrow Lane"
    write(
        folder / "1.eml",
        head.format("Ann <ann@a.example>", "ask@lib.example", "cold reading room", 0, 1) + "cold\nand dark",
    )
    write(
        folder / "2.eml",
        head.format("ask@lib.example", "ann@a.example", "RE: [ext] Cold reading room", 1, 2).replace("[ext] ", "")
        + inline,
    )
    chat = one(folder)
    assert said(chat) == [(P, "cold\nand dark"), (S, "Yes, I feel it too.\n\nThe lamp is ordered.")]
    assert "Kim Wu" in chat.names


def test_a_sent_folder_brings_the_quoted_question_along() -> None:
    chat = next(c for c in split([EXAMPLES / "eml"])[0] if "microfilm" in c.messages[0].text)
    assert roles(chat) == [P, S]
    assert "Milo Tanner" in chat.names


def test_staff_may_be_named_by_address_or_domain(tmp_path: Path) -> None:
    text = "From: Kim <kim@lib.example>\nTo: b@b.example\nSubject: hello there\nDate: Mon, 3 Mar 2025 10:00:00 +0000\n\nYour book is in."
    path = write(tmp_path / "a.eml", text)
    assert roles(one(path)) == [P]
    assert roles(one(path, staff=["kim@lib.example"])) == roles(one(path, staff=["@LIB.example"])) == [S]


def test_messages_of_conversations_that_are_mixed_are_put_together(tmp_path: Path) -> None:
    rows = ["conversation,speaker,text", "1,Guest,a", "2,Guest,b", "1,Librarian,c", "2,Librarian,d", "1,Guest,e"]
    conversations, _ = split([write(tmp_path / "a.csv", "\n".join(rows))])
    assert {c.id: [m.text for m in c.messages] for c in conversations} == {"2": ["b", "d"], "1": ["a", "c", "e"]}


def test_json_lines_are_a_table_too(tmp_path: Path) -> None:
    lines = [{"patron_message": "cold", "reply": "Where?"}, {"patron_message": "dark", "reply": ""}]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines)))
    conversations, unread = split([path])
    assert said(conversations[0]) == [(P, "cold"), (S, "Where?")]
    assert [(u.line, u.why) for u in unread] == [(2, "no text in reply")]


def test_plain_text_takes_no_label_for_a_speaker(tmp_path: Path) -> None:
    text = "Ann: where is it\nKim: Two places.\nNote: the second one is closed\nHours: 9-5\nAnn: thanks\nKim: sure\n"
    assert said(one(write(tmp_path / "a.txt", text)))[1] == (
        S,
        "Two places.\nNote: the second one is closed\nHours: 9-5",
    )


# --- mapping -----------------------------------------------------------------------------------------------------


def test_a_mapping_reads_what_nobody_foresaw() -> None:
    folder = ROOT / "data" / "examples" / "mapping"
    conversations, unread = split([folder / "own-format.csv"], mapping=folder / "own-format.toml")
    assert unread == []
    assert [roles(c) for c in conversations] == [[P, S, P, S], [P, S], [P, S]]
    assert conversations[0].started == datetime(2025, 3, 17, 10, 15)
    assert conversations[0].department == "Front"


def test_a_mappings_lines(tmp_path: Path) -> None:
    toml = write(
        tmp_path / "m.toml", "staff=['kim']\n[line]\npattern='(?P<speaker>\\w+)> (?P<text>.*)'\nnew_conversation='=='"
    )
    conversations, _ = split([write(tmp_path / "a.txt", "zoe> a\nb\nkim> c\n==\nzoe> d\nkim> e\n")], mapping=toml)
    assert [said(c) for c in conversations] == [[(P, "a\nb"), (S, "c")], [(P, "d"), (S, "e")]]


@pytest.mark.parametrize(
    ("toml", "part"),
    [
        ("staf = []", "'staf' is unknown"),
        ("[columns]\nspeaker = 'a'", "give text, transcript or reply"),
        ("[columns]\ntext = 'a'", "needs conversation"),
        ("[columns]\nreply = 3", "expected the name of a column"),
        ("[line]\npattern = '('", "not a regular expression"),
        ("[line]\npattern = 'a'", "needs the groups"),
        ("encoding = 'klingon'", "no encoding is called"),
        ("staff = 'Kim'", "is a list of names"),
        ("= 3", "not TOML"),
    ],
)
def test_a_wrong_mapping_is_named(tmp_path: Path, toml: str, part: str) -> None:
    with pytest.raises(UsageError, match=part):
        open_reading([EXAMPLES], mapping=write(tmp_path / "m.toml", toml))


def test_a_pattern_that_blows_up_is_refused(tmp_path: Path) -> None:
    toml = write(tmp_path / "m.toml", "[line]\npattern = '(?P<speaker>(a|aa)+)(?P<text>)$'")
    text = write(tmp_path / "a.txt", "a" * 200 + "b\n")
    with pytest.raises(UsageError, match="repetition inside a repetition"):
        list(read([text], mapping=toml))


def test_an_unknown_format_is_misuse() -> None:
    with pytest.raises(UsageError, match="no format is called"):
        open_reading([EXAMPLES], format="questionpoint")


def test_a_format_that_is_given_overrides_the_content(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "Ann: one line is too little to be sure\n")
    assert split([path])[0] == []
    assert said(one(path, format="plain")) == [(P, "one line is too little to be sure")]


# --- duplicates --------------------------------------------------------------------------------------------------


def test_overlapping_exports_give_each_chat_once(tmp_path: Path) -> None:
    a, b = (
        libchat("10:00:00 - Ann : a\n10:00:01 - Jordan Pike : b"),
        libchat("10:00:00 - Bo : c\n10:00:01 - Jordan Pike : d", id="8"),
    )
    write(tmp_path / "1.csv", a)
    write(tmp_path / "2.csv", a + b.removeprefix(HEAD))
    write(tmp_path / "3.csv", a.replace('"7"', '""'))
    reading = open_reading([tmp_path])
    assert [c.id for c in reading.conversations() if isinstance(c, Conversation)] == ["7", "8"]
    assert reading.counts.duplicates == 2
    assert sum(f.duplicates for f in understand([tmp_path]).files) == 2


def test_two_ids_of_one_system_are_two_chats_even_with_the_same_words(tmp_path: Path) -> None:
    text = "10:00:00 - Ann : a\n10:00:01 - Jordan Pike : b"
    both = libchat(text) + libchat(text, id="8").removeprefix(HEAD)
    assert [c.id for c in split([write(tmp_path / "a", both)])[0]] == ["7", "8"]


def test_the_same_short_reply_twice_is_two_replies(tmp_path: Path) -> None:
    table = "patron_message,reply\nhours?,Nine to five.\nhours?,Nine to five.\n"
    write(tmp_path / "1.csv", table)
    write(tmp_path / "2.csv", table)
    assert len(split([tmp_path])[0]) == 4


# --- bad input ---------------------------------------------------------------------------------------------------

GOOD = '{},2025-01-02 10:00,Jo,Main,,,"10:00:01 - Ann : hello {}\n10:00:09 - Jo : yes"\n'


def test_a_row_that_is_cut_off_is_listed_with_its_line(tmp_path: Path) -> None:
    whole = HEAD + GOOD.format(1, 1) + GOOD.format(2, 2) + GOOD.format(3, 3)
    conversations, unread = split([write(tmp_path / "a.csv", whole[:-12])])
    assert [c.id for c in conversations] == ["1", "2"]
    assert [(u.line, "cut off" in u.why) for u in unread] == [(6, True)]
    conversations, unread = split([write(tmp_path / "b.csv", whole[: whole.rindex("Jo,Main")])])
    assert [c.id for c in conversations] == ["1", "2"]
    assert [u.line for u in unread] == [6]


def test_a_quotation_mark_that_never_closes_costs_its_row_only(tmp_path: Path) -> None:
    broken = '2,2025-01-02 10:00,Jo,Main,,,"10:00:01 - Ann : he said oh\n10:00:09 - Jo : no, really, no\n'
    text = HEAD + GOOD.format(1, 1) + broken + GOOD.format(3, 3) + GOOD.format(4, 4)
    conversations, unread = split([write(tmp_path / "a.csv", text)])
    assert [c.id for c in conversations] == ["1", "3", "4"]
    assert [c.line for c in conversations] == [2, 6, 8]
    assert [u.line for u in unread] == [4]


def test_quotes_in_quotes_mixed_line_ends_and_nul_are_read(tmp_path: Path) -> None:
    text = (
        HEAD
        + GOOD.format(1, 'he said ""no"" \x00').replace("\n", "\r\n")
        + GOOD.format(2, "x").replace("\n", "\r")
        + GOOD.format(3, "y")
    )
    conversations, unread = split([write(tmp_path / "a.csv", text)])
    assert unread == []
    assert [c.messages[0].text for c in conversations] == ['hello he said "no"', "hello x", "hello y"]


def test_a_cell_of_five_megabytes_is_read_and_a_larger_one_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "10:00:02 - Ann : " + "word " * 200 + "\n"
    big = HEAD + GOOD.format(1, "\n" + line * (5_000_000 // len(line))) + GOOD.format(2, "")
    path = write(tmp_path / "a.csv", big)
    conversations, unread = split([path])
    assert unread == []
    assert sum(len(m.text) for m in conversations[0].messages) > 4_500_000
    monkeypatch.setattr(rows, "MAX_CELL", 2**20)
    conversations, unread = split([path])
    assert [c.id for c in conversations] == ["2"]
    assert [u.line for u in unread] == [2]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_that_say_what_they_are(tmp_path: Path, encoding: str) -> None:
    chat = one(
        write(tmp_path / "a", libchat("10:00:00 - Zoë : café 😀\n10:00:09 - Jordan Pike : oui").encode(encoding))
    )
    assert chat.messages[0].text == "café 😀"
    lines = json.dumps([{"reply": "très bien 😀"}] * 1, ensure_ascii=False)
    assert len(split([write(tmp_path / "b", lines.encode(encoding))])) == 2


def test_another_encoding_is_read_with_a_remark(tmp_path: Path) -> None:
    text = libchat("10:00:00 - Zoë : café “x”\n10:00:09 - Jordan Pike : oui")
    reading = open_reading([write(tmp_path / "a", text.encode("cp1252"))])
    (chat,) = reading.conversations()
    assert isinstance(chat, Conversation)
    assert chat.messages[0].text == "café “x”"
    assert "Windows-1252" in reading.counts.remarks[0][1]


def test_archives_are_looked_into_and_an_archive_in_an_archive_too(tmp_path: Path) -> None:
    csv = libchat("10:00:00 - Ann : a\n10:00:01 - Jordan Pike : b").encode()
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as z:
        z.writestr("c.csv", csv.replace(b'"7"', b'"9"').replace(b": a", b": aa"))
        z.writestr("d.zip", csv)
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("../../evil.csv", csv)
        z.writestr("in.zip", inner.getvalue())
        z.writestr("__MACOSX/._c.csv", b"x")
        z.writestr("deep.csv.gz", gzip.compress(csv.replace(b'"7"', b'"11"').replace(b": a", b": aaa")))
    before = set(tmp_path.parent.rglob("*"))
    conversations, unread = split([tmp_path])
    assert sorted(c.id for c in conversations) == ["11", "7", "9"]
    assert unread == []
    assert any(c.source.endswith("x.zip/../../evil.csv") for c in conversations)
    assert set(tmp_path.parent.rglob("*")) == before


def test_too_many_archives_in_each_other_are_listed(tmp_path: Path) -> None:
    raw = b"x"
    for _ in range(4):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as z:
            z.writestr("a.zip", raw)
        raw = held.getvalue()
    assert ["archive in an archive" in u.why for u in split([write(tmp_path / "a.zip", raw)])[1]] == [True]


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = b"a" * 12_000_000
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a.csv", zeros)
    write(tmp_path / "b.csv.gz", gzip.compress(HEAD.encode() + zeros))
    _, unread = split([tmp_path])
    assert [("zip bomb" in u.why or "gzip bomb" in u.why) for u in unread] == [True, True]
    monkeypatch.setattr(sources, "MAX_UNPACKED", 1000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as z:
        z.writestr("a.csv", b"x" * 2000)
    assert "refused" in split([tmp_path / "a.zip"])[1][0].why


def test_xml_that_declares_entities_is_refused(tmp_path: Path) -> None:
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE chat [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        "<chat><guest>g</guest><queue>q</queue><operator>o</operator><transcript>&b;</transcript></chat>"
    )
    conversations, unread = split([write(tmp_path / "a.xml", bomb)])
    assert conversations == []
    assert "refused" in unread[0].why


def test_a_mailbox_with_a_large_attachment_is_read_without_decoding_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import email

    attachment = base64.encodebytes(os.urandom(1 << 20)) * 36
    mail = (
        b"From a Mon Mar  3 10:00:00 2025\nFrom: Ann <ann@a.example>\nTo: ask@l.example\nSubject: scan\nMessage-ID: <1@a>\n"
        b'Date: Mon, 3 Mar 2025 10:00:00 +0000\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="q"\n\n--q\n'
        b"Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\nContent-Disposition: attachment; filename=a.bin\n\n"
        + attachment
        + b"--q\nContent-Type: text/plain\n\nthe scanner is broken\n--q--\n\n"
    )
    assert len(mail) > 50_000_000
    path = write(tmp_path / "a.mbox", mail)
    parsed: list[int] = []
    parse = email.message_from_bytes
    monkeypatch.setattr(email, "message_from_bytes", lambda raw: parsed.append(len(raw)) or parse(raw))
    assert said(one(path)) == [(P, "the scanner is broken")]
    assert max(parsed) < 1_000_000


def test_json_that_lacks_a_key_or_ends_too_soon(tmp_path: Path) -> None:
    text = (EXAMPLES / "zendesk-chat.json").read_text(encoding="utf-8")
    data = json.loads(text)
    del data["chats"][1]["history"]
    conversations, unread = split([write(tmp_path / "a.json", json.dumps(data))])
    assert len(conversations) == 4
    assert ["record 2" in u.why for u in unread] == [True]
    conversations, unread = split([write(tmp_path / "b.json", text[: text.index("2503.771004")])])
    assert len(conversations) == 3
    assert ["behind record 3" in u.why for u in unread] == [True]


def test_a_broken_line_of_json_lines_costs_that_line(tmp_path: Path) -> None:
    lines = (EXAMPLES / "tawkto.json").read_text(encoding="utf-8").splitlines()
    conversations, unread = split([write(tmp_path / "a", "\n".join([lines[0], lines[1][:90], lines[2], "[1]"]))])
    assert len(conversations) == 2
    assert [u.line for u in unread] == [2, 4]


def test_a_file_that_changes_or_vanishes_while_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", HEAD + "".join(GOOD.format(i, i) for i in range(5)))
    stream = read([path])
    next(stream)
    with path.open("a") as more:
        more.write("x")
    assert [u.why for u in stream if isinstance(u, Unread)][-1].startswith("changed while it was read")
    for name in ("b.csv", "c.csv"):
        write(tmp_path / name, HEAD + GOOD.format(name, name))
    stream = read([tmp_path / "b.csv", tmp_path / "c.csv"])
    next(stream)
    (tmp_path / "c.csv").unlink()
    assert [u.why for u in stream if isinstance(u, Unread)] == ["no such file or folder"]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 50, "binary"),
        (b"Id,Ticket #,Chat #,Date,Time,Question Type,Communication,READ\n1,2,3,,,,,\n", "holds no conversation"),
        (b"just a note to self\n", "no known format"),
        (b"\x1f\x8b\x08\x00nonsense", "damaged"),
        (b"PK\x03\x04nonsense", "damaged"),
    ],
)
def test_what_is_no_export_is_said_to_be_none(tmp_path: Path, content: bytes, part: str) -> None:
    conversations, unread = split([write(tmp_path / "a", content), tmp_path / "nowhere"])
    assert conversations == []
    assert part in unread[0].why
    assert unread[1].why == "no such file or folder"


def test_an_encrypted_member_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as z:
        z.writestr("a.csv", b"secret")
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    assert [u.why for u in split([write(tmp_path / "a.zip", bytes(raw))])[1]] == ["encrypted"]


# --- size, dry run, command ----------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_number_of_chats(tmp_path: Path) -> None:
    import tracemalloc

    def peak(n: int) -> int:
        path = tmp_path / f"{n}.csv"
        with path.open("w") as out:
            out.write(HEAD)
            out.writelines(GOOD.format(i, "word " * 50 + str(i)) for i in range(n))
        tracemalloc.start()
        assert sum(1 for _ in read([path])) == n
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    small, large = peak(1050), peak(2050)
    assert large - small < 1000 * 450


def test_a_dry_run_says_who_was_taken_for_staff_and_why() -> None:
    found = understand([EXAMPLES])
    shown = "\n".join(found.lines(names=True))
    assert "Marta Quill: the answerer in the metadata" in shown
    assert "In all: 71 conversations" in shown
    hidden = "\n".join(found.lines(names=False))
    for name in ("Marta Quill", "Gwen", "john_tor", "Ewan"):
        assert name not in hidden
    assert "staff 1: the answerer in the metadata" in hidden
    assert "libraryh3lp.zip/*: libraryh3lp" in shown
    assert Counter(found.counts.by_role) == Counter(m.role for c in split([EXAMPLES])[0] for m in c.messages)


def test_a_dry_run_names_lines_that_fit_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a", libchat("left over\n10:00:00 - Ann : a\n10:00:01 - Jordan Pike : b"))
    assert "  1 lines fit nothing: line 2" in understand([path]).lines(names=False)


def test_the_command_lists_formats_whose_examples_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    from replycheck.commands.formats import formats

    formats()
    out = capsys.readouterr().out
    for one_format in FORMATS.values():
        assert one_format.name in out
        assert (EXAMPLES / one_format.example).exists()
    assert len(
        [line for line in out.splitlines() if "example:" in line and Path(line.split("example: ")[1]).exists()]
    ) == len(FORMATS)
