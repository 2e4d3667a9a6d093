"""The least that an asking needs, as a policy of IAM: its own names in two regions, its own folder in the bucket."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.guard.conformance_calls import (
    ON_OWN_OBJECTS,
    ON_OWN_TABLES,
    OWN_PREFIX,
    READS_WITHOUT_A_NAME,
)

# Where a permission is called otherwise than its operation.
_PERMISSIONS = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:DeleteObjects": "s3:DeleteObject",
}
# What DynamoDB does in the name of whoever asks for an export or an import.
_FOR_EXPORTS = ("s3:AbortMultipartUpload", "s3:PutObject", "s3:PutObjectAcl")
_FOR_IMPORTS = (
    "logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams",
    "logs:PutLogEvents", "logs:PutRetentionPolicy",
)  # fmt: skip


def permission_of(call: str) -> str:
    """The permission that a call needs."""
    return _PERMISSIONS.get(call, call.replace("dynamodbstreams:", "dynamodb:"))


def asking_policy(account: str, regions: tuple[str, str], bucket: str, partition: str = "aws") -> dict[str, Any]:
    """The policy of whoever runs `runbook conformance` against an account."""
    tables = [f"arn:{partition}:dynamodb:{region}:{account}:table/{OWN_PREFIX}-*" for region in dict.fromkeys(regions)]
    on_tables = sorted({permission_of(call) for call in ON_OWN_TABLES})
    on_objects = sorted({*_FOR_EXPORTS, *(permission_of(c) for c in ON_OWN_OBJECTS)} - {"s3:ListBucket"})
    return {
        "Version": "2012-10-17",
        "Statement": [
            _allow("OwnTables", on_tables, tables),
            _allow("ReadWithoutAName", sorted({permission_of(call) for call in READS_WITHOUT_A_NAME}), ["*"]),
            _allow("OwnObjects", on_objects, [f"arn:{partition}:s3:::{bucket}/{OWN_PREFIX}-*"]),
            _allow("SeeOwnObjects", ["s3:ListBucket"], [f"arn:{partition}:s3:::{bucket}"])
            | {"Condition": {"StringLike": {"s3:prefix": f"{OWN_PREFIX}-*"}}},
            _allow("LogsOfImports", list(_FOR_IMPORTS), [
                f"arn:{partition}:logs:{region}:{account}:log-group:*" for region in dict.fromkeys(regions)
            ]),
        ],
    }  # fmt: skip


def _allow(name: str, actions: list[str], resources: list[str]) -> dict[str, Any]:
    return {"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resources}
