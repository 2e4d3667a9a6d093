"""Single writes that the server holds to a condition: what another has written is never replaced.

BatchWriteItem has no conditions. A put here goes through only where no item is under its key; when one is, the
answer says which.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import orjson

from runbook_lib.aws.transport.client import DynamoDBRequest, DynamoDBTransport
from runbook_lib.errors import ForbiddenCall
from runbook_lib.items.read_once import read_once

RequestForm = Callable[[Mapping[str, Any]], bool]
REFUSED = "ConditionalCheckFailedException"
ABSENT = "attribute_not_exists(#key)"
PUT, DELETE = "dynamodb:PutItem", "dynamodb:DeleteItem"
MOST_ATTRIBUTES = 150  # of one condition: 300 operators, 4 KB; "Service, account, and table quotas", Developer Guide


def forms_of_undoing(keys: Mapping[str, str]) -> dict[str, RequestForm]:
    """The one form of DeleteItem: an item as it was read; and of PutItem: see `forms_of_appending`."""

    def deletes_what_was_read(request: Mapping[str, Any]) -> bool:
        return _holds_to_what_was_read(request, "Key", frozenset(request.get("Key") or {}))

    return {DELETE: deletes_what_was_read, **forms_of_appending(keys)}


def forms_of_repairing(keys: Mapping[str, str]) -> dict[str, RequestForm]:
    """What undoing may send, and one form more of PutItem: in place of an item as it was read."""
    forms = forms_of_undoing(keys)
    puts_where_nothing_is = forms[PUT]

    def replaces_what_was_read(request: Mapping[str, Any]) -> bool:
        return _holds_to_what_was_read(request, "Item", {keys.get(str(request.get("TableName")))})

    return forms | {PUT: lambda request: puts_where_nothing_is(request) or replaces_what_was_read(request)}


def _holds_to_what_was_read(request: Mapping[str, Any], member: str, named: AbstractSet[str | None]) -> bool:
    """Whether a request is made of `member` and a condition on every attribute that was read, `named` among them."""
    names, values = request.get("ExpressionAttributeNames") or {}, request.get("ExpressionAttributeValues") or {}
    return (
        request.keys() == {"TableName", member, *_as_read({})}
        and request["ReturnValues"] == "ALL_OLD"
        and len(names) == len(values) > 0
        and named <= set(names.values())
        and request["ConditionExpression"] == _all_equal(len(names))
    )


def _all_equal(attributes: int) -> str:
    return " AND ".join(f"#{n}=:{n}" for n in range(attributes))


def delete_as_read(transport: DynamoDBTransport, table: str, key: Mapping[str, Any], item: Mapping[str, Any]) -> bytes:
    """Delete an item if every attribute that was read is still as it was, once; the answer has what was deleted.

    No condition can say "and no other attribute": whoever asks looks at the answer. An item of more than
    MOST_ATTRIBUTES cannot be told by a condition. Raises TransportError with the code REFUSED when it is not so
    any more.
    """
    request = {"TableName": table, "Key": key} | _as_read(item)
    return transport.write_item("DeleteItem", table, orjson.dumps(request))


def replace_as_read(transport: DynamoDBTransport, table: str, item: Mapping[str, Any], line: bytes) -> bytes:
    """Put an `{"Item":...}` line in place of an item whose every attribute that was read is still as it was, once.

    Not a byte of the line is changed. As with `delete_as_read` the answer has what was replaced, and no condition can
    say "and no other attribute". Raises TransportError with the code REFUSED when it is not so any more.
    """
    body = b'{"TableName":' + json.dumps(table).encode() + b"," + _item_member(table, line)
    return transport.write_item("PutItem", table, body + b"," + orjson.dumps(_as_read(item))[1:])


def _as_read(item: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a request that hold it to an item as it was read."""
    names = sorted(item)
    return {
        "ConditionExpression": _all_equal(len(names)),
        "ExpressionAttributeNames": {f"#{n}": name for n, name in enumerate(names)},
        "ExpressionAttributeValues": {f":{n}": item[name] for n, name in enumerate(names)},
        "ReturnValues": "ALL_OLD",
        "ReturnConsumedCapacity": "INDEXES",
    }


def _item_member(table: str, line: bytes) -> bytes:
    """The `"Item":...` of a line, byte by byte; raises ForbiddenCall for a line that says more."""
    said = read_once(line)
    if not isinstance(said, dict) or said.keys() != {"Item"}:
        raise ForbiddenCall(f"a line that should be one item of {table!r} says more than that; nothing was sent")
    return line.strip()[1:-1]


def forms_of_appending(keys: Mapping[str, str]) -> dict[str, RequestForm]:
    """The one form of PutItem: where the table holds nothing under the key; `keys` has each table's partition key."""

    def puts_where_nothing_is(request: Mapping[str, Any]) -> bool:
        key = keys.get(str(request.get("TableName")))
        return (
            request.keys()
            == {
                "TableName",
                "Item",
                "ConditionExpression",
                "ExpressionAttributeNames",
                "ReturnConsumedCapacity",
                "ReturnValuesOnConditionCheckFailure",
            }
            and request["ConditionExpression"] == ABSENT
            and key is not None
            and request["ExpressionAttributeNames"] == {"#key": key}
        )

    return {PUT: puts_where_nothing_is}


def put_if_absent(transport: DynamoDBTransport, table: str, key: str, line: bytes) -> bytes:
    """Put an `{"Item":...}` line where nothing is under its key, once; not a byte of the item is changed.

    `key` is the name of the table's partition key. Raises TransportError with the code REFUSED when something is there.
    """
    return transport.send(absent_put(transport, table, key, line))


def absent_put(transport: DynamoDBTransport, table: str, key: str, line: bytes) -> DynamoDBRequest:
    """The request of `put_if_absent`."""
    names = json.dumps({"#key": key}).encode()
    body = (
        b'{"TableName":' + json.dumps(table).encode() + b"," + _item_member(table, line) + b',"ConditionExpression":"'
        + ABSENT.encode() + b'","ExpressionAttributeNames":' + names + b',"ReturnConsumedCapacity":"INDEXES",'
        b'"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}'
    )  # fmt: skip
    return transport.write("PutItem", table, body)
