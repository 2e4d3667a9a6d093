"""What a target held before is not taken from one reading: an answer that leaves items out costs nobody an item."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from runbook_lib.errors import TransferError
from runbook_lib.items.canonical import Item
from runbook_lib.preflight.step import preflight
from runbook_lib.repair.choice import RepairChoice
from runbook_lib.repair.step import repair_tables
from runbook_lib.run.facts.load import IMPORTS, ImportFact
from runbook_lib.run.run import Run
from runbook_lib.undo.rollback import roll_back
from runbook_lib.validate.step import validate_tables
from tests.support.between import Asked, Said, between, changed
from tests.support.losing import (
    Chosen,
    every_reading,
    first_count,
    first_reading,
    is_of_whole,
    is_reading,
    losing,
    readings_and_counts,
)
from tests.support.recorded import export_tables, import_tables
from tests.support.tables import turn_on_recovery
from tests.support.world import World, things

pytestmark = pytest.mark.whole


def owners(world: World, ids: list[str]) -> list[Item]:
    """Items of somebody in a target that is to be written to."""
    world.pair("a", things(10))
    turn_on_recovery(world, world.target, world.dst("a"))
    theirs = [{"id": {"S": name}, "of": {"S": "owner"}} for name in ids]
    world.put(world.target, world.dst("a"), theirs)
    time.sleep(1.05)  # a restorable moment is a whole second
    return theirs


def exported(world: World, mode: str) -> Run:
    run = world.open(**{"import": {"on_non_empty": mode}})
    assert preflight(run).blockers == ()
    export_tables(run)
    return run


def of_owner(world: World) -> list[Item]:
    found = [item for item in world.items(world.target, world.dst("a")) if "of" in item]
    return sorted(found, key=lambda item: str(item["id"]["S"]))


def loaded(run: Run, world: World) -> ImportFact:
    return IMPORTS.needed(run.ledger, world.src("a"))


@pytest.mark.parametrize("chosen", [first_reading, first_count])
@pytest.mark.few(1)
def test_what_one_answer_says_is_not_there_comes_back_with_the_rollback(world: World, chosen: Chosen) -> None:
    theirs = owners(world, [f"i{n:05}" for n in range(5)])
    with losing(world, chosen, lambda name: True) as losses:
        run = exported(world, "overwrite")
        import_tables(run)
        assert losses.lies == 1
        fact = loaded(run, world)
        assert (fact.items_before, fact.recovery) == (5, True)
        assert validate_tables(run)[world.src("a")].verdict == "PASS"
        world.let_target_pass("a", 10)
        (back,) = roll_back(run, run.id)
    assert (back.restored, back.deleted, back.disputed, back.failure) == (5, 5, 0, None)
    assert of_owner(world) == theirs


@pytest.mark.parametrize("chosen", [first_reading, first_count])
@pytest.mark.chaos
def test_a_repair_deletes_nothing_that_one_answer_left_out_of_what_was_there(world: World, chosen: Chosen) -> None:
    theirs = owners(world, [f"o{n}" for n in range(5)])
    with losing(world, chosen, lambda name: name != "o4") as losses:
        run = exported(world, "append")
        import_tables(run)
        assert losses.lies == 1
        fact = validate_tables(run)[world.src("a")]
        assert (fact.verdict, fact.there_before) == ("PASS", 5)
        repair_tables(run, RepairChoice(delete_extra=True), run.id)
    assert of_owner(world) == theirs


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        (every_reading, "one reading finds 4 items, a count 5, and with a second reading there are 4"),
        (readings_and_counts, "was just found to hold items, and a reading and a count of it find none"),
    ],
    ids=["of each reading", "of the count too"],
)
@pytest.mark.parametrize("mode", ["append", "overwrite", "sync"])
@pytest.mark.few(1)
def test_what_no_second_reading_bears_out_is_refused_before_the_first_write(
    world: World, mode: str, chosen: Chosen, said: str
) -> None:
    theirs = owners(world, [f"i{n:05}" for n in range(5)])
    every = chosen is readings_and_counts
    with losing(world, chosen, lambda name: every or name == "i00003") as losses:
        run = exported(world, mode)
        with pytest.raises(TransferError, match=said):
            import_tables(run)
        assert not run.ledger.calls("target").keys() & {"PutItem", "BatchWriteItem", "TransactWriteItems"}
        assert of_owner(world) == theirs
        losses.on = False
        with suppress(TransferError):  # to append says which keys are taken
            import_tables(run)
    assert loaded(run, world).items_before == 5


@pytest.mark.chaos
def test_a_target_that_is_empty_a_moment_later_is_not_taken_for_one_that_held_nothing(world: World) -> None:
    """What the first look found may have been left out of the second one as well."""
    owners(world, [f"o{n}" for n in range(5)])
    looks: list[int] = []

    def after(asked: Asked, said: Said) -> Said:
        if asked.operation != "Scan" or asked.json["TableName"] != world.dst("a") or "Segment" in asked.json:
            return said
        looks.append(1)
        return changed(said, lambda told: told.update(Count=0, ScannedCount=0)) if len(looks) > 1 else said

    with between(world.endpoint, after=after) as liar:
        world.endpoint, behind = liar.endpoint, world.endpoint
        run = exported(world, "append")
        import_tables(run)
        world.endpoint = behind
    assert len(looks) > 1
    assert loaded(run, world).items_before == 5


@pytest.mark.chaos
def test_what_somebody_writes_between_two_readings_was_there_before(world: World) -> None:
    owners(world, [f"o{n}" for n in range(5)])
    done: list[int] = []

    def before(asked: Asked) -> None:
        if is_of_whole(asked, world) and not is_reading(asked) and not done:
            done.append(1)
            world.put(world.target, world.dst("a"), [{"id": {"S": "newer"}, "of": {"S": "owner"}}])

    with between(world.endpoint, before=before) as slow:
        world.endpoint, behind = slow.endpoint, world.endpoint
        run = exported(world, "append")
        import_tables(run)
        fact = validate_tables(run)[world.src("a")]
        world.endpoint = behind
    assert done
    assert loaded(run, world).items_before == 6
    assert (fact.verdict, fact.there_before) == ("PASS", 6)


def test_a_count_that_finds_fewer_does_not_vouch_for_a_reading(world: World) -> None:
    """A page lost one item, and somebody has deleted two others before they are counted."""
    owners(world, [f"o{n}" for n in range(5)])

    def before(asked: Asked) -> None:
        if is_of_whole(asked, world) and not is_reading(asked):
            for name in ("o0", "o1"):
                world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": name}})

    with (
        losing(world, first_reading, lambda name: name == "o4") as losses,
        between(world.endpoint, before=before) as slow,
    ):
        behind, world.endpoint = world.endpoint, slow.endpoint
        run = exported(world, "append")
        import_tables(run)
        fact = validate_tables(run)[world.src("a")]
        world.endpoint = behind
    assert losses.lies == 1
    assert loaded(run, world).items_before == 5
    assert (fact.verdict, fact.there_before) == ("PASS", 3)


@pytest.mark.chaos
def test_where_nothing_is_lost_the_target_is_read_and_counted_once(world: World) -> None:
    owners(world, [f"o{n}" for n in range(5)])
    run = exported(world, "append")
    before = world.requests("Scan")
    import_tables(run)
    # Two looks whether it is empty, a page and what follows it, and a count of two segments.
    assert world.requests("Scan") - before == 6
