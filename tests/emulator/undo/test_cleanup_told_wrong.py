"""A cleanup that is told wrong about its target takes nothing away; of a target that is gone it says so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from runbook_lib.run.run import Run
from runbook_lib.undo.cleanup import clean_up
from tests.support.in_process import runbook_here
from tests.support.liar import Answer, Between, Request, aws_error, between
from tests.support.steps import every_step, the_only
from tests.support.tables import CREATE_MISSING, keys_in_bucket, source_without_target, target_exists
from tests.support.world import World, things

Lie = Callable[[bytes], Answer]


def gone(body: bytes) -> Answer:
    return aws_error("ResourceNotFoundException")


def another(body: bytes) -> Answer:
    told = json.loads(body)
    told["Table"]["TableId"] = "00000000-0000-4000-8000-000000000000"
    return 200, json.dumps(told).encode()


@pytest.mark.parametrize(("lie", "times"), [(gone, 1), (gone, 2), (another, 1)], ids=["once", "twice", "another"])
@pytest.mark.parametrize("created", [True, False])
@pytest.mark.few(1)
@pytest.mark.whole
def test_one_wrong_answer_ends_nothing(world: World, created: bool, lie: Lie, times: int) -> None:
    source_without_target(world, "a", 20) if created else world.pair("a", things(20))
    with between(world.endpoint) as liar:
        world.endpoint, behind = liar.endpoint, world.endpoint
        run = world.open(**CREATE_MISSING)
        assert every_step(run)["verdict"] == "PASS"
        staged, told = keys_in_bucket(world), Counter[str]()

        def lying(request: Request, status: int, body: bytes) -> Answer | None:
            if request.operation != "DescribeTable" or request.json["TableName"] != world.dst("a"):
                return None
            told["lies"] += 1
            return lie(body) if told["lies"] <= times else None

        liar.after = lying
        removal = the_only(clean_up(run, "r"))
        world.endpoint = behind
        assert not removal.done
        assert "should be told alike each time" in removal.kept
        assert {key for key in keys_in_bucket(world) if "/undoing." not in key} == staged  # only that it has begun
        assert len(world.items(world.target, world.dst("a"))) == 20
        removal = the_only(clean_up(run, "r"))
    assert removal.done
    assert not removal.kept
    assert removal.target_gone is None
    assert target_exists(world, world.dst("a")) != created
    assert created or not world.items(world.target, world.dst("a"))


@pytest.mark.parametrize("times", [1, 1_000], ids=["once", "always"])
@pytest.mark.parametrize("said", ["nothing there", "another table"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_items_that_are_said_not_to_be_there_are_looked_for_before_what_tells_of_them_is_removed(
    world: World, said: str, times: int
) -> None:
    world.pair("a", things(130))
    told = Counter[str]()

    def lying(request: Request, status: int, body: bytes) -> Answer | None:
        if request.operation != "BatchGetItem" or world.dst("a") not in request.json["RequestItems"]:
            return None
        told["lies"] += 1
        name = world.dst("a" if said == "nothing there" else "b")
        return (200, json.dumps({"Responses": {name: []}}).encode()) if told["lies"] <= times else None

    with between(world.endpoint) as liar:
        world.endpoint, behind = liar.endpoint, world.endpoint
        config = world.config()
        assert runbook_here("run", config, "--run-id", "r", "--execute").returncode == 0
        staged = keys_in_bucket(world)
        liar.after = lying
        done = runbook_here("cleanup", config, "--run-id", "r", "--execute", "--confirm", "r")
        world.endpoint = behind
        assert told["lies"]
        assert done.returncode == 1, done.stdout + done.stderr
        exports = {key for key in staged if "AWSDynamoDB" in key}
        assert exports <= set(keys_in_bucket(world))
        liar.after = lambda request, status, body: None
        done = runbook_here("cleanup", config, "--run-id", "r", "--execute", "--confirm", "r")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not world.items(world.target, world.dst("a"))
    assert not [key for key in keys_in_bucket(world) if "AWSDynamoDB" in key]


@pytest.mark.chaos
def test_a_target_that_was_deleted_is_said_to_be_gone(world: World) -> None:
    world.pair("a", things(20))
    config = world.config()
    run = world.open()
    assert every_step(run)["verdict"] == "PASS"
    run.ledger.close()
    world.target.delete_table(TableName=world.dst("a"))
    done = runbook_here("cleanup", config, "--run-id", "r", "--execute", "--confirm", "r")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "there is no such table any more" in done.stdout
    assert not [key for key in keys_in_bucket(world) if "AWSDynamoDB" in key]
    assert world.record("r")["cleanup"][0]["target_gone"] is True
    report = (world.folder / "reports" / "r" / "report.md").read_text()
    assert f"nothing was removed from it: {world.dst('a')}" in report.replace("`", "")


@contextmanager
def in_a_table_of_its_own(world: World) -> Iterator[tuple[Between, Run]]:
    """A run that passed, with a table that it created, and a server between that passes on one item in a page."""
    source_without_target(world, "a", 8)
    with between(world.endpoint) as liar:
        world.endpoint, behind = liar.endpoint, world.endpoint
        run = world.open(**CREATE_MISSING)
        assert every_step(run)["verdict"] == "PASS"
        liar.rewrite = lambda request: (
            json.dumps(request.json | {"Limit": 1}).encode() if is_look(request, world) else request.body
        )
        try:
            yield liar, run
        finally:
            world.endpoint = behind


def is_look(request: Request, world: World) -> bool:
    """Whether it is a Scan that reads the target, and does not only count."""
    return request.operation == "Scan" and request.json["TableName"] == world.dst("a") and "Select" not in request.json


@pytest.mark.parametrize("now", ["moved", "changed"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_created_table_is_held_to_the_items_in_it_not_to_their_number(world: World, now: str) -> None:
    """Between the look at its items and the Scan an application moves one of them, or changes it."""
    own = {"id": {"S": "i00002"}}
    theirs = {"id": {"S": "moved"}} if now == "moved" else own | {"n": {"N": "2"}, "since": {"BOOL": True}}
    done: list[int] = []

    def written_meanwhile(request: Request) -> Answer | None:
        if is_look(request, world) and not done:
            done.append(1)
            world.target.delete_item(TableName=world.dst("a"), Key=own)
            world.put(world.target, world.dst("a"), [theirs])
        return None

    with in_a_table_of_its_own(world) as (liar, run):
        liar.instead = written_meanwhile
        removal = the_only(clean_up(run, "r"))
    assert done
    assert "of its 8 items 1 were not written by this run or were changed since" in removal.kept
    assert not removal.table_deleted
    assert theirs in world.items(world.target, world.dst("a"))


@pytest.mark.few(1)
@pytest.mark.parametrize("in_look", ["first", "second", "both"])
@pytest.mark.parametrize("lost", ["stranger's", "own"])
@pytest.mark.whole
def test_a_created_table_stays_where_its_scans_lose_a_page(world: World, lost: str, in_look: str) -> None:
    """The page with a stranger's item is answered with the page after it, or that with one of the run's own."""
    told = Counter[str]()

    def lying(request: Request, status: int, body: bytes) -> Answer | None:
        if not is_look(request, world) or in_look == ("second" if request.json["TotalSegments"] == 1 else "first"):
            return None
        page = json.loads(body)
        if [item["id"]["S"] for item in page["Items"]] != [victim]:
            return None
        told["lies"] += 1
        onward = request.json | {"Limit": 1, "ExclusiveStartKey": {"id": {"S": victim}}}
        after = world.target.scan(**{name: value for name, value in onward.items() if name != "ReturnConsumedCapacity"})
        return 200, json.dumps({name: value for name, value in after.items() if name != "ResponseMetadata"}).encode()

    with in_a_table_of_its_own(world) as (liar, run):
        world.put(world.target, world.dst("a"), [{"id": {"S": "stranger"}}])
        staged = keys_in_bucket(world)
        victim = "stranger" if lost == "stranger's" else "i00002"
        liar.after = lying
        removal = the_only(clean_up(run, "r"))
        assert told["lies"]
        assert not removal.table_deleted
        assert target_exists(world, world.dst("a"))
        assert len(world.items(world.target, world.dst("a"))) == 9
        if in_look == "both" and lost == "own":  # both find the stranger's item among eight
            assert "of its 8 items 1 were not written by this run" in removal.kept
            return
        assert "run the cleanup again; if it stays, the server or a proxy is broken" in removal.kept
        assert not removal.done
        assert {key for key in keys_in_bucket(world) if "/undoing." not in key} == staged  # only that it has begun
        liar.after = lambda request, status, body: None
        world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "stranger"}})
        removal = the_only(clean_up(run, "r"))
    assert removal.table_deleted
    assert not removal.kept
    assert not target_exists(world, world.dst("a"))


@pytest.mark.chaos
def test_a_created_table_stays_where_an_own_item_went_between_two_looks_at_it(world: World) -> None:
    """Whether a page lost it or somebody deleted it is not known; the next cleanup counts with what is there then."""
    done: list[int] = []

    def deleted_meanwhile(request: Request) -> Answer | None:
        if is_look(request, world) and not done:
            done.append(1)
            world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00002"}})
        return None

    with in_a_table_of_its_own(world) as (liar, run):
        liar.instead = deleted_meanwhile
        removal = the_only(clean_up(run, "r"))
        assert "of 8 items of this run that were just read, two Scans find 7" in removal.kept
        assert not removal.done
        removal = the_only(clean_up(run, "r"))
    assert removal.table_deleted
    assert removal.items_found == 7


@pytest.mark.chaos
def test_a_table_that_takes_the_place_of_a_created_one_while_that_is_read_stays(world: World) -> None:
    done: list[int] = []

    def replaced(request: Request, status: int, body: bytes) -> Answer | None:
        if request.operation == "Scan" and "Select" in request.json and not done:
            done.append(1)
            world.target.update_table(TableName=world.dst("a"), DeletionProtectionEnabled=False)
            world.target.delete_table(TableName=world.dst("a"))
            world.table(world.target, world.dst("a"))
        return None

    with in_a_table_of_its_own(world) as (liar, run):
        liar.after = replaced
        removal = the_only(clean_up(run, "r"))
    assert done
    assert not removal.table_deleted
    assert "is another table of that name than the one this run wrote to; it stays" in removal.kept
    assert target_exists(world, world.dst("a"))
