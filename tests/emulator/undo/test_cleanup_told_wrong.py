"""A cleanup that is told wrong about its target takes nothing away; of a target that is gone it says so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest

from runbook_lib.undo.cleanup import clean_up
from tests.support.in_process import runbook_here
from tests.support.liar import Answer, Request, aws_error, between
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
        assert keys_in_bucket(world) == staged
        assert len(world.items(world.target, world.dst("a"))) == 20
        removal = the_only(clean_up(run, "r"))
    assert removal.done
    assert not removal.kept
    assert removal.target_gone is None
    assert target_exists(world, world.dst("a")) != created
    assert created or not world.items(world.target, world.dst("a"))


@pytest.mark.parametrize("times", [1, 1_000], ids=["once", "always"])
@pytest.mark.parametrize("said", ["nothing there", "another table"])
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
