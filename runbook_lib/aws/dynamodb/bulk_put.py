"""The bulk put calls of DynamoDB: start one, find one again, look at one.

A bulk put is followed by its description and by nothing else: AWS's own waiter counts COMPLETED_WITH_ERRORS as success.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
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

OPERATIONS_AT_ONCE = (25, 17)  # of ListBulkOperations
COMPLETED, WITH_ERRORS, CANCELLED, FAILED = "COMPLETED", "COMPLETED_WITH_ERRORS", "CANCELLED", "FAILED"
ENDS = frozenset({COMPLETED, WITH_ERRORS, CANCELLED, FAILED})
LEAST_RATE = 1024  # of MaxWriteRequestUnits
MOST_OBJECTS, LARGEST_OBJECT = 50_000, 5 * 10**9  # of one operation
Asked = dict[str, Any]  # what StartBulkPutItems is asked


@dataclass(frozen=True, slots=True)
class BulkPutState:
    """What DescribeBulkOperation says of one bulk put; the counts are those so far, None where it does not say."""

    arn: str
    table_id: str | None
    status: str
    processed: int | None
    failed: int | None
    bytes_read: int | None
    bytes_billed: int | None
    failure_code: str | None
    failure: str | None

    @property
    def ended(self) -> bool:
        """Whether nothing more is written; in whichever way it ended."""
        return self.status in ENDS


def start_bulk_put(client: Any, request: Asked, since: datetime | None) -> BulkPutState | None:
    """Start a bulk put, or find the one that the same token started; None when AWS says "too many now".

    `since` is when the token was first sent, None for one that never was: AWS honours it for eight hours, so an
    operation of it is looked for first, among those of the account that were started since. The answer is held against
    what was asked. Raises StartRefused where it is not begun; where an earlier request may have begun it,
    `begun_bulk_put` finds it.
    """
    name = request["TableName"]
    try:
        said = _own_operation(client, request, since) if since is not None else None
        said = said or client.start_bulk_put_items(**request)["BulkOperationDescription"]
    except client.exceptions.LimitExceededException:
        return None
    except client.exceptions.ResourceInUseException as error:
        raise refusal(
            f"a bulk put into {name} should begin and the table is in use ({error}): another operation goes on there, "
            "or an index of it is being made. Nothing was written; run again once it has ended",
            error,
        ) from None
    except (ClientError, BotoCoreError) as error:
        failure = refusal(f"the bulk put into {name} could not be started: {error}; run again to go on", error)
        raise told(failure, error) from None
    _refuse_another(said, request)
    return _state(said)


def begun_bulk_put(client: Any, request: Asked, since: datetime, refused: StartRefused) -> BulkPutState:
    """The bulk put that carries the request's token, which a request before the one that was refused has begun.

    Raises TransferError where none is listed: nobody can say that there is none.
    """
    said = _looked_for(client, request, since)
    if said is None:
        raise TransferError(
            f"the bulk put into {request['TableName']} was refused ({refused.said}), and an earlier request, whose "
            "answer nobody heard, may have begun it all the same: no bulk put with this run's token is listed yet. "
            "Nothing more is done, run again to go on"
        )
    _refuse_another(said, request)
    return _state(said)


def find_bulk_put(client: Any, request: Asked, since: datetime) -> BulkPutState | None:
    """The bulk put that carries the request's token, of those begun since; None if none does, and nothing is begun."""
    said = _looked_for(client, request, since)
    return None if said is None else _state(said)


def _looked_for(client: Any, request: Asked, since: datetime) -> dict[str, Any] | None:
    try:
        return _own_operation(client, request, since)
    except (ClientError, BotoCoreError) as error:
        failure = TransferError(f"the bulk put into {request['TableName']} cannot be looked for: {error}; run again")
        raise told(failure, error) from None


def describe_bulk_put(client: Any, arn: str) -> BulkPutState:
    """Look at a bulk put; raises TransferError if it cannot be looked at."""
    try:
        state = _state(client.describe_bulk_operation(BulkOperationArn=arn)["BulkOperationDescription"])
    except (ClientError, BotoCoreError) as error:
        raise told(TransferError(f"bulk put {arn} cannot be looked at: {error}; run again to go on"), error) from None
    refuse_answer_of_another("DescribeBulkOperation", TransferError, arn, state.arn)
    return state


def _own_operation(client: Any, request: Asked, since: datetime) -> dict[str, Any] | None:
    """The operation that carries the request's token; botocore's errors go on."""

    def read(size: int) -> Iterator[tuple[str, datetime]]:
        for answer in pages(client.list_bulk_operations, MaxResults=size):
            found = answer.get("BulkOperationsSummaryList", ())
            yield from ((one["BulkOperationArn"], one["StartTime"]) for one in found)

    for arn, started in whole(read, OPERATIONS_AT_ONCE):
        if started < since:
            continue
        said: dict[str, Any] = client.describe_bulk_operation(BulkOperationArn=arn)["BulkOperationDescription"]
        if said.get("ClientToken") == request["ClientToken"]:
            return said
    return None


def _refuse_another(said: dict[str, Any], request: Asked) -> None:
    """Raise TransferError unless an operation reads what was asked for, into the table that was asked for."""
    asked, read = request["InputS3Configuration"], said.get("InputS3Configuration") or {}
    into, written = request["OutputS3Configuration"], said.get("OutputS3Configuration") or {}
    for what, expected, found in (
        ("write to the table", request["TableName"], _name_in(_table(said).get("TableName") or "")),
        ("read the bucket", asked["S3Bucket"], read.get("S3Bucket")),
        ("read the prefix", asked["S3KeyPrefix"], read.get("S3KeyPrefix") or ""),
        ("read the format", asked["InputFormat"], read.get("InputFormat")),
        ("read the compression", asked["InputCompressionType"], read.get("InputCompressionType")),
        ("report to the bucket", into["S3Bucket"], written.get("S3Bucket")),
        ("report to the prefix", into["S3KeyPrefix"], written.get("S3KeyPrefix") or ""),
    ):
        if expected != found:
            raise TransferError(
                f"the bulk put into {request['TableName']} should {what} {expected}, found {found}: AWS answered with "
                f"{said.get('BulkOperationArn')}, which this run did not ask for in this form. Nothing more is done; "
                "look at it, and start a new run once it has ended"
            )


def _table(said: dict[str, Any]) -> dict[str, Any]:
    tables = said.get("TableDetails") or [{}]
    table: dict[str, Any] = tables[0]
    return table


def _name_in(name_or_arn: str) -> str:
    return name_or_arn.partition(":table/")[2] or name_or_arn


def _state(said: dict[str, Any]) -> BulkPutState:
    with answer_of("DescribeBulkOperation", TransferError):
        used = said.get("BulkOperationUsage")
        return BulkPutState(
            arn=said_text(said, "BulkOperationArn"),
            table_id=said_text_or_none(_table(said), "TableId"),
            status=said_text(said, "BulkOperationStatus"),
            processed=said_count(said, "ProcessedItemCount"),
            failed=said_count(said, "FailedItemCount"),
            bytes_read=said_count(said, "ProcessedInputBytes"),
            bytes_billed=sum(said_count(one, "BulkPutBytes") or 0 for one in used) if used is not None else None,
            failure_code=said_text_or_none(said, "FailureCode"),
            failure=said_text_or_none(said, "FailureMessage"),
        )
