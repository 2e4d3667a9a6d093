"""The one way to wait for what a server does: with pauses, through its outages, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from runbook_lib.errors import RunbookError

Found = TypeVar("Found")
Sleep = Callable[[float], None]
FIRST_PAUSE = 1.0  # seconds


@dataclass(slots=True)
class Wait:
    """A stretch of waiting: at most `seconds`, with at most a `pause` between two looks.

    The first pause is a second, and each is twice as long as the one before until that is reached: what takes no time
    is not waited for, and what takes hours is not asked often. It begins when it is made. What counts is the time that
    passed or the time that was slept, whichever is more. `late` makes the error for when it is over; it is given what
    the last look failed with, or an empty text.
    """

    seconds: float
    pause: float
    late: Callable[[str], RunbookError]
    sleep: Sleep = time.sleep
    clock: Callable[[], float] = time.monotonic
    _began: float = field(init=False)
    _slept: float = field(default=0.0, init=False)
    _next: float = field(default=FIRST_PAUSE, init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()

    def again(self, failure: RunbookError | None = None) -> None:
        """Pause before another look, or raise what `late` makes when the time is over."""
        if max(self.clock() - self._began, self._slept) >= self.seconds:
            raise self.late(f"; the last look at it failed: {failure}" if failure else "") from None
        pause = min(self._next, self.pause)
        self.sleep(pause)
        self._slept += pause
        self._next = 2 * pause

    def until(self, look: Callable[[], Found | None]) -> Found:
        """Look until something is found; what a look raises ends the wait unless it is a server's outage."""
        while True:
            failure = None
            try:
                found = look()
            except RunbookError as error:
                if not error.transient:
                    raise
                failure = error
            else:
                if found is not None:
                    return found
            self.again(failure)
