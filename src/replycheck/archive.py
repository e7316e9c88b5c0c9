"""The skops archive of an engine → the engine, without importing skops: that takes longer than judging a reply from cold.

Beside `bundle`, which writes archives with skops. What skops writes of an engine is a zip of `schema.json` and arrays; only
the few kinds of nodes that an engine is made of are read here, of types that are on a list, and nothing is executed.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from typing import Any

import numpy as np

_OF_NODE = {
    "DictNode": {"builtins.dict"},
    "ListNode": {"builtins.list"},
    "JsonNode": {"builtins.str"},  # what it holds is written as JSON
    "TypeNode": {"builtins.str"},  # of a dictionary's keys
}


class Untrusted(ValueError):
    """An archive that holds types which are not loaded."""


def read(content: bytes, trusted: Collection[str]) -> Any:
    """The object in a skops archive, where all its types are plain ones, arrays, or named in `trusted`.

    Untrusted names the others, before anything is built; ValueError if it is no such archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            root = json.loads(archive.read("schema.json"))
            if strange := set(_strange(root, trusted)):
                raise Untrusted(", ".join(sorted(strange)))
            return _build(root, archive, {})
    except Untrusted:
        raise
    except Exception as problem:  # zipfile, zlib, json and numpy raise kinds of their own
        raise ValueError(f"{type(problem).__name__}: {problem}") from None


def _strange(node: Mapping[str, Any], trusted: Collection[str]) -> Iterator[str]:
    """The types of a node and of those in it that are not loaded."""
    name, loader = f"{node['__module__']}.{node['__class__']}", node["__loader__"]
    if loader == "ObjectNode":
        known = name in trusted
    elif loader == "NdArrayNode":
        known = node["type"] == "numpy" and (name == "numpy.ndarray" or name.removeprefix("numpy.") in np.sctypeDict)
    else:
        known = name in _OF_NODE.get(loader, ())
    if not known:
        yield name
        return
    inside = node.get("content")
    if loader == "DictNode":
        inside = [*node["content"].values(), node["key_types"]]
    elif loader == "ObjectNode":
        inside = [node["content"]]
    for one in inside if isinstance(inside, list) else ():
        yield from _strange(one, trusted)


def _build(node: Mapping[str, Any], archive: zipfile.ZipFile, built: dict[int, Any]) -> Any:
    """What a node stands for; all types are known by now. What was one object becomes one again, so that saving it gives the same bytes."""
    number = node.get("__id__")
    if number is None:  # a dictionary of attributes
        return _new(node, archive, built)
    if number not in built:
        built[number] = _new(node, archive, built)
    return built[number]


def _new(node: Mapping[str, Any], archive: zipfile.ZipFile, built: dict[int, Any]) -> Any:
    loader = node["__loader__"]
    if loader == "JsonNode":
        return json.loads(node["content"])
    if loader == "ListNode":
        return [_build(one, archive, built) for one in node["content"]]
    if loader == "DictNode":
        return {key: _build(one, archive, built) for key, one in node["content"].items()}
    if loader == "NdArrayNode":
        found = np.load(io.BytesIO(archive.read(node["file"])), allow_pickle=False)
        return found if node["__class__"] == "ndarray" else found[()]
    kind = getattr(import_module(node["__module__"]), node["__class__"])
    made = kind.__new__(kind)
    made.__dict__.update(_build(node["content"], archive, built))
    return made
