"""Which file the next batch is drawn from, so that every part of the table is written all the time.

A data file holds one range of partition-key hashes. The files are dealt out to lanes in the order of
the manifest, a neighbourhood to each lane; a lane reads its files one after another, and the lane whose
next request is due first gives the next batch. What has to be sent again goes before what is new.
Files are opened ahead. A lane without files takes over from its neighbours, so that each part of the
hash range is written until it is done.

Nothing here waits, reads or sends: whoever drives it asks for the next batch and is told how long there is none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count
from math import ceil, inf

from runbook_lib.load.engine.batch_write import MAX_ITEMS, Line
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.lane_queue import LaneQueue, OpenFile, ScheduledBatch
from runbook_lib.load.engine.rate_control import WriteRateController

LEAST_LANES, MOST_LANES = 4, 64
LANE_UNITS = 400.0  # write units per second a lane is meant for; a key range takes 1,000 at most
DISK = 4 << 30  # bytes of compressed files kept at once, as far as their sizes can be foreseen
AHEAD = 2
AGAIN = 16 << 20  # bytes waiting to be sent again, above which nothing new is drawn: memory stays bounded
FLYING = 48 << 20  # bytes in flight, above which nothing leaves
LOOK = 0.05  # seconds between two looks at whether there are enough lanes, and each as fast as it should be


def lanes_for(files: int, units_per_second: float) -> int:
    """How many lanes to begin with, for a table of so many files and such a rate."""
    few = min(LEAST_LANES, ceil(units_per_second / MAX_ITEMS))  # a lane sends a batch each second or more slowly
    return max(1, min(files, MOST_LANES, max(few, ceil(units_per_second / LANE_UNITS))))


class BatchScheduler:
    """Hands out batches, and says which file to open next; for whoever holds what guards it."""

    def __init__(self, files: Sequence[FileCheckpoint], capacity: WriteRateController) -> None:
        """Give each lane of the capacity an equal part of the files, neighbours together."""
        lanes, total = capacity.lanes, len(files)
        cuts = [total * n // len(lanes) for n in range(len(lanes) + 1)]
        self.capacity = capacity
        self._disk, self._most_again = capacity.shared(DISK), capacity.shared(AGAIN)
        self.near = max(1.0, total / len(lanes) / 2)
        self.out = 0
        self.wants = True  # whether it may want another file open than when it was asked last
        self._queues = [
            LaneQueue(lane, deque(files[a:b]), a) for lane, a, b in zip(lanes, cuts[:-1], cuts[1:], strict=True)
        ]
        self._by_lane = {id(queue.lane): queue for queue in self._queues}
        self._tickets = count()
        self._due: list[tuple[float, int, LaneQueue]] = []
        self._largest = self._waiting = self._flying = 0
        self._look_at = -inf
        self._version = -1

    @property
    def over(self) -> bool:
        """Whether nothing is left and nothing is out."""
        return not self.out and not any(queue.has_files or queue.again for queue in self._queues)

    def next(self) -> ScheduledBatch | float:
        """The batch that leaves now, or the seconds until one may; infinite until something is opened or comes back.

        Each batch comes back by `again` or `done`.
        """
        capacity, now = self.capacity, self.capacity.now()
        if now >= self._look_at:
            self._look_around(now)
        if self._version != capacity.version:
            self._version = capacity.version
            self._put_all_in_order()
        if self._flying >= capacity.shared(FLYING):
            return inf
        due = self._due
        while due:
            at, ticket, queue = due[0]
            if ticket != queue.ticket:
                heappop(due)
                continue
            wait = max(capacity.due(queue.lane), at - now)
            if wait > 0:
                return wait
            heappop(due)
            batch = self._take(queue, now)
            self._put_in_order(queue)
            if batch is not None:
                self.out += 1
                return batch
        return inf

    def again(self, batch: ScheduledBatch, lines: list[Line], pause: float) -> None:
        """Have what is left of a batch sent again, after a pause."""
        batch.lines, batch.ready_at = lines, self.capacity.now() + pause
        queue = self._by_lane[id(batch.lane)]
        queue.again.append(batch)
        self._came(batch)
        self._wait_for(_size(lines))
        self._put_in_order(queue)

    def done(self, batch: ScheduledBatch) -> None:
        """A batch is through."""
        self._came(batch)
        self._put_in_order(self._by_lane[id(batch.lane)])

    def _came(self, batch: ScheduledBatch) -> None:
        self.out, self._flying, batch.size = self.out - 1, self._flying - batch.size, 0

    def wanted(self) -> FileCheckpoint | None:
        """The file to open next, if one should be: that of the lane that has nothing or is soonest at its end.

        What was opened is given to `opened`.
        """
        queues = self._queues
        opened = sum((q.now is not None) + (q.next is not None) + (q.opening is not None) for q in queues)
        if opened >= max(AHEAD, min(len(queues) + AHEAD, self._disk // max(self._largest, 1))):
            return None
        able = [q for q in queues if q.waiting and q.next is None and q.opening is None]
        if not able:
            return None
        queue = min(able, key=lambda q: q.now.left if q.now else -1)
        queue.opening = queue.waiting.popleft()
        return queue.opening

    def opened(self, file: FileCheckpoint, opened: OpenFile | None) -> None:
        """A file is open, or there is nothing to load in it."""
        queue = next(q for q in self._queues if q.opening is file)
        queue.opening = None
        if opened is None:
            self._refill(queue)
        else:
            self._largest = max(self._largest, opened.stored)
            if queue.now is None:
                queue.now = opened
            else:
                queue.next = opened
        self._put_in_order(queue)

    def close(self) -> None:
        """Let go of every open file."""
        for queue in self._queues:
            for opened in (queue.now, queue.next):
                if opened is not None:
                    opened.own.close()
            queue.now = queue.next = None

    def _put_in_order(self, queue: LaneQueue) -> None:
        """Find a lane's place among those that may send; its earlier one counts no more."""
        queue.ticket = next(self._tickets)
        if queue.now is None and queue.next is not None:
            queue.now, queue.next, self.wants = queue.next, None, True
        fresh = queue.now is not None and self._waiting < self._most_again
        if not (fresh or queue.again) or self.capacity.lane_full(queue.lane):
            return
        at = queue.lane.free_at
        if not fresh:
            at = max(at, min(batch.ready_at for batch in queue.again))
        heappush(self._due, (at, queue.ticket, queue))

    def _put_all_in_order(self) -> None:
        self._due.clear()
        for queue in self._queues:
            self._put_in_order(queue)

    def _wait_for(self, size: int) -> None:
        """So many bytes more, or less, wait to be sent again."""
        before, self._waiting = self._waiting < self._most_again, self._waiting + size
        if before != (self._waiting < self._most_again):
            self._version = -1

    def _take(self, queue: LaneQueue, now: float) -> ScheduledBatch | None:
        for batch in queue.again:
            if batch.ready_at <= now:
                queue.again.remove(batch)
                self._wait_for(-_size(batch.lines))
                self._depart(batch)
                return batch
        opened = queue.now
        if opened is None or self._waiting >= self._most_again:
            return None
        lines = next(opened.batches, None)
        if lines is None:
            opened.own.close()
            queue.now, queue.next, self.wants = queue.next, None, True
            self._refill(queue)
            return None
        opened.left -= len(lines)
        queue.place = opened.file.file.ordinal
        fresh = ScheduledBatch(queue.lane, opened.file, opened.file.send(lines), lines)
        self._depart(fresh)
        return fresh

    def _depart(self, batch: ScheduledBatch) -> None:
        batch.size = _size(batch.lines)
        self._flying += batch.size
        batch.units = self.capacity.expected(len(batch.lines), batch.size)
        self.capacity.depart(batch.lane, batch.units)

    def _refill(self, queue: LaneQueue) -> None:
        """Have a lane that has run out read the nearest file nobody reads; if it moves away, its rate stays behind."""
        if queue.has_files:
            return
        others = [q for q in self._queues if q.has_files]
        nearest = min(
            ((abs(place - queue.place), n) for n, q in enumerate(self._queues) for place in q.unread), default=None
        )
        if nearest is not None:
            donor = self._queues[nearest[1]]
            if donor.waiting:
                queue.waiting.append(donor.waiting.popleft() if donor.place < queue.place else donor.waiting.pop())
            else:
                queue.now, donor.next = donor.next, None
        if others and (nearest is None or nearest[0] > self.near):
            below = max((q for q in others if q.place <= queue.place), key=lambda q: q.place, default=None)
            above = min((q for q in others if q.place > queue.place), key=lambda q: q.place, default=None)
            self.capacity.move(queue.lane, [q.lane for q in (below, above) if q is not None])

    def _look_around(self, now: float) -> None:
        self._look_at = now + LOOK
        self.capacity.balance([(q.lane, left) for q in self._queues if (left := q.left)])
        if len(self._queues) < self.capacity.most:
            self._widen([q for q in self._queues if q.has_files])

    def _widen(self, live: list[LaneQueue]) -> None:
        """One more lane, with half of the fullest's files, where the lanes are faster than they should be."""
        if sum(q.lane.rate for q in live) < LANE_UNITS * 1.5 * len(live):
            return
        fullest = max(self._queues, key=lambda q: len(q.waiting))
        if fullest.waiting:
            moved = [fullest.waiting.pop() for _ in range((len(fullest.waiting) + 1) // 2)]
            lane = self.capacity.split(fullest.lane)
            self._queues.append(LaneQueue(lane, deque(reversed(moved)), fullest.place))
            self._by_lane[id(lane)] = self._queues[-1]


def _size(lines: list[Line]) -> int:
    return sum(len(line) for _, line in lines)
