"""The last gate before the go: who still names an old table would go on using it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from runbook_lib.errors import GateFailed
from runbook_lib.record.build import build_record
from runbook_lib.report.figures.cut_over import cut_over_lines, unproved_cut_over
from runbook_lib.run.facts.around.references import REFERENCES
from runbook_lib.run.facts.cut_over.gates import CUT_OVERS, GATES
from tests.support.cutting_over import cut
from tests.support.moving import Moving, live, moved
from tests.support.namers import MARKER, a_function, around
from tests.support.world import World

pytestmark = pytest.mark.whole


@pytest.fixture
def moving(world: World) -> Iterator[Moving]:
    """A table that was caught up with, and a function that names it."""
    made = moved(world, references={"in_preflight": True})
    a_function(world, f"{world.tag}-reader", {"TABLE": world.src("a"), "SECRET": MARKER})
    live(made, 0)
    made.catch_up()
    made.validated()
    yield made
    with around(world, "lambda") as client:
        client.delete_function(FunctionName=f"{world.tag}-reader")


def gone(moving: Moving) -> str | None:
    fact = CUT_OVERS.of(moving.run.ledger)
    return fact.go_at if fact else None


def test_the_gate_stays_shut_until_the_function_names_the_new_table(world: World, moving: Moving) -> None:
    with pytest.raises(GateFailed, match=rf"STILL_NAMED: .*{world.tag}-reader \(variable TABLE: ") as refused:
        cut(moving, moving.now())
    assert MARKER not in str(refused.value)
    assert gone(moving) is None
    assert [each.where for each in REFERENCES.of(moving.run.ledger).found] == ["variable TABLE"]  # type: ignore[union-attr]
    with around(world, "lambda") as client:
        client.update_function_configuration(
            FunctionName=f"{world.tag}-reader", Environment={"Variables": {"TABLE": world.dst("a")}}
        )
    cut(moving)
    assert gone(moving)
    record = build_record(moving.run.ledger, "r", "test")
    assert any(line.startswith("Before the go, no place") for line in cut_over_lines(record))
    assert unproved_cut_over(record) == []


@pytest.mark.parametrize("glob", ["function *-reader", pytest.param("*", marks=pytest.mark.chaos)])
@pytest.mark.chaos
def test_what_is_accepted_lets_the_gate_open_and_is_told(moving: Moving, glob: str) -> None:
    moving.run.config.accept.still_named[:] = ["function other-*"]
    with pytest.raises(GateFailed, match="STILL_NAMED"):
        cut(moving, moving.now())
    moving.run.config.accept.still_named[:] = [glob]
    cut(moving)
    assert gone(moving)
    assert "accept.still_named lets 1 of them be" in GATES.needed(moving.run.ledger, "references").why
