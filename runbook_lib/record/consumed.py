"""What the imports of a run have used of the targets' capacity. Reads the ledger and nothing else."""

from __future__ import annotations

from typing import Any

from runbook_lib.load.engine.batch_write import UNANSWERED
from runbook_lib.run.ledger import Ledger


def consumed(ledger: Ledger) -> dict[str, dict[str, Any]]:
    """What the import of each table consumed, and what DynamoDB said when it throttled."""
    sums = ledger.rows("SELECT source, SUM(wcu) AS wcu, SUM(throttles) AS n FROM sample GROUP BY source")
    reasons = ledger.rows("SELECT * FROM throttle ORDER BY items DESC, reason, resource")
    return {
        row["source"]: {
            "wcu": row["wcu"],
            "throttled_requests": row["n"],
            "throttled": [
                {"reason": r["reason"], "resource": r["resource"], "items": r["items"]}
                for r in reasons
                if r["source"] == row["source"] and r["reason"] != UNANSWERED
            ],
            "items_sent_again": sum(
                r["items"] for r in reasons if r["source"] == row["source"] and r["reason"] == UNANSWERED
            ),
        }
        for row in sums
    }
