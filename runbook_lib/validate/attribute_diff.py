"""Where two items under one key differ: attribute paths and types, never a value."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from runbook_lib.items.canonical import Attribute, Item, canonical
from runbook_lib.run.tables.comparison import PathDifference

MOST_PATHS = 20
LONGEST_PATH = 300  # characters; names alone may have 65,535
SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def differing_paths(exported: Item, held: Item, most: int = MOST_PATHS) -> tuple[PathDifference, ...]:
    """The first places, in the order of their names, where the target's item is not the exported one."""
    found = islice(_in_map(canonical(exported), canonical(held), ""), most)
    return tuple(p if len(p.path) <= LONGEST_PATH else replace(p, path=p.path[:LONGEST_PATH] + "...") for p in found)


def _in_map(exported: Item, held: Item, path: str) -> Iterator[PathDifference]:
    for name in sorted(exported.keys() | held.keys()):
        yield from _at(exported.get(name), held.get(name), _member(path, name))


def _in_list(exported: list[Attribute], held: list[Attribute], path: str) -> Iterator[PathDifference]:
    for place in range(max(len(exported), len(held))):
        one, other = (side[place] if place < len(side) else None for side in (exported, held))
        yield from _at(one, other, f"{path}[{place}]")


def _at(exported: Attribute | None, held: Attribute | None, path: str) -> Iterator[PathDifference]:
    if exported == held:
        return
    (expected, one), (found, other) = _typed(exported), _typed(held)
    if expected is None or found is None:
        yield PathDifference(path, "added" if expected is None else "absent", expected, found)
    elif expected != found:
        yield PathDifference(path, "type", expected, found)
    elif expected == "M":
        yield from _in_map(one, other, path)
    elif expected == "L":
        yield from _in_list(one, other, path)
    else:
        yield PathDifference(path, "value", expected, found)


def _typed(attribute: Attribute | None) -> tuple[str | None, Any]:
    return next(iter(attribute.items())) if attribute is not None else (None, None)


def _member(path: str, name: str) -> str:
    if not SIMPLE.fullmatch(name):
        return f"{path}[{json.dumps(name, ensure_ascii=False)}]"
    return f"{path}.{name}" if path else name
