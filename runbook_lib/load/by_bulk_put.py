"""Targets that are there and that DynamoDB fills from an export by itself: StartBulkPutItems."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from runbook_lib.errors import ResumeRefused
from runbook_lib.load.first_write import begin_writing, end_writing
from runbook_lib.load.table_load import TableLoad
from runbook_lib.load.table_writer import TableToFill, check_table
from runbook_lib.load.targets.bulk_put import begin_bulk_put, check_bulk_put, finish_bulk_put
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.load import IMPORTS, ImportStatus
from runbook_lib.run.run import Run
from runbook_lib.run.waiting import Sleep
from runbook_lib.run.witnesses.writers.writing_marks import marked_end
from runbook_lib.timestamps import elapsed_seconds, format_timestamp


@dataclass(frozen=True, slots=True)
class BulkPutWriter:
    """A TableWriter: it begins each bulk put, and follows it to its end once all others are written."""

    sleep: Sleep = time.sleep

    def check(self, table: TableToFill) -> None:
        """Check and measure what DynamoDB would read, and that it would read nothing else."""
        check_table(table, lambda loading: _checked(table, loading))

    def begin(self, table: TableToFill) -> None:
        """Have DynamoDB begin, unless it has."""
        run, pair = table.run, table.pair
        known = IMPORTS.of(run.ledger, pair.source)
        asked = known.bulk_put if known is not None else None
        if known is not None and known.status == ImportStatus.COMPLETED and asked is not None:
            return
        tags = asked.etags if asked is not None else check_bulk_put(run, pair, table.export, table.loading())
        with _ended_if_over(run, pair):
            fact = begin_writing(run, pair, table.export)
            if asked is None or asked.arn is None:
                begin_bulk_put(run, pair, table.export, fact, tags, self.sleep)

    def finish(self, table: TableToFill) -> None:
        """Follow the bulk put to its end; raises ResumeRefused for that of another export."""
        run, pair = table.run, table.pair
        known = IMPORTS.needed(run.ledger, pair.source)
        if known.binding is None or known.binding.export_arn != table.export.arn:
            raise ResumeRefused(
                f"the import of {pair.source} is of another export; start a new run with another run id"
            )
        if known.status == ImportStatus.COMPLETED:
            return
        loading = table.loading()
        with _ended_if_over(run, pair):
            try:
                fact = finish_bulk_put(run, pair, table.export, loading, self.sleep)
            finally:
                fact, now = IMPORTS.needed(run.ledger, pair.source), run.now()
                fact = replace(
                    fact, seconds=elapsed_seconds(fact.started, now), finished=format_timestamp(now), counted=True
                )
                IMPORTS.record(run.ledger, pair.source, fact)
            end_writing(run, pair)
        with marked_end(run, pair):
            IMPORTS.record(run.ledger, pair.source, replace(fact, status=ImportStatus.COMPLETED, failure=None))
        loading.show("done")


@contextmanager
def _ended_if_over(run: Run, pair: Pair) -> Iterator[None]:
    """Where this fails, say that the run writes no more, unless DynamoDB may still do what it was asked for."""
    try:
        yield
    except BaseException:
        fact = IMPORTS.of(run.ledger, pair.source)
        if fact is None or fact.bulk_put is None or fact.bulk_put.is_over:
            with marked_end(run, pair):
                raise
        raise


def _checked(table: TableToFill, loading: TableLoad) -> None:
    check_bulk_put(table.run, table.pair, table.export, loading)
