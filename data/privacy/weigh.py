"""Try other de-identifiers on the development half of the written lines, in a virtual environment of their own.

pip install presidio-analyzer scrubadub phonenumbers && pip install -e . && python data/privacy/weigh.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import phonenumbers
import scrubadub
import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine

from replycheck.privacy import Deidentifier, Kind, Span
from replycheck.privacy.measure import KINDS, missed, read_lines

LINES = [li for li in read_lines(Path(__file__).with_name("lines.jsonl")) if li.half == "dev"]
Finder = Callable[[str], list[tuple[int, int]]]


class Blank(SpacyNlpEngine):
    """spaCy's English tokenizer, without a downloaded model."""

    def __init__(self) -> None:
        super().__init__()
        self.nlp = {"en": spacy.blank("en")}


def presidio(threshold: float) -> Finder:
    """Its predefined recognizers."""
    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    engine = AnalyzerEngine(nlp_engine=Blank(), registry=registry, supported_languages=["en"])
    return lambda t: [(x.start, x.end) for x in engine.analyze(t, language="en", score_threshold=threshold)]


def phones(text: str) -> list[tuple[int, int]]:
    """Possible numbers of three countries."""
    found = (
        phonenumbers.PhoneNumberMatcher(text, country, leniency=phonenumbers.Leniency.POSSIBLE)
        for country in ("US", "GB", "IN")
    )
    return [(m.start, m.end) for matches in found for m in matches]


def show(name: str, find: Finder) -> None:
    """Found of all, by kind; other words replaced; seconds."""
    began, replaced = time.perf_counter(), 0
    left: list[str] = []
    for line in LINES:
        spans, over = missed(line, [Span(a, b, Kind.NAME) for a, b in find(line.text)])
        left += [k for _, _, k in spans]
        replaced += len(over)
    whole = [k for line in LINES for _, _, k in line.spans]
    figures = ", ".join(f"{k} {whole.count(k) - left.count(k)}/{whole.count(k)}" for k in KINDS)
    print(f"{name}: {figures}; other words {replaced}; {time.perf_counter() - began:.2f} s")


def main() -> None:
    """Print a line each."""
    scrubber = scrubadub.Scrubber()
    show("presidio, score 0.4", presidio(0.4))
    show("presidio, any score", presidio(0.0))
    show("scrubadub", lambda t: [(f.beg, f.end) for f in scrubber.iter_filth(t)])
    show("phonenumbers", phones)
    show("replycheck, no names known", lambda t: [(s.start, s.end) for s in Deidentifier().find(t)])


if __name__ == "__main__":
    main()
