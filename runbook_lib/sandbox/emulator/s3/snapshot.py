"""A table's items at one moment, cut into the files of an export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from moto.dynamodb.models.table import Table

from runbook_lib.sandbox.emulator.hash_order import after, segment_bounds
from runbook_lib.sandbox.emulator.s3.filter import Filter
from runbook_lib.sandbox.emulator.store import Store, size_of, wire_bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Hold a table's items at one moment, one list per hash range; ranges may be empty."""

    ranges: tuple[tuple[bytes, ...], ...]
    size: int


def take_snapshot(store: Store, table: Table, chosen: Filter | None = None) -> Snapshot:
    """Copy a table's items at this moment, or what is `chosen` of them, cut into hash ranges.

    A small table has an empty one.
    """
    with store.locked():
        order = store.order(table)
        size = 0
        ranges = []
        for start, end in ranges_of(len(order), order.highest()):
            items = list(order.walk(start, end))
            size += sum(size_of(item) for item in items)
            lines: Iterator[bytes | None] = map(wire_bytes, items)
            kept = (chosen(line) for line in lines if line is not None) if chosen else lines
            ranges.append(tuple(line for line in kept if line is not None))
    return Snapshot(tuple(ranges), size)


def ranges_of(items: int, highest: bytes | None) -> Iterator[tuple[bytes, bytes | None]]:
    """Cut the hash space into 4 to 8 ranges; a small table has one more, empty, above its last item."""
    parts = 4 if items < 1000 else 6 if items < 10_000 else 8
    for part in range(parts):
        start, end = segment_bounds(part, parts)
        tail = after(highest) if highest is not None else None
        if items < 1000 and tail is not None and start < tail and (end is None or tail < end):
            yield start, tail
            yield tail, end
        else:
            yield start, end
