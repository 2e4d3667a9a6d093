"""How fast a table may be written, learned from what it accepts. No thread, no lock and no clock of its own.

A table is written in lanes. A lane reads one part of the hash range, so the partition it heats is its own, and each
lane has a pace of its own. A bucket of units stands behind every refusal: a key range's, the table's, an index's, the
account's. At a refusal it is known to be empty; what a lane was given between two refusals, over the time between
them, is therefore the share of the bucket's refill that is its own, whatever the bucket held before. From then on the
lane goes a little slower, which puts by what the next probe may cost, climbs past that rate ever faster (CUBIC), and
is refused once in a while. Before its first refusal it starts slowly: the rate doubles within a second. The rate to
begin with is a guess where the table names none: at the first refusals of all, lanes that have met none rest and are
slower, too, and then climb past that rate with care.

A refusal for which the server names the whole table, an index or the account is of all lanes: they are paced together
by what they were given together, and so are lanes of a table that takes no more than one key range does: it has one
bucket, whatever is named. A limit that a person has set (the account's, or the most that a table may take on demand)
gives no more than it gives: once it is measured, nothing climbs past it, but for one look a minute. Beside
that stand a ceiling, if the user or the table sets one or others write it too (`grant`), and a limit on requests in
flight: twice the requests per second times their mean delay (Little's law).

Sources: "Burst and adaptive capacity", Amazon DynamoDB Developer Guide; Ha, Rhee and Xu, "CUBIC", 2008;
Little, "A Proof for the Queuing Formula L = λW", 1961 (requests in flight).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from runbook_lib.load.engine.lane import BURST, ECHO, FLOOR, Lane
from runbook_lib.load.engine.table_pace import LEAST, TablePace

ROOM = 1.14  # times a share that lanes may have, so that it and not their climbing holds them back
HELD = 0.8  # part of a share above which it, and not its own rate, is taken to hold a lane back
LEAST_IN_FLIGHT = 8
SPREAD = 4.0  # standard deviations of a number of requests that come and go by chance
INTERVAL = 0.25
RANGE = 1_000.0  # write units per second that a key range takes
NARROW, WIDE = 1.1 * RANGE, 1.5 * RANGE  # a table that takes no more is one key range; one that is paced so fast is not
SURELY = 0.97  # of what a table refills that it took at most, if it must have some left
EASES = 2  # first refusals that slow down all lanes, while they are together
NEAR = 7.0  # times as fast as the guess at most: what takes far more than that is no smaller than it was taken for
LATE = 3.0  # times as long as all others that a lane takes which is late
WHOLE_RECOVERY = 2.0  # a whole table has many requests and one bucket: it may be probed more often than a lane
NAMED, OF_A_RANGE = "Exceeded", frozenset({"TableWriteKeyRangeThroughputExceeded"})
# Limits that a person has set, of the account or the table: no burst and no split partition takes one further.
FIXED = ("AccountLimitExceeded", "MaxOnDemandThroughputExceeded")
Reasons = Sequence[tuple[str, str]]


class WriteRateController:
    """All lanes of one table, and what they share.

    `start` is the rate to begin with and `ceiling` the one never to pass, in write units per second (0: none yet);
    `known` tells that `start` is the table's own limit and not a guess to climb from. `width` is the most
    requests in flight, `most` the most lanes; `shared` is how much of what this process may use is the table's just
    now, where others are written beside it.
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
        shared: Callable[[int], int] = lambda whole: whole,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        start = start if ceiling is None else min(start, ceiling)
        now = monotonic()
        share = max(FLOOR, start / lanes)
        table = known and (ceiling is None or ceiling > start)
        peak = share if known and not table else None
        self.lanes = [Lane(share, peak, now + n * 0.001, heard_at=now) for n in range(lanes)]
        self.shared, self._width = shared, width
        self.in_flight, self.limit = 0, min(LEAST_IN_FLIGHT, shared(width))
        self._ceiling, self._until = math.inf if ceiling is None else ceiling, math.inf
        self._free_at, self.most = now, max(most, lanes)
        self._eases_left, self._ease_at, self._guess = 0 if known else EASES, now, start
        self._pace, self._narrow = TablePace(), False
        self.used = self.refused = 0.0  # units, since the beginning
        self.now = monotonic
        self.version = 0  # changes when lanes may be due at another moment than before
        # What paces all lanes: the table's own limit, or one that a refusal named.
        self._whole = Lane(start, start, now, heard_at=now) if table else None
        self._start, self._blames_whole = start, table  # until a refusal says whose bucket was empty
        self._word = start if table else None  # what the table says that it takes, as long as that is what holds it
        self._units_per_byte = 1 / 1024
        self._delay, self._answers, self._mean, self._began = 0.0, 0, 0.0, now

    @property
    def rate(self) -> float:
        """The sum of all rates: what the table is believed to take."""
        return min(sum(lane.rate for lane in self.lanes), self._ceiling)

    def grant(self, share: float, until: float = math.inf) -> None:
        """Hold the table to a share of what may be written, up to a moment; nothing is sent after it, or with 0.

        Lanes that the share before held back are at once as fast as this one lets them be, and none is faster.
        """
        rates, now = sum(lane.rate for lane in self.lanes), self.now()
        enough = share * ROOM  # so that the share, and not the lanes' own climbing, holds them back
        if rates > enough > 0 or enough > rates >= HELD * self._ceiling:
            for lane in self.lanes:
                lane.scale(enough / rates, now)
        if self._free_at > now and share and 0 < self._ceiling < math.inf:
            self._free_at = now + (self._free_at - now) * self._ceiling / share
        self._ceiling, self._until = share, until
        self.version += 1

    def expected(self, items: int, size: int) -> float:
        """The write units that a batch of so many items and bytes will probably cost."""
        return max(float(items), size * self._units_per_byte)

    def due(self, lane: Lane) -> float:
        """Seconds until the lane may send; infinite while too many requests are in flight, or nothing may be sent."""
        now = self.now()
        if self.in_flight >= self.limit or self.lane_full(lane) or not self._ceiling or now >= self._until:
            return math.inf
        free_at = max(lane.free_at, self._free_at)
        return (max(free_at, self._whole.free_at) if self._whole else free_at) - now

    def lane_full(self, lane: Lane) -> bool:
        """Whether a lane has as many in flight as one may have."""
        return lane.in_flight >= max(2, self.limit // 2 if len(self.lanes) > 1 else self.limit)

    def depart(self, lane: Lane, units: float) -> None:
        """A request of the lane leaves now."""
        now = self.now()
        lane.take(units, now)
        if self._whole:
            self._whole.take(units, now)
        lane.in_flight += 1
        self.in_flight += 1
        self._free_at = max(self._free_at, now - BURST) + self._takes(units)

    def arrive(self, lane: Lane, delay: float) -> None:
        """The answer to a request of the lane, or the word that there is none, came after so many seconds."""
        lane.in_flight -= 1
        self.in_flight -= 1
        self._answers += 1
        self._delay += delay
        now = self.now()
        passed = now - self._began
        if passed >= INTERVAL:
            mean = self._delay / self._answers
            self._mean += (0.5 if self._mean else 1.0) * (mean - self._mean)
            flying = self._answers / passed * max(mean, self._mean)
            limit = min(self.shared(self._width), math.ceil(flying + SPREAD * math.sqrt(flying)) + LEAST_IN_FLIGHT)
            self.version += limit != self.limit
            self.limit = limit
            self._answers, self._delay, self._began = 0, 0.0, now

    def stay(self, lane: Lane) -> None:
        """A request that should have departed had nothing to carry."""
        lane.in_flight -= 1
        self.in_flight -= 1

    def settle(
        self, lane: Lane, size: int, expected: float, units: float, refused: float, reasons: Reasons = ()
    ) -> None:
        """Learn what a request of `size` bytes cost; where the server does not say, it cost what was expected.

        `reasons` are those that DynamoDB gave for what it refused; where it gives none, the last ones hold.
        """
        now = self.now()
        if units and not refused:
            self._units_per_byte += 0.1 * (units / size - self._units_per_byte)
        self._free_at += self._takes(units + refused - expected)
        self.used, self.refused = self.used + units, self.refused + refused
        if named := [reason for reason, _ in reasons if reason.endswith(NAMED)]:
            first, self._start = self._start < math.inf, math.inf
            self._blames_whole = not any(reason in OF_A_RANGE for reason in named)
            self._narrow = self._narrow and not self._blames_whole
            if first and self._blames_whole:
                self._forget_buckets()
        elif refused and self._has_units_left(now):
            self._blames_whole = False
        if self._word and not self._blames_whole:
            self._word = self._whole = None
        if refused:
            self._look_whose_bucket(now)
        if named:
            (self._whole or lane).held = self._blames_whole and all(reason.endswith(FIXED) for reason in named)
        probing = self._whole is not None and self._whole.rate > 1.01 * self._start  # past the table's own word
        whole = self._whole if self._paces_whole or probing else None
        of_lane = 0.0 if whole else refused  # what another bucket refused has cost nothing here
        if of_lane and lane.peak is None and now >= self._ease_at:
            self._ease_others(lane, now)
        if self._whole:
            self._whole.settle(expected - of_lane, units, refused - of_lane, now)
        lane.settle(expected - refused + of_lane, units, of_lane, now)

    def _has_units_left(self, now: float) -> bool:
        """Whether the table took less since its bucket was thought empty than fills it: key ranges refuse, then."""
        whole = self._whole
        if not (self._word and whole and whole.emptied_at is not None):
            return False
        passed = now - whole.emptied_at
        return passed >= LEAST and whole.given < SURELY * self._word * passed

    @property
    def _paces_whole(self) -> bool:
        """Whether what is refused is refused by one bucket that all lanes draw on."""
        return self._blames_whole or self._narrow

    def _look_whose_bucket(self, now: float) -> None:
        """Something was refused: pace all lanes together if the table is blamed, or takes what one key range does."""
        if self._narrow and self._whole and self._whole.rate > WIDE:
            self._narrow, self._whole = False, None
        told, pace = self._pace.hear(self.used, now), self._pace.units_per_second
        if self._whole is not None or len(self.lanes) == 1:
            return
        self._narrow = not self._blames_whole and told and pace is not None and pace <= NARROW
        if not self._paces_whole:
            return
        rate = sum(lane.rate for lane in self.lanes)
        self._whole = Lane(rate, free_at=now, heard_at=now, tells_after=LEAST, recovery=WHOLE_RECOVERY)
        if pace:  # as if it had been given that for a second: the refusal at hand makes it a little slower
            self._whole.rate = self._whole.peak = self._whole.given = pace
            self._whole.emptied_at = now - 1
        self._forget_buckets()

    def _forget_buckets(self) -> None:
        """What lanes had learned of buckets of their own is not so: what was refused was another's to give."""
        for lane in self.lanes:
            lane.peak = lane.emptied_at = None

    def _ease_others(self, refused: Lane, now: float) -> None:
        """A lane met its first refusal: have those that have met none be slower, or at least careful."""
        rate = sum(other.rate for other in self.lanes)
        self._ease_at, small = now + ECHO, self._eases_left > 0 and rate < NEAR * self._guess
        self._eases_left -= 1
        for lane in self.lanes:
            if lane is refused or lane.peak is not None:
                continue
            if small:
                lane.ease(now)
            else:
                lane.beware()
        self.version += 1

    def move(self, lane: Lane, neighbours: Sequence[Lane]) -> None:
        """A lane leaves its part of the hash range: its rate is left to the lanes beside it.

        Only one neighbour may share its key range, and nobody knows which; none is given more than a range takes, and
        the wrong one is back where it was with its first refusal.
        """
        for other in neighbours:
            other.scale_up(max(0.0, min(lane.rate, RANGE - other.rate)), self.now())
        lane.rate, lane.brake = max(FLOOR, lane.rate / 4), math.inf
        lane.peak = lane.emptied_at = None
        self.version += 1

    def balance(self, left: Sequence[tuple[Lane, int]]) -> None:
        """Where one limit holds all lanes, have them write in proportion to what each has left: all end together.

        Where key ranges do, a lane that would end late climbs faster: the one that shared its range may have left it.
        A lane that has nothing left is not named, and keeps its pace for what it takes over from others.
        """
        total = sum(items for _, items in left)
        if not total:
            return
        if not (self._whole and self._paces_whole):
            usual = total / sum(lane.rate for lane, _ in left)
            for lane, items in left:
                lane.late = items / lane.rate > LATE * usual
            return
        now = self.now()
        for lane, items in left:
            rate = min(RANGE, 1.2 * self._whole.rate * items / total)
            lane.go_at(max(FLOOR, min(rate, lane.peak or rate)), now)
        self.version += 1  # whoever was slow for the little it had left may be due long before

    def split(self, lane: Lane) -> Lane:
        """A further lane with half of a lane's rate."""
        self.lanes.append(lane.halve())
        return self.lanes[-1]

    def _takes(self, units: float) -> float:
        """Seconds that units take under the ceiling; a request may still be out when there is no share any more."""
        return units / self._ceiling if self._ceiling else 0.0
