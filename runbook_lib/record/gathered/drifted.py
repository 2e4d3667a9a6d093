"""What the record says of a table's drift: the last look, those before it, and the rate that they come to."""

from __future__ import annotations

from collections.abc import Sequence

from runbook_lib.record.model.comparison import Drift, DriftLook
from runbook_lib.run.facts.around.drift import DriftFact, changes_per_hour
from runbook_lib.run.facts.codec import to_json

LOOKS = 100  # the latest


def drift_record(last: DriftFact | None, looks: Sequence[DriftFact]) -> Drift | None:
    """The drift of one table; None where nobody looked."""
    if last is None:
        return None
    latest = looks[-LOOKS:]
    rate = changes_per_hour(latest)
    rows = [{name: to_json(look).get(name) for name in DriftLook.model_fields} for look in latest]
    told = {"per_hour": None if rate is None else round(rate, 3), "looks": rows}
    return Drift.model_validate(to_json(last) | told)
