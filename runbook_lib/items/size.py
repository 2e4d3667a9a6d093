"""How many bytes and write units an item takes, as DynamoDB counts them."""

from __future__ import annotations

from typing import Any

from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import Item

WRITE_BYTES = 1024


def item_size(item: Item) -> int:
    """Bytes of an item as DynamoDB counts them; raises CorruptFile for what DynamoDB does not have."""
    try:
        return sum(attribute_size(name, value) for name, value in item.items())
    except (AttributeError, TypeError, ValueError):
        raise CorruptFile("not an item in DynamoDB JSON") from None


def attribute_size(name: str, value: dict[str, Any]) -> int:
    return len(name.encode()) + value_size(value)


def value_size(value: dict[str, Any]) -> int:
    """Bytes of one typed value."""
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "N":
            return _number(held)
        case "B":
            return _binary(held)
        case "SS":
            return sum(len(v.encode()) for v in held)
        case "NS":
            return sum(map(_number, held))
        case "BS":
            return sum(map(_binary, held))
        case "L":
            return 3 + sum(1 + value_size(v) for v in held)
        case "M":
            return 3 + sum(1 + attribute_size(n, v) for n, v in held.items())
    return 1  # NULL and BOOL


def _number(text: str) -> int:
    """One byte for two significant digits, one more, and one for a minus sign: at most 21."""
    mantissa = text.lower().partition("e")[0].lstrip("+-").replace(".", "").strip("0")
    return min(21, (len(mantissa) + 1) // 2 + 1 + text.startswith("-"))


def _binary(text: str) -> int:
    """Bytes behind Base64."""
    return len(text) * 3 // 4 - text.count("=")


def units_of(size: int) -> int:
    """Write units of one item of this size."""
    return -(-size // WRITE_BYTES)
