"""Every call that `runbook conformance` may make, and on which names: its own, which all begin alike.

A table is called PREFIX-ID-WHAT and an object lies under PREFIX-ID/. What is not named in a call (listing tables,
the account's limits, bulk puts, records behind an iterator that was given for an own stream) is only ever read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runbook_lib.aws.guard.guard import Under

OWN_PREFIX = "runbook-conformance"
TAG = "runbook:conformance"  # on every table that can have one from its first moment
ID = r"[0-9a-f]{8}"
OWN_TABLE = re.compile(rf"{OWN_PREFIX}-({ID})-[a-z0-9-]+")

READS_WITHOUT_A_NAME = frozenset(
    {
        "sts:GetCallerIdentity",
        "dynamodb:ListTables",
        "dynamodb:ListBulkOperations",
        "dynamodb:DescribeBulkOperation",  # whose ARN names no table
        "dynamodb:DescribeLimits",
        "dynamodbstreams:GetRecords",
    }
)
ON_OWN_TABLES = frozenset(
    {
        "dynamodb:BatchGetItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:CreateTable",
        "dynamodb:DeleteItem",
        "dynamodb:DeleteTable",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:DescribeExport",
        "dynamodb:DescribeImport",
        "dynamodb:DescribeKinesisStreamingDestination",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:ExportTableToPointInTime",
        "dynamodb:GetItem",
        "dynamodb:GetResourcePolicy",
        "dynamodb:ImportTable",
        "dynamodb:ListBackups",
        "dynamodb:ListExports",
        "dynamodb:ListImports",
        "dynamodb:ListTagsOfResource",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:StartBulkPutItems",
        "dynamodb:TagResource",
        "dynamodb:UntagResource",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:UpdateTable",
        "dynamodb:UpdateTimeToLive",
        "dynamodbstreams:DescribeStream",
        "dynamodbstreams:GetShardIterator",
    }
)
ON_OWN_OBJECTS = frozenset({"s3:DeleteObjects", "s3:GetObject", "s3:ListObjectsV2", "s3:PutObject"})
# A bucket is made in an engine only; of an account it is one that a person gave.
MAKING_A_BUCKET = frozenset({"s3:CreateBucket", "s3:DeleteBucket"})


@dataclass(frozen=True, slots=True)
class OwnNames:
    """The names that one asking of the suite may touch; without an id those of all of them, to remove what is left."""

    bucket: str
    id: str = ""

    @property
    def stem(self) -> str:
        return f"{OWN_PREFIX}-{self.id}-" if self.id else f"{OWN_PREFIX}-"

    @property
    def folder(self) -> str:
        """Where the objects lie; ends in a slash where it is one asking's."""
        return f"{OWN_PREFIX}-{self.id}/" if self.id else f"{OWN_PREFIX}-"

    def table(self, what: str) -> str:
        return f"{self.stem}{what}"

    def grants(self, *, own_bucket: bool) -> dict[str, frozenset[str]]:
        """What may be asked of which names, as the guard takes it."""
        tables, objects = Under({self.stem}), Under({f"{self.bucket}/{self.folder}"})
        granted: dict[str, frozenset[str]] = dict.fromkeys(ON_OWN_TABLES, tables)
        granted |= dict.fromkeys(ON_OWN_OBJECTS, objects)
        made = MAKING_A_BUCKET if own_bucket else frozenset()
        return granted | dict.fromkeys(made, frozenset({f"{self.bucket}/"}))

    def forms(self) -> dict[str, Callable[[Mapping[str, Any]], bool]]:
        """An export may go, and an import come, only where objects may be written; a bucket of an own name is none."""
        return {
            "dynamodb:ExportTableToPointInTime": lambda p: self._is_own(p.get("S3Bucket"), p.get("S3Prefix")),
            "dynamodb:ImportTable": lambda p: self._is_own(
                p["S3BucketSource"].get("S3Bucket"), p["S3BucketSource"].get("S3KeyPrefix")
            ),
            "dynamodb:StartBulkPutItems": lambda p: (
                self._is_own(p["InputS3Configuration"].get("S3Bucket"), p["InputS3Configuration"].get("S3KeyPrefix"))
                and self._is_own(
                    p["OutputS3Configuration"].get("S3Bucket"), p["OutputS3Configuration"].get("S3KeyPrefix")
                )
            ),
        }

    def _is_own(self, bucket: str | None, prefix: str | None) -> bool:
        if bucket != self.bucket:
            return bucket is not None and bucket.startswith(self.stem)
        return prefix is not None and f"{prefix}/".startswith(self.folder)
