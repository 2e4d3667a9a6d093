"""What the last window will hold and take, by the looks at the drift: more than those before, if more is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import ceil

from runbook_lib.cutover.moments import source_time
from runbook_lib.errors import ConfigError
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.around.drift import DRIFT_LOOKS, changes_per_hour
from runbook_lib.run.facts.windows import WindowFact, applied_until, windows_of
from runbook_lib.run.run import Run


def expected_changes(run: Run, pair: Pair) -> int | None:
    """How many items were changed since a table's last window; None where nobody looked at its drift."""
    rate = changes_per_hour(DRIFT_LOOKS.of(run.ledger, pair.source) or ())
    until = applied_until(windows_of(run.ledger, pair.source))
    if rate is None or until is None:
        return None
    try:
        behind = source_time(run, [pair]) - datetime.fromisoformat(until)
    except ConfigError:
        return None
    return max(0, ceil(rate * behind.total_seconds() / 3600))


def apply_seconds(windows: Sequence[WindowFact], changes: int | None) -> float:
    """How long so many changes take at the pace of the fullest window; 0 where that is not known."""
    fullest = max(windows, key=lambda window: window.changes or 0, default=None)
    if changes is None or fullest is None or not fullest.changes:
        return 0.0
    return round(changes * (fullest.lag["apply"] or 0.0) / fullest.changes, 3)
