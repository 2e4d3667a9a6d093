"""The pace of one lane: units per second, learned from what its requests were given and refused."""

from __future__ import annotations

import math
from dataclasses import dataclass

FLOOR = 0.5  # units per second below which no lane is slowed
BURST = 0.05  # seconds a lane may fall behind its schedule and make up for
FIRST_DOWN, DOWN = 0.5, 0.82  # or as much less as was refused lately
FIRST_PEAK, AFTER = 0.75, 0.97  # what it then comes back to
DIP, UP = 0.03, 0.1  # below the measured rate, so that a probe does not meet an empty bucket
BREATH = 0.1  # seconds that a throttled lane sends nothing
RECOVERY = 3.5  # seconds from a throttle until the rate is what was measured
RECOVERY_BATCHES = 12.0  # and at least so many batches, so that large items are not throttled more often
ECHO, FIRST_ECHO = 0.2, 0.1  # seconds in which a further throttle tells nothing new
FAR = 1.8  # recoveries past the measured rate after which that says nothing more
STALE = 0.7  # of what is taken now; a rate measured below it is of a time with another share
MEASURED = 2.0  # seconds between two throttles that tell a rate
DOUBLING = 1.4  # per second, before the first throttle
CAREFUL = 0.4  # per second, before a lane's own first throttle, past the rate at which another lane met one
BRAKE = 0.75  # of the rate before another lane's throttle, up to which a lane comes back as fast as it began
HURRY = 1.4  # per second, where it would end long after the others: who shared its range may have left it
ON_TRIAL = 1.0  # seconds in which a throttle takes back what a lane was given of another's rate
KEPT = 0.8  # of what it was given, that it may climb to all the same
ROAMING = 0.1  # per second, where no throttle came for so long that what the last one told says nothing
HOLD = 60.0  # seconds without a refusal after which a held lane asks once more: others may have left it their part
MEMORY = 0.3  # weight of the last answer in the refused share


@dataclass(slots=True)
class Lane:
    """One part of the table's hash range. `rate` is in write units per second.

    `free_at` is the moment its next request is due, `calm_at` the one before which a further throttle is
    taken for an echo of the last; `refused` is the share of its units refused lately. `peak` is the rate that the
    last throttle told, None before the first; `age` the seconds since then in which the lane was held back
    by nothing but its rate. `given` are the units taken since `emptied_at`, when the bucket was empty.
    `measured` is whether the peak was told by two throttles; a lane that is `held` then does not climb past it.
    `brake` is the rate past which it climbs carefully, `before` the rate and the peak that it goes back to if it is
    throttled until `before_until`. One that `roams` has not been throttled for long. `tells_after` are the seconds
    between two throttles that tell a rate, `recovery` those from a throttle until the rate is what was measured.
    One that is `late` would end long after the others.
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
    emptied_at: float | None = None
    given: float = 0.0
    dip: float = DIP
    measured: bool = False
    held: bool = False
    brake: float = math.inf
    roams: bool = False
    before: tuple[float, float] | None = None
    before_until: float = 0.0
    tells_after: float = MEASURED
    recovery: float = RECOVERY
    late: bool = False

    def take(self, units: float, now: float) -> None:
        """Account for a request that is sent now and is expected to cost `units`."""
        self.paced = self.free_at > now - BURST
        self.free_at = max(self.free_at, now - BURST) + units / self.rate

    def scale_up(self, more: float, now: float) -> None:
        """Be so many units per second faster, with what was learned of another part, and on trial."""
        if more:
            self.before, self.before_until = (self.rate, self.peak or self.rate), now + ON_TRIAL
        self.peak = self.peak and self.peak * (1 + more / self.rate)
        if self.free_at > now + BREATH:  # a pace of before, and not the rhythm of its requests, holds it back
            self.go_at(self.rate + more, now)
        else:
            self.rate += more

    def scale(self, factor: float, now: float) -> None:
        """Be so many times as fast from now on, also with what is sent already."""
        self.rate, self.peak = self.rate * factor, self.peak and self.peak * factor
        self.emptied_at = None
        if self.free_at > now:
            self.free_at = now + (self.free_at - now) / factor

    def go_at(self, rate: float, now: float) -> None:
        """Be so fast from now on, also with what is sent already; what was learned stays."""
        if self.free_at > now:
            self.free_at = now + (self.free_at - now) * self.rate / rate
        self.rate = rate

    def ease(self, now: float) -> None:
        """Another lane met the first throttle, perhaps of a bucket that this one draws on: rest, and be slower."""
        self.brake = BRAKE * self.rate
        self.scale(FIRST_DOWN, now)
        self.free_at = max(self.free_at, now) + BREATH

    def beware(self) -> None:
        """Another lane met its first throttle: climb carefully from here on."""
        self.brake = min(self.brake, self.rate)

    def halve(self) -> Lane:
        """Another lane for a part of what this one writes, with half of its rate."""
        self.rate, self.peak, self.emptied_at = self.rate / 2, self.peak and self.peak / 2, None
        return Lane(self.rate, self.peak, self.free_at, self.calm_at, self.heard_at, self.age, brake=self.brake)

    def settle(self, expected: float, units: float, refused: float, now: float) -> None:
        """Learn from an answer: `units` were consumed, `refused` were asked for in vain."""
        self.free_at += (units + refused - expected) / self.rate
        if not units and not refused:
            return
        self.refused += MEMORY * (refused / (units + refused) - self.refused)
        self.given += units
        if refused:
            self.free_at = max(self.free_at, now + BREATH)
            if now >= self.calm_at:
                self._slow_down(now)
        elif self.paced:
            self.age += min(now - self.heard_at, max(1.0, 2 * units / self.rate))
            self._climb(units)
        self.heard_at = now

    def _slow_down(self, now: float) -> None:
        """The bucket is empty: go at the rate it was refilled with, or at what was not refused if that is less."""
        self.roams = False
        least = self.rate * (1 - self.refused)
        passed = now - self.emptied_at if self.emptied_at is not None else 0.0
        if self.before is not None and now < self.before_until:
            rate, peak = self.before
            self._fall(rate, peak + KEPT * max(0.0, (self.peak or self.rate) - peak))
            self.before = self.emptied_at = None
        elif self.peak is None:
            self._fall(min(self.rate * FIRST_DOWN, least), self.rate * FIRST_PEAK)
        elif passed >= self.tells_after and self.given / passed >= STALE * least:
            measured = min(self.given / passed, self.rate)
            self._fall(min(measured * (1 - DIP), max(least, measured * FIRST_DOWN)), measured)
            self.measured = True
        else:
            self._fall(min(self.rate * DOWN, least), self.rate * AFTER)
        self.calm_at, self.age = now + (FIRST_ECHO if self.emptied_at is None else ECHO), 0.0
        if self.emptied_at is None or passed >= self.tells_after:
            self.emptied_at, self.given = now, 0.0

    def _fall(self, rate: float, peak: float) -> None:
        """Go on at a rate and come back to the peak, which is not far above it."""
        self.rate = max(FLOOR, rate)
        self.peak = max(self.rate, min(peak, self.rate / FIRST_DOWN))
        self.dip = 1 - self.rate / self.peak

    def _climb(self, units: float) -> None:
        if self.peak is None:
            self.rate += (DOUBLING if self.rate < self.brake else CAREFUL) * units
            return
        recovery = min(max(self.recovery, RECOVERY_BATCHES * units / self.peak), 3 * RECOVERY)
        past = self.age / recovery - 1
        if self.held and self.measured:
            self.measured = self.age < HOLD
            past = min(past, 0.0)
        self.roams = self.roams or past > FAR
        if self.late:
            self.rate = self.peak = self.rate + HURRY * units
            return
        if self.roams:
            self.rate = self.peak = self.rate + ROAMING * min(1.0, RECOVERY / recovery) * units
            return
        self.rate = max(FLOOR, self.peak * (1 + (UP if past > 0 else self.dip) * past**3))
