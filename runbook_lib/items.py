"""Items as the bytes AWS wrote, and what has to be known of one: its key and its canonical digest.

An export line is `{"Item":{...}}`. Nothing here changes a byte of it; parsing is done only
to look. Numbers stay text: DynamoDB's have 38 digits and a float has 15.
"""

from __future__ import annotations

import hashlib
import json
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from runbook_lib.errors import CorruptFile

Attribute = dict[str, Any]
Item = dict[str, Attribute]
PREFIX = b'{"Item":'
_decoder = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class KeyAttribute:
    """One attribute of a key schema: `type` is S, N or B, `role` HASH or RANGE."""

    name: str
    type: str
    role: str


def parse_line(line: bytes) -> Item:
    """The item of one export line; raises CorruptFile with the reason if it is none."""
    try:
        data = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise CorruptFile(f"not JSON: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get("Item"), dict) or len(data) != 1:
        raise CorruptFile('expected {"Item":{...}}, as a full export in DYNAMODB_JSON has it')
    return data["Item"]  # type: ignore[no-any-return]


def split_items(page: bytes) -> tuple[list[bytes], dict[str, Any]]:
    """Cut a Scan answer into the raw bytes of its items; the second part is the answer without them.

    The items are found by parsing but returned as slices, so no value is rewritten.
    """
    text = page.decode("utf-8")
    answer = json.loads(text)
    items = answer.pop("Items", [])
    slices: list[bytes] = []
    if items:
        at = _array_after(text, "Items")
        for _ in items:
            _, end = _decoder.raw_decode(text, at)
            # A line break can only be white space between tokens; inside strings JSON escapes it.
            slices.append(text[at:end].replace("\n", " ").encode("utf-8"))
            at = _skip(text, end)
    return slices, answer


def _array_after(text: str, wanted: str) -> int:
    """Position of the first element of the top-level array `wanted`."""
    at = _skip(text, text.index("{") + 1)
    while True:
        name, end = _decoder.raw_decode(text, at)
        at = _skip(text, end)
        if name == wanted:
            return _skip(text, at + 1)
        _, end = _decoder.raw_decode(text, at)
        at = _skip(text, end)


def _skip(text: str, at: int) -> int:
    """Past white space, colons and commas."""
    while text[at] in " \t\r\n:,":
        at += 1
    return at


def key_of(item: Item, schema: Sequence[KeyAttribute]) -> dict[str, Attribute]:
    """The key attributes of an item; raises CorruptFile if one is missing or of another type."""
    key: dict[str, Attribute] = {}
    for attribute in schema:
        value = item.get(attribute.name)
        if not isinstance(value, dict) or attribute.type not in value:
            found = "missing" if value is None else f"of type {'/'.join(value)}"
            raise CorruptFile(f"key attribute {attribute.name!r} should be of type {attribute.type} and is {found}")
        key[attribute.name] = value
    return key


def digest(item: Item) -> bytes:
    """16 bytes that are equal exactly when DynamoDB would call two items equal.

    Numbers count by value, sets and maps have no order, lists have one, binary counts by bytes;
    a missing attribute, NULL and an empty value are three different things.
    """
    try:
        canonical = _canonical_map(item)
    except (AttributeError, TypeError) as error:
        raise CorruptFile(f"not an item in DynamoDB JSON: {error}") from None
    return hashlib.blake2b(orjson.dumps(canonical, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def _canonical_map(attributes: dict[str, Attribute]) -> dict[str, Attribute]:
    return {name: _canonical(attribute) for name, attribute in attributes.items()}


def _canonical(attribute: Attribute) -> Attribute:
    try:
        [(kind, value)] = attribute.items()
    except ValueError:
        raise CorruptFile(f"an attribute value has one type, found {sorted(attribute)}") from None
    if kind in _AS_IS:
        return attribute
    form = _FORMS.get(kind)
    if form is None:
        raise CorruptFile(f"unknown attribute type {kind!r}; DynamoDB has S N B SS NS BS M L BOOL NULL")
    return {kind: form(value)}


def canonical_number(text: str) -> str:
    """One spelling per value: `1`, `1.0` and `1E0` become `1`; raises CorruptFile if it is no number."""
    if text.isascii() and text.isdigit() and text[0] != "0" and text[-1] != "0":
        return text
    sign = "-" if text[:1] == "-" else ""
    whole, _, fraction = text[len(sign) :].partition(".")
    digits, exponent = whole + fraction, -len(fraction)
    if not (digits.isascii() and digits.isdigit()):
        sign, digits, exponent = _spelled_out(text)
    bare = digits.lstrip("0")
    short = bare.rstrip("0")
    exponent += len(bare) - len(short)
    if not short:
        return "0"
    return f"{sign}{short}E{exponent}" if exponent else sign + short


def _spelled_out(text: str) -> tuple[str, str, int]:
    """Sign, digits and exponent of a number that is not just digits and a point."""
    try:
        sign, digits, exponent = Decimal(text).as_tuple()
    except (InvalidOperation, TypeError):
        raise CorruptFile(f"{text!r} is not a number") from None
    if not isinstance(exponent, int):
        raise CorruptFile(f"{text!r} is not a number that DynamoDB has")
    return "-" if sign else "", "".join(map(str, digits)), exponent


def _binary(text: str) -> str:
    try:
        return b2a_base64(a2b_base64(text, strict_mode=True), newline=False).decode()
    except ValueError:
        raise CorruptFile("a binary value is not base64") from None


_AS_IS = frozenset({"S", "BOOL", "NULL"})
_FORMS: dict[str, Callable[[Any], Any]] = {
    "N": canonical_number,
    "B": _binary,
    "M": _canonical_map,
    "L": lambda values: [_canonical(value) for value in values],
    "SS": sorted,
    "NS": lambda values: sorted(map(canonical_number, values)),
    "BS": lambda values: sorted(map(_binary, values)),
}
