"""What a bucket does to the objects in it: how it encrypts them, and when it moves or removes them."""

from __future__ import annotations

from dataclasses import dataclass
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
    """The enabled rules that reach objects under a prefix; those for tags or sizes are taken to reach them."""
    said = _ask(s3.get_bucket_lifecycle_configuration, bucket, owner)
    found = []
    for rule in said.get("Rules", []):
        where = rule.get("Filter") or {}
        own = rule.get("Prefix") or where.get("Prefix") or (where.get("And") or {}).get("Prefix") or ""
        if rule.get("Status") != "Enabled" or not (f"{prefix}/".startswith(own) or own.startswith(prefix)):
            continue
        archives = [t["Days"] for t in rule.get("Transitions", []) if "Days" in t and _is_archive(t["StorageClass"])]
        expires = (rule.get("Expiration") or {}).get("Days")
        found.append(Rule(rule.get("ID") or "unnamed", expires, min(archives, default=None)))
    return found


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
