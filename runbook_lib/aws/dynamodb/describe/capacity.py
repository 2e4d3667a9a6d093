"""How a table stands now: what it can take, and what is attached to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.dynamodb.describe.tables import TableDescription, as_described, description_of, table_description
from runbook_lib.aws.outage import told
from runbook_lib.aws.outcome import is_repeated, is_seen
from runbook_lib.aws.pages import pages, whole
from runbook_lib.errors import ConfigError, TransferError

QUIET = frozenset({"DISABLED", "ENABLE_FAILED"})
FIRST_ITEMS = 25
FUNCTIONS_AT_ONCE = (100, 71)  # of ListEventSourceMappings


@dataclass(frozen=True, slots=True)
class TableCapacity:
    """Capacity and attachments of a table; None is a number that the server does not give.

    `read_units` and `write_units` are provisioned ones, `max_*` the limits of an on-demand table, `warm_*` what
    the table takes at once. `index_units` are the provisioned write units of its global indexes, `index_limits`
    the most that an on-demand table's may take, where that is set; `indexes_in_making` are not ACTIVE yet.
    """

    on_demand: bool
    read_units: int | None
    write_units: int | None
    max_read_units: int | None
    max_write_units: int | None
    warm_read_units: int | None
    warm_write_units: int | None
    index_units: dict[str, int]
    stream_arn: str | None
    replicas: tuple[str, ...]
    deletion_protection: bool
    index_limits: dict[str, int] = field(default_factory=dict)
    global_table_version: str | None = None
    indexes_in_making: tuple[str, ...] = ()


def describe_capacity(client: Any, name: str) -> tuple[TableDescription, TableCapacity] | None:
    """A table's facts and standing in one call, or None if there is no such table."""
    table = table_description(client, name)
    if table is None:
        return None
    with as_described(name):
        return description_of(table, name), _standing(table)


def triggers(client: Any, stream_arn: str) -> list[str]:
    """Names of the Lambda functions that read a stream; other readers cannot be seen."""

    def read(size: int) -> Iterator[str]:
        ask = partial(client.list_event_source_mappings, EventSourceArn=stream_arn, MaxItems=size)
        for page in pages(ask, "NextMarker", "Marker"):
            yield from (m["FunctionArn"] for m in page["EventSourceMappings"])

    try:
        found = whole(read, FUNCTIONS_AT_ONCE)
    except (ClientError, BotoCoreError) as error:
        raise ConfigError(f"cannot list the functions that read {stream_arn}: {error}") from None
    return sorted({arn.rpartition(":function:")[2] for arn in found})


def kinesis_streams(client: Any, name: str) -> list[str]:
    """The Kinesis streams that hear of every change of a table; a server that has no such thing has none."""
    try:
        said = client.describe_kinesis_streaming_destination(TableName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] == "UnknownOperationException":
            return []
        raise ConfigError(f"cannot ask for the Kinesis streams of {name}: {error}") from None
    except BotoCoreError as error:
        raise ConfigError(f"cannot ask for the Kinesis streams of {name}: {error}") from None
    found = [d for d in said.get("KinesisDataStreamDestinations") or () if d.get("DestinationStatus") not in QUIET]
    return sorted(str(d.get("StreamArn", "")).rpartition(":stream/")[2] or "without a name" for d in found)


def attributes_of_first_items(client: Any, name: str) -> set[str]:
    """The names of the attributes of a table's first items, by one small Scan."""
    try:
        said = client.scan(TableName=name, Limit=FIRST_ITEMS)
    except (ClientError, BotoCoreError) as error:
        raise ConfigError(f"cannot look at the first items of {name}: {error}") from None
    return {attribute for item in said.get("Items") or () for attribute in item}


def _standing(table: dict[str, Any]) -> TableCapacity:
    on_demand = (table.get("BillingModeSummary") or {}).get("BillingMode") == "PAY_PER_REQUEST"
    provisioned = {} if on_demand else table.get("ProvisionedThroughput") or {}
    limits, warm = table.get("OnDemandThroughput") or {}, table.get("WarmThroughput") or {}
    stream = table.get("StreamSpecification") or {}
    indexes = table.get("GlobalSecondaryIndexes") or []
    return TableCapacity(
        on_demand=on_demand,
        read_units=provisioned.get("ReadCapacityUnits"),
        write_units=provisioned.get("WriteCapacityUnits"),
        max_read_units=_set(limits.get("MaxReadRequestUnits")),
        max_write_units=_set(limits.get("MaxWriteRequestUnits")),
        warm_read_units=_set(warm.get("ReadUnitsPerSecond")),
        warm_write_units=_set(warm.get("WriteUnitsPerSecond")),
        index_units={} if on_demand else {i["IndexName"]: _index_units(i) for i in indexes},
        stream_arn=table.get("LatestStreamArn") if stream.get("StreamEnabled") else None,
        replicas=tuple(r["RegionName"] for r in table.get("Replicas") or []),
        deletion_protection=bool(table.get("DeletionProtectionEnabled")),
        global_table_version=table.get("GlobalTableVersion"),
        indexes_in_making=tuple(i["IndexName"] for i in indexes if i.get("IndexStatus", "ACTIVE") == "CREATING"),
        index_limits={i["IndexName"]: most for i in indexes if on_demand and (most := _index_limit(i))},
    )


def _set(units: int | None) -> int | None:
    """A number of units; -1 and 0 stand for "not set"."""
    return units if units and units > 0 else None


def _index_units(index: dict[str, Any]) -> int:
    return int((index.get("ProvisionedThroughput") or {}).get("WriteCapacityUnits") or 0)


def _index_limit(index: dict[str, Any]) -> int | None:
    return _set((index.get("OnDemandThroughput") or {}).get("MaxWriteRequestUnits"))


def _is_warm(client: Any, name: str, units: int) -> bool:
    found = describe_capacity(client, name)
    return found is not None and (found[1].warm_write_units or 0) >= units


def raise_warm_throughput(client: Any, name: str, units: int) -> None:
    """Ask for more warm write units; the client must have been granted it for this table."""
    try:
        client.update_table(TableName=name, WarmThroughput={"WriteUnitsPerSecond": units})
    except (ClientError, BotoCoreError) as error:
        if is_seen(lambda: _is_warm(client, name, units)):
            return  # by an earlier request, whose answer nobody heard
        unheard = "; an earlier request, whose answer nobody heard, may have raised it" if is_repeated(error) else ""
        failure = TransferError(f"the warm throughput of {name} could not be raised to {units:,}: {error}{unheard}")
        raise told(failure, error) from None
