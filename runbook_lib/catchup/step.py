"""Catch up with tables that are written to: ask for windows, read each whole, apply one after the other.

A window is begun when the one before it is answered to its last request, and never again once a later one has begun.
The source's own times say what is complete; this machine's clock only sleeps. A table that cannot go on does not stop
the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from runbook_lib.aws.dynamodb.describe.tables import describe_table
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.catchup.apply import send_window
from runbook_lib.catchup.ask import ask_for_window, await_window, gaps, next_span, refuse, take_reused
from runbook_lib.catchup.read import read_window
from runbook_lib.catchup.recheck import recheck
from runbook_lib.catchup.second_export import export_again
from runbook_lib.errors import ExportError, GateFailed, ResumeRefused, RunbookError, TransferError
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.load.engine.batch_write import UNANSWERED
from runbook_lib.plan.chain import SHORTEST, Link, Span, chain_faults, gaps_in, turn_faults
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.facts.load import EXECUTED, IMPORTS, ImportStatus
from runbook_lib.run.facts.starts import STEP_STARTS
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.facts.windows import (
    CAUGHT_UP,
    UNTIL_LAG,
    CaughtUp,
    WindowFact,
    WindowState,
    keep_window,
    windows_of,
)
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.tables.windows import has_lost_answers
from runbook_lib.run.waiting import Sleep
from runbook_lib.timestamps import format_timestamp

STEP = "catch_up"
WAITS = ("fail", "overwrite")
Watch = Callable[[WindowFact, int], None]


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

    def windows(self) -> list[WindowFact]:
        return windows_of(self.run.ledger, self.pair.source)

    @property
    def until(self) -> datetime:
        """The end of the last window that is known, or the moment of the full export."""
        known = self.windows()
        return known[-1].span[1] if known else self.began


def catch_up(
    run: Run,
    watch: Watch = lambda window, done: None,
    sleep: Sleep = time.sleep,
    *,
    until_lag_minutes: float | None = None,
) -> list[WindowFact]:
    """Bring what was written to each source since its export to its target; returns all windows.

    Without `until_lag_minutes`, here or asked for with the command, it takes what is complete by now and ends; with it,
    it waits for further windows until the lag is no more than that. Tables that were read by Scan are left as they are.
    Without `run.execute` windows of a chain that was made earlier are read and checked, nothing is written and no
    export asked for. Raises GateFailed before anything where no table can be caught up with or one is not loaded, and
    at the end ExportError that names each table which could not go on.
    """
    minutes = until_lag_minutes if until_lag_minutes is not None else UNTIL_LAG.of(run.ledger)
    until_lag = timedelta(minutes=minutes) if minutes else None
    with run.step(STEP):
        run.keep_accepted()
        pairs = _refuse_unfit(run, [pair for pair in run.planned_pairs() if pair.method != Method.SKIP])
        writer = None
        if run.execute:
            check_confirmation(run.confirmation, run.clients)
            EXECUTED.record(run.ledger, True)
            writer = run.clients.writer(frozenset(pair.target for pair in pairs))
        failures = []
        for pair in pairs:
            try:
                _table(_open(run, pair, writer, watch, sleep), until_lag)
            except ResumeRefused:
                raise
            except RunbookError as error:
                failures.append(f"{pair.source}: {error}")
        if failures:
            raise ExportError("; ".join(failures))
        return windows_of(run.ledger)


def _refuse_unfit(run: Run, pairs: list[Pair]) -> list[Pair]:
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


def _open(run: Run, pair: Pair, writer: DynamoDBTransport | None, watch: Watch, sleep: Sleep) -> TableToCatchUp:
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
    export = EXPORTS.needed(run.ledger, pair.source).completed
    if export is None:
        raise ExportError(f"the export of {pair.source} should be completed and is not; run 10_export first")
    began = datetime.fromisoformat(export.manifest.export_time)
    table_id = export.manifest.table_id or export.manifest.table_arn
    return TableToCatchUp(run, pair, shape.key, began, table_id, writer, watch, sleep)


def _table(table: TableToCatchUp, until_lag: timedelta | None) -> None:
    _take_chain(table)
    for fact in table.windows():
        _through(table, fact)
    reused = table.pair.reuse is not None and table.pair.reuse.windows
    if reused or table.writer is None:
        return _end(table, None)
    while True:
        available = _what_is_complete(table)
        lag = _lag(table, available)
        if until_lag is None or lag <= until_lag:
            break
        table.sleep(max(table.run.config.export.poll_seconds, min(60.0, (SHORTEST - available).total_seconds())))
    _end(table, lag)
    if table.run.config.catch_up.proof == "full_export" and table.windows():
        export_again(table.run, table.pair, table.until, table.sleep)
    return None


def _take_chain(table: TableToCatchUp) -> None:
    """Record the windows of a chain that was made earlier; each rule is held against it once more."""
    reuse = table.pair.reuse
    known = {fact.number for fact in table.windows()}
    for number, window in enumerate(reuse.windows if reuse else (), 1):
        if number not in known:
            take_reused(table.run, table.pair, number, window)
    links = [_link(fact, table.table_id) for fact in table.windows()]
    refuse(table.pair.source, list(chain_faults(table.began, table.table_id, links, gaps(table.run))))


def _link(fact: WindowFact, table_id: str) -> Link:
    return Link(Span(*fact.span), table_id, fact.view)


def _what_is_complete(table: TableToCatchUp) -> timedelta:
    """Apply every window that is complete by now; returns what is left, which is too short to export."""
    while True:
        number = len(table.windows()) + 1
        span, available = next_span(table.run, table.pair, number, table.until)
        if span is None:
            return available
        _through(table, ask_for_window(table.run, table.pair, number, span, table.sleep))


def _lag(table: TableToCatchUp, available: timedelta) -> timedelta:
    """How far the target is behind the source: what is not exported yet, and what cannot be yet."""
    return available + timedelta(seconds=table.run.config.catch_up.margin_seconds)


def _end(table: TableToCatchUp, lag: timedelta | None) -> None:
    links = [_link(fact, table.table_id) for fact in table.windows()]
    spelled = tuple((format_timestamp(gap.start), format_timestamp(gap.end)) for gap in gaps_in(table.began, links))
    began, until = format_timestamp(table.began), format_timestamp(table.until)
    fact = CaughtUp(began, until, None if lag is None else lag.total_seconds(), spelled)
    CAUGHT_UP.record(table.run.ledger, table.pair.source, fact)


def _through(table: TableToCatchUp, fact: WindowFact) -> None:
    """Bring one window to its end, from wherever it stands."""
    run = table.run
    if fact.state is WindowState.ASKED:
        fact = await_window(run, table.pair, fact, table.sleep)
    fact = read_window(run, fact, table.key)
    table.watch(fact, 0)
    if table.writer is None or fact.state is WindowState.APPLIED:
        return
    known = table.windows()
    begun = [w.number for w in known if w.state in (WindowState.APPLYING, WindowState.APPLIED)]
    waiting = [w.number for w in known if w.state is not WindowState.APPLIED]
    refuse(table.pair.source, list(turn_faults(fact.number, Span(*fact.span), begun, waiting)))
    _apply(table, fact, known[fact.number - 2] if fact.number > 1 else None, table.writer)


def _apply(table: TableToCatchUp, fact: WindowFact, before: WindowFact | None, writer: DynamoDBTransport) -> None:
    """Write a window; where a request of the one before may still arrive, wait first and look afterwards."""
    run, ledger = table.run, table.run.ledger
    doubtful = before.uncertain if before else _is_import_uncertain(run, table.pair)
    if doubtful:
        table.sleep(run.config.catch_up.quiet_seconds)
    again = fact.state is WindowState.APPLYING  # its process was killed, with requests on their way
    VALIDATIONS.forget(ledger, table.pair.source)
    fact = keep_window(
        ledger,
        replace(
            fact, state=WindowState.APPLYING, uncertain=fact.uncertain or again,
            began=fact.began or format_timestamp(run.now()),
        ),
    )  # fmt: skip
    fact = send_window(run, table.pair, fact, writer, table.key, lambda done: table.watch(fact, done))
    keep_window(ledger, fact)
    if doubtful or fact.uncertain:
        fact = replace(fact, written_again=recheck(run, table.pair, fact, writer, table.key))
    fact = keep_window(ledger, replace(fact, state=WindowState.APPLIED, applied=format_timestamp(run.now())))
    table.watch(fact, 0)


def _is_import_uncertain(run: Run, pair: Pair) -> bool:
    """Whether a put of the import may still arrive: an answer was lost, or it was started more than once."""
    lost = has_lost_answers(run.ledger, pair.source, UNANSWERED)
    starts = [start for start in STEP_STARTS.of(run.ledger, "import") or () if start.execute]
    return lost or len(starts) > 1
