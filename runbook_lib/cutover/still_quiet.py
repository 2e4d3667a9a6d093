"""Whether the sources stayed quiet while the proofs and the smoke tests went on, looked at once more before the go."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from runbook_lib.catchup.ask import ask_for_window, await_window, begin_again, next_span, whole_second
from runbook_lib.catchup.table import TableToCatchUp
from runbook_lib.cutover.gates import stay_shut
from runbook_lib.cutover.quiet import quiet_by_stream, quiet_since, told_late
from runbook_lib.export.asked import each_of
from runbook_lib.plan.chain import LONGEST, Span
from runbook_lib.run.facts.cut_over.gates import FROZEN, CutOverFault, Gate, QuietFact
from runbook_lib.run.facts.windows import WindowFact, windows_before_go
from runbook_lib.run.run import Run


def hold_to_quiet(run: Run, tables: Sequence[TableToCatchUp], since: str) -> str | None:
    """Up to when each source is known to have been quiet since its last window; None where nothing more can be known.

    A stream is read once more, to its end. Of exported windows one more is asked for where so much time has passed that
    it can be had without waiting; it is read, and never applied. Raises GateFailed for anything that was written, but
    for what the source's time to live has removed.
    """
    looks = _by_streams(tables) if run.config.catch_up.by == "streams" else _by_windows(run, tables)
    late = []
    for table, found in looks:
        if found.late:
            FROZEN.record(run.ledger, table.pair.source, found)
            late.append(told_late(table.pair.source, found))
    if late:
        raise stay_shut(
            run, Gate.GO, CutOverFault.NOT_FROZEN,
            f"nothing should have been written since {since}, up to the go, and this was: {'; '.join(late)}. It is in "
            "no target. Find the writer and stop it, then run the same command with the new moment",
        )  # fmt: skip
    return min((found.end for _, found in looks), default=None) if len(looks) == len(tables) else None


def _by_streams(tables: Sequence[TableToCatchUp]) -> list[tuple[TableToCatchUp, QuietFact]]:
    return [(table, quiet_by_stream(table)) for table in tables]


def _by_windows(run: Run, tables: Sequence[TableToCatchUp]) -> list[tuple[TableToCatchUp, QuietFact]]:
    """Ask for the windows of all tables before one is waited for, with those that a start before this one read."""
    asked = [(table, _asked(run, table)) for table in tables]
    return each_of(partial(_look, run, table, windows) for table, windows in asked if windows)


def _look(run: Run, table: TableToCatchUp, windows: list[WindowFact]) -> tuple[TableToCatchUp, QuietFact]:
    read = each_of(partial(await_window, run, table.pair, window, table.sleep) for window in windows)
    return table, quiet_since(run, read, table.key, read[0].span[0], table.pair.source, whole=True)


def _asked(run: Run, table: TableToCatchUp) -> list[WindowFact]:
    """The windows since the last one that was applied, and what more can be had by now."""
    source, start = table.pair.source, whole_second(table.until)
    known = [begin_again(run, table.pair, fact, table.sleep) for fact in windows_before_go(run.ledger, source, start)]
    after, number = known[-1].span[1] if known else start, len(windows_before_go(run.ledger, source, table.began)) + 1
    while True:
        span, available = next_span(run, table.pair, len(table.windows()) + len(known) + 1, after)
        if span is None:
            return known
        span = Span(span.start, span.start + min(available, LONGEST))  # it is only read, and may be as long as it can
        window = ask_for_window(run, table.pair, number, span, table.sleep, trailing=True, before_go=True)
        known, after, number = [*known, window], span.end, number + 1
