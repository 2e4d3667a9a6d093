"""The cut-over of tables that are followed by their streams: no wait for recovery, and one more look at the go."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.errors import GateFailed
from runbook_lib.run.facts.cut_over.gates import (
    CUT_OVERS,
    FORECASTS,
    FROZEN,
    Gate,
    GateState,
)
from runbook_lib.run.facts.windows import windows_of
from tests.support.cutting_over import cut, readied, states
from tests.support.moving import Moving, item
from tests.support.streamed import streamed
from tests.support.world import World

OVERLAY = {"cut_over": {"proof": "overlay"}}


def about_to(world: World, **changes: Any) -> Moving:
    """A table that was caught up with and validated, and goes on being written to."""
    return readied(streamed(world, 20, **{"validate": {"index_samples": 0}, **OVERLAY, **changes}))


@pytest.mark.parametrize("proof", ["overlay", "full_export"])
@pytest.mark.chaos
def test_it_ends_with_the_target_in_the_place_of_the_source(world: World, proof: str) -> None:
    moving = about_to(world, cut_over={"proof": proof})
    cut(moving, moving.now())
    assert moving.target() == moving.source()
    assert states(moving)["go"] == GateState.PASSED
    found = moving.validation()
    assert found.changes.as_of == windows_of(moving.run.ledger)[-1].end
    assert (found.changes.second_export is not None) == (proof == "full_export")


@pytest.mark.whole
def test_the_writers_stand_still_for_seconds(world: World) -> None:
    moving = about_to(world)
    exports = world.requests("ExportTableToPointInTime")
    cut(moving, moving.now())
    forecast = FORECASTS.of(moving.run.ledger)
    assert forecast is not None
    assert forecast.seconds is not None
    assert forecast.seconds < 15
    assert world.requests("ExportTableToPointInTime") == exports


RACED = (Gate.FREEZE_PROOF, Gate.DATA_PROOF, Gate.SMOKE, Gate.GO)


@pytest.mark.parametrize("gate", RACED)
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_writer_that_goes_on_at_a_gate_keeps_the_go_shut(world: World, gate: Gate) -> None:
    moving = about_to(world)
    written: list[str] = []

    def race(at: Gate, fact: Any) -> None:
        if at is gate and fact.state is GateState.BEGUN and not written:
            written.append("raced")
            moving.write(item("raced", 1))

    with pytest.raises(GateFailed, match=r"NOT_FROZEN: .* 1 change,"):
        cut(moving, moving.now(), watch=race)
    assert FROZEN.needed(moving.run.ledger, world.src("a")).late == 1
    fact = CUT_OVERS.of(moving.run.ledger)
    assert fact is not None
    assert fact.go_at is None
    moving.minutes(3)
    cut(moving, moving.now())
    assert moving.target() == moving.source()
    assert states(moving)["go"] == GateState.PASSED


@pytest.mark.chaos
def test_what_is_written_after_the_go_is_found_by_the_look_afterwards(world: World) -> None:
    moving = about_to(world)
    cut(moving, moving.now())
    moving.write(item("to the old table", 1))
    moving.minutes(40)
    with pytest.raises(GateFailed, match=r"LATE_WRITES: .* 1 change,"):
        cut(moving, "")
