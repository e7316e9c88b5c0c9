"""Environment and options → one frozen `Settings`, read at the edges only; and where shipped files lie."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from replycheck.errors import BundleError, UsageError

PACKAGE = Path(__file__).resolve().parent


def shipped(kind: str) -> Path:
    """Folder of shipped files: `models` or `data`, inside the wheel or, in a checkout, beside `src/`."""
    inside = PACKAGE / "_shipped" / kind
    return inside if inside.is_dir() else PACKAGE.parent.parent / kind


ENTRIES, POINTER = "entries", "promoted.json"
"""Of a registry of models (`registry`): its folder of models, and the file that says which of them judges."""


def own_models() -> Path:
    """Folder of a person's own models, where their system keeps such things."""
    from platformdirs import user_data_path

    return user_data_path("replycheck") / "models"


def read_pointer(models: Path) -> dict[str, Any]:
    """Which model of a registry judges (`current`, None for the shipped one), and which did (`before`). BundleError if it can't be
    said: to judge with another model than the promoted one, unasked, would be worse."""
    path = models / POINTER
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"current": None, "before": []}
    except (OSError, ValueError):
        raise BundleError(
            path, "can't be read; `replycheck models promote` writes it anew once it is removed"
        ) from None
    names = [found.get("current"), *found.get("before", [])] if isinstance(found, dict) else [0]
    if not all(n is None or (isinstance(n, str) and n and Path(n).name == n) for n in names):
        raise BundleError(path, "foreign: does not name models")
    return {"current": found.get("current"), "before": found.get("before", [])}


def current_model(models: Path) -> Path:
    """Folder of the model that judges: the promoted one of the registry, or the shipped one."""
    name = read_pointer(models)["current"]
    return shipped("models") / "default" if name is None else models / ENTRIES / name


@dataclass(frozen=True, slots=True)
class Settings:
    """What an edge may be told. Each field has an environment variable `REPLYCHECK_<FIELD>`."""

    model: Path = shipped("models") / "default"
    """Model folder to judge with; the promoted one of `models`, or the shipped one, unless given."""
    models: Path | None = None
    """Folder of a person's own models; where the system keeps such things, unless given."""
    max_chars: int = 100_000
    """Longest reply or message that is judged, in characters."""
    max_batch: int = 1_000
    """Most replies in one call of /v1/check/batch."""
    host: str = "127.0.0.1"
    """Address the service binds to."""
    port: int = 8766
    """Port the service binds to."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings from `REPLYCHECK_*` variables; UsageError names a variable that can't be read."""
        environ = os.environ if environ is None else environ
        known = {f"REPLYCHECK_{f.name.upper()}": f for f in fields(cls)}
        found: dict[str, object] = {}
        for name, field in known.items():
            if name not in environ:
                continue
            raw = environ[name]
            if field.type == "int":
                if not raw.isdigit() or int(raw) < 1:
                    raise UsageError(f"{name}={raw!r}: expected a whole number of at least 1")
                found[field.name] = int(raw)
            else:
                found[field.name] = Path(raw) if str(field.type).startswith("Path") else raw
        found.setdefault("models", own_models())
        if "model" not in found:
            found["model"] = current_model(Path(str(found["models"])))
        return cls(**found)  # type: ignore[arg-type]
