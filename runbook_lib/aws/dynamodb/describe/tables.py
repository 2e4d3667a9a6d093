"""What DynamoDB says about tables, as plain facts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.dynamodb.said import said_count
from runbook_lib.aws.outage import told
from runbook_lib.aws.pages import pages, read_on, whole
from runbook_lib.errors import ConfigError, CredentialsError
from runbook_lib.items.keys import KeyAttribute

NOT_TOLD = "not told"
TABLES_AT_ONCE = (100, 71)  # of ListTables
DENIED = frozenset({"UnrecognizedClientException", "InvalidSignatureException", "InvalidClientTokenId"})


@dataclass(frozen=True, slots=True)
class Index:
    """A secondary index: `kind` is GSI or LSI."""

    name: str
    kind: str
    key: tuple[KeyAttribute, ...]
    projection: str


@dataclass(frozen=True, slots=True)
class TableDescription:
    """A table's definition. `items_hint` and `bytes_hint` are up to six hours old: never evidence."""

    name: str
    arn: str
    table_id: str
    status: str
    key: tuple[KeyAttribute, ...]
    indexes: tuple[Index, ...]
    billing: str
    stream: str | None
    items_hint: int
    bytes_hint: int


def list_tables(client: Any) -> list[str]:
    """Names of all tables of a region, read twice; raises ConfigError when it cannot be asked."""

    def names(size: int, after: str | None) -> Iterator[str]:
        start = {"ExclusiveStartTableName": after} if after else {}
        ask = partial(client.list_tables, Limit=size)
        for page in pages(ask, "LastEvaluatedTableName", "ExclusiveStartTableName", **start):
            yield from page["TableNames"]

    try:
        return whole(lambda size: read_on(partial(names, size)), TABLES_AT_ONCE)
    except (ClientError, BotoCoreError) as error:
        raise _unreachable("list tables", client, error) from None


def describe_table(client: Any, name: str) -> TableDescription | None:
    """A table's facts, or None if there is no such table."""
    table = table_description(client, name)
    return None if table is None else description_of(table, name)


def table_description(client: Any, name: str) -> dict[str, Any] | None:
    """What DescribeTable says of a table, or None if there is no such table."""
    try:
        table: dict[str, Any] = client.describe_table(TableName=name).get("Table") or {}
    except client.exceptions.ResourceNotFoundException:
        return None
    except (ClientError, BotoCoreError) as error:
        raise _unreachable(f"describe table {name}", client, error) from None
    return table


def description_of(table: dict[str, Any], name: str = "") -> TableDescription:
    """The facts in an answer of DescribeTable; raises ConfigError where it does not say what a table must have."""
    with as_described(table.get("TableName") or name):
        return _facts(table, name)


@contextmanager
def as_described(name: str) -> Iterator[None]:
    """Turn what an answer of DescribeTable lacks into a ConfigError that names it."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        missing = str(error).strip("'") if isinstance(error, KeyError) else f"all that it should ({error})"
        raise ConfigError(
            f"DescribeTable of {name} should say what the table is, and does not say {missing}; "
            "ask whoever runs the server"
        ) from error


def _facts(table: dict[str, Any], name: str) -> TableDescription:
    types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    stream = table.get("StreamSpecification") or {}
    return TableDescription(
        name=table.get("TableName") or name,
        arn=table["TableArn"],
        table_id=table.get("TableId") or "",
        status=table.get("TableStatus") or NOT_TOLD,
        key=key_attributes(table["KeySchema"], types),
        indexes=tuple(
            Index(i["IndexName"], kind, key_attributes(i["KeySchema"], types), _projection(i))
            for kind, field in (("GSI", "GlobalSecondaryIndexes"), ("LSI", "LocalSecondaryIndexes"))
            for i in table.get(field) or []
        ),
        billing=(table.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED"),
        stream=stream.get("StreamViewType") if stream.get("StreamEnabled") else None,
        items_hint=said_count(table, "ItemCount") or 0,
        bytes_hint=said_count(table, "TableSizeBytes") or 0,
    )


def _projection(index: dict[str, Any]) -> str:
    return (index.get("Projection") or {}).get("ProjectionType") or NOT_TOLD


def is_empty(client: Any, name: str) -> bool:
    """Whether a table holds nothing now, by reading it, item by item and, if there is none, as a whole."""
    # With the capacity that it consumed an answer names its table: one of another table is refused.
    scan = partial(client.scan, TableName=name, Select="COUNT", ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
    try:
        for how in ({"Limit": 1}, {}):
            if any(page["Count"] for page in pages(partial(scan, **how), "LastEvaluatedKey", "ExclusiveStartKey")):
                return False
        return True
    except (ClientError, BotoCoreError) as error:
        raise _unreachable(f"read table {name}", client, error) from None


def ttl_attribute(client: Any, name: str) -> str | None:
    """The attribute that expires items, or None where TTL is off or the server has no such thing."""
    try:
        said = client.describe_time_to_live(TableName=name).get("TimeToLiveDescription") or {}
    except ClientError as error:
        if error.response["Error"]["Code"] in ("UnknownOperationException", "ValidationException"):
            return None
        raise _unreachable(f"ask for the TTL of {name}", client, error) from None
    except BotoCoreError as error:
        raise _unreachable(f"ask for the TTL of {name}", client, error) from None
    on = said.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")  # for up to an hour it is the latter
    attribute: str | None = said.get("AttributeName") if on else None
    return attribute


def key_attributes(schema: list[dict[str, str]], types: dict[str, str]) -> tuple[KeyAttribute, ...]:
    """A KeySchema with its types, the partition key's attributes before the sort key's."""
    ordered = sorted(schema, key=lambda k: k["KeyType"])  # HASH before RANGE, else as they are
    return tuple(KeyAttribute(k["AttributeName"], types[k["AttributeName"]], k["KeyType"]) for k in ordered)


def _unreachable(what: str, client: Any, error: ClientError | BotoCoreError) -> ConfigError:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    kind = CredentialsError if code in DENIED else ConfigError
    return told(kind(f"cannot {what} at {client.meta.endpoint_url} ({client.meta.region_name}): {error}"), error)
