"""Imports go one way, nothing heavy is loaded early, and the words of the codebook are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parent.parent / "src" / "replycheck"
LAYERS = [
    {"codebook", "reply", "conversation", "errors"},
    {"settings", "text", "lexicon", "markup", "offsets", "archive"},
    {"features"},
    {"encoder"},
    {"referral", "classifier"},
    {"bundle"},
    {"checker", "advice", "drafts", "order"},
    {"corpus", "tables", "spacy_component", "transcripts", "privacy", "estimate"},
    {"sheets"},
    {"labels"},
    {"training", "finetuning"},
    {"judging", "feedback"},
    {"runs", "tally"},
    {"findings", "journal", "plots"},
    {"summary", "position"},
    {"workbook", "report"},
    {"auditing"},
    {"underlining"},
    {"evaluation"},
    {"card", "evaluation_page", "ablation"},
    {"registry", "labelling"},
    {"comparison"},
    {"comparison_page"},
    {"retraining"},
    {"promotion"},
    {"estimator"},
    {"commands"},
    {"cli"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def imports(file: Path, *, late: bool) -> set[str]:
    """Modules of replycheck that a file imports; `late` counts imports inside functions too."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if late else [n for n in tree.body if not isinstance(n, ast.If)]
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "replycheck":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {a.name for a in node.names}
    return found & set(RANK)


def place(file: Path) -> str:
    """The module, or the package, that a file belongs to."""
    return file.relative_to(SRC).with_suffix("").parts[0]


def files(name: str) -> list[Path]:
    """The files of a module or a package."""
    return sorted((SRC / name).rglob("*.py")) or [SRC / f"{name}.py"]


@pytest.mark.parametrize("file", sorted(SRC.rglob("*.py")), ids=lambda f: str(f.relative_to(SRC)))
def test_imports_go_one_way(file: Path) -> None:
    here = place(file)
    if here == "__init__":
        return
    assert here in RANK, "a new module needs its place in the walk"
    for other in imports(file, late=False) - {here}:
        assert RANK[other] <= RANK[here], f"{file} imports {other}"
        if RANK[other] == RANK[here]:
            assert not any(here in imports(f, late=False) for f in files(other))


def test_the_checker_never_imports_training_nor_anything_fastapi() -> None:
    seen: set[str] = set()
    todo = ["checker"]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += [m for file in files(name) for m in imports(file, late=True)]
    assert not seen & {"training", "evaluation", "commands", "cli", "corpus"}
    assert not [
        f
        for f in SRC.rglob("*.py")
        if "fastapi" in f.read_text(encoding="utf-8").lower().replace("fastapi service", "")
    ]


def test_only_the_command_line_prints() -> None:
    for file in SRC.rglob("*.py"):
        calls = [n for n in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(n, ast.Call)]
        printed = [n for n in calls if isinstance(n.func, ast.Name) and n.func.id == "print"]
        assert not printed or place(file) in ("cli", "commands"), file


def test_nothing_heavy_is_imported_until_it_is_used() -> None:
    code = (
        "import sys, replycheck, replycheck.cli; heavy = {'spacy', 'sklearn', 'pandas', 'scipy', 'numpy', 'fastapi', 'rich.progress'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_judging_needs_neither_scikit_learn_nor_what_the_other_engine_runs_on() -> None:
    code = (
        "import sys, replycheck, replycheck.settings as s; c = replycheck.load(s.shipped('models') / 'default', 'fast');"
        "c.check('We offer many workshops.', 'The rooms are loud.').advice;"
        "print(sorted({'sklearn', 'skops', 'scipy', 'pandas', 'onnxruntime', 'tokenizers', 'torch'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_public_name_of_the_front_door_is_there() -> None:
    import replycheck

    for name in replycheck.__all__:
        assert getattr(replycheck, name) is not None
    with pytest.raises(AttributeError):
        replycheck.nothing  # noqa: B018
