"""Models are promoted, rolled back and carried about; whatever stops that, an old state or a new one is there."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import zipfile
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from replycheck.bundle import EVALUATION, FILES, load_bundle, save_bundle
from replycheck.cli import main
from replycheck.errors import BundleError, UsageError
from replycheck.registry import Registry
from replycheck.settings import POINTER, Settings, current_model, shipped
from replycheck_api.app import create_app

SHIPPED = shipped("models") / "default"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two models that differ from the shipped one in their thresholds only."""
    engine, manifest = load_bundle(SHIPPED, "fast")
    found = []
    for name, threshold in (("low", 0.01), ("high", 0.99)):
        engine.threshold_ = threshold
        folder = tmp_path_factory.mktemp("made") / name
        save_bundle(folder, engine, name=name, data_fingerprint="", trained_on={"replies": manifest.seed})
        found.append(folder)
    return found


@pytest.fixture
def registry(tmp_path: Path, two: list[Path]) -> Registry:
    found = Registry(tmp_path / "models")
    for folder in two:
        found.add(folder)
    return found


def judging(registry: Registry) -> str:
    return next(e.manifest.name for e in registry.entries() if e.promoted)


def test_the_shipped_model_judges_until_one_is_promoted_and_again_after_a_rollback(registry: Registry) -> None:
    assert [e.manifest.name for e in registry.entries()] == ["default", "low", "high"]
    assert judging(registry) == "default"
    registry.promote(registry.find("low"))
    registry.promote(registry.find("high"))
    assert judging(registry) == "high"
    assert Settings.from_environment({"REPLYCHECK_MODELS": str(registry.folder)}).model == registry.find("high").folder
    assert [registry.rollback().manifest.name for _ in range(2)] == ["low", "default"]
    with pytest.raises(UsageError, match="no model judged before"):
        registry.rollback()
    assert current_model(registry.folder) == SHIPPED


def test_a_model_that_is_told_by_name_is_used_whatever_is_promoted(registry: Registry) -> None:
    registry.promote(registry.find("low"))
    told = {"REPLYCHECK_MODELS": str(registry.folder), "REPLYCHECK_MODEL": str(SHIPPED)}
    assert Settings.from_environment(told).model == SHIPPED


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(["default", "low", "high", "back"]), max_size=8))
def test_rolling_back_undoes_promotions_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, two: list[Path], steps: list[str]
) -> None:
    registry = Registry(tmp_path_factory.mktemp("models"))
    for folder in two:
        registry.add(folder)
    stack = ["default"]
    for step in steps:
        if step == "back":
            if len(stack) > 1:
                stack.pop()
                registry.rollback()
        else:
            registry.promote(registry.find(step))
            if stack[-1] != step:
                stack.append(step)
        assert judging(registry) == stack[-1]


def test_adding_a_version_again_keeps_one_and_never_touches_the_one_that_judges(
    registry: Registry, two: list[Path]
) -> None:
    entry = registry.find("low")
    registry.promote(entry)
    again = registry.add(two[0], {EVALUATION: b"{}\n"})
    assert again.folder != entry.folder
    assert entry.folder.is_dir()
    assert [e.manifest.name for e in registry.entries()].count("low") == 1
    registry.promote(again)
    assert registry.add(two[0]).folder.name not in (entry.folder.name, again.folder.name) or not entry.folder.is_dir()
    assert judging(registry) == "low"


def test_export_and_import_carry_a_model_over_byte_for_byte(registry: Registry, tmp_path: Path) -> None:
    entry = registry.find("high")
    registry.export(entry, tmp_path / "high.zip")
    elsewhere = Registry(tmp_path / "elsewhere")
    there = elsewhere.take(tmp_path / "high.zip")
    assert there.version == entry.version
    assert {p.name: p.read_bytes() for p in there.folder.iterdir()} == {
        p.name: p.read_bytes() for p in entry.folder.iterdir()
    }
    assert judging(elsewhere) == "default"


@pytest.mark.parametrize("fault", ["text", "foreign", "cut", "changed"])
def test_what_is_no_exported_model_is_refused_and_nothing_kept(registry: Registry, tmp_path: Path, fault: str) -> None:
    good, bad = tmp_path / "good.zip", tmp_path / "bad.zip"
    registry.export(registry.find("high"), good)
    if fault == "text":
        bad.write_text("not a zip")
    elif fault == "cut":
        bad.write_bytes(good.read_bytes()[:-400])
    else:
        with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
            for name in source.namelist():
                target.writestr(name, source.read(name) + (b" " if fault == "changed" else b""))
            if fault == "foreign":
                target.writestr("../../evil.py", "1")
    elsewhere = Registry(tmp_path / "elsewhere")
    with pytest.raises(BundleError):
        elsewhere.take(bad)
    assert [e.manifest.name for e in elsewhere.entries()] == ["default"]
    assert not (tmp_path / "evil.py").exists()


@pytest.mark.parametrize(
    "raw", ["{", "[]", '{"current": "../x"}', '{"current": 3}', '{"current": "gone", "before": []}']
)
def test_a_damaged_pointer_is_said_not_passed_over(registry: Registry, raw: str) -> None:
    (registry.folder / POINTER).write_text(raw)
    with pytest.raises(BundleError):
        load_bundle(current_model(registry.folder))


def change_for_ever(registry: Registry) -> None:
    low, high = registry.find("low"), registry.find("high")
    while True:
        registry.promote(low)
        registry.promote(high)
        registry.rollback()
        registry.add(low.folder)
        low = registry.find("low")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_killed_at_any_instant_a_whole_model_judges(registry: Registry) -> None:
    promoted = set()
    for k in range(12):
        child = os.fork()
        if not child:
            try:
                change_for_ever(registry)
            finally:
                os._exit(1)
        time.sleep(0.05 + 0.017 * k)
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        assert current_model(registry.folder).is_dir()
        assert {e.manifest.name for e in registry.entries()} == {"default", "low", "high"}
        promoted.add(judging(registry))
    assert len(promoted) > 1
    load_bundle(current_model(registry.folder))


def test_a_running_service_takes_up_what_is_promoted(registry: Registry) -> None:
    told = Settings.from_environment({"REPLYCHECK_MODELS": str(registry.folder), "REPLYCHECK_RELOAD_SECONDS": "1"})
    with TestClient(create_app(told)) as client:

        def becomes(name: str) -> bool:
            """Whether it judges within ten seconds; the service looks once a second."""
            for _ in range(100):
                if client.get("/v1/model").json()["name"] == name:
                    return True
                time.sleep(0.1)
            return False

        assert becomes("default")
        registry.promote(registry.find("high"))
        assert becomes("high")
        verdict = client.post("/v1/check", json={"reply": "Please fill in our survey."}).json()
        assert verdict["threshold"] == 0.99
        registry.rollback()
        assert becomes("default")
        (registry.folder / POINTER).write_text(json.dumps({"current": "gone", "before": []}))
        time.sleep(1.5)
        assert client.get("/v1/model").json()["name"] == "default"


def run(*arguments: str, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["replycheck", *arguments, "--models", str(registry.folder)])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(str(stop.value.code))


def test_the_command_line_lists_shows_and_carries(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("models", "list", registry=registry, monkeypatch=monkeypatch) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines] == ["→", " ", " "]
    assert run("models", "show", "default", registry=registry, monkeypatch=monkeypatch) == 0
    assert "# Model card" in capsys.readouterr().out
    zipped = str(tmp_path / "high.zip")
    assert run("models", "export", "high", "-o", zipped, registry=registry, monkeypatch=monkeypatch) == 0
    assert run("models", "import", zipped, registry=registry, monkeypatch=monkeypatch) == 0
    assert run("models", "rollback", registry=registry, monkeypatch=monkeypatch) == 2
    assert run("models", "show", "nothing", registry=registry, monkeypatch=monkeypatch) == 2
    assert "there are default-" in capsys.readouterr().err


def test_a_worse_model_is_refused_unless_a_reason_is_given(
    registry: Registry, small_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ("--data", str(small_data))
    registry.add(registry.find("low").folder, {EVALUATION: (SHIPPED / EVALUATION).read_bytes()})
    assert run("models", "promote", "low", *data, registry=registry, monkeypatch=monkeypatch) == 5
    assert "behavioural cases" in capsys.readouterr().err
    assert judging(registry) == "default"
    assert run("models", "promote", "low", "--anyway", " ", *data, registry=registry, monkeypatch=monkeypatch) == 2
    code = run("models", "promote", "low", "--anyway", "we try | it", *data, registry=registry, monkeypatch=monkeypatch)
    assert code == 0
    assert judging(registry) == "low"
    capsys.readouterr()
    assert run("models", "show", "low", registry=registry, monkeypatch=monkeypatch) == 0
    card = capsys.readouterr().out
    assert "## Promoted all the same" in card
    assert "we try" in card
    assert run("models", "promote", "low", *data, registry=registry, monkeypatch=monkeypatch) == 2
    assert set(FILES) >= {p.name for p in registry.find("low").folder.iterdir()} - {"manifest.json", "manifest.sha256"}
