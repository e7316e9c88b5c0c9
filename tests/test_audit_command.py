"""`replycheck audit` on the command line, on the made-up library that ships."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from replycheck import audit, cli
from replycheck.report import write_estimate

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "data" / "examples" / "transcripts"


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["replycheck", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return int(str(stop.value.code or 0))


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example exports, audited with text by two processes."""
    out = tmp_path_factory.mktemp("audit") / "out"
    with pytest.MonkeyPatch.context() as patch:
        assert call(patch, "audit", EXAMPLES, "--out", out, "--with-text", "-j", 2) == 0
    return out


def test_the_made_up_library_is_audited(audited: Path) -> None:
    summary = json.loads((audited / "summary.json").read_text(encoding="utf-8"))
    assert summary["read"]["conversations"] > 50
    assert summary["read"]["unread"] == []
    low, high = summary["headlines"]["input"]["sensitivity"]
    assert 0 <= low < high <= 1
    page = (audited / "report.html").read_text(encoding="utf-8")
    assert "the model's count" in page
    assert "<script" not in page
    assert "http://www.w3.org" not in page
    assert "src=" not in page
    assert page.count("<title ") == page.count("<desc ") == page.count('role="img"') > 5


def test_the_schema_is_documented(audited: Path) -> None:
    summary = json.loads((audited / "summary.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    schema = text.partition("### summary.json")[2].partition("\n## ")[0]
    for field in summary:
        assert f"`{field}`" in schema or f"`{field}[]`" in schema, field
    head = (audited / "findings.csv").read_text(encoding="utf-8").splitlines()[0]
    columns = text.partition("### Columns")[2].partition("\n### ")[0]
    for column in head.split(","):
        assert f"`{column}`" in columns, column


def test_bad_exports_are_listed_and_the_rest_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    whole = (EXAMPLES / "libchat.csv").read_bytes()
    (folder / "cut.csv").write_bytes(whole[: len(whole) // 2])
    (folder / "noise.bin").write_bytes(bytes(range(256)) * 20)
    out = tmp_path / "out"
    assert call(monkeypatch, "audit", folder, "--out", out, "--min-group", 2) == 3
    said = capsys.readouterr()
    assert "noise.bin" in said.err
    assert "Traceback" not in said.err
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert {u["file"] for u in summary["read"]["unread"]} >= {"noise.bin"}
    assert summary["runs"]["counted"] > 3
    assert "noise.bin" in (out / "report.html").read_text(encoding="utf-8")


def test_a_dry_run_judges_and_names_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert call(monkeypatch, "audit", EXAMPLES / "libchat.csv", "--dry-run") == 0
    said = capsys.readouterr().out
    assert "13 conversations" in said
    assert "staff 1" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit", EXAMPLES],
        ["audit", EXAMPLES, "--out", "x", "--format", "fax"],
        ["audit", EXAMPLES, "--out", "x", "--min-group", "1"],
    ],
)
def test_misuse(arguments: list[object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, *arguments) == 2


def test_a_missing_cluster_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    code = call(
        monkeypatch, "audit", EXAMPLES / "plain.txt", "--out", tmp_path / "o", "--scheduler", "tcp://127.0.0.1:1"
    )
    assert code == 2
    assert "replycheck[cluster]" in capsys.readouterr().err


def test_findings_as_a_data_frame() -> None:
    found = audit([EXAMPLES / "plain.txt"])
    assert len(found) == found.attrs["summary"]["runs"]["all"] > 0
    assert set(found["label"].dropna()) <= {"listening", "service-pushing"}
    assert found.attrs["unread"] == []


def test_a_checked_sheet_heads_the_report(audited: Path) -> None:
    from replycheck.estimate import Estimate

    before = (audited / "report.html").read_bytes()
    write_estimate(
        audited, {"all runs": Estimate(0.123, (0.08, 0.19), (0.05, 0.3), 100, 40, 38), "runs that answer input": None}
    )
    page = (audited / "report.html").read_text(encoding="utf-8")
    assert "95 % interval 8.0% to 19%, estimated from 38 replies" in page
    (audited / "estimate.json").unlink()
    (audited / "report.html").write_bytes(before)
