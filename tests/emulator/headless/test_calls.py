"""How often a run asks AWS about a small table."""

from __future__ import annotations

import pytest

from tests.support.in_process import runbook_here
from tests.support.world import World

MOST = 96  # how many of its files hold items is left to chance


@pytest.mark.chaos
def test_a_table_of_ten_items_takes_no_more_calls_than_it_did(world: World) -> None:
    of_tables = []
    for tables in (1, 3):
        for number in range(tables):
            world.pair(f"n{tables}{number}", [{"id": {"S": f"i{n}"}} for n in range(10)])
        chosen = {"include": [world.src(f"n{tables}*")]}
        before = world.asked()
        assert runbook_here("run", world.config(tables=chosen), "--run-id", f"r{tables}", "--execute").returncode == 0
        of_tables.append(world.asked() - before)
    each = {name: (count - of_tables[0][name]) / 2 for name, count in of_tables[1].items()}
    assert sum(each.values()) <= MOST, each
