"""A bundle that was changed, cut short, is foreign or newer is refused before anything is built."""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skops import io as skops_io

from replycheck import archive, bundle
from replycheck.bundle import (
    DEEP,
    ENCODER,
    ENGINE,
    MANIFEST,
    OF_ENCODER,
    SEAL,
    TAGGED,
    _settled,
    inspect_bundle,
    load_bundle,
    save_bundle,
    taggers,
)
from replycheck.checker import Checker
from replycheck.corpus import Example, learnable
from replycheck.errors import BundleError
from replycheck.training import taught

SHIPPED = Path(__file__).resolve().parent.parent / "models" / "default"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "model"))


def seal(folder: Path, **changes: object) -> None:
    """Change the manifest and seal it again, as somebody would who means it."""
    found = {**json.loads((folder / MANIFEST).read_text()), **changes}
    raw = json.dumps(found).encode()
    (folder / MANIFEST).write_bytes(raw)
    (folder / SEAL).write_text(hashlib.sha256(raw).hexdigest() + "\n")


def put(folder: Path, content: bytes) -> None:
    """Another engine file, with a manifest that vouches for it."""
    (folder / ENGINE).write_bytes(content)
    seal(folder, engine="fast", files={ENGINE: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}})


@pytest.mark.parametrize("name", [ENGINE, MANIFEST, SEAL])
def test_one_changed_byte_is_refused(copy: Path, name: str) -> None:
    raw = (copy / name).read_bytes()
    for at in {0, len(raw) // 2, len(raw) - 1}:
        (copy / name).write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises(BundleError, match="changed"):
            load_bundle(copy)


def test_a_truncated_file_is_named(copy: Path) -> None:
    (copy / ENGINE).write_bytes((copy / ENGINE).read_bytes()[:-10])
    with pytest.raises(BundleError, match=f"{ENGINE}: truncated"):
        load_bundle(copy)


@pytest.mark.parametrize("name", [ENGINE, MANIFEST, SEAL])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=f"{name}: missing"):
        load_bundle(copy)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"format_version": 2}, "format version 2"),
        ({"format": "other"}, "foreign"),
        ({"labels": ["service-pushing", "listening"]}, "labels"),
        ({"moves": []}, "moves"),
        ({"files": {"../x": {}}}, "names files"),
        ({"extra": 1}, "extra"),
    ],
)
def test_a_foreign_or_newer_manifest_is_refused(copy: Path, changes: dict[str, object], says: str) -> None:
    seal(copy, **changes)
    with pytest.raises(BundleError, match=says):
        load_bundle(copy)


def test_a_manifest_that_is_no_json_is_refused(copy: Path) -> None:
    for raw in (b"{", b"[" * 3000):
        (copy / MANIFEST).write_bytes(raw)
        (copy / SEAL).write_text(hashlib.sha256(raw).hexdigest() + "\n")
        with pytest.raises(BundleError, match="not JSON"):
            load_bundle(copy)


def test_other_types_are_refused_before_they_are_built(copy: Path) -> None:
    put(copy, skops_io.dumps({"run": shutil.rmtree}))
    with pytest.raises(BundleError, match=r"holds types that are not loaded: shutil\.rmtree"):
        load_bundle(copy)


def test_a_pickle_is_refused(copy: Path, tmp_path: Path) -> None:
    put(copy, pickle.dumps([1, 2]))
    with pytest.raises(BundleError, match=ENGINE):
        load_bundle(copy)


@pytest.mark.parametrize("name", [ENGINE, DEEP])
def test_what_is_read_is_what_skops_reads(name: str) -> None:
    content = (SHIPPED / name).read_bytes()
    ours, theirs = archive.read(content, bundle.TRUSTED), skops_io.loads(content, trusted=bundle.TRUSTED)
    assert _settled(skops_io.dumps(ours)) == _settled(skops_io.dumps(theirs)) == content


@given(st.integers(0, 10_000), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_a_damaged_archive_is_read_or_refused_and_nothing_else(at: int, by: int) -> None:
    content = bytearray(skops_io.dumps({"a": [1, 2.5, "x", np.arange(4), np.float32(1)]}))
    content[at % len(content)] ^= by
    with contextlib.suppress(ValueError):
        archive.read(bytes(content), [])


@pytest.mark.parametrize(
    "thing", [{1: 2}, (1, 2), {"a": b"x"}, {"a": {1}}, np.array([None]), print, {"a": [shutil.rmtree]}, bundle.Manifest]
)
def test_what_no_engine_is_made_of_is_not_read(thing: object) -> None:
    with pytest.raises(archive.Untrusted):
        archive.read(skops_io.dumps(thing), bundle.TRUSTED)


def test_something_else_of_trusted_types_is_refused(copy: Path) -> None:
    put(copy, skops_io.dumps({"a": 1}))
    with pytest.raises(BundleError, match="holds a dict"):
        load_bundle(copy)


def test_no_folder() -> None:
    with pytest.raises(BundleError, match="no such model folder"):
        load_bundle(Path("nowhere"))


def test_saving_again_gives_the_same_bytes_and_the_same_verdicts(copy: Path, tmp_path: Path, checker: Checker) -> None:
    (engine, manifest), (fast, _) = load_bundle(copy), load_bundle(copy, "fast")
    encoder = {n: (copy / n).read_bytes() for n in OF_ENCODER}
    again = save_bundle(
        tmp_path / "again",
        fast,
        deep=engine,
        encoder=encoder,
        tagged={n: found for n, (_, found) in taggers(copy).items()},
        default="deep",
        name=manifest.name,
        data_fingerprint=manifest.data_fingerprint,
        trained_on=manifest.trained_on,
    )
    assert again.model_version == manifest.model_version
    for name in (ENGINE, DEEP, *TAGGED.values()):
        assert (tmp_path / "again" / name).read_bytes() == (copy / name).read_bytes()
    text = "We offer many workshops. What would help you most?"
    assert Checker(engine, "x").check(text).probability == checker.check(text).probability


def test_retraining_can_take_over_the_shipped_taggers(training: list[Example]) -> None:
    found = taggers(SHIPPED)
    assert set(found) == {"fast", "deep"}
    keys = {k for _, k in taught(learnable(training))}
    for _, out_of_fold in found.values():
        assert set(out_of_fold.found) == keys


def test_replacing_a_bundle_leaves_nothing_behind(copy: Path) -> None:
    engine, _ = load_bundle(copy, "fast")
    save_bundle(copy, engine, name="new", data_fingerprint="", trained_on={})
    assert inspect_bundle(copy)[0].name == "new"
    assert [p.name for p in copy.parent.iterdir()] == ["model"]
    assert inspect_bundle(copy)[0].threshold == engine.threshold_


def test_only_our_own_types_are_trusted() -> None:
    assert all(t.startswith("replycheck.classifier.") for t in bundle.TRUSTED)


def test_an_engine_is_had_by_name_and_says_so_in_its_version(copy: Path) -> None:
    fast, said = load_bundle(copy, "fast")
    deep, default = load_bundle(copy)
    assert (said.engine, default.engine) == ("fast", "deep")
    assert said.model_version == f"{default.model_version}+fast"
    assert (fast.encoder, deep.encoder is None) == (None, False)
    with pytest.raises(BundleError, match="has no engine 'slow'; it has fast, deep, cascade"):
        load_bundle(copy, "slow")


def test_an_encoder_that_can_not_be_run_is_refused(copy: Path) -> None:
    content = b"not a network"
    (copy / ENCODER).write_bytes(content)
    files = json.loads((copy / MANIFEST).read_text())["files"]
    files[ENCODER] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    seal(copy, files=files)
    with pytest.raises(BundleError, match=f"{ENCODER}: foreign: can't be run"):
        load_bundle(copy)
    assert load_bundle(copy, "fast")[0].encoder is None
