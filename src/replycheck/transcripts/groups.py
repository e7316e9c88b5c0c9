"""Rows or mails of many conversations, mixed → one conversation at a time, in bounded memory.

The file is read twice: once to learn where each conversation ends, then to give each as soon as it is complete. Only
the conversations that are open at the same time are held.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def complete(keys: Iterable[Hashable], items: Iterable[T], key: Callable[[T], Hashable]) -> Iterator[list[T]]:
    """Groups of items with the same key, in the order in which they are complete; `keys` are those of all items."""
    last: dict[Hashable, int] = {}
    for place, name in enumerate(keys):
        last[name] = place
    held: dict[Hashable, list[T]] = {}
    for place, item in enumerate(items):
        name = key(item)
        held.setdefault(name, []).append(item)
        if last.get(name) == place:
            yield held.pop(name)
    # left only where the file changed between the two readings
    yield from held.values()
