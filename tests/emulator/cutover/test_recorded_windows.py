"""A cut-over judges windows by what is recorded of them, and not by what the migration file says by now."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.cutover.step import cut_over
from runbook_lib.errors import GateFailed
from runbook_lib.run.facts.cut_over.gates import Gate, GateState
from runbook_lib.run.run import open_run
from runbook_lib.run.verdicts import Verdict
from tests.support.cutting_over import cut, readied, states
from tests.support.moving import SETTINGS, Moving, live, moved
from tests.support.world import World

BARE = {"view": "NEW_IMAGE"}
OVERLAY = {"proof": "overlay", "max_freeze_minutes": 120}
FULL = {"proof": "full_export", "max_freeze_minutes": 120}


def with_file(moving: Moving, cut_over: Any, **catch_up: Any) -> Moving:
    """The same run, started again with another file."""
    config = moving.world.config(catch_up=SETTINGS | catch_up, cut_over=cut_over)
    return Moving(moving.world, open_run(str(config), "r", True), config)


@pytest.mark.whole
def test_windows_without_old_images_do_not_gain_them_by_another_view_in_the_file(world: World) -> None:
    moving = with_file(readied(moved(world, 12, catch_up=BARE, cut_over=OVERLAY)), OVERLAY)
    with pytest.raises(GateFailed, match=r"should be full_export, as window 1 was exported without old images"):
        cut_over(moving.run)
    with pytest.raises(GateFailed, match="NOT_READY"):
        cut(moving, moving.now())
    assert states(moving) == {"ready": GateState.FAILED}


class Killed(BaseException):
    """The process is gone."""


def kill_at_the_proof(gate: Gate, _: Any) -> None:
    if gate is Gate.DATA_PROOF:
        raise Killed


@pytest.mark.chaos
def test_after_a_cut_over_that_was_given_up_a_catch_up_has_the_second_export_made_anew(world: World) -> None:
    """The one of the cut-over is of an earlier moment: the table was a FAIL for good, and was to be caught up again."""
    moving = readied(moved(world, 12, cut_over=FULL))

    def killed(gate: Gate, _: Any) -> None:
        if gate is Gate.SMOKE:
            raise Killed

    with pytest.raises(Killed):
        cut(moving, moving.now(), watch=killed)
    live(moving, 1)
    moving.catch_up()
    found = moving.validated()
    assert (found.verdict, found.reasons) == (Verdict.PASS, ())
    assert found.changes is not None
    assert found.changes.second_export is not None


@pytest.mark.chaos
def test_a_proof_that_is_taken_out_after_the_freeze_opens_no_gate_for_them(world: World) -> None:
    moving = readied(moved(world, 12, catch_up=BARE, cut_over=FULL))
    with pytest.raises(Killed):
        cut(moving, moving.now(), watch=kill_at_the_proof)
    other = with_file(moving, OVERLAY)
    with pytest.raises(GateFailed, match=r"NOT_PROVED: .*its windows have no old images"):
        cut(other)
    again = with_file(moving, FULL)
    cut(again)
    assert states(again)["go"] == GateState.PASSED
