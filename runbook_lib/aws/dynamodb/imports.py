"""The import calls of DynamoDB: start one, find one again, look at one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.dynamodb.said import (
    answer_of,
    refuse_answer_of_another,
    said_count,
    said_text,
    said_text_or_none,
)
from runbook_lib.aws.outage import refusal, told
from runbook_lib.aws.pages import pages, whole
from runbook_lib.errors import StartRefused, TransferError

IMPORTS_AT_ONCE = (25, 17)  # of ListImports
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


def start_import(client: Any, request: dict[str, Any]) -> ImportState | None:
    """Start an import, or find the one that the same token started; None when AWS says "too many now".

    The token alone proves nothing. While its import runs, AWS answers a repeated call with that import, whatever
    else is asked for now; so the answer is held against what was asked. Once it has ended, the table is in the way
    before the token is looked at: raises StartRefused, and where an earlier request may have begun one, `begun_import`
    finds it.
    """
    name = request["TableCreationParameters"]["TableName"]
    try:
        said = client.import_table(**request)["ImportTableDescription"]
    except client.exceptions.LimitExceededException:
        return None
    except (client.exceptions.ResourceInUseException, client.exceptions.ImportConflictException) as error:
        raise _taken(name, str(error)) from None
    except (ClientError, BotoCoreError) as error:
        failure = refusal(f"the import of {name} could not be started: {error}; run again to go on", error)
        raise told(failure, error) from None
    _check_asked(said, request)
    return _state(said)


def begun_import(client: Any, request: dict[str, Any], refused: StartRefused) -> ImportState:
    """The import that carries the request's token, which a request before the one that was refused has begun.

    Raises StartRefused where another import made the table, and TransferError where nobody can say.
    """
    name = request["TableCreationParameters"]["TableName"]
    try:
        said = _own_import(client, request)
    except (ClientError, BotoCoreError) as error:
        failure = TransferError(
            f"whether this run's own import made {name} cannot be found out: {error}; nothing more is done, run again "
            "to go on"
        )
        raise told(failure, error) from None
    if said is None:
        raise TransferError(
            f"the import of {name} was refused ({refused.said}), and an earlier request, whose answer nobody heard, "
            "may have begun it all the same: no import with this run's token is listed yet. Nothing more is done, run "
            "again to go on. If a table of that name is there and still none is listed after an hour, it is not this "
            "run's: look at it, and start a new run"
        )
    _check_asked(said, request)
    return _state(said)


def find_import(client: Any, table_arn: str, token: str) -> ImportState | None:
    """The import of a table that carries a token, whether the table shows or not; None where none is listed.

    Raises TransferError if they cannot be looked through.
    """
    try:
        for arn in _imports_of(client, table_arn):
            said = client.describe_import(ImportArn=arn)["ImportTableDescription"]
            if said.get("ClientToken") == token:
                return _state(said)
    except (ClientError, BotoCoreError) as error:
        failure = TransferError(f"the imports of {table_arn} cannot be looked through: {error}; run again")
        raise told(failure, error) from None
    return None


def _taken(name: str, why: str) -> StartRefused:
    taken = StartRefused(
        f"ImportTable should make {name} and it is there already ({why}), and no import of it has this run's token: "
        "somebody else made it; this run wrote nothing to it. Look at it, delete it if it is not needed, and start a "
        "new run"
    )
    taken.said = why
    return taken


def _own_import(client: Any, request: dict[str, Any]) -> dict[str, Any] | None:
    """The import of the table that carries the request's token, as DescribeImport says it; None if none does.

    Raises StartRefused if the table was made by one that carries another.
    """
    name = request["TableCreationParameters"]["TableName"]
    try:
        table = client.describe_table(TableName=name)["Table"]
    except client.exceptions.ResourceNotFoundException:
        return None
    for arn in _imports_of(client, table["TableArn"]):
        said: dict[str, Any] = client.describe_import(ImportArn=arn)["ImportTableDescription"]
        if said.get("TableId") != table.get("TableId"):
            continue  # of an earlier table of that name
        if said.get("ClientToken") == request["ClientToken"]:
            return said
        if said.get("ClientToken"):
            raise _taken(name, f"by {arn}")
    return None


def _imports_of(client: Any, table_arn: str) -> list[str]:
    def read(size: int) -> Iterator[str]:
        for answer in pages(client.list_imports, TableArn=table_arn, PageSize=size):
            yield from (found["ImportArn"] for found in answer.get("ImportSummaryList", ()))

    return whole(read, IMPORTS_AT_ONCE)


def _check_asked(said: dict[str, Any], request: dict[str, Any]) -> None:
    """Raise TransferError unless an import reads what was asked for, into the table that was asked for."""
    name = request["TableCreationParameters"]["TableName"]
    source, made = said.get("S3BucketSource") or {}, said.get("TableCreationParameters") or {}
    for what, expected, found in (
        ("table", name, made.get("TableName", str(said["TableArn"]).partition(":table/")[2])),
        ("bucket", request["S3BucketSource"]["S3Bucket"], source.get("S3Bucket")),
        ("prefix", request["S3BucketSource"]["S3KeyPrefix"], source.get("S3KeyPrefix") or ""),
        ("format", request["InputFormat"], said.get("InputFormat", request["InputFormat"])),
        (
            "compression",
            request["InputCompressionType"],
            said.get("InputCompressionType", request["InputCompressionType"]),
        ),
    ):
        if expected != found:
            raise TransferError(
                f"the import of {name} should read the {what} {expected} and reads {found}: AWS answered with "
                f"{said['ImportArn']}, which this run did not ask for in this form. Wait for its end, delete the table "
                "that it makes, and start a new run"
            )


def describe_import(client: Any, arn: str) -> ImportState:
    """Look at an import; raises TransferError if it cannot be looked at."""
    try:
        state = _state(client.describe_import(ImportArn=arn)["ImportTableDescription"])
    except (ClientError, BotoCoreError) as error:
        raise told(TransferError(f"import {arn} cannot be looked at: {error}; run again to go on"), error) from None
    refuse_answer_of_another("DescribeImport", TransferError, arn, state.arn)
    return state


def _state(said: dict[str, Any]) -> ImportState:
    with answer_of("DescribeImport", TransferError):
        return ImportState(
            arn=said_text(said, "ImportArn"),
            table_arn=said_text(said, "TableArn"),
            table_id=said_text_or_none(said, "TableId") or said_text(said, "TableArn"),
            status=said_text(said, "ImportStatus"),
            processed=said_count(said, "ProcessedItemCount"),
            imported=said_count(said, "ImportedItemCount"),
            errors=said_count(said, "ErrorCount"),
            bytes=said_count(said, "ProcessedSizeBytes"),
            log_group=said_text_or_none(said, "CloudWatchLogGroupArn"),
            failure_code=said_text_or_none(said, "FailureCode"),
            failure=said_text_or_none(said, "FailureMessage"),
        )
