"""Load the exports into the target tables: every item acknowledged, quarantined, or the import fails.

A table is bound to one export, one manifest and one target table before its first write. A table
that fails does not stop the others, and nothing that failed can pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

from runbook_lib.cluster.at_once import Share
from runbook_lib.cluster.connect import open_roster
from runbook_lib.errors import GateFailed, TransferError
from runbook_lib.load.by_batch_write import BatchTableWriter, item_wire
from runbook_lib.load.by_bulk_put import BulkPutWriter
from runbook_lib.load.by_import_table import ImportTableWriter
from runbook_lib.load.by_sync import SyncWriter
from runbook_lib.load.side_by_side import one_by_one, side_by_side
from runbook_lib.load.table_load import TableProgress, Watch
from runbook_lib.load.table_writer import TableToFill, TableWriter
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method, Writing
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.facts.export import EXPORTS, CompletedExport
from runbook_lib.run.facts.load import EXECUTED, IMPORTS, ImportFact
from runbook_lib.run.facts.masking.transform import is_transformed
from runbook_lib.run.run import Run
from runbook_lib.run.waiting import Sleep
from runbook_lib.run.witnesses.export_users import hold_uses

# The ways that go on by themselves; every other table is written item by item, here or by workers.
SERVICES: dict[Writing, Callable[[Sleep], TableWriter]] = {
    Writing.IMPORT_TABLE: ImportTableWriter,
    Writing.BULK_PUT: BulkPutWriter,
}


def import_tables(run: Run, watch: Watch = lambda progress: None, sleep: Sleep = time.sleep) -> dict[str, ImportFact]:
    """Load every planned table, several at once, small ones early; returns the facts by source table.

    Without `run.execute` it does everything but write. A table that fails does not stop the
    others; at the end TransferError names each. Raises ConfigError before the first write
    unless the configuration spells the target.
    """
    with run.step("import"):
        pairs = [pair for pair in run.planned_pairs() if pair.method != Method.SKIP]
        if run.execute:
            check_confirmation(run.confirmation, run.clients)
            EXECUTED.record(run.ledger, True)
        syncs = run.config.import_.on_non_empty == "sync"
        wire = None
        if run.execute and not syncs:
            wire = item_wire(run, [pair for pair in pairs if pair.writing not in SERVICES])
        tables = [TableToFill(run, pair, _export_of(run, pair), watch) for pair in pairs]
        for table in tables:
            watch(TableProgress(table.pair.source, table.pair.target, table.export.items))
        # A dry run has nothing to say about what this run has written before.
        tables = [table for table in tables if run.execute or not _is_begun(run, table.pair)]
        tables.sort(key=lambda table: (table.export.items, table.pair.source))
        own = [table for table in tables if table.pair.writing not in SERVICES]
        at_once = 1 if syncs else run.config.import_.tables_at_once
        others = [table for table in tables if table.pair.writing in SERVICES]
        services = {writing: make(sleep) for writing, make in SERVICES.items()}

        def by_itself(table: TableToFill) -> TableWriter:
            return services[table.pair.writing]

        if not run.execute:
            failures = one_by_one(others, lambda table: by_itself(table).check(table))
            check = SyncWriter().check if syncs else BatchTableWriter(None).check
            failures |= side_by_side(own, check, at_once, Share(), watch)
        else:
            # Those that DynamoDB fills by itself go on while the others are written here.
            failures = one_by_one(others, lambda table: by_itself(table).begin(table))
            with open_roster(run, "import") if own and not syncs else nullcontext() as roster:
                share = Share()
                finish = SyncWriter().finish if syncs else BatchTableWriter(wire, roster, share).finish
                failures |= side_by_side(own, finish, 1 if roster else at_once, share, watch)
            begun = [table for table in others if table.pair.source not in failures]
            failures |= one_by_one(begun, lambda table: by_itself(table).finish(table))
        if failures:
            raise TransferError("; ".join(f"{source}: {why}" for source, why in failures.items()))
        return IMPORTS.all(run.ledger)


def _export_of(run: Run, pair: Pair) -> CompletedExport:
    hold_uses(run, pair)
    fact = EXPORTS.of(run.ledger, pair.source)
    completed = fact.completed if fact is not None else None
    if completed is None:
        state = fact.status if fact is not None else "not begun"
        raise GateFailed(f"the export of {pair.source} should be COMPLETED and is {state}; run 10_export first")
    if run.config.transform is not None and not is_transformed(run.ledger, pair.source):
        raise GateFailed(f"the export of {pair.source} should be transformed and is not yet; run 15_transform first")
    return completed


def _is_begun(run: Run, pair: Pair) -> bool:
    known = IMPORTS.of(run.ledger, pair.source)
    return known is not None and known.has_begun
