"""Which file the next batch is drawn from, so that every part of the table is written all the time.

A data file holds one range of partition-key hashes. The files are dealt out to lanes in the order of
the manifest, a neighbourhood to each lane; a lane reads its files one after another, and the lane whose
next request is due first gives the next batch. What has to be sent again goes before what is new.
Files are fetched ahead. A lane without files takes over from its neighbours, so that each part of the
hash range is written until it is done.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import ceil, inf

from runbook_lib.load.engine.batch_write import MAX_ITEMS, InFlightBatch, Line
from runbook_lib.load.engine.checkpoint import FileCheckpoint, Slot
from runbook_lib.load.engine.rate_control import Lane, WriteRateController

LEAST_LANES, MOST_LANES = 4, 64
LANE_UNITS = 400.0  # write units per second a lane is meant for; a key range takes 1,000 at most
DISK = 4 << 30  # bytes of compressed files kept at once, as far as their sizes can be foreseen
AHEAD = 2
AGAIN = 16 << 20  # bytes waiting to be sent again, above which nothing new is drawn: memory stays bounded
NAP = 0.05


def lanes_for(files: int, units_per_second: float) -> int:
    """How many lanes to begin with, for a table of so many files and such a rate."""
    few = min(LEAST_LANES, ceil(units_per_second / MAX_ITEMS))  # a lane sends a batch each second or more slowly
    return max(1, min(files, MOST_LANES, max(few, ceil(units_per_second / LANE_UNITS))))


@dataclass(slots=True)
class OpenFile:
    """A checked file that batches are drawn from; `own` lets go of it, `left` is its items not yet drawn."""

    file: FileCheckpoint
    batches: Iterator[list[Line]]
    own: ExitStack
    left: int
    stored: int


@dataclass(slots=True)
class ScheduledBatch:
    """A batch whose request may leave at once; `units` are accounted for already.

    `sending` is None until it was tried, `ready_at` the moment before which it is not sent again.
    """

    lane: Lane
    units: float
    file: FileCheckpoint
    slot: Slot
    lines: list[Line]
    sending: InFlightBatch | None = None
    ready_at: float = 0.0


@dataclass(slots=True)
class _LaneQueue:
    """What one lane has: files not opened yet, the open one and the one after it, batches to be sent again.

    `place` is the number of the file it read last.
    """

    lane: Lane
    waiting: deque[FileCheckpoint]
    place: int = 0
    now: OpenFile | None = None
    next: OpenFile | None = None
    opening: bool = False
    again: deque[ScheduledBatch] = field(default_factory=deque)

    @property
    def has_files(self) -> bool:
        return bool(self.now or self.next or self.opening or self.waiting)

    @property
    def unread(self) -> list[int]:
        """The numbers of the files that another lane could take over."""
        if self.waiting:
            return [self.waiting[0].file.ordinal, self.waiting[-1].file.ordinal]
        return [self.next.file.file.ordinal] if self.next else []


@dataclass(slots=True)
class BatchScheduler:
    """Hands out batches to workers and has files opened by openers; thread-safe.

    `open_file` fetches and checks a file, or returns None for one that has nothing to load.
    """

    capacity: WriteRateController
    open_file: Callable[[FileCheckpoint], OpenFile | None]
    stop: threading.Event
    shelves: list[_LaneQueue] = field(default_factory=list)
    near: float = 1.0
    out: int = 0
    _wanted: threading.Event = field(default_factory=threading.Event)
    _led: bool = False
    _largest: int = 0
    _waiting: int = 0
    _widen_at: float = 0.0

    @classmethod
    def deal(
        cls,
        files: Sequence[FileCheckpoint],
        capacity: WriteRateController,
        open_file: Callable[[FileCheckpoint], OpenFile | None],
        stop: threading.Event,
    ) -> BatchScheduler:
        """Give each lane of the capacity an equal part of the files, neighbours together."""
        lanes, count = capacity.lanes, len(files)
        cuts = [count * n // len(lanes) for n in range(len(lanes) + 1)]
        shelves = [
            _LaneQueue(lane, deque(files[a:b]), a) for lane, a, b in zip(lanes, cuts[:-1], cuts[1:], strict=True)
        ]
        return cls(capacity, open_file, stop, shelves, near=max(1.0, count / len(lanes) / 2))

    def draw(self) -> ScheduledBatch | None:
        """The next batch, as soon as one may leave; None when none is left and none is out, or when stopped.

        Each turn comes back by `give_back` or `done`.
        """
        with self.capacity.changed:
            while not self.stop.is_set():
                self._widen()
                shelf, wait = self._first_due()
                if shelf is not None and wait <= 0:
                    if (turn := self._take(shelf)) is not None:
                        self.out += 1
                        if not self._led:
                            self.capacity.changed.notify()
                        return turn
                elif not self.out and not any(s.has_files or s.again for s in self.shelves):
                    break
                elif self._led:
                    self.capacity.changed.wait()
                else:
                    self._led = True
                    self.capacity.changed.wait(min(wait, NAP))
                    self._led = False
            self.capacity.changed.notify_all()
            return None

    def give_back(self, turn: ScheduledBatch, lines: list[Line], pause: float) -> None:
        """Have what is left of a batch sent again, after a pause."""
        with self.capacity.changed:
            turn.lines, turn.ready_at = lines, self.capacity.now() + pause
            next(s for s in self.shelves if s.lane is turn.lane).again.append(turn)
            self._waiting += _size(lines)
            self.out -= 1

    def done(self) -> None:
        """A batch is through. Needs the capacity's `changed`."""
        self.out -= 1

    def open_ahead(self) -> None:
        """Open files as they are needed, until there are none left, or until stopped."""
        changed = self.capacity.changed
        while not self.stop.is_set():
            with changed:
                shelf = self._hungriest()
                if shelf is not None:
                    file = shelf.waiting.popleft()
                    shelf.opening = True
                elif not any(s.waiting for s in self.shelves):
                    return
            if shelf is None:  # not on `changed`: what wakes a worker must not be spent on an opener
                self._wanted.wait(NAP)
                self._wanted.clear()
                continue
            opened = None
            try:
                opened = self.open_file(file)
            finally:
                with changed:
                    shelf.opening = False
                    self._put(shelf, opened)
                    changed.notify()

    def close(self) -> None:
        """Let go of every open file."""
        with self.capacity.changed:
            for shelf in self.shelves:
                for opened in (shelf.now, shelf.next):
                    if opened is not None:
                        opened.own.close()
                shelf.now = shelf.next = None

    def _first_due(self) -> tuple[_LaneQueue | None, float]:
        """The shelf whose lane may send first, and in how many seconds."""
        best, least, now = None, inf, self.capacity.now()
        for shelf in self.shelves:
            if shelf.now is None and shelf.next is not None:
                shelf.now, shelf.next = shelf.next, None
                self._wanted.set()
            fresh = shelf.now is not None and self._waiting < AGAIN
            if not fresh and not shelf.again:
                continue
            wait = self.capacity.due(shelf.lane)
            if not fresh:
                wait = max(wait, min(t.ready_at for t in shelf.again) - now)
            if wait < least:
                best, least = shelf, wait
        return best, least

    def _take(self, shelf: _LaneQueue) -> ScheduledBatch | None:
        now = self.capacity.now()
        for turn in shelf.again:
            if turn.ready_at <= now:
                shelf.again.remove(turn)
                self._waiting -= _size(turn.lines)
                turn.units = self._depart(shelf, turn.lines)
                return turn
        opened = shelf.now
        if opened is None or self._waiting >= AGAIN:
            return None
        lines = next(opened.batches, None)
        if lines is None:
            opened.own.close()
            shelf.now, shelf.next = shelf.next, None
            self._refill(shelf)
            self._wanted.set()
            return None
        opened.left -= len(lines)
        shelf.place = opened.file.file.ordinal
        return ScheduledBatch(shelf.lane, self._depart(shelf, lines), opened.file, opened.file.send(lines), lines)

    def _depart(self, shelf: _LaneQueue, lines: list[Line]) -> float:
        units = self.capacity.expected(len(lines), _size(lines))
        self.capacity.depart(shelf.lane, units)
        return units

    def _refill(self, shelf: _LaneQueue) -> None:
        """Have a lane that has run out read the nearest file nobody reads; if it moves away, its rate stays behind."""
        if shelf.has_files:
            return
        others = sorted((s for s in self.shelves if s.has_files), key=lambda s: abs(s.place - shelf.place))
        nearest = min(
            ((abs(place - shelf.place), n) for n, s in enumerate(self.shelves) for place in s.unread), default=None
        )
        if nearest is not None:
            donor = self.shelves[nearest[1]]
            if donor.waiting:
                shelf.waiting.append(donor.waiting.popleft() if donor.place < shelf.place else donor.waiting.pop())
            else:
                shelf.now, donor.next = donor.next, None
        if others and (nearest is None or nearest[0] > self.near):
            self.capacity.move(shelf.lane, others[0].lane)

    def _widen(self) -> None:
        """One more lane, with half of the fullest's files, where the lanes are faster than they should be."""
        now = self.capacity.now()
        if now < self._widen_at or len(self.shelves) >= self.capacity.most:
            return
        self._widen_at = now + NAP
        live = [s for s in self.shelves if s.has_files]
        if sum(s.lane.rate for s in live) < LANE_UNITS * 1.5 * len(live):
            return
        fullest = max(self.shelves, key=lambda s: len(s.waiting))
        if fullest.waiting:
            moved = [fullest.waiting.pop() for _ in range((len(fullest.waiting) + 1) // 2)]
            lane = self.capacity.split(fullest.lane)
            self.shelves.append(_LaneQueue(lane, deque(reversed(moved)), fullest.place))

    def _hungriest(self) -> _LaneQueue | None:
        """The lane that needs a file most, unless enough are open: one without any, else the one soonest at its end."""
        opened = sum((s.now is not None) + (s.next is not None) + s.opening for s in self.shelves)
        if opened >= max(AHEAD, min(len(self.shelves) + AHEAD, DISK // max(self._largest, 1))):
            return None
        able = [s for s in self.shelves if s.waiting and s.next is None and not s.opening]
        return min(able, key=lambda s: s.now.left if s.now else -1, default=None)

    def _put(self, shelf: _LaneQueue, opened: OpenFile | None) -> None:
        if opened is None:
            self._refill(shelf)
        elif self.stop.is_set():
            opened.own.close()
        else:
            self._largest = max(self._largest, opened.stored)
            if shelf.now is None:
                shelf.now = opened
            else:
                shelf.next = opened


def _size(lines: list[Line]) -> int:
    return sum(len(line) for _, line in lines)
