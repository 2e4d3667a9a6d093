"""The order in which DynamoDB walks a table: by a hash of the partition key, then by sort key.

Segments and export files are ranges of that hash, so both are disjoint and complete by construction.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from runbook_lib.sandbox.emulator.rules.values import stored_number

if TYPE_CHECKING:
    from moto.dynamodb.models.dynamo_type import DynamoType, Item

SortKey = str | bytes | Decimal
Token = tuple[bytes, SortKey] | tuple[bytes]

_SPACE = 1 << 128  # MD5 has 128 bits


def partition_hash(value: str | bytes) -> bytes:
    """Return the place of a partition key: the MD5 of its text or bytes (a number by its canonical text)."""
    raw = value.encode("utf-8") if isinstance(value, str) else value
    return hashlib.md5(raw, usedforsecurity=False).digest()


def segment_bounds(segment: int, total: int) -> tuple[bytes, bytes | None]:
    """Return the first hash of a segment and the first one after it (None for the last segment)."""
    start = -(-segment * _SPACE // total)
    end = -(-(segment + 1) * _SPACE // total)
    return start.to_bytes(16, "big"), None if end >= _SPACE else end.to_bytes(16, "big")


def after(digest: bytes) -> bytes | None:
    """Return the hash that follows, None after the last one."""
    following = int.from_bytes(digest, "big") + 1
    return None if following >= _SPACE else following.to_bytes(16, "big")


class HashOrder:
    """Keep one table's items sorted by token; a page costs its own length, a write next to nothing.

    Insertions are collected and merged by the next reader; a deletion makes the next reader sort once. Not
    thread-safe.
    """

    def __init__(self) -> None:
        self._items: dict[Token, Item] = {}
        self._sorted: list[Token] = []
        self._fresh: list[Token] = []
        self._holes = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, token: Token, item: Item) -> None:
        """Add an item or replace the one with the same key."""
        if token not in self._items:
            self._fresh.append(token)
        self._items[token] = item

    def discard(self, token: Token) -> None:
        """Remove an item if it is there."""
        if self._items.pop(token, None) is not None:
            self._holes = True

    def walk(self, start: bytes, end: bytes | None, past: Token | None = None) -> Iterator[Item]:
        """Yield the items with start <= hash < end in order, after the key `past` (which need not exist)."""
        self._settle()
        first = bisect_left(self._sorted, (start,))
        if past is not None:
            first = max(first, bisect_right(self._sorted, past))
        last = len(self._sorted) if end is None else bisect_left(self._sorted, (end,))
        return (self._items[self._sorted[index]] for index in range(first, last))

    def highest(self) -> bytes | None:
        """Return the highest hash in the table, None when it is empty."""
        self._settle()
        return self._sorted[-1][0] if self._sorted else None

    def _settle(self) -> None:
        if self._holes:
            self._sorted = sorted(self._items)
            self._holes = False
        elif self._fresh:
            self._sorted.extend(self._fresh)
            self._sorted.sort()  # two sorted runs at worst half-merged: near linear
        self._fresh = []


def token_of(hash_key: DynamoType, range_key: DynamoType | None) -> Token:
    """Return the place of an item in the order; equal numbers have equal places however they are written."""
    digest = partition_hash(stored_number(hash_key.value) if hash_key.type == "N" else hash_key.value)
    return (digest,) if range_key is None else (digest, range_key.cast_value)
