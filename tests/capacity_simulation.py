"""A table with limits and an import of it in simulated time: the real lanes and turns, no thread and no clock.

The table has key ranges with token buckets of their own and one of the whole table, as DynamoDB has.
"""

from __future__ import annotations

import heapq
import random
import threading
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import inf

from runbook_lib.capacity import Capacity
from runbook_lib.manifest import DataFile
from runbook_lib.turns import MOST_LANES, OpenFile, Turn, Turns, lanes_for
from runbook_lib.watermark import FileProgress

BATCH = 25


class Bucket:
    """Tokens that come back at a rate, up to `burst` seconds of them."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self.tokens, self.at = rate * burst, 0.0

    def fill(self, now: float) -> None:
        self.tokens = min(self.rate * self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now


@dataclass(slots=True)
class Outcome:
    """What the table saw: `per_second` is what it took in each second."""

    limit: float
    saved_up: float
    asked: float = 0.0
    taken: float = 0.0
    seconds: float = 0.0
    per_second: dict[int, float] = field(default_factory=dict)

    @property
    def used(self) -> float:
        return self.taken / (self.limit * self.seconds + self.saved_up)

    @property
    def throttled(self) -> float:
        return (self.asked - self.taken) / self.asked

    def between(self, first: int, last: int) -> float:
        """Units per second taken from one second to another."""
        return sum(self.per_second.get(second, 0.0) for second in range(first, last)) / (last - first)


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
        self.line = b"x" * (470 + 1024 * (plan.cost - 1))
        lanes = plan.lanes or lanes_for(plan.files, min(plan.start, plan.ceiling or inf))
        self.capacity = Capacity(
            lanes, 32, plan.start, plan.ceiling, known=plan.known, most=plan.lanes or MOST_LANES,
            monotonic=lambda: self.now,
        )  # fmt: skip
        sizes = [plan.items // plan.files] * plan.files
        files = [FileProgress(DataFile(n, str(n), "", size), 0, 0, 0) for n, size in enumerate(sizes)]
        self.left = sum(sizes)
        self.turns = Turns.deal(files, self.capacity, self.open_file, threading.Event())
        self.ranges = [Bucket(plan.range_limit, plan.burst) for _ in range(plan.ranges)]
        self.whole = Bucket(plan.limit, plan.burst)
        limit = min(plan.limit, plan.ranges * plan.range_limit, plan.ceiling or inf)
        saved_up = min(plan.limit, plan.ranges * plan.range_limit) * plan.burst
        self.outcome = Outcome(limit, 0.0 if plan.ceiling else saved_up)
        self.flying: list[tuple[float, int, Turn, float]] = []
        self.sent = 0
        self.tries: dict[int, int] = {}

    def open_file(self, file: FileProgress) -> OpenFile:
        count = file.file.items
        batches = ([(n, self.line) for n in range(at, min(at + BATCH, count))] for at in range(0, count, BATCH))
        return OpenFile(file, batches, ExitStack(), count, 1_000)

    def run(self) -> Outcome:
        while self.left:
            wait = self.depart_all()
            arrival = self.flying[0][0] if self.flying else inf
            assert min(wait, arrival) < inf, "nothing is due and nothing is on its way"
            if self.now + wait < arrival:
                self.now += max(wait, 1e-6)
            else:
                self.arrive()
        self.outcome.seconds = self.now
        return self.outcome

    def depart_all(self) -> float:
        """Send all that is due; returns the seconds until something is."""
        while True:
            while (shelf := self.turns._hungriest()) is not None:
                self.turns._put(shelf, self.open_file(shelf.waiting.popleft()))
            self.turns._widen()
            shelf, wait = self.turns._first_due()
            if shelf is None or wait > 0:
                return wait
            if (turn := self.turns._take(shelf)) is not None:
                self.sent += 1
                arrival = self.now + self.rng.uniform(0.005, 0.015)
                heapq.heappush(self.flying, (arrival, self.sent, turn, self.now))

    def arrive(self) -> None:
        """One answer comes in."""
        self.now, _, turn, departed = heapq.heappop(self.flying)
        if self.plan.change and self.now >= self.plan.change[0]:
            self.whole.rate = self.plan.change[1]
        self.whole.fill(self.now)
        left = [line for line in turn.lines if not self.takes(turn)]
        units = float((len(turn.lines) - len(left)) * self.plan.cost)
        self.outcome.asked += len(turn.lines) * self.plan.cost
        self.outcome.taken += units
        self.outcome.per_second[int(self.now)] = self.outcome.per_second.get(int(self.now), 0.0) + units
        self.left -= len(turn.lines) - len(left)
        turn.lane.in_flight -= 1
        self.capacity.in_flight -= 1
        self.capacity._arrived(self.now - departed)
        refused = turn.units * len(left) / len(turn.lines)
        size = len(turn.lines) * len(self.line)
        self.capacity.settle(turn.lane, size, turn.units, units or turn.units - refused, refused)
        if left:
            self.tries[id(turn)] = 0 if units else self.tries.get(id(turn), 0) + 1
            self.turns.give_back(turn, left, self.rng.uniform(0.0, min(10.0, 0.1 * 2.0 ** self.tries[id(turn)])))
        else:
            with self.capacity.changed:
                self.turns.done()

    def takes(self, turn: Turn) -> bool:
        """Whether the table takes one item of the turn's file, somewhere in the file's part of the hash range."""
        place = (turn.file.file.ordinal + self.rng.random()) / self.plan.files
        bucket = self.ranges[min(int(place * len(self.ranges)), len(self.ranges) - 1)]
        bucket.fill(self.now)
        if min(bucket.tokens, self.whole.tokens) < self.plan.cost:
            return False
        bucket.tokens -= self.plan.cost
        self.whole.tokens -= self.plan.cost
        return True
