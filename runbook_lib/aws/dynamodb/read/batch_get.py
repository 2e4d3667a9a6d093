"""Read named items of a table, consistently, as DynamoDB JSON."""

from __future__ import annotations

import json

from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.errors import TransferError
from runbook_lib.items.canonical import Item
from runbook_lib.items.read_once import read_once

KEYS_AT_ONCE = 100  # of BatchGetItem


def read_keys(transport: DynamoDBTransport, table: str, keys: list[Item], backoff: Backoff) -> list[Item]:
    """The items the table holds under these keys; a key without an item gives nothing."""
    found: list[Item] = []
    for start in range(0, len(keys), KEYS_AT_ONCE):
        found += _read(transport, table, keys[start : start + KEYS_AT_ONCE], backoff)
    return found


def key_request(table: str, keys: list[Item]) -> bytes:
    """The request that reads these keys."""
    return json.dumps({"RequestItems": {table: {"Keys": keys, "ConsistentRead": True}}}).encode()


def keys_read(content: bytes, table: str) -> tuple[list[Item], list[Item]]:
    """What an answer holds: items, and the keys that were not read."""
    answer = read_once(content)
    if not isinstance(answer.get("Responses"), dict):
        raise TransferError(f"BatchGetItem of {table}: an answer holds no Responses")
    left = (answer.get("UnprocessedKeys") or {}).get(table, {}).get("Keys", [])
    return answer["Responses"].get(table, []), left


def _read(transport: DynamoDBTransport, table: str, keys: list[Item], backoff: Backoff) -> list[Item]:
    found: list[Item] = []
    pauses = backoff.pauses()
    while keys:
        items, left = keys_read(transport.read("BatchGetItem", key_request(table, keys), backoff), table)
        found += items
        if len(left) < len(keys):
            pauses = backoff.pauses()
        elif (pause := next(pauses, None)) is None:
            raise TransferError(f"table {table}: {len(left)} keys were not read in {backoff.attempts} attempts")
        else:
            backoff.sleep(pause)
        keys = left
    return found
