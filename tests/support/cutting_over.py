"""A table that is about to be cut over, and the cut-over itself with time that a test lets pass."""

from __future__ import annotations

from typing import Any

from runbook_lib.cutover.step import cut_over
from runbook_lib.run.facts.cut_over.gates import GATES, CutOverAsked, GateState
from tests.support.moving import Moving, item, live


def readied(moving: Moving) -> Moving:
    """Caught up with and validated, and written to once more."""
    live(moving, 0)
    moving.catch_up()
    moving.validated()
    moving.write(item("before-the-freeze", 1))
    return moving


def cut(moving: Moving, frozen: str = "", **options: Any) -> Any:
    """The cut-over, confirmed; `frozen` is when the writers were stopped."""
    return cut_over(moving.run, asked=CutOverAsked(frozen, confirmed=True), sleep=moving.sleeping, **options)


def states(moving: Moving) -> dict[str, GateState]:
    """How each gate stands that was reached."""
    return {gate: fact.state for gate, fact in GATES.all(moving.run.ledger).items()}
