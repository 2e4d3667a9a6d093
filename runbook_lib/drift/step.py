"""Look how far each target is from its live source by now, as often as one likes; each look is kept.

Both sides are read whole by Scan, at the rates of `validate.max_rcu` and `validate.drift_max_rcu`. Nothing of it is
part of a verdict: sources are written to while they are read.
"""

from __future__ import annotations

from collections.abc import Callable

from runbook_lib.aws.dynamodb.describe.tables import describe_table
from runbook_lib.aws.session.mac_key import mac_keys
from runbook_lib.drift.transformed_source import TransformedSource
from runbook_lib.errors import ConfigError, GateFailed
from runbook_lib.plan.naming import is_among
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.around.drift import DriftFact
from runbook_lib.run.facts.export import EXPORTS, CompletedExport
from runbook_lib.run.run import Run
from runbook_lib.run.steps import DRIFT
from runbook_lib.transform.settings import Ready, make_ready
from runbook_lib.validate.checkpoint import DigestCheckpoint
from runbook_lib.validate.drift import drift_of, live_source
from runbook_lib.validate.readers import table_buckets
from runbook_lib.validate.sides import table_side

Watch = Callable[[str, str, int], None]


def look_for_drift(run: Run, tables: str = "", watch: Watch = lambda table, state, done: None) -> dict[str, DriftFact]:
    """Compare the targets with their live sources, read only, and record the look; returns the facts by source.

    `tables` are globs over source tables, by default all of the run's. Raises ConfigError where none matches,
    GateFailed where a table is not exported yet or its target is not there.
    """
    pairs = [pair for pair in run.planned_pairs() if pair.method != Method.SKIP]
    chosen = [pair for pair in pairs if is_among(pair.source, tables or "*")]
    if not chosen:
        raise ConfigError(f"--tables: no table of run {run.id} matches {tables!r}; nothing was read")
    with run.step(DRIFT):
        ready = make_ready(run.config, macs=mac_keys(run.clients, run.config.source))
        exports = {pair.source: _export_of(run, pair) for pair in chosen}
        return {pair.source: _look(run, pair, exports[pair.source], ready, watch) for pair in chosen}


def _export_of(run: Run, pair: Pair) -> CompletedExport:
    export = EXPORTS.of(run.ledger, pair.source)
    if export is None or export.completed is None:
        raise GateFailed(f"{pair.source} should be exported and is not: there is nothing to drift from; run 10_export")
    return export.completed


def _look(run: Run, pair: Pair, export: CompletedExport, ready: Ready | None, watch: Watch) -> DriftFact:
    table = describe_table(run.clients.target, pair.target)
    if table is None:
        raise GateFailed(f"target {pair.target} is not there; run 20_import first")
    target = table_side(run, pair, export, table)
    found = table_buckets(
        target, table.key, DigestCheckpoint(run.secret, run.now),
        lambda done: watch(pair.source, "reading the target", done),
    )  # fmt: skip
    source = None
    if ready is not None and pair.source_facts is not None:
        source = TransformedSource(live_source(run, pair), ready.recipe_of(pair.source_facts), pair.target)
    return drift_of(
        run, pair, target, found, source=source, show=lambda done: watch(pair.source, "reading the source", done)
    )
