"""Options, environment and a TOML file → one frozen `Settings`, read at the edges only; and where shipped files lie."""

from __future__ import annotations

import ast
import inspect
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


PREFIX = "REPLYCHECK_"
CONFIG = f"{PREFIX}CONFIG"
"""Environment variable that names a TOML file of settings."""

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
    except (OSError, ValueError, RecursionError):
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
    """What an edge may be told. Each field has an environment variable `REPLYCHECK_<FIELD>` and a key in the TOML file."""

    model: Path = shipped("models") / "default"
    """Model folder to judge with; the promoted one of `models`, or the shipped one, unless given."""
    models: Path | None = None
    """Folder of a person's own models; where the system keeps such things, unless given."""
    engine: str = ""
    """Engine to judge with, fast, deep or cascade; empty: the model's default."""
    max_chars: int = 100_000
    """Longest reply or message that is judged, in characters."""
    max_batch: int = 1_000
    """Most replies in one JSON call of /v1/check/batch."""
    host: str = "127.0.0.1"
    """Address the service binds to; any but a loopback address needs API keys."""
    port: int = 8766
    """Port the service binds to."""
    max_stream: int = 10_000
    """Most lines in one NDJSON call of /v1/check/batch."""
    workers: int = 1
    """Processes that serve; each holds the model."""
    api_keys: tuple[str, ...] = ()
    """Hashes of API keys (NAME:SHA256), as --new-key prints them; where there are any, every call needs a key."""
    api_keys_file: Path | None = None
    """File of such hashes, one a line; added to api_keys."""
    rate_limit: str = ""
    """Calls that each API key (without keys: each address) may make in each worker, such as 60/minute; empty: no limit."""
    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may call, such as https://desk.example.org; * is every origin."""
    request_timeout: int = 30
    """Seconds that a caller may pause while sending a body."""
    shutdown_timeout: int = 30
    """Seconds that calls in flight have to finish when the service is stopped."""
    reload_seconds: int = 2
    """Seconds between two looks at whether the model folder has changed."""
    log_level: str = "info"
    """debug, info, warning or error; a text is logged at none of them."""
    feedback: Path | None = None
    """File (SQLite) in which corrections are kept that people agree to; without one, none are taken."""
    languagetool_upstream: str = ""
    """Address of a LanguageTool server that /v2/check asks too, such as http://127.0.0.1:8081; texts are sent to it."""
    languagetool_timeout: int = 5
    """Seconds that the LanguageTool server has to answer before its findings are left out."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings from `REPLYCHECK_*` variables, over those of the file that `REPLYCHECK_CONFIG` names.

        UsageError names a variable or a key that can't be read.
        """
        environ = os.environ if environ is None else environ
        found = _from_file(Path(environ[CONFIG])) if environ.get(CONFIG) else {}
        for f in fields(cls):
            name = f"{PREFIX}{f.name.upper()}"
            if name in environ:
                found[f.name] = _read(str(f.type), environ[name], f"{name}={environ[name]!r}")
        found.setdefault("models", own_models())
        if "model" not in found:
            found["model"] = current_model(Path(str(found["models"])))
        return cls(**found)

    def to_environment(self) -> dict[str, str]:
        """The variables that `from_environment` reads these settings from: how worker processes are told."""
        told: dict[str, str] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            told[f"{PREFIX}{f.name.upper()}"] = (
                ",".join(value) if isinstance(value, tuple) else "" if value is None else str(value)
            )
        return told


def descriptions() -> dict[str, str]:
    """What each field of `Settings` is, from the line below it in the source; for `--help` and the documentation."""
    body = ast.parse(inspect.getsource(Settings)).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - for the type checker
    found: dict[str, str] = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(before, ast.AnnAssign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[ast.unparse(before.target)] = str(after.value.value)
    return found


def _from_file(path: Path) -> dict[str, Any]:
    """The settings of a TOML file."""
    import tomllib

    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise UsageError(f"{path}: can't be read: {problem.strerror or type(problem).__name__}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise UsageError(f"{path}: not TOML: {problem}") from None
    known = {f.name: str(f.type) for f in fields(Settings)}
    found: dict[str, Any] = {}
    for name, value in given.items():
        where = f"{path}, {name} = {value!r}"
        if name not in known:
            raise UsageError(f"{where}: no such setting; there are {', '.join(known)}")
        if isinstance(value, list) and all(isinstance(v, str) for v in value) and known[name].startswith("tuple"):
            value = ",".join(value)
        # true is a whole number to Python, but not to people
        if isinstance(value, bool) or not isinstance(value, int if known[name] == "int" else str):
            raise UsageError(f"{where}: expected {_EXPECTED[known[name]]}")
        found[name] = _read(known[name], str(value), where)
    return found


_EXPECTED = {
    "int": "a whole number of at least 1",
    "str": "a string",
    "Path": "a path",
    "Path | None": "a path",
    "tuple[str, ...]": "a list of strings",
}


def _read(kind: str, raw: str, where: str) -> Any:
    """A setting of this kind from its text; UsageError says where it stands."""
    if kind == "int":
        # as many digits as any limit has; more would take Python long to read
        if not (raw.isascii() and raw.isdigit() and len(raw) < 16) or int(raw) < 1:
            raise UsageError(f"{where}: expected {_EXPECTED[kind]}")
        return int(raw)
    if kind.startswith("tuple"):
        return tuple(v.strip() for v in raw.split(",") if v.strip())
    if kind.startswith("Path"):
        return Path(raw) if raw or kind == "Path" else None
    return raw
