"""The starts of a run: what was asked for, who confirmed that it may write, and what stopped it."""

from __future__ import annotations

from dataclasses import replace

from runbook_lib.run.facts.starts import ATTEMPTS, AttemptFact, Interruption
from runbook_lib.run.ledger import Ledger

BY_NOTEBOOK = "notebook"


def add_attempt(ledger: Ledger, attempt: AttemptFact) -> None:
    """Add a start to those before it."""
    ATTEMPTS.record(ledger, (*(ATTEMPTS.of(ledger) or ()), attempt))


def note_interrupt(ledger: Ledger, at: str, step: str | None = None) -> None:
    """Say of the last start when it was stopped and in which step; what stands there of it stays."""
    earlier = ATTEMPTS.of(ledger) or ()
    if earlier and earlier[-1].interrupted is None:
        stopped = replace(earlier[-1], interrupted=Interruption(at, step))
        ATTEMPTS.record(ledger, (*earlier[:-1], stopped))
