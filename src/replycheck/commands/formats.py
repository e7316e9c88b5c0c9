"""`replycheck formats`: the exports that are read, how each is recognised, and an example of each.

An edge of the walk.
"""

from __future__ import annotations


def formats() -> None:
    """List the exports of chats, mail and tickets that are read, how each is recognised, and an example."""
    from replycheck.settings import shipped
    from replycheck.transcripts import FORMATS

    folder = shipped("data") / "examples" / "transcripts"
    for one in FORMATS.values():
        print(f"{one.name}\n  {one.description}\n  recognised by: {one.rule}\n  example: {folder / one.example}\n")
    print(
        "Any of them may lie in folders, .gz and .zip. Another export is described by a mapping file: docs/transcripts.md"
    )
