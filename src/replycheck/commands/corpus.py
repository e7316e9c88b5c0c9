"""`replycheck corpus`, `train` and `evaluate`: labelled examples, checked, learned from, measured against.

An edge of the walk.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from replycheck.commands.common import Data, Model
from replycheck.errors import UsageError


def train(
    out: Annotated[Path, typer.Option("--out", help="Model folder to write.")],
    data: Data = None,
    name: Annotated[str | None, typer.Option(help="Name of the model; the folder's unless given.")] = None,
    seed: Annotated[int, typer.Option(help="The same data and seed give the same model.")] = 0,
    jobs: Annotated[int, typer.Option("--jobs", "-j", help="Processes.")] = 2,
    encoder: Annotated[
        Path | None,
        typer.Option(help="Folder of `finetune`, or model whose encoder is taken over; the shipped one unless given."),
    ] = None,
    engine: Annotated[str, typer.Option(help="Engine that judges unless told otherwise: deep or fast.")] = "deep",
) -> None:
    """Train a model from the training batches of a corpus folder."""
    from replycheck.bundle import TAGGED, corpus_encoder
    from replycheck.corpus import read_messages, read_split
    from replycheck.retraining import fit_bundle
    from replycheck.settings import shipped

    # those that are fitted; a cascade is only asked for
    if engine not in TAGGED:
        raise UsageError(f"--engine {engine!r}: {' or '.join(TAGGED)} can judge unless told otherwise")
    data = data or shipped("data")
    examples, messages = read_split(data, "train"), read_messages(data)
    manifest = fit_bundle(
        out,
        examples,
        messages,
        name=name or out.resolve().name,
        source=corpus_encoder(encoder or shipped("models") / "default"),
        default=engine,
        counts={"batches": len({e.batch for e in examples})},
        seed=seed,
        jobs=jobs,
    )
    print(f"{manifest.model_version}: {len(examples):,} replies, threshold {manifest.threshold:.2f}, written to {out}")


def finetune(
    out: Annotated[Path, typer.Option("--out", help="Folder to write the encoder's files into.")],
    data: Data = None,
    seed: Annotated[int, typer.Option(help="The same data and seed give the same encoder on one machine.")] = 0,
) -> None:
    """Fine-tune the encoder anew from a pretrained one (extra `encoder`; under an hour); `train --encoder` takes it over."""
    try:
        from replycheck.finetuning import finetune as fit
    except ImportError as problem:
        raise UsageError(f"{problem.name} is not installed; pip install 'replycheck[encoder]'") from None
    from replycheck.corpus import read_messages, read_split
    from replycheck.settings import shipped

    data = data or shipped("data")
    files = fit(
        read_split(data, "train"), read_messages(data), seed=seed, progress=lambda line: print(line, file=sys.stderr)
    )
    out.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (out / name).write_bytes(content)
    print(f"encoder written to {out}")


def ablate(
    out: Annotated[Path, typer.Option("--out", help="Folder to write ablation.json and ablation.md into.")],
    data: Data = None,
    model: Model = None,
) -> None:
    """Measure what each piece of the chain buys, out of fold, beside simpler models (about 45 minutes)."""
    import json

    from replycheck.ablation import ablate as measure
    from replycheck.ablation import render
    from replycheck.bundle import corpus_encoder
    from replycheck.checker import load
    from replycheck.corpus import read_messages, read_split
    from replycheck.settings import Settings, shipped
    from replycheck.tables import replacing

    folder, data = model or Settings.from_environment().model, data or shipped("data")
    source = corpus_encoder(folder)
    record = measure(
        read_split(data, "train"),
        read_messages(data),
        read_split(data, "dev"),
        source and source[0],
        {name: load(folder, name) for name in (("fast", "deep") if source else ("fast",))},
        lambda line: print(line, file=sys.stderr),
    )
    out.mkdir(parents=True, exist_ok=True)
    for name, content in (("ablation.json", json.dumps(record, indent=1) + "\n"), ("ablation.md", render(record))):
        with replacing(out / name) as new:
            new.write_text(content, encoding="utf-8")
    print(f"written to {out}")


def evaluate(
    table: Annotated[
        Path | None, typer.Argument(help="Batch file (.jsonl) or labelled table; the corpus unless given.")
    ] = None,
    data: Data = None,
    model: Model = None,
    test: Annotated[bool, typer.Option(help="Open the test batches too; the opening is logged in data/test.")] = False,
    cross_validation: Annotated[
        bool, typer.Option(help="Also train anew without each fold of training batches.")
    ] = False,
    write: Annotated[bool, typer.Option(help="Put the record and the card into the model folder.")] = False,
    engine: Annotated[
        str | None, typer.Option(help="For a table: fast, deep or cascade; else the model's default.")
    ] = None,
    text: Annotated[bool, typer.Option("--text", help="For a table: print lines instead of JSON.")] = False,
    page: Annotated[Path | None, typer.Option(help="For a table: also write a page with plots to this file.")] = None,
) -> None:
    """Measure a model on a labelled table, or on batches whose writers it has not seen, beside baselines; print the record as JSON."""
    import json

    from replycheck.bundle import CARD, EVALUATION, add_file, corpus_encoder, engines
    from replycheck.card import render
    from replycheck.checker import load, load_with_manifest
    from replycheck.corpus import log_opening
    from replycheck.evaluation import evaluate_corpus, measure
    from replycheck.labels import read_labels
    from replycheck.settings import Settings, shipped

    folder = model or Settings.from_environment().model
    checker, manifest = load_with_manifest(folder, engine)
    if table is not None:
        figures = measure(checker, read_labels([table]).examples)
        if page is not None:
            from replycheck.evaluation_page import render as render_page
            from replycheck.tables import replacing

            with replacing(page) as new:
                new.write_text(render_page(figures, table.name, manifest.model_version), encoding="utf-8")
        if text:
            from replycheck.evaluation_page import as_text

            print(as_text(figures, table.name, manifest.model_version))
        else:
            print(json.dumps(figures, indent=2, ensure_ascii=False))
        return
    if text or page:
        raise UsageError("--text and --page go with a table; for the corpus the card is the text (--write)")
    if engine:
        raise UsageError("--engine goes with a table; over the corpus every engine of the model is measured")
    data = data or shipped("data")
    if test:
        log_opening(data, manifest.model_version)
    source = corpus_encoder(folder) if checker.engine.encoder else None
    others = {name: load(folder, name) for name in engines(manifest.files) if name != manifest.engine}
    record = evaluate_corpus(
        checker,
        data,
        manifest,
        encoder=source and source[0],
        others=others,
        test=test,
        cross_validation=cross_validation,
    )
    if write:
        add_file(folder, EVALUATION, (json.dumps(record, indent=2, ensure_ascii=False) + "\n").encode())
        add_file(folder, CARD, render(record, manifest).encode())
    print(json.dumps(record, indent=2, ensure_ascii=False))


def corpus(
    data: Data = None,
    write: Annotated[bool, typer.Option(help="Bring `hard` and the datasheet's counts up to date.")] = False,
) -> None:
    """Check a corpus folder: format, near-duplicates, counts."""
    from replycheck.corpus import SPLITS, counts, near_duplicates, problems, read_split, refresh
    from replycheck.errors import CorpusError
    from replycheck.evaluation import hard_items
    from replycheck.settings import shipped

    data = data or shipped("data")
    examples = [e for split in SPLITS for e in read_split(data, split)]
    found = problems(examples)
    found += [f"{a} and {b} are near-duplicates ({alike})" for a, b, alike in near_duplicates(examples)]
    if found:
        raise CorpusError("; ".join(found), file=data)
    if write:
        refresh(data, hard_items(examples))
    print(counts(data))
