"""What a run will cost and how long it will take, as it was estimated at each stage, and the prices it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.topic import Note, Topic


class Basis(StrEnum):
    """How well it is known what a table has to move, the best first."""

    MEASURED = "measured"
    MANIFEST = "manifest"
    HINT = "hint"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Range:
    """At least and at most."""

    low: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)

    def times(self, factor: float) -> Range:
        return Range(self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of the bill: a quantity, and its price where that is known."""

    name: str
    quantity: Range | None
    unit: str
    usd: Range | None


@dataclass(frozen=True, slots=True)
class TableEstimate:
    """One table's part: write units of the table and of its indexes, read units of one pass, seconds of each step.

    `target_read_units` are of whatever reads its target, which holds `held_items` of `held_bytes` by DescribeTable.
    """

    source: str
    target: str
    basis: Basis
    items: int | None
    bytes: int | None
    write_units: Range | None
    index_units: Range | None
    read_units: Range | None
    import_seconds: Range | None
    validate_seconds: Range | None
    held_items: int | None = late()
    held_bytes: int | None = late()
    target_read_units: Range | None = late()


@dataclass(frozen=True, slots=True)
class Advice:
    """One table: write units per second now and advised, the longest import with each, and the charge if known."""

    target: str
    units_now: int
    units: int
    seconds_now: float
    seconds: float
    usd: float | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """The bill, its sum, the hours, what they rest on, and which targets would better be warmed up first."""

    basis: Basis
    parts: tuple[CostLine, ...]
    usd: Range | None
    hours: Range | None
    import_table_usd: Range | None
    storage_usd_month: Range | None
    tables: tuple[TableEstimate, ...]
    prices: str
    advice: tuple[Advice, ...] = ()


# By side, and by what is charged; None is a price that nobody knows.
PRICES_USED = Note("estimate", "prices", dict[str, dict[str, float | None]])
ESTIMATES = Topic("estimate", Estimate, frozenset({PRICES_USED.name}))
