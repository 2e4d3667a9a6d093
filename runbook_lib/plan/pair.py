"""Which table goes where and how: names, methods, and the words for what stands in the way.

Pure: it is told which tables exist and asks nobody.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.plan.reuse import Reuse


@dataclass(frozen=True, slots=True)
class Pair:
    """One table's way: `method` is export, scan, reuse or skip; facts are None for a table not there.

    `writing` is batch_write or import_table, and `why` says what decided it.
    """

    source: str
    target: str
    method: str
    reuse: Reuse | None
    source_facts: TableDescription | None
    target_facts: TableDescription | None
    writing: str = "batch_write"
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Pair:
        def facts(side: str) -> TableDescription | None:
            return TableDescription.from_json(data[side]) if data[side] else None

        reuse = Reuse.from_json(data["reuse"]) if data["reuse"] else None
        both = facts("source_facts"), facts("target_facts")
        writing = data.get("writing", "batch_write"), data.get("why", "")
        return cls(data["source"], data["target"], data["method"], reuse, *both, *writing)


@dataclass(frozen=True, slots=True)
class NotChosen:
    """A table that the migration file includes and this run does not move, and why."""

    source: str
    target: str
    why: str


def spell_key(facts: TableDescription) -> str:
    """A key schema for people: `account_id (S), posted_at (N)`."""
    return ", ".join(f"{k.name} ({k.type})" for k in facts.key)
