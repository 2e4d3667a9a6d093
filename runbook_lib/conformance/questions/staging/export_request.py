"""ExportTableToPointInTime and what DescribeExport says: what is taken, refused, and repeated."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from runbook_lib.aws.outcome import outcome_of
from runbook_lib.aws.pages import pages
from runbook_lib.conformance.made.exports import (
    FILTER,
    export_started,
    exported,
    finished,
    recovered,
    request_for_export,
)
from runbook_lib.conformance.question import AnyOf, Area, Need, api, measured_by_others, model, question, seen
from runbook_lib.conformance.subject import Subject

_BUCKET = (Need.BUCKET,)
_EXPORTS = "test_export.py, pull request 29924"


def asked(subject: Subject, table: str = "source", **more: Any) -> str:
    """What asking for an export came to, of a table whose recovery is on unless another is named."""
    name = recovered(subject) if table == "source" else subject.table(table)
    return outcome_of(
        subject.ddb.export_table_to_point_in_time, **request_for_export(subject, subject.ddb, name, "refused", **more)
    )


@question(
    Area.EXPORT,
    expect="PointInTimeRecoveryUnavailableException",
    relied_on="a table without recovery is scanned or told, and never called empty",
    source=api("ExportTableToPointInTime, errors"),
    needs=_BUCKET,
)
def export_without_recovery(subject: Subject) -> str:
    """Is the export of a table refused whose recovery is off?"""
    return asked(subject, "unrecovered")


@question(
    Area.EXPORT,
    expect=AnyOf(("TableNotFoundException", "ResourceNotFoundException")),
    relied_on="a table that is gone is told by its name",
    source=api("ExportTableToPointInTime, errors"),
    needs=_BUCKET,
)
def export_of_an_unknown_table(subject: Subject) -> str:
    """Is the export of a table refused that does not exist?"""
    request = request_for_export(subject, subject.ddb, subject.table(), "refused")
    request["TableArn"] = request["TableArn"].replace(subject.table(), subject.names.table("never-made"))
    return outcome_of(subject.ddb.export_table_to_point_in_time, **request)


@question(
    Area.EXPORT,
    expect=("InvalidExportTimeException", "InvalidExportTimeException"),
    relied_on="an export is of a moment that AWS still knows",
    source=api("ExportTableToPointInTime, errors"),
    needs=_BUCKET,
)
def export_time_out_of_reach(subject: Subject) -> tuple[str, ...]:
    """Is an export refused of a moment before recovery was on, and of one in the future?"""
    now = datetime.fromtimestamp(subject.clock(), UTC)
    moments = (now - timedelta(days=2), now + timedelta(days=1))
    return tuple(asked(subject, ExportTime=moment) for moment in moments)


@question(
    Area.EXPORT,
    expect=True,
    relied_on="a run that was killed after asking finds its export by its token, and pays once",
    source=api("ExportTableToPointInTime, ClientToken"),
    needs=_BUCKET,
)
def export_token_finds_its_export(subject: Subject) -> bool:
    """Does the same request with the same token give the same export?"""
    request = request_for_export(
        subject, subject.ddb, recovered(subject), "full", ClientToken=export_token(subject, "full")
    )
    again = subject.ddb.export_table_to_point_in_time
    first = full_export(subject)
    return bool(again(**request)["ExportDescription"]["ExportArn"] == first)


@question(
    Area.EXPORT,
    expect="ExportConflictException",
    relied_on="a token never gives another export than the one that was asked for",
    source=api("ExportTableToPointInTime, ExportConflictException"),
    needs=_BUCKET,
)
def export_token_with_another_request(subject: Subject) -> str:
    """Is the same token with another folder refused?"""
    full_export(subject)
    return asked(subject, ClientToken=export_token(subject, "full"))


def export_token(subject: Subject, what: str) -> str:
    return f"{subject.names.id}-{what}"


def full_export(subject: Subject) -> str:
    return export_started(subject, "full", ClientToken=export_token(subject, "full"))


@question(
    Area.EXPORT,
    expect=True,
    relied_on="the folder of an export is known from its ARN alone",
    source=seen("exportArn"),
    needs=_BUCKET,
)
def arn_of_an_export(subject: Subject) -> bool:
    """Is an export's ARN the table's, then 14 digits of milliseconds and 8 hex digits?"""
    full_export(subject)
    arn = str(subject.made["export full"])
    return re.fullmatch(r"arn:.+:table/[^/]+/export/\d{14}-[0-9a-f]{8}", arn) is not None


@question(
    Area.EXPORT,
    expect="ExportNotFoundException",
    relied_on="an export that AWS has forgotten is told from one that failed",
    source=api("DescribeExport, errors"),
    needs=_BUCKET,
)
def description_of_an_unknown_export(subject: Subject) -> str:
    """Is an export unknown that was never made?"""
    table = subject.ddb.describe_table(TableName=subject.table())["Table"]["TableArn"]
    arn = f"{table}/export/01700000000000-0a1b2c3d"
    return outcome_of(subject.ddb.describe_export, ExportArn=arn)


@question(
    Area.EXPORT,
    expect=("S3NoSuchBucket", "FAILED"),
    relied_on="a bucket that is not there is found out by the export's own failure, which is told",
    source=measured_by_others(_EXPORTS),
    needs=_BUCKET,
)
def export_to_an_unknown_bucket(subject: Subject) -> tuple[str, str]:
    """Is an export to a bucket that does not exist taken, and does it fail later with a code?"""
    found = finished(subject, "nowhere", S3Bucket=subject.names.table("no-bucket"))
    return str(found.get("FailureCode")), str(found["ExportStatus"])


@question(
    Area.EXPORT,
    expect=(True, True, True, True, 5),
    relied_on="an export is known by its description: where it lies, of which table id, when, how many items",
    source=api("ExportDescription"),
    needs=_BUCKET,
)
def description_of_an_export(subject: Subject) -> tuple[bool | int, ...]:
    """Does DescribeExport give manifest, table id, times, billed size and the number of items?"""
    full_export(subject)
    found = finished(subject, "full")
    table = subject.ddb.describe_table(TableName=recovered(subject))["Table"]
    return (
        str(found["ExportManifest"]).endswith("/manifest-summary.json"),
        found["TableId"] == table["TableId"],
        found["StartTime"] <= found["EndTime"],
        found["BilledSizeBytes"] >= 0,
        int(found["ItemCount"]),
    )


@question(
    Area.EXPORT,
    expect=False,
    relied_on="an export without a type in its description is a full one",
    source=measured_by_others(_EXPORTS),
    needs=_BUCKET,
)
def type_of_an_export_unasked(subject: Subject) -> bool:
    """Does DescribeExport name a type that nobody asked for?"""
    full_export(subject)
    return "ExportType" in finished(subject, "full")


@question(
    Area.EXPORT,
    expect="FULL_EXPORT",
    relied_on="exports of a table that can be used again are found by listing them",
    source=api("ListExports, ExportSummary"),
    needs=_BUCKET,
)
def list_of_exports(subject: Subject) -> str:
    """Does ListExports of a table have the export, with its type?"""
    arn = full_export(subject)
    table = subject.ddb.describe_table(TableName=recovered(subject))["Table"]["TableArn"]
    listed = pages(subject.ddb.list_exports, TableArn=table, MaxResults=2)
    found = [one for page in listed for one in page["ExportSummaries"]]
    [summary] = [one for one in found if one["ExportArn"] == arn]
    return str(summary["ExportType"])


@question(
    Area.EXPORT,
    expect="ValidationException",
    relied_on="pages of exports have 25 at most",
    source=model("ListExportsMaxLimit"),
    needs=_BUCKET,
)
def list_of_26_exports(subject: Subject) -> str:
    """Is a page of 26 exports refused?"""
    table = subject.ddb.describe_table(TableName=subject.table())["Table"]["TableArn"]
    return outcome_of(subject.ddb.list_exports, TableArn=table, MaxResults=26)


@question(
    Area.EXPORT,
    expect=(2, True),
    relied_on="a filtered export is told by its description, and is no whole one",
    source=model("ExportDescription, FilterSpecification"),
    needs=_BUCKET,
)
def filtered_export(subject: Subject) -> tuple[int, bool]:
    """Does an export with a filter hold what fits it, and does its description say the filter?"""
    found = finished(subject, "filtered", FilterSpecification=FILTER)
    return int(found["ItemCount"]), "FilterSpecification" in found


@question(
    Area.EXPORT,
    expect=("COMPLETED", 1),
    relied_on="the bucket may be in another region than the table",
    source=api("ExportTableToPointInTime: a bucket in any Region"),
    needs=(Need.BUCKET, Need.SECOND_REGION),
)
def export_to_a_bucket_elsewhere(subject: Subject) -> tuple[str, int]:
    """Is a table of the other region exported into the bucket?"""
    found = finished(subject, "elsewhere")
    return str(found["ExportStatus"]), len(exported(subject, "elsewhere").lines)


@question(
    Area.EXPORT,
    expect=("KMS", True),
    relied_on="an export under a key of its own says so in its summary",
    source=api("ExportTableToPointInTime, S3SseAlgorithm"),
    needs=(Need.BUCKET, Need.KMS_KEY),
)
def export_under_a_key(subject: Subject) -> tuple[str, bool]:
    """Is an export under a KMS key told as one, with its key?"""
    how = {"S3SseAlgorithm": "KMS", "S3SseKmsKeyId": subject.kms_key}
    summary = exported(subject, "encrypted", **how).summary
    return str(summary["s3SseAlgorithm"]), bool(summary["s3SseKmsKeyId"])
