"""NDJSON in and out: a verdict or a problem a line, as soon as it is known.

What is read ahead is bounded, so that a caller who sends faster than is judged, or does not read, is slowed down, and
memory does not grow. Callers who send everything before they read anything are served too, up to that bound.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from replycheck_api.guard import UNLIMITED, report
from replycheck_api.problems import Kind, Problem, fields_problem
from replycheck_api.reading import Reader, parsed
from replycheck_api.service import Service

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
AHEAD = 16 * 2**20
"""Bytes of lines that are kept until they are judged."""
_AT_ONCE = 32
_ESCAPED = 12
"""Bytes of a character outside the Basic Multilingual Plane, as two JSON escapes: the longest there is."""
Line = bytes | Problem


class Stream(Response):
    """The answer to a body of NDJSON, which is read while it is answered."""

    media_type = NDJSON[0]

    def __init__(self, request: Request, service: Service, reader: Reader) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self.request, self.service, self.reader = request, service, reader
        request.scope[UNLIMITED] = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer line by line."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        lines = _Lines(self.request, 2 * _ESCAPED * self.service.settings.max_chars)
        ahead = asyncio.create_task(lines.read())
        try:
            number = 0
            while batch := await lines.some(_AT_ONCE):
                numbered = [(number + i, line) for i, line in enumerate(batch, 1)]
                number += len(batch)
                if over := number > self.service.settings.max_stream:
                    most = self.service.settings.max_stream
                    detail = f"more than {most:,} lines; the rest is not judged"
                    numbered = [(n, line) for n, line in numbered if n <= most]
                    numbered.append((most + 1, fields_problem(Kind.BATCH_TOO_LARGE, [("", detail)])))
                answers = await asyncio.gather(*(self._answer(n, line) for n, line in numbered))
                body = b"".join(json.dumps(a, separators=(",", ":")).encode("ascii") + b"\n" for a in answers if a)
                await send({"type": "http.response.body", "body": body, "more_body": True})
                if over:
                    break
            if not lines.hung_up:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)

    async def _answer(self, number: int, line: Line) -> dict[str, Any] | None:
        """The line's answer; none to a blank one."""
        try:
            if isinstance(line, Problem):
                raise line
            if not line.strip():
                return None
            (item,) = await self.reader.read([parsed(line)], [""])
            (verdict,) = await self.service.judge([item.reply])
            return {"line": number, "verdict": item.answer(verdict)}
        except Problem as problem:
            return {"line": number, "problem": problem.document(self.request.scope["path"])}
        except Exception as fault:
            return {"line": number, "problem": report(fault).document(self.request.scope["path"])}


class _Lines:
    """Lines of a body, read ahead up to a bound."""

    def __init__(self, request: Request, longest: int) -> None:
        self.request, self.longest = request, longest
        self.hung_up = False
        self._ready: deque[Line] = deque()
        self._kept = 0
        self._ended = False
        self._changed = asyncio.Event()
        self._room = asyncio.Event()

    async def some(self, most: int) -> list[Line]:
        """The next lines, at least one; none at the end."""
        while not self._ready and not self._ended:
            self._changed.clear()
            await self._changed.wait()
        found = [self._ready.popleft() for _ in range(min(most, len(self._ready)))]
        self._kept -= sum(len(line) for line in found if isinstance(line, bytes))
        self._room.set()
        return found

    async def read(self) -> None:
        """Read to the end of the body."""
        rest: list[bytes] = []
        size = 0
        skipping = False
        try:
            async for chunk in self.request.stream():
                first, *more = chunk.split(b"\n")
                for i, piece in enumerate((first, *more)):
                    if i:
                        if not skipping:
                            self._put(b"".join(rest))
                        rest, size, skipping = [], 0, False
                    size += len(piece)
                    if not skipping and size > self.longest:
                        detail = f"the line has more than {self.longest:,} bytes"
                        self._put(fields_problem(Kind.TOO_LONG, [("", detail)]))
                        rest, skipping = [], True
                    if not skipping and piece:
                        rest.append(piece)
                while self._kept > AHEAD:
                    self._room.clear()
                    await self._room.wait()
            if rest:
                self._put(b"".join(rest))
        except ClientDisconnect:
            self.hung_up = True
        except Problem as problem:
            self._put(problem)
        finally:
            self._ended = True
            self._changed.set()

    def _put(self, line: Line) -> None:
        self._ready.append(line)
        self._kept += len(line) if isinstance(line, bytes) else 0
        self._changed.set()
