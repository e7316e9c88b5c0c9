"""Environment and options → one frozen `Settings`, read at the edges only; and where shipped files lie."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from replycheck.errors import UsageError

PACKAGE = Path(__file__).resolve().parent


def shipped(kind: str) -> Path:
    """Folder of shipped files: `models` or `data`, inside the wheel or, in a checkout, beside `src/`."""
    inside = PACKAGE / "_shipped" / kind
    return inside if inside.is_dir() else PACKAGE.parent.parent / kind


@dataclass(frozen=True, slots=True)
class Settings:
    """What an edge may be told. Each field has an environment variable `REPLYCHECK_<FIELD>`."""

    model: Path = shipped("models") / "default"
    """Model folder to judge with."""
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
                found[field.name] = Path(raw) if field.type == "Path" else raw
        return cls(**found)  # type: ignore[arg-type]
