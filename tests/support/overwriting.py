"""A run that has overwritten a target which held items before."""

from __future__ import annotations

import time
from typing import Any

from runbook_lib.preflight.step import preflight
from runbook_lib.run.run import Run
from runbook_lib.validate.step import validate_tables
from tests.support.recorded import export_tables, import_tables
from tests.support.world import World, things

Items = dict[str, dict[str, Any]]


def held(world: World) -> Items:
    return {item["id"]["S"]: item for item in world.items(world.target, world.dst("a"))}


def recovery(world: World, on: bool) -> None:
    world.target.update_continuous_backups(
        TableName=world.dst("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": on}
    )


def overwritten(world: World, count: int = 30, **changes: Any) -> tuple[Run, Items]:
    """A run that has overwritten a target, of whose items two in three have keys of the export; and what it held."""
    world.pair("a", things(count))
    recovery(world, True)
    old = [{"id": {"S": f"i{n:05}"}, "n": {"N": str(n)} if n % 4 == 0 else {"N": "-1"}} for n in range(0, count, 2)]
    strangers = [{"id": {"S": f"old{n}"}} for n in range(5)]
    world.put(world.target, world.dst("a"), [*old, *strangers])
    before = held(world)
    time.sleep(1.05)  # a restorable moment is a whole second
    run = world.open(**{"import": {"on_non_empty": "overwrite"}} | changes)
    assert preflight(run).blockers == ()
    export_tables(run)
    import_tables(run)
    assert validate_tables(run)[world.src("a")].verdict == "PASS"
    world.let_target_pass("a", 10)
    return run, before
