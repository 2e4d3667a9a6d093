"""A cut-over that is killed at any moment goes on, and ends as if it had been left alone; a writer races each gate."""

from __future__ import annotations

import random
from contextlib import ExitStack
from typing import Any

import pytest

from runbook_lib.errors import GateFailed
from runbook_lib.run.facts.cut_over.gates import CUT_OVERS, Gate, GateState, went
from runbook_lib.run.run import open_run
from runbook_lib.run.verdicts import Verdict
from tests.support.cutting_over import cut, readied, states
from tests.support.histories import Killed, mortal
from tests.support.moving import Moving, item, moved
from tests.support.world import World


def about_to(world: World) -> Moving:
    return readied(moved(world, 20, validate={"index_samples": 0}))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.chaos) for seed in (1, 2))])
@pytest.mark.whole
def test_it_ends_as_if_it_had_been_left_alone(world: World, seed: int) -> None:
    moving, chance = about_to(world), random.Random(seed)
    frozen, source, lives = moving.now(), moving.source(), 0
    moving.minutes(25)
    end = chance.randint(5, 25)
    while True:
        lives += 1
        try:
            with mortal(end):
                cut(moving, frozen)
            break
        except Killed:
            moving.run.ledger.close()
            moving.run = open_run(str(moving.config), "r", True)
            end += chance.randint(5, 25)
    assert lives > 3
    assert moving.target() == source == moving.source()
    assert moving.validation().verdict is Verdict.PASS
    assert states(moving)[Gate.GO] is GateState.PASSED


FOUND_BEFORE = (Gate.FREEZE, Gate.LAST_WINDOW)
RACED = (*FOUND_BEFORE, Gate.FREEZE_PROOF, Gate.DATA_PROOF, Gate.SMOKE, Gate.GO)


@pytest.mark.parametrize("gate", RACED)
@pytest.mark.chaos
def test_a_writer_that_goes_on_at_a_gate_never_gets_a_write_lost(world: World, gate: Gate) -> None:
    """It is found before the go, or at the look afterwards; what is not in the target is told either way."""
    moving = about_to(world)
    frozen = moving.now()
    moving.minutes(3)
    written: list[str] = []

    def race(at: Gate, fact: Any) -> None:
        if at is gate and fact.state is GateState.BEGUN and not written:
            written.append("raced")
            moving.write(item("raced", 1))
            moving.minutes(1)

    if gate in FOUND_BEFORE:
        with pytest.raises(GateFailed, match="NOT_FROZEN"):
            cut(moving, frozen, watch=race)
        return
    cut(moving, frozen, watch=race)
    fact = CUT_OVERS.of(moving.run.ledger)
    assert fact is not None
    moving.minutes(40)
    assert item("raced", 1) not in moving.target()
    with pytest.raises(GateFailed, match=r"LATE_WRITES: .* 1 change,"):
        cut(moving, "")


@pytest.mark.parametrize("moment", [1, 8, *(pytest.param(moment, marks=pytest.mark.chaos) for moment in (4, 12))])
@pytest.mark.chaos
def test_a_go_that_is_killed_at_its_last_look_goes_on(world: World, moment: int) -> None:
    """The proofs took half an hour, so that the go reads what was written meanwhile, which is nothing."""
    moving, waits, lives = about_to(world), [30.0], ExitStack()
    frozen = moving.now()

    def slow(at: Gate, fact: Any) -> None:
        if at is Gate.SMOKE and waits:
            moving.minutes(waits.pop())
        if at is Gate.GO:
            lives.enter_context(mortal(moment))

    with lives, pytest.raises(Killed):
        cut(moving, frozen, watch=slow)
    moving.run.ledger.close()
    moving.run = open_run(str(moving.config), "r", True)
    assert went(moving.run.ledger) is None
    cut(moving, frozen)
    assert states(moving)[Gate.GO] is GateState.PASSED
    assert moving.target() == moving.source()
