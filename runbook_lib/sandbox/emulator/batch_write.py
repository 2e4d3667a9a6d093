"""BatchWriteItem as strict as AWS: a request with one bad member stores nothing.

moto stores the members before the bad one, takes 26 of them, and converts every value to objects; this is
also ten times as fast. What a fault leaves undone is returned as UnprocessedItems, exactly as it was sent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from json import dumps as json_text
from json import loads
from math import ceil
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

from runbook_lib.sandbox.emulator.replies import AwsError, dumps, invalid
from runbook_lib.sandbox.emulator.rules.capacity import WRITE_BLOCK, write_units_of_indexes
from runbook_lib.sandbox.emulator.rules.keys import check_index_keys, check_key_only, check_primary_key
from runbook_lib.sandbox.emulator.rules.values import check_item
from runbook_lib.sandbox.emulator.store import Store, StoredItem, keys_of, size_of, stored, wire_bytes
from runbook_lib.sandbox.emulator.streams.records import record_change

MAX_REQUESTS = 25
MAX_BODY = 16 * 1024 * 1024

# Given the number of members, return the positions of those to leave undone.
LeaveUndone = Callable[[int], set[int]]


@dataclass(frozen=True, slots=True)
class _Change:
    """One legal member: `item` is None for a delete; `sent` is the member's text as it came."""

    table: Table
    keys: tuple[DynamoType, DynamoType | None]
    item: StoredItem | None
    sent: str


def batch_write(
    store: Store, account: str, region: str, request: dict[str, Any], leave: LeaveUndone | None = None
) -> bytes:
    """Answer one BatchWriteItem request with the body of the reply."""
    per_table = _counted(request.get("RequestItems"))
    with store.locked():
        changes = [
            _change(store.table(account, region, name), member, keep=leave is not None)
            for name, members in per_table.items()
            for member in members
        ]
        _check_distinct(changes)
        undone = leave(len(changes)) if leave is not None else set()
        level = request.get("ReturnConsumedCapacity", "NONE")
        units = [
            _apply(store, change, by_index=level != "NONE")
            for index, change in enumerate(changes)
            if index not in undone
        ]
    reply: dict[str, Any] = {"UnprocessedItems": {}}
    if level != "NONE":
        reply["ConsumedCapacity"] = _capacity(units, level)
    if not undone:
        return dumps(reply)
    names = [name for name, members in per_table.items() for _ in members]
    return _with_unprocessed(reply, [(names[index], changes[index].sent) for index in sorted(undone)])


def _counted(per_table: Any) -> dict[str, list[Any]]:
    """Return the request items if their numbers are legal."""
    if not isinstance(per_table, dict) or not per_table:
        raise invalid(
            "1 validation error detected: Value '{}' at 'requestItems' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        )
    for name, members in per_table.items():
        if not isinstance(members, list) or not 1 <= len(members) <= MAX_REQUESTS:
            raise invalid(
                f"1 validation error detected: Value '{{{name}=[...]}}' at 'requestItems' failed to satisfy "
                "constraint: Map value must satisfy constraint: [Member must have length less than or equal to 25, "
                "Member must have length greater than or equal to 1]"
            )
    if sum(len(members) for members in per_table.values()) > MAX_REQUESTS:
        raise invalid("Too many items requested for the BatchWriteItem call")
    return per_table


def _change(table: Table, member: Any, keep: bool) -> _Change:
    # Before the checks make numbers canonical; only needed when something may be left undone.
    sent = json_text(member, separators=(",", ":"), ensure_ascii=False) if keep else ""
    match member:
        case {"PutRequest": {"Item": item}, **rest} if not rest:
            size = check_item(item)
            check_primary_key(table, item)
            check_index_keys(table, item)
            new = stored(table, item, size)
            return _Change(table, (new.hash_key, new.range_key), new, sent)
        case {"DeleteRequest": {"Key": key}, **rest} if not rest:
            check_item(key)
            check_key_only(table, key)
            return _Change(table, keys_of(table, key), None, sent)
    raise invalid(
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
        if isinstance(member, dict) and len(member) > 1
        else "1 validation error detected: a write request needs a PutRequest or a DeleteRequest"
    )


def _check_distinct(changes: list[_Change]) -> None:
    if len({(change.table.table_arn, change.keys) for change in changes}) != len(changes):
        raise invalid("Provided list of item keys contains duplicates")


@dataclass(frozen=True, slots=True)
class _Spent:
    """What one change cost: in its table at least one unit, also for a delete of nothing, and in each index."""

    table: Table
    units: int
    indexes: dict[str, int]


def _apply(store: Store, change: _Change, *, by_index: bool) -> _Spent:
    """Make one change."""
    old: Item | None = store.get(change.table, change.keys)
    sizes = [size_of(item) for item in (old, change.item) if item is not None]
    images = [loads(wire_bytes(i)) if i is not None and by_index and change.table.all_indexes() else None
              for i in (old, change.item)]  # fmt: skip
    if change.item is not None:
        store.put(change.table, change.item)
    else:
        store.discard(change.table, change.keys)
    record_change(change.table, old, change.item)
    store.note_write(change.table, change.keys, old, change.item)
    indexes = write_units_of_indexes(change.table, *images) if by_index else {}
    return _Spent(change.table, max(1, ceil(max(sizes, default=0) / WRITE_BLOCK)), indexes)


def _capacity(changes: list[_Spent], level: str) -> list[dict[str, Any]]:
    report: dict[str, dict[str, Any]] = {}
    for spent in changes:
        local = {index.name for index in spent.table.indexes}
        entry = report.setdefault(spent.table.name, {"TableName": spent.table.name, "CapacityUnits": 0.0})
        entry["CapacityUnits"] += float(spent.units + sum(spent.indexes.values()))
        if level != "INDEXES":
            continue
        _add(entry.setdefault("Table", {}), spent.units)
        for name, units in spent.indexes.items():
            kind = "LocalSecondaryIndexes" if name in local else "GlobalSecondaryIndexes"
            _add(entry.setdefault(kind, {}).setdefault(name, {}), units)
    return list(report.values())


def _add(entry: dict[str, float], units: int) -> None:
    entry["CapacityUnits"] = entry.get("CapacityUnits", 0.0) + units


def _with_unprocessed(reply: dict[str, Any], left: list[tuple[str, str]]) -> bytes:
    per_table: dict[str, list[str]] = {}
    for table, sent in left:
        per_table.setdefault(table, []).append(sent)
    tables = ",".join(f"{json_text(name)}:[{','.join(members)}]" for name, members in per_table.items()).encode("utf-8")
    return dumps(reply).replace(b'"UnprocessedItems":{}', b'"UnprocessedItems":{' + tables + b"}", 1)


def check_body_size(body: bytes) -> None:
    """Refuse a request body over DynamoDB's 16 MB."""
    if len(body) > MAX_BODY:
        raise AwsError("RequestEntityTooLargeException", "Request size exceeded 16777216 bytes", status=413)
