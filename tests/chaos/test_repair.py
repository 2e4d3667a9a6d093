"""A repair that is killed again and again, or raced, ends as if it had been alone; a second one writes none."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.repair import write
from runbook_lib.repair.step import repair_tables
from runbook_lib.run.facts.afterwards.repair import REPAIRS, RepairStatus
from runbook_lib.run.run import Run, open_run
from tests.support.lives import WHOLE_REPAIR, live
from tests.support.recorded import import_tables, validate_tables
from tests.support.tables import turn_on_recovery
from tests.support.world import Item, World, things

EACH, WHOLE = 60, 240  # wrong items of each kind, and items of the export
KILLS = 5


def other(item: Item) -> Item:
    return {"id": item["id"], "n": {"N": "-1"}}


def extra(number: int) -> Item:
    return {"id": {"S": f"x{number:05}"}}


def damaged(world: World, config: Path) -> None:
    """A validated run, of whose target some items are missing, some different and some too many."""
    assert live(config, "r", ["preflight", "export", "import"], None)
    table, items = world.dst("a"), things(WHOLE)
    for item in items[:EACH]:
        world.target.delete_item(TableName=table, Key={"id": item["id"]})
    world.put(world.target, table, [other(item) for item in items[EACH : 2 * EACH]])
    world.put(world.target, table, [extra(n) for n in range(EACH)])
    assert live(config, "r", ["validate"], None)


def by_id(items: list[Item]) -> dict[str, Item]:
    return {item["id"]["S"]: item for item in items}


def opened(config: Path) -> Run:
    return open_run(str(config), "r", execute=True)


def is_over(world: World, config: Path) -> bool:
    """Whether a repair has come to its end, if only a moment before it was killed: another needs a validation first."""
    run = opened(config)
    known = REPAIRS.of(run.ledger, world.src("a"))
    run.ledger.close()
    return bool(known) and known[-1].status is RepairStatus.COMPLETED


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.chaos
def test_a_repair_that_is_killed_again_and_again_passes_and_a_second_one_writes_nothing(
    world: World, seed: int
) -> None:
    world.pair("a", things(WHOLE))
    config, moments = world.config(**{"import": {"max_wcu": 150}}), random.Random(seed)
    damaged(world, config)
    killed = 0
    while killed < KILLS and not is_over(world, config):
        killed += not live(config, "r", ["repair"], moments.uniform(0.0, 1.2))
    assert killed
    assert live(config, "r", ["validate"] if is_over(world, config) else ["repair", "validate"], None)
    assert by_id(world.items(world.target, world.dst("a"))) == by_id(world.items(world.source, world.src("a")))
    run = opened(config)
    try:
        assert run.ledger.get("validation", world.src("a"))["verdict"] == "PASS"
        (fact,) = repair_tables(run, WHOLE_REPAIR, "r")
        assert (fact.counts.written, fact.asked) == (0, 0)
    finally:
        run.ledger.close()


class Racer(threading.Thread):
    """Writes once to each of some wrong items, in another order than the repair, and knows what it left there."""

    def __init__(self, world: World, seed: int) -> None:
        super().__init__()
        self.world, self.rng = world, random.Random(seed)
        self.left: dict[str, Item | None] = {}

    def run(self) -> None:
        items, acts = things(WHOLE), list[tuple[Item, Item | None]]()
        acts += [(item, item | {"by": {"S": "the application"}}) for item in items[:EACH:3]]
        acts += [(item, other(item) | {"paid": {"BOOL": True}}) for item in items[EACH : 2 * EACH : 3]]
        acts += [(item, None) for item in items[EACH + 1 : 2 * EACH : 3]]
        acts += [(extra(n), extra(n) | {"n": {"N": "7"}}) for n in range(0, EACH, 3)]
        self.rng.shuffle(acts)
        table = self.world.dst("a")
        for item, now in acts:
            if now is None:
                self.world.target.delete_item(TableName=table, Key={"id": item["id"]})
            else:
                self.world.target.put_item(TableName=table, Item=now)
            self.left[item["id"]["S"]] = now


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.chaos
def test_a_writer_that_races_every_kind_keeps_each_of_its_writes(
    world: World, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    world.pair("a", things(WHOLE))
    config = world.config(**{"import": {"concurrency": 4}})
    damaged(world, config)
    racer, mark = Racer(world, seed), write.mark_sent

    def with_a_racer(*arguments: Any) -> None:
        mark(*arguments)
        if not racer.ident:  # the look of the repair is over, and its first group about to be sent
            racer.start()

    monkeypatch.setattr(write, "mark_sent", with_a_racer)
    run = opened(config)
    try:
        (fact,) = repair_tables(run, WHOLE_REPAIR, "r")
        racer.join()
        held = by_id(world.items(world.target, world.dst("a")))
        assert {name: held.get(name) for name in racer.left} == racer.left
        alone = {name: item for name, item in held.items() if name not in racer.left}
        exported = by_id(world.items(world.source, world.src("a")))
        assert alone == {name: item for name, item in exported.items() if name not in racer.left}
        assert fact.counts.written + fact.counts.right + fact.counts.left == fact.asked == 3 * EACH
        assert validate_tables(run)[world.src("a")]["verdict"] == "FAIL"
    finally:
        run.ledger.close()


def test_a_sync_that_is_killed_again_and_again_passes_and_a_second_one_writes_nothing(world: World) -> None:
    world.pair("a", things(WHOLE))
    turn_on_recovery(world, world.target, world.dst("a"))
    world.put(world.target, world.dst("a"), [other(item) for item in things(EACH)])
    config = world.config(**{"import": {"max_wcu": 150, "on_non_empty": "sync"}})
    moments = random.Random(3)
    assert live(config, "r", ["preflight", "export"], None)
    for _ in range(KILLS):
        live(config, "r", ["import"], moments.uniform(0.0, 1.0))
    assert live(config, "r", ["import", "validate"], None)
    run = opened(config)
    assert run.ledger.get("validation", world.src("a"))["verdict"] == "PASS"
    run.ledger.close()
    assert live(config, "again", ["preflight", "export"], None)
    second = open_run(str(config), "again", execute=True)
    import_tables(second)
    assert validate_tables(second)[world.src("a")]["items_written"] == 0
    second.ledger.close()
