"""Bulk puts that questions are asked about: started once, waited for when first needed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from runbook_lib.conformance.subject import Subject

_OVER = frozenset({"COMPLETED", "COMPLETED_WITH_ERRORS", "CANCELLED", "FAILED"})
_OUTPUT = ("ERROR", "CONDITION_CHECK_FAILURE")


@dataclass(frozen=True, slots=True)
class MadeBulkPut:
    """A bulk put that is over: what was asked, what DescribeBulkOperation says, and which of its items are there."""

    request: dict[str, Any]
    arns: tuple[str, ...]  # one for each time that it was asked for
    description: dict[str, Any]
    written: tuple[str, ...]

    def count(self, name: str) -> int:
        return int(self.description[name])


def request_for_bulk_put(subject: Subject, what: str, table: str) -> dict[str, Any]:
    """The parameters of a bulk put from an own folder into an own table, reported into another own folder."""
    folder = f"{subject.names.folder}bulk-{what}"
    return {
        "TableName": table,
        "ClientToken": f"{subject.names.id}-bulk-{what}",
        "InputS3Configuration": {
            "S3Bucket": subject.bucket, "S3KeyPrefix": f"{folder}/in/", "InputFormat": "DYNAMODB_JSON",
            "InputCompressionType": "NONE",
        },
        "OutputS3Configuration": {
            "S3Bucket": subject.bucket, "S3KeyPrefix": f"{folder}/out/", "OutputType": list(_OUTPUT),
        },
    }  # fmt: skip


def started(subject: Subject, request: dict[str, Any]) -> str:
    """The ARN of the operation that an answer tells of."""
    return str(subject.ddb.start_bulk_put_items(**request)["BulkOperationDescription"]["BulkOperationArn"])


def line_of(name: str, **more: Any) -> str:
    return json.dumps({"Item": {"id": {"S": name}} | more})


def bulk_put(subject: Subject, what: str, *lines: str, requests: int = 1) -> MadeBulkPut:
    """A bulk put of a file with these lines, made once; more requests for it follow the first at once."""
    if f"bulk put {what}" not in subject.made:
        table = subject.table("bulk")
        request = request_for_bulk_put(subject, what, table)
        key = f"{request['InputS3Configuration']['S3KeyPrefix']}data.json"
        subject.s3.put_object(Bucket=subject.bucket, Key=key, Body="\n".join(lines).encode() + b"\n")
        arns = tuple(started(subject, request) for _ in range(requests))
        found: dict[str, Any] = {}

        def over() -> bool:
            found.update(subject.ddb.describe_bulk_operation(BulkOperationArn=arns[0])["BulkOperationDescription"])
            return found["BulkOperationStatus"] in _OVER

        took = subject.wait(over, f"the bulk put {what!r}", subject.export_patience)
        subject.durations[f"bulk put {what}, seconds"] = took
        page = subject.ddb.scan(TableName=table, ConsistentRead=True)
        ids = sorted(str(one["id"]["S"]) for one in page["Items"])
        written = tuple(one for one in ids if one.startswith(f"{what}-"))
        subject.made[f"bulk put {what}"] = MadeBulkPut(request, arns, found, written)
    made: MadeBulkPut = subject.made[f"bulk put {what}"]
    return made
