"""What one table has to move, and what its target holds already, as far as it is known before it is moved."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.aws.dynamodb.describe.tables import Index
from runbook_lib.plan.writing import Method, Writing
from runbook_lib.run.facts.estimate import Basis


@dataclass(frozen=True, slots=True)
class TableSize:
    """What a table has to move: `basis` says how well it is known, None what is not.

    `held_items` and `held_bytes` are what the target holds beside that, by DescribeTable: up to six hours old.
    """

    source: str
    target: str
    method: Method
    basis: Basis
    items: int | None
    bytes: int | None
    files: int | None
    indexes: tuple[Index, ...]
    measured_units: int | None = None
    measured_index_units: int | None = None
    writing: Writing = Writing.BATCH_WRITE
    billed: int | None = None  # what its manifest says, which its items as measured are not
    held_items: int = 0
    held_bytes: int = 0
    scanned_units: float | None = None  # what reading the source took, once it was read by a scan
