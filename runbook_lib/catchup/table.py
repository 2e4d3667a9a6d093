"""One table that goes on being written to, and how a window of it is brought from wherever it stands into the target.

A window is begun when the one before it is answered to its last request, and never again once a later one has begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from runbook_lib.aws.dynamodb.describe.tables import TableDescription, describe_table, ttl_attribute
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.catchup.apply import send_window
from runbook_lib.catchup.ask import await_window, refuse
from runbook_lib.catchup.damaged import asked_anew_if_damaged
from runbook_lib.catchup.read import read_window
from runbook_lib.catchup.recheck import recheck
from runbook_lib.catchup.streams.window import (
    StreamedTable,
    go_on_reading,
    next_end,
    read_window_of_stream,
    refuse_mixed,
)
from runbook_lib.cluster.connect import open_roster
from runbook_lib.cluster.roster import WorkerRoster
from runbook_lib.errors import ConfigError, ExportError, GateFailed, ResumeRefused, TransferError
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.load.engine.batch_write import UNANSWERED
from runbook_lib.plan.chain import Span, turn_faults
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.facts.load import ENGINES, IMPORTS, ClusterEngine, ImportStatus
from runbook_lib.run.facts.masking.leak_scan import LEAKS
from runbook_lib.run.facts.starts import STEP_STARTS
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.facts.windows import WindowFact, WindowState, WindowWarning, keep_window, windows_of
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.steps import CATCH_UP
from runbook_lib.run.tables.windows import has_lost_answers
from runbook_lib.run.waiting import Sleep
from runbook_lib.run.witnesses.export_users import hold_uses
from runbook_lib.run.witnesses.writers.other_writers import look_for_others, refuse_others
from runbook_lib.run.witnesses.writers.write_register import register
from runbook_lib.timestamps import format_timestamp
from runbook_lib.transform.windows import derive_window, refuse_merged

WAITS = ("fail", "overwrite")
NEW_RUN_INSTEAD = "Start a new run into another target"
Watch = Callable[[WindowFact, int], None]
Workers = Callable[[], WorkerRoster | None]


@contextmanager
def window_workers(run: Run) -> Iterator[Workers]:
    """The workers that the configuration asks for, who are there from when they are first asked for; None without."""
    with ExitStack() as own:

        @cache
        def roster() -> WorkerRoster | None:
            return own.enter_context(open_roster(run, CATCH_UP))

        yield no_workers if run.config.engine.kind == "local" else roster


def no_workers() -> WorkerRoster | None:
    """This process does the work."""
    return None


@dataclass(frozen=True, slots=True)
class TableToCatchUp:
    """One table and what is needed to bring it up to date; `writer` is None in a dry run."""

    run: Run
    pair: Pair
    key: tuple[KeyAttribute, ...]
    began: datetime
    table_id: str
    writer: DynamoDBTransport | None
    watch: Watch
    sleep: Sleep
    workers: Workers = no_workers
    target: TableDescription | None = None

    def windows(self) -> list[WindowFact]:
        return windows_of(self.run.ledger, self.pair.source)

    @property
    def streamed(self) -> StreamedTable:
        """The same, as what reads its stream knows it."""
        return StreamedTable(self.run, self.pair, self.key, self.began, self.table_id, self.sleep)

    @property
    def until(self) -> datetime:
        """The end of the last window that is known, or the moment of the full export."""
        known = self.windows()
        return known[-1].span[1] if known else self.began


def tables_fit(run: Run, pairs: list[Pair]) -> list[Pair]:
    """The tables that can be caught up with; raises GateFailed where none can, or one is not loaded whole."""
    if run.config.import_.on_non_empty not in WAITS:
        raise GateFailed(
            f"catch-up needs import.on_non_empty to be one of {', '.join(WAITS)}, and it is "
            f"{run.config.import_.on_non_empty!r}: what is there of others may not be replaced or deleted"
        )
    wrong = []
    for pair in pairs:
        loaded, export = IMPORTS.of(run.ledger, pair.source), EXPORTS.of(run.ledger, pair.source)
        if export is None or export.completed is None:
            wrong.append(f"{pair.source} should be exported and is not; run 10_export first")
        elif run.execute and (loaded is None or loaded.status != ImportStatus.COMPLETED):
            state = loaded.status if loaded else "not begun"
            wrong.append(f"the import of {pair.source} should be completed and is {state}")
    fit = [pair for pair in pairs if pair.method != Method.SCAN]
    if not fit:
        wrong += [f"{p.source} was read by Scan, which is no moment that windows could go on from" for p in pairs]
    if wrong:
        raise GateFailed("; ".join(wrong))
    return fit


def open_table(
    run: Run, pair: Pair, writer: DynamoDBTransport | None, watch: Watch, sleep: Sleep, workers: Workers = no_workers
) -> TableToCatchUp:
    refuse_mixed(run, pair)
    hold_uses(run, pair)
    now = describe_table(run.clients.target, pair.target)
    shape = now or pair.source_facts
    if shape is None or (writer is not None and now is None):
        raise TransferError(f"target {pair.target} is gone; start a new run")
    if writer is not None and now is not None:
        loaded = IMPORTS.of(run.ledger, pair.source)
        if loaded is None or loaded.binding is None or loaded.binding.target_table_id != table_identity(now):
            raise ResumeRefused(
                f"target {pair.target} is another table than the one that the import of {pair.source} wrote to; start "
                "a new run with another run id"
            )
        look_for_others(run, pair, now)
        refuse_others(run, pair, NEW_RUN_INSTEAD, adds=False)  # before it says that it begins to write
        register(run, pair, now, writing=True)  # and learn of a run that takes back there what it wrote
        refuse_others(run, pair, NEW_RUN_INSTEAD, adds=False)
    fact = EXPORTS.needed(run.ledger, pair.source)
    if (export := fact.completed) is None:
        raise ExportError(f"the export of {pair.source} should be COMPLETED and is {fact.status}; run 10_export first")
    began = datetime.fromisoformat(export.manifest.export_time)
    table_id = export.manifest.table_id or export.manifest.table_arn
    return TableToCatchUp(run, pair, shape.key, began, table_id, writer, watch, sleep, workers, now)


def bring_through(table: TableToCatchUp, fact: WindowFact) -> None:
    """Bring one window to its end, from wherever it stands."""
    run = table.run
    if table.writer is None and fact.failed is not None:
        raise ExportError(f"{fact.failed}; run it with --execute, which asks for another export")
    if fact.state is WindowState.ASKED:
        fact = (
            go_on_reading(table.streamed, fact)
            if fact.stream is not None
            else await_window(run, table.pair, fact, table.sleep)
        )
    with asked_anew_if_damaged(run, fact):
        fact = read_window(run, derive_window(run, table.pair, fact), table.key)
    table.watch(fact, 0)
    if table.writer is None or fact.state is WindowState.APPLIED:
        return
    known = table.windows()
    begun = [w.number for w in known if w.state in (WindowState.APPLYING, WindowState.APPLIED)]
    waiting = [w.number for w in known if w.state is not WindowState.APPLIED]
    refuse(table.pair.source, list(turn_faults(fact.number, Span(*fact.span), begun, waiting)))
    if fact.state is not WindowState.APPLYING:
        refuse_merged(run, table.pair, fact)
    _apply(table, fact, known[fact.number - 2] if fact.number > 1 else None, table.writer)


def _apply(table: TableToCatchUp, fact: WindowFact, before: WindowFact | None, writer: DynamoDBTransport) -> None:
    """Write a window; where a request of the one before may still arrive, wait first and look afterwards."""
    run, ledger = table.run, table.run.ledger
    _refuse_newcomers_now(table)
    doubtful = before.uncertain if before else _is_import_uncertain(run, table.pair)
    if doubtful:
        table.sleep(run.config.catch_up.quiet_seconds)
    again = fact.state is WindowState.APPLYING  # its process was killed, with requests on their way
    VALIDATIONS.forget(ledger, table.pair.source)
    LEAKS.forget(ledger, table.pair.source)
    fact = keep_window(
        ledger,
        replace(
            fact, state=WindowState.APPLYING, uncertain=fact.uncertain or again,
            began=fact.began or format_timestamp(run.now()), warned=warnings_of(run, table.pair.target) or None,
        ),
    )  # fmt: skip
    fact = send_window(run, table.pair, fact, writer, table.key, lambda done: table.watch(fact, done), table.workers)
    keep_window(ledger, fact)
    if doubtful or fact.uncertain:
        fact = replace(fact, written_again=recheck(run, table.pair, fact, writer, table.key))
    fact = keep_window(ledger, replace(fact, state=WindowState.APPLIED, applied=format_timestamp(run.now())))
    table.watch(fact, 0)


def _refuse_newcomers_now(table: TableToCatchUp) -> None:
    """Look once more before each window: until the lag is short enough, hours may pass between two of them."""
    if table.target is not None:
        look_for_others(table.run, table.pair, table.target)
    refuse_others(table.run, table.pair, NEW_RUN_INSTEAD, adds=False)


def follow_stream(table: TableToCatchUp, due: datetime) -> bool:
    """Read the next window of a table's stream and apply it; whether it came to `due`."""
    after = table.until
    end = next_end(table.streamed, after, due)
    bring_through(table, read_window_of_stream(table.streamed, len(table.windows()) + 1, after, end))
    return table.until >= due


def warnings_of(run: Run, target: str) -> tuple[WindowWarning, ...]:
    """What a target has that a window should rather not meet; what cannot be asked is no warning."""
    found = []
    try:
        if ttl_attribute(run.clients.target, target) is not None:
            found.append(WindowWarning.TTL_ON)
        now = describe_table(run.clients.target, target)
    except ConfigError:
        return tuple(found)
    if now is not None and now.stream:
        found.append(WindowWarning.STREAM_ON)
    return tuple(found)


def _is_import_uncertain(run: Run, pair: Pair) -> bool:
    """Whether a put of the import may still arrive: an answer was lost, or it was started more than once.

    A worker of a cluster that goes away takes with it what it knew of its last requests, so that those are in doubt.
    """
    if isinstance(ENGINES.of(run.ledger, "import"), ClusterEngine):
        return True
    lost = has_lost_answers(run.ledger, pair.source, UNANSWERED)
    starts = [start for start in STEP_STARTS.of(run.ledger, "import") or () if start.execute]
    return lost or len(starts) > 1
