"""A thousand histories of tables that are written to while their run is killed again and again, and some by SIGKILL."""

from __future__ import annotations

import pytest

from tests.support.histories import moved_history
from tests.support.world import World

TABLES = 20  # histories of one run


@pytest.mark.chaos
@pytest.mark.parametrize("by", ["windows", "streams"])
@pytest.mark.parametrize("seed", range(1000, 1050))
def test_the_target_is_the_source_however_often_the_run_was_killed(world: World, seed: int, by: str) -> None:
    moved_history(world, seed, TABLES, rounds=2, by=by)


@pytest.mark.chaos
@pytest.mark.parametrize("by", ["windows", "streams"])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_target_is_the_source_after_processes_that_were_killed(world: World, seed: int, by: str) -> None:
    assert moved_history(world, seed, TABLES // 2, rounds=2, by_signal=True, by=by).kills
