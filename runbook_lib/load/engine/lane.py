"""The pace of one lane: units per second, learned from what its requests were given and refused."""

from __future__ import annotations

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

    def take(self, units: float, now: float) -> None:
        """Account for a request that is sent now and is expected to cost `units`."""
        self.paced = self.free_at > now - BURST
        self.free_at = max(self.free_at, now - BURST) + units / self.rate

    def scale_up(self, more: float) -> None:
        """Be so many units per second faster, with what was learned of another part."""
        self.peak = self.peak and self.peak * (1 + more / self.rate)
        self.rate += more

    def scale(self, factor: float, now: float) -> None:
        """Be so many times as fast from now on, also with what is sent already."""
        self.rate, self.peak = self.rate * factor, self.peak and self.peak * factor
        self.emptied_at = None
        if self.free_at > now:
            self.free_at = now + (self.free_at - now) / factor

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
        least = self.rate * (1 - self.refused)
        passed = now - self.emptied_at if self.emptied_at is not None else 0.0
        if self.peak is None:
            self._fall(min(self.rate * FIRST_DOWN, least), self.rate * FIRST_PEAK)
        elif passed >= MEASURED and self.given / passed >= STALE * least:
            measured = min(self.given / passed, self.rate)
            self._fall(min(measured * (1 - DIP), max(least, measured * FIRST_DOWN)), measured)
            self.measured = True
        else:
            self._fall(min(self.rate * DOWN, least), self.rate * AFTER)
        self.calm_at, self.age = now + (FIRST_ECHO if self.emptied_at is None else ECHO), 0.0
        if self.emptied_at is None or passed >= MEASURED:
            self.emptied_at, self.given = now, 0.0

    def _fall(self, rate: float, peak: float) -> None:
        """Go on at a rate and come back to the peak, which is not far above it."""
        self.rate = max(FLOOR, rate)
        self.peak = max(self.rate, min(peak, self.rate / FIRST_DOWN))
        self.dip = 1 - self.rate / self.peak

    def _climb(self, units: float) -> None:
        if self.peak is None:
            self.rate += DOUBLING * units
            return
        recovery = min(max(RECOVERY, RECOVERY_BATCHES * units / self.peak), 3 * RECOVERY)
        past = self.age / recovery - 1
        if self.held and self.measured:
            self.measured = self.age < HOLD
            past = min(past, 0.0)
        if past > FAR:
            self.peak, self.age, past = self.rate, recovery, 0.0
        self.rate = max(FLOOR, self.peak * (1 + (UP if past > 0 else self.dip) * past**3))
