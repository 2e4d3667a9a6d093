"""Send the lines of files to one table: one thread keeps all requests in flight, files are opened ahead by others.

Knows no ledger: whoever calls is told what became of each batch, and is called twice a second to keep it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from runbook_lib.aws.transport.loop import RequestSender
from runbook_lib.aws.transport.retry import BrokenAnswer, TransportError
from runbook_lib.errors import RunbookError
from runbook_lib.load.engine.batch_write import MAX_ITEMS, Line, Target, batches
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.flow import BatchFlow, Note
from runbook_lib.load.engine.lane_queue import OpenFile, ScheduledBatch

FLUSH_SECONDS = 0.5
OPENERS = 2
NAP = 0.05
AT_ONCE = 64  # requests that are started before answers are taken in
Open = Callable[[FileCheckpoint], OpenFile | None]


def send_files(
    files: Sequence[FileCheckpoint], target: Target, open_file: Open, note: Note, keep: Callable[[], None]
) -> None:
    """Send all that is not acknowledged yet of some files, with as many requests at once as the capacity lets.

    `note` hears of each batch that is through, with the target's lock held; `keep` is called twice a
    second and after the last batch, by the caller's thread. Ends early when the target is told to stop: what is in
    flight is waited for.
    """
    pipeline = _Pipeline(target, BatchFlow.of(files, target, note), open_file, target.sender(target.transport))
    with ThreadPoolExecutor(1 + OPENERS, thread_name_prefix="import") as pool:
        try:
            jobs = [pool.submit(pipeline.open_ahead) for _ in range(OPENERS)]
            jobs.append(pool.submit(pipeline.write))
            ended = False
            while not ended:
                done, going = wait(jobs, FLUSH_SECONDS, FIRST_EXCEPTION)
                for job in done:
                    job.result()
                ended = not going
                keep()
        finally:
            target.stop.set()
            with pipeline.changed:
                pipeline.changed.notify_all()
            pipeline.sender.wake()
            pool.shutdown()
            pipeline.sender.close()
            pipeline.flow.scheduler.close()


class LineSource(Protocol):
    """A file that was checked whole: its lines that are to be sent, and its bytes as they are stored."""

    @property
    def lines(self) -> int: ...
    @property
    def stored(self) -> int: ...
    def items(self, after: int = 0) -> Iterable[Line]: ...


def opened(file: FileCheckpoint, checked: LineSource, own: ExitStack, at_once: int = MAX_ITEMS) -> OpenFile:
    """A checked file, ready to be drawn from: the lines that no earlier start has seen acknowledged."""
    lines = checked.items(file.watermark)
    cut = batches(file.left(lines) if file.earlier else lines, at_once)
    return OpenFile(file, cut, own, checked.lines - file.written, checked.stored)


@dataclass(slots=True)
class _Pipeline:
    """What the threads of one table share; `flying` are the requests that have left, `came` those that are back."""

    target: Target
    flow: BatchFlow
    open_file: Open
    sender: RequestSender
    changed: threading.Condition = field(init=False)
    flying: int = 0
    came: list[tuple[ScheduledBatch, bytes | RunbookError, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.changed = threading.Condition(self.target.lock)

    def write(self) -> None:
        """Send what may leave and note what became of it, until nothing is left, or nothing more may leave."""
        failure: RunbookError | None = None
        while not self.flow.scheduler.over:
            try:
                ending = failure is not None or self.target.stop.is_set()
                if ending and not self.flying:
                    break
                self.sender.run_once(NAP if ending else min(self._depart(), NAP))
            except RunbookError as error:
                failure = failure or error
            failure = self._arrive() or failure
        if failure is not None:
            raise failure

    def _depart(self) -> float:
        """Start what may leave now; the seconds until more may."""
        capacity = self.target.capacity
        for _ in range(AT_ONCE):
            with self.changed:
                found = self.flow.depart()
            if isinstance(found, float):
                return found
            batch, request = found
            self.sender.start(request, partial(self._came, batch, capacity.now()))
            self.flying += 1
        return 0.0

    def _came(self, batch: ScheduledBatch, began: float, answer: bytes | RunbookError) -> None:
        self.came.append((batch, answer, self.target.capacity.now() - began))

    def _arrive(self) -> RunbookError | None:
        """Take in what has come; why nobody can go on, if that is so."""
        failure: RunbookError | None = None
        came, self.came = self.came, []
        self.flying -= len(came)
        with self.changed:
            for batch, answer, delay in came:
                if not isinstance(answer, bytes | TransportError | BrokenAnswer):
                    failure = answer
                    continue
                try:
                    self.flow.arrive(batch, answer, delay)
                except RunbookError as error:
                    failure = error
            if self.flow.scheduler.wants or self.flow.scheduler.over:
                self.flow.scheduler.wants = False
                self.changed.notify_all()
        return failure

    def open_ahead(self) -> None:
        """Open files as they are needed, until there are none left, or until stopped."""
        scheduler = self.flow.scheduler
        while not self.target.stop.is_set():
            with self.changed:
                if scheduler.over:
                    return
                if (file := scheduler.wanted()) is None:
                    self.changed.wait(NAP)
                    continue
            opened = self.open_file(file)
            with self.changed:
                scheduler.opened(file, opened)
            self.sender.wake()
