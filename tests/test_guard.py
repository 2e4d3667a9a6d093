"""The source cannot be harmed and the target only where the plan says; shown for every operation there is."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from runbook_lib.aws.guard import SOURCE, STAGING, TARGET, Calls, Guard
from runbook_lib.errors import ForbiddenCall
from tests.world import World, things


class Sent(Exception):
    """The guard let a call through; it was stopped on its way out."""


def guarded(side: str, allowed: frozenset[str], calls: Calls) -> botocore.session.Session:
    session = botocore.session.Session()
    Guard(side, allowed, calls).attach(session.get_component("event_emitter"))

    def stop(**_: Any) -> None:
        raise Sent

    session.register("before-send.*.*", stop)
    return session


SERVICES = ("dynamodb", "s3", "sts", "dynamodbstreams", "iam")


@pytest.mark.parametrize(("side", "allowed"), [("source", SOURCE), ("target", TARGET), ("staging", STAGING)])
@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_that_is_not_listed_is_refused_before_it_is_sent(
    side: str, allowed: frozenset[str], service: str
) -> None:
    calls = Calls()
    client = guarded(side, allowed, calls).create_client(
        service, "us-east-1", aws_access_key_id="x", aws_secret_access_key="x", endpoint_url="http://127.0.0.1:9"
    )
    for method, operation in client.meta.method_to_api_mapping.items():
        if f"{service}:{operation}" not in allowed:
            with pytest.raises(ForbiddenCall):
                client._make_api_call(operation, {})
            with pytest.raises(ForbiddenCall):
                client.generate_presigned_url(method)
    client.close()
    assert calls.of(side) == {}


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
        run.clients.source_wire.batch_write(world.src("a"), b"{}")
    with pytest.raises(ForbiddenCall):
        run.clients.staging.list_objects_v2(Bucket=world.bucket)
    assert len(world.items(world.source, world.src("a"))) == 3


def test_the_writer_writes_to_the_granted_tables_and_no_other(world: World) -> None:
    world.pair("a")
    writer = world.open().clients.writer(frozenset({world.dst("a")}))
    with pytest.raises(ForbiddenCall, match="not part of the plan"):
        writer.batch_write(world.dst("b"), b"{}")


def test_calls_are_counted_before_they_are_sent_and_by_side(world: World) -> None:
    world.pair("a")
    run = world.open()
    run.clients.source.describe_table(TableName=world.src("a"))
    run.clients.source.describe_table(TableName=world.src("a"))
    run.clients.target.describe_table(TableName=world.dst("a"))
    assert run.ledger.calls("source")["DescribeTable"] == 2
    assert run.ledger.calls("target")["DescribeTable"] == 1
    assert run.ledger.calls("source")["GetCallerIdentity"] == 1
