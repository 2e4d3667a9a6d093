"""Read a whole table with a parallel Scan, its items as the bytes DynamoDB sent or parsed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any, TypeVar

import orjson

from runbook_lib.aws.wire import Patience, Wire
from runbook_lib.errors import TransferError
from runbook_lib.items import Item, split_items
from runbook_lib.rate import RateLimit

RCU_BYTES = 4096
Answer = dict[str, Any]
Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a Scan: `rcu` is what it consumed, 0 where the server does not say."""

    items: list[bytes]
    rcu: float


def scan_segment(
    wire: Wire, table: str, segment: int, segments: int, limit: RateLimit, patience: Patience
) -> Iterator[Page]:
    """All pages of one segment, read consistently; throttled or broken pages are asked for again.

    Raises TransferError when a page holds another number of items than it says.
    """
    for items, rcu in _pages(wire, table, segment, segments, limit, patience, split_items):
        yield Page(items, rcu)


def scan_items(
    wire: Wire, table: str, segment: int, segments: int, limit: RateLimit, patience: Patience
) -> Iterator[Item]:
    """The items of one segment, parsed; for looking at them only, as `scan_segment` is five times slower."""
    for items, _ in _pages(wire, table, segment, segments, limit, patience, _parsed):
        yield from items


def unless(stop: threading.Event, stream: Iterator[Read]) -> Iterator[Read]:
    """The stream; TransferError as soon as `stop` is set, so that nobody waits for the rest of a table."""
    for each in stream:
        if stop.is_set():
            raise TransferError("the scan was stopped; run again to begin it anew")
        yield each


def _parsed(page: bytes) -> tuple[list[Item], Answer]:
    answer = orjson.loads(page)
    return answer.pop("Items", []), answer


def _pages(
    wire: Wire,
    table: str,
    segment: int,
    segments: int,
    limit: RateLimit,
    patience: Patience,
    cut: Callable[[bytes], tuple[list[Any], Answer]],
) -> Iterator[tuple[list[Any], float]]:
    request: Answer = {
        "TableName": table,
        "ConsistentRead": True,
        "ReturnConsumedCapacity": "TOTAL",
        "Segment": segment,
        "TotalSegments": segments,
    }
    while True:
        page = wire.read("Scan", json.dumps(request).encode(), patience)
        items, answer = cut(page)
        if len(items) != answer.get("Count"):
            raise TransferError(f"Scan of {table}: a page says {answer.get('Count')} items and holds {len(items)}")
        rcu = float((answer.get("ConsumedCapacity") or {}).get("CapacityUnits", 0.0))
        # Every page is paid for, the last of a segment too; a server that names no price is not free.
        limit.spend(rcu or ceil(len(page) / RCU_BYTES))
        yield items, rcu
        if not answer.get("LastEvaluatedKey"):
            limit.note(rcu)
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
