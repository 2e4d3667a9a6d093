"""Send the lines of files to one table: workers take batches in turn, files are opened ahead.

Knows no ledger: whoever calls is told what became of each batch, and is called twice a second to keep it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field

from runbook_lib.aws.transport.retry import BrokenAnswer, TransportError
from runbook_lib.export_format.data_file import CheckedFile
from runbook_lib.load.engine.batch_write import MAX_ITEMS, Target, batches
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.flow import BatchFlow, Note
from runbook_lib.load.engine.scheduler import OpenFile

FLUSH_SECONDS = 0.5
OPENERS = 2
NAP = 0.05
Open = Callable[[FileCheckpoint], OpenFile | None]


def send_files(
    files: Sequence[FileCheckpoint], target: Target, writers: int, open_file: Open, note: Note, keep: Callable[[], None]
) -> None:
    """Send all that is not acknowledged yet of some files, with so many requests at once at most.

    `note` hears of each batch that is through, with the target's lock held; `keep` is called twice a
    second and after the last batch, by the caller's thread. Ends early when the target is told to stop.
    """
    pipeline = _Pipeline(target, BatchFlow.of(files, target, note), open_file)
    with ThreadPoolExecutor(writers + OPENERS, thread_name_prefix="import") as pool:
        try:
            jobs = [pool.submit(pipeline.open_ahead) for _ in range(OPENERS)]
            jobs += [pool.submit(pipeline.write) for _ in range(writers)]
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
            pool.shutdown()
            pipeline.flow.scheduler.close()


def opened(file: FileCheckpoint, checked: CheckedFile, own: ExitStack, at_once: int = MAX_ITEMS) -> OpenFile:
    """A checked file, ready to be drawn from: the lines that no earlier start has seen acknowledged."""
    lines = checked.items(file.watermark)
    cut = batches(file.left(lines) if file.earlier else lines, at_once)
    return OpenFile(file, cut, own, checked.lines - file.written, checked.stored)


@dataclass(slots=True)
class _Pipeline:
    """What the threads of one table share."""

    target: Target
    flow: BatchFlow
    open_file: Open
    changed: threading.Condition = field(init=False)

    def __post_init__(self) -> None:
        self.changed = threading.Condition(self.target.lock)

    def write(self) -> None:
        """What one worker does: send what may leave and note what became of it, until nothing is left."""
        capacity, transport = self.target.capacity, self.target.transport
        while True:
            with self.changed:
                while True:
                    if self.target.stop.is_set() or self.flow.scheduler.over:
                        self.changed.notify_all()
                        return
                    if not isinstance(found := self.flow.depart(), float):
                        break
                    self.changed.wait(min(found, NAP))
                batch, request = found
            began = capacity.now()
            answer: bytes | TransportError | BrokenAnswer
            try:
                answer = transport.send(request)
            except (TransportError, BrokenAnswer) as error:
                answer = error
            with self.changed:
                self.flow.arrive(batch, answer, capacity.now() - began)
                self.changed.notify()

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
                self.changed.notify_all()
