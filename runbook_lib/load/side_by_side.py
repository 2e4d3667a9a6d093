"""Several tables written at once, or one after another; one that fails is recorded and does not stop the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from runbook_lib.cluster.at_once import Share, TableThread, all_at_once
from runbook_lib.errors import ResumeRefused, RunbookError
from runbook_lib.load.table_load import TableProgress, Watch
from runbook_lib.load.table_writer import TableToFill
from runbook_lib.run.facts.load import IMPORTS, ImportFact, ImportStatus
from runbook_lib.run.facts.validation import VALIDATIONS

Work = Callable[[TableToFill], None]


def one_by_one(tables: Sequence[TableToFill], work: Work) -> dict[str, str]:
    """Do something for each table and go on past those that fail; why, by source table."""
    failures: dict[str, str] = {}
    for table in tables:
        failures |= _tried(table, work)
    return failures


def side_by_side(tables: Sequence[TableToFill], work: Work, at_once: int, share: Share, watch: Watch) -> dict[str, str]:
    """Do something for each table, for so many at once, as `one_by_one` does; `tables` come smallest first.

    `work` says what it does with its table's `watch` at least every few seconds, see `all_at_once`.
    """
    if min(at_once, len(tables)) < 2:
        return one_by_one(tables, work)
    failures, lock = dict[str, str](), threading.Lock()

    def tried(table: TableToFill, thread: TableThread[TableProgress]) -> None:
        failure = _tried(replace(table, watch=lambda progress: thread.tell(replace(progress))), work)
        with lock:
            failures.update(failure)

    all_at_once(tables, tried, at_once, share, watch)
    return failures


def _tried(table: TableToFill, work: Work) -> dict[str, str]:
    """Why the table could not be done, by its name; raises what ends the others, too."""
    try:
        work(table)
    except RunbookError as error:
        ledger, source = table.run.ledger, table.pair.source
        VALIDATIONS.forget(ledger, source)  # of another target or export, or of what was there before
        if isinstance(error, ResumeRefused):
            raise
        fact = IMPORTS.of(ledger, source) or ImportFact(ImportStatus.FAILED)
        IMPORTS.record(ledger, source, replace(fact, status=ImportStatus.FAILED, failure=str(error)))
        return {source: str(error)}
    return {}
