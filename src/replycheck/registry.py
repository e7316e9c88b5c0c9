"""The models on this machine: which there are, which one judges, and back again.

Beside the walk, on disk. `entries/` holds model folders that are never changed in place; `promoted.json` names the one that judges and those
that did before. Promoting and rolling back replace that one small file, so that whatever happens there is an old state or a new one.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from replycheck.bundle import FILES, MANIFEST, SEAL, Manifest, copy_bundle, inspect_bundle
from replycheck.errors import BundleError, UsageError
from replycheck.settings import ENTRIES, POINTER, read_pointer, shipped
from replycheck.tables import replacing

LARGEST = 500 << 20
"""Bytes of the largest file of a model that is imported."""


def check_name(name: str) -> None:
    """UsageError if a model can't be called that."""
    if not name or name == "default" or not all(c.isascii() and (c.isalnum() or c in "-_") for c in name):
        raise UsageError(f"--name {name!r}: use letters, digits, - and _, and another name than default")


@dataclass(frozen=True, slots=True)
class Entry:
    """A model: where it lies, what it says of itself, whether it judges now, and whether it came with replycheck."""

    folder: Path
    manifest: Manifest
    promoted: bool
    shipped: bool

    @property
    def version(self) -> str:
        """Its name and hash."""
        return self.manifest.model_version


class Registry:
    """A folder of models; `standard` is the model that judges while none is promoted."""

    def __init__(self, folder: Path, standard: Path | None = None) -> None:
        self.folder = folder
        self.standard = standard or shipped("models") / "default"

    # --- looking -------------------------------------------------------------------------------------------------

    def entries(self) -> list[Entry]:
        """The standard model and every sound one of the folder, oldest first; what a stopped run left behind is passed over."""
        current = self.current()
        found: dict[str, Entry] = {}
        places = [self.standard, *sorted(self._folders(), key=lambda p: (p.stat().st_mtime_ns, p.name))]
        for place in places:
            manifest, _ = inspect_bundle(place)
            if manifest.model_version in found and place != current:
                continue
            entry = Entry(place, manifest, place == current, place == self.standard)
            found[manifest.model_version] = entry
        return list(found.values())

    def _folders(self) -> Iterator[Path]:
        place = self.folder / ENTRIES
        if place.is_dir():
            yield from (p for p in place.iterdir() if p.is_dir() and not p.name.startswith("."))

    def current(self) -> Path:
        """Folder of the model that judges. BundleError if the promoted one is gone."""
        name = read_pointer(self.folder)["current"]
        return self.standard if name is None else self.folder / ENTRIES / name

    def find(self, wanted: str) -> Entry:
        """The entry of that version, or the latest of that name; UsageError says which there are."""
        entries = self.entries()
        ways = (
            [e for e in entries if wanted in (e.version, e.manifest.name)],
            [e for e in entries if e.version.startswith(wanted)],
        )
        if found := next(filter(None, ways), None):
            return found[-1]
        raise UsageError(f"no model {wanted!r}; there are {', '.join(e.version for e in entries)}")

    # --- changing ------------------------------------------------------------------------------------------------

    def add(self, source: Path, changed: dict[str, bytes] | None = None) -> Entry:
        """Take a model folder over, with some of its files changed; what is here already under that version gives way unless it judges."""
        manifest, _ = inspect_bundle(source)
        version = manifest.model_version
        older = [p for p in self._folders() if p.name == version or p.name.startswith(f"{version}.")]
        target = self._free(version)
        copy_bundle(source, target, changed or {})
        current = self.current()
        for place in older:
            if place != current:
                _remove(place)
        return Entry(target, inspect_bundle(target)[0], False, False)

    def _free(self, version: str) -> Path:
        place = self.folder / ENTRIES
        number = 0
        while (target := place / (f"{version}.{number}" if number else version)).exists():
            number += 1
        return target

    def promote(self, entry: Entry) -> None:
        """Let this model judge from now on."""
        state = read_pointer(self.folder)
        name = None if entry.folder == self.standard else entry.folder.name
        if entry.folder not in (self.standard, self.folder / ENTRIES / str(name)):
            raise UsageError(f"{entry.version} is not a model of {self.folder}")
        inspect_bundle(entry.folder)
        if name != state["current"]:
            self._point(name, [*state["before"], state["current"]])

    def rollback(self) -> Entry:
        """Let the model that judged before judge again; UsageError if there was none that is still here."""
        before = list(read_pointer(self.folder)["before"])
        while before:
            name = before.pop()
            folder = self.standard if name is None else self.folder / ENTRIES / name
            if folder.is_dir():
                manifest, _ = inspect_bundle(folder)
                self._point(name, before)
                return Entry(folder, manifest, True, folder == self.standard)
        raise UsageError("no model judged before this one")

    def _point(self, current: str | None, before: Sequence[str | None]) -> None:
        raw = json.dumps({"current": current, "before": list(before)}, indent=1) + "\n"
        with replacing(self.folder / POINTER) as new, new.open("w", encoding="utf-8") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())

    # --- in and out ----------------------------------------------------------------------------------------------

    def export(self, entry: Entry, path: Path) -> None:
        """One zip file of a model; nothing in it holds a text that it learned from."""
        manifest, contents = inspect_bundle(entry.folder)
        whole = {**contents, **{n: (entry.folder / n).read_bytes() for n in (MANIFEST, SEAL)}}
        with replacing(path) as new, zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in sorted(whole.items()):
                archive.writestr(zipfile.ZipInfo(f"{manifest.model_version}/{name}", (1980, 1, 1, 0, 0, 0)), content)

    def take(self, path: Path) -> Entry:
        """A model from an exported zip file; BundleError if it is anything else, before anything is built."""
        with _unpacked(path) as folder:
            return self.add(folder)


def _remove(folder: Path) -> None:
    """Take a model away: out of sight at once, so that a half-removed one is never met, then off the disk."""
    gone = Path(mkdtemp(prefix=".gone-", dir=folder.parent))
    folder.rename(gone / folder.name)
    for left in folder.parent.glob(".gone-*"):
        shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="replycheck-"))
    try:
        try:
            with zipfile.ZipFile(path) as archive:
                for item in archive.infolist():
                    name = item.filename.rsplit("/", 1)[-1]
                    if item.is_dir():
                        continue
                    if name not in (*FILES, MANIFEST, SEAL) or item.file_size > LARGEST:
                        raise BundleError(path, f"holds {name!r}, which is no file of a model")
                    with archive.open(item) as source, (folder / name).open("wb") as target:
                        shutil.copyfileobj(source, target)
        # NotImplementedError: what zipfile raises for a way of packing that it does not know
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:
            why = problem.strerror if isinstance(problem, OSError) else None
            raise BundleError(path, why or "not an exported model") from None
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
