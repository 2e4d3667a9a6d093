"""Whatever DynamoDB can hold arrives as it was: items of all ten types through every stage, over HTTP."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runbook_lib.preflight.step import preflight
from tests.support.attributes import for_boto, items
from tests.support.examples import examples
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World


@settings(
    max_examples=examples(3), deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(st.lists(items(), min_size=10, max_size=40, unique_by=lambda i: i["id"]["S"]), st.booleans())
def test_any_item_crosses_unchanged_by_export_and_by_scan(
    world: World, content: list[dict[str, Any]], pitr: bool
) -> None:
    fresh = World(world.endpoint, world.folder)
    fresh.pair("any", [{name: for_boto(value) for name, value in item.items()} for item in content], pitr=pitr)
    run = fresh.open(run_id=fresh.tag)
    preflight(run)
    export_tables(run)
    import_tables(run)
    assert validate_tables(run)[fresh.src("any")]["verdict"] == "PASS"
    sides = [fresh.items(fresh.source, fresh.src("any")), fresh.items(fresh.target, fresh.dst("any"))]
    before, after = ({item["id"]["S"]: item for item in side} for side in sides)
    assert before == after
    assert len(after) == len(content)
