"""Reckon again what a run will cost, as more of it is known: after the exports, and after a dry run's measuring."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from runbook_lib.aws.dynamodb.describe.capacity import TableCapacity
from runbook_lib.cost.estimate import HINT, MANIFEST, MEASURED, UNKNOWN, estimate
from runbook_lib.cost.figures import Estimate, TableCapacities, TableSize
from runbook_lib.cost.limits import within_limits
from runbook_lib.cost.warmup_advice import advise
from runbook_lib.plan.pair import Pair
from runbook_lib.run.run import Run


def reestimate(run: Run, stage: str) -> Estimate:
    """The estimate as the ledger allows it now, kept as that of a stage."""
    exports, measured = run.ledger.all("export"), run.ledger.all("measured")
    capacities = {source: _standings(fact) for source, fact in run.ledger.all("standing").items()}
    loads = [
        _load(pair, exports.get(pair.source) or {}, measured.get(pair.source))
        for pair in run.planned_pairs()
        if pair.method != "skip"
    ]
    bill = estimate(run.config, loads, capacities)
    advice = [each.to_json() for each in advise(run.config, bill, capacities)]
    run.ledger.put("estimate", stage, bill.to_json() | {"advice": advice})
    return bill


def over_limits(run: Run, bill: Estimate) -> list[str]:
    """Why the run may not go on by `limits`; empty if it may."""
    limits = run.config.limits
    return [str(c.obstacle) for c in within_limits(limits.max_cost_usd, limits.max_hours, bill) if c.blocks]


def _load(pair: Pair, export: dict[str, Any], measured: dict[str, Any] | None) -> TableSize:
    """A table as DescribeTable remembers it, better as its manifest says, best as a dry run has measured it."""
    facts, manifest = pair.source_facts, export.get("manifest")
    load = TableSize(
        source=pair.source,
        target=pair.target,
        method=pair.method,
        basis=HINT if facts else UNKNOWN,
        items=facts.items_hint if facts else None,
        bytes=facts.bytes_hint if facts else None,
        files=export.get("files"),
        indexes=pair.target_facts.indexes if pair.target_facts else (),
        writing=pair.writing,
    )
    if manifest:
        load = replace(load, basis=MANIFEST, items=export["items"], bytes=manifest.get("billed_bytes"))
    if measured:
        load = replace(
            load, basis=MEASURED, bytes=measured["size"], measured_units=measured["units"],
            measured_index_units=measured["index_units"],
        )  # fmt: skip
    return load


def _standings(fact: dict[str, Any]) -> TableCapacities:
    def one(said: dict[str, Any] | None) -> TableCapacity | None:
        return TableCapacity(**said | {"replicas": tuple(said["replicas"])}) if said else None

    return TableCapacities(one(fact["source"]), one(fact["target"]))
