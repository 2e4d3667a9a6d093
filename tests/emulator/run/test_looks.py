"""A look, a start that may not write, takes back nothing of what one that may write left undone: of every step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import step_row
from runbook_lib.run.facts.starts import STEP_FACTS, StepFact, StepStatus
from runbook_lib.run.run import Run, open_run
from runbook_lib.run.steps import KEPT, begin_step, interrupt_running, put_aside
from runbook_lib.timestamps import format_timestamp
from tests.support.world import World, things

# Of which a start that may not write does all that one does that may: what it finds holds.
READ_ONLY = {"preflight", "export", "transform", "validate", "leak_scan", "report", "drift", "surroundings"}


def fail(run: Run, step: str) -> None:
    with pytest.raises(RuntimeError), run.step(step):
        raise RuntimeError("it could not be done")


def interrupt(run: Run, step: str) -> None:
    with pytest.raises(KeyboardInterrupt), run.step(step):
        raise KeyboardInterrupt


def kill(run: Run, step: str) -> None:
    """Nothing of what comes after it is done, as when the process is gone."""
    with run.step(step):
        pass
    began = STEP_FACTS.needed(run.ledger, step).started
    STEP_FACTS.record(run.ledger, step, StepFact(StepStatus.RUNNING, began, run.execute))


def done(run: Run, step: str) -> None:
    with run.step(step):
        pass


def runs_of(world: World) -> tuple[Run, Run]:
    """One run, started so that it may write, and so that it may not."""
    world.pair("a", things(2))
    config = str(world.config())
    acting = open_run(config, "r", True)
    preflight(acting)
    return acting, open_run(config, "r", False)


def undone(run: Run) -> set[str]:
    return {step for step in KEPT if step_row(run.ledger, step).status not in ("completed", "not run")}


@pytest.mark.parametrize("leave", [fail, interrupt, kill], ids=lambda leave: leave.__name__)
def test_a_look_takes_back_no_failure_of_a_start_that_may_write(
    world: World, leave: Callable[[Run, str], None]
) -> None:
    acting, look = runs_of(world)
    for step in KEPT:
        leave(acting, step)
        began = step_row(acting.ledger, step).started
        done(look, step)
        done(look, step)
        if step not in READ_ONLY:
            row = step_row(acting.ledger, step)
            assert (row.execute, row.started) == (True, began)
            assert row.message
    assert undone(acting) == KEPT.keys() - READ_ONLY
    for step in KEPT:
        done(acting, step)
    assert undone(acting) == set()


@pytest.mark.parametrize("leave", [fail, interrupt, kill], ids=lambda leave: leave.__name__)
def test_nor_does_one_that_fails_or_is_killed_itself(world: World, leave: Callable[[Run, str], None]) -> None:
    acting, look = runs_of(world)
    for step in KEPT.keys() - READ_ONLY:
        fail(acting, step)
        fail(look, step)
        leave(look, step)
        begin_step(look.ledger, step, StepFact(StepStatus.RUNNING, format_timestamp(look.now()), False))  # and is gone
        assert step_row(acting.ledger, step).message == "it could not be done"
        interrupt_running(acting.ledger, datetime.now(UTC))
        done(look, step)
        row = step_row(acting.ledger, step)
        assert (row.execute, row.message) == (True, "it could not be done")


@pytest.mark.parametrize("execute", [True, False])
def test_nor_does_a_start_of_a_runner_that_does_not_come_as_far(world: World, execute: bool) -> None:
    acting, look = runs_of(world)
    for step in KEPT:
        fail(acting if execute else look, step)
        put_aside(acting.ledger, step)  # as a runner does with all its steps when it begins
        put_aside(acting.ledger, step)
    assert undone(acting) == (KEPT.keys() - READ_ONLY if execute else set())


def test_a_look_at_what_was_done_or_only_looked_at_is_recorded_as_it_ends(world: World) -> None:
    acting, look = runs_of(world)
    for step in KEPT:
        fail(look, step)
        done(look, step)
        assert step_row(acting.ledger, step).status == "completed"
        done(acting, step)
        fail(look, step)
        assert (step_row(acting.ledger, step).status, step_row(acting.ledger, step).execute) == ("failed", False)
        done(look, step)
    assert undone(acting) == set()
