"""A write that was never answered may take effect after all is proved: until when is known, said, and waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from runbook_lib.report.step import report_run
from runbook_lib.run.facts.doubt.late_writes import (
    KILLED_WRITES,
    LAST_WRITES,
    LIFE,
    doubt_killed,
    may_land_until,
    note_call,
)
from runbook_lib.run.run import Run
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.undo.rollback import roll_back
from tests.support.liar import CLOSED, Answer, Between, Request, between
from tests.support.recorded import validate_tables
from tests.support.steps import every_step, the_only, up_to_the_import
from tests.support.tables import keys_in_bucket
from tests.support.world import World, things

SAID = "a write whose answer never came could still take effect"


@contextmanager
def held_back(world: World, operation: str, said: Answer) -> Iterator[tuple[Between, list[Request]]]:
    """A proxy before the target that keeps the first write to itself and says something else; and what it keeps."""
    kept = list[Request]()

    def instead(request: Request) -> Answer | None:
        if request.operation != operation or kept:
            return None
        kept.append(request)
        return said

    with between(world.endpoint) as state:
        state.instead = instead
        yield state, kept


def land(world: World, request: Request) -> None:
    """Deliver what was held back."""
    if request.operation == "PutItem":
        world.target.put_item(**{k: v for k, v in request.json.items() if k != "ReturnConsumedCapacity"})
    else:
        world.target.batch_write_item(RequestItems=request.json["RequestItems"])


@pytest.mark.parametrize(
    ("said", "policy", "operation"),
    [
        (CLOSED, "fail", "BatchWriteItem"),
        (CLOSED, "append", "PutItem"),
        ((504, b"<html>later</html>"), "fail", "BatchWriteItem"),
        ((200, b"cut sho"), "fail", "BatchWriteItem"),
    ],
    ids=["closed", "append", "gateway", "cut-short"],
)
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_pass_says_until_when_an_unanswered_write_could_land(
    world: World, said: Answer, policy: str, operation: str
) -> None:
    world.pair("a", things(30))
    with held_back(world, operation, said) as (state, kept):
        run = world.open(target={"endpoint_url": state.endpoint}, **{"import": {"on_non_empty": policy}})
        before = datetime.now(UTC)
        record = every_step(run)
    assert record["verdict"] == "PASS"
    (table,) = record["tables"]
    until = datetime.fromisoformat(table["write_in_doubt_until"])
    assert before + LIFE <= until + timedelta(milliseconds=1) <= datetime.now(UTC) + LIFE
    page = (run.folder / "report.md").read_text()
    assert SAID in page
    assert f"{until:%H:%M:%S}" in page
    # What is said is so: somebody changes the item, and the old one comes back.
    item = kept[0].json.get("Item") or kept[0].json["RequestItems"][world.dst("a")][0]["PutRequest"]["Item"]
    world.target.delete_item(TableName=world.dst("a"), Key={"id": item["id"]})
    land(world, kept[0])
    assert item in world.items(world.target, world.dst("a"))


@pytest.mark.chaos
def test_nothing_is_said_where_every_write_was_answered(world: World) -> None:
    world.pair("a", things(30))
    run = world.open()
    record = every_step(run)
    assert record["tables"][0]["write_in_doubt_until"] is None
    assert SAID not in (run.folder / "report.md").read_text()
    assert LAST_WRITES.of(run.ledger) is None


@pytest.mark.chaos
def test_nothing_is_said_once_it_was_compared_afterwards(world: World) -> None:
    world.pair("a", things(30))
    world.fault(operation="BatchWriteItem", kind="lost-reply", table=world.dst("a"), times=1)
    run = world.open()
    every_step(run)
    until = may_land_until(run.ledger, world.dst("a"))
    assert until is not None
    run.now = lambda: until + timedelta(seconds=1)
    validate_tables(run)
    assert report_run(run).to_json()["verdict"] == "PASS"
    assert SAID not in (run.folder / "report.md").read_text()


def in_doubt(world: World) -> Run:
    world.pair("a", things(30))
    world.fault(operation="BatchWriteItem", kind="lost-reply", table=world.dst("a"), times=1)
    run = up_to_the_import(world)
    assert may_land_until(run.ledger, world.dst("a")) is not None
    return run


@pytest.mark.whole
def test_a_cleanup_removes_nothing_until_then(world: World) -> None:
    run = in_doubt(world)
    until = may_land_until(run.ledger, world.dst("a"))
    assert until is not None
    made = keys_in_bucket(world)
    removal = the_only(clean_up(run, "r"))
    assert SAID in removal.kept
    assert until.isoformat(timespec="milliseconds").replace("+00:00", "Z") in removal.kept
    assert (removal.done, removal.items_deleted, keys_in_bucket(world)) == (False, 0, made)
    assert len(world.items(world.target, world.dst("a"))) == 30
    run.now = lambda: until
    removal = the_only(clean_up(run, "r"))
    assert (removal.done, removal.items_deleted, keys_in_bucket(world)) == (True, 30, set())


@pytest.mark.chaos
def test_a_rollback_takes_nothing_back_until_then(world: World) -> None:
    run = in_doubt(world)
    (fact,) = roll_back(run, "r")
    assert SAID in str(fact.failure)
    assert len(world.items(world.target, world.dst("a"))) == 30
    run.now = lambda: datetime.now(UTC) + LIFE
    (fact,) = roll_back(run, "r")
    assert (fact.failure, fact.deleted) == (None, 30)


def test_the_last_writes_of_a_killed_process_are_in_doubt(world: World) -> None:
    world.pair("a", things(30))
    run = up_to_the_import(world)
    assert may_land_until(run.ledger, world.dst("a")) is None
    then = datetime.now(UTC)
    note_call(run.ledger, lambda: then, "target", "BatchWriteItem")  # and no end of the step
    with run.step("validate"):
        pass
    found = may_land_until(run.ledger, world.dst("a"))
    assert found is not None
    assert abs(found - then - LIFE) < timedelta(milliseconds=2)


@pytest.mark.parametrize(("side", "operation"), [("target", "DeleteItem"), ("target", "Scan"), ("staging", "PutItem")])
def test_what_puts_nothing_into_a_target_is_in_no_doubt(world: World, side: str, operation: str) -> None:
    world.pair("a", things(1))
    run = up_to_the_import(world)
    note_call(run.ledger, lambda: datetime.now(UTC), side, operation)
    doubt_killed(run.ledger)
    assert KILLED_WRITES.of(run.ledger) is None
