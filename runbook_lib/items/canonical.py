"""One spelling for equal items: canonical values and digests."""

from __future__ import annotations

import hashlib
import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from runbook_lib.errors import CorruptFile

Attribute = dict[str, Any]
Item = dict[str, Attribute]


def canonical_json(attributes: dict[str, Attribute]) -> bytes:
    """The one spelling of an item, or of a key, that all equal ones share; docs/validation.md defines it.

    Numbers count by value, sets and maps have no order, lists have one, binary counts by bytes; a
    missing attribute, NULL and an empty value are three different things. Raises CorruptFile for
    what DynamoDB does not have: other types, no type or two, an empty set, a member given twice.
    """
    return orjson.dumps(canonical(attributes), option=orjson.OPT_SORT_KEYS)


def digest(item: Item) -> bytes:
    """16 bytes that are equal exactly when DynamoDB would call two items equal."""
    return hashlib.blake2b(canonical_json(item), digest_size=16).digest()


def canonical(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    """The attributes with each value in its one spelling; the very same object if they were so before."""
    try:
        if _are_canonical(attributes.values()):
            return attributes
        return _canonical_in(attributes.items(), attributes)  # type: ignore[no-any-return]
    except KeyError:  # it names what stands in place of a type, which may be contents
        raise CorruptFile("not an item in DynamoDB JSON: a type that DynamoDB does not have") from None
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise CorruptFile(f"not an item in DynamoDB JSON: {error}") from None


def _are_canonical(attributes: Iterable[Attribute]) -> bool:
    """Whether all of them are in their one spelling, as what comes from DynamoDB mostly is.

    The inner loop of every comparison (make bench): what `_canonical_in` does, without what a copy needs.
    """
    for attribute in attributes:
        (kind,) = attribute
        value = attribute[kind]
        if kind == "S":
            if type(value) is not str:
                raise TypeError("an S that is no text")
        elif kind == "N":
            if len(value) > PLAIN_LENGTH or not _plain(value):
                return False
        elif kind == "BOOL":
            if value is not True and value is not False:
                raise TypeError("a BOOL that is neither true nor false")
        elif kind == "M":
            if not _are_canonical(value.values()):
                return False
        elif kind == "L" and type(value) is list:
            if not _are_canonical(value):
                return False
        elif FORMS[kind](value) is not value:
            return False
    return True


def _canonical_in(entries: Iterable[tuple[Any, Attribute]], holder: Any) -> Any:
    """A map or a list with its values spelled; `entries` are its keys or places, and values.

    Values are looked at in place, and a copy is made only where something has to be spelled anew.
    """
    changed = None
    for at, attribute in entries:
        (kind,) = attribute
        value = attribute[kind]
        if kind == "S":
            if type(value) is str:
                continue
            raise TypeError("an S that is no text")
        if kind == "N":
            if len(value) <= PLAIN_LENGTH and _plain(value):
                continue
            spelled = canonical_number(value)
        elif kind == "BOOL":
            if value is True or value is False:
                continue
            raise TypeError("a BOOL that is neither true nor false")
        elif kind == "M":
            spelled = _canonical_in(value.items(), value)
        elif kind == "L" and type(value) is list:
            spelled = _canonical_in(enumerate(value), value)
        else:
            spelled = FORMS[kind](value)
        if spelled is not value:
            if changed is None:
                changed = holder.copy()
            changed[at] = {kind: spelled}
    return holder if changed is None else changed


def canonical_number(text: str) -> str:
    """One spelling per value: `1`, `1.0` and `1E0` become `1`; raises CorruptFile if it is no number.

    Plain decimal notation where that takes at most PLAIN_LENGTH characters, and digits with an
    exponent beyond. Nothing is rounded, however many digits there are.
    """
    if len(text) <= PLAIN_LENGTH and _plain(text):
        return text
    sign, digits, exponent = _spelled_out(text)
    bare = digits.lstrip("0")
    short = bare.rstrip("0")
    exponent += len(bare) - len(short)
    if not short:
        return "0"
    point = len(short) + exponent  # digits before the decimal point
    length = len(sign) + (point if exponent >= 0 else max(point, 1) + 1 - exponent)
    if length > PLAIN_LENGTH:
        return f"{sign}{short}E{exponent}" if exponent else sign + short
    if exponent >= 0:
        return sign + short + "0" * exponent
    padded = short.rjust(1 - exponent, "0")
    return f"{sign}{padded[:exponent]}.{padded[exponent:]}"


def _spelled_out(text: str) -> tuple[str, str, int]:
    """Sign, digits and exponent of any number."""
    if type(text) is not str or "_" in text or not text.isascii() or text != text.strip():
        raise CorruptFile("an N that is not a number")
    try:
        sign, digits, exponent = Decimal(text).as_tuple()
    except (InvalidOperation, TypeError):
        raise CorruptFile("an N that is not a number") from None
    if not isinstance(exponent, int):
        raise CorruptFile("an N that is not a number that DynamoDB has")
    return "-" if sign else "", "".join(map(str, digits)), exponent


def _binary(text: str) -> str:
    try:
        spelled = b2a_base64(a2b_base64(text, strict_mode=True), newline=False).decode()
    except ValueError:
        raise CorruptFile("a binary value is not base64") from None
    return text if spelled == text else spelled


def _null(value: bool) -> bool:
    if value is not True:
        raise TypeError("a NULL that is not true")
    return value


def _texts(values: list[str]) -> list[str]:
    "".join(values)  # raises TypeError unless all are text
    return _members(values, values)


def _numbers(values: list[str]) -> list[str]:
    joined = ",".join(values)
    if len(joined) <= PLAIN_LENGTH and _plains(joined) and joined.count(",") == len(values) - 1:
        return _members(values, values)
    return _members(values, [canonical_number(value) for value in values])


def _binaries(values: list[str]) -> list[str]:
    return _members(values, [_binary(value) for value in values])


def _members(values: list[str], spelled: list[str]) -> list[str]:
    """A set's members, each once and in the order of their code points."""
    if type(values) is not list:
        raise TypeError("a set that is no list")
    members = sorted(set(spelled))
    if members == values and members:
        return values
    if len(members) != len(values) or not members:
        raise CorruptFile("a set that is empty, or holds a member twice")
    return members


PLAIN_LENGTH = 40
PLAIN = r"(?!-0(?:,|\Z))-?(?:0|[1-9][0-9]*+)(?:\.[0-9]*[1-9])?"
_plain, _plains = (re.compile(p).fullmatch for p in (PLAIN, f"{PLAIN}(?:,{PLAIN})*"))
PARSED_TYPES = ("S", "N", "BOOL", "M", "L")
FORMS: dict[str, Callable[[Any], Any]] = {
    "B": _binary,
    "NULL": _null,
    "SS": _texts,
    "NS": _numbers,
    "BS": _binaries,
}
