"""spaCy component: `nlp.add_pipe("replycheck")` gives every `Doc` its verdict as `doc._.replycheck`.

An edge of the walk for people who have a spaCy pipeline already; found through spaCy's entry points. Set
`doc._.patron_message` before the component runs, or leave it: the reply is then judged without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc

from replycheck.checker import CHUNK, Checker, load
from replycheck.reply import Reply


class ReplycheckComponent:
    """Adds verdicts, and changes nothing else about a `Doc`."""

    def __init__(self, checker: Checker) -> None:
        self.checker = checker
        for name in ("replycheck", "patron_message"):
            if not Doc.has_extension(name):
                Doc.set_extension(name, default=None)

    def __call__(self, doc: Doc) -> Doc:
        """The same `doc`, with its verdict."""
        return self._judge([doc])[0]

    def pipe(self, stream: Iterable[Doc], batch_size: int = CHUNK) -> Iterator[Doc]:
        """The same docs, judged in batches."""
        docs = iter(stream)
        while chunk := list(islice(docs, batch_size)):
            yield from self._judge(chunk)

    def _judge(self, docs: list[Doc]) -> list[Doc]:
        verdicts = self.checker.check_many([Reply(doc.text, doc._.patron_message) for doc in docs])
        for doc, verdict in zip(docs, verdicts, strict=True):
            doc._.replycheck = verdict
        return docs


@Language.factory("replycheck", default_config={"model": None}, assigns=["doc._.replycheck"])
def make_component(nlp: Language, name: str, model: str | None) -> ReplycheckComponent:
    """Factory for `nlp.add_pipe("replycheck", config={"model": "path/to/folder"})`; the shipped model unless given."""
    return ReplycheckComponent(load(Path(model) if model else None))
