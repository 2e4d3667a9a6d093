"""What a write costs in each secondary index, and what a single read costs, by DynamoDB's rules.

Source: Developer Guide, "Provisioned throughput considerations" of global and local secondary indexes.
"""

from __future__ import annotations

from json import loads
from math import ceil
from typing import Any

from moto.dynamodb.models.table import SecondaryIndex, Table

from runbook_lib.sandbox.emulator.replies import Reply, dumps, dynamodb_reply
from runbook_lib.sandbox.emulator.rules.values import check_item

WRITE_BLOCK, READ_BLOCK = 1024, 4096
Entry = dict[str, Any]


def write_units_of_indexes(table: Table, old: Entry | None, new: Entry | None) -> dict[str, int]:
    """Units by the name of an index that has to be written, of an item that was `old` and is `new`."""
    found = {}
    for index in table.all_indexes():
        before, after = _entry(table, index, old), _entry(table, index, new)
        if before != after:
            found[str(index.name)] = _units(index, before, after)
    return found


def _entry(table: Table, index: SecondaryIndex, item: Entry | None) -> Entry | None:
    """What an index holds of an item; None where it is not in it."""
    if item is None or any(name not in item for name in index.schema_key_attrs):
        return None
    kind = index.projection.get("ProjectionType", "ALL")
    if kind == "ALL":
        return item
    keys = {*index.schema_key_attrs, table.hash_key_attr, table.range_key_attr}
    kept = keys | set(index.projection.get("NonKeyAttributes") or ()) if kind == "INCLUDE" else keys
    return {name: value for name, value in item.items() if name in kept}


def _units(index: SecondaryIndex, before: Entry | None, after: Entry | None) -> int:
    """One write to put, change or remove an entry; two where its key changes."""
    sizes = [ceil(check_item(entry) / WRITE_BLOCK) for entry in (before, after) if entry is not None]
    if before is not None and after is not None and any(before[n] != after[n] for n in index.schema_key_attrs):
        return sum(sizes)
    return max(sizes)


def with_read_units(reply: Reply, request: dict[str, Any]) -> Reply:
    """An answer to GetItem whose consumed capacity is that of the item, which moto takes for one constant."""
    level = request.get("ReturnConsumedCapacity", "NONE")
    if reply.status != 200 or level == "NONE" or request.get("ProjectionExpression"):
        return reply
    answer = loads(reply.body)
    blocks = max(1, ceil(check_item(answer.get("Item") or {}) / READ_BLOCK))
    units = float(blocks) if request.get("ConsistentRead") else blocks / 2
    answer["ConsumedCapacity"] = {"TableName": request["TableName"], "CapacityUnits": units}
    if level == "INDEXES":
        answer["ConsumedCapacity"]["Table"] = {"CapacityUnits": units}
    return dynamodb_reply(dumps(answer))
