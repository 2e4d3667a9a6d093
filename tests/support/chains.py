"""A full export and its windows of one table, made in the sandbox or by AWS, that lie in a bucket to be reused."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.real_chain import FIRST, FULL, SECOND, real_chain
from tests.support.world import World

KEYS = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
}


def entry(pk: str, sk: str, **more: Any) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}, **more}


def exported(world: World, name: str, **asked: Any) -> tuple[str, dict[str, Any]]:
    """The folder of a finished export of a source table, and what DescribeExport says."""
    arn = world.source.describe_table(TableName=world.src(name))["Table"]["TableArn"]
    made = world.source.export_table_to_point_in_time(TableArn=arn, S3Bucket=world.bucket, **asked)["ExportDescription"]
    for _ in range(400):
        said = world.source.describe_export(ExportArn=made["ExportArn"])["ExportDescription"]
        if said["ExportStatus"] == "COMPLETED":
            return f"s3://{world.bucket}/{said['ExportManifest'].removesuffix('manifest-summary.json')}", said
        time.sleep(0.05)
    raise AssertionError(f"{made['ExportArn']} does not end")


def window(world: World, name: str, start: datetime, minutes: float) -> str:
    span = {"ExportFromTime": start, "ExportToTime": start + timedelta(minutes=minutes)}
    return exported(world, name, ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=span)[0]


def chain_of(world: World, quiet_seconds: int) -> tuple[list[str], str, list[dict[str, Any]]]:
    """A full export and two windows that begin `quiet_seconds` after it, that gap, and what is there at the end."""
    world.pair("a", [entry("1", "1", test={"S": "test"}), entry("1", "2"), entry("1", "3")], **KEYS)
    began = datetime.now(UTC).replace(microsecond=0)
    full, said = exported(world, "a", ExportTime=began)
    began = said["ExportTime"]
    start = began + timedelta(seconds=quiet_seconds)
    world.let_pass("a", 3)
    world.put(world.source, world.src("a"), [entry("2", "1"), entry("2", "3"), entry("3", "1", n={"N": "1.50"})])
    world.let_pass("a", 16)
    first = window(world, "a", start, 15)
    world.put(world.source, world.src("a"), [entry("1", "3", b={"B": "AAAA"}), entry("4", "2")])
    for sk in ("1", "3"):
        key = {"pk": {"S": "1" if sk == "1" else "2"}, "sk": {"S": sk}}
        world.source.delete_item(TableName=world.src("a"), Key=key)
    world.let_pass("a", 16)
    second = window(world, "a", start + timedelta(minutes=15), 15)
    held = world.items(world.source, world.src("a"))
    return [full, first, second], f"{began.isoformat()}/{start.isoformat()}", held


def upload_real_chain(world: World) -> list[str]:
    """The chain that AWS wrote, without the MD5 of the summaries, in which the account number was replaced since."""
    place = real_chain()
    assert place is not None
    for file in sorted(Path(place).rglob("*")):
        if file.is_file() and file.name != "manifest-summary.md5":
            world.put_object(file.relative_to(place).as_posix(), file.read_bytes())
    return [f"s3://{world.bucket}/AWSDynamoDB/{export}/" for export in (FULL, FIRST, SECOND)]


def edit_summary(world: World, export: str, **changed: Any) -> None:
    """Change what the manifest of an export in the bucket says, as somebody with an editor would."""
    key = export.split("/", 3)[3] + "manifest-summary.json"
    summary = json.loads(world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read()) | changed
    world.put_object(key, json.dumps(summary).encode())
    world.s3.delete_object(Bucket=world.bucket, Key=key.replace(".json", ".md5"))
