"""The source cannot be harmed and the target only where the plan says; shown for every operation there is."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.endpoint import EndpointCreator

from runbook_lib.aws.guard.allowed_calls import (
    SOURCE,
    SOURCE_RECOVERY,
    STAGING,
    TARGET,
    TARGET_WARMING,
    TARGET_WRITES,
)
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.session.clients import connect
from runbook_lib.config.model import load_config
from runbook_lib.errors import ForbiddenCall
from tests.support.world import ACCOUNT, World, things
from tools.allowed_calls_page import PAGE, rows, verdicts_of


class Sent(Exception):
    """The guard let a call through; it was stopped on its way out."""


def stop(**_: Any) -> None:
    raise Sent


def guarded(side: str, allowed: frozenset[str], calls: Calls) -> botocore.session.Session:
    session = botocore.session.Session()
    Guard(side, allowed, calls).attach(session.get_component("event_emitter"))
    session.register("before-send.*.*", stop)
    return session


def below(client: Any) -> Any:
    """What sends a client's requests, with its events: no method, no parameters, no events of either."""
    return EndpointCreator(client.meta.events).create_endpoint(
        client.meta.service_model, "us-east-1", "http://127.0.0.1:9"
    )


SIDES = {"source": SOURCE, "target": TARGET, "staging": STAGING}
SERVICES = ("dynamodb", "s3", "sts", "dynamodbstreams", "iam", "lambda", "kms")
ARGUMENTS = {"service_name": "", "aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_that_is_not_listed_is_refused_before_it_is_sent(side: str, service: str) -> None:
    calls, allowed = Calls(), SIDES[side]
    client = guarded(side, allowed, calls).create_client(
        **ARGUMENTS | {"service_name": service, "endpoint_url": "http://127.0.0.1:9"}
    )
    refused = 0
    for method, operation in client.meta.method_to_api_mapping.items():
        if f"{service}:{operation}" in allowed:
            continue
        refused += 1
        with pytest.raises(ForbiddenCall):
            getattr(client, method)()
        with pytest.raises(ForbiddenCall):
            client.generate_presigned_url(method)
        if client.can_paginate(method):
            with pytest.raises(ForbiddenCall):
                next(iter(client.get_paginator(method).paginate()))
        model = client.meta.service_model.operation_model(operation)
        with pytest.raises(ForbiddenCall):  # below the client: no parameters, no events of its methods
            below(client).make_request(model, {"url": "http://127.0.0.1:9/", "context": {}} | EMPTY)
    if service == "s3":
        with pytest.raises(ForbiddenCall):
            client.generate_presigned_post("some-bucket", "key")
    client.close()
    assert refused
    assert calls.of(side) == {}


EMPTY: dict[str, Any] = {"method": "POST", "headers": {}, "body": b"", "url_path": "/", "query_string": {}}
PARAMETERS: dict[str, dict[str, str]] = {
    "bucket_exists": {"Bucket": "b"}, "bucket_not_exists": {"Bucket": "b"},
    "object_exists": {"Bucket": "b", "Key": "k"}, "object_not_exists": {"Bucket": "b", "Key": "k"},
    "table_exists": {"TableName": "ttt"}, "table_not_exists": {"TableName": "ttt"},
    "contributor_insights_enabled": {"TableName": "ttt"}, "kinesis_streaming_destination_active": {"TableName": "ttt"},
    "export_completed": {"ExportArn": "arn:" + "x" * 40}, "import_completed": {"ImportArn": "arn:" + "x" * 40},
}  # fmt: skip


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("service", ["dynamodb", "s3"])
def test_a_waiter_asks_only_what_is_listed(side: str, service: str) -> None:
    client = guarded(side, SIDES[side], Calls()).create_client(**ARGUMENTS | {"service_name": service})
    for name in client.waiter_names:
        waiter = client.get_waiter(name)
        allowed = f"{service}:{waiter.config.operation}" in SIDES[side]
        with pytest.raises(Sent if allowed else ForbiddenCall):
            waiter.wait(**PARAMETERS.get(name, {}))
    client.close()


def test_a_resource_is_guarded_like_a_client() -> None:
    session = boto3.Session(botocore_session=guarded("source", SOURCE, Calls()))
    arguments = ARGUMENTS | {"endpoint_url": "http://127.0.0.1:9"}
    table = session.resource(**arguments | {"service_name": "dynamodb"}).Table("ttt")
    thing = session.resource(**arguments | {"service_name": "s3"}).Object("bucket", "key")
    for call in (
        lambda: table.put_item(Item={"id": "x"}),
        lambda: table.delete(),
        lambda: table.update(BillingMode="PROVISIONED"),
        lambda: put_batch(table),
        lambda: thing.put(Body=b""),
        lambda: thing.upload_fileobj(io.BytesIO(b"")),
        lambda: list(thing.Bucket().objects.all()),
    ):
        with pytest.raises(ForbiddenCall):
            call()
    with pytest.raises(Sent):
        table.load()


def put_batch(table: Any) -> None:
    with table.batch_writer() as batch:
        batch.put_item(Item={"id": "x"})


def test_a_grant_is_for_the_tables_it_names_and_for_their_plain_names() -> None:
    session = botocore.session.Session()
    grants = {operation: frozenset({"mine"}) for operation in SOURCE_RECOVERY}
    Guard("source", SOURCE, Calls(), grants).attach(session.get_component("event_emitter"))
    session.register("before-send.*.*", stop)
    client = session.create_client(**ARGUMENTS | {"service_name": "dynamodb"})
    wanted = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    with pytest.raises(Sent):
        client.update_continuous_backups(TableName="mine", **wanted)
    for other in ("other", f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/mine", "mine2"):
        with pytest.raises(ForbiddenCall, match="was not asked for"):
            client.update_continuous_backups(TableName=other, **wanted)
        with pytest.raises(ForbiddenCall, match="was not asked for"):
            client.generate_presigned_url("update_continuous_backups", {"TableName": other, **wanted})
    off = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False}}
    with pytest.raises(ForbiddenCall, match="something else"):
        client.update_continuous_backups(TableName="mine", **off)
    with pytest.raises(ForbiddenCall):
        client.put_item(TableName="mine", Item={"id": {"S": "x"}})
    model = client.meta.service_model.operation_model("UpdateContinuousBackups")
    for params, words in (
        ({"TableName": "other", **wanted}, "was not asked for"),
        ({"TableName": "mine", **off}, "else"),
    ):
        raw = EMPTY | {"url": "http://127.0.0.1:9/", "context": {}, "body": json.dumps(params).encode()}
        with pytest.raises(ForbiddenCall, match=words):  # below the client
            below(client).make_request(model, raw)
        client.meta.events.register("before-call.*.*", lambda params, body=raw["body"], **_: params.update(body=body))
        with pytest.raises(ForbiddenCall, match=words):  # by a handler that changes the request on its way
            client.update_continuous_backups(TableName="mine", **wanted)
    client.close()


def test_the_page_of_allowed_calls_says_what_the_guard_does() -> None:
    """Operations that another botocore knows and the page does not are covered by the tests above."""
    text = PAGE.read_text(encoding="utf-8")
    shown = {cells[1].strip(" `"): tuple(c.strip() for c in cells[2:5]) for cells in rows(text)}
    for operation, verdicts in shown.items():
        assert verdicts == verdicts_of(operation), f"{operation}: python -m tools.allowed_calls_page"
    assert {o for side in SIDES.values() for o in side} | SOURCE_RECOVERY | TARGET_WRITES | TARGET_WARMING <= set(shown)
    assert sum(o.startswith("dynamodb:") for o in shown) > 50
    assert sum(o.startswith("s3:") for o in shown) > 90


def test_nothing_on_the_source_list_can_change_a_table() -> None:
    writing = ("Put", "Update", "Delete", "Create", "Write", "Restore", "Import", "Tag", "Untag", "Enable", "Disable")
    assert not [op for op in SOURCE if op.split(":")[1].startswith(writing) or "Write" in op or "Execute" in op]


def test_no_side_may_list_a_bucket() -> None:
    assert not [op for side in (SOURCE, TARGET, STAGING) for op in side if "ListObjects" in op]


def test_a_run_cannot_write_to_its_source_by_any_client(world: World) -> None:
    world.pair("a", things(3))
    run = world.open()
    for client in (run.clients.source, run.clients.target):
        with pytest.raises(ForbiddenCall):
            client.put_item(TableName=world.src("a"), Item={"id": {"S": "x"}})
        with pytest.raises(ForbiddenCall):
            client.delete_table(TableName=world.src("a"))
    with pytest.raises(ForbiddenCall):
        run.clients.source_wire.post("BatchWriteItem", b"{}")
    with pytest.raises(ForbiddenCall):
        run.clients.source_wire.put_lines(world.src("a"), [])
    with pytest.raises(ForbiddenCall):
        run.clients.staging.list_objects_v2(Bucket=world.bucket)
    assert len(world.items(world.source, world.src("a"))) == 3


def test_the_writer_writes_to_the_granted_tables_and_no_other(world: World) -> None:
    world.pair("a")
    writer = world.open().clients.writer(frozenset({world.dst("a")}))
    with pytest.raises(ForbiddenCall, match="not part of the plan"):
        writer.put_lines(world.dst("b"), [])
    with pytest.raises(ForbiddenCall, match="not part of the plan"):
        writer.put_lines(f"arn:aws:dynamodb:us-east-2:{ACCOUNT}:table/{world.dst('a')}", [])
    for operation in ("DeleteTable", "UpdateTable", "PutItem"):
        with pytest.raises(ForbiddenCall):
            writer.post(operation, b"{}")
    put = [{"PutRequest": {"Item": {"id": {"S": "x"}}}}]
    foreign = json.dumps({"RequestItems": {world.dst("a"): put, world.dst("b"): put}}).encode()
    with pytest.raises(ForbiddenCall, match="alone"):
        writer.write_item("BatchWriteItem", world.dst("a"), foreign)
    with pytest.raises(ForbiddenCall, match="named"):
        writer.post("BatchWriteItem", foreign)


def test_no_writer_is_made_for_a_table_of_another_account_region_or_name(world: World) -> None:
    world.pair("a")
    clients = world.open().clients
    name = world.dst("a")
    for wrong in (f"arn:aws:dynamodb:us-east-2:{ACCOUNT}:table/{name}", "x/y", ""):
        with pytest.raises(ForbiddenCall, match="plain name"):
            clients.writer(frozenset({wrong}))
    for change in ({"account": "4" * 12}, {"region": "eu-west-1"}):
        other = replace(clients, target_identity=replace(clients.target_identity, **change))
        with pytest.raises(ForbiddenCall, match="writing to"):
            other.writer(frozenset({name}))
        with pytest.raises(ForbiddenCall, match="writing to"):
            other.warming(frozenset({name}))


def test_a_profile_that_assumes_a_role_is_not_refused_by_the_guard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a profile asks of STS to get its credentials is no call of the guarded side."""
    file = world.folder / "aws-config"
    file.write_text(
        "[profile base]\naws_access_key_id=a\naws_secret_access_key=b\n"
        f"[profile other]\nrole_arn=arn:aws:iam::{'4' * 12}:role/reader\nsource_profile=base\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    sides = {side: {"profile": profile} for side, profile in (("source", "other"), ("target", "base"))}
    clients = connect(load_config(world.config(**sides)))
    assert clients.source_identity.account == "4" * 12
    assert clients.target_identity.account == ACCOUNT
    assert clients.calls.of("source") == {"GetCallerIdentity": 1}


def test_calls_are_counted_before_they_are_sent_and_by_side(world: World) -> None:
    world.pair("a")
    run = world.open()
    run.tell_calls()
    run.clients.source.describe_table(TableName=world.src("a"))
    run.clients.source.describe_table(TableName=world.src("a"))
    run.clients.target.describe_table(TableName=world.dst("a"))
    assert run.ledger.calls("source")["DescribeTable"] == 2
    assert run.ledger.calls("target")["DescribeTable"] == 1
    assert run.ledger.calls("source")["GetCallerIdentity"] == 1


def test_a_request_that_botocore_repeats_is_counted_as_often_as_the_server_hears_it(world: World) -> None:
    world.pair("a")
    run = world.open()
    run.tell_calls()
    world.fault(operation="DescribeTable", kind="throttle", times=2)
    heard = world.requests("DescribeTable")
    run.clients.source.describe_table(TableName=world.src("a"))
    assert run.ledger.calls("source")["DescribeTable"] == world.requests("DescribeTable") - heard == 3
