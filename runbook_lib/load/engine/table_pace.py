"""What a whole table takes, measured between refusals of any of its lanes."""

from __future__ import annotations

from dataclasses import dataclass

LEAST = 0.5  # seconds between two refusals that tell what the table takes: all its lanes' requests are many


@dataclass(slots=True)
class TablePace:
    """Units per second that the table took between its last two refusals that were long enough apart."""

    since: float | None = None
    used: float = 0.0
    units_per_second: float | None = None

    def hear(self, used: float, now: float) -> bool:
        """The table refused something now and has taken `used` units since the beginning; whether that tells a pace."""
        if self.since is not None and now - self.since < LEAST:
            return False
        told = self.since is not None
        if self.since is not None:
            self.units_per_second = (used - self.used) / (now - self.since)
        self.since, self.used = now, used
        return told
