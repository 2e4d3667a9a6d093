"""Read a whole table with a parallel Scan, its items as the bytes DynamoDB sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runbook_lib.aws.wire import Patience, Wire
from runbook_lib.errors import TransferError
from runbook_lib.items import split_items
from runbook_lib.rate import RateLimit


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
    request: dict[str, Any] = {
        "TableName": table,
        "ConsistentRead": True,
        "ReturnConsumedCapacity": "TOTAL",
        "Segment": segment,
        "TotalSegments": segments,
    }
    while True:
        page = wire.read("Scan", json.dumps(request).encode(), patience)
        items, answer = split_items(page)
        if len(items) != answer.get("Count"):
            raise TransferError(f"Scan of {table}: a page says {answer.get('Count')} items and holds {len(items)}")
        rcu = float((answer.get("ConsumedCapacity") or {}).get("CapacityUnits", 0.0))
        yield Page(items, rcu)
        if not answer.get("LastEvaluatedKey"):
            limit.note(rcu)
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        limit.spend(rcu)
