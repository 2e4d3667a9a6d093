"""No clean migration is ever called FAIL: random items of all types, by export and by scan, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runbook_lib.preflight.step import preflight
from tests.support.attributes import for_boto, items
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World

FLEET = 10  # tables, each a migration of its own
Tables = list[tuple[list[dict[str, Any]], bool]]
TABLE = st.tuples(st.lists(items(), max_size=5, unique_by=lambda i: i["id"]["S"]), st.booleans())
SETTINGS = settings(
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def migrates_cleanly(world: World, tables: Tables) -> None:
    fleet = World(world.endpoint, world.folder)
    for number, (content, pitr) in enumerate(tables):
        fleet.pair(f"n{number}", [{n: for_boto(v) for n, v in item.items()} for item in content], pitr=pitr)
    run = fleet.open(run_id=fleet.tag)
    try:
        preflight(run)
        export_tables(run)
        import_tables(run)
        facts = validate_tables(run)
    finally:
        run.ledger.close()
        for client, side in ((fleet.source, fleet.src), (fleet.target, fleet.dst)):
            for number in range(len(tables)):
                client.delete_table(TableName=side(f"n{number}"))
    assert {source: fact["reasons"] for source, fact in facts.items() if fact["verdict"] != "PASS"} == {}
    assert [facts[fleet.src(f"n{n}")]["items_in_target"] for n in range(len(tables))] == [len(c) for c, _ in tables]


@settings(SETTINGS, max_examples=2)
@given(st.lists(TABLE, min_size=FLEET, max_size=FLEET))
@pytest.mark.chaos
def test_twenty_random_migrations_are_clean(world: World, tables: Tables) -> None:
    migrates_cleanly(world, tables)


@pytest.mark.chaos
@settings(SETTINGS, max_examples=55)
@given(st.lists(TABLE, min_size=FLEET, max_size=FLEET))
def test_five_hundred_random_migrations_are_clean(world: World, tables: Tables) -> None:
    migrates_cleanly(world, tables)
