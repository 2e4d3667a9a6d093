"""What a dry run measures of the items it would write: requests, size, and write units of the table and its indexes.

Item sizes are DynamoDB's own, not those of the JSON. Source: "DynamoDB item sizes and formats", Developer Guide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from runbook_lib.aws.dynamodb.describe.tables import Index
from runbook_lib.aws.dynamodb.item_rules import refusal_of
from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import Item
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.items.lines import parse_line

WRITE_BYTES = 1024


@dataclass(slots=True)
class Measure:
    """Adds up the batches of one table; `index_units` are at most what the indexes would take.

    `refused` counts the items that DynamoDB would not take, by why and by the attribute or index.
    """

    indexes: tuple[Index, ...] = ()
    key: tuple[KeyAttribute, ...] = ()
    requests: int = 0
    items: int = 0
    size: int = 0
    units: int = 0
    index_units: int = 0
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, batch: Sequence[tuple[int, bytes]]) -> list[tuple[int, str]]:
        """Take in one batch of (line number, line); the lines that hold no item, which are left out, and why."""
        self.requests += 1
        unreadable = []
        for number, line in batch:
            try:
                item = parse_line(line)
            except CorruptFile as error:
                unreadable.append((number, str(error)))
                continue
            if refusal := refusal_of(item, self.key, self.indexes):
                self.refused[refusal] += 1
                continue
            size = item_size(item)
            self.items += 1
            self.size += size
            self.units += _units(size)
            self.index_units += sum(_units(projected_size(item, size, index)) for index in self.indexes)
        return unreadable

    def as_facts(self) -> dict[str, Any]:
        facts = asdict(self)
        del facts["indexes"], facts["key"]
        refused = [{"reason": why, "about": about, "items": n} for (why, about), n in self.refused.most_common()]
        return facts | {"refused": refused}


def _units(size: int) -> int:
    return -(-size // WRITE_BYTES)


def projected_size(item: Item, size: int, index: Index) -> int:
    """Bytes an index holds of an item, at most; 0 for an item that lacks one of the index's keys."""
    names = [k.name for k in index.key]
    if any(name not in item for name in names):
        return 0
    return sum(attribute_size(n, item[n]) for n in names) if index.projection == "KEYS_ONLY" else size


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
