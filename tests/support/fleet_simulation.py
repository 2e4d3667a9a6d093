"""Many workers that import into one table in simulated time: real budget, real lanes, messages that take time.

Each worker loads one file after another, taken from one list; when it vanishes, nobody is told. Rates are
scaled down, and so are batches, so that a worker sends as many requests a second as on a large table.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from math import inf

from runbook_lib.export_format.manifest import DataFile
from runbook_lib.load.distributed.shared_budget import LIFE, SharedWriteBudget
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.rate_control import WriteRateController
from tests.support.capacity_simulation import Flight, Importer, Outcome, Table

REPORT, SHARE_OUT = 0.5, 0.25  # seconds between two reports of a worker, and between two sharings
NEXT = 0.1  # seconds until a worker has its next file


@dataclass(slots=True)
class Fleet:
    """So many `workers` on a table; `vanish` is how many are gone without a word at which second.

    `slow` of them are held to `slow_rate` units per second by something else than the table. `files` are all
    there are, spread over the hash range; the last is followed by the first, so that there is always work.
    """

    limit: float = 10_000.0
    ranges: int = 40
    range_limit: float = 1_000.0
    workers: int = 100
    start: float = 1_000.0
    known: bool = False
    ceiling: float | None = None
    seconds: float = 30.0
    vanish: tuple[float, int] = (inf, 0)
    slow: int = 0
    slow_rate: float = inf
    change: tuple[float, float] | None = None
    file_items: int = 2_000
    files: int = 1_000
    batch: int = 5
    burst: float = 0.5
    delay: tuple[float, float] = (0.01, 0.1)  # of a message
    seed: int = 1

    def run(self) -> FleetOutcome:
        return _Running(self).run()


@dataclass(slots=True)
class FleetOutcome(Outcome):
    """What the table saw, also of each worker: `by_worker` has the units it took in each second."""

    by_worker: list[dict[int, float]] = field(default_factory=list)

    def fairness(self, workers: range, first: int, last: int) -> float:
        """Jain's index of what the workers wrote from one second to another: 1 when all wrote the same."""
        wrote = [sum(self.by_worker[w].get(s, 0.0) for s in range(first, last)) for w in workers]
        return float(sum(wrote) ** 2 / (len(wrote) * sum(x * x for x in wrote)))

    def back(self, first: int, part: float = 0.95) -> int:
        """Seconds after the first until that part of the limit is written again."""
        return next(s for s in range(int(self.seconds) - first) if self.per_second[first + s] >= part * self.limit)


@dataclass(slots=True)
class _Unit:
    """A worker's file: what it had used at its last report, the share it holds, and when it sent which report."""

    name: str
    worker: int
    importer: Importer
    reported: float
    used: float = 0.0
    refused: float = 0.0
    share: float = 0.0
    sent: list[float] = field(default_factory=list)
    due: int = 0
    gone: bool = False


class _Running:
    def __init__(self, plan: Fleet) -> None:
        self.plan, self.now, self.rng = plan, 0.0, random.Random(plan.seed)
        self.table = Table(plan.limit, plan.ranges, plan.range_limit, plan.burst)
        gives = min(plan.limit, plan.ranges * plan.range_limit)
        saved_up = 0.0 if plan.ceiling else gives * plan.burst
        self.outcome = FleetOutcome(min(gives, plan.ceiling or inf), saved_up)
        self.outcome.by_worker = [{} for _ in range(plan.workers)]
        self.budget = SharedWriteBudget(plan.start, plan.ceiling, known=plan.known, monotonic=lambda: self.now)
        self.units: dict[str, _Unit] = {}
        self.heard: dict[str, int] = {}  # the number of the last report of each unit
        self.arrivals: dict[tuple[int, bool], float] = {}  # of the last message to or from each worker
        self.numbers = count()
        self.places = [n / plan.files for n in range(plan.files + 1)]
        self.order = count()
        self.events: list[tuple[float, int, Callable[[], None]]] = []

    def at(self, seconds: float, what: Callable[[], None]) -> None:
        """Have something happen so many seconds from now."""
        heapq.heappush(self.events, (self.now + seconds, next(self.order), what))

    def tell(self, worker: int, to: bool, what: Callable[[], None]) -> None:
        """Send a message to or from a worker; none overtakes another on the same way."""
        last = self.arrivals.get((worker, to), 0.0)
        self.arrivals[worker, to] = max(self.now + self.rng.uniform(*self.plan.delay), last)
        self.at(self.arrivals[worker, to] - self.now, what)

    def run(self) -> FleetOutcome:
        for worker in range(self.plan.workers):
            self.at(self.rng.random() * REPORT, partial(self.begin, worker))
        self.at(0.0, self.share_out)
        self.at(self.plan.vanish[0], self.vanish)
        if self.plan.change:
            when, limit = self.plan.change
            self.at(when, lambda: setattr(self.table.whole, "rate", limit))
        while self.events[0][0] < self.plan.seconds:
            self.now, _, what = heapq.heappop(self.events)
            what()
        self.outcome.seconds = self.plan.seconds
        return self.outcome

    def begin(self, worker: int) -> None:
        """A worker takes the next file."""
        number = next(self.numbers)
        # Neighbours in the list are far from each other in the hash range.
        ordinal = number * 389 % self.plan.files
        file = FileCheckpoint(DataFile(ordinal, str(number), "", self.plan.file_items), 0, 0, 0)
        capacity = WriteRateController(1, 8, 1.0, 0.0, known=True, monotonic=lambda: self.now)
        importer = Importer([file], capacity, self.places, self.rng, self.plan.batch, 1)
        unit = _Unit(f"{worker}/{number}", worker, importer, self.now)
        self.units[unit.name] = unit
        self.report(unit)

    def report(self, unit: _Unit) -> None:
        """Say what was used since the last report; the first asks for a share, the last leaves it."""
        if unit.gone:
            return
        capacity, number, ended = unit.importer.capacity, len(unit.sent), not unit.importer.left
        said = capacity.used - unit.used, capacity.refused - unit.refused, self.now - unit.reported, unit.share
        unit.used, unit.refused, unit.reported = capacity.used, capacity.refused, self.now
        unit.sent.append(self.now)
        self.tell(unit.worker, False, lambda: self.hear(unit.name, number, said, ended))
        if ended:
            unit.gone = True
            self.at(NEXT, partial(self.begin, unit.worker))
        else:
            self.at(REPORT, lambda: self.report(unit))

    def hear(self, name: str, number: int, said: tuple[float, float, float, float], ended: bool) -> None:
        if not number:
            self.budget.join(name)
        self.heard[name] = max(number, self.heard.get(name, 0))
        self.budget.hear(name, *said)
        if ended:
            self.budget.leave(name)

    def share_out(self) -> None:
        for name, share in self.budget.shares().items():
            unit = self.units[name]
            self.tell(unit.worker, True, partial(self.hold, unit, share, self.heard[name]))
        self.at(SHARE_OUT, self.share_out)

    def hold(self, unit: _Unit, share: float, number: int) -> None:
        """A share has arrived."""
        unit.share = share
        able = self.plan.slow_rate if unit.worker < self.plan.slow else inf
        unit.importer.capacity.grant(min(share, able), unit.sent[number] + LIFE)
        self.go_on(unit)

    def go_on(self, unit: _Unit) -> None:
        """Send what is due, and come back when more is."""
        if unit.gone:
            return
        wait = unit.importer.depart(
            lambda flight: self.at(self.rng.uniform(0.005, 0.015), partial(self.arrive, unit, flight))
        )
        unit.due += 1
        if wait < inf:
            self.at(max(wait, 1e-6), partial(self.wake, unit, unit.due))

    def wake(self, unit: _Unit, due: int) -> None:
        if due == unit.due:
            self.go_on(unit)

    def arrive(self, unit: _Unit, flight: Flight) -> None:
        asked, taken = unit.importer.arrive(flight, self.table)
        self.outcome.add(asked, taken, self.now)
        seconds = self.outcome.by_worker[unit.worker]
        seconds[int(self.now)] = seconds.get(int(self.now), 0.0) + taken
        if not unit.importer.left:
            self.report(unit)
        self.go_on(unit)

    def vanish(self) -> None:
        for unit in self.units.values():
            unit.gone = unit.gone or unit.worker < self.plan.vanish[1]
