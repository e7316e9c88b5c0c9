"""Exports of past chats → findings, workbook, summary and report, in bounded memory, on one machine or a cluster.

The whole audit: a reader of `transcripts` gives conversations, `findings` judges them chunk by chunk in other processes, `journal`
keeps what is finished, `summary` counts, `workbook` and `report` write. Interrupted at any point, the same call goes on and
gives the same bytes.
"""

from __future__ import annotations

import json
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replycheck.conversation import Conversation, Unread
from replycheck.errors import UsageError, unwritable
from replycheck.findings import Judged, Task, digest, judge
from replycheck.journal import Journal, files_of, fingerprints
from replycheck.position import Position
from replycheck.report import ESTIMATE, SUMMARY
from replycheck.runs import runs
from replycheck.summary import Canned, summarise, survey, write_findings
from replycheck.tables import not_written
from replycheck.tally import HEADS, difference

if TYPE_CHECKING:
    import pandas as pd

    from replycheck.transcripts import Reading

FORMAT, FORMAT_VERSION = "replycheck-audit", 1
FINDINGS, WORKBOOK, REPORT, MOMENTS = "findings.csv", "findings.xlsx", "report.html", "moments.jsonl"
OUTPUTS = (FINDINGS, WORKBOOK, MOMENTS, REPORT, SUMMARY)
"""Files of an audit; the summary comes last, so that where it is everything is."""
_CHUNK_MESSAGES, _CHUNK_CHARS = 3_000, 2_000_000
"""A chunk is judged when it has this many messages or characters."""
_UNREAD_KEPT = 1_000
"""Pieces that could not be read which are listed; the others are counted."""


@dataclass(frozen=True, slots=True)
class Options:
    """What decides the outputs; all but these may differ when an audit is taken up again."""

    format: str | None = None
    mapping: Path | None = None
    staff: tuple[str, ...] = ()
    with_text: bool = False
    min_group: int = 10
    model: Path | None = None
    engine: str | None = None
    compare: Path | None = None
    max_chars: int = 100_000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the judging is: conversations and runs judged, and those that an earlier try had finished."""

    conversations: int
    runs: int
    earlier: int
    expected: int | None = None
    """Conversations in all, as far as that can be told."""


@dataclass
class _Chunks:
    """Conversations in chunks, for whichever thread asks; what was unread on the way, and what went wrong."""

    reading: Reading
    position: Position
    share: float = 0.0
    """How much of the exports has been read."""
    unread: list[Unread] = field(default_factory=list)
    left_out: int = 0
    failure: BaseException | None = None
    skipped: int = 0

    def __iter__(self) -> Iterator[tuple[int, list[Conversation]]]:
        """(running number of the first, conversations) of each chunk; ends early, with `failure` set, on an error."""
        first, chunk, messages, chars = 1, list[Conversation](), 0, 0
        try:
            for item in self.reading.conversations():
                if isinstance(item, Unread):
                    self._list(item)
                    continue
                chunk.append(item)
                messages += len(item.messages)
                chars += sum(len(m.text) for m in item.messages)
                if messages >= _CHUNK_MESSAGES or chars >= _CHUNK_CHARS:
                    self.share = self.position.share(item)
                    yield first, chunk
                    first, chunk, messages, chars = first + len(chunk), [], 0, 0
        except Exception as problem:
            # a thread of joblib's may be asking, where an error would be lost
            self.failure = problem
            return
        self.share = 1.0
        if chunk:
            yield first, chunk

    def _list(self, item: Unread) -> None:
        if len(self.unread) < _UNREAD_KEPT:
            self.unread.append(item)
        else:
            self.left_out += 1


def write_audit(
    paths: Sequence[Path],
    out: Path,
    options: Options,
    *,
    jobs: int = 1,
    scheduler: str | None = None,
    resume: bool = True,
    progress: Callable[[Progress], None] = lambda _: None,
) -> dict[str, Any]:
    """Audit the exports into the folder `out` and return the summary.

    UsageError if `out` holds another audit, can't be written to, or the cluster can't be had; BundleError for the model.
    """
    from replycheck.report import write_report
    from replycheck.workbook import write_workbook

    if (out / SUMMARY).exists() and resume and not (out / ".audit").exists():
        raise UsageError(f"{out}: holds a finished audit; give another folder, or --fresh to replace it")
    earlier = read_summary(options.compare) if options.compare else None
    files = files_of(paths, out)
    inputs, secret = fingerprints(files)
    task, manifest = _task(options, secret)
    with Journal(out, _remembered(paths, options, task), inputs, resume=resume) as journal:
        chunks = _judge_all(paths, options, task, journal, jobs, scheduler, progress)
        unread = chunks.unread + journal.unread()
        unread += [Unread(f, None, "changed while it was read") for f in journal.changed()]
        if chunks.left_out:
            unread.append(Unread("", None, f"{chunks.left_out:,} more pieces that could not be read"))
        from replycheck.privacy import Deidentifier

        clean = Deidentifier().clean
        final = journal.folder / "final"
        with _writing(out):
            shutil.rmtree(final, ignore_errors=True)
            final.mkdir()
            known = survey(journal.lines, options.min_group, clean)
            moments = final / MOMENTS if options.with_text else None
            counts = write_findings(journal.lines, known, options.min_group, final / FINDINGS, moments)
            write_workbook(final / FINDINGS, final / WORKBOOK)
            canned = _sentences(counts.recurring(), paths, options, task)
            listed = [replace(u, file=clean(Path(u.file).name), why=clean(u.why)) for u in unread]
            summary = {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                **_versions(manifest, task, options),
                "inputs": {"files": len(files), "bytes": sum(i.size for i in inputs)},
                **summarise(counts, known, listed, canned),
            }
            summary["read"]["duplicates"] = chunks.reading.counts.duplicates
            summary["read"]["remarks"] = [
                {"file": clean(Path(f).name), "why": clean(why)} for f, why in chunks.reading.counts.remarks
            ]
            _sensitivity(summary["headlines"], task)
            summary["deidentifier"] = _deidentifier()
            if earlier:
                summary["earlier"] = _earlier(earlier, summary)
            (final / SUMMARY).write_text(json.dumps(summary, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            write_report(final)
            # what a person judged was drawn from other findings
            (out / ESTIMATE).unlink(missing_ok=True)
            for name in OUTPUTS:
                if (final / name).exists():
                    (final / name).replace(out / name)
                else:
                    (out / name).unlink(missing_ok=True)
            journal.close()
        # the folder's copy names no file outside it; whoever started the audit may see the whole list
        return summary | {"unread": unread}


def audit(
    paths: Sequence[str | Path],
    *,
    format: str | None = None,
    mapping: str | Path | None = None,
    staff: Sequence[str] = (),
    model: str | Path | None = None,
    engine: str | None = None,
    min_group: int = 10,
    jobs: int = 1,
) -> pd.DataFrame:
    """The findings of past chats as a data frame, a row a run (docs/audit.md lists the columns).

    `attrs["summary"]` is the summary, `attrs["unread"]` what could not be read. UsageError and BundleError as in `write_audit`.
    """
    import tempfile

    import pandas as pd

    options = Options(
        format=format,
        mapping=Path(mapping) if mapping else None,
        staff=tuple(staff),
        min_group=min_group,
        model=Path(model) if model else None,
        engine=engine,
    )
    with tempfile.TemporaryDirectory(prefix="replycheck-") as folder:
        summary = write_audit([Path(p) for p in paths], Path(folder) / "audit", options, jobs=jobs)
        found = pd.read_csv(Path(folder) / "audit" / FINDINGS, encoding="utf-8", dtype={"staff": str, "key": str})
    found.attrs["unread"] = summary.pop("unread")
    found.attrs["summary"] = summary
    return found


def read_summary(folder: Path) -> dict[str, Any]:
    """The summary of a finished audit. UsageError if there is none, or it is of another version."""
    try:
        found = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except OSError:
        raise UsageError(f"{folder}: holds no finished audit (no {SUMMARY})") from None
    except ValueError:
        raise UsageError(f"{folder / SUMMARY}: not JSON") from None
    if not isinstance(found, dict) or (found.get("format"), found.get("format_version")) != (FORMAT, FORMAT_VERSION):
        raise UsageError(f"{folder / SUMMARY}: not the summary of an audit by this version of replycheck")
    return found


def _task(options: Options, secret: bytes) -> tuple[Task, Any]:
    from replycheck.bundle import inspect_bundle
    from replycheck.settings import Settings

    settings = Settings.from_environment()
    folder = (options.model or settings.model).resolve()
    engine = options.engine or settings.engine or None
    manifest, _ = inspect_bundle(folder)
    version = manifest.version_of(engine)
    return Task(str(folder), engine, version, secret, options.with_text, options.max_chars), manifest


def _remembered(paths: Sequence[Path], options: Options, task: Task) -> dict[str, Any]:
    mapping = options.mapping.read_text(encoding="utf-8") if options.mapping else None
    return {
        "files": [str(p) for p in paths],
        "--format": options.format,
        "--mapping": mapping,
        "--staff": list(options.staff),
        "--with-text": options.with_text,
        "--min-group": options.min_group,
        "--compare": str(options.compare) if options.compare else None,
        "model": task.model_version,
    }


def _open(paths: Sequence[Path], options: Options) -> Reading:
    from replycheck.transcripts import open_reading

    return open_reading(paths, format=options.format, mapping=options.mapping, staff=options.staff)


def _judge_all(
    paths: Sequence[Path],
    options: Options,
    task: Task,
    journal: Journal,
    jobs: int,
    scheduler: str | None,
    progress: Callable[[Progress], None],
) -> _Chunks:
    """Judge what is not finished. Reading goes over everything again, since only then is it known what is left."""
    from joblib import Parallel, delayed

    chunks = _Chunks(_open(paths, options), Position(journal.inputs))
    waiting: deque[tuple[int, int]] = deque()

    def calls() -> Iterator[Any]:
        for number, (first, chunk) in enumerate(chunks):
            if number in journal.finished:
                chunks.skipped += len(chunk)
            else:
                waiting.append((number, len(chunk)))
                yield delayed(judge)(task, first, chunk)

    done = judged = 0
    with _killed(journal), _workers(jobs, scheduler) as n:
        results: Iterator[Judged] = Parallel(n_jobs=n, return_as="generator", batch_size=1, pre_dispatch="2*n_jobs")(
            calls()
        )
        for result in results:
            number, size = waiting.popleft()
            journal.put(number, result.lines, result.unread)
            done, judged = done + size, judged + result.runs
            known = done + chunks.skipped + sum(n for _, n in waiting)
            progress(Progress(done, judged, chunks.skipped, round(known / chunks.share) if chunks.share else None))
    if chunks.failure:
        raise chunks.failure
    return chunks


@contextmanager
def _killed(journal: Journal) -> Iterator[None]:
    from concurrent.futures.process import BrokenProcessPool

    try:
        yield
    except (BrokenProcessPool, MemoryError):
        raise UsageError(
            f"{journal.folder.parent}: a judging process ran out of memory, or was killed; "
            "what is finished is kept, and the same command goes on from there"
        ) from None


@contextmanager
def _workers(jobs: int, scheduler: str | None) -> Iterator[int]:
    """Processes of this machine, or of the cluster behind a scheduler's address; gives how many."""
    from joblib import parallel_config

    if scheduler is None:
        with parallel_config(backend="loky", inner_max_num_threads=1):
            yield jobs
        return
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("--scheduler needs the extra: pip install 'replycheck[cluster]'") from None
    try:
        client = Client(scheduler, timeout=10)
    except (OSError, ValueError):
        raise UsageError(f"{scheduler}: no Dask scheduler answers there") from None
    with client, parallel_config(backend="dask", wait_for_workers_timeout=30):
        yield -1


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except Exception as problem:
        if not (why := not_written(problem)):
            raise
        raise unwritable(out, why, "what is judged is kept, and the same command goes on from there") from None


def _sentences(found: Sequence[Canned], paths: Sequence[Path], options: Options, task: Task) -> list[dict[str, Any]]:
    """The recurring sentences in words, personal data taken out. Nothing but digests was kept, so the exports are read again as
    far as is needed."""
    from replycheck.privacy import for_conversation

    wanted: dict[int, list[Canned]] = {}
    for c in found:
        wanted.setdefault(c.conversation, []).append(c)
    texts: dict[str, str] = {}
    if wanted:
        number = 0
        for conversation in _open(paths, options).conversations():
            if isinstance(conversation, Unread):
                continue
            number += 1
            for c in wanted.pop(number, ()):
                run = runs(conversation)[c.run - 1]
                cut = (run.after_opening if c.after_opening else run.text)[c.start : c.end]
                if digest(task, cut) == c.digest:
                    texts[c.digest] = for_conversation(conversation).clean(" ".join(cut.split()))
            if not wanted:
                break
    return [
        {"text": texts[c.digest], "conversations": c.conversations, "runs": c.runs} for c in found if c.digest in texts
    ]


def _sensitivity(headlines: dict[str, Any], task: Task) -> None:
    """Put beside each headline the range of true shares at the error rates of the model's record; null if it has none."""
    from replycheck.bundle import EVALUATION
    from replycheck.estimate import error_rates, sensitivity_range

    file = Path(task.model) / EVALUATION
    record = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    # a version other than the record's is that of another engine of the model (`Manifest.version_of`)
    rates = error_rates(record, task.engine if record.get("model_version") != task.model_version else None)
    for share in headlines.values():
        if share:
            found = sensitivity_range(share["pushed"], share["runs"], rates)
            share["sensitivity"] = [round(x, 4) for x in found] if found else None


_RECALL = {
    "patterned": "numbers, addresses and the like",
    "known name": "names that the export knows",
    "other name": "other names",
}
"""Kinds of the de-identifier's record that a report quotes."""


def _deidentifier() -> dict[str, Any]:
    """What the de-identifier finds of the test half of its written lines, from the record that ships."""
    from replycheck.settings import shipped

    test = json.loads((shipped("data") / "privacy" / "recall.json").read_text(encoding="utf-8"))["test"]
    return {
        "lines": test["lines"],
        "recall": {words: test["recall"][kind]["share"] for kind, words in _RECALL.items()},
        "others": test["other_words"]["share"],
    }


def _earlier(earlier: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What of an earlier audit's summary stands beside this one's; a difference only if the same model judged."""
    same = earlier["model"]["version"] == now["model"]["version"]
    heads = {h: (earlier["headlines"][h], now["headlines"][h]) for h in HEADS}
    return {
        "model": earlier["model"],
        "period": earlier["period"],
        "read": {"conversations": earlier["read"]["conversations"]},
        "headlines": earlier["headlines"],
        "change": {h: [round(x, 4) for x in difference(a, b)] for h, (a, b) in heads.items() if same and a and b},
    }


def _versions(manifest: Any, task: Task, options: Options) -> dict[str, Any]:
    from replycheck import __version__

    return {
        "replycheck": __version__,
        "model": {
            "version": task.model_version,
            "threshold": round(manifest.threshold, 4),
            "data": manifest.data_fingerprint,
            "replies": manifest.trained_on["replies"],
        },
        "options": {"min_group": options.min_group, "with_text": options.with_text},
    }
