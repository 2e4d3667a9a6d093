"""A run that was stopped does not go on over what another run has written since: by the command."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.in_process import runbook_here
from tests.support.world import World, things


def started(world: World, run_id: str, **settings: Any) -> Any:
    return runbook_here("run", world.config(name=run_id, **settings), "--run-id", run_id, "--execute")


@pytest.mark.whole
def test_what_another_run_has_added_since_is_not_replaced(world: World) -> None:
    world.pair("a", things(120))
    world.pair("b", [])
    prefix = f"{world.tag}-src-"
    into_one = {"rename": {"pattern": f"{prefix}(?P<name>.+)", "to": world.dst("a")}}
    world.fault(operation="BatchWriteItem", kind="denied", every=2, table=world.dst("a"))
    older: dict[str, Any] = {"tables": {"include": [world.src("a")]} | into_one}
    assert started(world, "older", **older).returncode == 1
    world.clear_faults()
    held = {item["id"]["S"] for item in world.items(world.target, world.dst("a"))}
    theirs = [{"id": item["id"], "whose": {"S": "b"}} for item in things(120) if item["id"]["S"] not in held]
    assert held
    assert theirs
    world.put(world.source, world.src("b"), theirs)
    newer: dict[str, Any] = {"tables": {"include": [world.src("b")]} | into_one, "import": {"on_non_empty": "append"}}
    assert started(world, "newer", **newer).returncode in (0, 1)  # the other's items are no failure of this one
    again = started(world, "older", **older)
    assert again.returncode == 1
    assert "so has the run newer: going on would replace or delete what that one wrote" in " ".join(
        world.record("older")["tables"][0]["reasons"]
    )
    now = world.items(world.target, world.dst("a"))
    assert [item for item in now if "whose" in item] == sorted(theirs, key=lambda item: now.index(item))
    assert started(world, "third", **older, **{"import": {"on_non_empty": "append"}}).returncode == 1
    assert world.record("third")["tables"][0]["items_quarantined"] == len(theirs)  # the rest was added
    now = world.items(world.target, world.dst("a"))
    assert len(now) == 120
    assert sum("whose" in item for item in now) == len(theirs)
