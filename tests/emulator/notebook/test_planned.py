"""What the pre-flight's tables say of targets that are not there yet."""

from __future__ import annotations

import pytest

from runbook_lib.notebook.output import BAD, PLAIN, colour_of
from runbook_lib.notebook.views import definitions_table, plan_table
from runbook_lib.preflight.step import preflight
from runbook_lib.report.step import record_of
from tests.support.world import World, things


@pytest.mark.parametrize(("create", "keys", "colour"), [(True, "to be created", PLAIN), (False, "no target", BAD)])
def test_a_target_that_is_to_be_created_is_neither_wrong_nor_equal(
    world: World, create: bool, keys: str, colour: str
) -> None:
    world.pair("a", things(1))
    world.target.delete_table(TableName=world.dst("a"))
    run = world.open(tables={"create_missing": create})
    plan = preflight(run)
    assert bool(plan.blockers) is not create
    assert list(plan_table(run).frame()["keys"]) == [keys]
    assert colour_of(keys) == colour
    assert str(definitions_table(record_of(run))) == "Definitions: No definition was compared."


def test_a_source_that_is_skipped_needs_no_target(world: World) -> None:
    world.pair("a", things(1), pitr=False)
    world.target.delete_table(TableName=world.dst("a"))
    run = world.open(export={"without_pitr": "skip"})
    preflight(run)
    assert list(plan_table(run).frame()["keys"]) == ["not migrated"]
    assert colour_of("not migrated") == PLAIN


def test_definitions_that_were_compared_are_counted(world: World) -> None:
    world.pair("a", things(1))
    run = world.open()
    preflight(run)
    said = str(definitions_table(record_of(run)))
    assert said.startswith(
        "Differences, those that block first. 0 of 1 table have exactly the definition of the source."
    )
