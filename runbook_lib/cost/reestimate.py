"""Reckon again what a run will cost, as more of it is known: after the exports, and after a dry run's measuring."""

from __future__ import annotations

from dataclasses import replace

from runbook_lib.cost.estimate import estimate
from runbook_lib.cost.limits import within_limits
from runbook_lib.cost.table_size import TableSize
from runbook_lib.cost.warmup_advice import advise
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.estimate import ESTIMATES, Basis, Estimate
from runbook_lib.run.facts.export import EXPORTS, ExportFact, ExportStatus
from runbook_lib.run.facts.load import MEASURED, MeasuredFact
from runbook_lib.run.facts.plan import CAPACITIES
from runbook_lib.run.run import Run

EXPORTED = "export"


def reestimate(run: Run, stage: str) -> Estimate:
    """The estimate as the ledger allows it now, kept as that of a stage.

    That of the export is kept as it was before anything was measured: a later start knows what came of it.
    """
    exports, measured = EXPORTS.all(run.ledger), MEASURED.all(run.ledger)
    capacities = CAPACITIES.all(run.ledger)
    loads = [
        known_size(pair, exports.get(pair.source), measured.get(pair.source), is_ours=run.has_written_to(pair))
        for pair in run.planned_pairs()
        if pair.method != Method.SKIP
    ]
    bill = estimate(run.config, loads, capacities)
    bill = replace(bill, advice=advise(run.config, bill, capacities))
    if stage != EXPORTED or not measured or ESTIMATES.of(run.ledger, stage) is None:
        ESTIMATES.record(run.ledger, stage, bill)
    return bill


def over_limits(run: Run, bill: Estimate) -> list[str]:
    """Why the run may not go on by `limits`; empty if it may."""
    limits = run.config.limits
    return [str(c.obstacle) for c in within_limits(limits.max_cost_usd, limits.max_hours, bill) if c.blocks]


def known_size(
    pair: Pair, export: ExportFact | None = None, measured: MeasuredFact | None = None, *, is_ours: bool = False
) -> TableSize:
    """A table as DescribeTable remembers it, better as its manifest says, best as a dry run has measured it.

    Of a target that `is_ours`, which this run has written to, what the run may have written there is no part of what
    it held.
    """
    facts = pair.source_facts
    shape = pair.target_facts or facts  # a missing target is created with the indexes of its source
    load = TableSize(
        source=pair.source,
        target=pair.target,
        method=pair.method,
        basis=Basis.HINT if facts else Basis.UNKNOWN,
        items=facts.items_hint if facts else None,
        bytes=facts.bytes_hint if facts else None,
        files=export.files if export else None,
        indexes=shape.indexes if shape else (),
        writing=pair.writing,
        scanned_units=export.read_units if export and export.status is ExportStatus.COMPLETED else None,
    )
    if export and export.manifest:
        size = export.manifest.billed_bytes
        load = replace(load, basis=Basis.MANIFEST, items=export.items, bytes=size, billed=size)
    if measured:
        load = replace(
            load, basis=Basis.MEASURED, bytes=measured.size, measured_units=measured.units,
            measured_index_units=measured.index_units,
        )  # fmt: skip
    there = pair.target_facts
    held_items, held_bytes = (there.items_hint, there.bytes_hint) if there else (0, 0)
    if is_ours:
        held_items, held_bytes = max(0, held_items - (load.items or 0)), max(0, held_bytes - (load.bytes or 0))
        held_bytes = held_bytes if held_items else 0
        held_items = held_items if held_bytes else 0
    return replace(load, held_items=held_items, held_bytes=held_bytes)
