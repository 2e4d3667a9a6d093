"""Attacks that once succeeded on other runs, on reused exports and on readings, by commands and over HTTP alone."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from tests.support import between, liar
from tests.support.in_process import runbook_here
from tests.support.tables import CREATE_MISSING, source_without_target, turn_on_recovery
from tests.support.world import World, things

Objects = dict[str, bytes]


def ran(config: Path, run_id: str, *more: str) -> CompletedProcess[str]:
    return runbook_here("run", config, "--run-id", run_id, *more)


def row(world: World, run_id: str) -> dict[str, Any]:
    (found,) = world.record(run_id)["tables"]
    return dict(found)


def bytes_of(folder: Path) -> Objects:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def folder_of(world: World, arn: str) -> str:
    listed = world.s3.list_objects_v2(Bucket=world.bucket)["Contents"]
    (key,) = [one["Key"] for one in listed if one["Key"].endswith(f"/{arn.rpartition('/')[2]}/manifest-summary.json")]
    return str(key).removesuffix("manifest-summary.json")


def swapped(world: World, folder: str, other: str) -> None:
    """Put another table's export where one is, under its name and with sums that fit."""
    name, other_name = (one.rstrip("/").rpartition("/")[2].encode() for one in (folder, other))
    for listed in world.s3.list_objects_v2(Bucket=world.bucket, Prefix=other)["Contents"]:
        key = listed["Key"].replace(other, folder)
        body = world.s3.get_object(Bucket=world.bucket, Key=listed["Key"])["Body"].read().replace(other_name, name)
        if not key.endswith(".md5"):
            world.s3.put_object(Bucket=world.bucket, Key=key, Body=body)
        if key.endswith(".json"):
            side = base64.b64encode(hashlib.md5(body).digest())
            world.s3.put_object(Bucket=world.bucket, Key=f"{key.removesuffix('.json')}.md5", Body=side)


@pytest.mark.chaos
def test_an_export_that_is_exchanged_after_the_preflight_is_not_loaded(world: World) -> None:
    world.pair("a", things(30))
    world.pair("b", things(7))
    assert ran(world.config(), "e").returncode == 0
    arns = {one["source"]: str(one["export_arn"]) for one in world.record("e")["tables"]}
    a, b = (folder_of(world, arns[world.src(name)]) for name in "ab")
    config = world.config(
        tables={"include": [world.src("a")]}, export={"reuse": {world.src("a"): f"s3://{world.bucket}/{a}"}}
    )
    assert ran(config, "r", "--only", "preflight").returncode == 0
    swapped(world, a, b)
    done = ran(config, "r", "--execute")
    assert (done.returncode, world.record("r")["verdict"]) == (1, "FAIL")
    assert world.items(world.target, world.dst("a")) == []


@pytest.mark.chaos
def test_items_of_others_are_extra_however_many_were_there_before(world: World) -> None:
    world.pair("a", things(50))
    world.put(world.target, world.dst("a"), things(50, old={"BOOL": True}))
    turn_on_recovery(world, world.target, world.dst("a"))
    config = world.config(**{"import": {"on_non_empty": "overwrite"}})
    assert ran(config, "r", "--execute").returncode == 0
    world.put(world.target, world.dst("a"), [{"id": {"S": f"foreign{n}"}} for n in range(50)])
    assert ran(config, "r", "--from", "validate", "--execute").returncode == 1
    assert (row(world, "r")["verdict"], row(world, "r")["extra"]) == ("FAIL", 50)


@pytest.mark.whole
@pytest.mark.parametrize("made_by_the_run", [True, False])
@pytest.mark.few(1)
def test_a_cleanup_takes_nothing_that_a_later_run_wrote_and_proved(world: World, made_by_the_run: bool) -> None:
    if made_by_the_run:
        source_without_target(world, "a", 30)
    else:
        world.pair("a", things(30))
    first = world.config(**CREATE_MISSING)
    assert ran(first, "first", "--execute").returncode == 0
    world.put(world.source, world.src("a"), [{"id": {"S": f"new{n}"}} for n in range(5)])
    assert ran(world.config(**{"import": {"on_non_empty": "append"}}), "later", "--execute").returncode == 0
    assert len(world.items(world.target, world.dst("a"))) == 35
    first = world.config(**CREATE_MISSING)
    done = runbook_here("cleanup", first, "--run-id", "first", "--execute", "--confirm", "first")
    assert done.returncode == 1
    assert len(world.items(world.target, world.dst("a"))) == 35


@pytest.mark.chaos
def test_a_validation_that_stopped_does_not_believe_what_it_had_scanned(world: World) -> None:
    world.pair("a", things(400))
    pages: list[bytes] = []

    def is_comparing(request: liar.Request) -> bool:
        is_scan = request.operation == "Scan" and request.json["TableName"] == world.dst("a")
        return is_scan and lying.count("BatchWriteItem") > 0 and "Select" not in request.json

    def instead(request: liar.Request) -> liar.Answer | None:
        if is_comparing(request):
            pages.append(request.body)
        return liar.aws_error("AccessDeniedException") if len(pages) > 4 else None

    def rewrite(request: liar.Request) -> bytes:
        return json.dumps(request.json | {"Limit": 20}).encode() if is_comparing(request) else request.body

    with liar.between(world.endpoint) as lying:
        lying.instead, lying.rewrite = instead, rewrite
        config = world.config(target={"endpoint_url": lying.endpoint})
        assert ran(config, "r", "--execute").returncode == 1
        assert len(pages) > 4
        lying.instead = lambda request: None
        for item in things(400):
            world.target.delete_item(TableName=world.dst("a"), Key={"id": item["id"]})
        assert ran(config, "r", "--execute").returncode == 1
    assert (row(world, "r")["verdict"], row(world, "r")["missing"]) == ("FAIL", 400)


@pytest.mark.chaos
def test_a_page_of_the_source_that_loses_its_key_is_a_fail(world: World) -> None:
    world.pair("a", things(400), pitr=False)
    cut: list[int] = []

    def is_reading(request: liar.Request) -> bool:
        return (
            request.operation == "Scan" and request.json["TableName"] == world.src("a") and "Select" not in request.json
        )

    def rewrite(request: liar.Request) -> bytes:
        return json.dumps(request.json | {"Limit": 20}).encode() if is_reading(request) else request.body

    def after(request: liar.Request, status: int, body: bytes) -> liar.Answer | None:
        if not is_reading(request) or cut or "LastEvaluatedKey" not in (said := json.loads(body)):
            return None
        cut.append(1)
        del said["LastEvaluatedKey"]
        return status, json.dumps(said).encode()

    with liar.between(world.endpoint) as lying:
        lying.rewrite, lying.after = rewrite, after
        config = world.config(source={"endpoint_url": lying.endpoint}, export={"without_pitr": "scan"})
        done = ran(config, "r", "--execute")
    assert cut
    is_whole = len(world.items(world.target, world.dst("a"))) == 400
    assert (done.returncode == 0) == is_whole  # it reads again, or fails
    assert (row(world, "r")["verdict"] == "PASS") == is_whole


@pytest.mark.chaos
def test_no_hash_of_a_key_that_anybody_can_compute_is_published(world: World) -> None:
    ssn = "078-05-1120"
    world.pair("a", [{"id": {"S": ssn}, "x": {"S": "x"}}, *things(5)])
    config = world.config()
    assert ran(config, "r", "--execute").returncode == 0
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": ssn}})
    assert ran(config, "r", "--from", "validate", "--execute").returncode == 1
    spelled = json.dumps({"id": {"S": ssn}}, separators=(",", ":")).encode()
    plain = hashlib.blake2b(spelled, digest_size=16)
    for name, body in bytes_of(world.folder / "reports").items():
        assert ssn.encode() not in body, name
        assert plain.hexdigest().encode() not in body, name
        assert plain.digest() not in body, name


@pytest.mark.chaos
def test_a_refused_start_changes_no_byte_of_a_sealed_run(world: World) -> None:
    world.pair("a", things(10))
    assert ran(world.config(), "r", "--execute").returncode == 0
    before = bytes_of(world.folder / "reports" / "r")
    assert ran(world.config(staging={"prefix": "another"}), "r", "--execute").returncode == 2
    wrong = world.config(confirm_target="222233334444/us-east-2")
    assert ran(wrong, "r", "--execute").returncode == 2
    assert runbook_here("cleanup", world.config(), "--run-id", "r", "--execute", "--confirm", "x").returncode == 2
    assert bytes_of(world.folder / "reports" / "r") == before


@pytest.mark.chaos
def test_a_write_conflict_with_a_replica_ends_no_run(world: World) -> None:
    world.pair("a", things(60))
    conflicts: list[int] = []

    def before(asked: between.Asked) -> between.Said | None:
        if asked.operation != "BatchWriteItem" or len(conflicts) > 2:
            return None
        conflicts.append(1)
        return between.refusal("ReplicatedWriteConflictException", 409)

    with between.between(world.endpoint, before=before) as server:
        done = ran(world.config(target={"endpoint_url": server.endpoint}), "r", "--execute")
    assert (done.returncode, len(conflicts)) == (0, 3), done.stdout + done.stderr


@pytest.mark.chaos
def test_a_store_that_knows_no_chunked_uploads_takes_a_scan(world: World) -> None:
    world.pair("a", things(30), pitr=False)
    refused: list[str] = []

    def before(asked: between.Asked) -> between.Said | None:
        headers = {name.lower(): value for name, value in asked.headers.items()}
        is_chunked = "aws-chunked" in headers.get("content-encoding", "") or "x-amz-trailer" in headers
        if asked.method != "PUT" or not (is_chunked or "x-amz-sdk-checksum-algorithm" in headers):
            return None
        refused.append(asked.path)
        said = b"<?xml version='1.0'?><Error><Code>NotImplemented</Code><Message>aws-chunked</Message></Error>"
        return 501, [("Content-Type", "application/xml")], said

    with between.between(world.endpoint, before=before) as server:
        config = world.config(staging={"endpoint_url": server.endpoint}, export={"without_pitr": "scan"})
        done = ran(config, "r", "--execute")
    assert (done.returncode, refused) == (0, []), done.stdout + done.stderr


@pytest.mark.chaos
def test_a_gateway_that_shows_what_it_was_sent_brings_no_item_into_a_run_or_onto_the_screen(world: World) -> None:
    ssn = "078-05-1120"
    world.pair("a", [{"id": {"S": f"i{n}"}, "ssn": {"S": ssn}} for n in range(20)])
    shown: list[bytes] = []

    def before(asked: between.Asked) -> between.Said | None:
        if asked.operation != "BatchWriteItem":
            return None
        shown.append(asked.body)
        return 403, [("Content-Type", "text/html")], b"<html>Blocked: " + asked.body + b"</html>"

    with between.between(world.endpoint, before=before) as server:
        done = ran(world.config(target={"endpoint_url": server.endpoint}), "r", "--execute")
    assert done.returncode == 1
    assert any(ssn.encode() in body for body in shown)
    assert ssn not in done.stdout + done.stderr
    assert [name for name, body in bytes_of(world.folder / "reports").items() if ssn.encode() in body] == []
