"""A source table's full definition, as far as a twin of it can be created from it.

Asks with DescribeTable, DescribeContinuousBackups, DescribeTimeToLive and ListTagsOfResource and nothing
else. What a table has and a definition here cannot carry is named in `beyond`, never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.dynamodb.describe.members import (
    BEYOND,
    CAPACITY,
    GLOBAL,
    KEY,
    LOCAL,
    STREAM,
    TYPES,
    WARM,
    spell_member,
)
from runbook_lib.aws.dynamodb.describe.tables import DENIED, key_attributes, ttl_attribute
from runbook_lib.aws.outage import told
from runbook_lib.aws.pages import EndlessList, pages
from runbook_lib.errors import ConfigError, CredentialsError
from runbook_lib.items.keys import KeyAttribute

UNKNOWN = frozenset({"UnknownOperationException", "ValidationException"})
NOT_CARRIED = {
    "VectorIndexes": "vector indexes",
    "Replicas": "replicas of a global table",
}
# Settings that are compared and cannot be given to a new table, one by one and in lists with their names.
ALONE = {
    "GlobalTableVersion": "version of the global table",
    "GlobalTableSettingsReplicationMode": "replication of settings",
    "MultiRegionConsistency": "consistency between regions",
    "DisassociationProtectionEnabled": "protection against disassociation",
}
LISTED = {
    "Replicas": ("RegionName", "replica in"),
    "GlobalTableWitnesses": ("RegionName", "witness in"),
    "VectorIndexes": ("IndexName", "vector index"),
}
Unknown = dict[str, str]
REGISTER_TAG = "runbook:register"  # names the register of the runs that have written to a table, see register.py


@dataclass(frozen=True, slots=True)
class Throughput:
    """Read and write units per second; None is a limit that is not set."""

    read: int | None
    write: int | None


@dataclass(frozen=True, slots=True, order=True)
class Setting:
    """A setting that is compared and not carried over, spelled out: `replica in eu-west-1`."""

    property: str
    what: str
    how: str


@dataclass(frozen=True, slots=True)
class IndexDefinition:
    """A secondary index; `attributes` are those an INCLUDE projection adds to the keys."""

    name: str
    key: tuple[KeyAttribute, ...]
    projection: str
    attributes: tuple[str, ...]
    provisioned: Throughput | None
    on_demand: Throughput | None


@dataclass(frozen=True, slots=True)
class TableDefinition:
    """All that a table is created with; `recovery_days` is None where point-in-time recovery is off.

    `kms_key` is the ARN of the key, AWS managed or the customer's, and None for the key that AWS owns. No
    other region knows that ARN. An empty one is a KMS key that the server does not name.
    """

    name: str
    key: tuple[KeyAttribute, ...]
    global_indexes: tuple[IndexDefinition, ...]
    local_indexes: tuple[IndexDefinition, ...]
    billing: str
    provisioned: Throughput | None
    on_demand: Throughput | None
    stream: str | None
    ttl: str | None
    recovery_days: int | None
    kms_key: str | None
    tags: tuple[tuple[str, str], ...]
    deletion_protection: bool
    table_class: str
    beyond: tuple[str, ...]
    settings: tuple[Setting, ...] = ()


def read_definition(client: Any, name: str) -> TableDefinition:
    """Everything a table is made of; raises ConfigError if there is no such table or it may not be read."""
    table = _ask(client, "describe_table", TableName=name).get("Table") or {}
    unknown: Unknown = {}
    definition = definition_of(
        table,
        ttl=ttl_attribute(client, name),
        recovery_days=recovery_days(_ask(client, "describe_continuous_backups", unknown_as_none=True, TableName=name)),
        tags=_tags(client, arn_of(table, name)),
        unknown=unknown,
    )
    if unknown:
        raise ConfigError(f"{name} cannot be made again from what DescribeTable says: {'; '.join(unknown.values())}")
    return definition


def arn_of(table: dict[str, Any], name: str) -> str:
    """The ARN in a table's description."""
    if not isinstance(arn := table.get("TableArn"), str):
        raise ConfigError(f"DescribeTable of {name} should say its TableArn, and says none")
    return arn


def definition_of(
    table: dict[str, Any],
    ttl: str | None,
    recovery_days: int | None,
    tags: tuple[tuple[str, str], ...],
    unknown: Unknown,
) -> TableDefinition:
    """The definition in what DescribeTable answered; the other three come from calls of their own.

    A property that the answer does not tell whole goes into `unknown`, with why; what stands for it then in the
    definition is not to be used.
    """
    types = {a.get("AttributeName"): a.get("AttributeType") for a in table.get("AttributeDefinitions") or ()}
    # DescribeTable says nothing of the mode of a table that never was on demand (BillingModeSummary).
    billing = (table.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED")
    stream = table.get("StreamSpecification") or {}

    def told(properties: str, read: Callable[[], Any], instead: Any) -> Any:
        try:
            return read()
        except (KeyError, TypeError, AttributeError) as error:
            for each in properties.split(", "):
                unknown[each] = f"DescribeTable does not say {str(error).strip(chr(39)) or 'all'} of it"
            return instead

    return TableDefinition(
        name=table.get("TableName") or "",
        key=told(KEY, lambda: key_attributes(table["KeySchema"], types), ()),
        global_indexes=told(
            f"{GLOBAL}, {TYPES}", lambda: _indexes(table.get("GlobalSecondaryIndexes"), types, billing), ()
        ),
        local_indexes=told(f"{LOCAL}, {TYPES}", lambda: _indexes(table.get("LocalSecondaryIndexes"), types, ""), ()),
        billing=billing,
        provisioned=told(CAPACITY, lambda: _provisioned(table, billing), None),
        on_demand=_on_demand(table, billing),
        stream=told(STREAM, lambda: stream["StreamViewType"] if stream.get("StreamEnabled") else None, None),
        ttl=ttl,
        recovery_days=recovery_days,
        kms_key=_kms_key(table),
        tags=tags,
        deletion_protection=bool(table.get("DeletionProtectionEnabled")),
        table_class=(table.get("TableClassSummary") or {}).get("TableClass", "STANDARD"),
        beyond=tuple(words for field, words in NOT_CARRIED.items() if table.get(field)),
        settings=told(BEYOND, lambda: tuple(sorted(_settings(table))), ()),
    )


def _settings(table: dict[str, Any]) -> Iterator[Setting]:
    """What is compared and not carried over."""
    for field, words in ALONE.items():
        if how := spell_member(table.get(field), field):
            yield Setting(BEYOND, words, "on" if how == "True" else how)
    for field, (name, words) in LISTED.items():
        for one in table.get(field) or ():
            how = spell_member({n: v for n, v in one.items() if n != name}, f"{field}[]")
            yield Setting(BEYOND, f"{words} {one[name]}", how or "there")
    for what, one in (("table", table), *((i["IndexName"], i) for i in table.get("GlobalSecondaryIndexes") or ())):
        warm = one.get("WarmThroughput") or {}
        read, write = (warm.get(f"{way}UnitsPerSecond") for way in ("Read", "Write"))
        if read is not None or write is not None:
            yield Setting(WARM, f"warm throughput of the {what}" if one is table else f"warm throughput of {what}",
                          f"{_spell(read)} read and {_spell(write)} write units per second")  # fmt: skip


def _spell(units: int | None) -> str:
    return "no" if units is None else f"{units:,}"


def encryption_key(client: Any, name: str) -> str | None:
    """The ARN of the KMS key a table is encrypted with; None for the key that AWS owns, and for no table."""
    try:
        return _kms_key(client.describe_table(TableName=name).get("Table") or {})
    except client.exceptions.ResourceNotFoundException:
        return None
    except (ClientError, BotoCoreError) as error:
        raise refused(client, "describe_table", name, error) from None


def _indexes(said: list[dict[str, Any]] | None, types: dict[str, str], billing: str) -> tuple[IndexDefinition, ...]:
    return tuple(
        IndexDefinition(
            name=index["IndexName"],
            key=key_attributes(index["KeySchema"], types),
            projection=index["Projection"]["ProjectionType"],
            attributes=tuple(sorted(index["Projection"].get("NonKeyAttributes") or ())),
            provisioned=_provisioned(index, billing),
            on_demand=_on_demand(index, billing),
        )
        for index in sorted(said or [], key=lambda i: str(i["IndexName"]))
    )


def _provisioned(said: dict[str, Any], billing: str) -> Throughput | None:
    if billing != "PROVISIONED":
        return None  # DescribeTable gives zeros then, which no table can be created with
    units = said["ProvisionedThroughput"]
    return Throughput(units["ReadCapacityUnits"], units["WriteCapacityUnits"])


def _on_demand(said: dict[str, Any], billing: str) -> Throughput | None:
    """The limits of an on-demand table; -1 is "no limit".

    Source: "OnDemandThroughput", Amazon DynamoDB API Reference.
    """
    limits = said.get("OnDemandThroughput") or {}
    read, write = (limits.get(f"Max{way}RequestUnits", -1) for way in ("Read", "Write"))
    if billing != "PAY_PER_REQUEST" or (read < 0 and write < 0):
        return None
    return Throughput(read if read >= 0 else None, write if write >= 0 else None)


def _kms_key(table: dict[str, Any]) -> str | None:
    sse = table.get("SSEDescription") or {}
    if sse.get("Status") not in ("ENABLED", "ENABLING", "UPDATING"):
        return None
    return sse.get("KMSMasterKeyArn") or ""


def recovery_days(answer: dict[str, Any]) -> int | None:
    """How far point-in-time recovery reaches back, as DescribeContinuousBackups answered; None where it is off."""
    said = answer.get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
    if said.get("PointInTimeRecoveryStatus") != "ENABLED":
        return None
    return int(said.get("RecoveryPeriodInDays") or 35)


def _tags(client: Any, arn: str) -> tuple[tuple[str, str], ...]:
    """The tags of a table, without those of AWS itself: nobody else may set a key that begins with aws:."""
    operation = "list_tags_of_resource"
    try:
        answers = pages(partial(_ask, client, operation, unknown_as_none=True), ResourceArn=arn)
        return tuple(sorted(tag for answer in answers for tag in own_tags(answer)))
    except EndlessList as error:
        raise refused(client, operation, arn, error) from None


def own_tags(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """The tags of one answer of ListTagsOfResource that somebody other than AWS, or a run of this tool, has set."""
    tags = [(t["Key"], t["Value"]) for t in answer.get("Tags", ())]
    return [(key, value) for key, value in tags if key != REGISTER_TAG and not key.startswith("aws:")]


def _ask(client: Any, operation: str, *, unknown_as_none: bool = False, **request: str) -> dict[str, Any]:
    """One answer; {} from a server that has no such operation, if that is allowed."""
    name = next(iter(request.values()))
    try:
        answer: dict[str, Any] = getattr(client, operation)(**request)
        return answer
    except ClientError as error:
        if unknown_as_none and error.response["Error"]["Code"] in UNKNOWN:
            return {}
        raise refused(client, operation, name, error) from None
    except BotoCoreError as error:
        raise refused(client, operation, name, error) from None


def refused(client: Any, operation: str, name: str, error: ClientError | BotoCoreError) -> ConfigError:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    kind = CredentialsError if code in DENIED else ConfigError
    where = f"{client.meta.endpoint_url} ({client.meta.region_name})"
    return told(kind(f"{operation} of {name} at {where} should have been answered, found: {error}"), error)
