"""Tells schemathesis how to send and read what it has no words for: e-mail and lines of JSON; see openapi.sh."""

from __future__ import annotations

import json
from typing import Any

import schemathesis


@schemathesis.serializer("message/rfc822", "application/x-ndjson")
def as_it_is(_: Any, value: Any) -> bytes:
    """What was made up, as bytes; also where it is no text, which the document does not allow."""
    return (value if isinstance(value, str) else json.dumps(value, default=str)).encode("utf-8", "replace")


@schemathesis.deserializer("application/x-ndjson")
def last_line(_: Any, response: Any) -> Any:
    """The last answer; to no line there is none, and nothing to hold against the document."""
    lines = response.content.splitlines()
    return json.loads(lines[-1]) if lines else {"line": 1}
