"""What the imports of a run have used of the targets' capacity. Reads the ledger and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.load.engine.batch_write import UNANSWERED
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.throughput import ThrottleRow, sample_sums, throttled


@dataclass(frozen=True, slots=True)
class Consumed:
    """What the import of one table consumed, and what DynamoDB said when it throttled; None was not measured."""

    wcu: float | None = None
    throttled_requests: int | None = None
    throttled: tuple[ThrottleRow, ...] = ()
    items_sent_again: int | None = None


def consumed(ledger: Ledger) -> dict[str, Consumed]:
    """What was consumed by source table; a table that was not loaded is not among them."""
    reasons = throttled(ledger)
    return {
        table.source: Consumed(
            table.wcu,
            table.throttles,
            tuple(r for r in reasons if r.source == table.source and r.reason != UNANSWERED),
            sum(r.items for r in reasons if r.source == table.source and r.reason == UNANSWERED),
        )
        for table in sample_sums(ledger)
    }
