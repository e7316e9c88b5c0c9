"""replycheck: does a reply listen, or does it push services?

The front door. Nothing heavy is imported until it is used::

    import replycheck
    verdict = replycheck.load().check("We have cameras!", patron_message="My students have nothing to film on.")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "load": "checker",
    "retrain": "retraining",
    "audit": "auditing",
    "Checker": "checker",
    "Reply": "reply",
    "Sentence": "reply",
    "Reason": "reply",
    "Advice": "reply",
    "Verdict": "reply",
    "Label": "codebook",
    "Move": "codebook",
    "Side": "codebook",
    "MessageKind": "codebook",
    "UnsureReason": "codebook",
    "ReplycheckError": "errors",
}
__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from replycheck.auditing import audit as audit
    from replycheck.checker import Checker as Checker
    from replycheck.checker import load as load
    from replycheck.codebook import Label as Label
    from replycheck.codebook import MessageKind as MessageKind
    from replycheck.codebook import Move as Move
    from replycheck.codebook import Side as Side
    from replycheck.codebook import UnsureReason as UnsureReason
    from replycheck.errors import ReplycheckError as ReplycheckError
    from replycheck.reply import Advice as Advice
    from replycheck.reply import Reason as Reason
    from replycheck.reply import Reply as Reply
    from replycheck.reply import Sentence as Sentence
    from replycheck.reply import Verdict as Verdict
    from replycheck.retraining import retrain as retrain


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"replycheck.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
