"""Values of people's data that YAML reads as something else than is written: refused, with what to write instead."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import yaml

from runbook_lib.masking.expression.typed import EXACT, MEMBERS, TYPES, example_such_as, spelled_as

DATA = frozenset({"values", "value"})  # below `transform`: what is compared with items, or written into them
NUMBER = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
# Plain texts that YAML reads as what they say. It reads NO as false, 12:30 as 750, 0123 as 83 and 1e5 as a text.
AS_WRITTEN = {
    "tag:yaml.org,2002:str": re.compile(""),
    "tag:yaml.org,2002:bool": re.compile("true|false", re.IGNORECASE),
    "tag:yaml.org,2002:int": re.compile("-?(0|[1-9][0-9]*)"),
    "tag:yaml.org,2002:float": NUMBER,
    "tag:yaml.org,2002:timestamp": re.compile("(?!)"),
}
NAME = "a name"  # of a map, in place of a type


def misread(node: yaml.ScalarNode, path: tuple[str | int, ...], *, is_name: bool = False) -> tuple[Any, str] | None:
    """How YAML reads a value, or a name of a map, and what to write instead; None where that is what is written."""
    if path[:1] != ("transform",) or not DATA.intersection(map(str, path)) or node.tag not in AS_WRITTEN:
        return None
    read = yaml.SafeLoader("").construct_object(node)
    same = AS_WRITTEN[node.tag].fullmatch(node.value) is not None
    kind = NAME if is_name else _type_at(path)
    if same and isinstance(read, float):
        same = Decimal(node.value) == Decimal(repr(read))
    if isinstance(read, str):  # a number to people, if it has no type; in quotes it is meant as a text
        same = node.style is not None or not NUMBER.fullmatch(node.value) or kind is not None
    return None if same else (read, _instead(node.value, read, kind, path))


def _type_at(path: tuple[str | int, ...]) -> str | None:
    """The type that a value is given, be it as a member of a set; None for one that has none, or is in a list."""
    *_, above, last = path
    if isinstance(last, str):
        return last if last in TYPES - {*MEMBERS, "L", "M"} else None
    return MEMBERS.get(str(above))


def _instead(written: str, read: Any, kind: str | None, path: tuple[str | int, ...]) -> str:
    text = str(spelled_as("S", written))
    if kind == "BOOL":
        return str(read).lower() if isinstance(read, bool) else "true or false"
    if kind == "NULL":
        return "true"
    number = spelled_as("N", written)
    if kind == "N":
        return (number if _is_number(written) else spelled_as("N", read)) or example_such_as("N")
    if kind is not None:
        return str(spelled_as("B", written)) if kind == "B" else text
    if isinstance(read, bool):
        return f"{text} for the text, or {str(read).lower()}"
    if not _is_number(written) or number is None:
        return f"{text} for the text"
    if "values" in path:
        return f"{text} for the text, or {{N: {number}}} for the number"
    plain = number.strip('"')  # a constant has no types
    digits = plain.strip("-").replace(".", "")
    exact = len(digits) <= EXACT and NUMBER.fullmatch(plain) and "E" not in plain
    return f"{text} for the text, or {plain} for the number" if exact else f"{text} for the text"


def _is_number(written: str) -> bool:
    return NUMBER.fullmatch(written.replace("_", "")) is not None
