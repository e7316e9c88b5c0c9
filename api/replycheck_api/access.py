"""Who may call, and how often: API keys and rate limits, before every other step of a call.

Keys are random and long, so a plain hash keeps them as well as a slow one would, and costs a call nothing. Give each
tool a key, not each person: nothing is counted or logged by key, but a key that is one person's could be withdrawn
from one person.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
import secrets
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request

from replycheck.errors import UsageError
from replycheck.settings import Settings
from replycheck_api.problems import Kind, Problem

_LINE = re.compile(r"(?P<name>[\w.-]{1,64}):(?P<hash>[0-9a-f]{64})")


def new_key(name: str) -> tuple[str, str]:
    """(a fresh key, the line that stands for it in the settings). UsageError if the name can't stand there."""
    key = secrets.token_urlsafe(32)
    line = f"{name}:{hashlib.sha256(key.encode()).hexdigest()}"
    if not _LINE.fullmatch(line):
        raise UsageError(f"--new-key {name!r}: expected letters, digits, dots and dashes")
    return key, line


def is_loopback(host: str) -> bool:
    """Whether only this machine can call at that address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Access:
    """Keys and limits of the settings. UsageError if they can't be read, or if they leave the service open to others."""

    def __init__(self, settings: Settings) -> None:
        lines = [(line, "api_keys") for line in settings.api_keys]
        if (file := settings.api_keys_file) is not None:
            try:
                told = file.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as problem:
                raise UsageError(f"{file}: can't be read: {type(problem).__name__}") from None
            lines += [
                (x.strip(), f"{file}, line {i}") for i, x in enumerate(told, 1) if x.strip() and x.lstrip()[0] != "#"
            ]
        self._hashes: list[bytes] = []
        for line, where in lines:
            # the line itself may be a key that was pasted instead of its hash, and is not repeated
            if not (match := _LINE.fullmatch(line)):
                raise UsageError(f"{where}: expected NAME:SHA256 in hexadecimal, as --new-key prints it")
            self._hashes.append(bytes.fromhex(match["hash"]))
        if not self._hashes and not is_loopback(settings.host):
            raise UsageError(f"host = {settings.host!r}: others can call there, so API keys are needed (see --new-key)")
        self._limit: RateLimitItem | None = None
        if settings.rate_limit:
            try:
                self._limit = parse(settings.rate_limit)
            except ValueError:
                raise UsageError(f"rate_limit = {settings.rate_limit!r}: expected such as 60/minute") from None
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    @property
    def needs_key(self) -> bool:
        """Whether a call needs a key."""
        return bool(self._hashes)

    def admit(self, request: Request, key: str | None = None) -> None:
        """Let the call in, or raise Problem. The key is the one given, or the one in the call's headers."""
        who = request.client.host if request.client else ""
        if self._hashes:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            key = key or (given.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key"))
            hashed = hashlib.sha256((key or "").encode("utf-8", "replace")).digest()
            # every hash is looked at, however early one fits
            if not sum([hmac.compare_digest(hashed, known) for known in self._hashes]):
                raise Problem(
                    Kind.UNAUTHORIZED,
                    "Send an API key: Authorization: Bearer KEY, or X-API-Key: KEY.",
                    headers={"WWW-Authenticate": "Bearer"},
                )
            who = hashed.hex()
        if self._limit is not None and not self._limiter.hit(self._limit, who):
            reset = self._limiter.get_window_stats(self._limit, who).reset_time
            wait = max(1, int(reset - time.time()) + 1)
            if wait > self._limit.get_expiry() + 1:
                # the clock was put back: what was counted in the future would shut the caller out until then
                self._limiter.clear(self._limit, who)
                self._limiter.hit(self._limit, who)
                return
            raise Problem(Kind.TOO_MANY, f"At most {self._limit}.", headers={"Retry-After": str(wait)})
