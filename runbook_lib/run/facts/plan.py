"""The plan of a run: its tables in order, the tables left out, and all that was checked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from runbook_lib.aws.dynamodb.describe.capacity import TableCapacity
from runbook_lib.plan.check import Check, Obstacle
from runbook_lib.plan.pair import NotChosen, Pair
from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.topic import Note, Topic
from runbook_lib.run.ledger import Ledger
from runbook_lib.schema.difference import DefinitionDifference, Gap, Parity


@dataclass(frozen=True, slots=True)
class PlannedPair:
    """A planned table and its place in the order of the plan."""

    place: int
    pair: Pair


@dataclass(frozen=True, slots=True)
class ParityFact:
    """How two definitions compared, when, and in which step."""

    differences: tuple[DefinitionDifference, ...]
    not_checked: tuple[Gap, ...]
    equal: tuple[str, ...]
    at: str
    step: str

    @classmethod
    def of(cls, parity: Parity, at: str, step: str) -> ParityFact:
        return cls(parity.differences, parity.not_checked, parity.equal, at, step)


@dataclass(frozen=True, slots=True)
class TableCapacities:
    """The capacity of the two tables of a pair; None for a table that is not there or was not looked at."""

    source: TableCapacity | None
    target: TableCapacity | None

    @property
    def to_fill(self) -> TableCapacity | None:
        """The capacity of the target, or what it will have: one that is missing is created as its source is."""
        if self.target is not None or self.source is None:
            return self.target
        return replace(self.source, warm_read_units=None, warm_write_units=None, replicas=(), indexes_in_making=())


@dataclass(frozen=True, slots=True)
class PlanFileFact:
    """The plan file that a run was begun with, and its text, which later pre-flights are held to."""

    digest: str
    name: str
    text: str | None = late()


PAIRS = Topic("pair", PlannedPair)
NOT_CHOSEN_TABLES = Topic("not_chosen", NotChosen)
PARITIES = Topic("parity", ParityFact)
CAPACITIES = Topic("standing", TableCapacities)
BLOCKERS = Note("plan", "blockers", tuple[Obstacle, ...])
WARNINGS = Note("plan", "warnings", tuple[Obstacle, ...])
CHECKS = Note("plan", "checks", tuple[Check, ...])
PLAN_FILE = Note("run", "plan_file", PlanFileFact)


def planned_pairs_of(ledger: Ledger) -> list[Pair]:
    """The planned tables in the order of the plan; empty before the pre-flight."""
    return [planned.pair for planned in sorted(PAIRS.all(ledger).values(), key=lambda p: p.place)]
