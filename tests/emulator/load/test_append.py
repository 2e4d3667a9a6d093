"""`append` adds items and replaces none: the server's own condition decides, whoever else writes meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runbook_lib.aws.dynamodb.conditional_write import put_if_absent
from runbook_lib.aws.transport import client as wires
from runbook_lib.aws.transport.client import DynamoDBRequest, DynamoDBTransport
from runbook_lib.aws.transport.retry import BrokenAnswer, TransportError
from runbook_lib.errors import ForbiddenCall
from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.run.run import Run
from tests.support.between import Asked, Said, between
from tests.support.in_process import runbook_here
from tests.support.policies import actions_of, planned, policies_for
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, things

APPEND = {"import": {"on_non_empty": "append"}}
THEIRS = {"id": {"S": "i00005"}, "by": {"S": "the application, newer"}}


def ready(world: World, items: int = 30) -> Run:
    world.pair("a", things(items))
    run = world.open(**APPEND)
    assert preflight(run).blockers == ()
    export_tables(run)
    return run


def proved(world: World, run: Run) -> dict[str, Any]:
    import_tables(run)
    validate_tables(run)
    (table,) = build_record(run.ledger, run.id, "test").to_json()["tables"]
    return dict(table)


def counts(table: dict[str, Any]) -> tuple[Any, ...]:
    names = ("verdict", "items_written", "items_present", "items_quarantined", "missing", "different")
    return tuple(table[name] for name in names)


def held(world: World, key: str) -> Any:
    return world.target.get_item(TableName=world.dst("a"), Key={"id": {"S": key}}).get("Item")


@pytest.mark.chaos
def test_the_command_keeps_what_another_has_written_before_a_put_and_after_one_whose_answer_was_lost(
    world: World,
) -> None:
    newer, lost = {"id": {"S": "i00007"}, "paid": {"BOOL": True}}, list[int]()
    world.pair("a", things(30))

    def before(asked: Asked) -> None:
        if asked.operation == "PutItem" and b'"i00005"' in asked.body:
            world.put(world.target, world.dst("a"), [THEIRS])

    def after(asked: Asked, said: Said) -> Said:
        if asked.operation == "PutItem" and b'"i00007"' in asked.body and not lost:
            lost.append(said[0])
            world.put(world.target, world.dst("a"), [newer])
            raise ConnectionResetError
        return said

    with between(world.endpoint, before=before, after=after) as server:
        config = world.config(**APPEND, target={"endpoint_url": server.endpoint})
        done = runbook_here("run", config, "--run-id", "r", "--execute")
    assert (done.returncode, lost) == (1, [200]), done.stderr
    assert [held(world, "i00005"), held(world, "i00007")] == [THEIRS, newer]
    (table,) = world.record("r")["tables"]
    assert counts(table)[:4] == ("FAIL", 28, 0, 2)


def test_a_writer_that_is_a_moment_earlier_keeps_its_item(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever was looked at before: the put itself finds the item there."""
    run, make = ready(world), DynamoDBTransport.write

    def overtaken(self: DynamoDBTransport, operation: str, table: str, body: bytes) -> DynamoDBRequest:
        if b'"i00005"' in body:
            world.put(world.target, table, [THEIRS])
        return make(self, operation, table, body)

    monkeypatch.setattr(DynamoDBTransport, "write", overtaken)
    table = proved(world, run)
    assert held(world, "i00005") == THEIRS
    assert counts(table)[:4] == ("FAIL", 29, 0, 1)
    (row,) = run.ledger.rows("SELECT reason FROM quarantine")
    assert row["reason"] == "another item is there under this key, and import.on_non_empty is 'append'"
    assert "BatchWriteItem" not in run.ledger.calls("target")


@pytest.mark.parametrize("changed", [False, True])
def test_a_put_whose_answer_is_lost_is_not_repeated_over_what_another_has_written(
    world: World, monkeypatch: pytest.MonkeyPatch, changed: bool
) -> None:
    run, understood, lost = ready(world), DynamoDBTransport.understood, list[int]()

    def unheard(self: DynamoDBTransport, request: DynamoDBRequest, answer: Any, used: Any) -> bytes:
        content = understood(self, request, answer, used)
        if not lost and b'"i00005"' in request.body and request.operation == "PutItem":
            lost.append(1)
            if changed:
                world.put(world.target, world.dst("a"), [THEIRS])
            raise BrokenAnswer("the connection was reset after the request")
        return content

    monkeypatch.setattr(DynamoDBTransport, "understood", unheard)
    table = proved(world, run)
    if changed:
        assert held(world, "i00005") == THEIRS
        assert counts(table)[:4] == ("FAIL", 29, 0, 1)
    else:  # it is there, equal, and nobody knows whose it is
        assert counts(table) == ("PASS", 29, 1, 0, 0, 0)
        assert table["items_in_target"] == 30


def test_what_is_there_and_equal_is_present_and_passes(world: World) -> None:
    run = ready(world)
    world.put(world.target, world.dst("a"), [*things(10), {"id": {"S": "mine"}}])
    assert counts(proved(world, run)) == ("PASS", 20, 10, 0, 0, 0)


@pytest.mark.chaos
@pytest.mark.parametrize("kept", ["item in the answer", "no item in the answer"])
def test_a_server_that_does_not_say_what_is_in_the_way_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    run = ready(world)
    world.put(world.target, world.dst("a"), [*things(3), THEIRS])
    if kept == "no item in the answer":
        monkeypatch.setattr(wires, "item_in_the_way", lambda data: None)
    assert counts(proved(world, run))[:4] == ("FAIL", 26, 3, 1)
    assert (run.ledger.calls("target").get("BatchGetItem", 0) > 1) == (kept != "item in the answer")


def test_what_was_in_the_way_and_is_gone_is_put_after_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run, understood = ready(world), DynamoDBTransport.understood
    monkeypatch.setattr(wires, "item_in_the_way", lambda data: None)
    world.put(world.target, world.dst("a"), [THEIRS])

    def and_gone(self: DynamoDBTransport, request: DynamoDBRequest, answer: Any, used: Any) -> bytes:
        try:
            return understood(self, request, answer, used)
        except TransportError:
            world.target.delete_item(TableName=world.dst("a"), Key={"id": THEIRS["id"]})
            raise

    monkeypatch.setattr(DynamoDBTransport, "understood", and_gone)
    assert counts(proved(world, run)) == ("PASS", 30, 0, 0, 0, 0)


def test_throttled_puts_and_lost_answers_end_with_every_item_there_once(world: World) -> None:
    run = ready(world, 120)
    world.fault(operation="PutItem", kind="throttle", table=world.dst("a"), probability=0.2, seed=1)
    world.fault(operation="PutItem", kind="lost-reply", table=world.dst("a"), every=11)
    table = proved(world, run)
    assert (table["verdict"], table["items_written"] + table["items_present"]) == ("PASS", 120)
    assert table["items_present"] > 0
    assert table["throttled_requests"] > 0
    assert table["items_sent_again"] >= table["items_present"]  # an answer to a condition may be lost, too
    assert run.ledger.calls("target")["PutItem"] > 120


def test_only_a_put_where_nothing_is_leaves_the_machine(world: World) -> None:
    world.pair("a")
    world.pair("b")
    transport = world.open().clients.appender({world.dst("a"): "id"})
    asked = {
        "TableName": world.dst("a"),
        "Item": {"id": {"S": "x"}},
        "ConditionExpression": "attribute_not_exists(#key)",
        "ExpressionAttributeNames": {"#key": "id"},
        "ReturnConsumedCapacity": "INDEXES",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    for change in (
        {"ConditionExpression": "attribute_exists(#key)"},
        {"ConditionExpression": None},
        {"ExpressionAttributeNames": {"#key": "n"}},  # an attribute that an item may lack
        {"ExpressionAttributeNames": {"#key": "id", "#n": "n"}},
        {"TableName": world.dst("b")},
        {"ReturnValues": "ALL_OLD"},
    ):
        body = {name: value for name, value in (asked | change).items() if value is not None}
        with pytest.raises(ForbiddenCall):
            transport.write_item("PutItem", world.dst("a"), json.dumps(body).encode())
    for operation in ("BatchWriteItem", "DeleteItem", "UpdateItem", "TransactWriteItems"):
        with pytest.raises(ForbiddenCall):
            transport.write_item(operation, world.dst("a"), json.dumps(asked).encode())
    for line in (
        b'{"Item":{"id":{"S":"x"}},"TableName":"another"}',
        b'{"Item":{"id":{"S":"x"}},"ConditionExpression":"attribute_exists(id)"}',
        b'{"Item":{"id":{"S":"x"}},"\\u0054ableName":"another"}',
    ):
        with pytest.raises(ForbiddenCall):
            put_if_absent(transport, world.dst("a"), "id", line)
    assert world.items(world.target, world.dst("a")) == world.items(world.target, world.dst("b")) == []
    put_if_absent(transport, world.dst("a"), "id", b' {"Item":{"id":{"S":"x"},"n":{"N":"1.50"}}} ')
    with pytest.raises(TransportError, match="ConditionalCheckFailed"):
        put_if_absent(transport, world.dst("a"), "id", b'{"Item":{"id":{"S":"x"}}}')
    assert len(world.items(world.target, world.dst("a"))) == 1


def test_the_policy_grants_a_put_and_no_batch() -> None:
    found = policies_for(planned("a", "export"), **APPEND)
    assert "dynamodb:PutItem" in actions_of(found["target"])
    assert not {"dynamodb:BatchWriteItem", "dynamodb:DeleteItem"} & actions_of(found["target"])
    assert "dynamodb:PutItem" not in actions_of(policies_for(planned("a", "export"))["target"])
