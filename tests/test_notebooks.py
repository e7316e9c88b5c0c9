"""The notebooks run, are kept with their outputs and plots, and define nothing that belongs in the package."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


def code(book: Any) -> list[Any]:
    return [c for c in book.cells if c.cell_type == "code"]


def test_there_are_three() -> None:
    assert [p.stem for p in NOTEBOOKS] == ["01-look-at-the-corpus", "02-retrain-on-our-labels", "03-read-an-audit"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_opens_with_question_and_answer_and_is_kept_with_outputs(path: Path) -> None:
    book = read(path)
    first = book.cells[0]
    assert first.cell_type == "markdown"
    assert re.search(r"\*\*Question\.\*\* .+\?.*\*\*Answer\.\*\* ", first.source, re.S)
    outputs = [o for c in code(book) for o in c.outputs]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert sum("image/png" in o.get("data", {}) for o in outputs) >= 1
    assert [c.execution_count for c in code(book)] == list(range(1, len(code(book)) + 1))
    assert path.stat().st_size < 300_000
    assert "/home/" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_explores_and_the_package_repeats(path: Path) -> None:
    tree = ast.parse("\n".join(c.source for c in code(read(path))))
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    assert all(len(f.body) <= 2 for f in functions)
    modules = {(n.module or "") if isinstance(n, ast.ImportFrom) else n.names[0].name for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom))}  # fmt: skip
    assert {m.split(".")[0] for m in modules} <= {"replycheck", "pandas", "matplotlib"}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_runs(path: Path, small_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "ignore")
    book = read(path)
    for cell in book.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source = cell.source.replace('corpus = shipped("data")', f"from pathlib import Path\ncorpus = Path({str(small_data)!r})").replace("jobs = 2", "jobs = 1")  # fmt: skip
    kept = [len(c.outputs) > 0 for c in code(book)]
    nbclient.NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    ).execute()
    assert [len(c.outputs) > 0 for c in code(book)] == kept
