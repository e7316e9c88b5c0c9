"""What the README shows is what happens."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_lines_of_python_give_what_they_say() -> None:
    result = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert (result.attempted, result.failed) == (6, 0)


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 10
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_every_module_stands_in_the_table() -> None:
    table = README.partition("## The modules")[2].partition("## Where")[0]
    named = set(re.findall(r"`([a-z_]+)`", table))
    assert {f.stem for f in (ROOT / "src" / "replycheck").glob("*.py")} - {"__init__"} <= named


def test_every_target_named_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z]+)", README, re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_the_documented_json_is_the_verdicts() -> None:
    from replycheck import load

    found = (
        load(ROOT / "models" / "default")
        .check("Please fill in our survey.", "The catalogue hides the e-books.")
        .to_dict()
    )
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([a-z_]+)", text, re.M))
    assert documented == set(found)
    for part in ("sentences", "reasons", "advice"):
        line = re.search(rf"^\| `{part}\[\]`.*$", text, re.M)
        assert line
        assert set(found[part][0]) <= set(re.findall(r"`([a-z_]+)`", line.group())), part
