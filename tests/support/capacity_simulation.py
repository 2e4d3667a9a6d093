"""A table with limits and an import of it in simulated time: the code that runs, without a thread, a socket or a clock.

The table has key ranges with token buckets of their own, one of the whole table and perhaps those of an index, as
DynamoDB has. What the buckets cannot pay comes back as unprocessed, or as an exception when it is the whole batch.
"""

from __future__ import annotations

import heapq
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import inf
from types import SimpleNamespace
from typing import Any

import orjson

from runbook_lib.aws.transport.retry import Backoff, TransportError
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.load.engine.batch_write import Line, Target
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.flow import BatchFlow
from runbook_lib.load.engine.lane_queue import OpenFile, ScheduledBatch
from runbook_lib.load.engine.rate_control import WriteRateController
from runbook_lib.load.engine.scheduler import MOST_LANES, lanes_for

BATCH = 25
PROVISIONED = "TableWriteProvisionedThroughputExceeded"
ARN = "arn:aws:dynamodb:us-east-2:111122223333:table/t"
Latency = Callable[[random.Random], float]


def quick(rng: random.Random) -> float:
    """An answer within 5 to 15 ms."""
    return rng.uniform(0.005, 0.015)


def far_away(rng: random.Random) -> float:
    """Log-normal: a median of 8 ms, a mean of 16."""
    return 0.008 * rng.lognormvariate(0.0, 1.1774)


def with_a_tail(rng: random.Random) -> float:
    """An answer within 4 ms and what a network adds: median 8, mean 16, one in a hundred 135 ms."""
    return 0.004 + 0.004 * rng.lognormvariate(0.0, 1.5)


class Bucket:
    """Tokens that come back at a rate, up to `burst` seconds of them."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self.tokens, self.at = rate * burst, 0.0

    def spend(self) -> None:
        """Nothing that was saved up is left."""
        self.tokens = 0.0

    def fill(self, now: float) -> None:
        if now == self.at:
            return
        self.tokens = min(self.rate * self.burst, self.tokens + (now - self.at) * self.rate)
        self.at = now


class Table:
    """Takes items as long as the buckets of their key range, of the table and of its index can pay."""

    def __init__(
        self,
        limit: float,
        ranges: int,
        range_limit: float,
        burst: float,
        index_ranges: int = 0,
        whole: str = PROVISIONED,
    ) -> None:
        self.ranges = [Bucket(range_limit, burst) for _ in range(ranges)]
        self.whole = Bucket(limit, burst)
        self.index = [Bucket(range_limit, burst) for _ in range(index_ranges)]
        self.foreign, self._foreign_at = 0.0, 0.0
        self._reason_of_whole = whole

    def refuses(self, place: float, index: float, cost: float, now: float) -> str | None:
        """Why it does not take an item at these places of the hash ranges, from 0 to 1; None when it does."""
        self._write_as_others_do(now)
        own = self.ranges[min(int(place * len(self.ranges)), len(self.ranges) - 1)]
        wanted = [
            (own, "TableWriteKeyRangeThroughputExceeded"),
            (self.whole, self._reason_of_whole),
        ]
        if self.index:
            wanted.append((self.index[int(index * len(self.index))], "IndexWriteKeyRangeThroughputExceeded"))
        for bucket, reason in wanted:
            bucket.fill(now)
            if bucket.tokens < cost:
                return reason
        for bucket, _ in wanted:
            bucket.tokens -= cost
        return None

    def _write_as_others_do(self, now: float) -> None:
        """Another writer has taken its units first, from all ranges alike."""
        if not self.foreign:
            self._foreign_at = now
            return
        units, self._foreign_at = (now - self._foreign_at) * self.foreign, now
        for bucket, part in ((self.whole, units), *((b, units / len(self.ranges)) for b in self.ranges)):
            bucket.fill(now)
            bucket.tokens = max(0.0, bucket.tokens - part)


@dataclass(slots=True)
class Outcome:
    """What the table saw: `per_second` is what it took in each second."""

    limit: float
    saved_up: float
    asked: float = 0.0
    taken: float = 0.0
    seconds: float = 0.0
    per_second: dict[int, float] = field(default_factory=dict)
    refused_in: dict[int, float] = field(default_factory=dict)

    def add(self, asked: float, taken: float, now: float) -> None:
        """A request came in that asked for so many units."""
        self.asked += asked
        self.taken += taken
        self.per_second[int(now)] = self.per_second.get(int(now), 0.0) + taken
        self.refused_in[int(now)] = self.refused_in.get(int(now), 0.0) + asked - taken

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
    """A request on its way, with the lines it carries."""

    batch: ScheduledBatch
    lines: list[bytes]
    departed: float


class Importer:
    """One import of files, each a part of the hash range; `places` are where the parts begin, and 1."""

    def __init__(
        self,
        files: Sequence[FileCheckpoint],
        capacity: WriteRateController,
        places: Sequence[float],
        rng: random.Random,
        batch: int,
        cost: int,
        named: bool = True,
    ) -> None:
        self.capacity, self.places, self.rng, self.batch, self.cost, self.named = (
            capacity, places, rng, batch, cost, named,
        )  # fmt: skip
        self.padding = b"x" * (430 + 1024 * (cost - 1))
        self.left = sum(file.file.items for file in files)
        transport: Any = SimpleNamespace(puts=lambda table, lines: lines)
        backoff = Backoff(uniform=rng.uniform)
        key = (KeyAttribute("id", "S", "HASH"),)
        target = Target(transport, "t", key, True, backoff, threading.Event(), capacity, RunSecret.new())
        self.flow = BatchFlow.of(files, target, lambda file, outcome: None)

    def _open(self, file: FileCheckpoint) -> OpenFile:
        count = file.file.items
        cut = (self._lines(file, at, min(at + self.batch, count)) for at in range(0, count, self.batch))
        return OpenFile(file, cut, ExitStack(), count, 1_000)

    def _lines(self, file: FileCheckpoint, first: int, end: int) -> list[Line]:
        text = b'{"Item":{"id":{"S":"%d-%d"},"x":{"S":"%b"}}}'
        return [(n + 1, text % (file.file.ordinal, n, self.padding)) for n in range(first, end)]

    def depart(self, fly: Callable[[Flight], None]) -> float:
        """Send all that is due; returns the seconds until something is."""
        scheduler = self.flow.scheduler
        while True:
            while (file := scheduler.wanted()) is not None:
                scheduler.opened(file, self._open(file))
            found = self.flow.depart()
            if isinstance(found, float):
                return found
            batch, lines = found
            fly(Flight(batch, lines, self.capacity.now()))  # type: ignore[arg-type]  # this transport's requests are lines

    def arrive(self, flight: Flight, table: Table) -> tuple[float, float]:
        """The table answers; returns the units that were asked for and those that were taken."""
        now, ordinal, left, reasons = self.capacity.now(), flight.batch.file.file.ordinal, [], ""
        for line in flight.lines:
            place = self.rng.uniform(self.places[ordinal], self.places[ordinal + 1])
            if refused := table.refuses(place, self.rng.random(), self.cost, now):
                left.append(line)
                reasons = refused
        taken = len(flight.lines) - len(left)
        self.left -= taken
        self.flow.arrive(flight.batch, self._answer(left, taken, reasons), now - flight.departed)
        return float(len(flight.lines) * self.cost), float(taken * self.cost)

    def _answer(self, left: list[bytes], taken: int, reason: str) -> bytes | TransportError:
        if left and not taken:
            reasons = [(reason, ARN)] if self.named else []
            return TransportError("BatchWriteItem", 400, "ProvisionedThroughputExceededException", "slow", reasons)
        items = [{"PutRequest": orjson.loads(line)} for line in left]
        units = [{"TableName": "t", "CapacityUnits": float(taken * self.cost)}]
        return orjson.dumps({"UnprocessedItems": {"t": items} if items else {}, "ConsumedCapacity": units})


@dataclass(slots=True)
class Simulation:
    """An import of `items` in `files` into `ranges` key ranges; `change` is a new limit from a moment on.

    `hot` is the part of the items that lie in the first tenth of the files, `foreign` another writer's units per
    second from one second to another; `named` tells whether refusals of whole batches say why, `spent` whether
    nothing of the burst is left to begin with.
    """

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
    width: int = 32
    latency: Latency = quick
    hot: float = 0.0
    foreign: tuple[float, float, float] = (inf, inf, 0.0)
    index_ranges: int = 0
    named: bool = True
    whole: str = PROVISIONED
    spent: bool = False

    def run(self) -> Outcome:
        return _Running(self).run()


class _Running:
    def __init__(self, plan: Simulation) -> None:
        self.plan, self.now, self.rng = plan, 0.0, random.Random(plan.seed)
        lanes = plan.lanes or lanes_for(plan.files, min(plan.start, plan.ceiling or inf))
        self.capacity = WriteRateController(
            lanes, plan.width, plan.start, plan.ceiling, known=plan.known, most=plan.lanes or MOST_LANES,
            monotonic=lambda: self.now,
        )  # fmt: skip
        files = file_list(plan.files, plan.items, plan.hot)
        places = [n / plan.files for n in range(plan.files + 1)]
        self.importer = Importer(files, self.capacity, places, self.rng, BATCH, plan.cost, plan.named)
        self.table = Table(plan.limit, plan.ranges, plan.range_limit, plan.burst, plan.index_ranges, plan.whole)
        if plan.spent:
            for bucket in (self.table.whole, *self.table.ranges, *self.table.index):
                bucket.spend()
        gives = min(plan.limit, plan.ranges * plan.range_limit)
        gives = min(gives, plan.index_ranges * plan.range_limit or gives)
        saved_up = 0.0 if plan.ceiling or plan.spent else gives * plan.burst
        self.outcome = Outcome(min(gives, plan.ceiling or inf), saved_up)
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
        heapq.heappush(self.flying, (self.now + self.plan.latency(self.rng), self.sent, flight))

    def arrive(self) -> None:
        """One answer comes in."""
        self.now, _, flight = heapq.heappop(self.flying)
        if self.plan.change and self.now >= self.plan.change[0]:
            self.table.whole.rate = self.plan.change[1]
        begin, end, units = self.plan.foreign
        self.table.foreign = units if begin <= self.now < end else 0.0
        self.outcome.add(*self.importer.arrive(flight, self.table), self.now)


def file_list(files: int, items: int, hot: float = 0.0) -> list[FileCheckpoint]:
    """Files, none of which was begun: equal ones, or with so large a part of the items in the first tenth."""
    first = max(1, files // 10)
    sizes = [items // files] * files
    if hot:
        sizes = [round(items * hot / first)] * first + [round(items * (1 - hot) / (files - first))] * (files - first)
    return [FileCheckpoint(DataFile(n, str(n), "", size), 0, 0, 0) for n, size in enumerate(sizes)]
