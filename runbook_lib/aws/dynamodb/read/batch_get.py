"""Read named items of a table, consistently, as DynamoDB JSON."""

from __future__ import annotations

import json

import orjson

from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.errors import TransferError
from runbook_lib.items.canonical import Item

KEYS_AT_ONCE = 100  # of BatchGetItem


def read_keys(transport: DynamoDBTransport, table: str, keys: list[Item], backoff: Backoff) -> list[Item]:
    """The items the table holds under these keys; a key without an item gives nothing."""
    found: list[Item] = []
    for start in range(0, len(keys), KEYS_AT_ONCE):
        found += _read(transport, table, keys[start : start + KEYS_AT_ONCE], backoff)
    return found


def _read(transport: DynamoDBTransport, table: str, keys: list[Item], backoff: Backoff) -> list[Item]:
    found: list[Item] = []
    pauses = backoff.pauses()
    while keys:
        request = {"RequestItems": {table: {"Keys": keys, "ConsistentRead": True}}}
        answer = orjson.loads(transport.read("BatchGetItem", json.dumps(request).encode(), backoff))
        if not isinstance(answer.get("Responses"), dict):
            raise TransferError(f"BatchGetItem of {table}: an answer holds no Responses")
        found += answer["Responses"].get(table, [])
        left = (answer.get("UnprocessedKeys") or {}).get(table, {}).get("Keys", [])
        if len(left) < len(keys):
            pauses = backoff.pauses()
        elif (pause := next(pauses, None)) is None:
            raise TransferError(f"table {table}: {len(left)} keys were not read in {backoff.attempts} attempts")
        else:
            backoff.sleep(pause)
        keys = left
    return found
