"""The calls behind the anchor of a seal: an S3 object that holds its digest, under the bucket's Object Lock.

A lock holds a version of an object and not its name: newer versions and delete markers stay possible, so a version is
written once, named by its id, and read back by it. None of these calls is counted with a run's: they come after its
seal, or from somebody who verifies it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from runbook_lib.aws.endpoints import CONFIG
from runbook_lib.aws.pages import whole
from runbook_lib.errors import TransferError

NO_LOCK = frozenset({"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration"})
EXISTS = frozenset({"PreconditionFailed", "412"})
CONFLICT = frozenset({"ConditionalRequestConflict", "409"})
GONE = frozenset({"NoSuchKey", "NoSuchVersion", "404", "405", "MethodNotAllowed"})  # a delete marker answers with 405
COMPLIANCE = "COMPLIANCE"  # nobody can shorten it, the account's root user included
TRIES, LARGEST, MOST_VERSIONS = 5, 4_096, 10_000
VERSIONS_AT_ONCE = (1000, 701)  # of ListObjectVersions
# The seal is in place; whoever waits for the end of a run does not wait long for its anchor.
PATIENCE = CONFIG.merge(Config(retries={"mode": "standard", "max_attempts": 4}, connect_timeout=5, read_timeout=20))


class Lock(StrEnum):
    """What a bucket does with a new version by itself: the two modes hold it, the others do not."""

    COMPLIANCE = "COMPLIANCE"
    GOVERNANCE = "GOVERNANCE"
    NO_RETENTION = "no retention"
    NONE = "none"
    NOT_KNOWN = "not known"

    @property
    def holds(self) -> bool:
        return self in (Lock.COMPLIANCE, Lock.GOVERNANCE)


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an anchor in a list: `at` is when S3 took it in."""

    key: str
    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """One version of an anchor as S3 gives it: `lock` and `until` are None where nothing holds it, or S3 does not tell.

    `id` is None in a bucket without versions.
    """

    body: bytes
    id: str | None
    at: datetime
    lock: str | None
    until: datetime | None


def anchoring_form(request: Mapping[str, Any]) -> bool:
    """The one form of PutObject here: only where there is no such object; a lock of its own is COMPLIANCE."""
    locked = request.keys() & {"ObjectLockMode", "ObjectLockRetainUntilDate", "ObjectLockLegalHoldStatus"}
    return (
        request.get("IfNoneMatch") == "*"
        and request.keys() >= {"Key", "Body", "ContentMD5"}
        and (not locked or (len(locked) == 2 and request.get("ObjectLockMode") == COMPLIANCE))
    )


def lock_of(s3: Any, bucket: str, owner: str | None) -> tuple[Lock, str | None]:
    """What a bucket does with new versions, and for how long; raises TransferError where it does not say."""
    try:
        said = s3.get_object_lock_configuration(Bucket=bucket, **_owned(owner)).get("ObjectLockConfiguration") or {}
    except ClientError as error:
        if _code(error) in NO_LOCK:
            return Lock.NONE, None
        raise TransferError(f"s3://{bucket} does not say whether it has an Object Lock: {error}") from None
    except BotoCoreError as error:
        raise TransferError(f"s3://{bucket} does not say whether it has an Object Lock: {error}") from None
    if said.get("ObjectLockEnabled") != "Enabled":
        return Lock.NONE, None
    kept = (said.get("Rule") or {}).get("DefaultRetention") or {}
    period = next((f"{kept[unit]} {unit.lower()}" for unit in ("Days", "Years") if kept.get(unit)), None)
    if period is None or kept.get("Mode") not in (Lock.COMPLIANCE, Lock.GOVERNANCE):
        return Lock.NO_RETENTION, None
    return Lock(kept["Mode"]), period


def put_anchor(s3: Any, bucket: str, key: str, body: bytes, owner: str | None, until: datetime | None) -> str | None:
    """Create an anchor, held until a moment of its own if one is given; the id of its version, None if one is there.

    Raises TransferError where it cannot be created.
    """
    md5 = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()  # S3 wants it with a lock
    own = {"ObjectLockMode": COMPLIANCE, "ObjectLockRetainUntilDate": until} if until else {}
    wanted = {"Bucket": bucket, "Key": key, "Body": body, "ContentMD5": md5, "IfNoneMatch": "*"}
    for attempt in range(TRIES):
        try:
            answer = s3.put_object(**wanted, **own, **_owned(owner))
        except ClientError as error:
            if _code(error) in EXISTS:
                return None
            if _code(error) not in CONFLICT or attempt == TRIES - 1:
                raise TransferError(f"s3://{bucket}/{key} cannot be created: {error}") from None
        except BotoCoreError as error:
            raise TransferError(f"s3://{bucket}/{key} cannot be created: {error}") from None
        else:
            return str(answer["VersionId"]) if answer.get("VersionId") else None
    return None


def read_anchor(s3: Any, bucket: str, key: str, version: str | None, owner: str | None) -> Held | None:
    """One version of an anchor, the newest without `version`; None if it is not there.

    Raises TransferError where it cannot be read.
    """
    of = {"VersionId": version} if version else {}
    try:
        answer = s3.get_object(Bucket=bucket, Key=key, **of, **_owned(owner))
        body = answer["Body"].read(LARGEST)
    except ClientError as error:
        if _code(error) in GONE:
            return None
        raise TransferError(f"s3://{bucket}/{key} cannot be read: {error}") from None
    except (BotoCoreError, HTTPError, OSError) as error:
        raise TransferError(f"s3://{bucket}/{key} cannot be read: {error}") from None
    lock, until = answer.get("ObjectLockMode"), answer.get("ObjectLockRetainUntilDate")
    return Held(body, answer.get("VersionId"), answer["LastModified"], lock, until)


def versions_under(s3: Any, bucket: str, prefix: str, owner: str | None) -> list[Version]:
    """Every version of every anchor under a prefix, oldest first; raises TransferError where they cannot be listed."""

    def read(size: int) -> Iterator[Version]:
        pages = s3.get_paginator("list_object_versions").paginate(
            Bucket=bucket,
            Prefix=prefix,
            PaginationConfig={"MaxItems": MOST_VERSIONS, "PageSize": size},
            **_owned(owner),
        )
        for page in pages:
            for v in page.get("Versions") or ():
                yield Version(str(v["Key"]), str(v["VersionId"]), v["LastModified"])

    try:
        found = whole(read, VERSIONS_AT_ONCE)
    except (ClientError, BotoCoreError) as error:
        raise TransferError(f"s3://{bucket}/{prefix} cannot be listed: {error}") from None
    # The moments of a list are whole seconds; of versions of one second, S3 names the newest first.
    found.reverse()
    return sorted(found, key=lambda v: v.at)


def _owned(owner: str | None) -> dict[str, str]:
    return {"ExpectedBucketOwner": owner} if owner else {}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code"))
