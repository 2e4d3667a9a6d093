"""A canary is written, read, deleted, and harms nothing; whatever happens, the table's own items stay."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import BrokenAnswer, TransportError
from runbook_lib.errors import ConfigError, ForbiddenCall, GateFailed
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.notebook.gates import gate_canary, gate_validation
from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.run.run import Run
from runbook_lib.validate.canary import MARK, RESERVED, RESERVED_NUMBER, is_canary, reserved_key
from tests.support.recorded import export_tables, import_tables, try_canaries, validate_tables
from tests.support.world import World, things

ON = {"validate": {"canary": True, "index_wait_seconds": 0.0}}
WRITES = {"PutItem", "DeleteItem"}


def planned(world: World, **changes: Any) -> Run:
    run = world.open(**(ON | changes))
    preflight(run)
    return run


def loaded(world: World, **changes: Any) -> Run:
    run = planned(world, **changes)
    export_tables(run)
    import_tables(run)
    return run


def test_a_canary_comes_back_as_it_was_and_leaves_nothing(world: World) -> None:
    world.pair("a", things(20))
    run = loaded(world)
    assert gate_canary(run).startswith("WRITING one item to each target")
    fact = try_canaries(run)[world.src("a")]
    assert (fact["state"], fact["why"]) == ("done", None)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    assert gate_validation(run).startswith("GO")
    calls = run.ledger.calls("target")
    assert (calls["PutItem"], calls["DeleteItem"]) == (1, 1)
    row = build_record(run.ledger, run.id, "test").to_json()["tables"][0]
    assert row["canary"]["state"] == "done"


@pytest.mark.parametrize(
    ("kind", "value"), [("N", RESERVED_NUMBER), ("B", base64.b64encode(RESERVED.encode()).decode())]
)
def test_every_type_of_key_has_a_reserved_value(world: World, kind: str, value: str) -> None:
    schema = [{"AttributeName": n, "KeyType": k} for n, k in (("id", "HASH"), ("r", "RANGE"))]
    types = [{"AttributeName": n, "AttributeType": t} for n, t in (("id", kind), ("r", kind))]
    world.pair("a", [], pitr=False, KeySchema=schema, AttributeDefinitions=types)
    assert try_canaries(planned(world))[world.src("a")]["state"] == "done"
    assert world.items(world.target, world.dst("a")) == []
    key = reserved_key((KeyAttribute("id", kind, "HASH"), KeyAttribute("r", "S", "RANGE")))
    assert key == {"id": {kind: value}, "r": {"S": RESERVED}}


@pytest.mark.parametrize("changes", [{"validate": {"canary": False}}, {"execute": False}], ids=["off", "dry run"])
def test_nothing_is_written_unless_it_is_asked_for_twice(world: World, changes: dict[str, Any]) -> None:
    world.pair("a", things(2))
    run = planned(world, **changes)
    assert try_canaries(run) == {}
    assert not WRITES & set(run.ledger.calls("target"))
    assert gate_canary(run).startswith(("OFF", "DRY RUN"))


def test_nothing_is_written_to_a_target_that_is_not_confirmed(world: World) -> None:
    world.pair("a", things(2))
    run = planned(world, confirm_target="")
    for step in (gate_canary, try_canaries):
        with pytest.raises(ConfigError, match="confirm_target"):
            step(run)
    assert not WRITES & set(run.ledger.calls("target"))


def test_a_table_with_a_stream_is_left_alone(world: World) -> None:
    world.pair("a", [], StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    run = planned(world)
    assert try_canaries(run)[world.src("a")]["state"] == "not tried"
    assert "PutItem" not in run.ledger.calls("target")


def test_an_item_of_the_tables_own_under_the_reserved_key_is_never_touched(world: World) -> None:
    world.pair("a")
    own = {"id": {"S": RESERVED}, MARK: {"S": "looks like one"}}
    run = planned(world)
    world.put(world.target, world.dst("a"), [own])
    fact = try_canaries(run)[world.src("a")]
    assert (fact["state"], "left alone" in fact["why"]) == ("not tried", True)
    assert world.items(world.target, world.dst("a")) == [own]


Failure = Callable[[str, int], BaseException | None]


def broken(monkeypatch: pytest.MonkeyPatch, at: Failure, after: bool = False) -> None:
    """Let writes fail: `at(operation, count)` says how, before or after the server has done them."""
    write, seen = DynamoDBTransport.write_item, {"PutItem": 0, "DeleteItem": 0}

    def failing(self: DynamoDBTransport, operation: str, table: str, body: bytes) -> bytes:
        if operation not in seen:
            return write(self, operation, table, body)
        seen[operation] += 1
        error = at(operation, seen[operation])
        if error is not None and after:
            write(self, operation, table, body)
        if error is not None:
            raise error
        return write(self, operation, table, body)

    monkeypatch.setattr(DynamoDBTransport, "write_item", failing)


def test_what_a_killed_run_left_behind_is_removed_by_the_next(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    world.pair("a", things(3))
    run = loaded(world)
    with monkeypatch.context() as patch:
        broken(patch, lambda operation, count: Killed() if operation == "DeleteItem" else None)
        with pytest.raises(Killed):
            try_canaries(run)
    assert len(world.items(world.target, world.dst("a"))) == 4
    fact = try_canaries(run)[world.src("a")]
    assert fact["state"] == "done"
    assert "left behind" in fact["why"]
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"


def test_a_write_whose_answer_was_lost_is_recognized_as_our_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pair("a")
    run = planned(world)
    broken(monkeypatch, lambda operation, count: BrokenAnswer("lost") if count == 1 else None, after=True)
    assert try_canaries(run)[world.src("a")]["state"] == "done"
    assert world.items(world.target, world.dst("a")) == []


def test_an_item_that_comes_in_between_is_not_deleted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pair("a")
    run = planned(world)
    own = {"id": {"S": RESERVED}, "n": {"N": "1"}}

    def intrude(operation: str, count: int) -> Exception | None:
        if operation == "PutItem" and count == 1:
            world.put(world.target, world.dst("a"), [own])
        return None

    broken(monkeypatch, intrude)
    fact = try_canaries(run)[world.src("a")]
    assert fact["state"] == "failed"
    assert world.items(world.target, world.dst("a")) == [own]


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize("operation", ["PutItem", "DeleteItem"])
def test_a_canary_that_fails_fails_the_run_and_not_the_other_tables(
    world: World, monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    world.pair("a", things(2))
    world.pair("b", things(2))
    run = loaded(world)
    denied = TransportError(operation, 400, "AccessDeniedException", "no", [])
    with monkeypatch.context() as patch:
        broken(patch, lambda what, count: denied if what == operation and count == 1 else None)
        facts = try_canaries(run)
    assert [facts[world.src(n)]["state"] for n in "ab"] == ["failed", "done"]
    assert "AccessDenied" in facts[world.src("a")]["why"]
    validate_tables(run)
    with pytest.raises(GateFailed, match="canary of"):
        gate_validation(run)
    if operation == "DeleteItem":
        assert json.dumps(reserved_key((KeyAttribute("id", "S", "HASH"),))) in facts[world.src("a")]["why"]


def test_a_canary_that_reads_back_otherwise_fails_and_is_removed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pair("a")
    run = planned(world)
    read, count = DynamoDBTransport.read, [0]

    def changing(self: DynamoDBTransport, operation: str, body: bytes, backoff: Any) -> bytes:
        count[0] += 1
        answer = read(self, operation, body, backoff)
        return answer.replace(b'"BOOL":false', b'"BOOL":true').replace(b'"BOOL": false', b'"BOOL": true')

    monkeypatch.setattr(DynamoDBTransport, "read", changing)
    fact = try_canaries(run)[world.src("a")]
    assert fact["state"] == "failed"
    assert "not what a consistent read finds" in fact["why"]
    assert world.items(world.target, world.dst("a")) == []


def test_the_canarys_wire_writes_to_planned_targets_and_never_in_batches(world: World) -> None:
    world.pair("a")
    run = planned(world)
    transport = run.clients.canary(frozenset({world.dst("a")}))
    with pytest.raises(ForbiddenCall, match="not part of the plan"):
        transport.write_item("PutItem", world.dst("b"), b"{}")
    with pytest.raises(ForbiddenCall):
        transport.put_lines(world.dst("a"), [])
    for clients in (run.clients.target_wire, run.clients.writer(frozenset({world.dst("a")}))):
        with pytest.raises(ForbiddenCall):
            clients.post("PutItem", b"{}")


def test_only_an_item_that_is_a_canary_in_every_attribute_is_one() -> None:
    from runbook_lib.validate.canary import CONTENT, PROBE

    key = reserved_key((KeyAttribute("id", "S", "HASH"),))
    ours = key | {MARK: {"S": "run"}, PROBE: CONTENT}
    assert is_canary(ours, key)
    assert not is_canary(ours | {"more": {"S": "x"}}, key)
    assert not is_canary(ours | {PROBE: {"M": {}}}, key)
    assert not is_canary(ours | {MARK: {"N": "1"}}, key)
    assert not is_canary(key, key)
