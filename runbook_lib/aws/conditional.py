"""Single writes that the server holds to a condition: what another has written is never replaced.

BatchWriteItem has no conditions. A put here goes through only where no item is under its key; when one is, the
answer says which.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from runbook_lib.aws.wire import Wire
from runbook_lib.errors import ForbiddenCall

REFUSED = "ConditionalCheckFailedException"
ABSENT = "attribute_not_exists(#key)"
PUT = "dynamodb:PutItem"


def forms_of_appending(keys: Mapping[str, str]) -> dict[str, Callable[[Mapping[str, Any]], bool]]:
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


def put_if_absent(wire: Wire, table: str, key: str, line: bytes) -> bytes:
    """Put an `{"Item":...}` line where nothing is under its key, once; not a byte of the item is changed.

    `key` is the name of the table's partition key. Raises WireError with the code REFUSED when something is there.
    """
    said = orjson.loads(line)
    if not isinstance(said, dict) or said.keys() != {"Item"}:
        raise ForbiddenCall(f"a line that should be one item of {table!r} says more than that; nothing was sent")
    names = json.dumps({"#key": key}).encode()
    body = (
        b'{"TableName":' + json.dumps(table).encode() + b"," + line.strip()[1:-1] + b',"ConditionExpression":"'
        + ABSENT.encode() + b'","ExpressionAttributeNames":' + names + b',"ReturnConsumedCapacity":"INDEXES",'
        b'"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}'
    )  # fmt: skip
    return wire.write_item("PutItem", table, body)
