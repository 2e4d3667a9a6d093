"""The plan as the ledger keeps it: tables, obstacles, definitions, capacity and what all of it would cost."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from runbook_lib.config.model import Migration
from runbook_lib.cost.prices import prices_of
from runbook_lib.cost.warmup_advice import advise
from runbook_lib.preflight.plan import Plan
from runbook_lib.run.run import Run
from runbook_lib.timestamps import format_timestamp


def keep_plan(run: Run, plan: Plan) -> None:
    """Record the plan; the tables of a run never change after its first pre-flight."""
    ledger = run.ledger
    with ledger.batch():
        for place, pair in enumerate(plan.pairs):
            ledger.put("pair", pair.source, {"place": place, "pair": asdict(pair)})
        for left in plan.not_chosen:
            if ledger.get("not_chosen", left.source) is None:
                ledger.put("not_chosen", left.source, asdict(left))
        ledger.put("plan", "blockers", [asdict(b) for b in plan.blockers])
        for source, parity in plan.parity.items():
            ledger.put("parity", source, parity.to_json() | {"at": format_timestamp(run.now()), "step": "preflight"})
        ledger.put("plan", "warnings", [asdict(w) for w in plan.warnings])
        ledger.put("plan", "checks", [c.to_json() for c in plan.checks])
        ledger.put("estimate", "prices", _prices(run.config))
        for source, stand in plan.capacities.items():
            ledger.put("standing", source, asdict(stand))
        if plan.estimate is not None:
            advice = [a.to_json() for a in advise(run.config, plan.estimate, plan.capacities)]
            ledger.put("estimate", "preflight", plan.estimate.to_json() | {"advice": advice})


def _prices(config: Migration) -> dict[str, Any]:
    """The prices that what was used is priced with, by side."""
    regions = {"source": config.source.region, "target": config.target.region, "staging": config.staging.region}
    return {side: prices_of(region, config.prices).model_dump() for side, region in regions.items()}
