"""Read named items of a table, consistently, as DynamoDB JSON."""

from __future__ import annotations

import json

from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.aws.transport.shapes import object_said
from runbook_lib.errors import CorruptFile, TransferError
from runbook_lib.items.canonical import Item, canonical_json

KEYS_AT_ONCE = 100  # of BatchGetItem
_RUN_AGAIN = "nothing was concluded from it. Run again; if it stays, the server or a proxy is broken"


def read_keys(transport: DynamoDBTransport, table: str, keys: list[Item], backoff: Backoff) -> list[Item]:
    """The items the table holds under these keys; a key without an item gives nothing."""
    found: list[Item] = []
    for start in range(0, len(keys), KEYS_AT_ONCE):
        found += _read(transport, table, keys[start : start + KEYS_AT_ONCE], backoff)
    return found


def key_request(table: str, keys: list[Item]) -> bytes:
    """The request that reads these keys."""
    asked = {"RequestItems": {table: {"Keys": keys, "ConsistentRead": True}}, "ReturnConsumedCapacity": "TOTAL"}
    return json.dumps(asked).encode()


def keys_read(content: bytes, table: str, keys: list[Item]) -> tuple[list[Item], list[Item]]:
    """What an answer to a request for these keys holds: items, and the keys that were not read.

    Raises TransferError for an answer to another request: of another table, or of keys that were not asked for. That a
    key has no item is said by silence, so whoever concludes something from that needs another witness.
    """
    answer = object_said(f"BatchGetItem of {table}", content)
    found, unread = answer.get("Responses"), answer.get("UnprocessedKeys")
    unread = {} if unread is None else unread
    if not isinstance(found, dict):
        raise TransferError(f"BatchGetItem of {table}: an answer holds no Responses")
    try:
        if others := (found.keys() | unread.keys()) - {table}:
            raise TransferError(
                f"BatchGetItem of {table}: the answer is about {', '.join(sorted(others))}; {_RUN_AGAIN}"
            )
        items, left = found.get(table, []), unread.get(table, {}).get("Keys", [])
        names = tuple(keys[0]) if keys else ()
        said = [canonical_json({name: item[name] for name in names}) for item in (*items, *left)]
    except (KeyError, TypeError, AttributeError, CorruptFile):
        raise TransferError(f"BatchGetItem of {table}: an answer makes no sense; {_RUN_AGAIN}") from None
    if len(set(said)) < len(said) or not set(said) <= set(map(canonical_json, keys)):
        raise TransferError(f"BatchGetItem of {table}: the answer holds keys that were not asked for; {_RUN_AGAIN}")
    return items, left


def _read(transport: DynamoDBTransport, table: str, keys: list[Item], backoff: Backoff) -> list[Item]:
    found: list[Item] = []
    pauses = backoff.pauses()
    while keys:
        items, left = keys_read(transport.read("BatchGetItem", key_request(table, keys), backoff), table, keys)
        found += items
        if len(left) < len(keys):
            pauses = backoff.pauses()
        elif (pause := next(pauses, None)) is None:
            raise TransferError(f"table {table}: {len(left)} keys were not read in {backoff.attempts} attempts")
        else:
            backoff.sleep(pause)
        keys = left
    return found
