"""A table's contents as a few thousand numbers that do not depend on order, segment or machine.

Each item falls into the bucket its key hashes to; a bucket holds how many items it has and the sum
of their digests. Equal buckets hold equal items (but for a chance of 1 in 2^128); unequal ones say
where to look. Memory does not depend on the table's size.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Sequence

import orjson

from runbook_lib.items import Item, KeyAttribute, canonical, key_of

BUCKETS = 4096
MODULUS = 1 << 128
_WIDTH = struct.calcsize(">Q") + 16


class Buckets:
    """Counts and digest sums by key hash; add items one at a time, or other buckets."""

    def __init__(self) -> None:
        self.counts = [0] * BUCKETS
        self.sums = [0] * BUCKETS

    def add(self, key: bytes, item: bytes) -> None:
        """Take in one item by its canonical key and its item digest."""
        bucket = bucket_of(key)
        self.counts[bucket] += 1
        self.sums[bucket] = (self.sums[bucket] + int.from_bytes(item)) % MODULUS

    def add_items(self, items: Iterable[Item], schema: Sequence[KeyAttribute]) -> int:
        """Take in many items; returns how many they were."""
        count = 0
        for count, item in enumerate(items, 1):  # noqa: B007
            self.add(*digests(item, schema))
        return count

    def merge(self, other: Buckets) -> None:
        """Take in all of another; the order of merging does not matter."""
        for bucket in range(BUCKETS):
            self.counts[bucket] += other.counts[bucket]
            self.sums[bucket] = (self.sums[bucket] + other.sums[bucket]) % MODULUS

    @property
    def items(self) -> int:
        return sum(self.counts)

    def differing(self, other: Buckets) -> list[int]:
        """The buckets that do not hold the same items."""
        return [b for b in range(BUCKETS) if (self.counts[b], self.sums[b]) != (other.counts[b], other.sums[b])]

    def table_digest(self) -> str:
        """One digest of the whole table: the same data gives the same text anywhere."""
        return hashlib.blake2b(self.pack(), digest_size=16).hexdigest()

    def pack(self) -> bytes:
        """All counts (8 bytes) and sums (16 bytes), big-endian, bucket by bucket."""
        return b"".join(c.to_bytes(8) + s.to_bytes(16) for c, s in zip(self.counts, self.sums, strict=True))

    @classmethod
    def unpack(cls, packed: bytes) -> Buckets:
        """What `pack` packed."""
        made = cls()
        for bucket, (count, high, low) in enumerate(struct.iter_unpack(">QQQ", packed)):
            made.counts[bucket], made.sums[bucket] = count, high << 64 | low
        return made


def bucket_of(key: bytes) -> int:
    """The bucket of a canonical key."""
    return zlib.crc32(key) % BUCKETS


def digests(item: Item, schema: Sequence[KeyAttribute]) -> tuple[bytes, bytes]:
    """An item's key in canonical JSON, and the 16 bytes of its digest."""
    item = canonical(item)
    key = orjson.dumps(key_of(item, schema), option=orjson.OPT_SORT_KEYS)
    return key, hashlib.blake2b(orjson.dumps(item, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
