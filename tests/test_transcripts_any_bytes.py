"""No reader raises on any bytes: damaged exports, and bytes of no kind at all. `make fuzz` does the same for longer."""

from __future__ import annotations

import random

from hypothesis import example, given, settings
from hypothesis import strategies as st

from fuzz_transcripts import damaged, seeds, throw

POOL = seeds()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, len(POOL) - 1))
def test_damaged_exports_never_raise(seed: int, which: int) -> None:
    throw(damaged(random.Random(seed), POOL[which]))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
@example(b"")
@example(b"{" * 5000)
@example(b"[" * 200_000)
@example(b'{"chats":[{"history":[{"msg":1,"visitor":null}]}]}')
@example(b"<div>" * 3000)
@example(b"From \nFrom: \xff\nSubject: =?x?q?=?=\nDate: Mon, 99 Zzz\n\n")
@example(
    b"From: a\nTo: b\nSubject: c\nContent-Type: text/plain; charset=klingon\nContent-Transfer-Encoding: base64\n\n====="
)
def test_bytes_of_no_kind_never_raise(raw: bytes) -> None:
    throw(raw)
