"""One capacity budget for a table that many workers write.

What may be written per second is shared out fairly (max-min): a worker that uses less than its equal part
keeps what it uses, and the rest is divided among those that are held back by their shares. Beneath its share
each worker still finds the rate of its own lanes (`capacity`), so a hot key range slows only who writes it.

The total is the user's or the table's ceiling, or what the table was found to give: while nothing is refused
and the shares are used up it grows, the faster the longer; when something is refused it falls to a little less
than the most the table has lately taken.

Under a ceiling a share is given only from what no other worker may still be using: a share counts until the
worker has said that it holds a later one, or until it has run out. So the ceiling also holds while shares
change hands, while messages are late or lost, and after a worker was cut off.

Sources: Bertsekas and Gallager, "Data Networks", 1992, 6.5.2 (max-min fairness); Cardwell et al., "BBR", 2016
(the highest delivery rate of the last seconds); Gray and Cheriton, "Leases", 1989.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

LIFE = 5.0  # seconds a share may be used, from the sending of the report it answers
OVERDUE = 2.5  # seconds without a report after which a worker counts as stalled
SMOOTH = 1.5  # seconds over which reports are averaged
HELD = 0.9  # part of its share that a worker uses if the share is what holds it back
SPARE = 1.15  # times what it uses, for a worker that is not held back
LEAST = 0.05  # of an equal part, for a worker that uses nothing
GROWTH = 0.5  # of the total per second, before anything was refused
SURE = 10.0  # seconds without a refusal until it grows so fast again
AFTER = 0.97  # of the most that the table took lately, when it refuses: those that were refused catch up
LATELY = 10.0  # seconds
KEPT = 1.0  # seconds that the share of one who leaves is kept for one who joins: a worker takes the next unit
CALM = 0.005  # part refused below which nothing is
BATCH = 25  # units of the smallest full request


@dataclass(slots=True)
class _Worker:
    """One participant. `used`, `refused` and `allowed` are units per second, averaged; None before the first report.

    `share` is the one it said to hold; `given` are those it may be using, each with the moment it runs out,
    oldest first.
    """

    heard_at: float
    share: float = 0.0
    used: float | None = None
    refused: float = 0.0
    allowed: float = 0.0
    given: deque[tuple[float, float]] = field(default_factory=deque)

    def hear(self, units: float, refused: float, seconds: float, share: float) -> None:
        allowed, self.share = min(self.share, share), share  # where it has changed, it was the lower one at least
        if not seconds:
            return
        if self.used is None:
            self.used, self.allowed = units / seconds, allowed
        weight = 1 - math.exp(-seconds / SMOOTH)
        self.used += weight * (units / seconds - self.used)
        self.refused += weight * (refused / seconds - self.refused)
        self.allowed += weight * (allowed - self.allowed)

    @property
    def wants(self) -> float:
        """Units per second it could use; infinite as long as its share is all that is known to hold it back."""
        if self.used is None or self.used >= HELD * self.allowed:
            return math.inf
        return self.used * SPARE

    def holds(self, now: float) -> float:
        """The most it may be using."""
        while self.given and self.given[0][1] <= now:
            self.given.popleft()
        return max((share for share, _ in self.given), default=0.0)

    def give(self, share: float, until: float) -> None:
        if self.given and self.given[-1][0] == share:
            self.given.pop()
        self.given.append((share, until))

    def confirm(self, share: float) -> None:
        """It holds this share now: those given before are history."""
        if any(given == share for given, _ in self.given):
            while self.given[0][0] != share:
                self.given.popleft()


class SharedWriteBudget:
    """Shares out what a table may be written per second; for one thread.

    `start` is the total to begin with and `ceiling` the one never to pass, in write units per second; `known`
    tells that `start` is the table's own limit and not a guess to climb from.
    """

    def __init__(
        self,
        start: float,
        ceiling: float | None,
        *,
        known: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ceiling = math.inf if ceiling is None else ceiling
        self.total = min(start, self.ceiling)
        self._monotonic, self._learned_at = monotonic, monotonic()
        self._refused_at = self._learned_at if known else -math.inf  # or began at the table's own limit
        self._workers: dict[str, _Worker] = {}
        self._left: deque[tuple[float, float]] = deque()  # shares of those who left, and until when they are kept
        self._took: deque[tuple[float, float]] = deque()  # when, units per second; falling

    @property
    def room(self) -> int:
        """How many workers the total is enough for, with a request a second each."""
        return max(1, int(self.total / BATCH))

    def join(self, worker: str) -> None:
        """A worker is there; it gets a share with the next `shares`."""
        if worker not in self._workers:
            self._workers[worker] = _Worker(self._monotonic())
            if self._left:
                self._workers[worker].give(*self._left.popleft())

    def leave(self, worker: str) -> None:
        """A worker is known to send nothing any more; where that is not known, its silence is enough."""
        gone, now = self._workers.pop(worker, None), self._monotonic()
        if gone and (share := gone.holds(now)):
            self._left.append((share, now + KEPT))

    def hear(self, worker: str, units: float, refused: float, seconds: float, share: float) -> None:
        """A worker consumed `units` and was refused others in the last seconds, and holds a share of so much now."""
        known = self._workers.get(worker)
        if known is None:
            return
        known.heard_at = self._monotonic()
        known.confirm(share)
        known.hear(units, refused, seconds, share)

    def shares(self) -> dict[str, float]:
        """What each worker may write per second until it has reported LIFE seconds ago; stalled ones have no share."""
        now = self._monotonic()
        there = {name: worker for name, worker in self._workers.items() if now - worker.heard_at < OVERDUE}
        self._learn(there.values(), now)
        shares = self._affordable(fair({name: w.wants for name, w in there.items()}, self.total), now)
        for name, share in shares.items():
            there[name].give(share, there[name].heard_at + LIFE)
        return shares

    def _affordable(self, fair: dict[str, float], now: float) -> dict[str, float]:
        """The fair shares, where one that grows does so only by what nobody may be using."""
        if self.ceiling == math.inf:
            return fair
        held = {name: worker.holds(now) for name, worker in self._workers.items()}
        while self._left and self._left[0][1] <= now:
            self._left.popleft()
        free = self.ceiling - sum(held.values()) - sum(share for share, _ in self._left)
        wanted = sum(max(0.0, share - held[name]) for name, share in fair.items())
        part = min(1.0, max(0.0, free) / wanted) if wanted else 0.0
        return {
            name: share if share <= held[name] else held[name] + part * (share - held[name])
            for name, share in fair.items()
        }

    def _learn(self, there: Collection[_Worker], now: float) -> None:
        """Let the total follow what the table takes."""
        passed, self._learned_at = now - self._learned_at, now
        took, refused = sum(w.used or 0.0 for w in there), sum(w.refused for w in there)
        while self._took and (self._took[0][0] < now - LATELY):
            self._took.popleft()
        while self._took and self._took[-1][1] <= took:
            self._took.pop()
        self._took.append((now, took))
        most = self._took[0][1]
        if refused > CALM * took:
            self._refused_at = now
            self.total = max(AFTER * most, BATCH)
        elif took >= HELD * sum(w.allowed for w in there):
            self.total *= 1 + GROWTH * min(passed, 1.0) * min(1.0, (now - self._refused_at) / SURE)
        self.total = min(self.total, self.ceiling)


def fair(wants: Mapping[str, float], total: float) -> dict[str, float]:
    """Divide a total so that nobody has more than it wants while another that wants more has less (max-min).

    What nobody wants is divided equally, too: a share is a limit, and no reason to write.
    """
    least = LEAST * total / len(wants) if wants else 0.0
    shares: dict[str, float] = {}
    left = total
    for place, (name, want) in enumerate(sorted(wants.items(), key=lambda w: w[1])):
        shares[name] = min(max(want, least), left / (len(wants) - place))
        left -= shares[name]
    return {name: share + left / len(shares) for name, share in shares.items()}
