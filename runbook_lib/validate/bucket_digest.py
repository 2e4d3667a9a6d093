"""A table's contents as a few thousand numbers that do not depend on order, segment or machine.

Each item falls into the bucket its key hashes to; a bucket holds how many items it has and two sums of
their digests. The sums that decide are of digests under the run's secret: equal ones hold equal items, but for a
chance of 1 in 2^128, also where somebody chose the items. The others are of plain digests, which anybody can compute
and which somebody could choose items for; they are for publication. Memory does not depend on the table's size.

Source: Wagner, "A Generalized Birthday Problem", 2002, on choosing items whose plain sums agree.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from zlib import crc32

from runbook_lib.items.canonical import Item
from runbook_lib.items.item_digests import PLAIN, key_and_text
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute

BUCKETS = 4096
MODULUS = 1 << 128


class BucketDigest:
    """Counts and digest sums by key hash; add items, or other buckets of the same secret."""

    def __init__(self, secret: RunSecret) -> None:
        self._keyed = secret.item_digests()
        self.counts = [0] * BUCKETS
        self._keyed_sums, self._plain_sums = [0] * BUCKETS, [0] * BUCKETS

    def add_items(self, items: Iterable[Item], schema: Sequence[KeyAttribute]) -> int:
        """Take in many items; returns how many they were."""
        return self.add_spelled(key_and_text(item, schema) for item in items)

    def add_spelled(self, items: Iterable[tuple[bytes, bytes]]) -> int:
        """Take in many items, each as its key and the whole of it in canonical JSON; returns how many they were."""
        count, counts, keyed_sums, plain_sums = 0, self.counts, self._keyed_sums, self._plain_sums
        keyed_copy, plain_copy, number = self._keyed.copy, PLAIN.copy, int.from_bytes
        for count, (key, spelled) in enumerate(items, 1):  # noqa: B007
            keyed, plain = keyed_copy(), plain_copy()
            keyed.update(spelled)
            plain.update(spelled)
            bucket = crc32(key) % BUCKETS
            counts[bucket] += 1
            keyed_sums[bucket] += number(keyed.digest())
            plain_sums[bucket] += number(plain.digest())
        return count

    def merge(self, other: BucketDigest) -> None:
        """Take in all of another; the order of merging does not matter."""
        for bucket in range(BUCKETS):
            self.counts[bucket] += other.counts[bucket]
            self._keyed_sums[bucket] += other._keyed_sums[bucket]
            self._plain_sums[bucket] += other._plain_sums[bucket]

    @property
    def items(self) -> int:
        return sum(self.counts)

    def differing(self, other: BucketDigest) -> list[int]:
        """The buckets that do not hold the same items."""
        mine, others = (zip(b.counts, b.sums(keyed=True), strict=True) for b in (self, other))
        return [bucket for bucket, (one, two) in enumerate(zip(mine, others, strict=True)) if one != two]

    def sums(self, *, keyed: bool) -> list[int]:
        """The sums of the digests, bucket by bucket, modulo 2^128."""
        return [total % MODULUS for total in (self._keyed_sums if keyed else self._plain_sums)]

    def table_digest(self) -> str:
        """One digest of the whole table for publication: the same data gives the same text anywhere."""
        each = zip(self.counts, self.sums(keyed=False), strict=True)
        return hashlib.blake2b(b"".join(c.to_bytes(8) + s.to_bytes(16) for c, s in each), digest_size=16).hexdigest()

    def pack(self) -> bytes:
        """All that is known, as `unpack` takes it."""
        each = zip(self.counts, self.sums(keyed=True), self.sums(keyed=False), strict=True)
        return b"".join(c.to_bytes(8) + k.to_bytes(16) + p.to_bytes(16) for c, k, p in each)

    @classmethod
    def unpack(cls, packed: bytes, secret: RunSecret) -> BucketDigest:
        """What `pack` packed, of a run with this secret."""
        made = cls(secret)
        for bucket, (count, *halves) in enumerate(struct.iter_unpack(">5Q", packed)):
            keyed, plain = (high << 64 | low for high, low in (halves[:2], halves[2:]))
            made.counts[bucket], made._keyed_sums[bucket], made._plain_sums[bucket] = count, keyed, plain
        return made


def bucket_of(key: bytes) -> int:
    """The bucket of a canonical key."""
    return crc32(key) % BUCKETS
