"""Hold a stream of consumed capacity units to a ceiling, across threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


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
        self._rate = units_per_second
        self._monotonic, self._sleep = monotonic, sleep
        self._lock = threading.Lock()
        self._free_at = monotonic()
        self.used = 0.0

    def note(self, units: float) -> None:
        """Account for units after which no further request is sent."""
        with self._lock:
            self.used += units

    def spend(self, units: float) -> None:
        """Account for consumed units and wait until the next request may be sent."""
        self.note(units)
        if self._rate is None:
            return
        with self._lock:
            now = self._monotonic()
            self._free_at = max(self._free_at, now) + units / self._rate
            wait = self._free_at - now
        self._sleep(wait)
