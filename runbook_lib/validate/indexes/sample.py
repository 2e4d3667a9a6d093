"""What the export says a secondary index must hold under a sample of its keys; pure, one pass, bounded memory.

The sample is the keys with the smallest digests under the run's secret: the same ones in any order of items, and none
that anybody could foresee.
A key that is in the sample at the end was in it since its first item, so all its items have been seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from runbook_lib.aws.dynamodb.describe.partial_definition import LiveIndex
from runbook_lib.items.canonical import Item, canonical_json
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute, key_of

Key = Sequence[KeyAttribute]


@dataclass(frozen=True, slots=True)
class Expected:
    """One item of an index, as a digest of its projected attributes.

    `expires` is its TTL, in epoch seconds, and `key` the primary key of one that has it.
    """

    projected: bytes
    expires: float | None
    key: Item | None


@dataclass(slots=True)
class SampledKey:
    """One index key and its items by the digest of their primary keys; none are held once there are too many."""

    key: Item
    items: dict[bytes, Expected] = field(default_factory=dict)
    too_many: bool = False

    def add(self, primary: bytes, item: Expected, most: int) -> None:
        if not self.too_many:
            self.items[primary] = item
            self._hold(most)

    def merge(self, other: SampledKey, most: int) -> None:
        """Take in what was seen elsewhere of the same key."""
        self.too_many = self.too_many or other.too_many
        self.items |= other.items
        self._hold(most)

    def _hold(self, most: int) -> None:
        if self.too_many or len(self.items) > most:
            self.items.clear()
            self.too_many = True


@dataclass(slots=True)
class IndexSample:
    """A sample of one index: at most `size` keys with at most `most` items each.

    `belonging` counts all items of the export that the index must hold.
    """

    index: LiveIndex
    table_key: Key
    size: int
    most: int
    secret: RunSecret
    belonging: int = 0
    _held: dict[bytes, SampledKey] = field(default_factory=dict)
    _last: bytes = b""

    def add(self, item: Item, expires: float | None) -> None:
        """Take notice of one item of the export."""
        key = index_key(item, self.index.definition.key)
        if key is None:
            return
        self.belonging += 1
        place = self.digest(key)
        held = self._held.get(place)
        if held is None:
            full = len(self._held) >= self.size
            if full and place > self._last:
                return
            if full:
                del self._held[self._last]
            held = self._held[place] = SampledKey(key)
            self._last = max(self._held)
        primary = None if expires is None else key_of(item, self.table_key)
        expected = Expected(self.projected(item), expires, primary)
        held.add(self.primary(item), expected, self.most)

    def empty(self) -> IndexSample:
        """A new sample of the same index that has seen nothing."""
        return IndexSample(self.index, self.table_key, self.size, self.most, self.secret)

    def merge(self, other: IndexSample) -> None:
        """Take in a sample of the same index and size, of other items: it is as if one had seen all of them.

        A key that is among the smallest of all is among those of each part that has it.
        """
        self.belonging += other.belonging
        for place, held in other._held.items():
            if place in self._held:
                self._held[place].merge(held, self.most)
            else:
                self._held[place] = held
        for place in sorted(self._held)[self.size :]:
            del self._held[place]
        self._last = max(self._held, default=b"")

    def primary(self, item: Item) -> bytes:
        """The digest of an item's primary key."""
        return self.digest(key_of(item, self.table_key))

    def projected(self, item: Item) -> bytes:
        """The digest of what the index holds of an item."""
        return self.digest(projected(item, self.index, self.table_key))

    def digest(self, item: Item) -> bytes:
        """The digest of an item, or of a key, under the run's secret."""
        digest = self.secret.item_digests()
        digest.update(canonical_json(item))
        return digest.digest()

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
