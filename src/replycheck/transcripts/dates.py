"""Dates as exports write them → moments without a zone, as the export's clock showed them.

Used by the readers in `transcripts`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

_COMMON = (
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%b %d, %Y %H:%M:%S",
    "%b %d, %Y %I:%M:%S %p",
    "%b %d, %Y %I:%M %p",
    "%B %d, %Y %I:%M %p",
    "%d %b %Y %H:%M",
    "%d %B %Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%Y-%m-%d",
)
_TIMES = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "")
_SLASHES = re.compile(r"\s*(\d{1,2})[/-](\d{1,2})[/-](\d{2}|\d{4})\b")


class Dates:
    """A reader of dates for one file: whether 3/4 is in March or in April is settled from all of its dates."""

    def __init__(self, sample: Iterable[str] = (), wanted: str | None = None) -> None:
        day_first = False
        for value in sample:
            if (slashed := _SLASHES.match(value)) and int(slashed[1]) > 12:
                day_first = True
                break
        order = ("%d", "%m") if day_first else ("%m", "%d")
        slashed_forms = [
            f"{order[0]}{mark}{order[1]}{mark}{year} {time}".strip()
            for mark in "/-"
            for year in ("%Y", "%y")
            for time in _TIMES
        ]
        self._wanted = wanted
        self._forms = [*([wanted] if wanted else []), *_COMMON, *slashed_forms]

    def read(self, value: object) -> datetime | None:
        """A moment from a text; None if it is no date."""
        text = " ".join(str(value or "").split())
        if not text or len(text) > 60:
            return None
        if not self._wanted:
            try:
                return datetime.fromisoformat(text).replace(tzinfo=None)
            except ValueError:
                pass
        for form in self._forms:
            try:
                found = datetime.strptime(text, form).replace(tzinfo=None)
            except ValueError:
                continue
            if self._forms[0] != form:
                # a file writes its dates in one way: that way is tried first from now on
                self._forms.remove(form)
                self._forms.insert(0, form)
            return found
        return None


def unix(value: object) -> datetime | None:
    """A moment in UTC, without the zone, from seconds or milliseconds since 1970."""
    try:
        number = float(value)  # type: ignore[arg-type]
        return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC).replace(tzinfo=None)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
