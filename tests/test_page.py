"""The page at `/`, in a real Chromium: what people see, hear, press and type, and what a hostile text can't do."""

from __future__ import annotations

import asyncio
import re
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from replycheck import codebook
from replycheck.checker import Checker
from replycheck.feedback import Store
from replycheck.settings import Settings
from replycheck_api import create_app
from replycheck_api.access import new_key
from replycheck_api.page import HEADERS, WEB

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client would rather have a newer httpx than there is
    from starlette.testclient import TestClient

from browsing import CHROMIUM, chromium, serving

in_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium: the page was not tried in a browser (apt-get install chromium)"
)
MESSAGE = "It's a pity that my students can't film their projects; they've nothing to film on."
PUSHING = "Thanks so much! We have cameras to borrow at the tech desk. Please book through our equipment page."
LISTENING = "I love that you have them filming. What should they take away from it, and what have they tried so far?"
MIXED = "Thanks! We have cameras to borrow at the tech desk. Please book through our equipment page. What would you like them to make?"


# --- without a browser -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(checker: Checker) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(), checker)) as it:
        yield it


def test_every_file_comes_with_the_strict_policy(client: TestClient) -> None:
    for path in ("/", *(f"/web/{f.name}" for f in WEB.iterdir())):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers.items() >= {k.lower(): v for k, v in HEADERS.items()}.items()
        assert client.get(path, headers={"If-None-Match": answer.headers["etag"]}).status_code in (200, 304)
    assert client.get("/web/../app.py").status_code == 404
    assert client.get("/web/%2e%2e/app.py").status_code == 404
    assert client.get("/web/").status_code == 404


def test_the_files_name_no_other_host_and_hold_no_inline_script_or_style() -> None:
    for file in WEB.iterdir():
        text = file.read_text(encoding="utf-8")
        assert set(re.findall(r"https?://[^\s\"'<>]+", text)) <= {"http://www.w3.org/2000/svg"}, file
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), file
    page = (WEB / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", page)


def test_the_codebooks_words_are_not_typed_a_second_time() -> None:
    files = "\n".join(f.read_text(encoding="utf-8") for f in WEB.iterdir())
    words = [e.plain for e in codebook.MOVES.values()] + [e.definition for e in codebook.MOVES.values()]
    words += [*codebook.UNSURE_PLAIN.values(), *codebook.QUESTIONS, *codebook.NOT_FOR, codebook.AFTERWARDS]
    assert [w for w in words if w in files] == []


def test_another_order_over_http(client: TestClient) -> None:
    found = client.post("/v1/reorder", json={"reply": MIXED, "patron_message": MESSAGE}).json()
    assert found["reply"] == (
        "Thanks! What would you like them to make? We have cameras to borrow at the tech desk. "
        "Please book through our equipment page."
    )
    assert found["order"] == [0, 3, 1, 2]
    again = client.post("/v1/check", json={"reply": found["reply"], "patron_message": MESSAGE}).json()
    assert again["p_pushing"] == found["p_pushing_after"]
    assert client.post("/v1/reorder", json={"reply": "Thanks."}).json()["reply"] is None
    assert client.post("/v1/reorder", content=b"Thanks.").status_code == 415


# --- in a browser ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as it:
        yield it


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page") / "feedback.sqlite"


class Slow:
    """Keeps a call waiting for as long as its reply says: `wait 0.5`."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("path") == "/v1/check":
            body = await Request(scope, receive).body()
            if found := re.search(rb"wait ([\d.]+)", body):
                await asyncio.sleep(float(found.group(1)))

            async def again() -> Any:
                return {"type": "http.request", "body": body, "more_body": False}

            await self.app(scope, again, send)
        else:
            await self.app(scope, receive, send)


@pytest.fixture(scope="module")
def base(checker: Checker, store: Path) -> Iterator[str]:
    app = create_app(Settings(feedback=store), checker)
    app.add_middleware(Slow)
    with serving(app) as it:
        yield it


@pytest.fixture
def page(browser: Any, base: str) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    it = context.new_page()
    faults: list[str] = []
    it.on("pageerror", lambda fault: faults.append(str(fault)))
    it.on("dialog", lambda dialog: faults.append("a dialog"))
    it.clock.install()  # time runs as ever, but can be made to jump
    it.goto(base)
    it.wait_for_selector("#legend li")
    yield it
    context.close()
    assert faults == []


def write(page: Any, reply: str, message: str = "") -> None:
    page.fill("#message", message)
    page.fill("#reply", reply)
    page.wait_for_selector("#verdict[aria-busy=false] .headline")


def marked(page: Any) -> list[str]:
    found: list[str] = page.locator("#reply-mirror .said").all_text_contents()
    return found


@in_browser
def test_a_reply_is_marked_judged_and_explained_as_it_is_typed(page: Any) -> None:
    page.fill("#message", MESSAGE)
    page.locator("#reply").press_sequentially(PUSHING, delay=2)
    page.wait_for_selector("#verdict[aria-busy=false] .headline")
    assert "pushes services" in page.inner_text(".headline")
    assert marked(page) == ["Thanks so much!", "We have cameras to borrow at the tech desk.", PUSHING[60:]]
    for side in ("courtesy", "pushing"):
        mark = page.locator(f"#reply-mirror .{side}").first
        assert mark.get_attribute("data-mark") == codebook.SIDES[codebook.Side(side)].symbol
    lines = {
        s: page.locator(f"#legend .{s} .said").evaluate("e => getComputedStyle(e).textDecorationStyle")
        for s in codebook.SIDES
    }
    assert len(set(lines.values())) == len(codebook.SIDES)
    shown = page.inner_text("#verdict")
    assert "What carried it" in shown
    assert all(question in shown for question in codebook.QUESTIONS)
    meter = page.get_by_role("meter")
    assert int(meter.get_attribute("aria-valuenow")) > 50
    page.locator("#live", has_text="This reply pushes services. 2 of 3 sentences push").wait_for(state="attached")
    write(page, LISTENING, MESSAGE)
    assert "listens" in page.inner_text(".headline")
    write(page, "Thanks.")
    assert codebook.UNSURE_PLAIN[codebook.UnsureReason.COURTESY_ONLY] in page.inner_text("#verdict")


@in_browser
def test_marks_lie_under_their_words(page: Any) -> None:
    """The text area and the copy that carries the marks break lines alike, at any width."""
    write(page, (PUSHING + " \n\n  " + LISTENING + " ") * 4, MESSAGE)
    for width in (1280, 700, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        area, mirror = page.locator("#reply"), page.locator("#reply-mirror")
        assert area.bounding_box() == mirror.bounding_box()
        assert area.evaluate("e => e.scrollHeight <= e.clientHeight + 1"), (
            "the text area would scroll away from its marks"
        )
        styles = "e => { const s = getComputedStyle(e); return [s.font, s.lineHeight, s.padding, s.whiteSpace, s.letterSpacing, s.overflowWrap, s.wordBreak, s.tabSize].join() }"
        assert area.evaluate(styles) == mirror.evaluate(styles)
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), "wider than the window"


@in_browser
def test_offsets_hold_behind_emoji_and_other_scripts(page: Any) -> None:
    text = "😀👩🏽‍🏫 Thanks! 🎬🎬 We have cameras to borrow at the tech desk. שלום 𝒳 What are they filming? ﷽"
    write(page, text, MESSAGE)
    assert "We have cameras to borrow at the tech desk." in "|".join(marked(page))
    assert page.input_value("#reply") == page.locator("#reply-mirror").text_content()[:-1] == text
    page.get_by_role("button", name="We have cameras to borrow").click()
    area = page.locator("#reply")
    chosen = area.evaluate("e => e.value.slice(e.selectionStart, e.selectionEnd)")
    assert chosen.endswith("We have cameras to borrow at the tech desk.")


@in_browser
def test_marks_stay_with_their_words_while_the_next_answer_is_waited_for(page: Any) -> None:
    write(page, PUSHING, MESSAGE)
    before = marked(page)
    page.locator("#reply").evaluate("e => e.setSelectionRange(0, 0)")
    page.locator("#reply").press_sequentially("wait 3 ")
    assert marked(page) == before
    page.locator("#reply").press("Control+End")
    page.locator("#reply").press_sequentially(" x")
    assert marked(page) == before


@in_browser
def test_the_last_question_gets_the_answer_however_slow_an_older_one_is(page: Any) -> None:
    calls: list[str] = []
    page.on("requestfailed", lambda r: calls.append(r.failure))
    page.fill("#reply", "wait 2 " + PUSHING)
    page.wait_for_timeout(600)  # the question is out
    write(page, LISTENING)
    page.wait_for_timeout(2200)  # the older answer would have come by now
    assert "listens" in page.inner_text(".headline")
    assert marked(page)[0] == "I love that you have them filming."
    assert calls, "the older question was not aborted"


@in_browser
def test_a_dead_service_is_said_and_nothing_typed_is_lost(browser: Any, checker: Checker) -> None:
    context = browser.new_context()
    page = context.new_page()
    with serving(create_app(Settings(), checker)) as base:
        port = int(base.rstrip("/").rpartition(":")[2])
        page.goto(base)
        write(page, LISTENING)
    page.fill("#reply", PUSHING)
    page.get_by_text("can't be reached").first.wait_for()
    assert page.input_value("#reply") == PUSHING
    assert "can't be reached" in page.locator("#live").text_content()
    with serving(create_app(Settings(), checker), port=port):
        page.get_by_role("button", name="Try again").click()
        page.get_by_text("This reply pushes services.").first.wait_for()
        assert page.locator("#trouble").is_hidden()
    context.close()


ATTACKS = [
    "<img src=x onerror=alert(1)>We have a guide.",
    "<script>alert(1)</script>We have a guide.",
    '"><svg onload=alert(1)>We have a guide.',
    "javascript:alert(1) We have a guide. {{7*7}} ${alert(1)}",
    "</textarea><script>alert(1)</script>We have a guide.",
]


@in_browser
def test_a_text_stays_a_text(page: Any) -> None:
    attack = "\n".join(ATTACKS)
    page.locator("#history > summary").click()
    page.check("#history-on")
    write(page, attack, attack)
    page.clock.fast_forward(5000)
    page.wait_for_selector("#history-list li", timeout=10_000)
    page.reload()
    page.locator("#history > summary").click()
    page.locator("#history-list button").first.click()
    page.wait_for_selector("#verdict[aria-busy=false] .headline")
    assert page.input_value("#reply") == attack
    assert (
        page.locator(
            "#verdict script, #verdict img, #reply-mirror script, #reply-mirror img, #history-list img"
        ).count()
        == 0
    )
    assert page.locator("#verdict svg").count() == 1  # the meter


@in_browser
def test_everything_can_be_done_by_keyboard(page: Any) -> None:
    names: list[str] = []
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Go to the result"
    page.keyboard.press("Tab")
    page.keyboard.type(MESSAGE)
    page.keyboard.press("Tab")
    page.keyboard.type(MIXED)
    page.wait_for_selector("#verdict[aria-busy=false] .headline")
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "() => { const e = document.activeElement, b = e.getBoundingClientRect(), s = getComputedStyle(e);"
            " return [e.tagName, e.id, e.textContent.slice(0, 60), b.width > 0 && b.height > 0, s.outlineStyle]; }"
        )
        if focused[0] == "BODY":
            break
        assert focused[3], f"{focused} has the focus and can't be seen"
        assert focused[4] != "none", f"{focused} does not show that it has the focus"
        names.append(focused[1] or focused[2])
    assert {"copy", "clear"} <= set(names)
    assert any("We have cameras" in n for n in names)
    assert any("You got this wrong" in n for n in names)
    page.get_by_role("button", name="We have cameras").focus()
    page.keyboard.press("Enter")
    assert (
        page.locator("#reply").evaluate("e => e.value.slice(e.selectionStart, e.selectionEnd)")
        == "We have cameras to borrow at the tech desk."
    )


@in_browser
def test_another_order_is_shown_used_and_undone(page: Any) -> None:
    write(page, PUSHING, MESSAGE)
    assert page.locator("#order").is_hidden()  # nothing in it could come first
    write(page, MIXED, MESSAGE)
    page.get_by_role("button", name="Show another order").click()
    page.get_by_role("button", name="Use this order").click()
    page.get_by_role("button", name="Put my order back").wait_for()
    moved = page.input_value("#reply")
    assert moved != MIXED
    assert sorted(moved) == sorted(MIXED)
    assert moved.index("What would you") < moved.index("We have cameras")
    page.get_by_role("button", name="Put my order back").click()
    assert page.input_value("#reply") == MIXED


@in_browser
def test_the_history_is_kept_only_when_asked_for_and_erased_for_good(page: Any, browser: Any) -> None:
    write(page, LISTENING)
    page.clock.fast_forward(5000)
    stored = "() => JSON.stringify({...localStorage, ...sessionStorage}) + document.cookie"
    assert page.evaluate(stored) == "{}"
    page.locator("#history > summary").click()
    page.check("#history-on")
    write(page, PUSHING, MESSAGE)
    page.clock.fast_forward(5000)
    page.wait_for_selector("#history-list li", timeout=10_000)
    page.reload()
    page.locator("#history > summary").click()
    page.locator("#history-list button").first.click()
    assert page.input_value("#reply") == PUSHING
    assert page.input_value("#message") == MESSAGE
    page.get_by_role("button", name="Erase all of it").click()
    assert page.locator("#history-list li").count() == 0
    assert "Thanks" not in page.evaluate(stored)
    page.uncheck("#history-on")
    assert page.evaluate(stored) == "{}"
    page.evaluate("localStorage.setItem('replycheck.history', '{broken')")
    page.reload()
    write(page, LISTENING)


@in_browser
def test_a_wrong_verdict_is_corrected_on_consent_and_taken_back(page: Any, store: Path) -> None:
    write(page, "Dear Ines, 🎬 we have cameras. Write to zola.prudhomme@example.org.", MESSAGE)
    page.get_by_text("You got this wrong").click()
    page.get_by_label("listens", exact=True).check()
    page.get_by_text("Correct a sentence").click()
    page.locator("#feedback .sentence select").last.select_option("answers")
    page.get_by_role("button", name="Send the correction").click()
    assert not list(Store(store))  # the browser asks for consent
    page.get_by_label("I agree").check()
    page.get_by_role("button", name="Send the correction").click()
    page.get_by_text("This is what is kept").wait_for()
    assert "zola" not in page.inner_text("#feedback-done")
    (kept,) = Store(store)
    assert kept.correction.label == "listening"
    (corrected,) = kept.correction.moves
    assert corrected.move == "answers"
    assert kept.correction.reply[corrected.start : corrected.end].startswith("Write to")
    page.get_by_role("button", name="Send the correction").click()
    page.wait_for_timeout(300)
    assert len(list(Store(store))) == 1
    page.get_by_role("button", name="Take it back").click()
    page.get_by_text("nothing of it is kept").wait_for()
    assert not list(Store(store))


@in_browser
def test_a_service_with_keys_is_asked_with_one(browser: Any, checker: Checker) -> None:
    key, line = new_key("page")
    context = browser.new_context()
    page = context.new_page()
    with serving(create_app(Settings(api_keys=(line,)), checker)) as base:
        page.goto(base)
        page.get_by_label("This service asks for a key").fill("wrong")
        page.keyboard.press("Enter")
        page.fill("#reply", LISTENING)
        page.get_by_label("This service asks for a key").fill(key)
        page.keyboard.press("Enter")
        page.wait_for_selector(".headline")
        page.reload()
        write(page, PUSHING)
        assert page.locator("#key-form").is_hidden()
    context.close()


@in_browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1280)])
def test_axe_finds_nothing_against_wcag_2_2_aa(browser: Any, base: str, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    # only so that axe itself may be put into the page
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True)
    page = context.new_page()
    page.goto(base)
    page.wait_for_selector("#legend li")
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
    for reply in ("", MIXED, "Thanks."):
        page.fill("#message", MESSAGE if reply else "")
        page.fill("#reply", reply)
        if reply:
            page.wait_for_selector("#verdict[aria-busy=false] .headline")
            page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        page.wait_for_timeout(900)  # what fades has faded
        found = Axe().run(page, options=rules).response["violations"]
        assert [(v["id"], [n["html"][:90] for n in v["nodes"]]) for v in found] == []
    context.close()


@in_browser
def test_nothing_is_asked_of_any_other_host(browser: Any, base: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(base)
    write(page, MIXED, MESSAGE)
    assert len(asked) > 8
    assert [url for url in asked if not url.startswith(base)] == []
    context.close()


def test_a_free_port_is_left_free() -> None:
    """`serving` lets go of its port, which the test of the dead service rests on."""
    with serving(lambda scope, receive, send: Response()(scope, receive, send)) as base:  # type: ignore[arg-type]
        port = int(base.rstrip("/").rpartition(":")[2])
    with socket.socket() as it:
        assert it.connect_ex(("127.0.0.1", port)) != 0
