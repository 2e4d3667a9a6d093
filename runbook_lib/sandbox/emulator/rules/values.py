"""AttributeValues as DynamoDB judges them: what is legal, how large it is, and how it comes back.

Works on the JSON form (B as base64 text). Numbers are rewritten in place to DynamoDB's canonical form;
nothing else changes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any

from runbook_lib.sandbox.emulator.replies import AwsError, invalid

MAX_ITEM_BYTES = 409_600
MAX_DEPTH = 32
TOO_LARGE = "Item size has exceeded the maximum allowed size"

_CANONICAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
_NUMERIC = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?")
WIDE = Context(prec=1000, Emax=999_999, Emin=-999_999)
_LONGEST_PLAIN = 42  # longer numbers are written with an exponent


def check_item(item: Any) -> int:
    """Return an item's size in bytes by DynamoDB's rules, or raise the error DynamoDB answers with."""
    if not isinstance(item, dict):
        raise AwsError("SerializationException", "Unexpected value type in payload")
    try:
        size = sum(text_size(name) + check_value(value, 1) for name, value in item.items())
    except UnicodeEncodeError as error:
        raise AwsError("SerializationException", "The payload is not valid UTF-8") from error
    if size > MAX_ITEM_BYTES:
        raise invalid(TOO_LARGE)
    return size


def check_value(value: Any, depth: int) -> int:
    """Return one AttributeValue's size in bytes, or raise if it is not legal."""
    if not isinstance(value, dict) or not value:
        raise invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
    if len(value) > 1:
        raise invalid(
            "Supplied AttributeValue has more than one datatypes set, "
            "must contain exactly one of the supported datatypes"
        )
    kind = next(iter(value))
    measure = _MEASURES.get(kind)
    if measure is None:
        raise invalid("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")
    return measure(value, depth)


def stored_number(text: Any) -> str:
    """Return a number as DynamoDB gives it back: no leading zeros, no trailing zeros, at most 38 digits."""
    if not isinstance(text, str):
        raise AwsError("SerializationException", "NUMBER_VALUE cannot be converted to String")
    if len(text) <= 38 and text != "-0" and _CANONICAL.fullmatch(text):
        return text
    if not _NUMERIC.fullmatch(text):
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
    number = Decimal(text).normalize(WIDE)
    if not number:
        return "0"
    if len(number.as_tuple().digits) > 38:
        raise invalid("Attempting to store more than 38 significant digits in a Number")
    if number.adjusted() > 125:
        raise invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
    if number.adjusted() < -130:
        raise invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")
    plain = format(number, "f")
    return plain if len(plain) <= _LONGEST_PLAIN else str(number)


def text_size(text: Any) -> int:
    """Return the UTF-8 length of a string."""
    if not isinstance(text, str):
        raise AwsError("SerializationException", f"{type(text).__name__} cannot be converted to String")
    return len(text) if text.isascii() else len(text.encode("utf-8"))


def binary(text: Any) -> bytes:
    """Decode the base64 text of a B value."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise AwsError("SerializationException", "Invalid base64 in a binary value") from error


def _number_size(text: str) -> int:
    digits = len(text.split("E")[0].lstrip("-0.").replace(".", "")) or 1
    return (digits + 1) // 2 + 1 + text.startswith("-")


def _number(value: dict[str, Any], depth: int) -> int:
    value["N"] = stored_number(value["N"])
    return _number_size(value["N"])


def _null(value: dict[str, Any], depth: int) -> int:
    if value["NULL"] is not True:
        raise invalid(
            "One or more parameter values were invalid: Null attribute value types must have the value of true"
        )
    return 1


def _boolean(value: dict[str, Any], depth: int) -> int:
    if not isinstance(value["BOOL"], bool):
        raise AwsError("SerializationException", "Unexpected token received from parser")
    return 1


def _map(value: dict[str, Any], depth: int) -> int:
    members = value["M"]
    if not isinstance(members, dict):
        raise AwsError("SerializationException", "Unexpected value type in payload")
    _check_depth(depth)
    return 3 + sum(1 + text_size(name) + check_value(member, depth + 1) for name, member in members.items())


def _list(value: dict[str, Any], depth: int) -> int:
    members = value["L"]
    if not isinstance(members, list):
        raise AwsError("SerializationException", "Unexpected value type in payload")
    _check_depth(depth)
    return 3 + sum(1 + check_value(member, depth + 1) for member in members)


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise invalid("Nesting Levels have exceeded supported limits")


def _string_set(value: dict[str, Any], depth: int) -> int:
    members = _members(value["SS"], "An string set  may not be empty")
    size = sum(text_size(member) for member in members)
    _check_distinct(members, members)
    return size


def _number_set(value: dict[str, Any], depth: int) -> int:
    members = [stored_number(member) for member in _members(value["NS"], "An number set  may not be empty")]
    _check_distinct(members, value["NS"])
    value["NS"] = members
    return sum(_number_size(member) for member in members)


def _binary_set(value: dict[str, Any], depth: int) -> int:
    members = _members(value["BS"], "Binary sets should not be empty")
    decoded = [binary(member) for member in members]
    _check_distinct(decoded, members)
    return sum(len(member) for member in decoded)


def _members(members: Any, when_empty: str) -> list[Any]:
    if not isinstance(members, list):
        raise AwsError("SerializationException", "Unexpected value type in payload")
    if not members:
        raise invalid(f"One or more parameter values were invalid: {when_empty}")
    return members


def _check_distinct(members: list[Any], shown: list[Any]) -> None:
    if len(set(members)) != len(members):
        listed = ", ".join(shown)
        raise invalid(f"One or more parameter values were invalid: Input collection [{listed}] contains duplicates.")


_MEASURES: dict[str, Callable[[dict[str, Any], int], int]] = {
    "S": lambda value, depth: text_size(value["S"]),
    "N": _number,
    "B": lambda value, depth: len(binary(value["B"])),
    "BOOL": _boolean,
    "NULL": _null,
    "M": _map,
    "L": _list,
    "SS": _string_set,
    "NS": _number_set,
    "BS": _binary_set,
}
