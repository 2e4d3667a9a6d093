"""Hold a stream of consumed capacity units to a ceiling, across threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


class RateLimit:
    """Pays for units after they were consumed, as DynamoDB tells the price of a page only with the page.

    `units_per_second` None means no limit. Over any ten seconds the average stays at the ceiling,
    give or take one page.
    """

    def __init__(
        self,
        units_per_second: float | None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._pace = _Pace(units_per_second, monotonic, sleep, monotonic())
        self._lock = threading.Lock()
        self.used = 0.0

    def beside(self) -> RateLimit:
        """Another one with a count of its own; both together stay at the one ceiling."""
        other = RateLimit(None)
        other._pace = self._pace
        return other

    def note(self, units: float) -> None:
        """Account for units after which no further request is sent."""
        with self._lock:
            self.used += units

    def spend(self, units: float) -> None:
        """Account for consumed units and wait until the next request may be sent."""
        self.note(units)
        self._pace.wait_for(units)


@dataclass(slots=True)
class _Pace:
    """One ceiling, and the moment from which it has something left."""

    rate: float | None
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    free_at: float
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_for(self, units: float) -> None:
        if self.rate is None:
            return
        with self.lock:
            now = self.monotonic()
            self.free_at = max(self.free_at, now) + units / self.rate
            wait = self.free_at - now
        self.sleep(wait)
