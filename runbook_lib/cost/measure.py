"""What a dry run measures of the items it would write: requests, size, and write units of the table and its indexes.

Item sizes are DynamoDB's own, not those of the JSON. Source: "DynamoDB item sizes and formats", Developer Guide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from runbook_lib.aws.dynamodb.describe.tables import Index
from runbook_lib.aws.dynamodb.item_rules import refusal_of
from runbook_lib.errors import CorruptFile
from runbook_lib.items.canonical import Item
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.items.lines import parse_line
from runbook_lib.items.size import attribute_size, item_size, units_of
from runbook_lib.run.facts.load import MeasuredFact, RefusedItems


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
            self.units += units_of(size)
            self.index_units += sum(units_of(projected_size(item, size, index)) for index in self.indexes)
        return unreadable

    def as_fact(self) -> MeasuredFact:
        refused = tuple(RefusedItems(why, about, n) for (why, about), n in self.refused.most_common())
        return MeasuredFact(self.requests, self.items, self.size, self.units, self.index_units, refused)


def projected_size(item: Item, size: int, index: Index) -> int:
    """Bytes an index holds of an item, at most; 0 for an item that lacks one of the index's keys."""
    names = [k.name for k in index.key]
    if any(name not in item for name in names):
        return 0
    return sum(attribute_size(n, item[n]) for n in names) if index.projection == "KEYS_ONLY" else size
