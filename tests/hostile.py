"""Every regular expression of the package, and texts made to slow each of them down; for `test_hostile.py`.

The texts are made from the expressions themselves: strings that begin as one would match and go on for ever in one of its
repeats, or that nearly match, again and again. So an expression that is added to the package is tried without anybody's remembering.
"""

from __future__ import annotations

import ast
import importlib
import random
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from re import _constants as c
from re import _parser as parser
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (ROOT / "src" / "replycheck", ROOT / "api" / "replycheck_api")
WHOLE = {"search", "finditer", "sub", "subn", "split", "findall"}
"""Ways to use an expression that try it at every place of the text."""


@dataclass(frozen=True)
class Used:
    """An expression, where it stands, and how the module uses it."""

    name: str
    pattern: re.Pattern[str]
    ways: frozenset[str]


def modules() -> Iterator[tuple[Path, Any]]:
    """Every module of the package that uses expressions; some others need extras."""
    for folder in PACKAGES:
        for file in sorted(folder.rglob("*.py")):
            name = ".".join(file.relative_to(folder.parent).with_suffix("").parts).removesuffix(".__init__")
            if "import re\n" in file.read_text(encoding="utf-8"):
                yield file, importlib.import_module(name)


def expressions() -> list[Used]:
    """All of the package, compiled at import or written where they are used."""
    found: dict[tuple[str, str], Used] = {}
    for file, module in modules():
        source = file.read_text(encoding="utf-8")
        for name, value in vars(module).items():
            for i, pattern in enumerate(_patterns(value)):
                ways = frozenset(re.findall(rf"\b{name}(?:\[\w+\])?\.(\w+)\(", source)) or frozenset(["finditer"])
                if re.search(rf"^{name}\b.*=", source, re.M):
                    where = f"{module.__name__}.{name}" + (f"[{i}]" if value is not pattern else "")
                    found[where, pattern.pattern] = Used(where, pattern, ways)
        for node in ast.walk(ast.parse(source)):
            if written := _written(node):
                way, pattern = written
                where = f"{module.__name__}:{node.lineno}"  # type: ignore[attr-defined]
                found[where, pattern.pattern] = Used(where, pattern, frozenset([way]))
    return list(found.values())


def _patterns(value: Any) -> Iterator[re.Pattern[str]]:
    """The expressions in a value of a module: itself, or in lists, tuples and dataclasses."""
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _patterns(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _patterns(getattr(value, field.name, None))


def _written(node: ast.AST) -> tuple[str, re.Pattern[str]] | None:
    """(way, expression) of a call such as `re.sub("…", …)`."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return None
    of, way = node.func.value, node.func.attr
    if not (isinstance(of, ast.Name) and of.id == "re" and way in WHOLE | {"match", "fullmatch"} and node.args):
        return None
    first = node.args[0]
    if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
        return None
    said = [ast.unparse(a) for a in [*node.args[1:], *(k.value for k in node.keywords)]]
    flags = [getattr(re, name) for name in re.findall(r"\bre\.([A-Z]+)", " ".join(said))]
    return way, re.compile(first.value, sum(flags))


# --- texts -------------------------------------------------------------------------------------------------------


def pumps(pattern: re.Pattern[str], most: int = 30) -> list[tuple[str, str]]:
    """(beginning, what to repeat after it) of hostile texts for this expression, the same in every run."""
    tree = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    chance = random.Random(ascii(pattern.pattern))
    found: dict[tuple[str, str], None] = {}
    for _ in range(3):
        for before, inside in _repeats(list(tree), "", chance):
            found[before, inside] = found["", inside] = None
        whole = _example(list(tree), chance)
        found["", whole] = None
        found["", whole[: chance.randint(1, max(1, len(whole) - 1))]] = None
        if len(whole) > 1:
            found["", whole[:-1] + "\x00"] = None
    for letter in sorted(set("".join(i for _, i in found))):
        found["", letter] = None
    chosen = [pair for pair in found if pair[1]]
    return chosen if len(chosen) <= most else chance.sample(chosen, most)


def _repeats(tree: list[Any], before: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """(what leads there, what is repeated) for each repeat of a parsed expression."""
    for op, av in tree:
        if op in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT):
            _, high, sub = av
            if high > 1:
                yield before, _example(list(sub), chance)
            yield from _repeats(list(sub), before, chance)
        elif op is c.SUBPATTERN:
            yield from _repeats(list(av[3]), before, chance)
        elif op is c.ATOMIC_GROUP:
            yield from _repeats(list(av), before, chance)
        elif op is c.BRANCH:
            for branch in av[1]:
                yield from _repeats(list(branch), before, chance)
        elif op in (c.ASSERT, c.ASSERT_NOT):
            yield from _repeats(list(av[1]), before, chance)
        before += _example([(op, av)], chance)


def _example(tree: list[Any], chance: random.Random) -> str:
    """A string that the parsed expression matches, but for what stands around it."""
    made = ""
    for op, av in tree:
        if op is c.LITERAL:
            made += chr(av)
        elif op is c.NOT_LITERAL:
            made += "a" if av != ord("a") else "b"
        elif op is c.ANY:
            made += chance.choice("a .")
        elif op is c.IN:
            made += _member(av, chance)
        elif op in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT):
            low, high, sub = av
            made += "".join(_example(list(sub), chance) for _ in range(min(high, low + chance.choice([0, 1, 1, 2]))))
        elif op is c.SUBPATTERN:
            made += _example(list(av[3]), chance)
        elif op is c.ATOMIC_GROUP:
            made += _example(list(av), chance)
        elif op is c.BRANCH:
            made += _example(list(chance.choice(av[1])), chance)
    return made


_SAMPLES = {
    c.CATEGORY_DIGIT: "1", c.CATEGORY_NOT_DIGIT: "a", c.CATEGORY_SPACE: " \n", c.CATEGORY_NOT_SPACE: "a.",
    c.CATEGORY_WORD: "aA1", c.CATEGORY_NOT_WORD: " .",
}  # fmt: skip


def _member(items: list[Any], chance: random.Random) -> str:
    if items[0][0] is c.NEGATE:
        inside = _class(items)
        return chance.choice([x for x in "aA1 .,-\n<>\"'@:/=é" if inside.match(x)] or ["\u4e00"])
    op, av = chance.choice(items)
    if op is c.LITERAL:
        return chr(av)
    if op is c.RANGE:
        return chr(chance.randint(*av)) if av[1] < 0xD800 else chr(av[0])
    return chance.choice(_SAMPLES.get(av, "a"))


def _class(items: list[Any]) -> re.Pattern[str]:
    """The class of characters, as an expression of its own."""
    names = {
        c.CATEGORY_DIGIT: r"\d", c.CATEGORY_NOT_DIGIT: r"\D", c.CATEGORY_SPACE: r"\s", c.CATEGORY_NOT_SPACE: r"\S",
        c.CATEGORY_WORD: r"\w", c.CATEGORY_NOT_WORD: r"\W",
    }  # fmt: skip
    parts = [
        "^" if op is c.NEGATE
        else re.escape(chr(av)) if op is c.LITERAL
        else f"{re.escape(chr(av[0]))}-{re.escape(chr(av[1]))}" if op is c.RANGE
        else names[av]
        for op, av in items
    ]  # fmt: skip
    return re.compile("[" + "".join(parts) + "]")


def text_of(before: str, inside: str, size: int, end: str = "") -> str:
    """A hostile text of about that many characters."""
    return (before + inside * (size // max(1, len(inside)) + 1))[: size - len(end)] + end


# --- time --------------------------------------------------------------------------------------------------------


def seconds(call: Callable[[str], object], text: str, tries: int = 1) -> float:
    """Shortest processor time of the call."""
    best = float("inf")
    for _ in range(tries):
        begin = time.process_time()
        call(text)
        best = min(best, time.process_time() - begin)
    return best


def way_of(used: Used) -> Callable[[str], object]:
    """What takes as long as the module's most thorough use of the expression over a whole text."""
    if used.ways & WHOLE:
        return lambda text: sum(1 for _ in used.pattern.finditer(text))
    return used.pattern.fullmatch if used.ways == {"fullmatch"} else used.pattern.match


# --- what reads whole texts --------------------------------------------------------------------------------------

PIECES = (
    "a", " ", "\n", "\t", ".", "?!", "…", "😀", "☢ ", "1", "1 ", "-", "_", "=", ">", "> ", "<", "</", "<a ", "<!--", "<!-- a", "-->", "<script>",
    "</script ", "<b>", "<div>", "<blockquote>", "<a href='", "&", "&#1", "&amp;", "@", "a@", "a@b.", "http://a?", "www.", "[", "(", ")", "\"", "'", "*", ":", ": ",
    ":)", ". ", ".\n", ",\n", " \n", "\r", "\r\n", "\x00", "\ud800", "\u202e", "a\n", "A\n", "Aa ", "A. ", "Dr. ", "thanks ", "Thanks,\n", "best ", "our ", "12:00 ",
    "12:00 a: b\n", "a: b\n", "On 1 wrote:\n", "On a\n", "From: a\n", "From: a\nTo: b\n", "-- \n", "sent from ", "call a ", "the the ", "ask a doctor ", "We have a guide. ",
    "I've asked Sam. ", "please ", "? ", "a" * 199 + " ", "שלום ", "<b", "x y, ", "and ", "regards\n", "1) ", "• a\n", "<br>", "a<br>\n",
)  # fmt: skip
"""Pieces of hostile texts, each repeated without end."""


@cache
def readers() -> dict[str, Callable[[str], object]]:
    """What is done with a text that came in from outside, before and beside the judging."""
    from replycheck.drafts import draft_from_email, draft_from_html, draft_from_text
    from replycheck.errors import UnreadableInput
    from replycheck.features import Tokens
    from replycheck.privacy import Deidentifier, names
    from replycheck.referral import must_be_made
    from replycheck.text import make_nlp, mask, sentence_spans
    from replycheck.transcripts.lines import chat_lines
    from replycheck.transcripts.markup import plain
    from replycheck.transcripts.quoted import new_words

    def drafted(read: Callable[[Any], object]) -> Callable[[str], object]:
        def call(text: str) -> object:
            try:
                return read(text)
            except UnreadableInput:
                return None

        return call

    nlp = make_nlp()
    return {
        "masking": mask,
        "sentences": lambda t: sentence_spans(mask(t)),
        "tokens": lambda t: Tokens(nlp).batch([t]),
        "referrals": must_be_made,
        "a draft": drafted(draft_from_text),
        "a draft in HTML": drafted(draft_from_html),
        "an e-mail": drafted(lambda t: draft_from_email(b"From: a\n\n" + t.encode("utf-8", "replace"))),
        "a message's markup": plain,
        "a mail's new words": new_words,
        "lines of a chat": lambda t: chat_lines(t, first_line=1, started=None),
        "de-identification": Deidentifier(["Ana Quist"]).clean,
        "names": names.introduced,
    }
