"""LanguageTool's interface, as its clients use it: language_tool_python, LTeX, the browser add-on, LibreOffice."""

from __future__ import annotations

import json
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replycheck.checker import Checker
from replycheck.settings import Settings
from replycheck_api import create_app
from replycheck_api.__main__ import Server
from replycheck_api.schemas import MatchesOut
from test_api import SECRET

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client would rather have a newer httpx than there is
    from starlette.testclient import TestClient

PUSHES = "Please fill in the feedback form on our website."
TEXT = f"😀 Thanks, Zoë. {PUSHES}"


@pytest.fixture(scope="module")
def client(checker: Checker) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(), checker)) as it:
        yield it


def spans(text: str, answer: Any) -> list[str]:
    raw = text.encode("utf-16-le")
    return [raw[2 * m["offset"] : 2 * (m["offset"] + m["length"])].decode("utf-16-le") for m in answer["matches"]]


def ask(client: TestClient, **form: str) -> Any:
    answer = client.post("/v2/check", data={"language": "en-GB"} | form)
    assert answer.status_code == 200, answer.text
    MatchesOut.model_validate(answer.json())
    return answer.json()


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """The application behind a real socket."""
    server = Server(app, replace(Settings(), port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def test_language_tool_python_shows_our_findings(checker: Checker) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import language_tool_python
    with listening(create_app(Settings(), checker)) as address:
        tool = language_tool_python.LanguageTool("en-GB", remote_server=address)
        (match,) = tool.check(TEXT)
        assert TEXT[match.offset : match.offset + match.error_length] == PUSHES
        assert (match.rule_id, match.rule_issue_type, match.category) == ("REPLYCHECK_REDIRECTS", "style", "STYLE")
        assert match.message.startswith("This sentence sends them elsewhere. ")
        assert tool.check("What happened when you tried it?") == []
        tool.close()


def test_ltex_sends_a_form_that_it_calls_json(client: TestClient) -> None:
    data = {"annotation": [{"text": "😀 Thanks. "}, {"markup": "\\emph{", "interpretAs": ""}, {"text": PUSHES[:20]}, {"markup": "}"}, {"text": PUSHES[20:]}]}  # fmt: skip
    body = urlencode({"data": json.dumps(data), "language": "en-US", "enabledRules": "A,B", "level": "default"})
    answer = client.post("/v2/check", content=body, headers={"content-type": "application/json"})
    whole = "😀 Thanks. \\emph{" + PUSHES[:20] + "}" + PUSHES[20:]
    assert spans(whole, answer.json()) == [PUSHES[:20] + "}" + PUSHES[20:]]
    assert answer.json()["matches"][0]["sentence"] == PUSHES


def test_markup_stands_for_what_it_is_interpreted_as(client: TestClient) -> None:
    pieces = [{"text": "Thanks."}, {"markup": "<p>", "interpretAs": "\n\n"}, {"text": PUSHES}, {"markup": "</p>"}]
    answer = ask(client, data=json.dumps({"annotation": pieces}))
    assert spans(f"Thanks.<p>{PUSHES}</p>", answer) == [PUSHES]


def test_the_browser_add_on_sends_a_text_twice_and_is_answered_once(client: TestClient) -> None:
    assert len(ask(client, text=TEXT, mode="allButTextLevelOnly")["matches"]) == 1
    assert ask(client, text=TEXT, mode="textLevelOnly")["matches"] == []


def test_libreoffice_sends_a_paragraph_at_a_time(client: TestClient) -> None:
    answer = client.post("/v2/check", content=urlencode({"text": TEXT, "language": "en-US", "maxSuggestions": "7"}), headers={"content-type": "application/x-www-form-urlencoded"})  # fmt: skip
    (match,) = answer.json()["matches"]
    assert match["shortMessage"]
    assert match["message"]
    assert match["rule"]["urls"][0]["value"].startswith("https://")
    around = match["context"]
    raw = around["text"].encode("utf-16-le")
    assert raw[2 * around["offset"] : 2 * (around["offset"] + around["length"])].decode("utf-16-le") == PUSHES
    assert answer.json()["sentenceRanges"] == [[0, 2], [3, 15], [16, 64]]


def test_a_query_is_read_and_merged(client: TestClient) -> None:
    asked = client.get("/v2/check", params={"text": TEXT, "language": "en"})
    assert spans(TEXT, asked.json()) == [PUSHES]
    merged = client.post("/v2/check?language=auto", content=urlencode({"text": TEXT}))
    assert spans(TEXT, merged.json()) == [PUSHES]
    assert merged.json()["language"]["detectedLanguage"]["confidence"] == 0.0


def test_what_is_left_out(client: TestClient) -> None:
    assert ask(client, text=TEXT, disabledRules="X,REPLYCHECK_REDIRECTS")["matches"] == []
    assert ask(client, text=TEXT, disabledCategories="STYLE")["matches"] == []
    assert ask(client, text=TEXT, enabledOnly="true", enabledRules="X")["matches"] == []
    assert len(ask(client, text=TEXT, enabledOnly="true", enabledRules="REPLYCHECK_REDIRECTS")["matches"]) == 1
    assert ask(client, text=TEXT, language="de-DE")["matches"] == []
    assert ask(client, text=" \n")["matches"] == []


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"text": "a", "data": "{}"},
        {"data": "{"},
        {"data": "[]"},
        {"data": "{}"},
        {"data": '{"text": 5}'},
        {"data": '{"annotation": {}}'},
        {"data": '{"annotation": [{}]}'},
        {"data": '{"annotation": [{"text": "a", "markup": "b"}]}'},
        {"data": '{"annotation": [{"markup": "b", "interpretAs": 1}]}'},
        {"text": "a", "language": ""},
        {"text": "a", "language": "no such"},
        {f"f{i}": "" for i in range(300)},
    ],
    ids=str,
)
def test_forms_that_can_not_be_accepted(client: TestClient, form: dict[str, str]) -> None:
    answer = client.post("/v2/check", data={"language": "en"} | form)
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.startswith("Error: ")


def test_the_longest_text(client: TestClient) -> None:
    limit = int(client.get("/v2/maxtextlength").text)
    assert client.post("/v2/check", data={"language": "en", "text": "a " * (limit // 2)}).status_code == 200
    assert client.post("/v2/check", data={"language": "en", "text": "a" * (limit + 1)}).status_code == 413


def test_the_other_calls(client: TestClient) -> None:
    assert client.get("/v2/healthcheck").text == "OK"
    assert client.get("/v2/info").json()["software"]["name"] == "replycheck"
    languages = client.get("/v2/languages").json()
    assert {"name": "English (US)", "code": "en", "longCode": "en-US"} in languages
    rules = client.get("/v2/configinfo?language=en-US").json()["rules"]
    assert {r["ruleId"] for r in rules} >= {"REPLYCHECK_REDIRECTS", "REPLYCHECK_PITCHES"}
    assert client.get("/v2/configinfo").status_code == 400
    unknown = client.get("/v2/none")
    assert (unknown.status_code, unknown.text[:7]) == (404, "Error: ")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=40))
def test_no_body_breaks_it(client: TestClient, body: bytes, text: bytes) -> None:
    for sent in (body, b"language=en&text=" + text, b"language=en&data=" + body):
        assert client.post("/v2/check", content=sent).status_code in (200, 400)


# --- a LanguageTool server behind it -----------------------------------------------------------------------------


class Upstream(BaseHTTPRequestHandler):
    """Says what the server is told to say, and keeps what it was asked."""

    answer: bytes = b""
    status = 200
    wait = 0.0
    asked: list[dict[str, list[str]]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.asked.append(parse_qs(body.decode()))
        self.do_GET()

    def do_GET(self) -> None:
        time.sleep(self.wait)
        self.send_response(self.status)
        self.send_header("content-length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def upstream(answer: Any, **given: Any) -> Iterator[tuple[str, type[Upstream]]]:
    raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    handler = type("Told", (Upstream,), {"answer": raw, "asked": [], **given})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def behind(checker: Checker, address: str) -> TestClient:
    return TestClient(create_app(replace(Settings(), languagetool_upstream=address, languagetool_timeout=1), checker))


def test_both_sets_of_findings(checker: Checker) -> None:
    spelling = {"message": "Spelling", "offset": 0, "length": 2, "rule": {"id": "SPELL"}}
    language = {"name": "English", "code": "en-US", "detectedLanguage": {}}
    with (
        upstream({"matches": [spelling], "language": language, "sentenceRanges": [[0, 5]]}) as (address, told),
        behind(checker, address) as client,
    ):
        answer = ask(client, text=TEXT, apiKey="ours", preferredVariants="en-GB")
    assert [m["rule"]["id"] for m in answer["matches"]] == ["SPELL", "REPLYCHECK_REDIRECTS"]
    assert answer["language"] == language
    assert not answer["warnings"]["incompleteResults"]
    assert told.asked == [{"text": [TEXT], "language": ["en-GB"], "preferredVariants": ["en-GB"]}]


@pytest.mark.parametrize(
    "told",
    [
        {"answer": b"", "status": 500},
        {"answer": b"not json"},
        {"answer": b"[]"},
        {"answer": b'{"matches": [1]}'},
        {"answer": b"[" * 100_000},
        {"answer": b"{}", "wait": 2.0},
    ],
    ids=["fault", "words", "list", "numbers", "deep", "slow"],
)
def test_a_server_that_fails_costs_its_own_findings(checker: Checker, told: dict[str, Any]) -> None:
    with upstream(**told) as (address, _), behind(checker, address) as client:
        answer = ask(client, text=TEXT)
    assert spans(TEXT, answer) == [PUSHES]
    assert answer["warnings"]["incompleteResults"]


def test_a_server_that_is_gone(checker: Checker, caplog: pytest.LogCaptureFixture) -> None:
    for address in ("http://127.0.0.1:9", "not an address", "http://[::1"):
        with behind(checker, address) as client:
            assert spans(TEXT, ask(client, text=TEXT)) == [PUSHES]
            ask(client, text=SECRET)
            assert len(client.get("/v2/languages").json()) >= 7
    assert "LanguageTool did not answer" in caplog.text
    assert SECRET not in caplog.text


def test_no_text_is_sent_on_unless_told(checker: Checker) -> None:
    with upstream({"matches": []}) as (_, told), TestClient(create_app(Settings(), checker)) as client:
        ask(client, text=TEXT)
    assert told.asked == []


def test_its_languages_too(checker: Checker) -> None:
    german = {"name": "German", "code": "de", "longCode": "de-DE"}
    with (
        upstream([german, {"name": "English", "code": "en", "longCode": "en"}]) as (address, _),
        behind(checker, address) as client,
    ):
        assert client.get("/v2/languages").json()[-1] == german
