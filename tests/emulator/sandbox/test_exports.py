"""ExportTableToPointInTime over HTTP: what AWS accepts, refuses, answers and writes."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from runbook_lib.sandbox.fleet.tables import fleet, fleet_table, item_count

if TYPE_CHECKING:
    from conftest import Aws

SCALE = 0.02


def files_of(aws: Aws, export: dict[str, Any]) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Return each file's manifest entry and its items, the sums checked."""
    manifest = aws.read(export["ExportManifest"].replace("summary", "files"))
    result = []
    for line in manifest.splitlines():
        entry = json.loads(line)
        body = aws.read(entry["dataFileS3Key"])
        digest = hashlib.md5(body).digest()
        assert entry["md5Checksum"] == base64.b64encode(digest).decode()
        assert entry["etag"] == hashlib.md5(digest).hexdigest() + "-1"
        rows = [json.loads(row)["Item"] for row in gzip.decompress(body).split(b"\n") if row]
        assert len(rows) == entry["itemCount"]
        result.append((entry, rows))
    return result


def items_of(aws: Aws, export: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for _, rows in files_of(aws, export) for row in rows]


def error_code(raised: pytest.ExceptionInfo[ClientError]) -> str:
    return str(raised.value.response["Error"]["Code"])


def test_a_fresh_export_is_in_progress_and_says_what_aws_says(aws: Aws) -> None:
    table = fleet_table("companies").source
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    started = aws.source.export_table_to_point_in_time(
        TableArn=aws.arn(table), S3Bucket="runbook-staging", S3Prefix="test"
    )["ExportDescription"]
    assert started["ExportStatus"] == "IN_PROGRESS"
    assert re.fullmatch(re.escape(aws.arn(table)) + r"/export/\d{14}-[0-9a-f]{8}", started["ExportArn"])
    assert set(started) == {
        "ExportArn",
        "ExportStatus",
        "StartTime",
        "TableArn",
        "TableId",
        "ExportTime",
        "ClientToken",
        "S3Bucket",
        "S3Prefix",
        "S3SseAlgorithm",
        "ExportFormat",
    }
    assert started["TableId"] == aws.source.describe_table(TableName=table)["Table"]["TableId"]
    done = aws.finished(started["ExportArn"])
    assert done["ExportStatus"] == "COMPLETED"
    assert done["ItemCount"] == item_count(fleet_table("companies"), SCALE)
    assert done["BilledSizeBytes"] > 0
    assert before <= done["StartTime"] <= done["EndTime"]
    assert (done["EndTime"] - done["StartTime"]).total_seconds() >= aws.export_seconds
    export_id = done["ExportArn"].rpartition("/")[2]
    assert done["ExportManifest"] == f"test/AWSDynamoDB/{export_id}/manifest-summary.json"


def test_the_manifest_agrees_with_describe_export(aws: Aws) -> None:
    done = aws.export(fleet_table("loans").source)
    raw = aws.read(done["ExportManifest"])
    summary = json.loads(raw)
    assert list(summary) == [
        "version",
        "exportArn",
        "startTime",
        "endTime",
        "tableArn",
        "tableId",
        "exportTime",
        "s3Bucket",
        "s3Prefix",
        "s3SseAlgorithm",
        "s3SseKmsKeyId",
        "manifestFilesS3Key",
        "billedSizeBytes",
        "itemCount",
        "outputFormat",
    ]
    assert summary["exportArn"] == done["ExportArn"]
    assert summary["itemCount"] == done["ItemCount"]
    assert summary["billedSizeBytes"] == done["BilledSizeBytes"]
    for name, key in (("startTime", "StartTime"), ("endTime", "EndTime"), ("exportTime", "ExportTime")):
        assert datetime.fromisoformat(summary[name]) == done[key].replace(microsecond=round(done[key].microsecond, -3))
    sidecar = aws.read(done["ExportManifest"].replace(".json", ".md5"))
    assert sidecar == base64.b64encode(hashlib.md5(raw).digest())


def test_the_objects_of_an_export_are_those_aws_writes(aws: Aws) -> None:
    done = aws.export(fleet_table("users").source)
    folder = done["ExportManifest"].removesuffix("manifest-summary.json")
    listed = aws.s3.list_objects_v2(Bucket="runbook-staging", Prefix=folder)["Contents"]
    names = {entry["Key"].removeprefix(folder) for entry in listed}
    assert {name for name in names if not name.startswith("data/")} == {
        "_started",
        "manifest-files.json",
        "manifest-files.md5",
        "manifest-summary.json",
        "manifest-summary.md5",
    }
    assert all(re.fullmatch(r"data/[a-z2-7]{26}\.json\.gz", name) for name in names if name.startswith("data/"))
    etags = {entry["Key"]: entry["ETag"].strip('"') for entry in listed}
    for entry, _ in files_of(aws, done):
        assert etags[entry["dataFileS3Key"]] == entry["etag"]


def test_each_file_is_one_hash_range_in_hash_order(aws: Aws) -> None:
    done = aws.export(fleet_table("statements").source)
    files = [rows for _, rows in files_of(aws, done)]
    ranges = [[hashlib.md5(row["id"]["S"].encode()).digest() for row in rows] for rows in files]
    assert len(files) >= 4
    assert all(hashes == sorted(hashes) for hashes in ranges)
    flat = [place for hashes in ranges for place in hashes]
    assert flat == sorted(flat)
    keys = [row["id"]["S"] for rows in files for row in rows]
    assert keys != sorted(keys)


@pytest.mark.parametrize("name", ["approvals", "companies", "banks"])
def test_small_tables_have_files_without_items(aws: Aws, name: str) -> None:
    done = aws.export(fleet_table(name).source)
    counts = [entry["itemCount"] for entry, _ in files_of(aws, done)]
    assert len(counts) >= 4
    assert 0 in counts
    assert sum(counts) == done["ItemCount"] == item_count(fleet_table(name), SCALE)


def test_an_export_holds_exactly_what_a_scan_returns(aws: Aws) -> None:
    table = fleet_table("loan-loc").source
    exported = items_of(aws, aws.export(table))
    scanned = []
    for page in aws.source.get_paginator("scan").paginate(TableName=table):
        scanned += page["Items"]
    assert [bytes_as_text(item) for item in scanned] == exported


def bytes_as_text(value: Any) -> Any:
    """Undo boto3's decoding of binary values."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: bytes_as_text(member) for name, member in value.items()}
    return [bytes_as_text(member) for member in value] if isinstance(value, list) else value


def test_the_point_in_time_is_the_moment_of_the_call(aws: Aws, new_table: Any) -> None:
    table = new_table(recovery=True)
    aws.put_all(table, [{"id": {"S": f"{n}"}, "v": {"N": "1"}} for n in range(60)])
    started = aws.source.export_table_to_point_in_time(TableArn=aws.arn(table), S3Bucket="runbook-staging")
    aws.put_all(table, [{"id": {"S": f"late-{n}"}} for n in range(30)])
    aws.source.update_item(
        TableName=table,
        Key={"id": {"S": "1"}},
        UpdateExpression="SET v = :two",
        ExpressionAttributeValues={":two": {"N": "2"}},
    )
    aws.source.delete_item(TableName=table, Key={"id": {"S": "2"}})
    done = aws.finished(started["ExportDescription"]["ExportArn"])
    exported = {row["id"]["S"]: row["v"]["N"] for row in items_of(aws, done)}
    assert exported == {str(n): "1" for n in range(60)}
    later = {row["id"]["S"] for row in items_of(aws, aws.export(table))}
    assert "2" not in later
    assert len(later) == 89


def test_without_a_prefix_the_folder_is_at_the_root(aws: Aws) -> None:
    started = aws.source.export_table_to_point_in_time(
        TableArn=aws.arn(fleet_table("approvals").source), S3Bucket="runbook-staging"
    )["ExportDescription"]
    assert "S3Prefix" not in started
    done = aws.finished(started["ExportArn"])
    assert done["ExportManifest"].startswith("AWSDynamoDB/")
    assert json.loads(aws.read(done["ExportManifest"]))["s3Prefix"] is None


def test_recovery_off_and_unknown_tables_are_refused(aws: Aws) -> None:
    with pytest.raises(ClientError) as raised:
        aws.export(fleet_table("cases").source)
    assert error_code(raised) == "PointInTimeRecoveryUnavailableException"
    with pytest.raises(ClientError) as raised:
        aws.export("no-such-table")
    assert error_code(raised) == "TableNotFoundException"


def test_a_missing_bucket_is_accepted_and_then_fails(aws: Aws) -> None:
    done = aws.export(fleet_table("approvals").source, S3Bucket="no-such-bucket-here")
    assert done["ExportStatus"] == "FAILED"
    assert done["FailureCode"] == "S3NoSuchBucket"
    assert done["FailureMessage"]
    assert "ExportManifest" not in done


def test_the_same_token_is_the_same_export_and_other_parameters_conflict(aws: Aws) -> None:
    request = {
        "TableArn": aws.arn(fleet_table("approvals").source),
        "S3Bucket": "runbook-staging",
        "ClientToken": "token-1",
    }
    first = aws.source.export_table_to_point_in_time(**request)["ExportDescription"]
    again = aws.source.export_table_to_point_in_time(**request)["ExportDescription"]
    assert again["ExportArn"] == first["ExportArn"]
    assert again["ClientToken"] == "token-1"
    with pytest.raises(ClientError) as raised:
        aws.source.export_table_to_point_in_time(**request, S3Prefix="elsewhere")
    assert error_code(raised) == "ExportConflictException"


def test_the_export_time_must_lie_in_the_recovery_window(aws: Aws) -> None:
    table = fleet_table("approvals").source
    wanted = (datetime.now(UTC) - timedelta(days=1)).replace(microsecond=0)
    assert aws.export(table, ExportTime=wanted)["ExportTime"] == wanted
    for moment in (datetime.now(UTC) + timedelta(minutes=5), datetime.now(UTC) - timedelta(days=400)):
        with pytest.raises(ClientError) as raised:
            aws.export(table, ExportTime=moment)
        assert error_code(raised) == "InvalidExportTimeException"


@pytest.mark.parametrize(
    "extra",
    [
        {"ExportFormat": "ION"},
        {"ExportType": "INCREMENTAL_EXPORT"},
        {"IncrementalExportSpecification": {}},
        {"ExportType": "INCREMENTAL_EXPORT", "IncrementalExportSpecification": {"ExportFromTime": 1}, "ExportTime": 1},
    ],
)
def test_what_the_sandbox_does_not_do_is_refused(aws: Aws, extra: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as raised:
        aws.export(fleet_table("companies").source, **extra)
    assert error_code(raised) == "ValidationException"


def test_an_unknown_export_is_not_found(aws: Aws) -> None:
    with pytest.raises(ClientError) as raised:
        aws.source.describe_export(ExportArn=aws.arn("x") + "/export/01715685260608-c488b4e1")
    assert error_code(raised) == "ExportNotFoundException"


def test_exports_are_listed_newest_first_in_pages(aws: Aws, new_table: Any) -> None:
    table = new_table(recovery=True)
    made = [aws.export(table)["ExportArn"] for _ in range(26)]  # one more than a page holds
    first = aws.source.list_exports(TableArn=aws.arn(table), MaxResults=2)
    rest = aws.source.list_exports(TableArn=aws.arn(table), MaxResults=25, NextToken=first["NextToken"])
    listed = [entry["ExportArn"] for entry in first["ExportSummaries"] + rest["ExportSummaries"]]
    assert listed == made[::-1]
    assert "NextToken" not in rest
    everything = aws.source.list_exports()
    assert len(everything["ExportSummaries"]) == 25
    assert "NextToken" in everything


def test_older_exports_of_the_fleet_lie_under_the_same_prefix(aws: Aws) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    for table in fleet():
        arns = [
            entry["ExportArn"] for entry in aws.source.list_exports(TableArn=aws.arn(table.source))["ExportSummaries"]
        ]
        old = [aws.finished(arn) for arn in arns]
        old = [export for export in old if export["StartTime"] < yesterday]
        assert len(old) == (2 if table.short_name == "companies" else int(table.point_in_time_recovery))
        for export in old:
            assert export["ExportStatus"] == "COMPLETED"
            assert export["ExportManifest"].startswith("exports/AWSDynamoDB/")
            summary = json.loads(aws.read(export["ExportManifest"]))
            assert summary["itemCount"] == export["ItemCount"] == item_count(table, SCALE)
    companies = aws.source.list_exports(TableArn=aws.arn(fleet_table("companies").source))["ExportSummaries"]
    oldest = aws.finished(companies[-1]["ExportArn"])
    assert len(items_of(aws, oldest)) == oldest["ItemCount"]


def test_a_table_created_again_has_another_id(aws: Aws, new_table: Any) -> None:
    table = new_table()
    described = aws.source.describe_table(TableName=table)["Table"]
    assert aws.source.describe_table(TableName=table)["Table"]["TableId"] == described["TableId"]
    aws.source.delete_table(TableName=table)
    again = aws.source.create_table(
        TableName=table,
        KeySchema=described["KeySchema"],
        AttributeDefinitions=described["AttributeDefinitions"],
        BillingMode="PAY_PER_REQUEST",
    )["TableDescription"]
    assert again["TableId"] != described["TableId"]


FILTERS: list[tuple[dict[str, Any], list[str]]] = [
    ({"FilterExpression": "n >= :n", "ExpressionAttributeValues": {":n": {"N": "3"}}}, ["3", "4"]),
    ({"KeyConditionExpression": "id = :i", "ExpressionAttributeValues": {":i": {"S": "i2"}}}, ["2"]),
    ({"ProjectionExpression": "#m.a, n", "ExpressionAttributeNames": {"#m": "m"}}, ["0", "1", "2", "3", "4"]),
]


@pytest.mark.parametrize(("specification", "numbers"), FILTERS, ids=[min(s) for s, _ in FILTERS])
def test_a_filter_leaves_out_what_it_says_and_is_described(
    aws: Aws, new_table: Callable[..., str], specification: dict[str, Any], numbers: list[str]
) -> None:
    table = new_table(recovery=True)
    items = [
        {"id": {"S": f"i{n}"}, "n": {"N": str(n)}, "m": {"M": {"a": {"S": "x"}, "b": {"S": "y"}}}} for n in range(5)
    ]
    aws.put_all(table, items)
    description = aws.export(table, FilterSpecification=specification)
    assert description["FilterSpecification"] == specification
    assert description["ItemCount"] == len(numbers)
    lines = [json.loads(line)["Item"] for line in _lines(aws, description)]
    assert sorted(item["n"]["N"] for item in lines) == numbers
    if "ProjectionExpression" in specification:
        assert all(item.keys() == {"n", "m"} and item["m"] == {"M": {"a": {"S": "x"}}} for item in lines)
    else:
        assert all(item in items for item in lines)


@pytest.mark.parametrize(
    "specification",
    [{}, {"FilterExpression": "n >"}, {"FilterExpression": "n = :unknown"}, {"ExpressionAttributeNames": {"#a": "a"}}],
)
def test_a_filter_that_says_nothing_is_refused(
    aws: Aws, new_table: Callable[..., str], specification: dict[str, Any]
) -> None:
    table = new_table(recovery=True)
    with pytest.raises(ClientError, match="ValidationException"):
        aws.export(table, FilterSpecification=specification)


def _lines(aws: Aws, description: dict[str, Any]) -> list[bytes]:
    manifest = json.loads(aws.read(description["ExportManifest"]))
    files = [json.loads(line) for line in aws.read(manifest["manifestFilesS3Key"]).splitlines()]
    return [line for file in files for line in gzip.decompress(aws.read(file["dataFileS3Key"])).splitlines()]
