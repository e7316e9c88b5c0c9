"""One subject in a process of its own, with nothing else in it: seconds and peak memory. `python -m bench.alone NAME [FOLDER]`.

What must be fitted first is read from a folder (`keep`), since fitting needs far more memory than judging.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

Judge = Callable[[Sequence[str]], object]


def keep(folder: Path) -> None:
    """Put the fitted subjects into a folder."""
    import joblib

    from bench import subjects

    joblib.dump(subjects.tfidf(), folder / "tfidf.joblib")
    subjects.textcat()[0].to_disk(folder / "textcat")


def _nothing(folder: Path) -> Judge:
    return lambda texts: None


def _blank(folder: Path) -> Judge:
    from bench.subjects import blank

    return blank()


def _fast(folder: Path) -> Judge:
    from replycheck.checker import load
    from replycheck.settings import shipped

    return load(shipped("models") / "default", "fast").check_many


def _deep(folder: Path) -> Judge:
    from replycheck.checker import load
    from replycheck.settings import shipped

    return load(shipped("models") / "default", "deep").check_many


def _tfidf(folder: Path) -> Judge:
    import joblib

    return joblib.load(folder / "tfidf.joblib").predict_proba  # type: ignore[no-any-return]


def _textcat(folder: Path) -> Judge:
    import spacy

    nlp = spacy.load(folder / "textcat")
    return lambda texts: list(nlp.pipe(texts))


def _vader(folder: Path) -> Judge:
    from bench.subjects import vader

    return vader()


def _train(folder: Path) -> Judge:
    from replycheck.corpus import read_messages, read_split
    from replycheck.settings import shipped
    from replycheck.training import train

    data = shipped("data")
    examples, messages = read_split(data, "train"), read_messages(data)
    return lambda texts: train(examples, messages, jobs=1)


SUBJECTS: dict[str, Callable[[Path], Judge]] = {
    "nothing but the texts": _nothing,
    "blank spaCy and sentencizer": _blank,
    "the fast engine": _fast,
    "the deep engine": _deep,
    "TF-IDF + logistic regression": _tfidf,
    "spaCy textcat, bag of words": _textcat,
    "VADER (sentiment)": _vader,
    "training the fast engine": _train,
}


def peak() -> float:
    """MiB that this process held at most. Not `getrusage`: what that says of a child may be its parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def main(name: str, folder: str = ".") -> None:
    """Print what was found as JSON."""
    read = json.loads(sys.stdin.read())
    begin = time.perf_counter()
    judge = SUBJECTS[name](Path(folder))
    loaded = time.perf_counter()
    judge(read)
    print(json.dumps({"load_seconds": loaded - begin, "seconds": time.perf_counter() - loaded, "peak_mib": peak()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
