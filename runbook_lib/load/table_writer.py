"""What every way to fill a target has in common: what it is asked, and how a dry run of it is recorded."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from runbook_lib.load.table_load import TableLoad, TableProgress, Watch, files_of
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.export import CompletedExport
from runbook_lib.run.facts.load import IMPORTS, ImportFact, ImportStatus
from runbook_lib.run.run import Run
from runbook_lib.timestamps import format_timestamp


@dataclass(frozen=True, slots=True)
class TableToFill:
    """One table with the export that it is to hold."""

    run: Run
    pair: Pair
    export: CompletedExport
    watch: Watch

    def loading(self) -> TableLoad:
        """Its files as far as the ledger knows them now."""
        progress = TableProgress(self.pair.source, self.pair.target, self.export.items)
        return TableLoad(self.run, self.export.bucket, files_of(self.run, self.pair.source), progress, self.watch)


class TableWriter(Protocol):
    """One way to fill targets: this tool's own batches and puts, or one of DynamoDB's imports from S3.

    All tables are begun before one is finished, so that what DynamoDB does by itself goes on meanwhile. Each call
    raises a RunbookError if the table cannot go on, which does not stop the others; ResumeRefused ends the step.
    """

    def check(self, table: TableToFill) -> None:
        """Do everything but write, and measure what would be written."""

    def begin(self, table: TableToFill) -> None:
        """Have begun what goes on by itself, or find what this run has begun; nothing where nothing does."""

    def finish(self, table: TableToFill) -> None:
        """Bring the table to its end, and see that each of its items is counted once."""


def check_table(table: TableToFill, check: Callable[[TableLoad], None]) -> None:
    """Record a dry run of a table, however it ends."""
    run, source, clock = table.run, table.pair.source, time.monotonic()
    fact, loading = ImportFact(ImportStatus.DRY_RUN, format_timestamp(run.now())), table.loading()
    try:
        check(loading)
    finally:
        seconds, finished = round(time.monotonic() - clock, 3), format_timestamp(run.now())
        IMPORTS.record(run.ledger, source, replace(fact, seconds=seconds, finished=finished))
    loading.refuse_failed()
    loading.show("checked")
