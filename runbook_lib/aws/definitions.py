"""A source table's full definition, as far as a twin of it can be created from it.

Asks with DescribeTable, DescribeContinuousBackups, DescribeTimeToLive and ListTagsOfResource and nothing
else. What a table has and a definition here cannot carry is named in `beyond`, never dropped in silence.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.tables import DENIED, ttl_attribute
from runbook_lib.errors import ConfigError, CredentialsError
from runbook_lib.items import KeyAttribute

UNKNOWN = frozenset({"UnknownOperationException", "ValidationException"})
BEYOND = {
    "VectorIndexes": "vector indexes",
    "Replicas": "replicas of a global table",
}


@dataclass(frozen=True, slots=True)
class Throughput:
    """Read and write units per second; None is a limit that is not set."""

    read: int | None
    write: int | None


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


def read_definition(client: Any, name: str) -> TableDefinition:
    """Everything a table is made of; raises ConfigError if there is no such table or it may not be read."""
    table = _ask(client, "describe_table", TableName=name)["Table"]
    return definition_of(
        table,
        ttl=ttl_attribute(client, name),
        recovery_days=recovery_days(_ask(client, "describe_continuous_backups", unknown_as_none=True, TableName=name)),
        tags=_tags(client, table["TableArn"]),
    )


def definition_of(
    table: dict[str, Any], ttl: str | None, recovery_days: int | None, tags: tuple[tuple[str, str], ...]
) -> TableDefinition:
    """The definition in what DescribeTable answered; the other three come from calls of their own."""
    types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    # DescribeTable says nothing of the mode of a table that never was on demand (BillingModeSummary).
    billing = (table.get("BillingModeSummary") or {}).get("BillingMode", "PROVISIONED")
    stream = table.get("StreamSpecification") or {}
    return TableDefinition(
        name=table["TableName"],
        key=_key(table["KeySchema"], types),
        global_indexes=_indexes(table.get("GlobalSecondaryIndexes"), types, billing),
        local_indexes=_indexes(table.get("LocalSecondaryIndexes"), types, ""),
        billing=billing,
        provisioned=_provisioned(table, billing),
        on_demand=_on_demand(table, billing),
        stream=stream.get("StreamViewType") if stream.get("StreamEnabled") else None,
        ttl=ttl,
        recovery_days=recovery_days,
        kms_key=_kms_key(table),
        tags=tags,
        deletion_protection=bool(table.get("DeletionProtectionEnabled")),
        table_class=(table.get("TableClassSummary") or {}).get("TableClass", "STANDARD"),
        beyond=tuple(words for field, words in BEYOND.items() if table.get(field)),
    )


def encryption_key(client: Any, name: str) -> str | None:
    """The ARN of the KMS key a table is encrypted with; None for the key that AWS owns, and for no table."""
    try:
        return _kms_key(client.describe_table(TableName=name)["Table"])
    except client.exceptions.ResourceNotFoundException:
        return None
    except (ClientError, BotoCoreError) as error:
        raise refused(client, "describe_table", name, error) from None


def _key(schema: list[dict[str, str]], types: dict[str, str]) -> tuple[KeyAttribute, ...]:
    ordered = sorted(schema, key=lambda k: k["KeyType"])  # HASH before RANGE, else as they are
    return tuple(KeyAttribute(k["AttributeName"], types[k["AttributeName"]], k["KeyType"]) for k in ordered)


def _indexes(said: list[dict[str, Any]] | None, types: dict[str, str], billing: str) -> tuple[IndexDefinition, ...]:
    return tuple(
        IndexDefinition(
            name=index["IndexName"],
            key=_key(index["KeySchema"], types),
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
    tags: list[tuple[str, str]] = []
    token: dict[str, str] = {}
    while True:
        answer = _ask(client, "list_tags_of_resource", unknown_as_none=True, ResourceArn=arn, **token)
        tags += own_tags(answer)
        if not answer.get("NextToken"):
            return tuple(sorted(tags))
        token = {"NextToken": answer["NextToken"]}


def own_tags(answer: dict[str, Any]) -> list[tuple[str, str]]:
    """The tags of one answer of ListTagsOfResource that somebody other than AWS has set."""
    return [(t["Key"], t["Value"]) for t in answer.get("Tags", ()) if not t["Key"].startswith("aws:")]


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


def refused(client: Any, operation: str, name: str, error: Exception) -> ConfigError:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    kind = CredentialsError if code in DENIED else ConfigError
    where = f"{client.meta.endpoint_url} ({client.meta.region_name})"
    return kind(f"{operation} of {name} at {where} should have been answered, found: {error}")
