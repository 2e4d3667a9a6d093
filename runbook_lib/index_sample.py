"""What the export says a secondary index must hold under a sample of its keys; pure, one pass, bounded memory.

The sample is the keys with the smallest digests: the same ones on any machine and in any order of items.
A key that is in the sample at the end was in it since its first item, so all its items have been seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from runbook_lib.aws.answered import LiveIndex
from runbook_lib.items import Item, KeyAttribute, digest, key_of

Key = Sequence[KeyAttribute]


@dataclass(frozen=True, slots=True)
class Expected:
    """One item of an index, as a digest of its projected attributes; `expires` is its TTL, in epoch seconds."""

    projected: bytes
    expires: float | None


@dataclass(slots=True)
class SampledKey:
    """One index key and its items by the digest of their primary keys; none are held once there are too many."""

    key: Item
    items: dict[bytes, Expected] = field(default_factory=dict)
    too_many: bool = False

    def add(self, primary: bytes, item: Expected, most: int) -> None:
        if not self.too_many:
            self.items[primary] = item
            if len(self.items) > most:
                self.items.clear()
                self.too_many = True


@dataclass(slots=True)
class Sample:
    """A sample of one index: at most `size` keys with at most `most` items each.

    `belonging` counts all items of the export that the index must hold.
    """

    index: LiveIndex
    table_key: Key
    size: int
    most: int
    belonging: int = 0
    _held: dict[bytes, SampledKey] = field(default_factory=dict)
    _last: bytes = b""

    def add(self, item: Item, expires: float | None) -> None:
        """Take notice of one item of the export."""
        key = index_key(item, self.index.definition.key)
        if key is None:
            return
        self.belonging += 1
        place = digest(key)
        held = self._held.get(place)
        if held is None:
            full = len(self._held) >= self.size
            if full and place > self._last:
                return
            if full:
                del self._held[self._last]
            held = self._held[place] = SampledKey(key)
            self._last = max(self._held)
        expected = Expected(digest(projected(item, self.index, self.table_key)), expires)
        held.add(digest(key_of(item, self.table_key)), expected, self.most)

    def sampled(self) -> list[SampledKey]:
        """The sampled keys, in the order of their digests."""
        return [self._held[place] for place in sorted(self._held)]


def index_key(item: Item, key: Key) -> Item | None:
    """An item's key in an index, or None if the index leaves it out.

    Left out is an item without one of the key attributes. One of another type or empty cannot be written to
    a table that has the index. Source: "Take advantage of sparse indexes", DynamoDB Developer Guide.
    """
    found: Item = {}
    for attribute in key:
        value = item.get(attribute.name)
        if not isinstance(value, dict) or not value.get(attribute.type):
            return None
        found[attribute.name] = value
    return found


def projected(item: Item, index: LiveIndex, table_key: Key) -> Item:
    """The attributes of an item that an index holds: its keys and the table's, and what it projects."""
    if index.definition.projection == "ALL":
        return item
    names = {k.name for k in (*index.definition.key, *table_key)} | set(index.definition.attributes)
    return {name: value for name, value in item.items() if name in names}
