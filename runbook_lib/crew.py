"""Which workers took part, when, and how much each did; kept in the ledger, and shown while it happens."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.ledger import Ledger


@dataclass(slots=True)
class Shift:
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


class Crew:
    """The workers of one step of a run. A worker is a process: one that was started again is another one."""

    def __init__(self, ledger: Ledger, step: str, source: str) -> None:
        self._ledger, self._step, self._source = ledger, step, source
        self._shifts: dict[str, Shift] = {}

    def note(self, process: str, now: float, items: int, at_hand: int = 0) -> None:
        """A worker was heard of: it has done more items."""
        shift = self._shifts.get(process)
        if shift is None:
            shift = self._shifts[process] = Shift(self._name(process), now, now)
        shift.ended, shift.items, shift.at_hand = now, shift.items + items, shift.at_hand + at_hand

    def keep(self, seconds: float) -> list[Shift]:
        """Write what is known into the ledger, so many seconds after the last time; returns it by name."""
        for shift in self._shifts.values():
            shift.rate = (shift.items - shift.told) / seconds if seconds > 0 else 0.0
            shift.told = shift.items
        self._ledger.write(
            "INSERT INTO shift VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET ended = excluded.ended, "
            "items = excluded.items",
            [(self._step, self._source, s.worker, s.began, s.ended, s.items) for s in self._shifts.values()],
        )
        return sorted(self._shifts.values(), key=lambda shift: (len(shift.worker), shift.worker))

    def _name(self, process: str) -> str:
        """`worker 1`, by the order in which the run has met them: a report is not about one machine's addresses."""
        name: str | None = self._ledger.get("worker", process)
        if name is None:
            name = f"worker {len(self._ledger.all('worker')) + 1}"
            self._ledger.put("worker", process, name)
        return name
