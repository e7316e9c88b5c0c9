"""Whether a model may judge, and making it so.

Beside the walk, after `retraining`: a model that is worse than the one that judges now is refused, unless somebody gives a
reason, which goes into the model's card.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from replycheck.bundle import CARD, ENCODER, EVALUATION, TOKENIZER, inspect_bundle
from replycheck.card import render, render_json
from replycheck.checker import load
from replycheck.comparison import Comparison, Record, compare, conclude, sharing_encoder
from replycheck.corpus import Example, read_cases, read_split
from replycheck.errors import PromotionRefused, UsageError
from replycheck.registry import Entry, Registry
from replycheck.retraining import hold_out


def compare_entries(old: Entry, new: Entry, own: list[Example], data: Path) -> Comparison:
    """Both models on the corpus's held-out batches, the behavioural cases and, if given, those of a library's own replies that no retraining
    learns from. Without those, the figures on own replies are the ones kept when the new model was trained beside this old one."""
    remarks = []
    if own and any(e.manifest.trained_on.get("of_the_library") for e in (old, new)):
        held = hold_out(own, read_split(data, "train")).held_out
        remarks = [
            f"measured on {len(held):,} of your {len(own):,} replies: from the others a model of yours may have learned"
        ]
        own = held
    first, second = load(old.folder), load(new.folder)
    same = all(old.manifest.files.get(n) == new.manifest.files.get(n) for n in (ENCODER, TOKENIZER))
    with sharing_encoder(first, second) if same else nullcontext():
        found = compare(first, second, own, read_split(data, "dev"), read_cases(data), remarks)
    kept = record_of(new).get("comparison", {})
    if not own and kept.get("old") == old.version and "own" in kept:
        return Comparison(conclude({**found.record, "own": kept["own"], "remarks": kept["remarks"]}), found.turned)
    return found


def record_of(entry: Entry) -> Record:
    """The evaluation record of a model; empty if it has none."""
    _, contents = inspect_bundle(entry.folder)
    found: Record = json.loads(contents[EVALUATION]) if EVALUATION in contents else {}
    return found


def promote(
    registry: Registry, entry: Entry, own: list[Example], data: Path, *, anyway: str | None = None
) -> Comparison:
    """Let the model judge from now on; PromotionRefused if it is worse and no reason is given."""
    judging = next(e for e in registry.entries() if e.promoted)
    if entry.version == judging.version:
        raise UsageError(f"{entry.version} is the model that judges already")
    if anyway is not None and not anyway.strip():
        raise UsageError("--anyway needs a reason, which goes into the model's card")
    comparison = compare_entries(judging, entry, own, data)
    if comparison.reasons_against:
        if anyway is None:
            raise PromotionRefused(entry.version, comparison.reasons_against)
        entry = _with_reason(registry, entry, judging, comparison, anyway)
    registry.promote(entry)
    return comparison


def _with_reason(registry: Registry, entry: Entry, over: Entry, comparison: Comparison, reason: str) -> Entry:
    record = record_of(entry)
    if not record:
        raise UsageError(f"{entry.version} has no evaluation record, so no card that a reason could go into")
    said = {
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "over": over.version,
        "against": comparison.reasons_against,
        "reason": " ".join(reason.split()),
    }
    record = {**record, "promotions": [*record.get("promotions", []), said]}
    return registry.add(entry.folder, {EVALUATION: render_json(record), CARD: render(record, entry.manifest).encode()})
