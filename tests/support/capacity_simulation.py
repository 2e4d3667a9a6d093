"""A table with limits and an import of it in simulated time: the real lanes and turns, no thread and no clock.

The table has key ranges with token buckets of their own and one of the whole table, as DynamoDB has.
"""

from __future__ import annotations

import heapq
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import inf

from runbook_lib.export_format.manifest import DataFile
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.rate_control import WriteRateController
from runbook_lib.load.engine.scheduler import MOST_LANES, BatchScheduler, OpenFile, ScheduledBatch, lanes_for

BATCH = 25


class Bucket:
    """Tokens that come back at a rate, up to `burst` seconds of them."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self.tokens, self.at = rate * burst, 0.0

    def fill(self, now: float) -> None:
        if now == self.at:
            return
        self.tokens = min(self.rate * self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now


class Table:
    """Takes items as long as the bucket of their key range and that of the table can pay."""

    def __init__(self, limit: float, ranges: int, range_limit: float, burst: float) -> None:
        self.ranges = [Bucket(range_limit, burst) for _ in range(ranges)]
        self.whole = Bucket(limit, burst)

    def takes(self, place: float, cost: float, now: float) -> bool:
        """Whether it takes an item at this place of the hash range, from 0 to 1."""
        bucket = self.ranges[min(int(place * len(self.ranges)), len(self.ranges) - 1)]
        bucket.fill(now)
        self.whole.fill(now)
        if min(bucket.tokens, self.whole.tokens) < cost:
            return False
        bucket.tokens -= cost
        self.whole.tokens -= cost
        return True


@dataclass(slots=True)
class Outcome:
    """What the table saw: `per_second` is what it took in each second."""

    limit: float
    saved_up: float
    asked: float = 0.0
    taken: float = 0.0
    seconds: float = 0.0
    per_second: dict[int, float] = field(default_factory=dict)

    def add(self, asked: float, taken: float, now: float) -> None:
        """A request came in that asked for so many units."""
        self.asked += asked
        self.taken += taken
        self.per_second[int(now)] = self.per_second.get(int(now), 0.0) + taken

    @property
    def used(self) -> float:
        return self.taken / (self.limit * self.seconds + self.saved_up)

    @property
    def throttled(self) -> float:
        return (self.asked - self.taken) / self.asked

    def between(self, first: int, last: int) -> float:
        """Units per second taken from one second to another."""
        return sum(self.per_second.get(second, 0.0) for second in range(first, last)) / (last - first)


@dataclass(frozen=True, slots=True)
class Flight:
    """A request on its way."""

    turn: ScheduledBatch
    departed: float


class Importer:
    """The lanes and turns of one import; `parts` are the parts the hash range is cut into, one a file."""

    def __init__(
        self,
        files: Sequence[FileCheckpoint],
        capacity: WriteRateController,
        parts: int,
        rng: random.Random,
        batch: int,
        cost: int,
    ) -> None:
        self.capacity, self.parts, self.rng, self.batch, self.cost = capacity, parts, rng, batch, cost
        self.line = b"x" * (470 + 1024 * (cost - 1))
        self.left = sum(file.file.items for file in files)
        self.turns = BatchScheduler.deal(files, capacity, self._open, threading.Event())
        self._tries: dict[int, int] = {}

    def _open(self, file: FileCheckpoint) -> OpenFile:
        count = file.file.items
        cut = ([(n, self.line) for n in range(at, min(at + self.batch, count))] for at in range(0, count, self.batch))
        return OpenFile(file, cut, ExitStack(), count, 1_000)

    def depart(self, fly: Callable[[Flight], None]) -> float:
        """Send all that is due; returns the seconds until something is."""
        while True:
            while (shelf := self.turns._hungriest()) is not None:
                self.turns._put(shelf, self._open(shelf.waiting.popleft()))
            self.turns._widen()
            shelf, wait = self.turns._first_due()
            if shelf is None or wait > 0:
                return wait
            if (turn := self.turns._take(shelf)) is not None:
                fly(Flight(turn, self.capacity.now()))

    def arrive(self, flight: Flight, table: Table) -> tuple[float, float]:
        """The table answers; returns the units that were asked for and those that were taken."""
        turn, now = flight.turn, self.capacity.now()
        ordinal = turn.file.file.ordinal
        left = [line for line in turn.lines if not table.takes(self._place(ordinal), self.cost, now)]
        asked, units = len(turn.lines) * self.cost, float((len(turn.lines) - len(left)) * self.cost)
        self.left -= len(turn.lines) - len(left)
        turn.lane.in_flight -= 1
        self.capacity.in_flight -= 1
        self.capacity._arrived(now - flight.departed)
        refused = turn.units * len(left) / len(turn.lines)
        size = len(turn.lines) * len(self.line)
        self.capacity.settle(turn.lane, size, turn.units, units or turn.units - refused, refused)
        if left:
            self._tries[id(turn)] = 0 if units else self._tries.get(id(turn), 0) + 1
            self.turns.give_back(turn, left, self.rng.uniform(0.0, min(10.0, 0.1 * 2.0 ** self._tries[id(turn)])))
        else:
            with self.capacity.changed:
                self.turns.done()
        return asked, units

    def _place(self, ordinal: int) -> float:
        return (ordinal + self.rng.random()) / self.parts


@dataclass(slots=True)
class Simulation:
    """An import of `items` in equal `files` into `ranges` key ranges; `change` is a new limit from a moment on."""

    limit: float
    ranges: int
    items: int
    files: int = 40
    start: float = 4_000.0
    known: bool = False
    ceiling: float | None = None
    lanes: int | None = None
    range_limit: float = 1_000.0
    burst: float = 0.5
    cost: int = 1
    change: tuple[float, float] | None = None
    seed: int = 1

    def run(self) -> Outcome:
        return _Running(self).run()


class _Running:
    def __init__(self, plan: Simulation) -> None:
        self.plan, self.now, self.rng = plan, 0.0, random.Random(plan.seed)
        lanes = plan.lanes or lanes_for(plan.files, min(plan.start, plan.ceiling or inf))
        capacity = WriteRateController(
            lanes, 32, plan.start, plan.ceiling, known=plan.known, most=plan.lanes or MOST_LANES,
            monotonic=lambda: self.now,
        )  # fmt: skip
        self.importer = Importer(file_list(plan.files, plan.items), capacity, plan.files, self.rng, BATCH, plan.cost)
        self.table = Table(plan.limit, plan.ranges, plan.range_limit, plan.burst)
        gives = min(plan.limit, plan.ranges * plan.range_limit)
        self.outcome = Outcome(min(gives, plan.ceiling or inf), 0.0 if plan.ceiling else gives * plan.burst)
        self.flying: list[tuple[float, int, Flight]] = []
        self.sent = 0

    def run(self) -> Outcome:
        while self.importer.left:
            wait = self.importer.depart(self.fly)
            arrival = self.flying[0][0] if self.flying else inf
            assert min(wait, arrival) < inf, "nothing is due and nothing is on its way"
            if self.now + wait < arrival:
                self.now += max(wait, 1e-6)
            else:
                self.arrive()
        self.outcome.seconds = self.now
        return self.outcome

    def fly(self, flight: Flight) -> None:
        self.sent += 1
        heapq.heappush(self.flying, (self.now + self.rng.uniform(0.005, 0.015), self.sent, flight))

    def arrive(self) -> None:
        """One answer comes in."""
        self.now, _, flight = heapq.heappop(self.flying)
        if self.plan.change and self.now >= self.plan.change[0]:
            self.table.whole.rate = self.plan.change[1]
        self.outcome.add(*self.importer.arrive(flight, self.table), self.now)


def file_list(files: int, items: int) -> list[FileCheckpoint]:
    """Equal files, none of which was begun."""
    return [FileCheckpoint(DataFile(n, str(n), "", items // files), 0, 0, 0) for n in range(files)]
