"""The service as its callers use it: e-mail and HTML, options, streams, keys, limits, logs, counters, a new model."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from replycheck.bundle import add_file
from replycheck.checker import Checker
from replycheck.errors import UsageError
from replycheck.settings import Settings, descriptions
from replycheck_api import create_app
from replycheck_api.access import Access, is_loopback, new_key
from replycheck_api.logs import JsonLines
from replycheck_api.problems import Kind
from replycheck_api.schemas import LineOut, VerdictOut
from test_api import SECRET, SMALL, FakeChecker, fake_app, problem

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client would rather have a newer httpx than there is
    from starlette.testclient import TestClient

WORDS = "Thanks 😀 for writing! Please fill in the feedback form on our website."
MESSAGE = "The catalogue hides the e-books."
EMAIL = (
    f"From: a\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{WORDS}\r\n-- \r\nBo\r\n\r\n"
    f"On 3 Nov 2025, at 10:12, Ines <i@example.org> wrote:\r\n> {MESSAGE}\r\n"
)


@pytest.fixture(scope="module")
def client(checker: Checker) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(), checker)) as it:
        yield it


def settled(**given: Any) -> Settings:
    return replace(SMALL, **given)


# --- e-mail, HTML, context, options ------------------------------------------------------------------------------


def test_an_email_is_judged_by_its_new_words_and_the_message_it_quotes(client: TestClient, checker: Checker) -> None:
    by_kind = client.post("/v1/check", content=EMAIL.encode(), headers={"content-type": "message/rfc822"}).json()
    by_json = client.post("/v1/check", json={"email": EMAIL}).json()
    assert by_kind == by_json
    VerdictOut.model_validate(by_kind)
    alone = checker.check(WORDS, MESSAGE)
    assert (by_kind["label"], by_kind["p_pushing"]) == (str(alone.label), round(alone.probability, 4))
    body = EMAIL.partition("\r\n\r\n")[2]
    assert [body[s["start"] : s["end"]] for s in by_kind["sentences"]] == [alone.cut(s) for s in alone.sentences]
    assert by_kind["draft"]["quoted_message"] == MESSAGE
    assert [body[s["start"] : s["end"]] for s in by_kind["draft"]["signature"]] == ["-- \r\nBo"]
    given = client.post("/v1/check", json={"email": EMAIL, "patron_message": "Do you have a form?"}).json()
    assert given["message_kind"] == "request"


def test_html_and_plain_drafts(client: TestClient) -> None:
    markup = f"<p>{WORDS.replace('our', 'our&nbsp;<b>own</b>')}</p><blockquote>{MESSAGE}</blockquote>"
    for sent in (
        client.post("/v1/check", content=markup.encode(), headers={"content-type": "text/html; charset=UTF-8"}),
        client.post("/v1/check", json={"html": markup}),
    ):
        verdict = sent.json()
        last = verdict["sentences"][-1]
        assert markup[last["start"] : last["end"]].endswith("our&nbsp;<b>own</b> website.")
        assert last["text"].endswith("our own website.")
        assert verdict["draft"]["quoted_message"] == MESSAGE
    plain = f"{WORDS}\n\n> {MESSAGE}"
    for answer in (
        client.post("/v1/check", json={"draft": plain}),
        client.post(
            "/v1/check", content=plain.encode("utf-16"), headers={"content-type": "text/plain; charset=utf-16"}
        ),
    ):
        assert answer.json()["draft"]["quoted_message"] == MESSAGE


@pytest.mark.parametrize(
    ("sent", "pointers"),
    [
        ({"email": "no headers"}, ["/email"]),
        ({"html": "<blockquote>all quoted</blockquote>"}, ["/html"]),
        ({"draft": "> all quoted"}, ["/draft"]),
        ({"email": "From: a\nContent-Type: image/png\n\nabc"}, ["/email"]),
    ],
)
def test_a_draft_without_new_words(client: TestClient, sent: dict[str, str], pointers: list[str]) -> None:
    problem(client.post("/v1/check", json=sent), Kind.UNREADABLE, *pointers)


def test_raw_bodies_that_can_not_be_read(client: TestClient) -> None:
    for body, kind in ((b"\xff\xfe\xff", "text/plain"), (b"a", "text/html; charset=none"), (b"", "message/rfc822")):
        problem(client.post("/v1/check", content=body, headers={"content-type": kind}), Kind.UNREADABLE, "")


def test_one_form_of_words_and_no_more(client: TestClient) -> None:
    problem(client.post("/v1/check", json={"reply": "a", "html": "b"}), Kind.INVALID, "/html")
    problem(client.post("/v1/check/batch", json={"items": [{"reply": "a"}, {}]}), Kind.INVALID, "/items/1/reply")


def test_long_html_is_named(client: TestClient) -> None:
    problem(client.post("/v1/check", json={"html": "a " * 600_000}), Kind.TOO_LONG, "/html")
    problem(client.post("/v1/check", json={"draft": "a " * 60_000}), Kind.TOO_LONG, "/draft")
    problem(client.post("/v1/check", json={"html": "a " * 60_000}), Kind.TOO_LONG, "/html")
    turns = [{"role": "patron", "text": "a" * 60_000}] * 2
    problem(client.post("/v1/check", json={"reply": "a", "context": turns}), Kind.TOO_LONG, "/context")


def test_the_message_is_taken_from_the_context() -> None:
    fake = FakeChecker()
    context = [
        {"role": r, "text": t} for r, t in (("patron", "hi"), ("staff", "yes?"), ("patron", "a"), ("patron", "b"))
    ]
    with TestClient(fake_app(fake)) as client:
        client.post("/v1/check", json={"reply": "x", "context": context})
        client.post("/v1/check", json={"reply": "x", "context": context, "patron_message": "c"})
        client.post("/v1/check", json={"reply": "x", "context": context[:2]})
        client.post("/v1/check", json={"draft": "x\n> q", "context": context})
        bad = client.post("/v1/check", json={"reply": "x", "context": [{"role": "bot", "text": "a"}]})
    assert [r.patron_message for r in fake.seen] == ["a\n\nb", "c", None, "a\n\nb"]
    problem(bad, Kind.INVALID, "/context/0/role")


@pytest.mark.parametrize(("unit", "start"), [("codepoint", 22), ("utf16", 23), ("byte", 25)])
def test_offsets_in_the_unit_that_was_asked_for(client: TestClient, unit: str, start: int) -> None:
    for answer in (
        client.post(f"/v1/check?offset_unit={unit}", json={"reply": WORDS}),
        client.post("/v1/check?offset_unit=byte", json={"reply": WORDS, "options": {"offset_unit": unit}}),
    ):
        verdict = answer.json()
        assert verdict["offset_unit"] == unit
        assert verdict["sentences"][1]["start"] == start
    batch = client.post(f"/v1/check/batch?offset_unit={unit}", json={"items": [{"reply": WORDS}]}).json()
    assert batch["verdicts"][0]["sentences"][1]["start"] == start


def test_a_threshold_moves_the_label_only(client: TestClient) -> None:
    plain = client.post("/v1/check", json={"reply": WORDS, "patron_message": MESSAGE}).json()
    for threshold, label in ((0.001, "service-pushing"), (0.999, "listening")):
        other = client.post(f"/v1/check?threshold={threshold}", json={"reply": WORDS, "patron_message": MESSAGE}).json()
        assert (other["label"], other["threshold"]) == (label, threshold)
        assert {k: v for k, v in other.items() if k in ("p_pushing", "sentences", "unsure", "reasons")} == {
            k: v for k, v in plain.items() if k in ("p_pushing", "sentences", "unsure", "reasons")
        }


@pytest.mark.parametrize(
    ("query", "name"),
    [("threshold=2", "threshold"), ("language=de", "language"), ("offset_unit=word", "offset_unit"), ("treshold=0.5", "treshold")],
)  # fmt: skip
def test_options_that_can_not_be_accepted(client: TestClient, query: str, name: str) -> None:
    document = problem(client.post(f"/v1/check?{query}", json={"reply": "a"}), Kind.INVALID, "")
    assert f"query parameter {name}: " in document["detail"]
    key, value = query.split("=")
    problem(client.post("/v1/check", json={"reply": "a", "options": {key: value}}), Kind.INVALID, f"/options/{key}")


# --- streams -----------------------------------------------------------------------------------------------------


def lines(client: TestClient, body: bytes, **settings: Any) -> list[dict[str, Any]]:
    answer = client.post("/v1/check/batch", content=body, headers={"content-type": "application/x-ndjson"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    found = [json.loads(line) for line in answer.text.splitlines()]
    for line in found:
        LineOut.model_validate(line)
    return found


def test_a_stream_answers_every_line_by_number() -> None:
    body = (
        b'{"reply": "one"}\n\n{"reply": ""}\nnot json\n{"reply": "break it"}\r\n{"reply": "%s"}\n{"reply": "last"}'
        % (b"x" * 60)
    )
    with TestClient(fake_app()) as client:
        found = lines(client, body)
    kinds = {line["line"]: line["problem"]["type"].rpartition(":")[2] if "problem" in line else "" for line in found}
    assert kinds == {1: "", 3: "invalid", 4: "not-json", 5: "internal", 6: "too-long", 7: ""}
    assert found[-1]["verdict"]["sentences"][0]["text"] == "last"


def test_a_line_without_end_is_not_kept() -> None:
    with TestClient(fake_app()) as client:
        found = lines(client, b'{"reply": "one"}\n' + b"x" * 100_000 + b'\n{"reply": "two"}\n')
    assert [(line["line"], "problem" in line) for line in found] == [(1, False), (2, True), (3, False)]


def test_a_stream_ends_at_its_limit() -> None:
    with TestClient(fake_app(settings=settled(max_stream=40))) as client:
        found = lines(client, b'{"reply": "a"}\n' * 60)
        assert lines(client, b"") == []
        assert len(lines(client, b'{"reply": "a"}\n' * 40)) == 40
    assert [line["line"] for line in found] == list(range(1, 42))
    assert found[-1]["problem"]["type"].endswith("batch-too-large")


def test_a_stream_is_the_same_as_single_calls(client: TestClient) -> None:
    sent = [
        {"reply": WORDS, "patron_message": MESSAGE},
        {"html": "<p>We have a guide.</p>"},
        {"reply": "😀", "options": {"offset_unit": "utf16"}},
    ]
    found = lines(client, "\n".join(map(json.dumps, sent)).encode())
    assert [line["verdict"] for line in found] == [client.post("/v1/check", json=one).json() for one in sent]


def test_a_stream_is_answered_while_it_is_sent_and_reads_no_further_than_it_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Straight through ASGI, where it can be seen what has been read and written when."""
    monkeypatch.setattr("replycheck_api.stream.AHEAD", 2000)
    app = fake_app(settings=settled(max_stream=100_000))
    read = 0
    written: list[bytes] = []
    blocked = asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b'{"reply": "a"}\n' * 10, "more_body": read < 500}

    async def send(message: Any) -> None:
        written.append(message.get("body", b""))
        if len(written) == 3:
            await blocked.wait()

    async def call() -> None:
        app.state.service.load()
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/v1/check/batch",
            "raw_path": b"/v1/check/batch", "query_string": b"", "root_path": "", "scheme": "http",
            "headers": [(b"content-type", b"application/x-ndjson")], "client": ("127.0.0.1", 1), "server": ("a", 1),
        }  # fmt: skip
        running = asyncio.create_task(app(scope, receive, send))
        while len(written) < 3:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.1)
        held = read
        assert 0 < held < 100
        await asyncio.sleep(0.1)
        assert read == held
        blocked.set()
        await running

    asyncio.run(call())
    assert read == 500
    assert b"".join(written).count(b"\n") == 5_000


# --- who may call ------------------------------------------------------------------------------------------------


def test_a_key_is_needed_where_there_are_any(tmp_path: Path) -> None:
    (key, line), (other, other_line) = new_key("desk"), new_key("chat")
    file = tmp_path / "keys"
    file.write_text(f"# tools\n{other_line}\n\n")
    with TestClient(fake_app(settings=settled(api_keys=(line,), api_keys_file=file))) as client:
        answer = client.post("/v1/check", json={"reply": "a"})
        problem(answer, Kind.UNAUTHORIZED)
        assert answer.headers["www-authenticate"] == "Bearer"
        for headers in ({"authorization": f"Bearer {key}"}, {"x-api-key": other}):
            assert client.post("/v1/check", json={"reply": "a"}, headers=headers).status_code == 200
            assert client.get("/metrics", headers=headers).status_code == 200
        for wrong in (key[:-1], "", line.partition(":")[2], "ü"):
            headers = {"x-api-key": wrong.encode()}  # type: ignore[dict-item]
            problem(client.post("/v1/check", json={"reply": "a"}, headers=headers), Kind.UNAUTHORIZED)
        problem(client.get("/v1/model"), Kind.UNAUTHORIZED)
        problem(client.get("/metrics"), Kind.UNAUTHORIZED)
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
        asked = {"text": "a", "language": "en"}
        refused = client.post("/v2/check", data=asked)
        assert (refused.status_code, refused.text[:7]) == (401, "Error: ")
        assert client.post("/v2/check", data=asked | {"apiKey": "no"}).status_code == 401
        document = client.get("/openapi.json").json()
        assert document["paths"]["/v1/check"]["post"]["security"]
        assert "security" not in document["paths"]["/healthz"]["get"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "desk.example.org", ""])
def test_an_address_that_others_reach_needs_keys(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(UsageError, match="API keys are needed"):
        create_app(settled(host=host))
    Access(settled(host=host, api_keys=(new_key("a")[1],)))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    assert is_loopback(host)
    assert not Access(settled(host=host)).needs_key


def test_keys_that_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("\n\nplain-key\n")
    with pytest.raises(UsageError, match=r"keys, line 3: expected NAME:SHA256") as found:
        Access(settled(api_keys_file=tmp_path / "keys"))
    assert "plain-key" not in str(found.value)
    with pytest.raises(UsageError, match="can't be read"):
        Access(settled(api_keys_file=tmp_path / "none"))
    with pytest.raises(UsageError, match="rate_limit"):
        Access(settled(rate_limit="often"))
    with pytest.raises(UsageError, match="new-key"):
        new_key("a b")


def test_each_key_has_its_own_limit() -> None:
    (key, line), (other, other_line) = new_key("desk"), new_key("chat")
    with TestClient(fake_app(settings=settled(api_keys=(line, other_line), rate_limit="2/minute"))) as client:
        for _ in range(2):
            assert client.post("/v1/check", json={"reply": "a"}, headers={"x-api-key": key}).status_code == 200
        refused = client.post("/v1/check", json={"reply": "a"}, headers={"x-api-key": key})
        problem(refused, Kind.TOO_MANY)
        assert 1 <= int(refused.headers["retry-after"]) <= 61
        assert client.post("/v1/check", json={"reply": "a"}, headers={"x-api-key": other}).status_code == 200


def test_a_clock_that_is_put_back_shuts_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    with TestClient(fake_app(settings=settled(rate_limit="2/minute"))) as client:

        def answers(at: float) -> list[int]:
            monkeypatch.setattr(time, "time", lambda: at)
            return [client.post("/v1/check", json={"reply": "a"}).status_code for _ in range(3)]

        assert answers(now) == [200, 200, 429]
        assert answers(now + 365 * 86_400) == [200, 200, 429]
        assert answers(now)[:2] == [200, 200]


def test_pages_of_listed_origins_may_call() -> None:
    origin = "https://desk.example.org"
    with TestClient(fake_app(settings=settled(cors_origins=(origin,)))) as client:
        for path, sent in (("/v1/check", {}), ("/v2/check", {})):
            refused = client.post(path, json=sent, headers={"origin": origin})
            assert refused.status_code >= 400
            assert refused.headers["access-control-allow-origin"] == origin
        other = client.post("/v1/check", json={"reply": "a"}, headers={"origin": "https://other.example.org"})
        assert "access-control-allow-origin" not in other.headers
        asked = {
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type",
        }
        assert client.options("/v1/check", headers=asked).status_code == 200
    with TestClient(fake_app()) as client:
        answer = client.post("/v1/check", json={"reply": "a"}, headers={"origin": origin})
        assert "access-control-allow-origin" not in answer.headers


# --- limits in time ----------------------------------------------------------------------------------------------


def call(app: Any, receive: Any) -> list[Any]:
    """What the application sends for a call whose body comes from `receive`."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/v1/check",
        "raw_path": b"/v1/check", "query_string": b"", "root_path": "", "scheme": "http",
        "headers": [(b"content-type", b"application/json")], "client": ("127.0.0.1", 1), "server": ("a", 1),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return sent


def test_a_caller_who_pauses_too_long_is_told() -> None:
    app = fake_app(settings=settled(request_timeout=1))
    app.user_middleware[-1].kwargs["timeout"] = 0.05

    async def never() -> dict[str, Any]:
        await asyncio.sleep(60)
        raise AssertionError

    begin = time.monotonic()
    sent = call(app, never)
    assert time.monotonic() - begin < 5
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["type"].endswith(":timeout")


def test_more_callers_than_can_wait_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("replycheck_api.service._MOST_WAITING", 3)
    app = fake_app()

    async def many() -> list[int]:
        app.state.service.load()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://a") as client:
            calls = (client.post("/v1/check", json={"reply": "a"}) for _ in range(12))
            return [answer.status_code for answer in await asyncio.gather(*calls)]

    found = asyncio.run(many())
    assert set(found) == {200, 503}
    assert found.count(200) >= 3


def test_a_fault_with_one_reply_is_nobody_elses() -> None:
    app = fake_app()

    async def together() -> list[int]:
        app.state.service.load()
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://a") as client:
            texts = ["fine", "break it", "fine too"]
            calls = (client.post("/v1/check", json={"reply": t}) for t in texts)
            return [answer.status_code for answer in await asyncio.gather(*calls)]

    assert asyncio.run(together()) == [200, 500, 200]


# --- logs and counters -------------------------------------------------------------------------------------------


def record(name: str, message: str, *arguments: object, fault: BaseException | None = None) -> dict[str, Any]:
    info = (type(fault), fault, fault.__traceback__) if fault else None
    made = logging.LogRecord(name, logging.ERROR, "f.py", 1, message, arguments, info)
    found: dict[str, Any] = json.loads(JsonLines().format(made))
    return found


def test_a_line_of_the_log_holds_no_text() -> None:
    try:
        raise ValueError(SECRET)
    except ValueError as fault:
        for name in ("asyncio", "uvicorn.error", "replycheck_api.guard"):
            found = record(name, "Task exception was never retrieved\nfuture: " + SECRET, fault=fault)
            if name != "replycheck_api.guard":
                assert SECRET not in json.dumps(found)
            assert found["exception"].startswith("ValueError at test_http.py:")
    assert SECRET not in json.dumps(record("httpx", "GET %s", SECRET))
    assert record("replycheck_api.x", "at %s", "a.py:1")["message"] == "at a.py:1"


def test_calls_are_logged_by_route_and_never_by_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with TestClient(fake_app()) as client:
        for path in (f"/{SECRET}", f"/v2/check?text={SECRET}&language=en", f"/v1/check?{SECRET}=1"):
            client.get(path)
        client.post("/v1/check", json={"html": f"<p>{SECRET}</p>"})
        client.post("/v1/check", json={"email": SECRET})
        client.post("/v1/check", json={"context": [{"role": SECRET, "text": SECRET}], "reply": SECRET})
        client.post("/v2/check", data={"data": SECRET, "language": SECRET})
        client.post(
            "/v1/check/batch",
            content=f'{{"reply": "break {SECRET}"}}\n{SECRET}\n',
            headers={"content-type": "application/jsonl"},
        )
    formatted = "\n".join(JsonLines().format(r) for r in caplog.records)
    assert "/v1/check/batch" in formatted
    assert SECRET not in formatted
    assert SECRET.replace(" ", "%20") not in formatted
    ours = [r for r in caplog.records if r.name.startswith("replycheck")]
    assert all(SECRET not in r.getMessage() for r in ours)


def test_counters(client: TestClient) -> None:
    client.post("/v1/check", json={"reply": WORDS, "patron_message": MESSAGE})
    client.post("/v1/check", json={})
    client.get(f"/{SECRET}")
    page = client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'replycheck_requests_total{route="/v1/check",status="200"}',
        'replycheck_refusals_total{problem="invalid"}',
        'replycheck_request_seconds_bucket{le="0.1",route="/v1/check"}',
        'replycheck_verdicts_total{label="service-pushing",unsure=',
        'replycheck_model_in_use{model_version="default-',
        'replycheck_requests_total{route="none",status="404"}',
    ):
        assert line in page.text, line
    assert "sauna" not in page.text


# --- a new model -------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(Settings().model, tmp_path / "model")
    return tmp_path / "model"


def promote(folder: Path, name: str) -> None:
    """Put a model of another version in the folder's place, as training does."""
    from dataclasses import asdict

    from replycheck.bundle import Manifest, _write, inspect_bundle

    manifest, contents = inspect_bundle(folder)
    _write(folder, Manifest(**{**asdict(manifest), "model_version": name}), contents)


def until(client: TestClient, version: str) -> bool:
    for _ in range(400):
        if client.get("/v1/model").json()["model_version"] == version:
            return True
        time.sleep(0.02)
    return False


def test_a_promoted_model_takes_over_without_a_dropped_call_and_a_broken_one_does_not(folder: Path) -> None:
    app = create_app(Settings(model=folder))
    object.__setattr__(app.state.service.settings, "reload_seconds", 0.02)
    statuses: list[int] = []
    versions: set[str] = set()
    stop = threading.Event()
    with TestClient(app) as client:
        first = client.get("/v1/model").json()["model_version"]

        def keep_calling() -> None:
            while not stop.is_set():
                answer = client.post("/v1/check", json={"reply": WORDS})
                statuses.append(answer.status_code)
                versions.add(answer.json()["model_version"])

        caller = threading.Thread(target=keep_calling)
        caller.start()
        try:
            promote(folder, "next-1")
            assert until(client, "next-1")
            (folder / "engine.skops").write_bytes(b"broken")
            time.sleep(0.3)
            assert client.get("/v1/model").json()["model_version"] == "next-1"
            shutil.rmtree(folder)
            time.sleep(0.1)
            assert client.post("/v1/check", json={"reply": WORDS}).json()["model_version"] == "next-1"
            shutil.copytree(Settings().model, folder)
            assert until(client, first)
        finally:
            stop.set()
            caller.join()
        page = client.get("/metrics").text
    assert set(statuses) == {200}
    assert versions >= {first, "next-1"}
    assert 'replycheck_model_reloads_total{outcome="refused"}' in page
    assert 'replycheck_model_in_use{model_version="next-1"} 0.0' in page


def test_a_card_that_was_written_anew_is_no_new_model(folder: Path) -> None:
    app = create_app(Settings(model=folder))
    object.__setattr__(app.state.service.settings, "reload_seconds", 0.02)
    with TestClient(app) as client:
        before = app.state.service.model
        add_file(folder, "card.md", b"# card\n")
        time.sleep(1)
        assert app.state.service.model is before
        assert 'outcome="loaded"' not in client.get("/metrics").text


# --- settings ----------------------------------------------------------------------------------------------------


def test_a_file_of_settings_and_the_environment_over_it(tmp_path: Path) -> None:
    file = tmp_path / "replycheck.toml"
    file.write_text(
        'port = 9000\nmodel = "m"\ncors_origins = ["https://a.example.org", "https://b.example.org"]\nhost = "::1"\n'
    )
    found = Settings.from_environment({"REPLYCHECK_CONFIG": str(file), "REPLYCHECK_PORT": "9001"})
    assert (found.port, found.host, found.model) == (9001, "::1", Path("m"))
    assert found.cors_origins == ("https://a.example.org", "https://b.example.org")
    assert Settings.from_environment(found.to_environment()) == found
    assert Settings.from_environment(Settings().to_environment()) == Settings()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("prot = 1", "no such setting"),
        ("port = true", "a whole number"),
        ("port = 0", "a whole number"),
        ("port = '80'", "a whole number"),
        ("host = 1", "a string"),
        ("cors_origins = [1]", "a list of strings"),
        ("port =", "not TOML"),
    ],
)
def test_a_file_of_settings_that_does_not_hold(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "replycheck.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=why) as found:
        Settings.from_environment({"REPLYCHECK_CONFIG": str(file)})
    assert str(file) in str(found.value)
    with pytest.raises(UsageError, match="can't be read"):
        Settings.from_environment({"REPLYCHECK_CONFIG": str(tmp_path / "none")})


def test_every_setting_is_documented() -> None:
    from dataclasses import fields

    told = descriptions()
    names = [f.name for f in fields(Settings)]
    assert sorted(told) == sorted(names)
    text = (Path(__file__).resolve().parent.parent / "docs" / "serving.md").read_text("utf-8")
    for name in names:
        assert f"| `{name}` | {told[name]} |" in text, name
