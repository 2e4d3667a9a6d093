"""The import calls of DynamoDB: start one, look at one, and list what it is going to read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.errors import TableError, TransferError

IN_PROGRESS, COMPLETED, FAILED = "IN_PROGRESS", "COMPLETED", "FAILED"
INVALID_ITEMS = "ItemValidationError"  # the failure of an import that went to its end, with errors


@dataclass(frozen=True, slots=True)
class ImportState:
    """What DescribeImport says of one import; the counts are those so far, None where it does not say."""

    arn: str
    table_arn: str
    table_id: str
    status: str
    processed: int | None
    imported: int | None
    errors: int | None
    bytes: int | None
    log_group: str | None
    failure_code: str | None
    failure: str | None

    @property
    def ended(self) -> bool:
        """Whether every object was read; items may have been refused."""
        return self.status == COMPLETED or (self.status == FAILED and self.failure_code == INVALID_ITEMS)

    def as_facts(self) -> dict[str, Any]:
        return asdict(self) | {"ended": self.ended}


def start_import(client: Any, request: dict[str, Any]) -> ImportState | None:
    """Start an import, or find the one that the same token started; None when AWS says "too many now".

    AWS keeps a token for eight hours; within them a repeated call starts nothing new.
    """
    name = request["TableCreationParameters"]["TableName"]
    try:
        return _state(client.import_table(**request)["ImportTableDescription"])
    except client.exceptions.LimitExceededException:
        return None
    except client.exceptions.ResourceInUseException as error:
        raise TableError(
            f"ImportTable should make {name} and it is there already ({error}): somebody else made it, or this run "
            "asked for it more than eight hours ago; nothing was written. Look at it, delete it if it is not needed, "
            "and start a new run"
        ) from None
    except (ClientError, BotoCoreError) as error:
        raise TransferError(f"the import of {name} could not be started: {error}; run again to go on") from None


def describe_import(client: Any, arn: str) -> ImportState:
    """Look at an import; raises TransferError if it cannot be looked at."""
    try:
        return _state(client.describe_import(ImportArn=arn)["ImportTableDescription"])
    except (ClientError, BotoCoreError) as error:
        raise TransferError(f"import {arn} cannot be looked at: {error}; run again to go on") from None


def list_folder(s3: Any, bucket: str, prefix: str) -> dict[str, str]:
    """The ETags of everything under a prefix, by key; the client must have been granted this very prefix."""
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return {found["Key"]: found["ETag"] for page in pages for found in page.get("Contents", ())}
    except (ClientError, BotoCoreError) as error:
        raise TransferError(
            f"what ImportTable would read in s3://{bucket}/{prefix} cannot be listed: {error}; allow s3:ListBucket, "
            "or set import.strategy to batch_write"
        ) from None


def settle_setting(client: Any, name: str, **setting: Any) -> None:
    """Set one thing of a table that is ACTIVE: its stream, its class or its protection."""
    try:
        client.update_table(TableName=name, **setting)
    except (ClientError, BotoCoreError) as error:
        raise TableError(f"{', '.join(setting)} of {name} could not be set: {error}; run again to go on") from None


def _state(said: dict[str, Any]) -> ImportState:
    return ImportState(
        arn=said["ImportArn"],
        table_arn=said["TableArn"],
        table_id=said.get("TableId") or said["TableArn"],
        status=said["ImportStatus"],
        processed=said.get("ProcessedItemCount"),
        imported=said.get("ImportedItemCount"),
        errors=said.get("ErrorCount"),
        bytes=said.get("ProcessedSizeBytes"),
        log_group=said.get("CloudWatchLogGroupArn"),
        failure_code=said.get("FailureCode"),
        failure=said.get("FailureMessage"),
    )
