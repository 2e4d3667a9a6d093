"""How fast a table may be written, learned from what it accepts.

A table is written in lanes. A lane reads one part of the hash range, so the partition it heats is its
own, and each lane has a rate of its own: a batch that is taken raises it a little, one that is
throttled lowers it more. The two steps are so chosen that a lane settles where about one batch in a
hundred is throttled, whatever it is that limits it: a hot key range, the table, an index or the
account. Beside the rates there are a ceiling on the whole table, if the user or the table sets one,
and a limit on requests in flight: twice what bandwidth times delay asks for.

Sources: "Burst and adaptive capacity", Amazon DynamoDB Developer Guide; Chiu and Jain, "Analysis of the
increase and decrease algorithms for congestion avoidance", 1989; Cardwell et al., "BBR", 2016 (in flight).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

FLOOR = 5.0  # units per second below which no lane is slowed
BURST = 0.05  # seconds a lane may fall behind its schedule and make up for
UP, DOWN = 0.001, 0.9  # per batch: 0.001 / ln(1 / 0.9) is about 1 in 100
FIRST_DOWN = 0.7
DOUBLING = 6.0  # while nothing was throttled yet, a lane's rate grows by this times what it delivers
PATIENT = 300  # batches without a throttle after which a lane climbs faster
LEAST_IN_FLIGHT = 4
INTERVAL = 0.25
NAP = 0.02


@dataclass(slots=True)
class Lane:
    """One part of the table's hash range. `rate` is in write units per second.

    `free_at` is the moment its next request is due, `calm_at` the one before which a further throttle is
    taken for an echo of the last. `steady` tells that the lane has met its limit once.
    """

    rate: float
    free_at: float = 0.0
    calm_at: float = 0.0
    steady: bool = False
    paced: bool = False
    batches: int = 0
    in_flight: int = 0

    def take(self, units: float, now: float) -> None:
        """Account for a request that is sent now and is expected to cost `units`."""
        self.paced = self.free_at > now - BURST
        self.free_at = max(self.free_at, now - BURST) + units / self.rate

    def settle(self, expected: float, units: float, refused: float, delay: float, now: float) -> None:
        """Learn from an answer: `units` were consumed, `refused` were asked for in vain."""
        self.free_at += (units + refused - expected) / self.rate
        if refused:
            self.batches = 0
            if now >= self.calm_at:
                self.rate = max(FLOOR, self.rate * (DOWN if self.steady else FIRST_DOWN))
                self.calm_at = now + 2 * delay
                self.steady = True
        elif self.paced:
            self.batches += 1
            if self.steady:
                self.rate *= 1 + UP * 2 ** min(4, self.batches // PATIENT)
            else:
                self.rate += DOUBLING * units


class Capacity:
    """All lanes of one table, and what they share; thread-safe.

    `start` is the rate to begin with and `ceiling` the one never to pass, in write units per second;
    `known` tells that `start` is the table's own limit and not a guess to climb from.
    """

    def __init__(
        self,
        lanes: int,
        width: int,
        start: float,
        ceiling: float | None = None,
        *,
        known: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        start = min(start, ceiling or math.inf)
        now = monotonic()
        self.lanes = [Lane(start / lanes, now + n * 0.001, steady=known) for n in range(lanes)]
        self.changed = threading.Condition(threading.Lock())
        self.in_flight, self.limit, self._width = 0, min(LEAST_IN_FLIGHT, width), width
        self._ceiling, self._free_at = ceiling, now
        self._monotonic = monotonic
        self._units_per_byte = 1 / 1024
        self._delay, self._answers, self._began = math.inf, 0, now

    @property
    def rate(self) -> float:
        """The sum of all rates: what the table is believed to take."""
        return min(sum(lane.rate for lane in self.lanes), self._ceiling or math.inf)

    def expected(self, items: int, size: int) -> float:
        """The write units that a batch of so many items and bytes will probably cost."""
        return max(float(items), size * self._units_per_byte)

    def due(self, lane: Lane) -> float:
        """Seconds until the lane may send; infinite while too many requests are in flight. Needs `changed`."""
        if self.in_flight >= self.limit or lane.in_flight >= max(2, self.limit // 2):
            return math.inf
        return max(lane.free_at, self._free_at if self._ceiling else 0.0) - self._monotonic()

    def depart(self, lane: Lane, units: float) -> None:
        """A request of the lane leaves now. Needs `changed`."""
        now = self._monotonic()
        lane.take(units, now)
        lane.in_flight += 1
        self.in_flight += 1
        if self._ceiling:
            self._free_at = max(self._free_at, now - BURST) + units / self._ceiling

    @contextmanager
    def flight(self, lane: Lane) -> Iterator[None]:
        """Around the sending of a request that has departed."""
        began = self._monotonic()
        try:
            yield
        finally:
            with self.changed:
                lane.in_flight -= 1
                self.in_flight -= 1
                self._arrived(self._monotonic() - began)
                self.changed.notify()

    def settle(self, lane: Lane, size: int, expected: float, units: float, refused: float) -> None:
        """Learn what a request of `size` bytes cost; where the server does not say, it cost what was expected."""
        with self.changed:
            if units and not refused:
                self._units_per_byte += 0.1 * (units / size - self._units_per_byte)
            if self._ceiling:
                self._free_at += (units + refused - expected) / self._ceiling
            lane.settle(expected, units, refused, min(self._delay, 1.0), self._monotonic())

    def wait_for(self, lane: Lane, units: float, stop: threading.Event) -> None:
        """Depart as soon as the lane may send again, or at once when it is to stop."""
        while True:
            with self.changed:
                wait = self.due(lane)
                if wait <= 0 or stop.is_set():
                    return self.depart(lane, units)
            stop.wait(min(wait, NAP))

    def hand_over(self, lane: Lane, others: Sequence[Lane]) -> None:
        """Share out the rate of a lane that has nothing left to send. Needs `changed`."""
        for other in others:
            other.rate += lane.rate / len(others)
        if others:
            lane.rate = FLOOR

    def _arrived(self, delay: float) -> None:
        """Set the limit of requests in flight to twice the answers a second times the shortest delay."""
        self._delay = min(self._delay * 1.001, delay)
        self._answers += 1
        passed = self._monotonic() - self._began
        if passed >= INTERVAL:
            needed = 2 * self._answers / passed * self._delay
            self.limit = min(self._width, max(LEAST_IN_FLIGHT, math.ceil(needed) + 1))
            self._answers, self._began = 0, self._monotonic()
