"""Incremental exports over HTTP: which windows AWS takes, what it answers, and the files it writes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.real_chain import FIRST, SECOND, real_chain

if TYPE_CHECKING:
    from conftest import Aws

Row = dict[str, Any]
MINUTES = timedelta(minutes=1)
SUMMARY = [
    "version", "exportArn", "startTime", "endTime", "tableArn", "tableId", "exportFromTime", "exportToTime", "s3Bucket",
    "s3Prefix", "s3SseAlgorithm", "s3SseKmsKeyId", "manifestFilesS3Key", "billedSizeBytes", "itemCount", "outputFormat",
    "outputView", "exportType",
]  # fmt: skip


def let_pass(aws: Aws, table: str, minutes: float) -> datetime:
    """Let the table's time pass; its time then, in whole seconds."""
    said = aws.control("POST", "/_sandbox/clock", {"seconds": 60 * minutes, "table": aws.arn(table)})
    return datetime.fromisoformat(said["now"]).replace(microsecond=0)


def window(aws: Aws, table: str, start: datetime, end: datetime | None, view: str | None = None, **more: Any) -> Row:
    asked = {"ExportFromTime": start, "ExportToTime": end, "ExportViewType": view}
    specification = {name: value for name, value in asked.items() if value is not None}
    return aws.export(table, ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=specification, **more)


def changes(aws: Aws, export: Row) -> dict[str, Row]:
    """The lines of an incremental export by the key's text."""
    rows = {}
    for line in aws.read(export["ExportManifest"].replace("summary", "files")).splitlines():
        entry = json.loads(line)
        lines = gzip.decompress(aws.read(entry["dataFileS3Key"])).splitlines()
        assert len(lines) == entry["itemCount"]
        rows |= {json.loads(row)["Keys"]["id"]["S"]: json.loads(row) for row in lines}
    assert len(rows) == export["ItemCount"]
    return rows


def item(name: str, number: int) -> Row:
    return {"id": {"S": name}, "n": {"N": str(number)}}


@pytest.fixture
def living(aws: Aws, new_table: Callable[..., str]) -> tuple[str, datetime]:
    """A table with three items, and the second after they were written."""
    table = new_table(recovery=True)
    aws.put_all(table, [item("kept", 1), item("changed", 1), item("removed", 1)])
    return table, let_pass(aws, table, 1)


def test_a_window_holds_the_last_state_of_each_key_that_was_written_in_it(aws: Aws, living: Any) -> None:
    table, start = living
    let_pass(aws, table, 1)
    aws.source.put_item(TableName=table, Item=item("changed", 2))
    aws.source.update_item(
        TableName=table, Key={"id": {"S": "changed"}}, UpdateExpression="SET n = :n",
        ExpressionAttributeValues={":n": {"N": "3"}},
    )  # fmt: skip
    aws.source.delete_item(TableName=table, Key={"id": {"S": "removed"}})
    aws.source.delete_item(TableName=table, Key={"id": {"S": "never there"}})
    aws.put_all(table, [item("new", 1), item("short-lived", 1)])
    aws.source.transact_write_items(
        TransactItems=[
            {"Delete": {"TableName": table, "Key": {"id": {"S": "short-lived"}}}},
            {"Put": {"TableName": table, "Item": item("by transaction", 1)}},
            {"ConditionCheck": {"TableName": table, "Key": {"id": {"S": "kept"}},
                                "ConditionExpression": "attribute_exists(id)"}},
        ]
    )  # fmt: skip
    aws.source.execute_statement(Statement=f"INSERT INTO \"{table}\" VALUE {{'id': 'by statement', 'n': 1}}")
    end = let_pass(aws, table, 20)
    rows = changes(aws, window(aws, table, start, end))
    assert rows.keys() == {"changed", "removed", "new", "by transaction", "by statement"}
    assert (rows["changed"]["OldImage"], rows["changed"]["NewImage"]) == (item("changed", 1), item("changed", 3))
    assert list(rows["changed"]) == ["Metadata", "Keys", "OldImage", "NewImage"]
    assert list(rows["removed"]) == ["Metadata", "Keys", "OldImage"]
    assert list(rows["new"]) == ["Metadata", "Keys", "NewImage"]
    micros = [int(row["Metadata"]["WriteTimestampMicros"]["N"]) / 1e6 for row in rows.values()]
    assert all(start.timestamp() <= moment < end.timestamp() for moment in micros)


def test_a_window_of_new_images_has_no_old_ones(aws: Aws, living: Any) -> None:
    table, start = living
    aws.put_all(table, [item("changed", 2)])
    aws.source.delete_item(TableName=table, Key={"id": {"S": "removed"}})
    done = window(aws, table, start, let_pass(aws, table, 20), "NEW_IMAGE")
    rows = changes(aws, done)
    assert rows["changed"].keys() == {"Metadata", "Keys", "NewImage"}
    assert rows["removed"].keys() == {"Metadata", "Keys"}
    assert json.loads(aws.read(done["ExportManifest"]))["outputView"] == "NEW_IMAGE"


def test_the_beginning_belongs_to_a_window_and_the_end_does_not(aws: Aws, living: Any) -> None:
    table, start = living
    aws.put_all(table, [item("new", 1)])
    end = let_pass(aws, table, 40)
    [row] = changes(aws, window(aws, table, start, end)).values()
    written = datetime.fromtimestamp(int(row["Metadata"]["WriteTimestampMicros"]["N"]) // 1_000_000, start.tzinfo)
    assert changes(aws, window(aws, table, written, written + 15 * MINUTES)).keys() == {"new"}
    assert changes(aws, window(aws, table, written + timedelta(seconds=1), written + 20 * MINUTES)) == {}


def test_a_full_export_of_a_past_moment_and_the_windows_since_are_the_table(aws: Aws, living: Any) -> None:
    table, start = living
    let_pass(aws, table, 2)
    aws.put_all(table, [item("changed", 2), item("new", 1)])
    aws.source.delete_item(TableName=table, Key={"id": {"S": "removed"}})
    end = let_pass(aws, table, 20)
    aws.put_all(table, [item("later", 1)])
    full = aws.export(table, ExportTime=start)
    held = {}
    for line in aws.read(full["ExportManifest"].replace("summary", "files")).splitlines():
        for row in gzip.decompress(aws.read(json.loads(line)["dataFileS3Key"])).splitlines():
            held[json.loads(row)["Item"]["id"]["S"]] = json.loads(row)["Item"]
    assert held == {name: item(name, 1) for name in ("kept", "changed", "removed")}
    for name, row in changes(aws, window(aws, table, start, end)).items():
        held.pop(name, None)
        held |= {name: row["NewImage"]} if "NewImage" in row else {}
    assert held == {"kept": item("kept", 1), "changed": item("changed", 2), "new": item("new", 1)}


@pytest.mark.parametrize(
    ("first", "last"),
    [(0, 14), (0, 24 * 60 + 1), (20, 5), (5, 5), (-60 * 24 * 40, -60 * 24 * 40 + 20), (26 * 60, 27 * 60)],
)
def test_windows_that_aws_does_not_take_are_refused(aws: Aws, living: Any, first: int, last: int) -> None:
    table, start = living
    let_pass(aws, table, 26 * 60)
    with pytest.raises(ClientError) as raised:
        window(aws, table, start + first * MINUTES, start + last * MINUTES)
    assert raised.value.response["Error"]["Code"] == "InvalidExportTimeException"


def test_recovery_that_was_off_for_a_moment_begins_anew(aws: Aws, living: Any) -> None:
    table, start = living
    end = let_pass(aws, table, 20)
    for on in (False, True):
        aws.source.update_continuous_backups(
            TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": on}
        )
    with pytest.raises(ClientError, match="earliest restorable time"):
        window(aws, table, start, end)


@pytest.mark.parametrize(
    ("flaw", "lines"), [("dropped-change", 1), ("duplicate-key", 3), ("skewed-clock", 2), ("slow-clock", 2)]
)
def test_a_window_can_be_flawed(aws: Aws, living: Any, flaw: str, lines: int) -> None:
    table, start = living
    aws.put_all(table, [item("changed", 2), item("new", 1)])
    end = let_pass(aws, table, 20)
    aws.control("POST", "/_sandbox/faults", {"operation": "ExportTableToPointInTime", "kind": flaw, "times": 1})
    assert window(aws, table, start, end)["ItemCount"] == lines
    assert window(aws, table, start, end)["ItemCount"] == 2


def shape(value: Any) -> Any:
    """Names and types, all the way down, of a manifest or a line; the items' own attributes left out."""
    if isinstance(value, dict):
        return {name: None if name.endswith("Image") or name == "Keys" else shape(v) for name, v in value.items()}
    return type(value).__name__


def test_what_is_written_has_the_members_that_aws_writes(aws: Aws, living: Any) -> None:
    table, start = living
    aws.put_all(table, [item("changed", 2), item("new", 1)])
    aws.source.delete_item(TableName=table, Key={"id": {"S": "removed"}})
    end = let_pass(aws, table, 20)
    done = window(aws, table, start, end)
    summary = json.loads(aws.read(done["ExportManifest"]))
    assert list(summary) == SUMMARY
    assert (summary["version"], summary["exportType"]) == ("2023-08-01", "INCREMENTAL_EXPORT")
    assert (summary["billedSizeBytes"], summary["itemCount"]) == (10_000_000, 3)
    assert [datetime.fromisoformat(summary[f"export{which}Time"]) for which in ("From", "To")] == [start, end]
    assert summary["startTime"].endswith(".000Z")
    specification = {"ExportFromTime": start, "ExportToTime": end, "ExportViewType": "NEW_AND_OLD_IMAGES"}
    assert done["IncrementalExportSpecification"] == specification
    assert (done["ExportType"], "ExportTime" in done) == ("INCREMENTAL_EXPORT", False)
    [listed] = aws.source.list_exports(TableArn=aws.arn(table))["ExportSummaries"]
    assert listed["ExportType"] == "INCREMENTAL_EXPORT"
    entries = [json.loads(line) for line in aws.read(done["ExportManifest"].replace("summary", "files")).splitlines()]
    assert len(entries) == 4
    assert 0 in [entry["itemCount"] for entry in entries]
    assert all(entry["dataFileS3Key"].startswith("test/AWSDynamoDB/data/") for entry in entries)
    folder = done["ExportManifest"].removesuffix("manifest-summary.json")
    names = [
        o["Key"].removeprefix(folder)
        for o in aws.s3.list_objects_v2(Bucket="runbook-staging", Prefix=folder)["Contents"]
    ]
    assert set(names) == {"_started", "manifest-files.json", "manifest-files.md5", "manifest-summary.json",
                          "manifest-summary.md5"}  # fmt: skip
    _compare_with_the_real_one(aws, summary, entries)


def _compare_with_the_real_one(aws: Aws, summary: Row, entries: list[Row]) -> None:
    place = real_chain()
    if place is None:
        return  # what it has was written down above
    lines = [json.loads(row) for e in entries for row in gzip.decompress(aws.read(e["dataFileS3Key"])).splitlines()]
    ours = {json.dumps(shape(line)) for line in lines}
    theirs = set()
    for export in (FIRST, SECOND):
        folder = place / "AWSDynamoDB" / export
        real = json.loads((folder / "manifest-summary.json").read_bytes())
        assert list(real) == SUMMARY
        assert shape(real | {"s3Prefix": "test"}) == shape(summary)
        for line in (folder / "manifest-files.json").read_bytes().splitlines():
            assert shape(json.loads(line)) == shape(entries[0])
            packed = (place / json.loads(line)["dataFileS3Key"]).read_bytes()
            theirs |= {json.dumps(shape(json.loads(row))) for row in gzip.decompress(packed).splitlines()}
    assert ours == theirs
