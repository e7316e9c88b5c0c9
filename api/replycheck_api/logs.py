"""Logs as JSON lines that never hold a text; beside every step of a call.

Our own messages are written to hold none. Of other libraries' messages only the first line, without what it was
formatted with, is kept, and of an exception only its type and place: what they quote may be somebody's words.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from pathlib import Path

OURS = ("replycheck", "replycheck_api")
LEVELS = ("debug", "info", "warning", "error")


class JsonLines(logging.Formatter):
    """One JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        ours = record.name.partition(".")[0] in OURS
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage() if ours else str(record.msg).partition("\n")[0][:200],
        }
        if ours:
            line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = f"{type(record.exc_info[1]).__name__} at {place(record.exc_info[1])}"
        return json.dumps(line)


def place(fault: BaseException) -> str:
    """Where it was raised."""
    frames = traceback.extract_tb(fault.__traceback__)
    return (
        f"{Path(frames[-1].filename).name}:{frames[-1].lineno} in {frames[-1].name}" if frames else "an unknown place"
    )


def log_to_standard_error(level: str) -> None:
    """From now on every logger of the process writes JSON lines; other libraries' only what is amiss."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
