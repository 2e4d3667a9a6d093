"""Which file the next batch is drawn from, so that every part of the table is written all the time.

A data file holds one range of partition-key hashes. The files are dealt out to lanes in the order of
the manifest, a neighbourhood to each lane; a lane reads its files one after another, and the lane
whose next request is due first gives the next batch. Files are fetched ahead, and a lane without
files takes over some of the one that has most left.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import inf

from runbook_lib.batch import Line
from runbook_lib.capacity import Capacity, Lane
from runbook_lib.watermark import FileProgress, Slot

LANES = 16
DISK = 4 << 30  # bytes of compressed files kept at once, as far as their sizes can be foreseen
AHEAD = 2
NAP = 0.05


@dataclass(slots=True)
class OpenFile:
    """A checked file that batches are drawn from; `own` lets go of it, `left` is its items not yet drawn."""

    file: FileProgress
    batches: Iterator[list[Line]]
    own: ExitStack
    left: int
    stored: int


@dataclass(slots=True)
class _Shelf:
    """What one lane has: files not opened yet, the open one, and the one after it."""

    lane: Lane
    waiting: deque[FileProgress]
    now: OpenFile | None = None
    next: OpenFile | None = None
    opening: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """A batch whose request may leave at once; `units` are accounted for already."""

    lane: Lane
    units: float
    file: FileProgress
    slot: Slot
    lines: list[Line]


@dataclass(slots=True)
class Turns:
    """Hands out batches to workers and has files opened by openers; thread-safe.

    `open_file` fetches and checks a file, or returns None for one that has nothing to load.
    """

    capacity: Capacity
    open_file: Callable[[FileProgress], OpenFile | None]
    stop: threading.Event
    shelves: list[_Shelf] = field(default_factory=list)
    _led: bool = False
    _largest: int = 0

    @classmethod
    def deal(
        cls,
        files: Sequence[FileProgress],
        capacity: Capacity,
        open_file: Callable[[FileProgress], OpenFile | None],
        stop: threading.Event,
    ) -> Turns:
        """Give each lane of the capacity an equal part of the files, neighbours together."""
        lanes, count = capacity.lanes, len(files)
        cuts = [count * n // len(lanes) for n in range(len(lanes) + 1)]
        shelves = [_Shelf(lane, deque(files[a:b])) for lane, a, b in zip(lanes, cuts[:-1], cuts[1:], strict=True)]
        return cls(capacity, open_file, stop, shelves)

    def draw(self) -> Turn | None:
        """The next batch, as soon as one may leave; None when there is none left, or when stopped."""
        with self.capacity.changed:
            while not self.stop.is_set():
                shelf, wait = self._first_due()
                if shelf is not None and wait <= 0:
                    if (turn := self._take(shelf)) is not None:
                        if not self._led:
                            self.capacity.changed.notify()
                        return turn
                elif not any(s.now or s.next or s.opening or s.waiting for s in self.shelves):
                    break
                elif self._led:
                    self.capacity.changed.wait()
                else:
                    self._led = True
                    self.capacity.changed.wait(min(wait, NAP))
                    self._led = False
            self.capacity.changed.notify_all()
            return None

    def open_ahead(self) -> None:
        """Open files as they are needed, until there are none left, or until stopped."""
        changed = self.capacity.changed
        while not self.stop.is_set():
            with changed:
                shelf = self._hungriest()
                if shelf is None:
                    if not any(s.waiting for s in self.shelves):
                        return
                    changed.wait(NAP)
                    continue
                file = shelf.waiting.popleft()
                shelf.opening = True
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

    def _first_due(self) -> tuple[_Shelf | None, float]:
        best, least = None, inf
        for shelf in self.shelves:
            if shelf.now is None and shelf.next is not None:
                shelf.now, shelf.next = shelf.next, None
            if shelf.now is not None and (wait := self.capacity.due(shelf.lane)) < least:
                best, least = shelf, wait
        return best, least

    def _take(self, shelf: _Shelf) -> Turn | None:
        opened = shelf.now
        assert opened is not None
        lines = next(opened.batches, None)
        if lines is None:
            opened.own.close()
            shelf.now, shelf.next = shelf.next, None
            self._refill(shelf)
            return None
        opened.left -= len(lines)
        units = self.capacity.expected(len(lines), sum(len(line) for _, line in lines))
        self.capacity.depart(shelf.lane, units)
        return Turn(shelf.lane, units, opened.file, opened.file.send(lines), lines)

    def _refill(self, shelf: _Shelf) -> None:
        """Give a lane that has run out half of what the fullest has waiting, or its rate to the others."""
        if shelf.now or shelf.waiting or shelf.opening:
            return
        fullest = max(self.shelves, key=lambda s: len(s.waiting))
        for _ in range((len(fullest.waiting) + 1) // 2):
            shelf.waiting.appendleft(fullest.waiting.pop())
        if not shelf.waiting:
            self.capacity.hand_over(shelf.lane, [s.lane for s in self.shelves if s.now or s.next or s.waiting])

    def _hungriest(self) -> _Shelf | None:
        """The lane that needs a file most, unless enough are open: one without any, else the one soonest at its end."""
        opened = sum((s.now is not None) + (s.next is not None) + s.opening for s in self.shelves)
        if opened >= max(AHEAD, min(len(self.shelves) + AHEAD, DISK // max(self._largest, 1))):
            return None
        able = [s for s in self.shelves if s.waiting and s.next is None and not s.opening]
        return min(able, key=lambda s: s.now.left if s.now else -1, default=None)

    def _put(self, shelf: _Shelf, opened: OpenFile | None) -> None:
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
