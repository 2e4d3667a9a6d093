"""A run whose catch-up was stopped in the middle of a window is taken back whole, or not at all."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.run.facts.doubt.late_writes import LIFE
from runbook_lib.run.run import Run, open_cleanup, open_run
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.undo.rollback import roll_back
from tests.support.half_applied import stopped_before_it_was_whole, stopped_before_it_wrote
from tests.support.moving import Moving, live, moved
from tests.support.world import World


def held(world: World) -> dict[str, Any]:
    return {item["id"]["S"]: item for item in world.items(world.target, world.dst("a"))}


def over_others(world: World, patched: pytest.MonkeyPatch) -> tuple[Moving, dict[str, Any]]:
    """A run over a target that held items, some of which its windows replace and delete; and what it held."""
    before: dict[str, Any] = {}
    pair = world.pair

    def filled(*of: Any, **more: Any) -> None:
        pair(*of, **more)
        recovery = {"PointInTimeRecoveryEnabled": True}
        world.target.update_continuous_backups(TableName=world.dst("a"), PointInTimeRecoverySpecification=recovery)
        there = [{"id": {"S": name}, "n": {"N": "-1"}} for name in ("i00001", "i00010", "theirs")]
        world.put(world.target, world.dst("a"), there)
        before.update(held(world))
        time.sleep(1.05)  # a restorable moment is a whole second

    with patched.context() as patch:
        patch.setattr(world, "pair", filled)
        moving = moved(world, 30, **{"import": {"on_non_empty": "overwrite"}})
    return moving, before


def much_later(run: Run) -> Run:
    """When no write of the one who was stopped can arrive any more."""
    run.now = lambda: datetime.now(UTC) + LIFE + timedelta(minutes=1)
    return run


@pytest.mark.parametrize("windows", [0, 1])
@pytest.mark.parametrize("stopped", [stopped_before_it_was_whole, stopped_before_it_wrote])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_rollback_takes_back_what_the_window_left(
    world: World, monkeypatch: pytest.MonkeyPatch, stopped: Any, windows: int
) -> None:
    moving, before = over_others(world, monkeypatch)
    for number in range(windows):
        live(moving, number)
        moving.catch_up()
    stopped(moving, monkeypatch)
    world.let_target_pass("a", 10)
    (fact,) = roll_back(much_later(moving.run), moving.run.id)
    assert held(world) == before
    assert (fact.failure, fact.kept) == (None, 0)


@pytest.mark.whole
def test_a_cleanup_waits_until_the_window_is_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    moving = moved(world, 30)
    stopped_before_it_was_whole(moving, monkeypatch)
    there = held(world)
    [removal] = clean_up(much_later(open_cleanup(str(moving.config), "r", True, "")), "r", sleep=lambda seconds: None)
    assert not removal.done
    assert "window 1" in removal.kept
    assert "catch up again" in removal.kept
    assert held(world) == there
    moving.catch_up()
    [removal] = clean_up(much_later(open_cleanup(str(moving.config), "r", True, "")), "r", sleep=lambda seconds: None)
    assert (removal.done, held(world)) == (True, {})


@pytest.mark.chaos
def test_a_cleanup_needs_no_more_of_a_window_that_was_rolled_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    moving = moved(world, 30)
    stopped_before_it_was_whole(moving, monkeypatch)
    roll_back(much_later(moving.run), moving.run.id)
    [removal] = clean_up(much_later(open_cleanup(str(moving.config), "r", True, "")), "r", sleep=lambda seconds: None)
    assert (removal.done, held(world)) == (True, {})


@pytest.mark.chaos
def test_nothing_is_taken_back_where_nobody_can_tell_what_windows_left(world: World, tmp_path: Path) -> None:
    moving = moved(world, 30)
    live(moving, 0)
    moving.catch_up()
    there = held(world)
    (tmp_path / "state" / "runbook" / "r").unlink()
    run = open_run(str(moving.config), "r", True)
    (fact,) = roll_back(run, run.id)
    assert "read under a secret that is lost" in (fact.failure or "")
    assert held(world) == there
    Moving(world, run, moving.config).catch_up()  # which reads them anew
    (fact,) = roll_back(run, run.id)
    assert (fact.failure, held(world)) == (None, {})
