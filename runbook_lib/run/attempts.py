"""The starts of a run: what was asked for, who confirmed that it may write, and what stopped it."""

from __future__ import annotations

from typing import Any

from runbook_lib.run.ledger import Ledger

ATTEMPTS = ("run", "attempts")
BY_NOTEBOOK = "notebook"


def add_attempt(ledger: Ledger, attempt: dict[str, Any]) -> None:
    """Add a start to those before it."""
    ledger.put(*ATTEMPTS, [*(ledger.get(*ATTEMPTS) or []), attempt])


def note_interrupt(ledger: Ledger, at: str, step: str | None = None) -> None:
    """Say of the last start when it was stopped and in which step; what stands there of it stays."""
    earlier = ledger.get(*ATTEMPTS) or []
    if earlier and "interrupted" not in earlier[-1]:
        ledger.put(*ATTEMPTS, [*earlier[:-1], earlier[-1] | {"interrupted": {"at": at, "step": step}}])
