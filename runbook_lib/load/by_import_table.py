"""Targets that DynamoDB makes and fills from an export by itself: ImportTable."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from runbook_lib.errors import ResumeRefused
from runbook_lib.load.table_load import TableLoad
from runbook_lib.load.table_writer import TableToFill, check_table
from runbook_lib.load.targets.create_tables import note
from runbook_lib.load.targets.export_folder import check_files
from runbook_lib.load.targets.import_table import READER, begin_import, finish_import
from runbook_lib.run.facts.load import IMPORTS, ImportStatus
from runbook_lib.run.facts.targets import CreationStatus
from runbook_lib.run.waiting import Sleep
from runbook_lib.timestamps import elapsed_seconds, format_timestamp


@dataclass(frozen=True, slots=True)
class ImportTableWriter:
    """A TableWriter: it begins each import, and follows it to its end once all others are written."""

    sleep: Sleep = time.sleep

    def check(self, table: TableToFill) -> None:
        """Check and measure what DynamoDB would read, and that it would read nothing else."""
        check_table(table, lambda loading: _checked(table, loading))
        note(table.run, table.pair, CreationStatus.WOULD_BE_CREATED)

    def begin(self, table: TableToFill) -> None:
        """Have DynamoDB begin, unless it has."""
        begin_import(table.run, table.pair, table.export, table.loading(), self.sleep)

    def finish(self, table: TableToFill) -> None:
        """Follow the import to its end; raises ResumeRefused for that of another export."""
        run, source = table.run, table.pair.source
        known = IMPORTS.needed(run.ledger, source)
        if known.binding is None or known.binding.export_arn != table.export.arn:
            raise ResumeRefused(f"the import of {source} is of another export; start a new run with another run id")
        if known.status == ImportStatus.COMPLETED:
            return
        loading = table.loading()
        try:
            finish_import(run, table.pair, table.export, loading, self.sleep)
        finally:
            fact, now = IMPORTS.needed(run.ledger, source), run.now()
            taken = replace(fact, seconds=elapsed_seconds(fact.started, now), finished=format_timestamp(now))
            IMPORTS.record(run.ledger, source, taken)
        loading.show("done")


def _checked(table: TableToFill, loading: TableLoad) -> None:
    check_files(table.run, table.pair, table.export, loading, READER)
