"""What was there before a run: which targets existed, and whether they can be restored.

Recorded once, at the first pre-flight; what a run may remove later is judged by it.
"""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.clients import Clients
from runbook_lib.aws.tables import has_pitr, is_empty
from runbook_lib.config import Migration
from runbook_lib.plan import Obstacle, Pair, Plan
from runbook_lib.run import Run, stamp, table_identity


def keep_before(run: Run, plan: Plan) -> None:
    """Record what was there for each planned table that has no such record yet."""
    known = run.ledger.all("before")
    for pair in plan.pairs:
        if pair.source not in known:
            run.ledger.put("before", pair.source, _look(run, pair))


def _look(run: Run, pair: Pair) -> dict[str, Any]:
    target = pair.target_facts
    return {
        "at": stamp(run.now()),
        "existed": target is not None,
        "table_id": table_identity(target) if target else None,
        "recovery": has_pitr(run.clients.target, pair.target) if target else None,
    }


def will_be_created(config: Migration, pair: Pair) -> bool:
    """Whether a target that is not there is one for the run to create; without its source there is no model."""
    return pair.target_facts is None and config.tables.create_missing and pair.source_facts is not None


def creation_notice(config: Migration, pair: Pair) -> list[Obstacle]:
    """Says of a target that it will be created."""
    if not will_be_created(config, pair) or pair.method == "skip":
        return []
    return [
        Obstacle(pair.target, f"the target table in {config.target.region}", "no such table",
                 f"it will be created as {pair.source} is, as tables.create_missing says")
    ]  # fmt: skip


def overwrite_obstacle(config: Migration, clients: Clients, pair: Pair) -> list[Obstacle]:
    """What is replaced can only be had back from point-in-time recovery; blocks where that is off."""
    if config.import_.on_non_empty != "overwrite" or has_pitr(clients.target, pair.target):
        return []
    if is_empty(clients.target, pair.target):
        return []
    return [
        Obstacle(pair.target, "point-in-time recovery, as import.on_non_empty is 'overwrite' and items are in it",
                 "it is off", "turn it on, so that what is replaced can be restored")
    ]  # fmt: skip
