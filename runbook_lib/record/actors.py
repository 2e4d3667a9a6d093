"""Who did the steps of a run and with which code, as it was recorded when they ran.

A report that is written again, by whomever and with whatever code, changes nothing of it.
"""

from __future__ import annotations

from typing import Any

from runbook_lib.run.ledger import Ledger
from runbook_lib.run.provenance import code_facts

# The steps that say who acted on a side and with what, the one that matters most first.
DECISIVE = {
    "source": ("export", "preflight", "validate", "import"),
    "target": ("import", "validate", "preflight", "export"),
}


def acting(ledger: Ledger, side: str) -> dict[str, Any] | None:
    """Who acted on a side: the account that the run began with, as the ARN that did what matters most there."""
    known: dict[str, Any] | None = ledger.get("identity", side)
    start = _start(ledger, DECISIVE[side])
    return known | {"arn": start["arn"][side]} if known and start else known


def asked_to_write(ledger: Ledger) -> bool:
    """Whether a step, as it was last started, was allowed to write."""
    return any((ledger.get("step", step) or {}).get("execute") for step in DECISIVE["target"])


def code_of(ledger: Ledger, published: dict[str, Any] | None = None) -> dict[str, Any]:
    """The code that moved the items, or came nearest to that; of a run in which nothing ran, that of its report."""
    start = _start(ledger, DECISIVE["target"])
    known: dict[str, Any] | None = ledger.get("code", start["code"]) if start else None
    return known or published or code_facts()


def _start(ledger: Ledger, steps: tuple[str, ...]) -> dict[str, Any] | None:
    """The last start of the first of the steps that was ever started."""
    starts = next((found for step in steps if (found := ledger.get("acted", step))), None)
    return dict(starts[-1]) if starts else None
