"""The plan as the ledger keeps it: tables, obstacles, definitions, capacity and what all of it would cost."""

from __future__ import annotations

from dataclasses import replace

from runbook_lib.config.model import Migration
from runbook_lib.cost.prices import prices_of
from runbook_lib.cost.warmup_advice import advise
from runbook_lib.preflight.plan import Plan
from runbook_lib.run.facts.around.references import REFERENCES
from runbook_lib.run.facts.estimate import ESTIMATES, PRICES_USED
from runbook_lib.run.facts.plan import (
    BLOCKERS,
    CAPACITIES,
    CHECKS,
    NOT_CHOSEN_TABLES,
    PAIRS,
    PARITIES,
    WARNINGS,
    ParityFact,
    PlannedPair,
)
from runbook_lib.run.run import Run
from runbook_lib.timestamps import format_timestamp


def keep_plan(run: Run, plan: Plan) -> None:
    """Record the plan; the tables of a run never change after its first pre-flight."""
    ledger = run.ledger
    with ledger.batch():
        for place, pair in enumerate(plan.pairs):
            PAIRS.record(ledger, pair.source, PlannedPair(place, pair))
        for left in plan.not_chosen:
            if NOT_CHOSEN_TABLES.of(ledger, left.source) is None:
                NOT_CHOSEN_TABLES.record(ledger, left.source, left)
        BLOCKERS.record(ledger, tuple(plan.blockers))
        for source, parity in plan.parity.items():
            PARITIES.record(ledger, source, ParityFact.of(parity, format_timestamp(run.now()), "preflight"))
        WARNINGS.record(ledger, tuple(plan.warnings))
        CHECKS.record(ledger, tuple(plan.checks))
        PRICES_USED.record(ledger, _prices(run.config))
        for source, stand in plan.capacities.items():
            CAPACITIES.record(ledger, source, stand)
        if plan.references is not None:
            REFERENCES.record(ledger, plan.references)
        if plan.estimate is not None:
            advice = advise(run.config, plan.estimate, plan.capacities)
            ESTIMATES.record(ledger, "preflight", replace(plan.estimate, advice=advice))


def _prices(config: Migration) -> dict[str, dict[str, float | None]]:
    """The prices that what was used is priced with, by side."""
    regions = {"source": config.source.region, "target": config.target.region, "staging": config.staging.region}
    return {side: prices_of(region, config.prices).model_dump() for side, region in regions.items()}
