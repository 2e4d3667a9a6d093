"""Further targets for the tables of a world, for runs that use another run's exports."""

from __future__ import annotations

from typing import Any

from tests.support.world import World


def other_target(world: World, place: str, *names: str, reuse: str = "first", **export: Any) -> dict[str, Any]:
    """Settings that move this world's tables into empty targets `<tag>-<place>-<name>`, made here."""
    for name in names:
        world.table(world.target, f"{world.tag}-{place}-{name}")
    rename = {"pattern": f"{world.tag}-src-(?P<name>.+)", "to": f"{world.tag}-{place}-{{name}}"}
    return {"tables": {"rename": rename}, "export": {"reuse_run": reuse, **export}}
