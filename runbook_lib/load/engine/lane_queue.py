"""What one lane has of a table's files, and the batches that were drawn from them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from runbook_lib.load.engine.batch_write import Attempt, Line, Outcome, Writing
from runbook_lib.load.engine.checkpoint import FileCheckpoint, Slot
from runbook_lib.load.engine.lane import Lane


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
    """A batch on its way; its request is accounted for with `units` and `size` bytes when it leaves.

    `writing` sees it through and has said what to send next, the `attempt`; None until the batch leaves first.
    `lines` are those that go with the next request, which is not sent before `ready_at`.
    """

    lane: Lane
    file: FileCheckpoint
    slot: Slot
    lines: list[Line]
    units: float = 0.0
    size: int = 0
    outcome: Outcome = field(default_factory=Outcome)
    writing: Writing | None = None
    attempt: Attempt | None = None
    ready_at: float = 0.0


@dataclass(slots=True)
class LaneQueue:
    """What one lane has: files not opened yet, the open one and the one after it, batches to be sent again.

    `place` is the number of the file it read last, `ticket` that of its place in the order of departures.
    """

    lane: Lane
    waiting: deque[FileCheckpoint]
    place: int = 0
    now: OpenFile | None = None
    next: OpenFile | None = None
    opening: FileCheckpoint | None = None
    again: deque[ScheduledBatch] = field(default_factory=deque)
    ticket: int = -1

    @property
    def has_files(self) -> bool:
        return bool(self.now or self.next or self.opening or self.waiting)

    @property
    def left(self) -> int:
        """Items that are to be sent: for the first time, or again."""
        waiting = sum(file.file.items for file in self.waiting) + sum(len(batch.lines) for batch in self.again)
        return waiting + sum(opened.left for opened in (self.now, self.next) if opened)

    @property
    def unread(self) -> list[int]:
        """The numbers of the files that another lane could take over."""
        if self.waiting:
            return [self.waiting[0].file.ordinal, self.waiting[-1].file.ordinal]
        return [self.next.file.file.ordinal] if self.next else []
