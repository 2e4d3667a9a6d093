"""A second full export that catch_up.proof asks for is held against the verdict: where it is not there, no PASS."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runbook_lib.errors import ConfigError, RunbookError
from runbook_lib.report.step import report_run
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.facts.windows import SECOND_EXPORTS, SecondExport
from runbook_lib.run.run import open_run
from runbook_lib.run.verdicts import Verdict
from tests.support.chains import chain_of
from tests.support.cutting_over import cut, readied, states
from tests.support.moving import SETTINGS, Moving, item, live, moved
from tests.support.world import World

ASKED = {"proof": "full_export"}
SAID = "it was not compared with a second full export, which catch_up.proof asks for"


def with_file(moving: Moving, *, execute: bool = True, **catch_up: Any) -> Moving:
    """The same run, started again, with another proof in its file."""
    config = moving.world.config(catch_up=SETTINGS | catch_up)
    return Moving(moving.world, open_run(str(config), "r", execute), config)


def never_asked_for(moving: Moving) -> Moving:
    """The windows are applied by a start whose file did not ask for the second export."""
    other = with_file(moving)
    live(other, 0)
    other.catch_up()
    return with_file(moving, **ASKED)


def not_ended(moving: Moving) -> Moving:
    """The process was killed while the second export went on."""
    live(moving, 0)
    moving.catch_up()
    known = SECOND_EXPORTS.needed(moving.run.ledger, moving.world.src("a"))
    SECOND_EXPORTS.record(moving.run.ledger, moving.world.src("a"), SecondExport(known.moment, known.token))
    return moving


def looked_at_since(moving: Moving) -> Moving:
    """A start whose second export is refused, and then a mere look, which asks for nothing."""
    world = moving.world
    live(moving, 0)
    world.fault(operation="ExportTableToPointInTime", kind="denied", table=world.src("a"), every=2, times=1)
    with pytest.raises(RunbookError):
        moving.catch_up()
    with_file(moving, execute=False, **ASKED).catch_up()
    return with_file(moving, **ASKED)


ABSENT = (never_asked_for, not_ended, looked_at_since)


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize("absent", ABSENT, ids=lambda absent: absent.__name__)
def test_a_table_that_was_not_compared_with_the_second_export_that_is_asked_for_is_no_pass(
    world: World, absent: Any
) -> None:
    moving = moved(world, 12, catch_up=ASKED)
    found = absent(moving).validated()
    assert found.verdict == Verdict.FAIL
    assert any(SAID in reason for reason in found.reasons)
    assert found.changes.second_due is True


@pytest.mark.chaos
def test_a_ledger_that_says_pass_without_the_second_export_is_not_believed(world: World) -> None:
    moving = moved(world, 12, catch_up=ASKED)
    moving = never_asked_for(moving)
    found = moving.validated()
    VALIDATIONS.record(moving.run.ledger, world.src("a"), replace(found, verdict=Verdict.PASS, reasons=()))
    record = report_run(moving.run)
    assert record.verdict == "FAIL"
    assert any("second full export" in reason for reason in record.reasons)


@pytest.mark.chaos
def test_where_it_was_made_or_no_window_came_the_table_passes(world: World) -> None:
    moving = moved(world, 12, catch_up=ASKED)
    assert moving.catch_up() == []
    assert moving.validated().verdict == Verdict.PASS
    live(moving, 0)
    moving.catch_up()
    found = moving.validated()
    assert (found.verdict, found.reasons, found.changes.second_due) == (Verdict.PASS, (), True)


def test_a_chain_made_earlier_and_a_second_export_are_refused_before_there_is_a_run(world: World) -> None:
    chain, _, _ = chain_of(world, 0)
    settings: dict[str, Any] = {"export": {"reuse": {world.src("a"): chain}}, "catch_up": ASKED}
    with pytest.raises(ConfigError, match=r"windows in export.reuse cannot be combined"):
        world.open(**settings)


@pytest.mark.chaos
def test_a_cut_over_makes_the_second_export_that_the_catch_up_asks_for(world: World) -> None:
    moving = readied(moved(world, 12, catch_up=ASKED, cut_over={"proof": "overlay", "max_freeze_minutes": 60}))
    moving.minutes(5)
    cut(moving, moving.now())
    assert states(moving)["go"] == "passed"
    moving.write(item("after", 1))
    assert moving.validation().changes.second_export.moment == moving.validation().changes.as_of
