"""A table that cannot be exported as of the run's moment any more is said to need a new run, whose command works."""

from __future__ import annotations

import json
import shlex
import time
from typing import Any

import pytest

from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.run_figures import figures_of
from runbook_lib.report.sections.first_screen.standing import next_step
from tests.support.in_process import runbook_here
from tests.support.world import World, things

ON, OFF = True, False


def turn(world: World, on: bool) -> None:
    setting = {"PointInTimeRecoveryEnabled": on}
    world.source.update_continuous_backups(TableName=world.src("b"), PointInTimeRecoverySpecification=setting)


def command(world: World) -> str:
    """The command of the report, which has a reason that says the same."""
    record = RunRecord.model_validate(json.loads((world.folder / "reports" / "r" / "run.json").read_text()))
    following = next_step(figures_of(record))
    assert following is not None
    assert any("start a new run" in reason for reason in record.reasons), record.reasons
    (found,) = following.commands
    return found


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("on_again", [ON, OFF])
@pytest.mark.few(1)
@pytest.mark.whole
def test_recovery_that_was_off_when_others_were_exported_takes_a_new_run(
    world: World, asked: bool, on_again: bool
) -> None:
    for name in ("a", "b"):
        world.pair(name, things(5))
    changes: dict[str, Any] = {"export": {"enable_pitr": [world.src("b")]}} if asked else {}
    config = world.config(**changes)
    runbook_here("run", config, "--run-id", "r", "--execute", "--only", "preflight")
    world.fault(operation="ExportTableToPointInTime", kind="denied", table=world.src("b"), times=1)
    assert runbook_here("run", config, "--run-id", "r", "--execute", "--from", "export").returncode == 1
    turn(world, OFF)
    if on_again:
        turn(world, ON)
    assert runbook_here("run", config, "--run-id", "r", "--execute", "--from", "export").returncode == 1
    found = command(world)
    assert "--run-id" not in found
    assert "--from" not in found
    if not on_again and not asked:
        turn(world, ON)
        time.sleep(1)  # moments of exports are whole seconds
    again = runbook_here(*shlex.split(found)[1:])
    assert again.returncode == 0, again.stdout + again.stderr
    assert [len(world.items(world.target, world.dst(name))) for name in "ab"] == [5, 5]
