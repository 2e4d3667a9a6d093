"""What DynamoDB asks of an item that is put into a table, as far as the item and the definitions show it.

A dry run says with it what a real run would quarantine. What only the server knows, such as the size of an item
collection, is not here. A test holds these rules to those of the embedded AWS.
Source: "Quotas in Amazon DynamoDB" and "Supported data types", Developer Guide.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Sequence
from decimal import Context, Decimal
from enum import StrEnum
from typing import Any

from runbook_lib.aws.dynamodb.describe.tables import Index
from runbook_lib.items.canonical import Item
from runbook_lib.items.keys import LONGEST_KEY, KeyAttribute

ITEM_BYTES, DEPTH, DIGITS = 409_600, 32, 38
HIGHEST, LOWEST = 125, -130  # powers of ten of a number
_PLAIN = re.compile(r"-?[0-9]{1,38}").fullmatch
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?").fullmatch
_WIDE = Context(prec=1000, Emax=999_999, Emin=-999_999)


class Refusal(StrEnum):
    """Why DynamoDB would not take an item."""

    NO_ITEM = "a value that is none of DynamoDB JSON"
    KEY_MISSING = "a key attribute is missing"
    KEY_TYPE = "a key attribute is of another type"
    KEY_EMPTY = "a key attribute is empty"
    KEY_LONG = "a key attribute is too long"
    INDEX_TYPE = "a key attribute of an index is of another type"
    INDEX_EMPTY = "a key attribute of an index is empty"
    INDEX_LONG = "a key attribute of an index is too long"
    ITEM_SIZE = "the item is larger than 400 KB"
    NESTING = "nested more than 32 levels deep"
    NUMBER = "a number that DynamoDB does not have"
    SET = "a set that is empty or holds a member twice"


class Refused(Exception):  # it never leaves this module
    """Carries a refusal out of a nested value."""

    def __init__(self, why: Refusal) -> None:
        super().__init__(why)
        self.why = why


def refusal_of(item: Item, key: Sequence[KeyAttribute], indexes: Iterable[Index]) -> tuple[Refusal, str] | None:
    """Why a table with this key and these indexes would refuse the item, and the attribute or index; None if not."""
    try:
        size = sum(len(name.encode()) + _size(value, 1) for name, value in item.items())
    except Refused as error:
        return error.why, ""
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        return Refusal.NO_ITEM, ""
    if size > ITEM_BYTES:
        return Refusal.ITEM_SIZE, ""
    for attribute in key:
        if attribute.name not in item:
            return Refusal.KEY_MISSING, attribute.name
        if why := _of_key(item, attribute, (Refusal.KEY_TYPE, Refusal.KEY_EMPTY, Refusal.KEY_LONG)):
            return why, attribute.name
    for index in indexes:
        for attribute in index.key:
            kinds = (Refusal.INDEX_TYPE, Refusal.INDEX_EMPTY, Refusal.INDEX_LONG)
            if attribute.name in item and (why := _of_key(item, attribute, kinds)):
                return why, index.name
    return None


def _of_key(item: Item, attribute: KeyAttribute, kinds: tuple[Refusal, Refusal, Refusal]) -> Refusal | None:
    ((kind, value),) = item[attribute.name].items()
    if kind != attribute.type:
        return kinds[0]
    if kind == "N":
        return None
    length = len(value.encode()) if kind == "S" else len(b64decode(value))
    return kinds[1] if not length else kinds[2] if length > LONGEST_KEY[attribute.role] else None


def _size(value: Any, depth: int) -> int:
    """Bytes of a value as DynamoDB counts them."""
    ((kind, held),) = value.items()
    if kind == "S":
        return len(held.encode())
    return _SIZES[kind](held, depth)


def _number(text: str, depth: int = 0) -> int:
    if not _PLAIN(text):
        if not _NUMBER(text):
            raise Refused(Refusal.NUMBER)
        number = Decimal(text).normalize(_WIDE)
        if number and (len(number.as_tuple().digits) > DIGITS or not LOWEST <= number.adjusted() <= HIGHEST):
            raise Refused(Refusal.NUMBER)
    mantissa = text.lower().partition("e")[0].lstrip("+-").replace(".", "").strip("0")
    return min(21, (len(mantissa) + 1) // 2 + 1 + text.startswith("-"))


def _constant(of: type) -> Callable[[Any, int], int]:
    def size(held: Any, depth: int) -> int:
        if type(held) is not bool or (of is type(None) and held is not True):
            raise Refused(Refusal.NO_ITEM)
        return 1

    return size


def _map(held: dict[str, Any], depth: int) -> int:
    _deep(depth)
    return 3 + sum(1 + len(name.encode()) + _size(value, depth + 1) for name, value in held.items())


def _list(held: list[Any], depth: int) -> int:
    _deep(depth)
    if type(held) is not list:
        raise Refused(Refusal.NO_ITEM)
    return 3 + sum(1 + _size(value, depth + 1) for value in held)


def _deep(depth: int) -> None:
    if depth > DEPTH:
        raise Refused(Refusal.NESTING)


def _set(spelled: Callable[[Any], Any], size: Callable[[Any], int]) -> Callable[[Any, int], int]:
    def of(held: Any, depth: int) -> int:
        if type(held) is not list:
            raise Refused(Refusal.NO_ITEM)
        total = sum(map(size, held))  # before they are compared: a member may be no value at all
        if not held or len({spelled(member) for member in held}) < len(held):
            raise Refused(Refusal.SET)
        return total

    return of


def _binary(text: str) -> bytes:
    return b64decode(text, validate=True)


_SIZES: dict[str, Callable[[Any, int], int]] = {
    "N": _number,
    "B": lambda held, depth: len(_binary(held)),
    "BOOL": _constant(bool),
    "NULL": _constant(type(None)),
    "M": _map,
    "L": _list,
    "SS": _set(str.encode, lambda member: len(member.encode())),
    "NS": _set(Decimal, _number),
    "BS": _set(_binary, lambda member: len(_binary(member))),
}
