"""Make single items of a table as an export says, each under a condition: looked at, told apart, and written if needed.

Shared by whatever writes only what differs: an item is put where nothing is, or in place of the very item that was
read a moment before. Whoever writes meanwhile keeps what he wrote, and nothing that was deleted meanwhile comes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from runbook_lib.aws.dynamodb.guarded_write import Fate, GuardedWriter
from runbook_lib.aws.dynamodb.read.batch_get import read_keys
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.items.canonical import Item
from runbook_lib.items.item_digests import digests
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.items.lines import parse_line
from runbook_lib.items.size import item_size, units_of


class ItemFate(StrEnum):
    """What became of one item; the names are those of the counts."""

    ADDED = "added"
    REPLACED = "replaced"
    DELETED = "deleted"
    RIGHT = "right"
    CHANGED = "changed"
    TOO_WIDE = "too_wide"
    REJECTED = "rejected"
    UNANSWERED = "unanswered"


WRITTEN = frozenset({ItemFate.ADDED, ItemFate.REPLACED, ItemFate.DELETED})
LEFT = {
    Fate.CHANGED: ItemFate.CHANGED,
    Fate.TOO_WIDE: ItemFate.TOO_WIDE,
    Fate.REJECTED: ItemFate.REJECTED,
    Fate.UNANSWERED: ItemFate.UNANSWERED,
}


@dataclass(frozen=True, slots=True)
class ExportedLine:
    """One item that should be there: the digest of its key, that of the item, both keyed, the item and its line."""

    key: bytes
    digest: bytes
    item: Item
    line: bytes

    @classmethod
    def of(cls, item: Item, line: bytes, key: tuple[KeyAttribute, ...], secret: RunSecret) -> ExportedLine:
        name, item_digest = digests(item, key, secret.item_digests())
        return cls(secret.key_digest(name), item_digest, item, line)


@dataclass(frozen=True, slots=True)
class HeldItem:
    """What is under a key now, and its keyed digest."""

    item: Item
    digest: bytes


@dataclass(frozen=True, slots=True)
class GuardedItems:
    """One table: `reader` looks, `writer` writes, `limit` holds the units of writes to a ceiling."""

    reader: DynamoDBTransport
    writer: GuardedWriter
    secret: RunSecret
    limit: RateLimit

    def held(self, lines: list[ExportedLine]) -> dict[bytes, HeldItem]:
        """What is under the keys of lines now, read consistently; nothing for a key under which nothing is."""
        return self.held_under({line.key: key_of(line.item, self.writer.key) for line in lines}.values())

    def held_under(self, keys: Iterable[Item]) -> dict[bytes, HeldItem]:
        """What is under keys now, each key once, by its digest."""
        found = {}
        for item in read_keys(self.reader, self.writer.table, list(keys), self.writer.backoff):
            name, item_digest = digests(item, self.writer.key, self.secret.item_digests())
            found[self.secret.key_digest(name)] = HeldItem(item, item_digest)
        return found

    def line_of(self, line: bytes) -> ExportedLine:
        """An item that should be there, from its line."""
        return ExportedLine.of(parse_line(line), line, self.writer.key, self.secret)

    def digest_of(self, item: Item) -> bytes:
        """An item's keyed digest."""
        return digests(item, self.writer.key, self.secret.item_digests())[1]

    def put(self, line: ExportedLine, held: HeldItem | None) -> ItemFate:
        """Put a line's item where nothing is, or in place of the one that was read."""
        self.limit.spend(units_to_put(line, held))
        if held is None:
            fate, done = self.writer.add(line.item, line.line), ItemFate.ADDED
        else:
            fate, done = self.writer.replace(held.item, line.item, line.line), ItemFate.REPLACED
        return LEFT.get(fate, done)

    def delete(self, item: Item) -> ItemFate:
        """Delete an item that is as it was read."""
        self.limit.spend(units_of(item_size(item)))
        return LEFT.get(self.writer.delete(item), ItemFate.DELETED)


def units_to_put(line: ExportedLine, held: HeldItem | None) -> int:
    """The write units of a put: those of the larger of what is put and what it takes the place of."""
    return units_of(max(item_size(line.item), item_size(held.item) if held is not None else 0))
