"""Query of a secondary index by its whole key; put in place of moto's, which copies the whole table each time.

Any other Query is left to moto: one of a table, by a range of keys, with a filter or a projection of its own.
An index here is a view of its table, so it never lags behind.
"""

from __future__ import annotations

import re
from math import ceil
from typing import Any

import orjson
from moto.dynamodb.models.table import Table

from runbook_lib.sandbox.emulator.hash_order import segment_bounds, token_of
from runbook_lib.sandbox.emulator.replies import dumps, invalid
from runbook_lib.sandbox.emulator.rules.values import check_value
from runbook_lib.sandbox.emulator.store import Store, keys_of, size_of, wire_bytes, wire_key

PAGE_BYTES = 1024 * 1024
_SERVED = {
    "TableName",
    "IndexName",
    "KeyConditionExpression",
    "ExpressionAttributeNames",
    "ExpressionAttributeValues",
    "Select",
    "ConsistentRead",
    "ReturnConsumedCapacity",
    "ExclusiveStartKey",
}
_EQUALS = re.compile(r"(#\w+) = (:\w+)(?: AND (#\w+) = (:\w+))?")


def serves_query(store: Store, account: str, region: str, request: dict[str, Any]) -> bool:
    """Tell whether a request asks an index that exists for items under one whole key of it."""
    table = store.find(account, region, request.get("TableName", ""))
    index = _index(table, request.get("IndexName")) if table is not None else None
    if index is None or not request.keys() <= _SERVED or request.get("Select") != "ALL_PROJECTED_ATTRIBUTES":
        return False
    if request.get("ConsistentRead") and index in table.global_indexes:  # type: ignore[union-attr]
        return False
    return _wanted(request).keys() == {part["AttributeName"] for part in index.schema}


def query(store: Store, account: str, region: str, request: dict[str, Any]) -> bytes:
    """Answer one Query with the body of the reply."""
    with store.locked():
        table = store.table(account, region, request["TableName"])
        index = _index(table, request["IndexName"])
        wanted = _wanted(request)
        for value in wanted.values():
            check_value(value, 1)  # makes numbers canonical, as the stored ones are
        return _page(store, table, index, wanted, request)


def _page(store: Store, table: Table, index: Any, wanted: dict[str, Any], request: dict[str, Any]) -> bytes:
    start, end = segment_bounds(0, 1)
    found: list[bytes] = []
    size, last, more = 0, None, False
    needles = [dumps(value) for value in wanted.values()]
    for item in store.order(table).walk(start, end, _past(table, request.get("ExclusiveStartKey"))):
        raw = wire_bytes(item)
        if not all(needle in raw for needle in needles):
            continue  # not worth parsing: what is looked for is nowhere in it
        attributes = orjson.loads(raw)
        if any(attributes.get(name) != value for name, value in wanted.items()):
            continue
        if found and size + size_of(item) > PAGE_BYTES:
            more = True
            break
        found.append(orjson.dumps(_projected(table, index, attributes)))
        size += size_of(item)
        last = wire_key(table, item) | wanted
    parts = [b'{"Count":%d,"ScannedCount":%d,"Items":[' % (len(found), len(found)), b",".join(found), b"]"]
    if more:
        parts.append(b',"LastEvaluatedKey":' + dumps(last))
    if request.get("ReturnConsumedCapacity", "NONE") != "NONE":
        units = max(1, ceil(size / 4096)) / (1 if request.get("ConsistentRead") else 2)
        parts.append(b',"ConsumedCapacity":' + dumps({"TableName": table.name, "CapacityUnits": units}))
    return b"".join(parts) + b"}"


def _index(table: Table | None, name: Any) -> Any:
    """An index of a table by its name, or None."""
    return next((index for index in table.all_indexes() if index.name == name), None) if table is not None else None


def _wanted(request: dict[str, Any]) -> dict[str, Any]:
    """The attributes and values of `#a = :a AND #b = :b`; {} for any other condition."""
    match = _EQUALS.fullmatch(request.get("KeyConditionExpression", ""))
    names, values = request.get("ExpressionAttributeNames") or {}, request.get("ExpressionAttributeValues") or {}
    if match is None or not {g for g in match.groups() if g} <= names.keys() | values.keys():
        return {}
    pairs = zip(match.groups()[::2], match.groups()[1::2], strict=True)
    return {names[name]: values[value] for name, value in pairs if name}


def _past(table: Table, key: dict[str, Any] | None) -> Any:
    """The place after which a page begins; the index's own part of the key says nothing more."""
    if key is None:
        return None
    names = [table.hash_key_attr, *([table.range_key_attr] if table.range_key_attr else [])]
    if not set(names) <= key.keys():
        raise invalid("The provided starting key is invalid")
    return token_of(*keys_of(table, {name: key[name] for name in names}))


def _projected(table: Table, index: Any, attributes: dict[str, Any]) -> dict[str, Any]:
    kind = index.projection.get("ProjectionType", "ALL")
    if kind == "ALL":
        return attributes
    names = {part["AttributeName"] for part in (*index.schema, *table.schema)}
    names |= set(index.projection.get("NonKeyAttributes") or ())
    return {name: value for name, value in attributes.items() if name in names}
