"""The look after the switch: what was still written to the sources. It is told, and never copied silently."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from runbook_lib.catchup.ask import ask_for_window, await_window, begin_again, whole_second
from runbook_lib.catchup.table import TableToCatchUp, open_table
from runbook_lib.cutover.gates import GateWatch, passing, stay_shut
from runbook_lib.cutover.last_window import await_complete
from runbook_lib.cutover.quiet import quiet_since, told_late
from runbook_lib.errors import ConfigError, ExportError, TableError, TransferError
from runbook_lib.plan.chain import LONGEST, SHORTEST, Span
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.cut_over.gates import QUIET_AFTERWARDS, CutOverFact, CutOverFault, Gate, QuietFact
from runbook_lib.run.facts.windows import WindowFact, trailing_windows
from runbook_lib.run.run import Run
from runbook_lib.run.waiting import Sleep

AFTER = timedelta(minutes=15)


@dataclass(slots=True)
class _Looks:
    """The looks of one start, table by table: one that cannot be made keeps no other table unlooked at."""

    failures: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def of(self, pair: Pair) -> Iterator[None]:
        """Keep why a table cannot be looked at, and go on with the next one."""
        try:
            yield
        except (ConfigError, ExportError, TableError, TransferError) as error:
            self.failures[pair.source] = str(error).removeprefix(f"{pair.source}: ")

    def told(self) -> str:
        """Which tables were not looked at, and why."""
        return f"not looked at: {'; '.join(f'{source}: {why}' for source, why in self.failures.items())}"


def look_afterwards(run: Run, pairs: Sequence[Pair], fact: CutOverFact, watch: GateWatch, sleep: Sleep) -> None:
    """Ask for what was written to each source since its last window, up to 15 minutes after the go or the last look.

    Raises ExportError that names each table which could not be looked at, once all others were.
    """
    with passing(run, Gate.AFTERWARDS, watch):
        gone, looks, asked = datetime.fromisoformat(fact.go_at or ""), _Looks(), []
        for pair in pairs:  # all are asked for before one is waited for
            with looks.of(pair):
                table = open_table(run, pair, None, lambda window, done: None, sleep)
                asked.append((table, _ask(run, table, gone)))
        for table, window in asked:
            with looks.of(table.pair):
                _look(run, table, window)
        _refuse_late(run, looks)
        if looks.failures:
            raise ExportError(f"{looks.told()}; the other tables were. Run the same command again to look at them")


def _refuse_late(run: Run, looks: _Looks) -> None:
    late = [told_late(source, known) for source, known in QUIET_AFTERWARDS.all(run.ledger).items() if known.late]
    if late:
        raise stay_shut(
            run, Gate.AFTERWARDS, CutOverFault.LATE_WRITES,
            f"nothing should be written to the old tables after the switch, and this was: {'; '.join(late)}. "
            "It is in no target. Find the writer, and decide item by item which side is right"
            f"{f'; {looks.told()}' if looks.failures else ''}",
        )  # fmt: skip


def _look(run: Run, table: TableToCatchUp, window: WindowFact) -> None:
    read = await_window(run, table.pair, window, table.sleep)
    _add(run, table.pair.source, quiet_since(run, [read], table.key, read.span[0], table.pair.source, whole=True))


def _ask(run: Run, table: TableToCatchUp, gone: datetime) -> WindowFact:
    """The window that a start before this one asked for and did not come to read, or another."""
    known = [window for window in trailing_windows(run.ledger, table.pair.source) if not window.before_go]
    read = QUIET_AFTERWARDS.of(run.ledger, table.pair.source)
    if known and (read is None or read.end < known[-1].end):
        return begin_again(run, table.pair, known[-1], table.sleep)
    after = known[-1].span[1] if known else table.until
    start = whole_second(after)
    end = min(max(start + SHORTEST, whole_second(gone + AFTER)), start + LONGEST)
    span, number = Span(start, end), len(table.windows()) + len(known) + 1
    await_complete(table, number, after, span)
    return ask_for_window(run, table.pair, number, span, table.sleep, trailing=True)


def _add(run: Run, source: str, found: QuietFact) -> None:
    """Put a look to those before it; what is late stays late."""
    known = QUIET_AFTERWARDS.of(run.ledger, source)
    if known is not None:
        hashes = (*known.hashes, *found.hashes)
        found = QuietFact(known.start, found.end, known.late + found.late, known.expired + found.expired, hashes)
    QUIET_AFTERWARDS.record(run.ledger, source, found)
