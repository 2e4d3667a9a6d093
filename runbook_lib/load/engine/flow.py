"""What leaves for a table and what comes back, without sending anything: scheduler, rates and batches together.

Threads, an event loop and the simulations of the tests drive this same code. Whoever calls holds the target's lock.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runbook_lib.aws.transport.client import DynamoDBRequest
from runbook_lib.aws.transport.retry import BrokenAnswer, TransportError
from runbook_lib.load.engine.append import add_items
from runbook_lib.load.engine.batch_write import Attempt, Outcome, Target, WriteReply, put_batch
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.lane_queue import ScheduledBatch
from runbook_lib.load.engine.latency import latency_bucket
from runbook_lib.load.engine.scheduler import BatchScheduler

Note = Callable[[FileCheckpoint, Outcome], None]


@dataclass(slots=True)
class BatchFlow:
    """The batches of some files on their way into one table; `note` hears of each that is through."""

    target: Target
    scheduler: BatchScheduler
    note: Note

    @classmethod
    def of(cls, files: Sequence[FileCheckpoint], target: Target, note: Note) -> BatchFlow:
        return cls(target, BatchScheduler(files, target.capacity), note)

    def depart(self) -> tuple[ScheduledBatch, DynamoDBRequest] | float:
        """What leaves now, or the seconds until something may; each comes back by `arrive`."""
        while True:
            batch = self.scheduler.next()
            if isinstance(batch, float):
                return batch
            if batch.attempt is None:
                write = put_batch if self.target.replace else add_items
                batch.writing = write(self.target, batch.lines, batch.outcome)
                if not self._next(batch, next(batch.writing, None)):
                    continue  # none of its lines could be sent
            assert batch.attempt is not None
            return batch, batch.attempt.build()

    def arrive(self, batch: ScheduledBatch, answer: bytes | TransportError | BrokenAnswer, delay: float) -> None:
        """An answer, or the word that there is none, after so many seconds; raises TransferError if that is the end."""
        self.target.capacity.arrive(batch.lane, delay)
        if isinstance(answer, bytes):
            batch.outcome.times[latency_bucket(delay)] += 1
        assert batch.writing is not None
        try:
            attempt = batch.writing.send(WriteReply(answer, batch.lane, batch.units))
        except StopIteration:
            self._through(batch)
        else:
            batch.attempt = attempt
            self.scheduler.again(batch, attempt.lines, attempt.pause)

    def _next(self, batch: ScheduledBatch, attempt: Attempt | None) -> bool:
        batch.attempt = attempt
        if attempt is None:
            self.target.capacity.stay(batch.lane)
            self._through(batch)
        return attempt is not None

    def _through(self, batch: ScheduledBatch) -> None:
        batch.file.settle(batch.slot, batch.outcome)
        self.scheduler.done(batch)
        self.note(batch.file, batch.outcome)
