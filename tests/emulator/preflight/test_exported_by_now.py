"""A run that goes on with an export it has made looks at a source which may be another one by now."""

from __future__ import annotations

from runbook_lib.export.step import export_tables
from runbook_lib.preflight.step import preflight
from runbook_lib.run.run import Run, open_run
from tests.support.world import World, things


def exported(world: World) -> Run:
    world.pair("a", things(3))
    run = open_run(str(world.config()), "r", True)
    preflight(run)
    export_tables(run)
    return run


def said(run: Run, check: str) -> tuple[str, str]:
    (found,) = [c for c in preflight(run).checks if c.id == check]
    return found.status, found.found


def test_a_source_that_was_made_anew_is_said_to_be_another_table(world: World) -> None:
    run = exported(world)
    assert said(run, "source-table") == ("ok", "ACTIVE")
    world.source.delete_table(TableName=world.src("a"))
    world.table(world.source, world.src("a"))
    status, found = said(run, "source-table")
    assert status == "warning"
    assert "another one of that name" in found
    plan = preflight(run)
    assert plan.blockers == ()
    assert plan.pairs[0].method == "export"


def test_recovery_that_was_turned_off_since_changes_nothing_of_this_run(world: World) -> None:
    run = exported(world)
    recovery = {"PointInTimeRecoveryEnabled": False}
    world.source.update_continuous_backups(TableName=world.src("a"), PointInTimeRecoverySpecification=recovery)
    assert said(run, "point-in-time-recovery") == ("warning", "it is off by now; the table is exported")


def test_of_a_table_that_was_scanned_for_want_of_recovery_it_is_not_said_that_recovery_went_off(world: World) -> None:
    """`found it is off by now`: it had been off from the start."""
    world.pair("a", things(3), pitr=False)
    run = open_run(str(world.config(export={"without_pitr": "scan"})), "r", True)
    before = said(run, "point-in-time-recovery")
    export_tables(run)
    assert before == ("warning", "it is off and export.without_pitr is 'scan'")
    assert said(run, "point-in-time-recovery") == ("warning", "it is off; the table was read by a scan")
