"""Build `names.txt` and `words.txt`, the lists that de-identification finds names with.

    pip install Faker==40.54.0 mimesis english-words && python data/privacy/build_lists.py

Names: the given and family names in Latin script of Faker and mimesis (both MIT, see README.md here). Words: what the
corpus writes in lower case, and no name of a person. A name that is also a word, there or in Webster's Second (public
domain, through english-words), is marked, so that it is replaced only where something else says that it is a name.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LATIN = re.compile(r"[A-Za-zÀ-ɏḀ-ỿ'’-]{2,}")
LOWER = re.compile(r"(?<![\w'’@./-])[a-zà-ÿ]{2,}(?![\w@/])")
SHARED = 2
"""A given name that so many lists hold is one in lower case too."""


def faker_names() -> Iterator[tuple[str, str, str]]:
    """(list, `given` or `family`, name) of every locale."""
    import faker.providers.person as person

    for module in pkgutil.iter_modules(person.__path__):
        provider = importlib.import_module(f"{person.__name__}.{module.name}").Provider
        for attribute in dir(provider):
            if re.match("first_|last_|middle_", attribute):
                found = getattr(provider, attribute)
                if not callable(found) and not isinstance(found, property):
                    side = "family" if attribute.startswith("last") else "given"
                    yield from ((module.name, side, n if isinstance(n, str) else n[0]) for n in found)


def mimesis_names() -> Iterator[tuple[str, str, str]]:
    """The same, of mimesis."""
    import mimesis

    def flat(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        else:
            for v in value.values() if isinstance(value, dict) else value:
                yield from flat(v)

    for file in sorted((Path(mimesis.__file__).parent / "datasets").glob("*/person.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        for field, side in (("names", "given"), ("surnames", "family")):
            yield from (("mimesis " + file.parent.name, side, n) for n in flat(content.get(field, [])))


def corpus_words() -> set[str]:
    """What the training batches and messages write in lower case, in at least two texts."""
    seen: Counter[str] = Counter()
    for file in sorted((HERE.parent / "train").glob("*.jsonl")) + sorted((HERE.parent / "messages").glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            seen.update({w for f in ("reply", "patron_message", "message") for w in LOWER.findall(row.get(f) or "")})
    return {w for w, n in seen.items() if n >= 2}


def main() -> None:
    """Write both lists, sorted."""
    from english_words import get_english_words_set

    webster = {w for w in get_english_words_set(["web2"], lower=False) if w.islower()}
    corpus = corpus_words()
    lists: dict[str, dict[str, set[str]]] = {"given": defaultdict(set), "family": defaultdict(set)}
    for source, side, whole in (*faker_names(), *mimesis_names()):
        for name in whole.split():
            if isinstance(name, str) and LATIN.fullmatch(name) and not name.islower():
                lists[side][name.lower().replace("’", "'")].add(source)

    def is_word(name: str) -> bool:
        stems = {
            name,
            *(
                name.removesuffix(s) + e
                for s, e in (("s", ""), ("es", ""), ("ed", ""), ("ing", ""), ("ed", "e"), ("ing", "e"), ("ies", "y"))
                if name.endswith(s)
            ),
        }
        return name in corpus or bool(stems & webster)

    given, family = lists["given"], lists["family"]
    lines = []
    for name in sorted(given.keys() | family.keys()):
        kind = "g" if name in given else "f"
        if is_word(name):
            kind += "?"
        elif kind == "g" and len(given[name]) >= SHARED and len(name) > 3:
            kind += "!"
        lines.append(f"{name}\t{kind}\n")
    (HERE / "names.txt").write_text("".join(lines), encoding="utf-8")
    words = sorted(w for w in corpus if w in webster or not (w in given or w in family))
    (HERE / "words.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    print(
        f"{len(lines):,} names, {sum(li.endswith('!' + chr(10)) for li in lines):,} of them in any case; {len(words):,} words"
    )


if __name__ == "__main__":
    main()
