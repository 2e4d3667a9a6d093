"""A migration of one table that goes on being written to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from runbook_lib.aws.dynamodb.backups import recovery_of
from runbook_lib.catchup.step import catch_up
from runbook_lib.export.step import export_tables
from runbook_lib.load.step import import_tables
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.run import Run, open_run
from runbook_lib.validate.step import validate_tables
from tests.support.world import World, things

SETTINGS = {"margin_seconds": 0, "quiet_seconds": 0}


@dataclass
class Moving:
    """A migration of one table that goes on being written to."""

    world: World
    run: Run
    config: Path = Path()

    def write(self, *items: Any) -> None:
        self.world.put(self.world.source, self.world.src("a"), list(items))

    def delete(self, *names: str) -> None:
        for name in names:
            self.world.source.delete_item(TableName=self.world.src("a"), Key={"id": {"S": name}})

    def minutes(self, minutes: float) -> None:
        self.world.let_pass("a", minutes)

    def now(self) -> str:
        """The time at the source table, which tests let pass."""
        latest = recovery_of(self.world.source, self.world.src("a")).latest
        assert latest is not None
        return (latest + timedelta(seconds=1)).isoformat()

    def sleeping(self, seconds: float) -> None:
        """Let time pass at the source in place of sleeping, but not where an export is waited for."""
        if seconds >= 1:
            self.minutes(2)

    def catch_up(self, **options: Any) -> list[Any]:
        return catch_up(self.run, **options)

    def validated(self) -> Any:
        return validate_tables(self.run)[self.world.src("a")]

    def validation(self) -> Any:
        """What was last found."""
        return VALIDATIONS.needed(self.run.ledger, self.world.src("a"))

    def source(self) -> Any:
        return sorted(self.world.items(self.world.source, self.world.src("a")), key=str)

    def target(self) -> Any:
        return sorted(self.world.items(self.world.target, self.world.dst("a")), key=str)


def moved(world: World, count: int = 60, **changes: Any) -> Moving:
    """A table that was exported and loaded, and goes on living."""
    definition = changes.pop("definition", {})
    world.pair("a", things(count), **definition)
    return loaded(world, **changes)


def loaded(world: World, **changes: Any) -> Moving:
    """The table of the world, exported and loaded."""
    settings: dict[str, Any] = {"catch_up": SETTINGS | changes.pop("catch_up", {})}
    config = world.config(**settings | changes)
    run = open_run(str(config), "r", True)
    preflight(run)
    export_tables(run)
    import_tables(run)
    return Moving(world, run, config)


def item(name: str, number: int) -> Any:
    return {"id": {"S": name}, "n": {"N": str(number)}}


def live(moving: Moving, round_: int) -> None:
    """Changes of every kind, and then time."""
    moving.write(item(f"new-{round_}", round_), item("i00001", 100 + round_), item(f"short-{round_}", 1))
    moving.delete(f"i000{10 + round_}", f"short-{round_}", *([f"new-{round_ - 1}"] if round_ else []))
    moving.minutes(20)
