"""A limit of time for runs in this process: once it is up, what runs is interrupted as by SIGTERM."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from runbook_lib.headless.process import terminable


@dataclass(slots=True)
class TimeLimit:
    """How long there is; `is_up` from then on, also where nothing was running to be interrupted."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    _began: float = field(default=0.0)

    @property
    def is_up(self) -> bool:
        return self.clock() - self._began >= self.seconds

    @contextmanager
    def held(self) -> Iterator[None]:
        """Interrupt what runs inside when the time is up; what a run then publishes is not interrupted again."""
        self._began, holding = self.clock(), True

        def interrupt(signum: int, frame: object) -> None:
            if holding:
                signal.raise_signal(signal.SIGTERM)

        former = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, max(self.seconds, 1e-6))
        try:
            with terminable():
                yield
        except KeyboardInterrupt:
            if not self.is_up:
                raise
        finally:
            holding = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, former)
