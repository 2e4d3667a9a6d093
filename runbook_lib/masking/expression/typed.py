"""Values of a migration file as DynamoDB has them; one that is wrong is refused with what to write instead."""

from __future__ import annotations

from base64 import b64encode
from binascii import Error as BadBase64
from binascii import a2b_base64
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import FORMS, PARSED_TYPES, Attribute, canonical, canonical_number

TYPES = frozenset({*PARSED_TYPES, *FORMS})
EXACT = 15  # digits that a float of YAML keeps, whatever they are (IEEE 754)
MOST_DIGITS, LEAST_EXPONENT, MOST_EXPONENT = 38, -130, 125  # "Supported data types", Developer Guide
MEMBERS = {"SS": "S", "NS": "N", "BS": "B"}
EXAMPLES = {
    "S": 'a text, such as "text"', "N": 'a number that DynamoDB has, such as "12.5"', "B": 'Base64, such as "AAEC"',
    "M": 'a map, such as {name: "text"}', "L": 'a list, such as ["text", 5]',
}  # fmt: skip
YES, NO = frozenset({"true", "yes", "on", "y", "1"}), frozenset({"false", "no", "off", "n", "0"})


def typed_value(value: Any) -> Attribute:
    """A value of a migration file as DynamoDB has it; raises ValueError for what it has not.

    A mapping of one type's name is that type: `{SS: [a, b]}`; YAML reads NULL as no name. Texts, numbers, bytes, true,
    false, null and lists of them are what they are.
    """
    if isinstance(value, Mapping):
        if len(value) == 1 and (kind := _type_named(next(iter(value)))) is not None:
            return _of_type(kind, next(iter(value.values())))
        return {"M": {_name(name): typed_value(held) for name, held in value.items()}}
    if isinstance(value, bool):
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, int | float):
        return {"N": _number(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bytes):
        return {"B": b64encode(value).decode()}
    if isinstance(value, list):
        return {"L": [typed_value(each) for each in value]}
    raise ValueError(
        f"expected a text, a number, true, false, null, a list or a mapping, found {value!r}; {_write('S', value)}"
    )


def _type_named(name: Any) -> str | None:
    return "NULL" if name is None else name if isinstance(name, str) and name in TYPES else None


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise ValueError(f"expected a text as a name in a map, found {name!r}; put the name in quotes")
    return name


def _of_type(kind: str, held: Any) -> Attribute:
    if kind == "M" and isinstance(held, Mapping):
        return {"M": {_name(name): typed_value(of) for name, of in held.items()}}
    if kind == "L" and isinstance(held, list):
        return typed_value(held)
    if kind == "N":
        held = _number(held)
    elif kind == "NS" and isinstance(held, list):
        held = [_number(member, '{NS: ["12.5"]}') for member in held]
    elif kind == "B" and isinstance(held, bytes):
        held = b64encode(held).decode()
    elif kind == "BS" and isinstance(held, list):
        held = [b64encode(each).decode() if isinstance(each, bytes) else each for each in held]
    try:
        made = canonical({"value": {kind: held}})["value"]
    except CorruptFile:
        raise ValueError(f"expected a value of type {kind}, found {held!r}; {_write(kind, held)}") from None
    return made


def _write(kind: str, held: Any) -> str:
    """What to write instead of a value that is none of its type."""
    if kind == "BOOL":
        word = str(held).lower()
        told = ["{BOOL: true}"] * (word not in NO) + ["{BOOL: false}"] * (word not in YES)
        return f"write {' or '.join(told)}"
    if kind == "NULL":
        return "write {NULL: true}"
    if kind in MEMBERS:
        some = held if isinstance(held, list) else [held]
        members = [one for each in some if (one := spelled_as(MEMBERS[kind], each)) is not None]
        if len(members) < max(1, len(some)):
            return f"write one member at least, each once: {example_such_as(MEMBERS[kind], kind + ': [{}]')}"
        return f"write {{{kind}: [{', '.join(dict.fromkeys(members))}]}}, with one member at least and each once"
    spelled = spelled_as(kind, held)
    return f"write {{{kind}: {spelled}}}" if spelled is not None else f"write {example_such_as(kind, kind + ': {}')}"


def example_such_as(kind: str, around: str = "") -> str:
    """What a value of a type is, with an example that says it is one; `around` is what stands in braces around it."""
    what, such_as, example = EXAMPLES[kind].partition(", such as ")
    return what + such_as + (f"{{{around.format(example)}}}" if around else example)


def spelled_as(kind: str, held: Any) -> str | None:
    """How a scalar is spelled in YAML as a type of DynamoDB; None where it cannot be one."""
    if isinstance(held, Mapping | list | bytes) or held is None:
        return None
    text = str(held).lower() if isinstance(held, bool) else str(held)
    if kind == "B":
        text = _as_base64(text)
    elif kind == "N":
        try:
            text = _number(text.replace("_", "").lstrip("+"))
        except ValueError:
            return None
    elif kind == "L":
        return f"[{spelled_as('S', held)}]"
    elif kind != "S":
        return None
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    shown = "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in plain)
    return f'"{shown}"'


def _as_base64(text: str) -> str:
    """Base64 with its padding; of another text that of its bytes."""
    padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    try:
        if text and b64encode(a2b_base64(padded, strict_mode=True)).decode() == padded:
            return padded
    except (BadBase64, ValueError):
        pass
    return b64encode(text.encode("utf-8", "replace")).decode()


def _number(spelled: Any, like: str = '{N: "12.5"}') -> str:
    """A number as DynamoDB takes it; one that YAML may have rounded, or that has no such number, is refused."""
    write = f"write one in quotes, with all its digits, as {like}"
    if isinstance(spelled, bool) or not isinstance(spelled, int | float | str):
        raise ValueError(f"expected a number, found {spelled!r}; {write}")
    try:
        _, digits, exponent = (number := Decimal(str(spelled))).as_tuple()
        plain = canonical_number(str(spelled)) if isinstance(exponent, int) else ""
    except (ArithmeticError, CorruptFile):
        raise ValueError(f"expected a number, found {spelled!r}; {write}") from None
    if not isinstance(exponent, int):
        raise ValueError(f"expected a number, found {spelled!r}, and DynamoDB has neither NaN nor infinity; {write}")
    if isinstance(spelled, float) and len(digits) > EXACT:
        raise ValueError(f"{spelled!r} may have been rounded when the file was read; {write}")
    significant = "".join(map(str, digits)).strip("0")
    if len(significant) > MOST_DIGITS or (number and not LEAST_EXPONENT <= number.adjusted() <= MOST_EXPONENT):
        raise ValueError(f"DynamoDB has no number {spelled}: it takes 38 digits, from 1E-130 to 9.9E+125; {write}")
    return plain
