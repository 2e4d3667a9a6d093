"""Of a source that was made anew after its plan reason and command say alike: from the pre-flight. And it works."""

from __future__ import annotations

import json
import shlex

import pytest

from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.run_figures import figures_of
from runbook_lib.report.sections.first_screen.standing import NextStep, next_step
from tests.support.in_process import runbook_here
from tests.support.tables import turn_on_recovery
from tests.support.world import World, things


def replaced(world: World, pitr: bool) -> None:
    world.source.delete_table(TableName=world.src("a"))
    world.table(world.source, world.src("a"))
    world.put(world.source, world.src("a"), things(7))
    if pitr:
        turn_on_recovery(world, world.source, world.src("a"), 9)


def told(world: World) -> tuple[RunRecord, NextStep]:
    said = json.loads((world.folder / "reports" / "r" / "run.json").read_text())
    record = RunRecord.model_validate(said)
    following = next_step(figures_of(record))
    assert following is not None
    return record, following


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("pitr", [True, False])
@pytest.mark.few(1)
@pytest.mark.whole
def test_the_command_begins_where_the_reason_says_and_brings_the_new_table(
    world: World, pitr: bool, others: int
) -> None:
    for name in ["a", "b"][: 1 + others]:
        world.pair(name, things(5), pitr=pitr)
    config = world.config()
    runbook_here("run", config, "--run-id", "r", "--execute", "--only", "preflight")
    assert not told(world)[0].blockers
    replaced(world, pitr)
    assert runbook_here("run", config, "--run-id", "r", "--execute", "--from", "export").returncode == 1
    record, following = told(world)
    assert any("made later" in reason and "from the pre-flight" in reason for reason in record.reasons)
    (command,) = following.commands
    assert "--from" not in command
    again = runbook_here(*shlex.split(command)[1:])
    assert again.returncode == 0, again.stdout + again.stderr
    assert len(world.items(world.target, world.dst("a"))) == 7
    assert told(world)[0].verdict == "PASS"
