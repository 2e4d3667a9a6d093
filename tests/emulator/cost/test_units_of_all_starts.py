"""What was used is the sum over everything that was done: each validation, the windows, and the repairs."""

from __future__ import annotations

import pytest

from runbook_lib.record.build import build_record
from runbook_lib.repair.choice import RepairChoice
from runbook_lib.repair.step import repair_tables
from tests.support.moving import Moving, item, live, moved
from tests.support.world import World

CHOICE = RepairChoice(write_missing=True, write_different=True, delete_extra=True)


def used(moving: Moving) -> tuple[float, float, float]:
    """Writes, reads of the target and USD."""
    spent = build_record(moving.run.ledger, moving.run.id, "test").spent
    assert spent.write_units is not None
    assert spent.validation_units is not None
    assert spent.usd is not None
    return spent.write_units, spent.validation_units, spent.usd


@pytest.mark.whole
def test_windows_repairs_and_every_validation_count_as_used(world: World) -> None:
    moving = moved(world, 30)
    moving.validated()
    loaded, read, _ = used(moving)
    assert loaded == 30
    live(moving, 0)
    moving.catch_up()
    caught, *_ = used(moving)
    assert caught == loaded + 3  # two puts and a delete
    moving.validated()
    assert used(moving)[1] > 1.5 * read
    world.put(world.target, world.dst("a"), [item("i00003", 99), item("extra", 1)])
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00004"}})
    failed = moving.validated()
    before, reads, usd = used(moving)
    assert before == caught
    repair_tables(moving.run, CHOICE)
    rehearsed, seen, _ = used(moving)
    assert rehearsed == before
    assert seen > reads + (failed.read_units or 0) / 3
    repair_tables(moving.run, CHOICE, moving.run.id)
    repaired, looked, _ = used(moving)
    assert repaired == before + 3
    assert looked > seen  # although no verdict stands any more
    moving.validated()
    _, last, more = used(moving)
    assert last > looked + (failed.read_units or 0) / 3
    assert more > usd
