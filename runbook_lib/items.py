"""Items as the bytes AWS wrote, and what has to be known of one: its key and its canonical digest.

An export line is `{"Item":{...}}`. Nothing here changes a byte of it; parsing is done only
to look. Numbers stay text: DynamoDB's have 38 digits and a float has 15.
"""

from __future__ import annotations

import hashlib
import json
import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from runbook_lib.errors import CorruptFile

Attribute = dict[str, Any]
Item = dict[str, Attribute]
PREFIX = b'{"Item":'
LONGEST_KEY = {"HASH": 2048, "RANGE": 1024}  # bytes
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
            found = "missing" if value is None else f"of type {_types(value)}"
            raise CorruptFile(f"key attribute {attribute.name!r} should be of type {attribute.type} and is {found}")
        key[attribute.name] = value
    return key


def held_key(item: Item, schema: Sequence[KeyAttribute]) -> dict[str, Attribute]:
    """The key of an item, in canonical form; raises CorruptFile for one that no table can hold an item under.

    Limits: "Quotas in Amazon DynamoDB", Developer Guide.
    """
    key = canonical(key_of(item, schema))
    for attribute in schema:
        value = key[attribute.name][attribute.type]
        if attribute.type == "N":
            digits = value.partition("E")[0].lstrip("-0.").replace(".", "")
            fits = len(digits) <= 38 or not digits[38:].strip("0")
        else:
            size = len(value.encode() if attribute.type == "S" else a2b_base64(value))
            fits = 0 < size <= LONGEST_KEY[attribute.role]
        if not fits:
            raise CorruptFile(f"key attribute {attribute.name!r} is empty or longer than DynamoDB allows")
    return key


def _types(value: Any) -> str:
    """The types a value claims, of those that DynamoDB has; anything else may be contents and is not named."""
    known = [t for t in (*_PARSED, *_FORMS) if isinstance(value, dict) and t in value]
    return "/".join(known) or "unknown"


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
        return _canonical_in(attributes.items(), attributes)  # type: ignore[no-any-return]
    except KeyError:  # it names what stands in place of a type, which may be contents
        raise CorruptFile("not an item in DynamoDB JSON: a type that DynamoDB does not have") from None
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise CorruptFile(f"not an item in DynamoDB JSON: {error}") from None


def _canonical_in(entries: Iterable[tuple[Any, Attribute]], holder: Any) -> Any:
    """A map or a list with its values spelled; `entries` are its keys or places, and values.

    The inner loop of every comparison: values are looked at in place, and a copy is made only where
    something has to be spelled anew (make bench).
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
            spelled = _FORMS[kind](value)
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
_PLAIN = r"(?!-0(?:,|\Z))-?(?:0|[1-9][0-9]*+)(?:\.[0-9]*[1-9])?"
_plain, _plains = (re.compile(p).fullmatch for p in (_PLAIN, f"{_PLAIN}(?:,{_PLAIN})*"))
_PARSED = ("S", "N", "BOOL", "M", "L")
_FORMS: dict[str, Callable[[Any], Any]] = {
    "B": _binary,
    "NULL": _null,
    "SS": _texts,
    "NS": _numbers,
    "BS": _binaries,
}
