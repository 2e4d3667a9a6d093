"""Every call that each side may make, always or when it was asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runbook_lib.aws.guard.reading_calls import REFERENCE_READS, ROLE_READS, STREAM_READS, SURROUNDING_READS

SOURCE = frozenset(
    {
        "sts:GetCallerIdentity",
        "dynamodb:ListTables",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:ListTagsOfResource",
        "dynamodb:ExportTableToPointInTime",
        "dynamodb:DescribeExport",
        "dynamodb:ListExports",
        "dynamodb:Scan",
        "dynamodb:DescribeContributorInsights",
        "dynamodb:DescribeKinesisStreamingDestination",
        "dynamodb:GetResourcePolicy",
        "dynamodb:BatchGetItem",  # keys that only the second reading of a scanned table has found
        # DynamoDB does not know how its tables are scaled
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "iam:SimulatePrincipalPolicy",
    }
)
# The one exception on the source: for tables that export.enable_pitr names, with --execute, at the export.
SOURCE_RECOVERY = frozenset({"dynamodb:UpdateContinuousBackups"})
# With transform.mask.key: {kms: ...}, of that key and one fixed message: the key of the pseudonyms, see mac_key.py.
SOURCE_MACS = frozenset({"kms:GenerateMac"})
TARGET = frozenset(
    {
        "sts:GetCallerIdentity",
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeContributorInsights",
        "dynamodb:DescribeKinesisStreamingDestination",
        "dynamodb:DescribeLimits",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:GetResourcePolicy",
        "dynamodb:ListTagsOfResource",
        "dynamodb:Scan",
        "dynamodb:Query",
        "dynamodb:BatchGetItem",
        "iam:SimulatePrincipalPolicy",
        "lambda:ListEventSourceMappings",
    }
)
# The only form in which a granted call may be made: recovery is turned on, never off; of a table, warmth is all
# that changes.
FORMS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "dynamodb:UpdateContinuousBackups": lambda p: (
        p.keys() == {"TableName", "PointInTimeRecoverySpecification"}
        and p["PointInTimeRecoverySpecification"].get("PointInTimeRecoveryEnabled") is True
    ),
    "dynamodb:UpdateTable": lambda p: p.keys() == {"TableName", "WarmThroughput"},
}
# Where tables may be deleted, their protection is all that changes before.
FORMS_OF_DELETING: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "dynamodb:UpdateTable": lambda p: (
        p.keys() == {"TableName", "DeletionProtectionEnabled"} and p["DeletionProtectionEnabled"] is False
    ),
}
# With --execute, on the tables of the plan.
TARGET_WRITES = frozenset({"dynamodb:BatchWriteItem"})
# With --execute and import.on_non_empty: append, instead of it: only where nothing is there, see conditional.py.
TARGET_APPENDS = frozenset({"dynamodb:PutItem"})
# Only with validate.canary: one reserved item per target, see canary.py.
TARGET_CANARY = frozenset({"dynamodb:PutItem", "dynamodb:DeleteItem"})
# With --execute, on the targets of the plan: the tag that names the register of those who wrote there, and no other.
TARGET_REGISTERS = frozenset({"dynamodb:TagResource", "dynamodb:UntagResource"})
# At a cleanup that was confirmed by name: items as they were read, and one put back where nothing is.
TARGET_UNDOES = frozenset({"dynamodb:DeleteItem", "dynamodb:PutItem"})
# At a repair or a rollback that was confirmed by name: the same, and one put in place of an item as it was read.
TARGET_REPAIRS = frozenset({"dynamodb:DeleteItem", "dynamodb:PutItem"})
# At a rollback that was confirmed by name: the target's own recovery is exported, as it was before the run.
TARGET_EXPORTS = frozenset({"dynamodb:DescribeExport", "dynamodb:ExportTableToPointInTime", "dynamodb:ListExports"})
# With sign, once a folder is sealed, or where KMS is asked of its signature: the one key, a seal's digest.
TARGET_SIGNS = frozenset({"kms:GetPublicKey", "kms:Sign", "kms:Verify"})
# With hooks that probe a function, at the gates of a cut-over: the named functions and payloads, and no other.
TARGET_PROBES = frozenset({"lambda:Invoke"})
# With --execute, on the target. One object, only where there is none: the entry of a run in a register.
STAGING_REGISTERS = frozenset({"s3:PutObject"})
# With --execute, on the tables that import.warm_throughput names.
TARGET_WARMING = frozenset({"dynamodb:UpdateTable"})
# With --execute and tables.create_missing, on the tables of the plan that were not there.
TARGET_CREATES = frozenset(
    {
        "dynamodb:CreateTable",
        "dynamodb:TagResource",
        "dynamodb:UntagResource",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTimeToLive",
    }
)
# With --execute and tables.create_missing, of the tables that the run creates: scaled as their sources are.
TARGET_SCALES = frozenset(
    {"application-autoscaling:PutScalingPolicy", "application-autoscaling:RegisterScalableTarget"}
)
# At a cleanup that was confirmed by name, of the tables that the run created.
TARGET_UNSCALES = frozenset({"application-autoscaling:DeregisterScalableTarget"})
SCALING_FORMS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = dict.fromkeys(
    TARGET_SCALES | TARGET_UNSCALES, lambda p: p.get("ServiceNamespace") == "dynamodb"
)
# With --execute and import.strategy, on the tables of the plan that ImportTable makes; UpdateTable settles them.
TARGET_IMPORTS = frozenset(
    {
        "dynamodb:ImportTable",
        "dynamodb:DescribeImport",
        "dynamodb:ListImports",
        "dynamodb:TagResource",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
    }
)
IMPORT_FORMS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    **FORMS,
    "dynamodb:UpdateTable": lambda p: (
        (p.keys() == {"TableName", "StreamSpecification"} and p["StreamSpecification"].get("StreamEnabled") is True)
        or (p.keys() == {"TableName", "DeletionProtectionEnabled"} and p["DeletionProtectionEnabled"] is True)
        or p.keys() == {"TableName", "TableClass"}
    ),
}
# With --execute and import.strategy, into the tables of the plan, from the one folder that was checked.
TARGET_BULK_PUTS = frozenset(
    {"dynamodb:StartBulkPutItems", "dynamodb:DescribeBulkOperation", "dynamodb:ListBulkOperations"}
)
# At a cleanup that was confirmed by name, on the tables that the run created; UpdateTable lifts their protection.
TARGET_DELETES = frozenset({"dynamodb:DeleteTable", "dynamodb:UpdateTable"})
TOLD_IN_SUMS = frozenset({"BatchWriteItem", "DeleteItem", "PutItem"})
PUTTING = TOLD_IN_SUMS - {"DeleteItem"}  # that change what is under a key, whatever is there
STAGING = frozenset(
    {
        "s3:HeadBucket",
        "s3:GetBucketEncryption",
        "s3:GetBucketLifecycleConfiguration",
        "s3:GetObject",
        "s3:PutObject",
    }
)
# At a cleanup that was confirmed by name, on the keys of the run's own manifests.
STAGING_DELETES = frozenset({"s3:DeleteObjects"})
# With import.strategy, on the one folder that ImportTable or a bulk put is to read, and the one that the latter writes.
STAGING_LISTS = frozenset({"s3:ListObjectsV2"})
# With report.anchor, under the prefix of a run's anchors, and of the bucket whether it has a lock; see anchors.py.
STAGING_ANCHORS = frozenset({"s3:GetObject", "s3:GetObjectLockConfiguration", "s3:ListObjectVersions", "s3:PutObject"})
# What each side may always be asked for, and what only where somebody asked for it.
ALWAYS = {"source": SOURCE | REFERENCE_READS, "target": TARGET | REFERENCE_READS, "staging": STAGING}
ASKED = {
    "source": SOURCE_RECOVERY
    | SOURCE_MACS
    | ROLE_READS
    | STREAM_READS
    | (SURROUNDING_READS - REFERENCE_READS - SOURCE),
    "target": ROLE_READS
    | (SURROUNDING_READS - REFERENCE_READS - TARGET)
    | TARGET_WRITES
    | TARGET_APPENDS
    | TARGET_CANARY
    | TARGET_REGISTERS
    | TARGET_UNDOES
    | TARGET_REPAIRS
    | TARGET_EXPORTS
    | TARGET_WARMING
    | TARGET_CREATES
    | TARGET_IMPORTS
    | TARGET_BULK_PUTS
    | TARGET_DELETES
    | TARGET_SCALES
    | TARGET_UNSCALES
    | TARGET_SIGNS
    | TARGET_PROBES,
    "staging": STAGING_DELETES | STAGING_LISTS | STAGING_ANCHORS,
}
# Where botocore's events call a service by another name than its client.
EVENT_NAMES = {
    "api-gateway": "apigateway",
    "application-auto-scaling": "application-autoscaling",
    "cloudwatch-logs": "logs",
    "dynamodb-streams": "dynamodbstreams",
    "eventbridge": "events",
}
