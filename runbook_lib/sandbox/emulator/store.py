"""moto's tables with what the sandbox adds: items kept as wire bytes, hash order, table ids and a lock.

moto keeps working on the same tables. An item written through BatchWriteItem or the seeding is stored as its
JSON bytes and becomes moto objects only when a moto operation looks into it.
"""

from __future__ import annotations

import copy
import threading
import uuid
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, localcontext
from json import loads
from typing import Any
from weakref import WeakKeyDictionary

from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table

from runbook_lib.sandbox.emulator.change_log import ChangeLog, SandboxClock
from runbook_lib.sandbox.emulator.hash_order import HashOrder, Token, token_of
from runbook_lib.sandbox.emulator.replies import AwsError, dumps
from runbook_lib.sandbox.emulator.rules.values import WIDE, binary, check_item

Keys = tuple[DynamoType, DynamoType | None]


class StoredItem(Item):
    """An item as wire bytes; whoever asks moto for its attributes turns it into objects for good.

    For good, because moto's UpdateItem changes attributes in place: from then on the bytes would be stale.
    """

    def __init__(self, hash_key: DynamoType, range_key: DynamoType | None, raw: bytes, size: int) -> None:
        self.hash_key = hash_key
        self.range_key = range_key
        self.raw: bytes | None = raw
        self.raw_size = size
        self._attrs: dict[str, Any] | None = None

    @property
    def attrs(self) -> dict[str, Any]:  # type: ignore[override]  # moto sets a plain attribute
        if self._attrs is None:
            self._attrs = _moto_attributes(loads(self.raw or b"{}"))
            self.raw = None
        return self._attrs

    def __deepcopy__(self, memo: dict[int, Any]) -> StoredItem:
        twin = StoredItem(self.hash_key, self.range_key, self.raw or b"{}", self.raw_size)
        if self._attrs is not None:
            twin._attrs = copy.deepcopy(self._attrs, memo)
            twin.raw = None
        return twin


class Store:
    """Give access to the tables of all accounts and regions; every use of a table happens inside `locked`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._orders: WeakKeyDictionary[Table, HashOrder] = WeakKeyDictionary()
        self._logs: dict[str, ChangeLog] = {}
        self.clock = SandboxClock()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store; moto itself has no locks."""
        with self._lock:
            yield

    def backend(self, account: str, region: str) -> DynamoDBBackend:
        """Return moto's backend of one account and region; ValidationException for an unknown region."""
        try:
            return dynamodb_backends[account][region]
        except KeyError as error:
            raise AwsError("UnrecognizedClientException", f"there is no region {region}") from error

    def find(self, account: str, region: str, name: str) -> Table | None:
        """Return a table by name or ARN, or None."""
        for table in self.backend(account, region).tables.values():
            if name in (table.name, table.table_arn):
                return table
        return None

    def table(self, account: str, region: str, name: str) -> Table:
        """Return a table by name or ARN, or raise ResourceNotFoundException."""
        found = self.find(account, region, name)
        if found is None:
            raise AwsError("ResourceNotFoundException", "Requested resource not found")
        return found

    def order(self, table: Table) -> HashOrder:
        """Return the table's hash order, built at the first use and kept up to date from then on."""
        order = self._orders.get(table)
        if order is None:
            order = self._orders[table] = HashOrder()
            for item in _all_items(table):
                order.put(token_of(item.hash_key, item.range_key), item)
        return order

    def get(self, table: Table, keys: Keys) -> Item | None:
        """Return the item with a key, or None."""
        hash_key, range_key = keys
        held: Any = table.items.get(hash_key)
        found: Item | None = held.get(range_key) if held is not None and range_key is not None else held
        return found

    def put(self, table: Table, item: StoredItem) -> None:
        """Store an item that was found legal; no stream record is written."""
        if item.range_key is not None:
            table.items[item.hash_key][item.range_key] = item
        else:
            table.items[item.hash_key] = item  # type: ignore[assignment]  # moto: an item or a dict of them
        self.order(table).put(token_of(item.hash_key, item.range_key), item)

    def discard(self, table: Table, keys: Keys) -> None:
        """Remove an item if it is there; no stream record is written."""
        hash_key, range_key = keys
        if range_key is None:
            table.items.pop(hash_key, None)
        elif hash_key in table.items:
            table.items[hash_key].pop(range_key, None)
        self.order(table).discard(token_of(hash_key, range_key))

    def forget_log(self, table: Table) -> None:
        """What was written before recovery was turned on can be restored no more."""
        self._logs.pop(table_id(table), None)

    def log(self, table: Table) -> ChangeLog:
        """What was written to a table since its recovery was turned on."""
        return self._logs.setdefault(table_id(table), ChangeLog())

    def note(self, table: Table, token: Token, key: bytes, old: bytes | None, new: bytes | None) -> None:
        """Note what a write made of an item, where the table has point-in-time recovery."""
        if self.is_recovered(table) and (old is not None or new is not None):
            self.log(table).add(self.clock.exact(table.table_arn), token, key, old, new)

    def note_write(self, table: Table, keys: Keys, old: Item | None, new: Item | None) -> None:
        """`note` for an item's own objects."""
        if not self.is_recovered(table) or (held := new or old) is None:
            return
        images = [wire_bytes(item) if item is not None else None for item in (old, new)]
        self.note(table, token_of(*keys), dumps(wire_key(table, held)), *images)

    @staticmethod
    def is_recovered(table: Table) -> bool:
        """Whether point-in-time recovery is on."""
        recovery = table.continuous_backups["PointInTimeRecoveryDescription"]
        return bool(recovery["PointInTimeRecoveryStatus"] == "ENABLED")

    def contents(self, table: Table) -> dict[Token, tuple[bytes, bytes]]:
        """Key and item of everything in a table, as wire bytes."""
        return {
            token_of(item.hash_key, item.range_key): (dumps(wire_key(table, item)), wire_bytes(item))
            for item in self.order(table).walk(bytes(16), None)
        }

    def install(self) -> None:
        """Hook moto's own writes, and its sums."""
        moto_put, moto_delete = Table.put_item, Table.delete_item

        def put_item(table: Table, *args: Any, **kwargs: Any) -> Item:
            with self._lock:
                item = moto_put(table, *args, **kwargs)
                self.order(table).put(token_of(item.hash_key, item.range_key), item)
                return item

        def delete_item(table: Table, hash_key: DynamoType, range_key: DynamoType | None) -> Item | None:
            with self._lock:
                item = moto_delete(table, hash_key, range_key)
                self.order(table).discard(token_of(hash_key, range_key))
                return item

        # moto offers no seam here; PutItem, UpdateItem, ImportTable, PartiQL... all come this way.
        Table.put_item = put_item  # type: ignore[method-assign, assignment]
        Table.delete_item = delete_item  # type: ignore[method-assign, assignment]
        # moto's sums take no exponent and round to 28 digits.
        moto_add, moto_subtract = DynamoType.__add__, DynamoType.__sub__

        def add(one: DynamoType, other: DynamoType) -> DynamoType:
            return _sum(one, other, 1) if {one.type, other.type} == {"N"} else moto_add(one, other)

        def subtract(one: DynamoType, other: DynamoType) -> DynamoType:
            return _sum(one, other, -1) if {one.type, other.type} == {"N"} else moto_subtract(one, other)

        DynamoType.__add__, DynamoType.__sub__ = add, subtract  # type: ignore[method-assign]
        # moto's own limit of an item is another than DynamoDB's; the sandbox judges each before and after.
        LimitedSizeDict.__setitem__ = dict.__setitem__  # type: ignore[method-assign]


def _sum(one: DynamoType, other: DynamoType, sign: int) -> DynamoType:
    """The exact sum of two numbers; whether DynamoDB could hold it is judged when the write is done."""
    with localcontext(WIDE):
        return DynamoType({"N": str(Decimal(one.value) + sign * Decimal(other.value))})


def table_id(table: Table) -> str:
    """Return the table's id: stable for its life, another one when the table is created again."""
    if not hasattr(table, "sandbox_table_id"):
        table.sandbox_table_id = str(uuid.uuid4())  # type: ignore[attr-defined]  # kept on moto's object
    return str(table.sandbox_table_id)  # type: ignore[attr-defined]


def set_status(table: Table, status: str) -> None:
    """Let DescribeTable say a status; moto says ACTIVE of every table."""
    table.sandbox_status = status  # type: ignore[attr-defined]  # kept on moto's object


def stored(table: Table, item: dict[str, Any], size: int) -> StoredItem:
    """Build the stored form of an item that was found legal."""
    hash_key, range_key = keys_of(table, item)
    return StoredItem(hash_key, range_key, dumps(item), size)


def keys_of(table: Table, item: dict[str, Any]) -> Keys:
    """Return moto's form of an item's primary key."""
    range_key = table.range_key_attr
    return _moto_key(item[table.hash_key_attr]), _moto_key(item[range_key]) if range_key else None


def wire_bytes(item: Item) -> bytes:
    """Return an item as DynamoDB JSON."""
    if isinstance(item, StoredItem) and item.raw is not None:
        return item.raw
    return dumps({name: _wire_value(value) for name, value in item.attrs.items()})


def size_of(item: Item) -> int:
    """Return an item's size in bytes by DynamoDB's rules."""
    if isinstance(item, StoredItem) and item.raw is not None:
        return item.raw_size
    return check_item(loads(wire_bytes(item)))


def wire_key(table: Table, item: Item) -> dict[str, Any]:
    """Return an item's primary key as DynamoDB JSON."""
    key = {table.hash_key_attr: _wire_value(item.hash_key)}
    if table.range_key_attr and item.range_key is not None:
        key[table.range_key_attr] = _wire_value(item.range_key)
    return key


def _all_items(table: Table) -> Iterator[Item]:
    for held in table.items.values():
        if table.has_range_key:
            yield from held.values()
        else:
            yield held  # type: ignore[misc]  # moto: without a sort key the value is the item itself


def _moto_key(value: dict[str, Any]) -> DynamoType:
    return DynamoType({"B": binary(value["B"])} if "B" in value else value)


def _moto_attributes(item: dict[str, Any]) -> dict[str, Any]:
    attributes = LimitedSizeDict()
    for name, value in item.items():
        # Past moto's __setitem__, which measures the whole item each time and has another limit than AWS.
        dict.__setitem__(attributes, name, DynamoType(_decoded(value)))
    return attributes


def _decoded(value: dict[str, Any]) -> dict[str, Any]:
    """Return an AttributeValue with binary as bytes, the form moto keeps."""
    [(kind, content)] = value.items()
    if kind == "B":
        return {kind: binary(content)}
    if kind == "BS":
        return {kind: [binary(member) for member in content]}
    if kind == "L":
        return {kind: [_decoded(member) for member in content]}
    if kind == "M":
        return {kind: {name: _decoded(member) for name, member in content.items()}}
    return value


def _wire_value(value: DynamoType) -> dict[str, Any]:
    content = value.value
    if value.type == "M":
        return {"M": {name: _wire_value(member) for name, member in content.items()}}
    if value.type == "L":
        return {"L": [_wire_value(member) for member in content]}
    if value.type == "BS":
        return {"BS": [_base64(member) for member in content]}
    if value.type == "B":
        return {"B": _base64(content)}
    return {value.type: content}


def _base64(content: bytes | str) -> str:
    return content if isinstance(content, str) else b64encode(content).decode("ascii")
