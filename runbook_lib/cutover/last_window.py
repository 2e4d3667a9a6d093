"""The last window: from where the target stands to past the freeze, of all tables at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from runbook_lib.catchup.ask import (
    SECOND,
    ask_for_window,
    begin_again,
    check_span,
    complete_until,
    next_span,
    whole_second,
)
from runbook_lib.catchup.second_export import begin_second_export
from runbook_lib.catchup.table import TableToCatchUp, bring_through, follow_stream
from runbook_lib.errors import ExportError
from runbook_lib.export.asked import each_of
from runbook_lib.plan.chain import LONGEST, SHORTEST, Span
from runbook_lib.run.facts.windows import WindowFact
from runbook_lib.run.waiting import Wait


def span_to(start: datetime, due: datetime, longest: timedelta) -> Span:
    """The next window on the way from `start` to `due`: never too short, never so that a rest too short is left.

    One that would be too short ends later than `due`.
    """
    left = due - start
    if left < SHORTEST:
        return Span(start, start + SHORTEST)
    if left <= longest:
        return Span(start, due)
    if left - longest >= SHORTEST:
        return Span(start, start + longest)
    return Span(start, due if left <= LONGEST else due - SHORTEST)


def bring_to(tables: Sequence[TableToCatchUp], due: datetime, *, with_full_export: bool) -> None:
    """Apply windows until each table is proved to stand at `due` or later.

    Exports of all tables are asked for before one is waited for, and with the last window of a table its second full
    export, so that they run at the same time. A stream is read to its end instead.
    """
    if tables and tables[0].run.config.catch_up.by == "streams":
        _follow_to(tables, due, with_full_export=with_full_export)
        return
    for table in tables:  # before one of them is waited for
        for fact in table.windows():
            begin_again(table.run, table.pair, fact, table.sleep)
    each_of(partial(_bring_all, table) for table in tables)
    while behind := [table for table in tables if table.until < due]:
        asked = [(table, _ask(table, due)) for table in behind]
        for table, _ in asked:
            if with_full_export and table.until >= due:
                begin_second_export(table.run, table.pair, table.until, table.sleep)
        each_of(partial(bring_through, table, fact) for table, fact in asked)
    for table in tables:
        if with_full_export:  # also where a window before the freeze had come this far
            begin_second_export(table.run, table.pair, table.until, table.sleep)


def _bring_all(table: TableToCatchUp) -> None:
    for fact in table.windows():
        bring_through(table, fact)


def behind_by_a_window(tables: Sequence[TableToCatchUp]) -> tuple[list[TableToCatchUp], datetime | None]:
    """The tables whose next window could be had by now, and up to when that is of each of them.

    So much has passed since the last one: whoever was told to start the writers again may have. A stream is looked at
    once more at the go instead. Raises ExportError where a source has lost what was written since.
    """
    behind, ends = [], []
    for table in tables:
        if table.run.config.catch_up.by == "streams":
            continue
        span, available = next_span(table.run, table.pair, len(table.windows()) + 1, table.until)
        if span is not None:
            behind.append(table)
            ends.append(whole_second(table.until) + available)
    return behind, min(ends, default=None)


def _follow_to(tables: Sequence[TableToCatchUp], due: datetime, *, with_full_export: bool) -> None:
    """Read each stream up to `due` and to now, which is waited for once; a full export waits for recovery."""
    due = max(due, *(whole_second(table.streamed.now() + SECOND) for table in tables))
    for table in tables:
        _bring_all(table)
        while not follow_stream(table, due):
            pass
    for table in tables if with_full_export else ():
        await_recovery(table, len(table.windows()), table.until, table.until)
        begin_second_export(table.run, table.pair, table.until, table.sleep)


def _ask(table: TableToCatchUp, due: datetime) -> WindowFact:
    number, after = len(table.windows()) + 1, table.until
    span = span_to(whole_second(after), due, timedelta(minutes=table.run.config.catch_up.window_minutes))
    await_complete(table, number, after, span)
    return ask_for_window(table.run, table.pair, number, span, table.sleep)


def await_complete(table: TableToCatchUp, number: int, after: datetime, span: Span) -> None:
    """Wait until a window could be asked for; raises ExportError where it cannot, or takes too long."""
    check_span(table.run, table.pair, span, after, await_recovery(table, number, after, span.end))


def await_recovery(table: TableToCatchUp, number: int, after: datetime, end: datetime) -> str:
    """Wait until what was written until `end` can be restored; the identity of the table."""
    minutes = table.run.config.export.timeout_minutes

    def late(failure: str) -> ExportError:
        return ExportError(
            f"{table.pair.source}: what was written until {end} should be complete by now, and is not after "
            f"export.timeout_minutes ({minutes:g}){failure}; run the same command again to go on waiting"
        )

    def look() -> str | None:
        complete, table_id = complete_until(table.run, table.pair, number, after)
        return table_id if complete is not None and complete >= end else None

    wait = Wait(minutes * 60, max(1.0, table.run.config.export.poll_seconds), late, table.sleep)
    return wait.until(look)
