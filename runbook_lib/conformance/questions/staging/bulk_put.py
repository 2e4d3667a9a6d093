"""StartBulkPutItems: the newest way to fill a table, which only the embedded AWS has beside AWS."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.outcome import outcome_of
from runbook_lib.conformance.question import Area, Need, model, question
from runbook_lib.conformance.subject import Subject

_NEEDS = (Need.BUCKET, Need.LONG)


def bulk(subject: Subject, table: str, **more: Any) -> str:
    place = {"S3Bucket": subject.bucket, "S3KeyPrefix": f"{subject.names.folder}bulk/"}
    source = place | {"InputFormat": "DYNAMODB_JSON"}
    return outcome_of(
        subject.ddb.start_bulk_put_items, TableName=table, InputS3Configuration=source,
        OutputS3Configuration=place | {"OutputType": ["CONDITION_CHECK_FAILURE"]}, **more,
    )  # fmt: skip


@question(
    Area.BULK_PUT,
    expect="ResourceNotFoundException",
    relied_on="a bulk put goes into a table that is there",
    source=model("StartBulkPutItems, errors"),
    needs=_NEEDS,
)
def bulk_put_into_an_unknown_table(subject: Subject) -> str:
    """Is a bulk put into a table refused that does not exist?"""
    return bulk(subject, subject.names.table("never-made"))


@question(
    Area.BULK_PUT,
    expect="ValidationException",
    relied_on="import.max_wcu below 1,024 stands in a bulk put's way, and is told in the pre-flight",
    source=model("StartBulkPutItems, MaxWriteRequestUnits"),
    needs=_NEEDS,
)
def bulk_put_at_a_low_rate(subject: Subject) -> str:
    """Is a bulk put of less than 1,024 units a second refused?"""
    return bulk(subject, subject.table(), MaxWriteRequestUnits=1023)
