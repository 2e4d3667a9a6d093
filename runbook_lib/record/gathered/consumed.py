"""What the imports of a run have used of the targets' capacity. Reads the ledger and nothing else."""

from __future__ import annotations

from typing import Any

from runbook_lib.load.engine.batch_write import UNANSWERED
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.throughput import sample_sums, throttled


def consumed(ledger: Ledger) -> dict[str, dict[str, Any]]:
    """What the import of each table consumed, and what DynamoDB said when it throttled."""
    reasons = throttled(ledger)
    return {
        table.source: {
            "wcu": table.wcu,
            "throttled_requests": table.throttles,
            "throttled": [
                {"reason": r.reason, "resource": r.resource, "items": r.items}
                for r in reasons
                if r.source == table.source and r.reason != UNANSWERED
            ],
            "items_sent_again": sum(r.items for r in reasons if r.source == table.source and r.reason == UNANSWERED),
        }
        for table in sample_sums(ledger)
    }
