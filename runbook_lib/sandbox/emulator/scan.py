"""Scan whose cost is the page, in hash order, with honest capacity; put in place of moto's for plain scans.

moto sorts and walks the whole table for every page. A scan with a filter, a projection or an index is left to
moto.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

from moto.dynamodb.models.table import Table

from runbook_lib.sandbox.emulator.hash_order import segment_bounds, token_of
from runbook_lib.sandbox.emulator.replies import dumps, invalid
from runbook_lib.sandbox.emulator.rules.values import check_value
from runbook_lib.sandbox.emulator.store import Store, keys_of, size_of, wire_bytes, wire_key

PAGE_BYTES = 1024 * 1024
MAX_SEGMENTS = 1_000_000

_SERVED = {
    "TableName",
    "Limit",
    "ExclusiveStartKey",
    "Segment",
    "TotalSegments",
    "Select",
    "ConsistentRead",
    "ReturnConsumedCapacity",
}


@dataclass(frozen=True, slots=True)
class _Page:
    items: list[bytes]
    size: int
    last_key: dict[str, Any] | None


def serves_scan(request: dict[str, Any]) -> bool:
    """Tell whether a request is a plain scan, which this module answers."""
    return request.keys() <= _SERVED and request.get("Select", "ALL_ATTRIBUTES") in (
        "ALL_ATTRIBUTES",
        "COUNT",
    )


def scan(store: Store, account: str, region: str, request: dict[str, Any]) -> bytes:
    """Answer one Scan request with the body of the reply."""
    with store.locked():
        table = store.table(account, region, request.get("TableName", ""))
        page = _read_page(store, table, request)
    count = len(page.items)
    parts = [b'{"Count":%d,"ScannedCount":%d' % (count, count)]
    if request.get("Select") != "COUNT":
        parts.append(b',"Items":[' + b",".join(page.items) + b"]")
    if page.last_key is not None:
        parts.append(b',"LastEvaluatedKey":' + dumps(page.last_key))
    if request.get("ReturnConsumedCapacity", "NONE") != "NONE":
        parts.append(b',"ConsumedCapacity":' + dumps(_capacity(table, request, page.size)))
    return b"".join(parts) + b"}"


def _read_page(store: Store, table: Table, request: dict[str, Any]) -> _Page:
    start, end = _segment(request)
    limit = request.get("Limit")
    if limit is not None and limit < 1:
        raise invalid(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1"
        )
    past = None
    if request.get("ExclusiveStartKey") is not None:
        past = _start_token(table, request["ExclusiveStartKey"])
        if past[0] < start or (end is not None and past[0] >= end):
            raise invalid(
                "The provided Exclusive start key does not map to the provided Segment and TotalSegments values."
            )
    items: list[bytes] = []
    total = 0
    last = None
    for item in store.order(table).walk(start, end, past):
        size = size_of(item)
        if items and total + size > PAGE_BYTES:
            return _Page(items, total, wire_key(table, last) if last is not None else None)
        items.append(wire_bytes(item))
        total += size
        last = item
        if len(items) == limit:  # as AWS: the limit alone sets LastEvaluatedKey, even on the last item
            return _Page(items, total, wire_key(table, item))
    return _Page(items, total, None)


def _segment(request: dict[str, Any]) -> tuple[bytes, bytes | None]:
    segment, total = request.get("Segment"), request.get("TotalSegments")
    if segment is None and total is None:
        return segment_bounds(0, 1)
    if total is None:
        raise invalid(
            "The TotalSegments parameter is required but was not present in the request "
            "when Segment parameter is present"
        )
    if segment is None:
        raise invalid(
            "The Segment parameter is required but was not present in the request "
            "when parameter TotalSegments is present"
        )
    if not 1 <= total <= MAX_SEGMENTS:
        raise invalid(
            f"1 validation error detected: Value '{total}' at 'totalSegments' failed to satisfy constraint: "
            "Member must have value between 1 and 1000000"
        )
    if not 0 <= segment < total:
        raise invalid(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {total}"
        )
    return segment_bounds(segment, total)


def _start_token(table: Table, key: dict[str, Any]) -> Any:
    types = {table.hash_key_attr: table.hash_key_type}
    if table.range_key_attr:
        types[table.range_key_attr] = table.range_key_type or ""
    if key.keys() != types.keys() or any(kind not in key[name] for name, kind in types.items()):
        raise invalid("The provided starting key is invalid: The provided key element does not match the schema")
    for value in key.values():
        check_value(value, 1)
    return token_of(*keys_of(table, key))


def _capacity(table: Table, request: dict[str, Any], size: int) -> dict[str, Any]:
    blocks = max(1, ceil(size / 4096))
    units = float(blocks) if request.get("ConsistentRead") else blocks / 2
    capacity: dict[str, Any] = {"TableName": table.name, "CapacityUnits": units}
    if request["ReturnConsumedCapacity"] == "INDEXES":
        capacity["Table"] = {"CapacityUnits": units}
    return capacity
