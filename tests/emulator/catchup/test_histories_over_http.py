"""Random histories x random cuts x kills, through the real apply: the target is the source in the end.

`make chaos` has a hundred runs of them with twice the tables.
"""

from __future__ import annotations

import pytest

from tests.support.histories import moved_history
from tests.support.world import World

TABLES = 10  # histories of one run


@pytest.mark.few(1)
@pytest.mark.parametrize("by", ["windows", "streams"])
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.chaos)])
@pytest.mark.whole
def test_the_target_is_the_source_however_often_the_run_was_killed(world: World, seed: int, by: str) -> None:
    moved_history(world, seed, TABLES, rounds=2, by=by)
