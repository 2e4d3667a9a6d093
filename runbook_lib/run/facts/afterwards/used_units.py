"""What the comparisons, windows and repairs of all starts have used of each target, beside the import's own samples."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from runbook_lib.run.facts.topic import Topic
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.ledger import Ledger


class UnitsCount(Protocol):
    """Whatever counts units while they are used."""

    used: float


@dataclass(frozen=True, slots=True)
class TargetUse:
    """Read units of every comparison of a target, and write units of windows and repairs.

    Those of a repair are the table's alone, by the sizes of its items: its answers do not tell. What a process that was
    killed had not written down yet is not in them.
    """

    read: float
    written: float


TARGET_USES = Topic("target_use", TargetUse)


def target_use(ledger: Ledger, source: str) -> TargetUse:
    """What is known of a target; of a run that began before this was kept, the validation that it still has."""
    known = TARGET_USES.of(ledger, source)
    if known is not None:
        return known
    validated = VALIDATIONS.of(ledger, source)
    return TargetUse((validated.read_units if validated is not None else None) or 0.0, 0.0)


@contextmanager
def target_reads(ledger: Ledger, source: str, limit: UnitsCount) -> Iterator[None]:
    """Add what is read meanwhile, however it ends."""
    before, began = target_use(ledger, source).read, limit.used
    try:
        yield
    finally:
        written = target_use(ledger, source).written
        TARGET_USES.record(ledger, source, TargetUse(before + limit.used - began, written))


def add_written(ledger: Ledger, source: str, units: float) -> None:
    """Add write units of a window or a repair."""
    if units:
        known = target_use(ledger, source)
        TARGET_USES.record(ledger, source, TargetUse(known.read, known.written + units))
