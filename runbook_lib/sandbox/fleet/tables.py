"""The reference fleet: the 31 tables of the demo, as facts.

Names, keys, indexes and counts are those of the reference migration, with one addition: four of the twelve
tables without point-in-time recovery hold items here, so that "skipped" and "empty" are two different things.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

SOURCE_REGION = "us-east-1"
TARGET_REGION = "us-east-2"
STAGING_BUCKET = "runbook-staging"
STAGING_PREFIX = "exports"
DEFAULT_ACCOUNT = "111122223333"
DEFAULT_SCALE = 0.05


@dataclass(frozen=True, slots=True)
class FleetKey:
    """Name one attribute of a key schema and its type (S, N or B)."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class FleetTable:
    """Describe one table; `key` and each index hold the partition key and, if there is one, the sort key."""

    source: str
    target: str
    items: int
    bytes: int
    key: tuple[FleetKey, ...]
    indexes: dict[str, tuple[FleetKey, ...]]
    billing: str
    stream: str | None
    point_in_time_recovery: bool
    deletion_protection: bool

    @property
    def short_name(self) -> str:
        """Return the name without the fleet's prefix, such as "loans"."""
        return self.source.removeprefix("bebco-borrower-staging-")

    @property
    def average_item_size(self) -> int:
        """Return the mean item size in bytes, 400 for a table that has none."""
        return self.bytes // self.items if self.items else 400


@cache
def fleet() -> tuple[FleetTable, ...]:
    """Return the 31 tables in the order of the reference report."""
    rows = json.loads(files(__package__).joinpath("fleet.json").read_text(encoding="utf-8"))
    return tuple(
        FleetTable(
            **{
                **row,
                "key": _key(row["key"]),
                "indexes": {name: _key(key) for name, key in row["indexes"].items()},
            }
        )
        for row in rows
    )


def fleet_table(short_name: str) -> FleetTable:
    """Return one table by its short name; KeyError if the fleet has no such table."""
    for table in fleet():
        if table.short_name == short_name:
            return table
    raise KeyError(short_name)


def item_count(table: FleetTable, scale: float) -> int:
    """Return how many items a table holds at a scale; a table with items never shrinks to none."""
    return max(1, round(table.items * scale)) if table.items and scale > 0 else 0


def _key(pairs: list[list[str]]) -> tuple[FleetKey, ...]:
    return tuple(FleetKey(name, kind) for name, kind in pairs)
