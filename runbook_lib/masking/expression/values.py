"""How DynamoDB compares values in expressions: by type first, numbers by value, binary by bytes."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import FORMS, PARSED_TYPES, Attribute, canonical, canonical_number

TYPES = frozenset({*PARSED_TYPES, *FORMS})
EXACT = 15  # digits that a float of YAML keeps, whatever they are (IEEE 754)
MOST_DIGITS, LEAST_EXPONENT, MOST_EXPONENT = 38, -130, 125  # "Supported data types", Developer Guide
MEMBERS = {"SS": "S", "NS": "N", "BS": "B"}
ORDERED: Mapping[str, Callable[[Any], Any]] = {"S": str.encode, "N": Decimal, "B": a2b_base64}


def typed_value(value: Any) -> Attribute:
    """A value of a migration file as DynamoDB has it; raises ValueError for what it has not.

    A mapping of one type's name is that type: `{SS: [a, b]}`. Texts, numbers, true, false, null and lists of them are
    what they are.
    """
    if isinstance(value, Mapping):
        if len(value) == 1 and next(iter(value)) in TYPES:
            ((kind, held),) = value.items()
            return _of_type(str(kind), held)
        return {"M": {str(name): typed_value(held) for name, held in value.items()}}
    if isinstance(value, bool):
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, int | float):
        return {"N": _number(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, list):
        return {"L": [typed_value(each) for each in value]}
    raise ValueError("expected a text, a number, true, false, null, a list or a mapping")


def _of_type(kind: str, held: Any) -> Attribute:
    if kind == "N":
        held = _number(held)
    elif kind == "NS" and isinstance(held, list):
        held = [_number(member) for member in held]
    try:
        made = canonical({"value": {kind: held}})["value"]
    except CorruptFile as error:
        raise ValueError(f"expected a {kind} written as in DynamoDB JSON, found {held!r}: {error}") from None
    return made


def _number(spelled: Any) -> str:
    """A number as DynamoDB takes it; one that YAML may have rounded, or that has no such number, is refused."""
    asked = 'write it as {N: "..."} with all its digits'
    if not isinstance(spelled, int | float | str):
        raise ValueError(f"expected a number, found {spelled!r}; {asked}")
    try:
        _, digits, exponent = (number := Decimal(str(spelled))).as_tuple()
    except ArithmeticError:
        raise ValueError(f"expected a number, found {spelled!r}; {asked}") from None
    if not isinstance(exponent, int):
        raise ValueError(f"expected a number, found {spelled!r}; DynamoDB has neither NaN nor infinity")
    if isinstance(spelled, float) and len(digits) > EXACT:
        raise ValueError(f"{spelled!r} may have been rounded when the file was read; {asked}")
    significant = "".join(map(str, digits)).strip("0")
    if len(significant) > MOST_DIGITS or (number and not LEAST_EXPONENT <= number.adjusted() <= MOST_EXPONENT):
        raise ValueError(f"DynamoDB has no number {spelled}: it takes 38 digits, from 1E-130 to 9.9E+125")
    return canonical_number(str(spelled))


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
