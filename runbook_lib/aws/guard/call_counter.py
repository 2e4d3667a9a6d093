"""How many calls of each kind were made, counted before they are sent, and what reading a target has consumed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from runbook_lib.aws.guard.allowed_calls import TOLD_IN_SUMS

# In place of a side: writes to a table whose end nobody heard, and half read units that a target was read with.
UNANSWERED, READ_HALVES = "unanswered", "half read units of the target"


class Calls:
    """Counts the calls of every side; thread-safe.

    `on_call(side, operation, count)` hears of each call before it is sent, so that a process killed
    in mid-call has counted it. Only writes of items are told in sums, with `flush`: the import flushes
    with its watermarks, twice a second. What could not be told is kept and told the next time.
    """

    def __init__(self, on_call: Callable[[str, str, int], None] | None = None) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._on_call = on_call
        self._untold: Counter[tuple[str, str]] = Counter()

    def report_to(self, on_call: Callable[[str, str, int], None]) -> None:
        """Pass every call on from now, and first the ones made so far that nobody was told of."""
        self._on_call = on_call
        self.flush()

    def record(self, side: str, operation: str) -> None:
        """Count a call that is about to be sent; raises what telling it raises, and then it must not be sent."""
        with self._lock:
            self._counts[side, operation] += 1
            if self._on_call is None or operation in TOLD_IN_SUMS:
                self._untold[side, operation] += 1
                return
        try:
            self._on_call(side, operation, 1)
        except BaseException:
            with self._lock:
                self._counts[side, operation] -= 1
            raise

    def doubt(self, table: str) -> None:
        """Note that a write to a table was not answered: it may have been done, or still be."""
        with self._lock:
            self._counts[UNANSWERED, table] += 1
            self._untold[UNANSWERED, table] += 1

    def consumed(self, table: str, halves: int) -> None:
        """Count what reading a target has consumed, in halves of a read unit; told at once, as a call is."""
        with self._lock:
            self._counts[READ_HALVES, table] += halves
            if self._on_call is None:
                self._untold[READ_HALVES, table] += halves
                return
        try:
            self._on_call(READ_HALVES, table, halves)
        except BaseException:
            with self._lock:
                self._untold[READ_HALVES, table] += halves
            raise

    def flush(self) -> None:
        """Pass on the calls that nobody was told of since the last time."""
        if self._on_call is None:
            return
        with self._lock:
            untold, self._untold = self._untold, Counter()
        for key in list(untold):
            try:
                self._on_call(*key, untold[key])
            except BaseException:
                with self._lock:
                    self._untold += untold
                raise
            del untold[key]

    def of(self, side: str) -> dict[str, int]:
        with self._lock:
            return {op: n for (where, op), n in sorted(self._counts.items()) if where == side}
