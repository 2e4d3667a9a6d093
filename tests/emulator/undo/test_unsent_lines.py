"""An import that ended before its end: what it never sent is not its own, whoever has put the very same there since."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from runbook_lib.errors import TransferError
from runbook_lib.load.first_write import begin_writing
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.doubt.late_writes import KILLED_WRITES, UNANSWERED_WRITES, may_land_until
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.facts.load import IMPORTS
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import file_rows, keep_lines
from runbook_lib.run.tables.unwritten import PresentRow, keep_present
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.undo.rollback import roll_back
from runbook_lib.undo.sent_lines import unsent_lines
from tests.support.moving import loaded
from tests.support.overwriting import held, recovery
from tests.support.recorded import create_missing_targets, export_tables, import_tables
from tests.support.steps import the_only
from tests.support.tables import CREATE_MISSING, source_without_target, target_exists
from tests.support.world import World, indexed_by, things

MANY = 500
REFUSED = {"id": {"S": "refused"}, "g": {"S": "text"}}


def ended_early(world: World, **changes: Any) -> tuple[Run, set[str]]:
    """A run whose import was refused after some batches; and the keys of the items that it wrote."""
    run = world.open(**changes)
    preflight(run)
    export_tables(run)
    create_missing_targets(run)
    for operation, every in (("BatchWriteItem", 3), ("PutItem", 60)):
        world.fault(operation=operation, kind="denied", every=every)
    with pytest.raises(TransferError):
        import_tables(run)
    world.clear_faults()
    wrote = set(held(world))
    assert 0 < len(wrote) < MANY
    return run, wrote


def put_the_rest(world: World, wrote: set[str]) -> set[str]:
    """Somebody else brings what is missing, from the same source."""
    rest = [one for one in things(MANY) if one["id"]["S"] not in wrote]
    world.put(world.target, world.dst("a"), rest)
    return {one["id"]["S"] for one in rest}


def test_a_cleanup_takes_out_what_was_sent_alone(world: World) -> None:
    world.pair("a", things(MANY))
    run, wrote = ended_early(world)
    theirs = put_the_rest(world, wrote)
    removal = the_only(clean_up(run, run.id))
    assert (removal.items_deleted, removal.kept) == (len(wrote), "")
    assert set(held(world)) == theirs


@pytest.mark.whole
def test_a_created_table_in_which_others_put_what_was_never_sent_stays(world: World) -> None:
    source_without_target(world, "a", MANY)
    run, wrote = ended_early(world, **CREATE_MISSING)
    theirs = put_the_rest(world, wrote)
    assert f"{len(theirs):,} were not written by this run" in str(the_only(clean_up(run, run.id)).kept)
    assert target_exists(world, world.dst("a"))
    assert len(held(world)) == MANY


@pytest.mark.whole
def test_a_rollback_takes_back_what_was_sent_alone(world: World) -> None:
    world.pair("a", things(MANY))
    recovery(world, True)
    run, wrote = ended_early(world)
    theirs = put_the_rest(world, wrote)
    (fact,) = roll_back(run, run.id)
    assert (fact.written, fact.deleted) == (len(wrote), len(wrote))
    assert set(held(world)) == theirs


def one_refused(world: World, windows: int) -> Run:
    """A run that could not write one of two items, because of an index that the target no longer has."""
    world.pair("a")
    recovery(world, True)
    definition = indexed_by("g", "N")
    (index,) = definition["GlobalSecondaryIndexes"]
    world.target.update_table(
        TableName=world.dst("a"), AttributeDefinitions=definition["AttributeDefinitions"],
        GlobalSecondaryIndexUpdates=[{"Create": index}],
    )  # fmt: skip
    world.put(world.source, world.src("a"), [REFUSED, {"id": {"S": "good"}, "g": {"N": "1"}}])
    moving = loaded(world, **{"import": {"quarantine_limit": 3}})
    for number in range(windows):
        moving.write({"id": {"S": f"later{number}"}})
        moving.minutes(20)
        moving.catch_up()
    world.target.update_table(
        TableName=world.dst("a"), GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": index["IndexName"]}}]
    )
    assert set(held(world)) == {"good", *(f"later{number}" for number in range(windows))}
    return moving.run


@pytest.mark.whole
@pytest.mark.few(2)
@pytest.mark.parametrize("windows", [0, 1])
@pytest.mark.parametrize("taken_back", ["cleanup", "rollback"])
def test_a_refused_item_that_its_owner_puts_himself_stays(taken_back: str, windows: int, world: World) -> None:
    run = one_refused(world, windows)
    world.put(world.target, world.dst("a"), [REFUSED])
    if taken_back == "cleanup":
        assert the_only(clean_up(run, run.id)).items_deleted == 1 + windows
    else:
        roll_back(run, run.id)
    assert set(held(world)) == {"refused"}


@pytest.mark.parametrize("way", ["fail", "sync"])
@pytest.mark.parametrize("doubt", ["killed", "unanswered"])
def test_in_doubt_only_lines_of_files_that_were_begun_may_be_the_runs_own(doubt: str, way: str, world: World) -> None:
    world.pair("a", things(MANY))
    recovery(world, True)
    run, _ = ended_early(world, **{"import": {"on_non_empty": way}})
    if doubt == "killed":
        fact = IMPORTS.needed(run.ledger, world.src("a"))
        IMPORTS.record(run.ledger, world.src("a"), replace(fact, counted=None))
    else:
        UNANSWERED_WRITES.record(run.ledger, world.dst("a"), "2026-11-01T00:00:00.000Z")
    rows = file_rows(run.ledger, world.src("a"))
    assert len(rows) > 1
    keep_lines(run.ledger, world.src("a"), rows[0].data_file.key, rows[0].data_file.items)
    unsent = unsent_lines(run, run.planned_pairs()[0])
    for row in rows:
        assert (1 in unsent[row.data_file.key]) == (row.lines is None and row is not rows[0])


def test_a_kill_in_the_midst_of_another_table_leaves_no_doubt_of_one_that_has_ended(world: World) -> None:
    world.pair("a", things(MANY))
    run, wrote = ended_early(world)
    KILLED_WRITES.record(run.ledger, "2026-11-01T00:00:00.000Z")
    theirs = put_the_rest(world, wrote)
    assert the_only(clean_up(run, run.id)).items_deleted == len(wrote)
    assert set(held(world)) == theirs


def test_a_killed_start_stays_in_doubt_though_a_later_one_has_ended(world: World) -> None:
    """Of a start by workers the ledger knows what they reported, and may know of none of their writes."""
    world.pair("a", things(MANY))
    run, wrote = ended_early(world)
    fact = IMPORTS.needed(run.ledger, world.src("a"))
    forgotten = replace(fact, counted=None, spread=True)  # killed before the first report
    IMPORTS.record(run.ledger, world.src("a"), forgotten)
    run.ledger.write("UPDATE file SET acknowledged = 0, written = 0, bytes = 0, beyond = '[]', lines = NULL", [()])
    world.fault(operation="BatchWriteItem", kind="denied", every=1)
    with pytest.raises(TransferError):
        import_tables(run)
    world.clear_faults()
    assert IMPORTS.needed(run.ledger, world.src("a")).counted
    removal = the_only(clean_up(run, run.id))
    assert removal.items_deleted == len(wrote)
    assert held(world) == {}


@pytest.mark.whole
def test_what_may_be_the_runs_after_a_lost_answer_is_kept_and_counted(world: World) -> None:
    world.pair("a", things(3))
    recovery(world, True)
    world.put(world.target, world.dst("a"), [{"id": {"S": "i00001"}, "n": {"N": "-1"}}])
    time.sleep(1.05)  # a restorable moment is a whole second
    run = world.open(**{"import": {"on_non_empty": "sync"}})
    preflight(run)
    export_tables(run)
    import_tables(run)
    world.let_target_pass("a", 10)
    for row in file_rows(run.ledger, world.src("a")):
        span = PresentRow(row.data_file.key, 1, row.data_file.items)
        keep_present(run.ledger, world.src("a"), [span] if row.data_file.items else [])
    UNANSWERED_WRITES.record(run.ledger, world.dst("a"), "2026-11-01T00:00:00.000Z")
    (fact,) = roll_back(run, run.id)
    assert (fact.restored, fact.deleted, fact.kept) == (0, 0, 3)
    assert len(held(world)) == 3


@pytest.mark.parametrize("way", ["fail", "append", "sync"])
def test_a_start_that_is_killed_before_it_notes_anything_is_in_doubt(way: str, world: World) -> None:
    world.pair("a", things(3))
    recovery(world, True)
    run = world.open(**{"import": {"on_non_empty": way}})
    preflight(run)
    export_tables(run)
    (pair,) = run.planned_pairs()
    completed = EXPORTS.needed(run.ledger, pair.source).completed
    assert completed is not None
    assert may_land_until(run.ledger, pair.target) is None
    begin_writing(run, pair, completed)
    until = may_land_until(run.ledger, pair.target)
    assert until is not None
    assert until > run.now()
