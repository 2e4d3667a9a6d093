"""What all starts have used of each target, beside the import's own samples: its reads, windows and repairs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from runbook_lib.aws.guard.call_counter import READ_HALVES
from runbook_lib.run.facts.topic import Note, Topic
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.ledger import Ledger


class UnitsCount(Protocol):
    """Whatever counts units while they are used."""

    used: float


@dataclass(frozen=True, slots=True)
class TargetUse:
    """Read units of every comparison of a target, and write units of windows and repairs.

    What a process that was killed had not written down yet is not in them.
    """

    read: float
    written: float


TARGET_USES = Topic("target_use", TargetUse)
READS_COUNTED = Note("run", "reads_counted", bool)  # of a run that began once each read of a target was counted


def units_read(ledger: Ledger) -> dict[str, float] | None:
    """By target the read units of whatever read its items; None of a run that began before that was counted."""
    if not READS_COUNTED.of(ledger):
        return None
    return {target: halves / 2 for target, halves in ledger.calls(READ_HALVES).items()}


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
