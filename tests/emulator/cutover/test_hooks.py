"""The gates of a cut-over with commands of one's own: none of them opens a gate that another keeps shut."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from runbook_lib.errors import GateFailed
from runbook_lib.record.build import build_record
from runbook_lib.report.figures.run_figures import figures_of
from runbook_lib.report.sections.checklist import checklist
from runbook_lib.run.facts.cut_over.gates import CUT_OVERS, GATES
from tests.support.cutting_over import cut, readied
from tests.support.moving import Moving, moved
from tests.support.world import World


def about_to(world: World, **hooks: list[dict[str, Any]]) -> Moving:
    return readied(moved(world, hooks=hooks))


def asks(name: str, program: str) -> dict[str, Any]:
    return {"name": name, "run": [sys.executable, "-c", program]}


def connected(moving: Moving) -> tuple[str, str]:
    record = build_record(moving.run.ledger, "r", "test")
    answer = checklist(figures_of(record))[-1]
    return answer.answer, answer.evidence


@pytest.mark.whole
def test_smoke_that_fails_keeps_the_go_shut_until_it_is_good(world: World) -> None:
    switch = world.folder / "switch"
    moving = about_to(world, smoke=[asks("fine", "pass"), asks("reads", f"open({str(switch)!r})")])
    with pytest.raises(GateFailed, match=r"SMOKE_FAILED: .*reads \(command\): exit-code 1"):
        cut(moving, moving.now())
    assert GATES.needed(moving.run.ledger, "smoke").fault == "SMOKE_FAILED"
    assert CUT_OVERS.of(moving.run.ledger).go_at is None  # type: ignore[union-attr]
    assert connected(moving)[0] == "no"
    switch.touch()
    cut(moving)
    assert CUT_OVERS.of(moving.run.ledger).go_at  # type: ignore[union-attr]
    assert connected(moving)[0] == "yes"
    assert "reads (command, at the gate smoke): good" in connected(moving)[1]


@pytest.mark.chaos
def test_a_freeze_that_fails_takes_no_moment(world: World) -> None:
    moving = about_to(world, freeze=[asks("stop", "raise SystemExit(3)")])
    with pytest.raises(GateFailed, match=r"FREEZE_FAILED: .*stop \(command\): exit-code 3"):
        cut(moving, moving.now())
    assert CUT_OVERS.of(moving.run.ledger) is None
