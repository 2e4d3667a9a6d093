"""Which workers took part, when, and how much each did; kept in the ledger, and shown while it happens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from runbook_lib.aws.guard.call_counter import READ_HALVES, UNANSWERED, Calls
from runbook_lib.cluster.protocol import Engine
from runbook_lib.run.facts.doubt.late_writes import note_call
from runbook_lib.run.facts.load import WORKERS
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.throughput import ShiftRow, keep_shifts


@dataclass(slots=True)
class WorkerSpan:
    """One worker's time at one table: from when to when, in seconds since 1970, and the items it did.

    `at_hand` is how many files it has just now, `rate` its items per second.
    """

    worker: str
    began: float
    ended: float
    items: int = 0
    at_hand: int = 0
    rate: float = 0.0
    told: int = 0


class WorkerRoster:
    """An engine and the workers of one step of a run. A worker is a process: one that was started again is another."""

    def __init__(
        self, engine: Engine, ledger: Ledger, step: str, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.engine, self._now = engine, now
        self._ledger, self._step = ledger, step
        self._shifts: dict[tuple[str, str], WorkerSpan] = {}
        self._calls: dict[tuple[str, str, str], int] = {}

    def note(self, source: str, process: str, now: float, items: int, at_hand: int = 0, since: float = 0.0) -> None:
        """A worker was heard of: it has done more items of a table, in the seconds `since` it began with them."""
        shift = self._shifts.get((source, process))
        if shift is None:
            shift = self._shifts[source, process] = WorkerSpan(self._name(process), now - since, now)
        shift.ended, shift.items, shift.at_hand = now, shift.items + items, shift.at_hand + at_hand

    def count_calls(self, process: str, calls: Iterable[tuple[str, str, int]]) -> None:
        """Count what a process has called since it began: (side, operation, count). So no report needs to arrive."""
        for side, operation, count in calls:
            more = count - self._calls.get((process, side, operation), 0)
            if more > 0:
                note_call(self._ledger, self._now, side, operation, more)
                self._calls[process, side, operation] = count

    def keep(self, source: str, seconds: float) -> list[WorkerSpan]:
        """Write what is known of a table into the ledger, so many seconds after the last time; returns it by name."""
        shifts = [shift for (table, _), shift in self._shifts.items() if table == source]
        for shift in shifts:
            shift.rate = (shift.items - shift.told) / seconds if seconds > 0 else 0.0
            shift.told = shift.items
        keep_shifts(self._ledger, (ShiftRow(self._step, source, s.worker, s.began, s.ended, s.items) for s in shifts))
        return sorted(shifts, key=lambda shift: (len(shift.worker), shift.worker))

    def _name(self, process: str) -> str:
        """`worker 1`, by the order in which the run has met them: a report is not about one machine's addresses."""
        name = WORKERS.of(self._ledger, process)
        if name is None:
            name = f"worker {len(WORKERS.all(self._ledger)) + 1}"
            WORKERS.record(self._ledger, process, name)
        return name


def calls_of(calls: Calls) -> list[tuple[str, str, int]]:
    """All that a worker's clients have called and consumed, as `count_calls` takes it."""
    return [
        (side, what, n)
        for side in ("source", "staging", "target", UNANSWERED, READ_HALVES)
        for what, n in calls.of(side).items()
    ]
