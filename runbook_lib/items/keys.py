"""Keys of items: their attributes, their values, their limits."""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import FORMS, PARSED_TYPES, Attribute, Item, canonical

LONGEST_KEY = {"HASH": 2048, "RANGE": 1024}  # bytes


@dataclass(frozen=True, slots=True)
class KeyAttribute:
    """One attribute of a key schema: `type` is S, N or B, `role` HASH or RANGE."""

    name: str
    type: str
    role: str


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
    known = [t for t in (*PARSED_TYPES, *FORMS) if isinstance(value, dict) and t in value]
    return "/".join(known) or "unknown"
