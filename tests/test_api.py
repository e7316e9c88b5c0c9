"""The HTTP service: every way a call can go wrong, and that it says what the Python call says."""

from __future__ import annotations

import json
import logging
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import MagicMock
from urllib.parse import urlencode

import httpx
import pytest
from pydantic import BaseModel

import replycheck
from replycheck.checker import Checker
from replycheck.codebook import Move
from replycheck.errors import TooLong
from replycheck.reply import Reply, Sentence, Verdict
from replycheck.settings import Settings
from replycheck_api import create_app, schemas
from replycheck_api.__main__ import Server, main
from replycheck_api.app import body_limit
from replycheck_api.problems import MEDIA_TYPE, MOST_ERRORS, Kind
from replycheck_api.schemas import BatchOut, ModelOut, ProblemOut, VerdictOut

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client would rather have a newer httpx than there is
    from starlette.testclient import TestClient

SECRET = "the sauna in the stacks"
SMALL = Settings(max_chars=50, max_batch=3)


class FakeChecker:
    """Says `pitches` of every reply, and its length; breaks on demand."""

    model_version = "fake-1"
    engine = SimpleNamespace(threshold_=0.5)

    def __init__(self) -> None:
        self.inside = self.most_inside = 0
        self.seen: list[Reply] = []

    def check_many(self, replies: list[Reply]) -> list[Verdict]:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        self.seen += replies
        time.sleep(0.002)
        self.inside -= 1
        for reply in replies:
            if reply.text.startswith("break"):
                raise ValueError(f"can't judge {reply.text!r} to {reply.patron_message!r}")
        return [self._verdict(r.text) for r in replies]

    def _verdict(self, text: str) -> Verdict:
        said = (Sentence(0, len(text), Move.PITCHES, 0.9),)
        return Verdict(text, len(text) / 100, 0.5, None, "", None, None, said, (), self.model_version)


def fake_app(fake: FakeChecker | None = None, settings: Settings = SMALL) -> Any:
    return create_app(settings, cast(Checker, fake or FakeChecker()))


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(fake_app()) as it:
        yield it


@pytest.fixture(scope="module")
def real() -> Checker:
    return replycheck.load()


@pytest.fixture(scope="module")
def real_client(real: Checker) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(), real)) as it:
        yield it


def problem(response: httpx.Response, kind: Kind, *pointers: str) -> dict[str, Any]:
    """The problem document, once it is known to be a proper one."""
    assert response.status_code == kind.status, response.text
    assert response.headers["content-type"] == MEDIA_TYPE
    document: dict[str, Any] = response.json()
    ProblemOut.model_validate(document)
    assert document["type"] == f"urn:replycheck:problem:{kind.slug}"
    assert document["title"] == kind.title
    assert document["status"] == kind.status
    assert [e["pointer"] for e in document.get("errors", [])] == list(pointers)
    assert "Traceback" not in response.text
    return document


# --- the same verdict as from Python -----------------------------------------------------------------------------

REPLIES = [
    Reply("Thanks for writing! We have cameras to borrow at the tech desk.", "My students have nothing to film on."),
    Reply("Thanks for writing! We have cameras to borrow at the tech desk.", "Do you lend cameras?"),
    Reply("Thanks for writing! We have cameras to borrow at the tech desk."),
    Reply("What would you like to see instead?\n\nI'll raise it on Tuesday.", "The login just spins", "chat"),
    Reply("😀"),
    Reply("Thank you\x00 so much"),
    Reply("We \ud800 have a guide for that."),
    Reply("שלום, תודה שכתבת לנו"),
    Reply("<p>Please <b>fill in</b> our survey.</p><script>alert(1)</script>"),
    Reply("Bonjour, merci pour votre message. Vous pouvez passer au bureau."),
    Reply("\U0001f9d1\u200d\U0001f4bb You just need to clear your cache.", "it's slow 🙄"),
]


def as_json(reply: Reply) -> bytes:
    given = {"reply": reply.text, "patron_message": reply.patron_message, "channel": reply.channel}
    return json.dumps({k: v for k, v in given.items() if v is not None}).encode()


def post(client: TestClient, path: str, body: bytes | str, content_type: str = "application/json") -> httpx.Response:
    response: httpx.Response = client.post(path, content=body, headers={"content-type": content_type})
    return response


@pytest.mark.parametrize("reply", REPLIES, ids=lambda r: ascii(r.text[:12]))
def test_http_and_python_give_the_same_verdict(real_client: TestClient, real: Checker, reply: Reply) -> None:
    response = post(real_client, "/v1/check", as_json(reply))
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json() == real.check(reply).to_dict()
    VerdictOut.model_validate(response.json())


def test_a_batch_gives_the_verdicts_of_its_items_in_order(real_client: TestClient, real: Checker) -> None:
    body = b'{"items":[' + b",".join(map(as_json, REPLIES)) + b"]}"
    response = post(real_client, "/v1/check/batch", body)
    assert response.status_code == 200
    assert response.json() == {"verdicts": [real.check(r).to_dict() for r in REPLIES]}


def test_order_of_a_batch(client: TestClient) -> None:
    texts = ["one", "a second", "iii"]
    response = client.post("/v1/check/batch", json={"items": [{"reply": t} for t in texts]})
    found = response.json()
    BatchOut.model_validate(found)
    assert [v["sentences"][0]["text"] for v in found["verdicts"]] == texts
    assert client.post("/v1/check/batch", json={"items": []}).json() == {"verdicts": []}


def test_all_that_is_sent_reaches_the_checker() -> None:
    fake = FakeChecker()
    with TestClient(fake_app(fake)) as client:
        client.post("/v1/check", json={"reply": "a", "patron_message": "b", "channel": "chat"})
    assert fake.seen == [Reply("a", "b", "chat")]


def test_a_reply_of_the_greatest_length_is_judged(real_client: TestClient) -> None:
    text = ("We have a guide for that. " * 4000)[:100_000]
    verdict = real_client.post("/v1/check", json={"reply": text}).json()
    assert verdict["unsure_reason"] == "out_of_domain"


def test_one_caller_at_a_time_is_inside_the_checker() -> None:
    fake = FakeChecker()
    with TestClient(fake_app(fake)) as client:
        calls = [threading.Thread(target=client.post, args=("/v1/check",), kwargs={"json": {"reply": "a"}})
                 for _ in range(8)]  # fmt: skip
        for call in calls:
            call.start()
        for call in calls:
            call.join()
    assert (len(fake.seen), fake.most_inside) == (8, 1)


# --- what is wrong with a call -----------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", ["", " ", "\n\t\u00a0\u2003"])
def test_a_blank_reply_is_refused(client: TestClient, blank: str) -> None:
    problem(client.post("/v1/check", json={"reply": blank}), Kind.INVALID, "/reply")
    items = [{"reply": "fine"}, {"reply": blank}]
    problem(client.post("/v1/check/batch", json={"items": items}), Kind.INVALID, "/items/1/reply")


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        ("/v1/check", "{}", ["/reply"]),
        ("/v1/check", "null", [""]),
        ("/v1/check", "[]", [""]),
        ("/v1/check", '"text"', [""]),
        ("/v1/check", '{"reply": 5}', ["/reply"]),
        ("/v1/check", '{"reply": null}', ["/reply"]),
        ("/v1/check", '{"reply": NaN}', ["/reply"]),
        ("/v1/check", '{"reply": "a", "patron_message": ["b"]}', ["/patron_message"]),
        ("/v1/check", '{"reply": "a", "patronMessage": "b"}', ["/patronMessage"]),
        ("/v1/check", '{"reply": "a", "a/b~c": "b"}', ["/a~1b~0c"]),
        ("/v1/check", '{"message": "b"}', ["/reply", "/message"]),
        ("/v1/check/batch", '{"items": {}}', ["/items"]),
        ("/v1/check/batch", "[]", [""]),
        ("/v1/check/batch", "{}", ["/items"]),
        ("/v1/check/batch", '{"items": [{"reply": "a"}, "b", {"reply": "c", "x": 1}]}', ["/items/1", "/items/2/x"]),
    ],
)
def test_a_field_at_fault_is_named(client: TestClient, path: str, body: str, pointers: list[str]) -> None:
    document = problem(post(client, path, body), Kind.INVALID, *pointers)
    assert document["instance"] == path
    assert (pointers[0] or "the body") in document["detail"]


def test_a_field_whose_name_has_no_utf8_is_refused(client: TestClient) -> None:
    assert post(client, "/v1/check", rb'{"reply": "a", "\ud800": 1}').status_code == 422


def test_a_flood_of_errors_is_cut(client: TestClient) -> None:
    document = client.post("/v1/check", json={"reply": "a"} | dict.fromkeys(map(str, range(500)), 1)).json()
    assert len(document["errors"]) == MOST_ERRORS
    assert "500 fields" in document["detail"]


def test_each_text_over_the_limit_is_named(client: TestClient) -> None:
    long = "x" * 51
    document = problem(
        client.post("/v1/check", json={"reply": long, "patron_message": long, "channel": "y" * 50}),
        Kind.TOO_LONG,
        "/reply",
        "/patron_message",
    )
    assert document["errors"][0]["detail"] == str(TooLong("reply", 51, 50))
    items = [{"reply": "a"}, {"reply": "b", "patron_message": long}]
    problem(client.post("/v1/check/batch", json={"items": items}), Kind.TOO_LONG, "/items/1/patron_message")


def test_length_counts_characters_not_bytes(client: TestClient) -> None:
    assert client.post("/v1/check", json={"reply": "😀" * 50}).status_code == 200
    problem(client.post("/v1/check", json={"reply": "😀" * 51}), Kind.TOO_LONG, "/reply")


def test_200_000_characters_are_too_long_for_the_usual_settings(real_client: TestClient) -> None:
    document = problem(real_client.post("/v1/check", json={"reply": "word " * 40_000}), Kind.TOO_LONG, "/reply")
    assert "200,000" in document["detail"]
    astral = post(real_client, "/v1/check", json.dumps({"reply": "😀" * 150_000}))
    problem(astral, Kind.TOO_LONG, "/reply")


def test_a_batch_over_the_limit_is_refused_before_its_items_are_read(client: TestClient) -> None:
    document = problem(client.post("/v1/check/batch", json={"items": [{}] * 4}), Kind.BATCH_TOO_LARGE, "/items")
    assert "4 items; at most 3" in document["detail"]


def test_a_body_over_the_limit_is_not_read_to_its_end(client: TestClient) -> None:
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b" " * 4096

    limit = body_limit(SMALL)
    problem(client.post("/v1/check", content=body(), headers={"content-type": "application/json"}), Kind.BODY_TOO_LARGE)
    document = problem(post(client, "/v1/check", b" " * (limit + 1)), Kind.BODY_TOO_LARGE)
    assert f"{limit:,}" in document["detail"]
    problem(post(client, "/v1/check", b" " * limit), Kind.NOT_JSON)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"reply=hello",
        b'{"reply": "a"} more',
        b'{"reply": "\x00"}',
        b'{"reply": "caf\xe9"}',
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b'{"reply": ' + b"9" * 5000 + b"}",
        b"[" * 13_000,
    ],
    ids=lambda b: ascii(b[:12]),
)
def test_what_is_not_json(client: TestClient, body: bytes) -> None:
    for path in ("/v1/check", "/v1/check/batch"):
        problem(post(client, path, body), Kind.NOT_JSON)


@pytest.mark.parametrize("content_type", ["image/png", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_another_content_type_is_refused(client: TestClient, content_type: str) -> None:
    problem(post(client, "/v1/check", b'{"reply": "a"}', content_type), Kind.UNSUPPORTED_MEDIA_TYPE)
    problem(client.post("/v1/check", content=b'{"reply": "a"}'), Kind.UNSUPPORTED_MEDIA_TYPE)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/x+json"])
def test_json_by_another_name_is_read(client: TestClient, content_type: str) -> None:
    assert post(client, "/v1/check", b'{"reply": "a"}', content_type).status_code == 200


@pytest.mark.parametrize("path", ["/v1", "/v1/check/", "/docs", "/%F0%9F%98%80", "/%FF"])
def test_an_unknown_path(client: TestClient, path: str) -> None:
    problem(client.get(path), Kind.NOT_FOUND)


def test_another_method(client: TestClient) -> None:
    response = client.get("/v1/check")
    assert problem(response, Kind.METHOD_NOT_ALLOWED)["detail"] == "Use POST."
    assert response.headers["allow"] == "POST"
    problem(client.delete("/readyz"), Kind.METHOD_NOT_ALLOWED)


def test_a_fault_of_ours_tells_nothing_of_the_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with TestClient(fake_app()) as client:
        response = client.post("/v1/check", json={"reply": f"break {SECRET}", "patron_message": SECRET})
    problem(response, Kind.INTERNAL)
    assert SECRET not in response.text
    assert SECRET not in caplog.text
    assert "ValueError at test_api.py:" in caplog.text


# --- privacy -----------------------------------------------------------------------------------------------------


def test_no_text_is_logged_or_printed(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    with TestClient(fake_app()) as client:
        sent = {"reply": SECRET, "patron_message": SECRET}
        assert client.post("/v1/check", json=sent).status_code == 200
        assert client.post("/v1/check/batch", json={"items": [sent]}).status_code == 200
        for bad in (sent | {"reply": SECRET * 9}, sent | {"x": SECRET}, {"reply": [SECRET]}):
            assert SECRET not in client.post("/v1/check", json=bad).text
        assert SECRET not in post(client, "/v1/check", f'{{"{SECRET}": ').text
    printed = capfd.readouterr()
    assert SECRET not in caplog.text + printed.out + printed.err


def test_nothing_goes_to_a_collector_that_happens_to_be_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    collector = MagicMock()
    monkeypatch.setattr("opentelemetry.trace.get_tracer_provider", lambda: collector)
    monkeypatch.setattr("opentelemetry.metrics.get_meter_provider", lambda: collector)
    monkeypatch.setattr("opentelemetry._logs.get_logger_provider", lambda: collector)
    with TestClient(fake_app()) as client:
        assert client.post("/v1/check", json={"reply": [SECRET]}).status_code == 422
        assert client.post("/v1/check", json={"reply": f"break {SECRET}"}).status_code == 500
    assert collector.mock_calls == []


# --- the model and its state -------------------------------------------------------------------------------------


def test_ready_once_the_model_is_loaded() -> None:
    client = TestClient(create_app(Settings()))
    assert client.get("/healthz").json() == {"status": "alive"}
    response = client.get("/readyz")
    problem(response, Kind.NOT_READY)
    assert response.headers["retry-after"] == "1"
    problem(client.get("/v1/model"), Kind.NOT_READY)
    problem(client.post("/v1/check", json={"reply": "a"}), Kind.NOT_READY)
    with client:
        ready = client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready"})
        manifest = json.loads((Settings().model / "manifest.json").read_text("utf-8"))
        model = client.get("/v1/model").json()
        assert model == {name: manifest[name] for name in ModelOut.model_fields}
        assert client.post("/v1/check", json={"reply": "a"}).json()["model_version"] == model["model_version"]


def test_a_checker_that_was_handed_in_tells_what_it_knows(client: TestClient) -> None:
    model = client.get("/v1/model").json()
    ModelOut.model_validate(model)
    assert (model["model_version"], model["threshold"], model["name"]) == ("fake-1", 0.5, None)


def test_no_model_is_loaded_at_import_or_by_the_factory(tmp_path: Any) -> None:
    missing = Settings(model=tmp_path / "none")
    app = create_app(missing)
    with pytest.raises(replycheck.ReplycheckError, match="no such model folder"), TestClient(app):
        pass


# --- the OpenAPI document ----------------------------------------------------------------------------------------


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_openapi_describes_every_call_with_examples_and_problems(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    v1 = {"/v1/check", "/v1/check/batch", "/v1/model", "/healthz", "/readyz", "/metrics"}
    v2 = {"/v2/check", "/v2/languages", "/v2/maxtextlength", "/v2/configinfo", "/v2/info", "/v2/healthcheck"}
    v1 |= {"/v1/codebook", "/v1/page", "/v1/reorder", "/v1/feedback", "/v1/feedback/{id}"}
    assert set(document["paths"]) == v1 | v2
    for reference in references(document):
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]
    for path, operation in operations(document):
        assert operation["summary"], path
        for status, response in operation["responses"].items():
            assert response["description"]
            for kind, media in response["content"].items():
                assert media["schema"]
                assert media.get("example") or media.get("examples"), (path, status, kind)
            if status != "200":
                kind = "text/plain" if path in v2 else MEDIA_TYPE
                assert list(response["content"]) == [kind], (path, status)
                for example in response["content"][kind]["examples"].values():
                    if path in v1:
                        ProblemOut.model_validate(example["value"])
                        assert example["value"]["status"] == int(status)
                    else:
                        assert example["value"].startswith("Error: ")
    post_statuses = {"200", "400", "401", "408", "413", "415", "422", "429", "500", "503"}
    for path in ("/v1/check", "/v1/check/batch"):
        assert set(document["paths"][path]["post"]["responses"]) == post_statuses


def test_examples_are_true_to_their_schemas_and_are_accepted(real_client: TestClient) -> None:
    document = real_client.get("/openapi.json").json()
    named = {m.__name__: m for m in vars(schemas).values() if isinstance(m, type) and issubclass(m, BaseModel)}
    tried = 0
    for path, operation in operations(document):
        for kind, media in operation["responses"]["200"]["content"].items():
            if "$ref" in media["schema"]:
                named[media["schema"]["$ref"].rpartition("/")[2]].model_validate(media["example"])
            for given, body in operation.get("requestBody", {}).get("content", {}).items():
                for example in body.get("examples", {"": {"value": body.get("example")}}).values():
                    sent = example["value"]
                    raw = urlencode(sent) if "form" in given else sent if isinstance(sent, str) else json.dumps(sent)
                    answer = post(real_client, path, raw, given)
                    if path == "/v1/feedback":  # where its answers are looked at: test_feedback.py
                        problem(answer, Kind.NO_STORE)
                        continue
                    assert answer.status_code == 200, answer.text
                    if kind in answer.headers["content-type"] and kind == "application/json":
                        told = {*media["example"], "draft"} if path == "/v1/check" else media["example"].keys()
                        assert answer.json().keys() <= set(told)
                        tried += 1
    assert tried >= 8
    verdict = document["paths"]["/v1/check"]["post"]["responses"]["200"]["content"]["application/json"]["example"]
    reply = schemas.REQUEST_EXAMPLE["reply"]
    for span in verdict["sentences"] + verdict["reasons"]:
        assert reply[span["start"] : span["end"]] == span["text"]


# --- starting it -------------------------------------------------------------------------------------------------


def test_the_server_says_where_it_listens_and_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    server = Server(fake_app(), replace(SMALL, port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        line = capsys.readouterr().out
        assert line.startswith("replycheck listens on http://127.0.0.1:")
        address = line.split()[-1]
        assert httpx.get(f"{address}/healthz", trust_env=False).json() == {"status": "alive"}
        problem(httpx.post(f"{address}/v1/check", json={"reply": f"break {SECRET}"}, trust_env=False), Kind.INTERNAL)
    finally:
        server.should_exit = True
        thread.join()
    printed = "".join(capsys.readouterr())
    assert SECRET not in printed
    assert "/v1/check" not in printed


@pytest.mark.parametrize(
    ("variable", "value", "code", "said"),
    [("PORT", "http", 2, "REPLYCHECK_PORT='http'"), ("MODEL", "/nowhere", 3, "/nowhere: no such model folder")],
)
def test_a_setting_that_does_not_hold_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variable: str, value: str, code: int, said: str
) -> None:
    monkeypatch.setenv(f"REPLYCHECK_{variable}", value)
    assert main() == code
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1


def test_loopback_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Server] = []
    monkeypatch.setattr(Server, "run", lambda server: started.append(server))
    assert main() == 0
    assert started[0].config.host == "127.0.0.1"
