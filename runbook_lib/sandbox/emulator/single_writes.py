"""PutItem, UpdateItem, DeleteItem and TransactWriteItems as strict as BatchWriteItem, around moto's own.

moto carries them out; before it, what is sent is judged and its numbers made canonical, and after it, what an
update has made of an item. An item that DynamoDB could not hold is taken back, and the request refused.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from json import loads
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

from runbook_lib.sandbox.emulator.replies import AwsError, Reply, dumps, dynamodb_reply
from runbook_lib.sandbox.emulator.rules.keys import check_index_keys, check_key_only, check_primary_key
from runbook_lib.sandbox.emulator.rules.values import TOO_LARGE, check_item, check_value
from runbook_lib.sandbox.emulator.store import Store, StoredItem, keys_of, stored, wire_bytes
from runbook_lib.sandbox.emulator.streams.records import is_unchanged

WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"})
TRANSACTION = "TransactWriteItems"
_VALUES = "ExpressionAttributeValues"
_BY_FUNCTION = ("Put", "Update", "Delete", "ConditionCheck")
_TOO_LARGE = "Item size to update has exceeded the maximum allowed size"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where one write goes, and what was there; `position` is the write's in its transaction."""

    position: int
    table: Table
    keys: tuple[DynamoType, DynamoType | None]
    before: Item | None
    writes: bool = True


def write(
    store: Store,
    account: str,
    region: str,
    operation: str,
    request: dict[str, Any],
    carry_out: Callable[[bytes], Reply],
) -> Reply:
    """Answer one write; `carry_out` has moto do a request body."""
    with store.locked():
        places = list(_judged(store, account, region, operation, request))
        shards = {id(p.table): (p.table, _records(p.table)) for p in places}
        reply = carry_out(dumps(request))
        refusal = _settle(store, account, region, places) if reply.status == 200 else None
        if refusal is not None or reply.status != 200:
            for place in places:
                _restore(store, account, region, place)
            for table, records in shards.values():
                if table.stream_shard is not None:
                    del table.stream_shard.items[records:]
        else:
            for place in places:
                _note(store, account, region, place)
            if operation != TRANSACTION:
                for place in places:
                    _drop_record_of_nothing(store, account, region, place, shards[id(place.table)][1])
    if refusal is not None:
        place, error = refusal
        raise _cancelled(request, place.position, error) if operation == TRANSACTION else error
    return _canonical(reply)


@contextmanager
def noticing(store: Store, account: str, region: str) -> Iterator[None]:
    """Note whatever is written inside, by comparing each table with what it was: for statements of PartiQL."""
    tables = [t for t in store.backend(account, region).tables.values() if store.is_recovered(t)]
    before = {table.name: store.contents(table) for table in tables}
    yield
    for table in tables:
        now = store.contents(table)
        for token in before[table.name].keys() | now.keys():
            (key, old), (_, new) = before[table.name].get(token, (b"", None)), now.get(token, (b"", None))
            if old != new:
                store.note(table, token, key or now[token][0], old, new)


def _judged(store: Store, account: str, region: str, operation: str, request: dict[str, Any]) -> Iterator[_Place]:
    """Each place that is written; raises the error of the first write that could not be held."""
    if operation != TRANSACTION:
        yield from _one(store, account, region, 0, request)
        return
    for position, member in enumerate(request.get("TransactItems") or ()):
        for function in _BY_FUNCTION:
            if isinstance(member, dict) and isinstance(member.get(function), dict):
                try:
                    for place in _one(store, account, region, position, member[function]):
                        yield replace(place, writes=function != "ConditionCheck")
                except _KeyError as error:
                    raise _cancelled(request, position, error) from None


class _KeyError(AwsError):
    """A value that is legal by itself and not for this key; a transaction tells it as the reason of its end."""


def _one(store: Store, account: str, region: str, position: int, request: dict[str, Any]) -> Iterator[_Place]:
    """Judge the values of one write, before its keys, as AWS does."""
    for name, value in (request.get(_VALUES) or {}).items():
        try:
            check_value(value, 1)
        except AwsError as error:
            if error.code != "ValidationException":
                raise
            text = f"{_VALUES} contains invalid value: {error} for key {name}"
            raise AwsError(error.code, text) from None
    for update in (request.get("AttributeUpdates") or {}).values():
        if isinstance(update, dict) and "Value" in update:
            check_value(update["Value"], 1)
    item, key = request.get("Item"), request.get("Key")
    for sent in (item, key):
        if sent is not None:
            check_item(sent)
    table = store.find(account, region, str(request.get("TableName", "")))
    if table is None or (item is None and key is None):
        return  # moto says what is missing
    try:
        if item is not None:
            check_primary_key(table, item)
            check_index_keys(table, item)
        else:
            check_key_only(table, key or {})
    except AwsError as error:
        raise _KeyError(error.code, str(error)) from None
    keys = keys_of(table, item if item is not None else key or {})
    yield _Place(position, table, keys, copy.deepcopy(store.get(table, keys)))


def _settle(store: Store, account: str, region: str, places: list[_Place]) -> tuple[_Place, AwsError] | None:
    """Keep what is there now in its canonical form; the first that DynamoDB could not hold, and why."""
    for place in places:
        try:
            _keep(store, account, region, place)
        except AwsError as error:
            return place, error
    return None


def _keep(store: Store, account: str, region: str, place: _Place) -> None:
    table = _now(store, account, region, place)
    item = store.get(table, place.keys)
    if item is None or (isinstance(item, StoredItem) and item.raw is not None):
        return
    held = loads(wire_bytes(item))
    try:
        size = check_item(held)
    except AwsError as error:
        raise AwsError(error.code, _TOO_LARGE if str(error) == TOO_LARGE else str(error)) from None
    check_index_keys(table, held)
    store.put(table, stored(table, held, size))


def _note(store: Store, account: str, region: str, place: _Place) -> None:
    """Note the write for whoever asks later what changed; a check that wrote nothing is none."""
    table = _now(store, account, region, place)
    item = store.get(table, place.keys)
    if place.writes:
        store.note_write(table, place.keys, place.before, item)


def _drop_record_of_nothing(store: Store, account: str, region: str, place: _Place, records: int) -> None:
    """A write that changed nothing leaves no record in the stream; moto writes one."""
    table = _now(store, account, region, place)
    if table.stream_shard is not None and is_unchanged(place.before, store.get(table, place.keys)):
        del table.stream_shard.items[records:]


def _restore(store: Store, account: str, region: str, place: _Place) -> None:
    table = _now(store, account, region, place)
    if place.before is None:
        store.discard(table, place.keys)
        return
    held = loads(wire_bytes(place.before))
    store.put(table, stored(table, held, check_item(held)))


def _now(store: Store, account: str, region: str, place: _Place) -> Table:
    """The table as it is after the write: moto puts copies of tables in place when it takes a transaction back."""
    return store.find(account, region, place.table.name) or place.table


def _records(table: Table) -> int:
    return len(table.stream_shard.items) if table.stream_shard is not None else 0


def _cancelled(request: dict[str, Any], position: int, error: AwsError) -> AwsError:
    """A transaction's end: one reason for each of its members, in their order."""
    count = len(request.get("TransactItems") or ())
    reasons = [
        {"Code": "ValidationError", "Message": str(error)} if n == position else {"Code": "None"} for n in range(count)
    ]
    told = ", ".join(reason["Code"] for reason in reasons)
    return AwsError(
        "TransactionCanceledException",
        f"Transaction cancelled, please refer cancellation reasons for specific reasons [{told}]",
        CancellationReasons=reasons,
    )


def _canonical(reply: Reply) -> Reply:
    """An answer whose attributes have their numbers as DynamoDB gives them back."""
    answer = loads(reply.body or b"{}")
    attributes = answer.get("Attributes")
    if not attributes:
        return reply
    for value in attributes.values():
        check_value(value, 1)
    return dynamodb_reply(dumps(answer))
