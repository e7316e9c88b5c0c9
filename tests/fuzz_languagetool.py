"""Sends broken and half-broken bodies to /v2/check and counts what is answered; `make fuzz` runs it.

Bodies are the shapes that clients send, cut, doubled, swapped and sprinkled with bytes; the seed makes them the same
in every run. A status of 500 or more ends it with the body that was answered so.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections import Counter
from typing import Any
from urllib.parse import quote_plus, urlencode

from replycheck.checker import load
from replycheck.settings import Settings
from replycheck_api import create_app

_TEXTS = ["We have a guide. Please fill in the form on our website.", "😀 a\u0301\u200d\ufeff", "<b>&amp;</b>\r\n> x", "\ud83d", "\x00", "x" * 3000, ""]  # fmt: skip
_SEEDS = [
    {"text": _TEXTS[0], "language": "en-GB"},
    {"language": "auto", "data": json.dumps({"text": _TEXTS[1]})},
    {"language": "en", "data": json.dumps({"annotation": [{"text": "a "}, {"markup": "<i>", "interpretAs": "\n"}, {"text": _TEXTS[0]}]})},
    {"language": "en-US", "text": "a", "mode": "textLevelOnly", "enabledRules": "A,B", "enabledOnly": "true", "level": "picky"},
    {"language": "de", "text": "b", "data": "{}", "disabledRules": "REPLYCHECK_PITCHES", "disabledCategories": "STYLE"},
]  # fmt: skip
_BITS = [
    b"&",
    b"=",
    b"%",
    b"%00",
    b"%F0%9F",
    b"+",
    b";",
    b'{"',
    b"[" * 900,
    b"\xff",
    b"\x00",
    b"\\ud800",
    b"null",
    b"1e999",
    b"text=",
    b"data=",
]


def body(rng: random.Random) -> bytes:
    """One body."""
    form = dict(rng.choice(_SEEDS))
    if rng.random() < 0.5:
        form["text" if rng.random() < 0.7 else "data"] = rng.choice(_TEXTS)
    if rng.random() < 0.2:
        form["language"] = rng.choice(["", "x", "en_US", "en" * 40, "fr-FR", "\ud800"])
    raw = bytearray(
        urlencode(form, errors="surrogatepass").encode()
        if rng.random() < 0.8
        else quote_plus(str(form), errors="replace").encode()
    )
    for _ in range(rng.randrange(6)):
        at, end = sorted(rng.randrange(len(raw) + 1) for _ in range(2))
        match rng.randrange(4):
            case 0:
                raw[at:at] = rng.choice(_BITS)
            case 1:
                del raw[at:end]
            case 2:
                raw[at:at] = raw[at : min(end, at + 200)]
            case _:
                raw[at:at] = rng.randbytes(4)
    return bytes(raw)


async def run(count: int, seed: int) -> Counter[int]:
    """How often each status was answered."""
    rng = random.Random(seed)
    app = create_app(Settings(), load())
    app.state.service.load()
    found: Counter[int] = Counter()

    async def one(raw: bytes) -> None:
        status = 0

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": "/v2/check",
            "raw_path": b"/v2/check", "query_string": b"", "root_path": "", "scheme": "http",
            "headers": [(b"content-type", b"application/x-www-form-urlencoded")], "client": ("127.0.0.1", 1), "server": ("a", 1),
        }  # fmt: skip
        await app(scope, receive, send)
        found[status] += 1
        if status >= 500:
            raise SystemExit(f"{status} for {raw!r}")

    for _ in range(0, count, 16):
        await asyncio.gather(*(one(body(rng)) for _ in range(16)))
    return found


if __name__ == "__main__":
    print(dict(asyncio.run(run(int(sys.argv[1]), seed=1))))
