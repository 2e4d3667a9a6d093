"""Every member of AWS's model that says what a table, an export or an import is, and what is done with it here.

A test holds these tables to the installed botocore: a member that a newer model adds turns it red. docs/aws-model.md is
written from them. A member that stands in an answer and not here is "not checked" wherever tables are compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

BILLING, CAPACITY, WARM = "billing mode", "capacity", "warm throughput"
BEYOND = "replicas and vector indexes"
PROTECTION, CLASS, ENCRYPTION = "deletion protection", "table class", "encryption"
KEY, TYPES, STREAM = "key", "attribute types", "stream"
GLOBAL, LOCAL = "global indexes", "local indexes"


class Treatment(StrEnum):
    """What is done with a member."""

    COMPARED = "compared"
    CARRIED = "carried over"
    USED = "used"
    LEFT = "not looked at"


@dataclass(frozen=True, slots=True)
class Member:
    """`words` name the property of parity, what it is used for, or why it is not looked at."""

    treatment: Treatment
    words: str


Rows = tuple[tuple[Treatment, str, str, str], ...]


def _members(rows: Rows) -> dict[str, Member]:
    """Paths in dots, `[]` for the elements of a list: each row has a place and the names at it."""
    return {
        f"{place}{name}": Member(treatment, words)
        for treatment, words, place, names in rows
        for name in names.split()
    }  # fmt: skip


_MOMENT = "of the moment, not of the definition"
_AGE = "when it was last changed"
_SIZE = "hours old, and never evidence"
_OWN = "every table has its own"
_COMPARED, _CARRIED, _USED, _LEFT = Treatment
_SCHEMA = "AttributeName KeyType"
_PROJECTION = "ProjectionType NonKeyAttributes[]"
_UNITS, _LIMITS = "ReadCapacityUnits WriteCapacityUnits", "MaxReadRequestUnits MaxWriteRequestUnits"
_WARMTH = "ReadUnitsPerSecond WriteUnitsPerSecond"
_CHANGES = "LastIncreaseDateTime LastDecreaseDateTime NumberOfDecreasesToday"
_GSI, _LSI, _VECTOR, _REPLICA = (
    "GlobalSecondaryIndexes[].",
    "LocalSecondaryIndexes[].",
    "VectorIndexes[].",
    "Replicas[].",
)

TABLE = _members((
    (_COMPARED, KEY, "KeySchema[].", _SCHEMA),
    (_COMPARED, f"{KEY}, {TYPES}", "AttributeDefinitions[].", "AttributeName AttributeType"),
    (_COMPARED, BILLING, "BillingModeSummary.", "BillingMode"),
    (_COMPARED, CAPACITY, "ProvisionedThroughput.", _UNITS),
    (_COMPARED, CAPACITY, "OnDemandThroughput.", _LIMITS),
    (_COMPARED, WARM, "WarmThroughput.", _WARMTH),
    (_COMPARED, LOCAL, _LSI, "IndexName"),
    (_COMPARED, LOCAL, f"{_LSI}KeySchema[].", _SCHEMA),
    (_COMPARED, LOCAL, f"{_LSI}Projection.", _PROJECTION),
    (_COMPARED, GLOBAL, _GSI, "IndexName"),
    (_COMPARED, GLOBAL, f"{_GSI}KeySchema[].", _SCHEMA),
    (_COMPARED, GLOBAL, f"{_GSI}Projection.", _PROJECTION),
    (_COMPARED, CAPACITY, f"{_GSI}ProvisionedThroughput.", _UNITS),
    (_COMPARED, CAPACITY, f"{_GSI}OnDemandThroughput.", _LIMITS),
    (_COMPARED, WARM, f"{_GSI}WarmThroughput.", _WARMTH),
    (_COMPARED, STREAM, "StreamSpecification.", "StreamEnabled StreamViewType"),
    (_COMPARED, ENCRYPTION, "SSEDescription.", "Status"),
    (_COMPARED, PROTECTION, "", "DeletionProtectionEnabled"),
    (_COMPARED, CLASS, "TableClassSummary.", "TableClass"),
    (_COMPARED, BEYOND, "", "GlobalTableVersion GlobalTableSettingsReplicationMode MultiRegionConsistency"),
    (_COMPARED, BEYOND, "", "DisassociationProtectionEnabled"),
    (_COMPARED, BEYOND, _REPLICA, "RegionName KMSMasterKeyId GlobalTableSettingsReplicationMode"),
    (_COMPARED, BEYOND, f"{_REPLICA}ProvisionedThroughputOverride.", "ReadCapacityUnits"),
    (_COMPARED, BEYOND, f"{_REPLICA}OnDemandThroughputOverride.", "MaxReadRequestUnits"),
    (_COMPARED, BEYOND, f"{_REPLICA}ReplicaTableClassSummary.", "TableClass"),
    (_COMPARED, BEYOND, f"{_REPLICA}{_GSI}", "IndexName"),
    (_COMPARED, BEYOND, f"{_REPLICA}{_GSI}ProvisionedThroughputOverride.", "ReadCapacityUnits"),
    (_COMPARED, BEYOND, f"{_REPLICA}{_GSI}OnDemandThroughputOverride.", "MaxReadRequestUnits"),
    (_COMPARED, BEYOND, "GlobalTableWitnesses[].", "RegionName"),
    (_COMPARED, BEYOND, _VECTOR, "IndexName Dimensions DistanceFunction"),
    (_COMPARED, BEYOND, f"{_VECTOR}VectorAttribute.", "AttributeName"),
    (_COMPARED, BEYOND, f"{_VECTOR}SearchSchema[].", "AttributeName SearchSchemaElementType"),
    (_COMPARED, BEYOND, f"{_VECTOR}Projection.", _PROJECTION),
    (_USED, "names the table", "", "TableName TableArn"),
    (_USED, "binds what a run has done to this very table", "", "TableId"),
    (_USED, "the pre-flight's looks at both tables", "", "TableStatus"),
    (_USED, "an estimate, and the order of the tables", "", "ItemCount TableSizeBytes"),
    (_USED, "the functions that a stream calls", "", "LatestStreamArn"),
    (_USED, "an index that is being built is not asked", _GSI, "IndexStatus Backfilling"),
    (_LEFT, "no other region knows it; whether there is one is compared", "SSEDescription.", "KMSMasterKeyArn"),
    (_LEFT, "SSEDescription.Status says it", "SSEDescription.", "SSEType"),
    (_LEFT, "TableStatus says it", "SSEDescription.", "InaccessibleEncryptionDateTime"),
    (_LEFT, "TableStatus says it", "ArchivalSummary.", "ArchivalDateTime ArchivalReason ArchivalBackupArn"),
    (_LEFT, "how the table came to be; TableStatus says when it can be used", "RestoreSummary.",
     "SourceBackupArn SourceTableArn RestoreDateTime RestoreInProgress"),
    (_LEFT, _OWN, "", "CreationDateTime LatestStreamLabel"),
    (_LEFT, _AGE, "ProvisionedThroughput.", _CHANGES),
    (_LEFT, _AGE, f"{_GSI}ProvisionedThroughput.", _CHANGES),
    (_LEFT, _AGE, "BillingModeSummary.", "LastUpdateToPayPerRequestDateTime"),
    (_LEFT, _AGE, "TableClassSummary.", "LastUpdateDateTime"),
    (_LEFT, _AGE, f"{_REPLICA}ReplicaTableClassSummary.", "LastUpdateDateTime"),
    (_LEFT, _MOMENT, "WarmThroughput.", "Status"),
    (_LEFT, _MOMENT, f"{_GSI}WarmThroughput.", "Status"),
    (_LEFT, _MOMENT, _REPLICA, "ReplicaStatus ReplicaStatusDescription ReplicaStatusPercentProgress "
     "ReplicaInaccessibleDateTime"),
    (_LEFT, _MOMENT, "GlobalTableWitnesses[].", "WitnessStatus"),
    (_LEFT, _MOMENT, _VECTOR, "IndexStatus Backfilling"),
    (_LEFT, _OWN, _REPLICA, "ReplicaArn"),
    (_LEFT, _OWN, _LSI, "IndexArn"),
    (_LEFT, _OWN, _GSI, "IndexArn"),
    (_LEFT, _OWN, _VECTOR, "IndexArn"),
    (_LEFT, _SIZE, _LSI, "IndexSizeBytes ItemCount"),
    (_LEFT, _SIZE, _GSI, "IndexSizeBytes ItemCount"),
    (_LEFT, _SIZE, _VECTOR, "IndexSizeBytes ItemCount"),
    (_LEFT, "what a replica is ready for follows its use", f"{_REPLICA}WarmThroughput.", f"{_WARMTH} Status"),
    (_LEFT, "what a replica is ready for follows its use", f"{_REPLICA}{_GSI}WarmThroughput.", f"{_WARMTH} Status"),
))  # fmt: skip
_LATER = "set by a call of its own when the table is there"
_KEYED = "the target has the key that AWS manages in its region"
_CREATION: Rows = (
    (_CARRIED, "from the source", "", "TableName BillingMode"),
    (_CARRIED, "from the source", "AttributeDefinitions[].", "AttributeName AttributeType"),
    (_CARRIED, "from the source", "KeySchema[].", _SCHEMA),
    (_CARRIED, "from the source", _GSI, "IndexName"),
    (_CARRIED, "from the source", f"{_GSI}KeySchema[].", _SCHEMA),
    (_CARRIED, "from the source", f"{_GSI}Projection.", _PROJECTION),
    (_CARRIED, "from the source", f"{_GSI}ProvisionedThroughput.", _UNITS),
    (_CARRIED, "from the source", f"{_GSI}OnDemandThroughput.", _LIMITS),
    (_CARRIED, "from the source", "ProvisionedThroughput.", _UNITS),
    (_CARRIED, "from the source", "OnDemandThroughput.", _LIMITS),
    (_CARRIED, "whether there is a KMS key", "SSESpecification.", "Enabled SSEType"),
    (_LEFT, _KEYED, "SSESpecification.", "KMSMasterKeyId"),
    (_LEFT, "charged once, and follows the use of a table", f"{_GSI}WarmThroughput.", _WARMTH),
    (_LEFT, "named in the report as left out", _VECTOR, "IndexName Dimensions DistanceFunction"),
    (_LEFT, "named in the report as left out", f"{_VECTOR}VectorAttribute.", "AttributeName"),
    (_LEFT, "named in the report as left out", f"{_VECTOR}SearchSchema[].", "AttributeName SearchSchemaElementType"),
    (_LEFT, "named in the report as left out", f"{_VECTOR}Projection.", _PROJECTION),
)
CREATE = _members((
    *_CREATION,
    (_CARRIED, "from the source", "", "TableClass DeletionProtectionEnabled"),
    (_CARRIED, "from the source", _LSI, "IndexName"),
    (_CARRIED, "from the source", f"{_LSI}KeySchema[].", _SCHEMA),
    (_CARRIED, "from the source", f"{_LSI}Projection.", _PROJECTION),
    (_CARRIED, "from the source", "StreamSpecification.", "StreamEnabled StreamViewType"),
    (_CARRIED, "from the source, with the run's own mark", "Tags[].", "Key Value"),
    (_LEFT, "charged once, and follows the use of a table", "WarmThroughput.", _WARMTH),
    (_LEFT, "it names principals of the source's account", "", "ResourcePolicy"),
    (_LEFT, "a target is a table of its own, not a replica", "",
     "GlobalTableSourceArn GlobalTableSettingsReplicationMode"),
))  # fmt: skip
IMPORT = _members((
    *((treatment, words, f"TableCreationParameters.{place}", names) for treatment, words, place, names in _CREATION),
    (_USED, "finds an import that was asked for before", "", "ClientToken"),
    (_USED, "the folder whose files are the manifest's", "S3BucketSource.", "S3Bucket S3KeyPrefix S3BucketOwner"),
    (_USED, "what an export is", "", "InputFormat InputCompressionType"),
    (_LEFT, "an export is no CSV", "InputFormatOptions.Csv.", "Delimiter HeaderList[]"),
))  # fmt: skip
EXPORT = _members((
    (_USED, "which export it is, of which table", "", "ExportArn TableArn TableId"),
    (_USED, "a full export, or refused", "", "ExportType"),
    (_USED, "where its files are", "", "S3Bucket S3Prefix"),
    (_USED, "whether it is done, and why not", "", "ExportStatus FailureCode FailureMessage"),
    (_USED, "the count that all others are held against", "", "ItemCount BilledSizeBytes"),
    (_LEFT, "the manifest says it, whose MD5 is checked", "", "ExportTime ExportManifest StartTime EndTime"),
    (_LEFT, "the manifest says it, and what is not DynamoDB JSON is refused", "", "ExportFormat"),
    (_USED, "the stretch of time of a window has to be as asked for", "IncrementalExportSpecification.",
     "ExportFromTime ExportToTime ExportViewType"),
    (_LEFT, "as the run asked for it", "", "ClientToken S3BucketOwner S3SseAlgorithm S3SseKmsKeyId"),
    (_USED, "an export with a filter is refused: it is not the table", "FilterSpecification.",
     "FilterExpression ProjectionExpression KeyConditionExpression ExpressionAttributeNames{} "
     "ExpressionAttributeValues{}"),
))  # fmt: skip


def paths_in(said: Any, place: str = "") -> Iterator[str]:
    """The path of every member that an answer has, in the spelling of the tables."""
    if isinstance(said, dict) and said:
        for name, inner in said.items():
            yield from paths_in(inner, f"{place}.{name}" if place else name)
    elif isinstance(said, list):
        for inner in said:
            yield from paths_in(inner, f"{place}[]")
    elif place:
        yield place


def unfamiliar(said: dict[str, Any], known: dict[str, Member] = TABLE) -> tuple[str, ...]:
    """The members of an answer that the table does not have; of an unknown group the group."""
    groups = set(_groups(known))
    return tuple(sorted({_shortest(path, groups) for path in paths_in(said) if not _is_known(path, known, groups)}))


def _groups(known: dict[str, Member]) -> Iterator[str]:
    """Whatever lies on the way to a member: `Replicas`, `Replicas[]`."""
    for path in known:
        for end, sign in enumerate(path):
            if sign in ".[{":
                yield path[:end]
                yield path[:end] + "[]" * (sign == "[")


def _is_known(path: str, known: dict[str, Member], groups: set[str]) -> bool:
    named = (path[:end] for end, sign in enumerate(path) if sign == ".")
    return path in known or path in groups or any(f"{start}{{}}" in known for start in named)


def _shortest(path: str, groups: set[str]) -> str:
    """As much of a path as it takes to be unknown."""
    parts = path.split(".")
    starts = (".".join(parts[:count]) for count in range(1, len(parts)))
    return next((start.removesuffix("[]") for start in starts if start not in groups), path)


def spell_member(said: Any, place: str) -> str:
    """What is compared of a part of DescribeTable's answer, as one text that is equal for what is equal."""
    if isinstance(said, dict):
        parts = {n: spell_member(v, f"{place}.{n}" if place else n) for n, v in said.items()}
        return ", ".join(f"{name} {text}" for name, text in sorted(parts.items()) if text)
    if isinstance(said, list):
        texts = sorted(filter(None, (spell_member(v, f"{place}[]") for v in said)))
        return f"[{'; '.join(texts)}]" if texts else ""
    member = TABLE.get(place)
    if said is None or said is False or member is None or member.treatment != Treatment.COMPARED:
        return ""
    return "a KMS key" if place.endswith("KMSMasterKeyId") else str(said)
