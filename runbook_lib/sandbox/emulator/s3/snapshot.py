"""A table's items at one moment, cut into the files of an export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from json import loads

from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import Table

from runbook_lib.sandbox.emulator.hash_order import Token, after, segment_bounds, token_of
from runbook_lib.sandbox.emulator.rules.values import check_item
from runbook_lib.sandbox.emulator.s3.filter import Filter
from runbook_lib.sandbox.emulator.store import Store, size_of, wire_bytes


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Hold a table's items at one moment, one list per hash range; ranges may be empty."""

    ranges: tuple[tuple[bytes, ...], ...]
    size: int


def take_snapshot(store: Store, table: Table, chosen: Filter | None = None, moment: datetime | None = None) -> Snapshot:
    """Copy a table's items as they were at a moment (default: now), or what is `chosen` of them, cut into hash ranges.

    A small table has an empty one.
    """
    with store.locked():
        order = store.order(table)
        earlier: dict[Token, bytes | None] = {}
        if moment is not None and store.is_recovered(table):
            store.log(table).come_to_rest(moment, store.clock.exact(table.table_arn))
            earlier = store.log(table).before(moment)
        size = 0
        ranges = []
        for start, end in ranges_of(len(order), order.highest()):
            items = list(_as_they_were(order.walk(start, end), earlier, start, end))
            size += sum(item_bytes for _, item_bytes in items)
            lines: Iterator[bytes | None] = (line for line, _ in items)
            kept = (chosen(line) for line in lines if line is not None) if chosen else lines
            ranges.append(tuple(line for line in kept if line is not None))
    return Snapshot(tuple(ranges), size)


def _as_they_were(
    items: Iterator[Item], earlier: dict[Token, bytes | None], start: bytes, end: bytes | None
) -> Iterator[tuple[bytes, int]]:
    """Items of a range and their sizes, in order, with what was there `earlier` in place of what is there now."""
    if not earlier:
        yield from ((wire_bytes(item), size_of(item)) for item in items)
        return
    then: dict[Token, bytes | None] = {token_of(i.hash_key, i.range_key): wire_bytes(i) for i in items}
    then |= {token: old for token, old in earlier.items() if start <= token[0] and (end is None or token[0] < end)}
    for _, line in sorted((token, line) for token, line in then.items() if line is not None):
        yield line, check_item(loads(line))


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
