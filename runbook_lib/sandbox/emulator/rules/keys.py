"""What DynamoDB asks of key attributes: the table's must be there, an index's must fit if they are."""

from __future__ import annotations

from typing import Any

from moto.dynamodb.models.table import Table

from runbook_lib.sandbox.emulator.replies import invalid
from runbook_lib.sandbox.emulator.rules.values import binary, text_size

MAX_HASH_KEY = 2048
MAX_RANGE_KEY = 1024

_EMPTY_WORD = {"S": "string", "B": "binary"}


def check_primary_key(table: Table, item: dict[str, Any]) -> None:
    """Raise the ValidationException for a missing, mistyped, empty or oversized primary key."""
    for name, kind in _primary(table):
        if name not in item:
            raise invalid(f"One or more parameter values were invalid: Missing the key {name} in the item")
        actual = next(iter(item[name]))
        if actual != kind:
            raise invalid(
                "One or more parameter values were invalid: "
                f"Type mismatch for key {name} expected: {kind} actual: {actual}"
            )
        if kind != "N" and not item[name][kind]:
            raise invalid(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
                f"contain an empty {_EMPTY_WORD[kind]} value. Key: {name}"
            )
    _check_lengths(item, table.hash_key_attr, table.range_key_attr, "")


def check_key_only(table: Table, key: dict[str, Any]) -> None:
    """Raise unless a key has the table's key attributes and nothing else."""
    if key.keys() != {name for name, _ in _primary(table)}:
        raise invalid("The provided key element does not match the schema")
    check_primary_key(table, key)


def check_index_keys(table: Table, item: dict[str, Any]) -> None:
    """Raise for an index key attribute of the wrong type, empty or too long; it may be missing."""
    types = {entry["AttributeName"]: entry["AttributeType"] for entry in table.attr}
    for index in table.all_indexes():
        names = [entry["AttributeName"] for entry in index.schema]
        for name in names:
            if name not in item:
                continue
            kind, actual = types[name], next(iter(item[name]))
            if actual != kind:
                raise invalid(
                    f"One or more parameter values were invalid: Type mismatch for Index Key {name} "
                    f"Expected: {kind} Actual: {actual} IndexName: {index.name}"
                )
            if kind != "N" and not item[name][kind]:
                raise invalid(
                    "One or more parameter values are not valid. A value specified for a secondary index key is "
                    "not supported. The AttributeValue for a key attribute cannot contain an empty "
                    f"{_EMPTY_WORD[kind]} value. IndexName: {index.name}, IndexKey: {name}"
                )
        _check_lengths(item, names[0], names[1] if len(names) > 1 else None, f" IndexName: {index.name}")


def _primary(table: Table) -> list[tuple[str, str]]:
    key = [(table.hash_key_attr, table.hash_key_type)]
    if table.range_key_attr:
        key.append((table.range_key_attr, table.range_key_type or "S"))
    return key


def _check_lengths(item: dict[str, Any], hash_name: str, range_name: str | None, where: str) -> None:
    if hash_name in item and _length(item[hash_name]) > MAX_HASH_KEY:
        raise invalid(
            "One or more parameter values were invalid: "
            # AWS leaves the blank out too.
            f"Size of hashkey has exceeded the maximum size limit of2048 bytes{where}"
        )
    if range_name in item and _length(item[range_name]) > MAX_RANGE_KEY:
        raise invalid(
            "One or more parameter values were invalid: "
            f"Aggregated size of all range keys has exceeded the size limit of 1024 bytes{where}"
        )


def _length(value: dict[str, Any]) -> int:
    if "S" in value:
        return text_size(value["S"])
    return len(binary(value["B"])) if "B" in value else 0
