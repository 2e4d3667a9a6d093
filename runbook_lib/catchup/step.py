"""Catch up with tables that are written to: ask for windows, read each whole, apply one after the other.

A window is begun when the one before it is answered to its last request, and never again once a later one has begun.
The source's own times say what is complete; this machine's clock only sleeps. A table that cannot go on does not stop
the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

from runbook_lib.aws.account import server_time
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.catchup.ask import SECOND, ask_for_window, gaps, next_span, refuse, take_reused
from runbook_lib.catchup.second_export import export_again
from runbook_lib.catchup.streams.window import look_at_stream
from runbook_lib.catchup.table import (
    TableToCatchUp,
    Watch,
    Workers,
    bring_through,
    follow_stream,
    open_table,
    tables_fit,
    window_workers,
)
from runbook_lib.config.sections.catch_up import NEEDS_OLD_IMAGES
from runbook_lib.errors import ConfigError, ExportError, GateFailed, ResumeRefused, RunbookError
from runbook_lib.export_format.change import BOTH_IMAGES
from runbook_lib.plan.chain import SHORTEST, Link, Span, chain_faults, gaps_in
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.admission.confirmation import check_confirmation
from runbook_lib.run.facts.cut_over.gates import forget_cut_over
from runbook_lib.run.facts.load import EXECUTED
from runbook_lib.run.facts.windows import CAUGHT_UP, SECOND_EXPORTS, UNTIL_LAG, CaughtUp, WindowFact, windows_of
from runbook_lib.run.run import Run
from runbook_lib.run.steps import CATCH_UP, CUT_OVER, forget_step
from runbook_lib.run.waiting import Sleep
from runbook_lib.run.witnesses.writers.writing_marks import marked_end
from runbook_lib.timestamps import format_timestamp


def catch_up(
    run: Run,
    watch: Watch = lambda window, done: None,
    sleep: Sleep = time.sleep,
    *,
    until_lag_minutes: float | None = None,
) -> list[WindowFact]:
    """Apply changes made to each source since its export to its target; returns all windows.

    Without `until_lag_minutes`, here or asked for with the command, it takes what is complete by now and ends; with it,
    it waits for further windows until the lag is no more than that. Tables that were read by Scan are left as they are.
    Without `run.execute` windows of a chain that was made earlier are read and checked, nothing is written and no
    export asked for. Raises GateFailed before anything where no table can be caught up with or one is not loaded, and
    at the end ExportError that names each table which could not go on.
    """
    if run.config.transform is not None and run.config.catch_up.view != BOTH_IMAGES:
        raise GateFailed(NEEDS_OLD_IMAGES)
    minutes = until_lag_minutes if until_lag_minutes is not None else UNTIL_LAG.of(run.ledger)
    until_lag = timedelta(minutes=minutes) if minutes else None
    margin = run.config.catch_up.margin_seconds
    if until_lag is not None and run.config.catch_up.by != "streams" and until_lag.total_seconds() <= margin:
        raise GateFailed(
            f"a lag of {until_lag.total_seconds():g} s is never reached: windows end {margin} s "
            "(catch_up.margin_seconds) before what recovery has, which is itself minutes behind; "
            "ask for more with --until-lag"
        )
    with run.step(CATCH_UP):
        run.keep_accepted()
        pairs = tables_fit(run, [pair for pair in run.planned_pairs() if pair.method != Method.SKIP])
        writer = None
        if run.execute:
            check_confirmation(run.confirmation, run.clients)
            EXECUTED.record(run.ledger, True)
            forget_cut_over(run.ledger)  # one that was begun and not gone through with; its writers go on
            forget_step(run.ledger, CUT_OVER)
            writer = run.clients.writer(frozenset(pair.target for pair in pairs))
        with window_workers(run) as workers:
            failures = list(_failures(run, pairs, writer, watch, sleep, workers, until_lag))
        if failures:
            raise ExportError("; ".join(failures))
        return windows_of(run.ledger)


def _failures(
    run: Run, pairs: list[Pair], writer: DynamoDBTransport | None, watch: Watch, sleep: Sleep, workers: Workers,
    until_lag: timedelta | None,
) -> Iterator[str]:  # fmt: skip
    """Bring each table up to date; why that was not to be, of each that could not go on."""
    for pair in pairs:
        try:
            with marked_end(run, pair):
                _table(open_table(run, pair, writer, watch, sleep, workers), until_lag)
        except ResumeRefused:
            raise
        except RunbookError as error:
            named = f"{pair.source}: "
            yield named + str(error).removeprefix(named)


def _table(table: TableToCatchUp, until_lag: timedelta | None) -> None:
    if table.run.config.catch_up.by == "streams":
        return _follow(table, until_lag)
    _take_chain(table)
    for fact in table.windows():
        bring_through(table, fact)
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
    # One that a cut-over made, and that was given up, shows nothing of what has been applied since: it is made anew.
    is_due = table.run.config.catch_up.proof == "full_export" or SECOND_EXPORTS.of(table.run.ledger, table.pair.source)
    if is_due and table.windows():
        export_again(table.run, table.pair, table.until, table.sleep)
    return None


def _follow(table: TableToCatchUp, until_lag: timedelta | None) -> None:
    """Read a table's stream up to now and apply it; in a dry run only look whether it could be."""
    for fact in table.windows():
        bring_through(table, fact)
    if table.writer is None:
        look_at_stream(table.streamed, len(table.windows()) + 1, table.until)
        return _end(table, None)
    while True:
        is_now = follow_stream(table, table.streamed.now() + SECOND)
        lag = max(timedelta(), table.streamed.now() + SECOND - table.until)  # what is told has whole seconds
        if is_now and (until_lag is None or lag <= until_lag):
            return _end(table, lag)


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
        bring_through(table, ask_for_window(table.run, table.pair, number, span, table.sleep))


def _lag(table: TableToCatchUp, available: timedelta) -> timedelta:
    """How far the target is behind the source: by the source's time, and at least what its recovery has by now.

    What recovery itself lags is a part of it, minutes as a rule. Without a time of the source this machine's counts.
    """
    try:
        now = server_time(table.run.clients.source, table.pair.source) + SECOND  # it tells whole seconds
    except ConfigError:
        now = table.run.now()
    return max(now - table.until, available + timedelta(seconds=table.run.config.catch_up.margin_seconds))


def _end(table: TableToCatchUp, lag: timedelta | None) -> None:
    links = [_link(fact, table.table_id) for fact in table.windows()]
    spelled = tuple((format_timestamp(gap.start), format_timestamp(gap.end)) for gap in gaps_in(table.began, links))
    began, until = format_timestamp(table.began), format_timestamp(table.until)
    fact = CaughtUp(began, until, None if lag is None else lag.total_seconds(), spelled)
    CAUGHT_UP.record(table.run.ledger, table.pair.source, fact)
