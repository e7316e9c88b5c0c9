"""A mail's text → the words that are new in it, the mail it quotes, and the signature.

Used by the readers of mail and of tickets that came by mail. `quotequail` finds where the quoted mail begins; answers written
between quoted lines and signatures are found here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LINES = 600
"""Lines looked at: quotequail's time grows with their square."""
MAX_LINE = 2_000
_SEPARATOR = re.compile(r"^-- ?$|^_{5,}$|^(?:sent|get) (?:from|outlook)\b.{0,60}$", re.I | re.M)
_CLOSING = re.compile(
    r"^(?:(?:(?:kind|best|warm|with best|many|all the)? ?(?:regards|wishes|thanks|best))|sincerely|cheers|yours (?:sincerely|faithfully|truly)|thank you|best)[,.!]?$",
    re.I,
)
MAX_SIGNATURE = 8


@dataclass(frozen=True, slots=True)
class Parts:
    """A mail taken apart; `quoted_from` is who wrote the quoted mail, as its head says it."""

    text: str
    quoted: str = ""
    quoted_from: str = ""
    signature: str = ""


def new_words(body: str) -> Parts:
    """The parts of a plain-text mail body."""
    lines = body.split("\n")
    head = "\n".join(line[:MAX_LINE] if i < MAX_LINES else "" for i, line in enumerate(lines[:MAX_LINES]))
    rest = lines[MAX_LINES:]
    quoted, quoted_from = "", ""
    top = head
    if unwrapped := _unwrap(head):
        quoted, quoted_from = str(unwrapped.get("text") or ""), str(unwrapped.get("from") or "")
        between = _between_quotes(head) if ">" in quoted or unwrapped.get("text_bottom") else ""
        top = "\n\n".join(
            t for t in (str(unwrapped.get("text_top") or ""), str(unwrapped.get("text_bottom") or between)) if t
        )
    elif rest:
        top += "\n" + "\n".join(rest)
    top = "\n".join(line for line in top.split("\n") if not line.lstrip().startswith(">"))
    text, signature = _signature(top.strip())
    return Parts(text, quoted.strip(), quoted_from.strip(), signature)


def _unwrap(text: str) -> dict[str, object] | None:
    import quotequail

    try:
        found = quotequail.unwrap(text)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError):
        return None  # no mail that a program wrote
    return dict(found) if found else None


def _between_quotes(text: str) -> str:
    """Answers written below or between the quoted lines."""
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if line.lstrip().startswith(">")), len(lines))
    return "\n".join(line for line in lines[first:] if not line.lstrip().startswith(">")).strip()


def _signature(text: str) -> tuple[str, str]:
    if cut := next((m for m in _SEPARATOR.finditer(text) if m.start() > 0), None):
        return text[: cut.start()].rstrip(), text[cut.end() :].strip()
    lines = text.split("\n")
    for i in range(max(1, len(lines) - MAX_SIGNATURE), len(lines)):
        if _CLOSING.match(lines[i].strip()) and all(len(line) < 80 for line in lines[i:]):
            # the closing itself is the writer's; what stands below it names people, phones and places
            return "\n".join(lines[: i + 1]).rstrip(), "\n".join(lines[i + 1 :]).strip()
    return text, ""
