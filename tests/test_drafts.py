"""What is new, what is quoted and what is signed in what a mail program sends, and where it stands."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from email.message import EmailMessage

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from replycheck.conversation import Message, Role, unanswered
from replycheck.drafts import Draft, draft_from_email, draft_from_html, draft_from_text
from replycheck.errors import UnreadableInput
from replycheck.offsets import OffsetUnit, converted

NEW = "Thanks, Ines.\n\nWe have cameras to borrow at the tech desk!"
ASKED = "My students have nothing to film on.\nCan anybody help?"


def quoted(text: str) -> str:
    return "\n".join("> " + line for line in text.split("\n"))


BELOW = {
    "gmail": f"On Mon, 3 Nov 2025 at 10:12, Ines Rubio <ines@example.org> wrote:\n\n{quoted(ASKED)}",
    "gmail, wrapped": f"On Mon, Nov 3, 2025 at 10:12 AM Ines Rubio Santamaria\n<ines.rubio@example.org> wrote:\n\n{quoted(ASKED)}",
    "apple": f"On 3 Nov 2025, at 10:12, Ines Rubio <ines@example.org> wrote:\n\n{quoted(ASKED)}",
    "thunderbird": f"On 03/11/2025 10:12, Ines Rubio wrote:\n{quoted(ASKED)}",
    "not marked": f"On Mon, 3 Nov 2025 at 10:12, Ines Rubio <ines@example.org> wrote:\n{ASKED}",
    "outlook": f"________________________________\nFrom: Ines Rubio <ines@example.org>\nSent: Monday, 3 November 2025 10:12\nTo: Desk\nSubject: Filming\n\n{ASKED}",
    "outlook, no line": f"From: Ines Rubio\nSent: Monday, 3 November 2025 10:12\nTo: Desk\nSubject: Filming\n\n{ASKED}",
    "old outlook": f"-----Original Message-----\nFrom: Ines Rubio\nSent: Monday\nTo: Desk\nSubject: Filming\n\n{ASKED}",
    "bold header": f"*From:* Ines Rubio\n*Date:* Monday\n*To:* Desk\n*Subject:* Filming\n\n{ASKED}",
    "forwarded": f"---------- Forwarded message ---------\nFrom: Ines Rubio <ines@example.org>\nDate: Mon, 3 Nov 2025\nSubject: Filming\nTo: Desk\n\n{ASKED}",
    "forwarded, apple": f"Begin forwarded message:\n\nFrom: Ines Rubio\nSubject: Filming\nDate: 3 November 2025\nTo: Desk\n\n{ASKED}",
    "german": f"Am 03.11.2025 um 10:12 schrieb Ines Rubio <ines@example.org>:\n{quoted(ASKED)}",
    "german outlook": f"Von: Ines Rubio\nGesendet: Montag, 3. November 2025\nAn: Desk\nBetreff: Filmen\n\n{ASKED}",
    "french": f"Le lun. 3 nov. 2025 à 10:12, Ines Rubio <ines@example.org> a écrit :\n\n{quoted(ASKED)}",
    "spanish": f"El lun, 3 nov 2025 a las 10:12, Ines Rubio (<ines@example.org>) escribió:\n\n{quoted(ASKED)}",
    "italian": f"Il giorno lun 3 nov 2025 alle ore 10:12 Ines Rubio <ines@example.org> ha scritto:\n\n{quoted(ASKED)}",
    "dutch": f"Op ma 3 nov 2025 om 10:12 schreef Ines Rubio <ines@example.org>:\n\n{quoted(ASKED)}",
    "swedish": f"Den mån 3 nov. 2025 kl 10:12 skrev Ines Rubio <ines@example.org>:\n\n{quoted(ASKED)}",
    "portuguese": f"Em seg., 3 de nov. de 2025 às 10:12, Ines Rubio <ines@example.org> escreveu:\n\n{quoted(ASKED)}",
    "polish": f"pon., 3 lis 2025 o 10:12 Ines Rubio <ines@example.org> napisał(a):\n\n{quoted(ASKED)}",
    "japanese": f"2025年11月3日(月) 10:12 Ines Rubio <ines@example.org>:\n\n{quoted(ASKED)}",
}


@pytest.mark.parametrize("below", BELOW.values(), ids=BELOW.keys())
@pytest.mark.parametrize("stop", ["\n", "\r\n"])
def test_what_is_below_the_new_words_is_the_message(below: str, stop: str) -> None:
    text = f"{NEW}\n\n{below}".replace("\n", stop)
    draft = draft_from_text(text)
    assert draft.words.strip() == NEW
    assert draft.quoted_message == ASKED
    assert [text[a:b] for a, b in draft.new] == [NEW.replace("\n", stop)]
    assert text[draft.quoted[0][0] :] == below.replace("\n", stop)
    assert not draft.signature


def test_what_the_message_quotes_in_turn_is_left_out() -> None:
    older = quoted("Dear all,\nthe studio is closed.")
    text = f"{NEW}\n\nOn 3 Nov 2025, at 10:12, Ines <i@example.org> wrote:\n{quoted(ASKED)}\n>\n> On 2 Nov 2025, at 9:00, Desk <d@example.org> wrote:\n{quoted(older)}"
    assert draft_from_text(text).quoted_message == ASKED


def test_answers_between_quoted_lines_are_all_new() -> None:
    text = "On 3 Nov 2025, at 10:12, Ines <i@example.org> wrote:\n> Where are the keys?\n\nIn the drawer.\n\n> And the lamp?\nGone, I'm sorry.\n"
    draft = draft_from_text(text)
    assert [text[a:b] for a, b in draft.new] == ["In the drawer.", "Gone, I'm sorry."]
    assert draft.quoted_message == "Where are the keys?\nAnd the lamp?"


@pytest.mark.parametrize(
    ("signature", "separate"),
    [("-- \nBo Lee\nDesk, level 2", True), ("--\nBo Lee", True), ("Sent from my iPhone", True), ("Best,\nBo", False)],
)
def test_signatures(signature: str, separate: bool) -> None:
    text = f"{NEW}\n\n{signature}\n\nOn 3 Nov 2025, at 10:12, Ines <i@example.org> wrote:\n{quoted(ASKED)}"
    draft = draft_from_text(text)
    assert [text[a:b] for a, b in draft.signature] == ([signature] if separate else [])
    assert draft.words.strip() == (NEW if separate else f"{NEW}\n\n{signature}")
    assert draft.quoted_message == ASKED


@pytest.mark.parametrize(
    "text",
    [
        "Here is what we found on level 2:\n\nthe lamp was broken.",
        "On Tuesday the committee wrote:\nno more lamps.",
        "Data: we keep none.\nNothing else is stored.",
        "Three things:\n- keys\n- lamps\n-- that is all",
        "From: the desk on level 2. We are open.",
        "We wrote at 10:12 about this:\nthe lamp.",
        "1 < 2 > 1, and so on",
    ],
)
def test_ordinary_words_are_not_taken_for_quotations(text: str) -> None:
    draft = draft_from_text(text)
    assert draft.words == text
    assert (draft.quoted, draft.signature, draft.quoted_message) == ((), (), None)


@pytest.mark.parametrize(
    "text", ["", " \n", "> all quoted", "-- \nBo", "On 3 Nov 2025, at 10:12, Ines wrote:\n> keys?"]
)
def test_without_new_words_there_is_nothing_to_judge(text: str) -> None:
    with pytest.raises(UnreadableInput, match="no new words"):
        draft_from_text(text)


# --- HTML --------------------------------------------------------------------------------------------------------

GMAIL = (
    '<div dir="ltr"><div>Thanks, Ines.</div><div><br></div><div>We have <b>cameras</b>&nbsp;to borrow &amp; lamps!</div>'
    '<div class="gmail_signature" data-smartmail="x"><div>Bo Lee<div>Desk</div></div></div></div><br>'
    '<div class="gmail_quote"><div dir="ltr" class="gmail_attr">On Mon, Nov 3 Ines wrote:<br></div>'
    '<blockquote class="gmail_quote" style="margin:0">Nothing to film on.<blockquote>older</blockquote></blockquote>'
    "And the lamps?</div>"
)
OUTLOOK = (
    "<html><head><style>p{color:red}</style><title>t</title></head><body><div class=WordSection1>"
    "<p class=MsoNormal>Thanks, Ines.<o:p></o:p></p><!-- note --><p class=MsoNormal>We have\r\ncameras.</p>"
    '<div style="border-top:solid #E1E1E1 1.0pt"><p><b>From:</b> Ines<br><b>Sent:</b> Monday<br><b>To:</b> Desk<br>'
    "<b>Subject:</b> Filming</p></div><p>Nothing to film on.</p></div></body></html>"
)
OUTLOOK_WEB = (
    '<div>Thanks, Ines.</div><div>We have cameras.</div><div id="appendonsend"></div><hr>'
    '<div id="divRplyFwdMsg"><b>From:</b> Ines<br><b>Sent:</b> Monday<br></div><div>Nothing to film on.</div>'
)
APPLE = (
    '<html><body>Thanks, Ines.<div><br></div><div>We have cameras.<br><div><br><blockquote type="cite"><div>On 3 Nov 2025, '
    "at 10:12, Ines &lt;i@example.org&gt; wrote:</div><br><div>Nothing to film on.</div></blockquote></div></div></body></html>"
)
THUNDERBIRD = (
    '<p>Thanks, Ines.</p><p>We have cameras.</p><div class="moz-cite-prefix">On 03/11/2025 10:12, Ines wrote:<br></div>'
    '<blockquote type="cite" cite="mid:x">Nothing to film on.</blockquote><div class="moz-signature">-- <br>Bo</div>'
)


@pytest.mark.parametrize(
    "source", [OUTLOOK, OUTLOOK_WEB, APPLE, THUNDERBIRD], ids=["outlook", "web", "apple", "thunderbird"]
)
def test_html_of_mail_programs(source: str) -> None:
    draft = draft_from_html(source)
    assert draft.words.split() == "Thanks, Ines. We have cameras.".split()
    assert draft.quoted_message == "Nothing to film on."
    assert draft.media_type == "text/html"


def test_html_spans_point_into_the_source() -> None:
    draft = draft_from_html(GMAIL)
    assert [line for line in draft.words.split("\n") if line] == [
        "Thanks, Ines.",
        "We have cameras to borrow & lamps!",
        "And the lamps?",
    ]
    at = draft.words.index("We have")
    start, end = draft.span(at, draft.words.index("lamps!") + 6)
    assert GMAIL[start:end] == "We have <b>cameras</b>&nbsp;to borrow &amp; lamps!"
    at = draft.words.index("&")
    assert GMAIL[slice(*draft.span(at, at + 1))] == "&amp;"
    assert [GMAIL[a:b] for a, b in draft.signature] == ["Bo Lee<div>Desk"]
    assert draft.quoted_message == "Nothing to film on."


def test_what_html_does_not_show_is_not_judged() -> None:
    source = "<p>Shown.</p><script>if (a<b) alert('x')</script><div style='display: none'>hidden</div><p hidden>no</p><pre>a\n  b</pre>&#169;&unknown;"
    assert draft_from_html(source).words.split() == ["Shown.", "a", "b", "©&unknown;"]


@pytest.mark.parametrize(
    "piece",
    ["<a ", "<!--", "<", "<!a", "&", "&#", "<div>", "<blockquote>", "<a b='", "<a b=\"", "<script>", "</", "<a b=c ", "> ", ">a\n", "On 1:\n", "From: a\n", "\n", " ", "-", "_", "On " * 90 + "1:\n"],
    ids=ascii,
)  # fmt: skip
@pytest.mark.parametrize("read", [draft_from_text, draft_from_html])
def test_time_grows_with_length_only(piece: str, read: Callable[[str], Draft]) -> None:
    def seconds(length: int) -> float:
        text = "a " + piece * (length // len(piece))
        begin = time.process_time()
        read(text)
        return time.process_time() - begin

    assert seconds(40_000) < 2


# --- e-mail ------------------------------------------------------------------------------------------------------


def email(plain: str | None = None, markup: str | None = None, charset: str = "utf-8", cte: str | None = None) -> bytes:
    message = EmailMessage()
    message["Subject"] = "Re: filming"
    message["From"] = "Bo <bo@example.org>"
    if plain is not None:
        message.set_content(plain, charset=charset, cte=cte)
    if markup is not None:
        if plain is None:
            message.set_content(markup, subtype="html", charset=charset, cte=cte)
        else:
            message.add_alternative(markup, subtype="html", charset=charset, cte=cte)
    return message.as_bytes()


@pytest.mark.parametrize("cte", ["7bit", "base64", "quoted-printable"])
def test_transfer_encodings(cte: str) -> None:
    draft = draft_from_email(email(f"{NEW}\n\n{BELOW['gmail']}\n", cte=cte))
    assert (draft.words.strip(), draft.quoted_message, draft.part) == (NEW, ASKED, "1")


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252"])
def test_character_sets(charset: str) -> None:
    words = "Désolé, the café’s closed." if charset != "iso-8859-1" else "Désolé, the café is closed."
    draft = draft_from_email(email(words, charset=charset, cte="base64"))
    assert draft.words.strip() == words


@pytest.mark.parametrize("charset", ["x-none", "us-ascii", '"', "utf-8"])
def test_a_character_set_that_does_not_hold(charset: str) -> None:
    raw = b"Subject: a\nContent-Type: text/plain; charset=" + charset.encode() + b"\n\nThe caf\xe9 is closed."
    assert draft_from_email(raw).words == "The caf\ufffd is closed."


def test_plain_text_comes_before_html_and_html_before_nothing() -> None:
    assert draft_from_email(email("Plain words.", "<p>Marked words.</p>")).part == "1"
    draft = draft_from_email(email(" ", "<p>Marked words.</p>"))
    assert (draft.words.strip(), draft.media_type, draft.part) == ("Marked words.", "text/html", "2")
    assert draft_from_email(email(markup="<p>Marked words.</p>")).media_type == "text/html"


def test_an_attachment_is_not_the_draft() -> None:
    message = EmailMessage()
    message.set_content("See below.")
    message.add_attachment("Attached words.", filename="a.txt")
    inner = EmailMessage()
    inner.set_content("Another mail.")
    message.add_attachment(inner)
    assert draft_from_email(b"From: a\n" + message.as_bytes()).words.strip() == "See below."


def test_flowed_lines_are_joined() -> None:
    raw = b"From: a\nContent-Type: text/plain; format=flowed\n\nWe have \ncameras.\n-- \nBo\n"
    draft = draft_from_email(raw)
    assert draft.words.strip() == "We have cameras."
    assert draft.source[slice(*draft.span(0, 16))] == "We have \ncameras."


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "no header lines"),
        (b"just words", "no header lines"),
        (b"From: a\nContent-Type: image/png\n\nabc", "no text part"),
        (b"From: a\nContent-Type: text/plain\nContent-Disposition: attachment\n\nabc", "no text part"),
        (b"From: a\n\n> quoted", "no new words"),
        (b"From: a\nContent-Type: multipart/mixed; boundary=x\n\n--x--", "no text part"),
    ],
)
def test_an_email_that_can_not_be_judged(raw: bytes, why: str) -> None:
    with pytest.raises(UnreadableInput, match=why):
        draft_from_email(raw)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
@example(b"a:b\nContent-Type: multipart/mixed; boundary=\n\n")
def test_no_bytes_break_it(raw: bytes) -> None:
    for given_ in (raw, b"From: a\nContent-Type: text/html; charset=utf-7\n\n" + raw):
        try:
            draft = draft_from_email(given_)
        except UnreadableInput:
            continue
        holds(draft)


# --- what holds for every draft ----------------------------------------------------------------------------------


def holds(draft: Draft) -> None:
    """Regions are in order and apart, and each new word stands where its span says."""
    regions = sorted([*draft.new, *draft.quoted, *draft.signature])
    assert all(0 <= a < b <= len(draft.source) for a, b in regions)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(regions))
    for i, c in enumerate(draft.words):
        start, end = draft.span(i, i + 1)
        if not c.isspace():
            assert any(a <= start and end <= b for a, b in draft.new)
            if draft.media_type == "text/plain":
                assert draft.source[start:end] == c
            elif end == start + 1:
                assert draft.source[start] == c


LINES = st.lists(
    st.one_of(
        st.sampled_from([*NEW.split("\n"), "> quoted", ">> deep", "-- ", "On 3 Nov 2025, at 10:12, Ines wrote:", "From: a", "Sent: b", "😀 ok", ""]),
        st.text(max_size=20),
    ),
    max_size=8,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(LINES, st.sampled_from(["\n", "\r\n"]))
def test_spans_of_any_text(lines: list[str], stop: str) -> None:
    try:
        draft = draft_from_text(stop.join(lines))
    except UnreadableInput:
        return
    holds(draft)


TAGS = st.lists(
    st.one_of(
        st.sampled_from(["<p>", "</p>", "<br>", "<div class='gmail_signature'>", "</div>", "<blockquote>", "</blockquote>", "<pre>", "</pre>", "&amp;", "&nbsp;", "&#128512;", "words", " ", "<b>", "<!-- x -->", "<script>", "</script>"]),
        st.text(max_size=10),
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(TAGS)
def test_spans_of_any_html(pieces: list[str]) -> None:
    try:
        draft = draft_from_html("".join(pieces))
    except UnreadableInput:
        return
    holds(draft)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.characters(codec=None), max_size=30), st.data())
def test_offsets_count_what_they_say(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    assert converted(text, [at], OffsetUnit.CODEPOINT) == {at: at}
    assert converted(text, [at, 0], OffsetUnit.UTF16)[at] == sum(2 if c > "\uffff" else 1 for c in text[:at])
    assert converted(text, [at], OffsetUnit.BYTE)[at] == sum(
        1 if c < "\x80" else 2 if c < "\u0800" else 3 if c <= "\uffff" else 4 for c in text[:at]
    )


def test_the_message_is_what_the_patron_said_since_staff_wrote() -> None:
    said = [Message(Role.PATRON, "one"), Message(Role.STAFF, "two"), Message(Role.PATRON, "three"), Message(Role.BOT, "four"), Message(Role.PATRON, "five")]  # fmt: skip
    assert unanswered(said) == "three\n\nfive"
    assert unanswered(said[:2]) is None
    assert unanswered([]) is None
