"""How fast a table may be written, learned from what it accepts.

A table is written in lanes. A lane reads one part of the hash range, so the partition it heats is its
own, and each lane has a rate of its own. A throttled request lowers it; then it climbs back, slowly near
where it was throttled last, fast far beyond, as CUBIC does; so a lane stays close under its limit,
whatever that is: a hot key range, the table, an index or the account. Before its first throttle it grows
by half each second. Beside the rates there are a ceiling on the whole table, if the user or the table
sets one or others write it too (`grant`), and a limit on requests in flight: twice what bandwidth times
delay asks for.

Sources: "Burst and adaptive capacity", Amazon DynamoDB Developer Guide; Ha, Rhee and Xu, "CUBIC", 2008;
Cardwell et al., "BBR", 2016 (requests in flight).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

FLOOR = 0.5  # units per second below which no lane is slowed
BURST = 0.05  # seconds a lane may fall behind its schedule and make up for
DOWN, FIRST_DOWN = 0.88, 0.7  # or as much less as was refused lately
BREATH = 0.1  # seconds that a throttled lane sends nothing
RECOVERY = 2.0  # seconds from a throttle until the rate is where it was
RECOVERY_BATCHES = 25.0  # and at least so many batches, so that large items are not throttled more often
ECHO, FIRST_ECHO = 0.2, 0.1  # seconds in which a further throttle tells nothing new
DOUBLING = 0.5  # per second, before the first throttle
MEMORY = 0.3  # weight of the last answer in the refused share
HELD = 0.8  # part of a share above which it, and not its own rate, is taken to hold a lane back
LEAST_IN_FLIGHT = 2
INTERVAL = 0.25
NAP = 0.02


@dataclass(slots=True)
class Lane:
    """One part of the table's hash range. `rate` is in write units per second.

    `free_at` is the moment its next request is due, `calm_at` the one before which a further throttle is
    taken for an echo of the last; `refused` is the share of its units refused lately. `peak` is the rate at
    the last throttle, None before the first; `age` the seconds since then in which the lane was held back
    by nothing but its rate.
    """

    rate: float
    peak: float | None = None
    free_at: float = 0.0
    calm_at: float = 0.0
    heard_at: float = 0.0
    age: float = 0.0
    refused: float = 0.0
    paced: bool = False
    in_flight: int = 0

    def take(self, units: float, now: float) -> None:
        """Account for a request that is sent now and is expected to cost `units`."""
        self.paced = self.free_at > now - BURST
        self.free_at = max(self.free_at, now - BURST) + units / self.rate

    def scale(self, factor: float, now: float) -> None:
        """Be so many times as fast from now on, also with what is sent already."""
        self.rate, self.peak = self.rate * factor, self.peak and self.peak * factor
        if self.free_at > now:
            self.free_at = now + (self.free_at - now) / factor

    def settle(self, expected: float, units: float, refused: float, now: float) -> None:
        """Learn from an answer: `units` were consumed, `refused` were asked for in vain."""
        self.free_at += (units + refused - expected) / self.rate
        self.refused += MEMORY * (refused / (units + refused) - self.refused)
        if refused:
            self.free_at = max(self.free_at, now + BREATH)
            if now >= self.calm_at:
                self.rate = max(FLOOR, self.rate * min(DOWN if self.peak else FIRST_DOWN, 1 - self.refused))
                self.calm_at, self.age = now + (ECHO if self.peak else FIRST_ECHO), 0.0
                self.peak = self.rate / DOWN
        elif self.paced:
            self.age += min(now - self.heard_at, 1.0)
            if self.peak is None:
                self.rate += DOUBLING * units
            else:
                recovery = min(max(RECOVERY, RECOVERY_BATCHES * units / self.peak), 3 * RECOVERY)
                self.rate = max(FLOOR, self.peak * _climb(self.age / recovery - 1))
        self.heard_at = now


def _climb(past: float) -> float:
    """The rate as a part of the last peak, so many times the recovery past it: flat at the peak, then steep."""
    return 1 + (1 - DOWN) * past**3


class WriteRateController:
    """All lanes of one table, and what they share; thread-safe.

    `start` is the rate to begin with and `ceiling` the one never to pass, in write units per second (0: none yet);
    `known` tells that `start` is the table's own limit and not a guess to climb from. `width` is the most
    requests in flight, `most` the most lanes.
    """

    def __init__(
        self,
        lanes: int,
        width: int,
        start: float,
        ceiling: float | None = None,
        *,
        known: bool = False,
        most: int = 64,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        start = start if ceiling is None else min(start, ceiling)
        now = monotonic()
        share = max(FLOOR, start / lanes)
        self.lanes = [Lane(share, share if known else None, now + n * 0.001, heard_at=now) for n in range(lanes)]
        self.changed = threading.Condition(threading.Lock())
        self.in_flight, self.limit, self._width = 0, min(LEAST_IN_FLIGHT, width), width
        self._ceiling, self._until = math.inf if ceiling is None else ceiling, math.inf
        self._free_at, self.most = now, max(most, lanes)
        self.used = self.refused = 0.0  # units, since the beginning
        self._monotonic = monotonic
        self._units_per_byte = 1 / 1024
        self._delay, self._answers, self._began = math.inf, 0, now

    @property
    def rate(self) -> float:
        """The sum of all rates: what the table is believed to take. Needs `changed`."""
        return min(sum(lane.rate for lane in self.lanes), self._ceiling)

    def now(self) -> float:
        """The moment, in seconds."""
        return self._monotonic()

    def grant(self, share: float, until: float = math.inf) -> None:
        """Hold the table to a share of what may be written, up to a moment; nothing is sent after it, or with 0.

        Lanes that the share before held back are at once as fast as this one lets them be, and none is faster.
        """
        with self.changed:
            rates, now = sum(lane.rate for lane in self.lanes), self._monotonic()
            enough = share / DOWN  # so that the share, and not the lanes' own climbing, holds them back
            if rates > enough > 0 or enough > rates >= HELD * self._ceiling:
                for lane in self.lanes:
                    lane.scale(enough / rates, now)
            if self._free_at > now and share and 0 < self._ceiling < math.inf:
                self._free_at = now + (self._free_at - now) * self._ceiling / share
            self._ceiling, self._until = share, until
            self.changed.notify_all()

    def expected(self, items: int, size: int) -> float:
        """The write units that a batch of so many items and bytes will probably cost."""
        return max(float(items), size * self._units_per_byte)

    def due(self, lane: Lane) -> float:
        """Seconds until the lane may send; infinite while too many requests are in flight. Needs `changed`."""
        if self.in_flight >= self.limit or lane.in_flight >= max(2, self.limit // 2):
            return math.inf
        now = self._monotonic()
        return max(lane.free_at, self._free_at) - now if self._ceiling and now < self._until else math.inf

    def depart(self, lane: Lane, units: float) -> None:
        """A request of the lane leaves now. Needs `changed`."""
        now = self._monotonic()
        lane.take(units, now)
        lane.in_flight += 1
        self.in_flight += 1
        self._free_at = max(self._free_at, now - BURST) + self._takes(units)

    def stay(self, lane: Lane) -> None:
        """A request that should have departed had nothing to carry."""
        with self.changed:
            lane.in_flight -= 1
            self.in_flight -= 1

    @contextmanager
    def flight(self, lane: Lane) -> Iterator[None]:
        """Around the sending of a request that has departed; its sender comes back for the next, so nobody is woken."""
        began = self._monotonic()
        try:
            yield
        finally:
            with self.changed:
                lane.in_flight -= 1
                self.in_flight -= 1
                self._arrived(self._monotonic() - began)

    def settle(self, lane: Lane, size: int, expected: float, units: float, refused: float) -> None:
        """Learn what a request of `size` bytes cost; where the server does not say, it cost what was expected."""
        with self.changed:
            if units and not refused:
                self._units_per_byte += 0.1 * (units / size - self._units_per_byte)
            self._free_at += self._takes(units + refused - expected)
            self.used, self.refused = self.used + units, self.refused + refused
            lane.settle(expected, units, refused, self._monotonic())

    def wait_for(self, lane: Lane, units: float, stop: threading.Event) -> None:
        """Depart as soon as the lane may send again, or at once when it is to stop."""
        while True:
            with self.changed:
                wait = self.due(lane)
                if wait <= 0 or stop.is_set():
                    return self.depart(lane, units)
            stop.wait(min(wait, NAP))

    def move(self, lane: Lane, other: Lane) -> None:
        """A lane leaves its part of the hash range: its rate is left to another there. Needs `changed`."""
        factor = 1 + lane.rate / other.rate
        other.rate *= factor
        other.peak = other.peak and other.peak * factor
        lane.rate, lane.peak = max(FLOOR, lane.rate / 4), None

    def split(self, lane: Lane) -> Lane:
        """A further lane with half of a lane's rate. Needs `changed`."""
        lane.rate /= 2
        lane.peak = lane.peak and lane.peak / 2
        self.lanes.append(Lane(lane.rate, lane.peak, lane.free_at, lane.calm_at, lane.heard_at, lane.age))
        return self.lanes[-1]

    def _takes(self, units: float) -> float:
        """Seconds that units take under the ceiling; a request may still be out when there is no share any more."""
        return units / self._ceiling if self._ceiling else 0.0

    def _arrived(self, delay: float) -> None:
        """Set the limit of requests in flight to twice the answers a second times the shortest delay."""
        self._delay = min(self._delay * 1.001, delay)
        self._answers += 1
        passed = self._monotonic() - self._began
        if passed >= INTERVAL:
            needed = 2 * self._answers / passed * self._delay
            self.limit = min(self._width, max(LEAST_IN_FLIGHT, math.ceil(needed)))
            self._answers, self._began = 0, self._monotonic()
