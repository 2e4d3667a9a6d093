"""What is estimated: a table's load, its parts and their sum."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from runbook_lib.aws.dynamodb.describe.capacity import TableCapacity
from runbook_lib.aws.dynamodb.describe.tables import Index
from runbook_lib.cost.durations import Range


@dataclass(frozen=True, slots=True)
class TableCapacities:
    """How the two tables of a pair stand; None for a table that is not there or was not looked at."""

    source: TableCapacity | None
    target: TableCapacity | None


@dataclass(frozen=True, slots=True)
class TableSize:
    """What a table has to move: `basis` says how well it is known, None what is not."""

    source: str
    target: str
    method: str
    basis: str
    items: int | None
    bytes: int | None
    files: int | None
    indexes: tuple[Index, ...]
    measured_units: int | None = None
    measured_index_units: int | None = None
    writing: str = "batch_write"


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of the bill: a quantity, and its price where that is known."""

    name: str
    quantity: Range | None
    unit: str
    usd: Range | None


@dataclass(frozen=True, slots=True)
class TableEstimate:
    """One table's part: write units of the table and of its indexes, read units of one pass, seconds of each step."""

    source: str
    target: str
    basis: str
    items: int | None
    bytes: int | None
    write_units: Range | None
    index_units: Range | None
    read_units: Range | None
    import_seconds: Range | None
    validate_seconds: Range | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """The bill, its sum, the hours, and what they rest on."""

    basis: str
    parts: tuple[CostLine, ...]
    usd: Range | None
    hours: Range | None
    import_table_usd: Range | None
    storage_usd_month: Range | None
    tables: tuple[TableEstimate, ...]
    prices: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
