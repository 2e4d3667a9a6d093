"""Read named items of a table, consistently, as DynamoDB JSON."""

from __future__ import annotations

import json

import orjson

from runbook_lib.aws.transport.client import Wire
from runbook_lib.aws.transport.retry import Patience
from runbook_lib.errors import TransferError
from runbook_lib.items.canonical import Item

KEYS_AT_ONCE = 100  # of BatchGetItem


def read_keys(wire: Wire, table: str, keys: list[Item], patience: Patience) -> list[Item]:
    """The items the table holds under these keys; a key without an item gives nothing."""
    found: list[Item] = []
    for start in range(0, len(keys), KEYS_AT_ONCE):
        found += _read(wire, table, keys[start : start + KEYS_AT_ONCE], patience)
    return found


def _read(wire: Wire, table: str, keys: list[Item], patience: Patience) -> list[Item]:
    found: list[Item] = []
    pauses = patience.pauses()
    while keys:
        request = {"RequestItems": {table: {"Keys": keys, "ConsistentRead": True}}}
        answer = orjson.loads(wire.read("BatchGetItem", json.dumps(request).encode(), patience))
        if not isinstance(answer.get("Responses"), dict):
            raise TransferError(f"BatchGetItem of {table}: an answer holds no Responses")
        found += answer["Responses"].get(table, [])
        left = (answer.get("UnprocessedKeys") or {}).get(table, {}).get("Keys", [])
        if len(left) < len(keys):
            pauses = patience.pauses()
        elif (pause := next(pauses, None)) is None:
            raise TransferError(f"table {table}: {len(left)} keys were not read in {patience.attempts} attempts")
        else:
            patience.sleep(pause)
        keys = left
    return found
