"""A campaign of small migrations in a world, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.support.world import World, things

NAME = "fleet"


def migration(world: World, name: str, **changes: Any) -> str:
    """The migration file of one table of a world; returns its name as a campaign file beside it has it."""
    file = world.config(tables={"include": [world.src(name)]}, name=name, **changes)
    return file.name


def campaign_file(world: World, waves: list[list[dict[str, Any]]], **more: Any) -> Path:
    """A campaign file; each wave is a list of runs."""
    named = [{"name": f"wave {n}", "runs": runs} for n, runs in enumerate(waves, 1)]
    file = world.folder / "campaign.yaml"
    file.write_text(yaml.safe_dump({"name": NAME, "waves": named, **more}, sort_keys=False), encoding="utf-8")
    return file


def fleet(world: World, waves: list[list[str]], items: int = 10, **changes: Any) -> Path:
    """A campaign with a table for each run; changes go into every migration file."""
    for n, name in enumerate(name for wave in waves for name in wave):
        world.pair(name, things(items + n))
    runs = [[{"id": name, "config": migration(world, name, **changes)} for name in wave] for wave in waves]
    return campaign_file(world, runs)


def verdicts(world: World, names: list[str]) -> dict[str, str]:
    """The verdict of each run that has a record."""
    there = [name for name in names if (world.folder / "reports" / f"{NAME}-{name}" / "run.json").is_file()]
    return {name: world.record(f"{NAME}-{name}")["verdict"] for name in there}
