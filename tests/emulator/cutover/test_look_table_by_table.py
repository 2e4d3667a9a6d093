"""The look after a go is made table by table: what cannot be looked at is named, and the others are looked at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runbook_lib.errors import ExportError, GateFailed
from runbook_lib.run.facts.cut_over.gates import GATES, QUIET_AFTERWARDS, Gate
from runbook_lib.run.run import open_cleanup, open_run
from runbook_lib.undo.cleanup import clean_up
from tests.support.cutting_over import cut
from tests.support.moving import Moving, item, live, moved
from tests.support.world import World, things


def gone(world: World) -> None:
    world.source.delete_table(TableName=world.src("a"))


def off(world: World) -> None:
    setting = {"PointInTimeRecoveryEnabled": False}
    world.source.update_continuous_backups(TableName=world.src("a"), PointInTimeRecoverySpecification=setting)


def refused(world: World) -> None:
    world.fault(operation="DescribeContinuousBackups", kind="denied", table=world.src("a"), every=1, times=1_000)


def switched(world: World) -> Moving:
    """Two tables that were cut over, the first of which sorts before the other."""
    world.pair("b", things(5))
    moving = moved(world)
    live(moving, 0)
    world.let_pass("b", 20)

    def both(minutes: float) -> None:
        for name in ("a", "b"):
            world.let_pass(name, minutes)

    moving.minutes = both  # type: ignore[method-assign]
    moving.catch_up()
    moving.validated()
    cut(moving, moving.now())
    moving.run.ledger.close()
    moving.run = open_run(str(moving.config), "r", True)
    return moving


@pytest.mark.whole
@pytest.mark.parametrize("lose", [gone, off, refused])
@pytest.mark.parametrize("written", [False, True])
@pytest.mark.few(1)
def test_a_source_that_cannot_be_looked_at_keeps_no_other_one_unlooked_at(
    world: World, lose: Callable[[World], None], written: bool
) -> None:
    moving, (a, b) = switched(world), (world.src("a"), world.src("b"))
    if written:
        world.put(world.source, b, [item("too late", 1)])
    lose(world)
    world.let_pass("b", 40)
    with pytest.raises((ExportError, GateFailed), match=f"not looked at: {a}: ") as told:
        cut(moving)
    assert (f"{b}:" in str(told.value)) == written
    assert list(QUIET_AFTERWARDS.all(moving.run.ledger)) == [b]
    assert QUIET_AFTERWARDS.needed(moving.run.ledger, b).late == int(written)
    assert a in GATES.needed(moving.run.ledger, Gate.AFTERWARDS).why
    moving.run.ledger.close()
    removals = {r.source: r for r in clean_up(open_cleanup(str(moving.config), "r", True, ""), "r")}
    if lose is refused:
        assert f"what was written to {a} since should be looked at" in removals[a].kept
    else:
        assert f"Nobody has looked at what was written to {a} since" in removals[a].kept
        assert "Nobody has looked" not in removals[b].kept
        assert "took the place of its source" in removals[b].kept
