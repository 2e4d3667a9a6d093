"""A table's contents as a few thousand numbers that do not depend on order, segment or machine.

Each item falls into the bucket its key hashes to; a bucket holds how many items it has and the sum
of their digests. Equal buckets hold equal items (but for a chance of 1 in 2^128); unequal ones say
where to look. Memory does not depend on the table's size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from runbook_lib.items import Item, KeyAttribute, digest, key_of

BUCKETS = 4096
MODULUS = 1 << 128


class Buckets:
    """Counts and digest sums by key hash; add items one at a time, or other buckets."""

    def __init__(self) -> None:
        self.counts = [0] * BUCKETS
        self.sums = [0] * BUCKETS

    def add(self, key: bytes, item: bytes) -> None:
        """Take in one item by its key digest and its item digest."""
        bucket = bucket_of(key)
        self.counts[bucket] += 1
        self.sums[bucket] = (self.sums[bucket] + int.from_bytes(item)) % MODULUS

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
        whole = hashlib.blake2b(digest_size=16)
        for count, total in zip(self.counts, self.sums, strict=True):
            whole.update(count.to_bytes(8) + total.to_bytes(16))
        return whole.hexdigest()


def bucket_of(key: bytes) -> int:
    """The bucket of a key digest."""
    return int.from_bytes(key[:2]) % BUCKETS


def digests(item: Item, schema: Sequence[KeyAttribute]) -> tuple[bytes, bytes]:
    """An item's key digest and item digest."""
    return digest(key_of(item, schema)), digest(item)
