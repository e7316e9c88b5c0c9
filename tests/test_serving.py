"""The service as a process: started, called with curl, Python and JavaScript, behind nginx, stopped; and what it logs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from replycheck.settings import Settings
from replycheck_api.__main__ import main

ROOT = Path(__file__).resolve().parent.parent
SECRET = "the sauna in the stacks"
SENT = {
    "reply": "Please fill in the feedback form on our website.",
    "patron_message": "The catalogue hides the e-books.",
}
EMAIL = f"From: a\r\n\r\n{SENT['reply']}\r\n\r\n> {SENT['patron_message']}\r\n".encode()


def needs(program: str) -> str:
    """The program's path; where it is missing, the test is left out, and says so."""
    if found := shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
        return found
    warnings.filterwarnings("default", message="LEFT OUT")
    warnings.warn(f"LEFT OUT: {program} is not installed", stacklevel=2)
    pytest.skip(f"{program} is not installed")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def running(log: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """(address, process) of a service of its own, once it is ready."""
    port = free_port()
    command = [sys.executable, "-m", "replycheck_api", "--port", str(port), *options]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stderr=file, stdout=file, env=os.environ | {"OMP_NUM_THREADS": "1"})
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/readyz", timeout=2)
                break
            except OSError:
                assert process.poll() is None, log.read_text()
                time.sleep(0.1)
        yield address, process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("service") / "log"


@pytest.fixture(scope="module")
def address(log: Path) -> Iterator[str]:
    with running(log, "--log-level", "debug") as (found, _):
        yield found


def post(address: str, body: bytes, kind: str = "application/json", path: str = "/v1/check") -> tuple[int, Any]:
    call = urllib.request.Request(address + path, body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(call, timeout=60) as answer:
            raw, status = answer.read(), answer.status
    except urllib.error.HTTPError as refused:
        raw, status = refused.read(), refused.code
    return status, raw if path.startswith("/v2") else json.loads(raw)


# --- one call with each --------------------------------------------------------------------------------------------


def test_python_calls(address: str) -> None:
    status, verdict = post(address, json.dumps(SENT).encode())
    assert (status, verdict["label"]) == (200, "service-pushing")


def test_curl_calls(address: str, tmp_path: Path) -> None:
    (tmp_path / "draft.eml").write_bytes(EMAIL)
    command = [needs("curl"), "-s", f"{address}/v1/check", "-H", "Content-Type: message/rfc822"]
    out = subprocess.run([*command, "--data-binary", f"@{tmp_path}/draft.eml"], capture_output=True, check=True).stdout
    assert json.loads(out)["draft"]["quoted_message"] == SENT["patron_message"]
    (tmp_path / "many").write_text('{"reply": "We have a guide."}\n' * 2000)
    stream = [needs("curl"), "-sS", "-T", f"{tmp_path}/many", "-X", "POST", f"{address}/v1/check/batch"]
    out = subprocess.run([*stream, "-H", "Content-Type: application/x-ndjson"], capture_output=True, check=True).stdout
    assert [json.loads(line)["line"] for line in out.splitlines()] == list(range(1, 2001))


def test_javascript_calls(address: str) -> None:
    script = f"""
        const answer = await fetch("{address}/v1/check", {{method: "POST", headers: {{"Content-Type": "application/json"}},
          body: JSON.stringify({{reply: "😀 Thanks. " + {json.dumps(SENT["reply"])}, options: {{offset_unit: "utf16"}}}})}});
        const verdict = await answer.json();
        const s = verdict.sentences.at(-1);
        console.log(("😀 Thanks. " + {json.dumps(SENT["reply"])}).slice(s.start, s.end));"""
    out = subprocess.run(
        [needs("node"), "--input-type=module", "-e", script], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == SENT["reply"]


def test_a_caller_who_sends_everything_before_reading_is_served(address: str) -> None:
    body = b'{"reply": "%s"}\n' % (b"We have a guide. " * 10) * 3000
    call = urllib.request.Request(f"{address}/v1/check/batch", body, {"Content-Type": "application/x-ndjson"})
    with urllib.request.urlopen(call, timeout=60) as answer:
        assert sum(1 for _ in answer) == 3000


# --- logs ----------------------------------------------------------------------------------------------------------


def test_nothing_that_is_sent_is_in_the_log_of_a_process(address: str, log: Path) -> None:
    said = SECRET.encode()
    for body, kind, path in (
        (b'{"reply": "%s"}' % said, "application/json", "/v1/check"),
        (b'{"reply": ["%s"], "%s": 1}' % (said, said), "application/json", "/v1/check"),
        (b'{"%s' % said, "application/json", "/v1/check"),
        (b"Subject: %s\r\n\r\n%s" % (said, said), "message/rfc822", "/v1/check"),
        (b"<p>%s</p>" % said, "text/html", "/v1/check"),
        (said, said.decode(), "/v1/check"),
        (b"%s\n" % said, "application/x-ndjson", "/v1/check/batch"),
        (b"text=%s&language=en" % said, "application/json", "/v2/check"),
        (b"data=%s&language=%s" % (said, said), "application/json", "/v2/check"),
    ):
        with suppress(ValueError):  # lines are no JSON document
            post(address, body, kind, path)
    host, port = address.removeprefix("http://").split(":")
    for raw in (
        b"%s\r\n\r\n" % said,
        b"GET /%s HTTP/9.9\r\n\r\n" % said,
        b"POST /v1/check HTTP/1.1\r\nContent-Length: 99\r\n\r\n" + said,
    ):
        with socket.create_connection((host, int(port))) as s:
            s.sendall(raw)
    time.sleep(0.3)
    written = log.read_text()
    assert "sauna" not in written
    lines = [json.loads(line) for line in written.splitlines()[1:]]
    assert any(line.get("route") == "/v1/check/batch" for line in lines)
    assert {"time", "level", "logger", "message"} <= set(lines[-1])


# --- stopping, workers -----------------------------------------------------------------------------------------------


def test_what_is_in_flight_is_answered_before_it_stops(tmp_path: Path) -> None:
    answers: list[int] = []
    with running(tmp_path / "log") as (address, process):
        body = json.dumps({"reply": "We have a guide for that. " * 800}).encode()
        callers = [threading.Thread(target=lambda: answers.append(post(address, body)[0])) for _ in range(4)]
        for caller in callers:
            caller.start()
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        for caller in callers:
            caller.join()
        assert process.wait(30) in (0, -signal.SIGTERM)
    assert answers == [200] * 4


def test_two_workers_serve_and_count_together(tmp_path: Path) -> None:
    with running(tmp_path / "log", "--workers", "2") as (address, process):
        for _ in range(20):
            assert post(address, json.dumps(SENT).encode())[0] == 200
        page = urllib.request.urlopen(f"{address}/metrics").read().decode()
        assert 'replycheck_requests_total{route="/v1/check",status="200"} 20.0' in page
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM)


@pytest.mark.skipif(sys.platform != "linux", reason="counts sockets in /proc")
def test_lasting_connections_are_spread_over_the_workers(tmp_path: Path) -> None:
    def sockets(pid: int) -> int:
        return sum(os.readlink(f).startswith("socket:") for f in Path(f"/proc/{pid}/fd").iterdir() if f.is_symlink())

    with running(tmp_path / "log", "--workers", "2") as (address, process), ExitStack() as stack:
        until = time.monotonic() + 60
        while len(serving := listening(process.pid, address)) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        before = [sockets(pid) for pid in serving]
        host, port = address.removeprefix("http://").split(":")
        for _ in range(40):
            s = stack.enter_context(socket.create_connection((host, int(port))))
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b" 200 " in s.recv(4096)
        assert all(sockets(pid) - known >= 5 for pid, known in zip(serving, before, strict=True))


def listening(pid: int, address: str) -> list[int]:
    """The workers of a service that listen to its port with a socket of their own."""
    port = f":{int(address.rpartition(':')[2]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(port) and row[3] == "0A"}
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(c) for c in children if any(os.readlink(f) in inodes for f in Path(f"/proc/{c}/fd").iterdir())]


def test_a_second_service_is_refused_the_port_of_workers(tmp_path: Path) -> None:
    with running(tmp_path / "log", "--workers", "2") as (address, _):
        command = [sys.executable, "-m", "replycheck_api", "--workers", "2", "--port", address.rpartition(":")[2]]
        second = subprocess.run(command, capture_output=True, timeout=60)
    assert second.returncode != 0
    assert b"in use" in second.stderr


# --- the start -------------------------------------------------------------------------------------------------------


def test_help_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for f in fields(Settings):
        assert f"--{f.name.replace('_', '-')} " in text


def test_a_fresh_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--new-key", "desk"]) == 0
    key, line = capsys.readouterr().out.splitlines()
    assert len(key) > 40
    assert line.startswith("desk:")
    assert key not in line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "API keys are needed"),
        (["--port", "70000"], "at most 65535"),
        (["--workers", "0"], "REPLYCHECK_WORKERS='0'"),
        (["--log-level", "loud"], "log_level"),
        (["--config", "/nowhere/x.toml"], "can't be read"),
        (["--rate-limit", "often"], "rate_limit"),
    ],
)
def test_a_start_that_is_refused(capsys: pytest.CaptureFixture[str], options: list[str], said: str) -> None:
    assert main(options) == 2
    assert said in capsys.readouterr().err


# --- around it -------------------------------------------------------------------------------------------------------


def test_behind_nginx_with_tls(address: str, tmp_path: Path) -> None:
    nginx, openssl, curl = needs("nginx"), needs("openssl"), needs("curl")
    cert, key, port = tmp_path / "cert.pem", tmp_path / "key.pem", free_port()
    certificate = (
        f"req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {cert} -days 1 -subj /CN=replycheck.example.org"
    )
    named = ["-addext", "subjectAltName=DNS:replycheck.example.org"]
    subprocess.run([openssl, *certificate.split(), *named], check=True, capture_output=True)
    site = (ROOT / "deploy" / "nginx.conf").read_text()
    for ours, here in (
        ("    listen [::]:443 ssl;\n", ""),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/replycheck/tls/cert.pem", str(cert)),
        ("/etc/replycheck/tls/key.pem", str(key)),
        ("/var/log/nginx/replycheck-error.log", str(tmp_path / "error.log")),
        ("http://127.0.0.1:8766", address),
    ):
        assert ours in site
        site = site.replace(ours, here)
    folders = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "site").write_text(site)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid;\nerror_log {tmp_path}/start.log;\ndaemon off;\nmaster_process off;\nevents {{}}\nhttp {{\n{folders}include {tmp_path}/site;\n}}\n"
    )
    process = subprocess.Popen([nginx, "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)], stderr=subprocess.PIPE)
    try:
        name = f"replycheck.example.org:{port}"
        there = [
            "--cacert",
            str(cert),
            "--resolve",
            f"{name}:127.0.0.1",
            "--retry",
            "20",
            "--retry-connrefused",
            "--retry-delay",
            "1",
        ]

        def call(path: str, *options: str) -> bytes:
            return subprocess.run(
                [curl, "-sS", *there, f"https://{name}{path}", *options], capture_output=True, check=True
            ).stdout

        sent = json.dumps(SENT)
        assert (
            json.loads(call("/v1/check", "-d", sent, "-H", "Content-Type: application/json"))["label"]
            == "service-pushing"
        )
        lines = call("/v1/check/batch", "-d", sent, "-H", "Content-Type: application/x-ndjson")
        assert json.loads(lines)["line"] == 1
        assert call("/metrics", "-o", "/dev/null", "-w", "%{http_code}") == b"404"
        assert b"strict-transport-security" in call("/healthz", "-D", "-", "-o", "/dev/null").lower()
    finally:
        process.terminate()
        process.communicate()


def test_a_mail_is_checked_before_it_is_sent(address: str, tmp_path: Path) -> None:
    sent = tmp_path / "sent"
    send = [sys.executable, str(ROOT / "deploy" / "pre-send"), "tee", str(sent)]

    def run(email: bytes, at: str = address) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(send, input=email, capture_output=True, env=os.environ | {"REPLYCHECK_URL": at})

    stopped = run(EMAIL)
    assert stopped.returncode == 1
    assert SENT["reply"] in stopped.stderr.decode()
    assert not sent.exists()
    kind = b"From: a\r\n\r\nThree lost loans in one term would wear anyone out. What happened with the last one?\r\n"
    assert run(kind).returncode == 0
    assert sent.read_bytes() == kind
    sent.unlink()
    unchecked = run(EMAIL, "http://127.0.0.1:9")
    assert (unchecked.returncode, sent.read_bytes()) == (0, EMAIL)
    assert b"not checked" in unchecked.stderr


def test_the_unit_is_one_that_systemd_reads(tmp_path: Path) -> None:
    unit = (ROOT / "deploy" / "replycheck.service").read_text()
    assert "/opt/replycheck/bin/replycheck-serve" in unit
    here = tmp_path / "replycheck.service"
    here.write_text(unit.replace("/opt/replycheck/bin/replycheck-serve", sys.executable))
    out = subprocess.run([needs("systemd-analyze"), "verify", "--man=no", str(here)], capture_output=True, text=True)
    assert "replycheck.service" not in out.stderr, out.stderr


def test_the_shipped_file_of_settings_is_read() -> None:
    found = Settings.from_environment({"REPLYCHECK_CONFIG": str(ROOT / "deploy" / "replycheck.toml")})
    assert (found.workers, found.rate_limit) == (2, "120/minute")
