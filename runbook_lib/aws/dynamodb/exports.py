"""The export calls of DynamoDB: start one, look at one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from runbook_lib.aws.dynamodb.describe.unknown_members import unfamiliar_of
from runbook_lib.aws.dynamodb.said import answer_of, refuse_answer_of_another, said_count, said_text
from runbook_lib.aws.outage import told
from runbook_lib.aws.outcome import is_repeated
from runbook_lib.aws.pages import pages, whole
from runbook_lib.errors import ExportError, ExportRefused, ExportUnknown

EXPORTS_AT_ONCE = (25, 17)  # of ListExports


@dataclass(frozen=True, slots=True)
class ExportState:
    """What DescribeExport says of one export; `items` and `billed_bytes` are known once COMPLETED.

    `moment` is that of a full export; `changes_from`, `changes_to` and `view` are those of a window. `kind` is
    FULL_EXPORT or INCREMENTAL_EXPORT, None where it is not said. `filtered` is None for an export without a filter,
    else the kinds of expression that AWS names; there may be none that this client knows of.
    """

    arn: str
    status: str
    bucket: str
    folder: str
    items: int | None
    billed_bytes: int | None
    failure: str | None
    table_arn: str | None = None
    table_id: str | None = None
    kind: str | None = None
    filtered: tuple[str, ...] | None = None
    unfamiliar: tuple[str, ...] = ()
    moment: datetime | None = None
    changes_from: datetime | None = None
    changes_to: datetime | None = None
    view: str | None = None


def start_export(
    client: Any,
    table_arn: str,
    token: str,
    export_time: datetime,
    bucket: str,
    prefix: str,
    owner: str | None,
    kms_key_id: str | None,
) -> ExportState | None:
    """Start an export, or find the one that the same token started; None when AWS says "too many now".

    AWS keeps a token for eight hours; within them a repeated call starts nothing new. The answer is held against
    what was asked all the same.
    """
    wanted = {
        "TableArn": table_arn,
        "ClientToken": token,
        "ExportTime": export_time,
        "S3Bucket": bucket,
        "S3Prefix": prefix,
        "S3BucketOwner": owner,
        "S3SseAlgorithm": "KMS" if kms_key_id else "AES256",
        "S3SseKmsKeyId": kms_key_id,
        "ExportFormat": "DYNAMODB_JSON",
    }
    return _start(client, wanted)


@dataclass(frozen=True, slots=True)
class WindowRequest:
    """The changes that are asked for: of which table, from when up to when, with which images."""

    table_arn: str
    token: str
    start: datetime
    end: datetime
    view: str


def start_window(
    client: Any, window: WindowRequest, bucket: str, prefix: str, owner: str | None, kms_key_id: str | None
) -> ExportState | None:
    """Start an incremental export, as `start_export` does a full one."""
    span = {"ExportFromTime": window.start, "ExportToTime": window.end, "ExportViewType": window.view}
    wanted = {
        "TableArn": window.table_arn,
        "ClientToken": window.token,
        "S3Bucket": bucket,
        "S3Prefix": prefix,
        "S3BucketOwner": owner,
        "S3SseAlgorithm": "KMS" if kms_key_id else "AES256",
        "S3SseKmsKeyId": kms_key_id,
        "ExportFormat": "DYNAMODB_JSON",
        "ExportType": "INCREMENTAL_EXPORT",
        "IncrementalExportSpecification": span,
    }
    return _start(client, wanted)


def _start(client: Any, wanted: dict[str, Any]) -> ExportState | None:
    table_arn = wanted["TableArn"]
    try:
        asked_for = {k: v for k, v in wanted.items() if v not in (None, "")}
        said = client.export_table_to_point_in_time(**asked_for)["ExportDescription"]
    except client.exceptions.LimitExceededException:
        return None
    except (ClientError, BotoCoreError) as error:
        failure = told(ExportError(f"the export of {table_arn} could not be started: {error}"), error)
        if isinstance(error, ClientError) and not failure.transient:
            refused = ExportRefused(str(failure))
            refused.repeated = is_repeated(error)
            raise refused from None
        raise failure from None
    for name in ("TableArn", "S3Bucket", "S3Prefix", "ExportTime", "IncrementalExportSpecification"):
        asked, found = wanted.get(name), said.get(name)
        if isinstance(found, str):
            asked, found = str(asked).strip("/"), found.strip("/")
        if found and found != asked:
            raise ExportError(
                f"the export of {table_arn} was asked for with {name} {asked}, and AWS answered with "
                f"{said['ExportArn']}, which has {found}; start a new run"
            )
    return _of_table(table_arn, _state(said))


def _of_table(table_arn: str, state: ExportState) -> ExportState:
    """The state of an export, if it is one of this table: an answer need not name its table, its ARN does."""
    if not state.arn.startswith(f"{table_arn}/"):
        raise ExportError(
            f"an export of {table_arn} was asked for, and AWS answered with {state.arn}, which is of another table; "
            "start a new run"
        )
    return state


def find_export(client: Any, table_arn: str, token: str) -> ExportState | None:
    """The export of a table that carries this token, also when AWS has forgotten the token; None if none does."""
    try:
        for arn in _exports_of(client, table_arn):
            said = client.describe_export(ExportArn=arn)["ExportDescription"]
            if said.get("ClientToken") == token:
                return _of_table(table_arn, _state(said))
        return None
    except (ClientError, BotoCoreError) as error:
        failure = ExportError(
            f"whether an export of {table_arn} was started already cannot be found out: {error}; run again to go on"
        )
        raise told(failure, error) from None


def _exports_of(client: Any, table_arn: str) -> list[str]:
    def read(size: int) -> Iterator[str]:
        for answer in pages(client.list_exports, TableArn=table_arn, MaxResults=size):
            yield from (found["ExportArn"] for found in answer.get("ExportSummaries", ()))

    return whole(read, EXPORTS_AT_ONCE)


def describe_export(client: Any, arn: str) -> ExportState:
    """Look at an export; raises ExportUnknown if DynamoDB says that there is none, or that it may not be asked."""
    try:
        state = _state(client.describe_export(ExportArn=arn)["ExportDescription"])
    except (ClientError, BotoCoreError) as error:
        failure = told(ExportError(f"export {arn} cannot be looked at: {error}"), error)
        if isinstance(error, ClientError) and not failure.transient:
            raise ExportUnknown(str(failure)) from None
        raise failure from None
    refuse_answer_of_another("DescribeExport", ExportError, arn, state.arn)
    return state


def _state(said: dict[str, Any]) -> ExportState:
    with answer_of("DescribeExport", ExportError):
        return _read(said)


def _read(said: dict[str, Any]) -> ExportState:
    arn = said_text(said, "ExportArn")
    prefix = said_text(said, "S3Prefix").strip("/") if said.get("S3Prefix") else ""
    failure = filter(None, (said.get("FailureCode"), said.get("FailureMessage")))
    window = said.get("IncrementalExportSpecification") or {}
    return ExportState(
        arn=arn,
        status=said_text(said, "ExportStatus"),
        bucket=said.get("S3Bucket") or "",
        folder=f"{prefix}/AWSDynamoDB/{arn.rsplit('/', 1)[-1]}/".lstrip("/"),
        items=said_count(said, "ItemCount"),
        billed_bytes=said_count(said, "BilledSizeBytes"),
        failure=": ".join(failure) or None,
        table_arn=said.get("TableArn"),
        table_id=said.get("TableId"),
        kind="INCREMENTAL_EXPORT" if window else said.get("ExportType"),
        filtered=_expressions(said.get("FilterSpecification")),
        unfamiliar=unfamiliar_of(said),
        moment=said.get("ExportTime"),
        changes_from=window.get("ExportFromTime"),
        changes_to=window.get("ExportToTime"),
        view=window.get("ExportViewType"),
    )


def _expressions(said: dict[str, Any] | None) -> tuple[str, ...] | None:
    """The kinds of expression in a filter; an empty one may hold a kind that this botocore does not know."""
    if said is None:
        return None
    return tuple(sorted(name for name in said if name.endswith("Expression")))
