"""What a bucket does to the objects in it: how it encrypts them, and when it moves or removes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.errors import ConfigError

NONE_SET = frozenset({"NoSuchLifecycleConfiguration", "ServerSideEncryptionConfigurationNotFoundError"})


@dataclass(frozen=True, slots=True)
class Rule:
    """A lifecycle rule at work on a prefix: days until objects are removed, or moved to an archive."""

    name: str
    expires_days: int | None
    archives_days: int | None


def default_key(s3: Any, bucket: str, owner: str | None) -> str | None:
    """The KMS key a bucket encrypts with by default; None for keys of S3."""
    said = _ask(s3.get_bucket_encryption, bucket, owner)
    rules = said.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    for rule in rules:
        default = rule.get("ApplyServerSideEncryptionByDefault") or {}
        if default.get("SSEAlgorithm", "").startswith("aws:kms"):
            return str(default.get("KMSMasterKeyID") or "the AWS managed key")
    return None


def rules_for(s3: Any, bucket: str, prefix: str, owner: str | None) -> list[Rule]:
    """The enabled rules that reach exports under a prefix; those for sizes are taken to reach them.

    A rule for tagged objects does not: neither AWS nor a scan tags what it writes.
    """
    folder = f"{prefix}/AWSDynamoDB/" if prefix else "AWSDynamoDB/"
    said = _ask(s3.get_bucket_lifecycle_configuration, bucket, owner)
    found = []
    for rule in said.get("Rules", []):
        where = rule.get("Filter") or {}
        both = where.get("And") or {}
        own = rule.get("Prefix") or where.get("Prefix") or both.get("Prefix") or ""
        if rule.get("Status") != "Enabled" or where.get("Tag") or both.get("Tags"):
            continue
        if not (folder.startswith(own) or own.startswith(folder)):
            continue
        moves = [_days(t) for t in rule.get("Transitions", []) if _is_archive(t["StorageClass"])]
        archives = min((days for days in moves if days is not None), default=None)
        found.append(Rule(rule.get("ID") or "unnamed", _days(rule.get("Expiration") or {}), archives))
    return found


def _days(when: dict[str, Any]) -> int | None:
    """In how many days something happens to an object made now: after so many, or on a date; None for never."""
    date: datetime | None = when.get("Date")
    days: int | None = when.get("Days")
    return days if date is None else max(0, (date - datetime.now(UTC)).days)


def _is_archive(storage_class: str) -> bool:
    return storage_class in ("GLACIER", "DEEP_ARCHIVE")


def _ask(call: Any, bucket: str, owner: str | None) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = call(Bucket=bucket, **({"ExpectedBucketOwner": owner} if owner else {}))
    except ClientError as error:
        if error.response["Error"]["Code"] in NONE_SET:
            return {}
        raise ConfigError(f"s3://{bucket} does not say: {error}") from None
    except BotoCoreError as error:
        raise ConfigError(f"s3://{bucket} does not say: {error}") from None
    return answer
