"""A model folder: save, inspect, load. Nothing in it is executed.

Fourth step of the walk, on disk. `manifest.sha256` vouches for `manifest.json`, which vouches for every other file;
all of that is checked before anything is built, and only the types in `TRUSTED` are ever built.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from replycheck import archive
from replycheck.classifier import KINDS, MOVES, Engine, MoveTagger
from replycheck.codebook import Label
from replycheck.encoder import CorpusEncoder, Encoder, OutOfFold
from replycheck.errors import BundleError, unwritable

FORMAT = "replycheck-bundle"
FORMAT_VERSION = 1
ENGINE = "engine.skops"
DEEP = "deep.skops"
ENCODER = "encoder.onnx"
TOKENIZER = "tokenizer.json"
OUT_OF_FOLD = "out_of_fold.npz"
NOTICE = "NOTICE"
TAGGED = {"fast": "moves.npz", "deep": "moves-deep.npz"}
"""What taggers that had not seen a reply said of it, of each engine: retraining takes it over (`training.Tagged`)."""
EVALUATION = "evaluation.json"
CARD = "card.md"
OF_ENCODER = (ENCODER, TOKENIZER, OUT_OF_FOLD, NOTICE)
"""Files of the encoder: all there, or none. Training takes them over as they are."""
FILES = (ENGINE, DEEP, *OF_ENCODER, *TAGGED.values(), EVALUATION, CARD)
"""Files that a bundle may hold beside the manifest; the first, the fast engine, must be there."""
CASCADE = "cascade"
"""The name of both engines together: the fast one where it is sure, the deep one for the rest (`checker.Cascade`)."""
ENGINES = {"fast": ENGINE, "deep": DEEP, CASCADE: DEEP}
"""File of each engine that a bundle can judge with; what is deep has the fast one beside it."""
MANIFEST = "manifest.json"
SEAL = "manifest.sha256"
TRUSTED = [
    f"replycheck.classifier.{name}"
    for name in ("Engine", "LabelHead", "MessageKindClassifier", "MoveTagger", "Ngrams", "ReplyReader")
]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself."""

    format: str
    format_version: int
    name: str
    model_version: str
    engine: str
    labels: list[str]
    moves: list[str]
    message_kinds: list[str]
    threshold: float
    data_fingerprint: str
    trained_on: dict[str, int]
    seed: int
    versions: dict[str, str]
    files: dict[str, dict[str, Any]]

    def version_of(self, engine: str | None) -> str:
        """The version that verdicts of that engine carry: those of another than the default differ, so it must too."""
        return f"{self.model_version}+{engine}" if engine and engine != self.engine else self.model_version


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _settled(skops_file: bytes) -> bytes:
    """The same skops archive without what differs from run to run: memory addresses as names, and the time of day."""
    source = zipfile.ZipFile(io.BytesIO(skops_file))
    schema = source.read("schema.json").decode()
    numbers: dict[str, str] = {}
    for match in re.finditer(r'"__id__": (\d+)|"file": "(\d+)\.npy"', schema):
        numbers.setdefault(match.group(1) or match.group(2), str(len(numbers) + 1))
    schema = re.sub(r'("__id__": )(\d+)', lambda m: m.group(1) + numbers[m.group(2)], schema)
    schema = re.sub(r'("file": ")(\d+)(\.npy")', lambda m: m.group(1) + numbers[m.group(2)] + m.group(3), schema)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as settled:
        members = [(numbers.get(n.removesuffix(".npy"), n.removesuffix(".npy")) + ".npy" if n.endswith(".npy") else n, n)
                   for n in source.namelist()]  # fmt: skip
        for new, old in sorted(members):
            content = schema.encode() if old == "schema.json" else source.read(old)
            settled.writestr(
                zipfile.ZipInfo(new, (1980, 1, 1, 0, 0, 0)),
                content,
                compress_type=zipfile.ZIP_DEFLATED,
                compresslevel=6,
            )
    return target.getvalue()


def save_bundle(
    folder: Path,
    engine: Engine,
    *,
    name: str,
    data_fingerprint: str,
    trained_on: dict[str, int],
    deep: Engine | None = None,
    encoder: dict[str, bytes] | None = None,
    tagged: dict[str, OutOfFold] | None = None,
    default: str = "fast",
) -> Manifest:
    """Write a bundle into `folder`, whole or not at all; an older bundle there is replaced. `deep` comes with the files of its
    `encoder`; `tagged`, by engine, is what retraining takes over; `default` names the engine that judges unless told otherwise. UsageError if
    the place can't be written to."""
    import numpy
    import sklearn
    import skops
    from skops import io as skops_io
    from spacy.about import __version__ as spacy_version

    from replycheck import __version__

    contents = {ENGINE: _settled(skops_io.dumps(engine)), **(encoder or {})}
    if deep is not None:
        contents[DEEP] = _settled(skops_io.dumps(deep))
    contents |= {TAGGED[n]: found.dump() for n, found in (tagged or {}).items()}
    said = b"".join(contents[n] for n in (ENGINE, DEEP, ENCODER, TOKENIZER) if n in contents)
    manifest = Manifest(
        format=FORMAT,
        format_version=FORMAT_VERSION,
        name=name,
        model_version=f"{name}-{_sha256(said)[:10]}",
        engine=default,
        labels=[str(x) for x in Label],
        moves=[str(x) for x in MOVES],
        message_kinds=[str(x) for x in KINDS],
        threshold=float((deep if deep is not None and default == "deep" else engine).threshold_),
        data_fingerprint=data_fingerprint,
        trained_on=trained_on,
        seed=engine.seed,
        versions={
            "replycheck": __version__,
            "numpy": numpy.__version__,
            "scikit-learn": sklearn.__version__,
            "skops": skops.__version__,
            "spacy": spacy_version,
        },
        files={n: {"sha256": _sha256(c), "bytes": len(c)} for n, c in contents.items()},
    )
    _write(folder, manifest, contents)
    return manifest


def add_file(folder: Path, name: str, content: bytes) -> Manifest:
    """Put another of `FILES` into a bundle and seal it again."""
    return copy_bundle(folder, folder, {name: content})


def copy_bundle(source: Path, target: Path, changed: dict[str, bytes]) -> Manifest:
    """Write a bundle into `target`, whole or not at all, with some of its files (`FILES`, but the fast engine) changed or added."""
    if strange := [n for n in changed if n not in FILES[1:]]:
        raise BundleError(source / strange[0], f"not a file of a bundle; those are {', '.join(FILES)}")
    manifest, contents = inspect_bundle(source)
    contents |= changed
    files = {n: {"sha256": _sha256(c), "bytes": len(c)} for n, c in contents.items()}
    manifest = Manifest(**{**asdict(manifest), "files": files})
    _write(target, manifest, contents)
    return manifest


def _write(folder: Path, manifest: Manifest, contents: dict[str, bytes]) -> None:
    try:
        _put(folder, manifest, contents)
    except OSError as problem:
        raise unwritable(folder, problem) from None


def _put(folder: Path, manifest: Manifest, contents: dict[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        new.chmod(0o755)
        raw = (json.dumps(asdict(manifest), indent=2, sort_keys=True) + "\n").encode()
        for name, content in {**contents, MANIFEST: raw, SEAL: _sha256(raw).encode() + b"\n"}.items():
            (new / name).write_bytes(content)
        if folder.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
            folder.rename(old / "old")
            try:
                new.rename(folder)
            except OSError:
                (old / "old").rename(folder)
                raise
            finally:
                shutil.rmtree(old, ignore_errors=True)
        else:
            new.rename(folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(path, "missing") from None
    except OSError as problem:
        raise BundleError(path, problem.strerror or "can't be read") from None


def inspect_bundle(folder: Path) -> tuple[Manifest, dict[str, bytes]]:
    """(manifest, file contents) after every check that needs nothing to be built; BundleError names file and reason."""
    if not folder.is_dir():
        raise BundleError(folder, "no such model folder")
    path = folder / MANIFEST
    raw = _read(path)
    if _read(folder / SEAL) != _sha256(raw).encode() + b"\n":
        raise BundleError(path, f"changed: it does not match {SEAL}")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise BundleError(path, "not JSON") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise BundleError(path, "foreign: not a replycheck bundle")
    if found.get("format_version") != FORMAT_VERSION:
        raise BundleError(
            path,
            f"format version {found.get('format_version')!r}; this replycheck reads version {FORMAT_VERSION}: "
            "update replycheck, or train the model again",
        )
    expected = {f.name for f in fields(Manifest)}
    if set(found) != expected:
        raise BundleError(path, f"fields that differ from the format: {', '.join(sorted(set(found) ^ expected))}")
    manifest = Manifest(**found)
    for key, ours in (
        ("labels", [str(x) for x in Label]),
        ("moves", [str(x) for x in MOVES]),
        ("message_kinds", [str(x) for x in KINDS]),
    ):
        if getattr(manifest, key) != ours:
            raise BundleError(path, f"its {key} are not this version's: {getattr(manifest, key)}")
    if ENGINE not in manifest.files or not set(manifest.files) <= set(FILES):
        raise BundleError(path, f"names files that are not a bundle's: {', '.join(sorted(manifest.files))}")
    contents = {}
    for name, said in manifest.files.items():
        content = _read(folder / name)
        if len(content) != said["bytes"]:
            raise BundleError(
                folder / name, f"truncated or changed: {len(content)} bytes, the manifest says {said['bytes']}"
            )
        if _sha256(content) != said["sha256"]:
            raise BundleError(folder / name, "changed: its hash is not the manifest's")
        contents[name] = content
    return manifest, contents


def load_bundle(folder: Path, engine: str | None = None) -> tuple[Engine, Manifest]:
    """(engine, manifest) with the engine of that name (`ENGINES`), or the bundle's default; the manifest is that engine's. For `CASCADE` it is
    the deep one, which has the fast one beside it. Every hash and type is checked before anything is built."""
    manifest, contents = inspect_bundle(folder)
    name = engine or manifest.engine
    found = _build(folder, contents, name)
    if name != manifest.engine:
        chosen = {"engine": name, "model_version": manifest.version_of(name), "threshold": found.threshold_}
        manifest = Manifest(**{**asdict(manifest), **chosen})
    return found, manifest


def _build(folder: Path, contents: dict[str, bytes], name: str) -> Engine:
    """The engine of that name with what stands beside it, from contents whose hashes hold."""
    found = _fitted(folder, contents, name)
    if ENGINES[name] == DEEP:
        found.companion = _fitted(folder, contents, "fast")
        found.encoder = build_encoder(folder, contents)
    return found


def _fitted(folder: Path, contents: dict[str, bytes], name: str) -> Engine:
    """The engine of that name by itself."""
    file = ENGINES.get(name)
    if file is None or file not in contents:
        raise BundleError(folder, f"has no engine {name!r}; it has {', '.join(engines(contents))}")
    try:
        found = archive.read(contents[file], TRUSTED)
    except archive.Untrusted as strange:
        raise BundleError(folder / file, f"holds types that are not loaded: {strange}") from None
    except ValueError as problem:
        raise BundleError(folder / file, f"foreign: not a skops file ({problem})") from None
    if not isinstance(found, Engine):
        raise BundleError(folder / file, f"foreign: holds a {type(found).__name__}, not an engine")
    return found


def engines(files: Collection[str]) -> list[str]:
    """Names of the engines that a bundle with these files can judge with."""
    return [n for n, f in ENGINES.items() if f in files]


def taggers(folder: Path) -> dict[str, tuple[MoveTagger, OutOfFold]]:
    """The tagger of each engine of a bundle, with what retraining takes over; engines without that are left out."""
    _, contents = inspect_bundle(folder)
    return {
        name: (_fitted(folder, contents, name).tagger_, OutOfFold.load(contents[file]))
        for name, file in TAGGED.items()
        if file in contents and ENGINES[name] in contents
    }


def build_encoder(folder: Path, contents: dict[str, bytes]) -> Encoder:
    """The encoder of a bundle's contents; BundleError if it has none or it can't be run."""
    if missing := [n for n in OF_ENCODER if n not in contents]:
        raise BundleError(folder / missing[0], "missing: the deep engine needs it")
    try:
        return Encoder(contents[ENCODER], contents[TOKENIZER])
    except Exception as problem:  # onnxruntime and tokenizers raise kinds of their own
        raise BundleError(folder / ENCODER, f"foreign: can't be run ({type(problem).__name__})") from None


def corpus_encoder(folder: Path) -> tuple[CorpusEncoder, dict[str, bytes]] | None:
    """The encoder, for training, of a bundle or of a folder with its files alone, and the files; None if the bundle has none."""
    if (folder / MANIFEST).exists():
        _, contents = inspect_bundle(folder)
        if ENCODER not in contents:
            return None
    else:
        contents = {n: _read(folder / n) for n in OF_ENCODER}
    encoder = build_encoder(folder, contents)
    return CorpusEncoder(encoder, OutOfFold.load(contents[OUT_OF_FOLD])), {n: contents[n] for n in OF_ENCODER}
