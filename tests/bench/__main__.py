"""`python -m bench`: measure everything, keep the record and its page, or compare with the record that is there.

python -m bench                       # all but what takes minutes; docs/bench.json, docs/bench.md, docs/pictures/bench-*.svg
python -m bench --short               # only whether it runs; prints the page, keeps nothing
python -m bench --service --audits 1000 10000 100000
python -m bench --encoder .venv-encoder/bin/python
python -m bench --compare             # exit code 1 where a ratio slipped
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import page, record, sizing

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent.parent / "docs"
ENGINE_FILES = ("bench_engine.py", "bench_beside.py", "bench_process.py")
CONVOKIT = "ConvoKit's politeness strategies, which need sentences parsed by a spaCy pipeline that has to be downloaded"


def measured(python: str, files: tuple[str, ...], turns: int, short: bool) -> dict[str, Any]:
    """What pytest-benchmark writes about these files (`benchmarks`, `machine_info`), measured by that interpreter."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        # one thread, whatever the machine has
        env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "BENCH_TURNS": str(turns)}
        env |= {"BENCH_SHORT": "1"} if short else {}
        call = [python, "-m", "pytest", *(str(HERE / f) for f in files), "-o", "python_files=bench_*.py", "-p", "no:cacheprovider"]  # fmt: skip
        call += ["--benchmark-json", str(out), "--benchmark-quiet", "-W", "default"]
        done = subprocess.run(call, env=env, stdout=sys.stderr, check=False)
        if done.returncode:
            raise SystemExit(f"the benchmarks failed (pytest ended with {done.returncode})")
        return json.loads(out.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def service() -> dict[str, Any]:
    """The ratios of `bench_http.py`."""
    said = subprocess.run([sys.executable, str(HERE.parent / "bench_http.py")], check=True, capture_output=True, text=True).stdout  # fmt: skip
    return json.loads(said[said.index("\n{") :])  # type: ignore[no-any-return]


def audits(sizes: list[int], *options: str) -> list[dict[str, Any]]:
    """The lines of `bench_audit.py`, smallest first."""
    call = [
        sys.executable,
        str(HERE.parent / "bench_audit.py"),
        "--json",
        *options,
        "--chats",
        *map(str, sorted(sizes)),
    ]
    said = subprocess.run(call, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in said.splitlines()]


def alone(most: int) -> list[dict[str, Any]]:
    """Audits by one process, so that reading, judging and writing can be told apart: two sizes of each engine, fewer chats for the slow ones."""
    sizes = {"fast": min(most, 10_000), "cascade": min(most, 2_000), "deep": min(most, 500)}
    return [a for engine, n in sizes.items() for a in audits([n // 10, n], "--jobs", "1", "--engine", engine)]


def measure(given: argparse.Namespace) -> dict[str, Any]:
    """The whole record."""
    if importlib.util.find_spec("torch"):
        raise SystemExit("torch is installed here, and spaCy would import it: measure in an environment without it")
    from replycheck.bundle import inspect_bundle
    from replycheck.settings import shipped

    load_before, turns = os.getloadavg()[0], 1 if given.short else given.turns
    first = measured(sys.executable, ENGINE_FILES, turns, given.short)
    rows = record.rows(first["benchmarks"])
    left_out = [CONVOKIT]
    if given.encoder:
        known = {r["row"] for r in rows}
        second = measured(given.encoder, ("bench_encoder.py",), turns, given.short)
        rows += [r for r in record.rows(second["benchmarks"]) if r["row"] not in known]
    else:
        left_out.append("MiniLM with logistic regression, which needs the extra `encoder` (`make bench WITH=encoder`)")
    found = {
        "machine": record.machine(first["machine_info"]),
        "versions": record.versions(),
        "model_version": inspect_bundle(shipped("models") / "default")[0].model_version,
        "load_before": round(load_before, 2),
        "turns": turns,
        "short": given.short,
        "left_out": left_out,
        "rows": record.with_memory(rows),
    }
    if given.service:
        found["service"] = service()
    if given.audits:
        found["audits"] = audits(given.audits)
        found["alone"] = alone(max(given.audits))
    return found


def main() -> int:
    """Exit code: 1 where a ratio slipped."""
    options = argparse.ArgumentParser(prog="bench", description=__doc__.partition("\n")[0])
    options.add_argument("--short", action="store_true", help="one turn of few texts; keeps nothing")
    options.add_argument("--turns", type=int, default=3)
    options.add_argument("--encoder", metavar="PYTHON", help="interpreter with the extra `encoder`")
    options.add_argument("--service", action="store_true", help="the service too (minutes)")
    options.add_argument("--audits", type=int, nargs="+", metavar="CHATS", help="audits of so many chats too (minutes)")
    options.add_argument("--compare", action="store_true", help="report what slipped against the record; keeps nothing")
    options.add_argument(
        "--docs", type=Path, help="folder of bench.json and bench.md; with --short, kept only if given"
    )
    given = options.parse_args()
    found = measure(given)
    if given.compare:
        lines, missing = record.slipped(
            json.loads(((given.docs or DOCS) / "bench.json").read_text(encoding="utf-8")), found
        )
        for line in lines:
            print(line)
        if missing:
            print(f"not measured this time: {', '.join(missing)}", file=sys.stderr)
        print(f"{len(lines)} of {len(record.ratios(found))} ratios are worse by 15 % or more", file=sys.stderr)
        return 1 if lines else 0
    if given.short and not given.docs:
        print(page.render(found))
        return 0
    keep(found, given.docs or DOCS)
    return 0


def keep(found: dict[str, Any], docs: Path) -> None:
    """Write the record, its pages and its plots."""
    (docs / "pictures").mkdir(parents=True, exist_ok=True)
    (docs / "bench.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (docs / "bench.md").write_text(page.render(found), encoding="utf-8")
    page.plots(found, docs / "pictures")
    if "alone" in found:
        (docs / "sizing.md").write_text(sizing.render(found), encoding="utf-8")
    print(f"written to {docs / 'bench.md'}")


if __name__ == "__main__":
    sys.exit(main())
