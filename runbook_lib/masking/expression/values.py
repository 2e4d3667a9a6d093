"""How DynamoDB compares values in expressions: by type first, numbers by value, binary by bytes."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from runbook_lib.items.canonical import Attribute, canonical
from runbook_lib.masking.expression.typed import MEMBERS

ORDERED: Mapping[str, Callable[[Any], Any]] = {"S": str.encode, "N": Decimal, "B": a2b_base64}


def ordered(left: Attribute, right: Attribute) -> int | None:
    """-1, 0 or 1; None where the two have no order: other types, or types without one."""
    ((kind, one),), ((other_kind, other),) = left.items(), right.items()
    if kind != other_kind or kind not in ORDERED:
        return None
    make = ORDERED[kind]
    a, b = make(one), make(other)
    return int(a > b) - int(a < b)


def are_equal(left: Attribute, right: Attribute) -> bool:
    """Whether two values are the same, of whatever type."""
    return left == right or canonical({"value": left}) == canonical({"value": right})


def begins(value: Attribute, start: Attribute) -> bool:
    """begins_with: of texts, or of bytes."""
    ((kind, one),), ((other_kind, other),) = value.items(), start.items()
    if kind != other_kind or kind not in ("S", "B"):
        return False
    make = ORDERED[kind]
    return bool(make(one).startswith(make(other)))


def holds(value: Attribute, part: Attribute) -> bool:
    """contains: a part of a text or of bytes, a member of a set, an element of a list."""
    ((kind, one),), ((part_kind, wanted),) = value.items(), part.items()
    if kind in ("S", "B"):
        return part_kind == kind and ORDERED[kind](wanted) in ORDERED[kind](one)
    if kind in MEMBERS:
        return part_kind == MEMBERS[kind] and any(are_equal({part_kind: member}, part) for member in one)
    return kind == "L" and any(are_equal(element, part) for element in one)


def counted_size(value: Attribute) -> Attribute | None:
    """size: characters of a text as bytes of UTF-8, bytes, members or elements; None where a value has none."""
    ((kind, held),) = value.items()
    if kind in ("S", "B"):
        return {"N": str(len(ORDERED[kind](held)))}
    return {"N": str(len(held))} if kind in (*MEMBERS, "L", "M") else None
