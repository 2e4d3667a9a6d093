"""Exports that questions are asked about: started once, waited for when first needed, and read whole."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from runbook_lib.aws.outcome import FAILURES, code_of
from runbook_lib.conformance.subject import CannotAsk, Subject, WhyNot

# Of all types, with numbers that are not in their canonical form; what comes back is told by `CANONICAL`.
SAMPLE: tuple[dict[str, Any], ...] = (
    {"id": {"S": "one"}, "n": {"N": "1.50"}, "b": {"B": bytes(range(256))}, "set": {"SS": ["b", "a"]}},
    {"id": {"S": "two"}, "m": {"M": {"l": {"L": [{"NULL": True}, {"BOOL": False}]}}}, "n": {"N": "007"}},
    {"id": {"S": "three"}, "text": {"S": 'é\n"\\\x01\U0001f600'}, "ns": {"NS": ["1", "20"]}, "bs": {"BS": [b"\x00"]}},
    {"id": {"S": "four"}, "empty": {"S": ""}, "n": {"N": "12345678901234567890123456789012345678"}},
    {"id": {"S": "five"}, "n": {"N": "-0.5"}},
)
FILTER = {
    "FilterExpression": "#n < :n",
    "ExpressionAttributeNames": {"#n": "n"},
    "ExpressionAttributeValues": {":n": {"N": "2"}},
}  # of the items above two
_NOT_YET = "ContinuousBackupsUnavailableException"  # of a table that was made a moment ago


def recovered(subject: Subject, what: str = "source") -> str:
    """A table whose recovery is on and which holds the sample."""
    name = subject.table(what)
    if f"recovered {what}" not in subject.made:
        recovery_turned_on(subject, subject.ddb, name)
        subject.put(name, *SAMPLE)
        subject.made[f"recovered {what}"] = True
    return name


def recovery_turned_on(subject: Subject, client: Any, name: str) -> None:
    def on() -> bool:
        try:
            client.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )
        except FAILURES as error:
            if code_of(error) != _NOT_YET:
                raise
            return False
        return True

    subject.wait(on, "the recovery of a new table", subject.patience)


@dataclass(frozen=True, slots=True)
class ExportedFiles:
    """A finished export: what DescribeExport says, both manifests, and the lines of each data file."""

    description: dict[str, Any]
    folder: str
    summary: dict[str, Any]
    files: tuple[dict[str, Any], ...]
    packed: dict[str, bytes]

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for body in self.packed.values() for line in gzip.decompress(body).splitlines()]


def request_for_export(subject: Subject, client: Any, table: str, folder: str, **more: Any) -> dict[str, Any]:
    """The parameters of an export of an own table into an own folder of the bucket."""
    arn = client.describe_table(TableName=table)["Table"]["TableArn"]
    prefix = f"{subject.names.folder}{folder}"
    return {"TableArn": arn, "S3Bucket": subject.bucket, "S3Prefix": prefix} | more


def export_started(subject: Subject, what: str, **more: Any) -> str:
    """The ARN of an export that was started once."""
    if f"export {what}" not in subject.made:
        client = subject.clients.other if what == "elsewhere" else subject.ddb
        table = away(subject) if what == "elsewhere" else recovered(subject)
        answer = client.export_table_to_point_in_time(**request_for_export(subject, client, table, what, **more))
        subject.made[f"export {what}"] = answer["ExportDescription"]["ExportArn"]
    return str(subject.made[f"export {what}"])


def away(subject: Subject) -> str:
    """A table of the other region whose recovery is on."""
    if not subject.has_second_region():
        raise CannotAsk(WhyNot.NO_SECOND_REGION)
    name, client = subject.names.table("away"), subject.clients.other
    if "away" not in subject.made:
        subject.create("away", client)
        subject.until_active(name, client)
        recovery_turned_on(subject, client, name)
        client.put_item(TableName=name, Item=SAMPLE[0])
        subject.made["away"] = True
    return name


def finished(subject: Subject, what: str, **more: Any) -> dict[str, Any]:
    """What DescribeExport says of an export that is over, however it ended."""
    arn = export_started(subject, what, **more)
    client = subject.clients.other if what == "elsewhere" else subject.ddb
    found: dict[str, Any] = {}

    def over() -> bool:
        found.update(client.describe_export(ExportArn=arn)["ExportDescription"])
        return bool(found["ExportStatus"] != "IN_PROGRESS")

    subject.wait(over, f"the export {what!r}", subject.export_patience)
    if "EndTime" in found:
        took = found["EndTime"].timestamp() - found["StartTime"].timestamp()
        subject.durations[f"export {what}, seconds"] = took
    return found


def exported(subject: Subject, what: str = "full", **more: Any) -> ExportedFiles:
    """A finished export with its files; CannotAsk where it did not complete or left no files."""
    if not subject.has_bucket:
        raise CannotAsk(WhyNot.NO_BUCKET)
    if f"files {what}" not in subject.made:
        description = finished(subject, what, **more)
        if description["ExportStatus"] != "COMPLETED":
            raise CannotAsk(WhyNot.NO_FIXTURE, f"the export {what!r} ended {description['ExportStatus']}")
        key = str(description.get("ExportManifest") or "")
        if not key or key not in subject.keys_under(key):
            raise CannotAsk(WhyNot.NO_FIXTURE, f"the export {what!r} left no manifest")
        summary = subject.json_object(key)
        listing = subject.object(str(summary["manifestFilesS3Key"])).splitlines()
        files = tuple(json.loads(line) for line in listing)
        packed = {str(file["dataFileS3Key"]): subject.object(str(file["dataFileS3Key"])) for file in files}
        folder = key.removesuffix("manifest-summary.json")
        subject.made[f"files {what}"] = ExportedFiles(description, folder, summary, files, packed)
    made: ExportedFiles = subject.made[f"files {what}"]
    return made


def md5_of(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
