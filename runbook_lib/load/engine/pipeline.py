"""Send the lines of files to one table: workers take batches in turn, files are opened ahead.

Knows no ledger: whoever calls is told what became of each batch, and is called twice a second to keep it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack

from runbook_lib.export_format.data_file import CheckedFile
from runbook_lib.load.engine.append import append_once
from runbook_lib.load.engine.batch_write import MAX_ITEMS, InFlightBatch, Outcome, Target, batches, send_once
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.scheduler import BatchScheduler, OpenFile

FLUSH_SECONDS = 0.5
OPENERS = 2
Open = Callable[[FileCheckpoint], OpenFile | None]
Note = Callable[[FileCheckpoint, Outcome], None]


def send_files(
    files: Sequence[FileCheckpoint], target: Target, writers: int, open_file: Open, note: Note, keep: Callable[[], None]
) -> None:
    """Send all that is not acknowledged yet of some files, with so many requests at once at most.

    `note` hears of each batch that is through, with the capacity's `changed` held; `keep` is called twice a
    second and after the last batch, by the caller's thread. Ends early when the target is told to stop.
    """
    turns = BatchScheduler.deal(files, target.capacity, open_file, target.stop)
    with ThreadPoolExecutor(writers + OPENERS, thread_name_prefix="import") as pool:
        try:
            jobs = [pool.submit(turns.open_ahead) for _ in range(OPENERS)]
            jobs += [pool.submit(_write_turns, target, turns, note) for _ in range(writers)]
            ended = False
            while not ended:
                done, going = wait(jobs, FLUSH_SECONDS, FIRST_EXCEPTION)
                for job in done:
                    job.result()
                ended = not going
                keep()
        finally:
            target.stop.set()
            with target.capacity.changed:
                target.capacity.changed.notify_all()
            pool.shutdown()
            turns.close()


def opened(file: FileCheckpoint, checked: CheckedFile, own: ExitStack, at_once: int = MAX_ITEMS) -> OpenFile:
    """A checked file, ready to be drawn from: the lines that no earlier start has seen acknowledged."""
    lines = checked.items(file.watermark)
    cut = batches(file.left(lines) if file.earlier else lines, at_once)
    return OpenFile(file, cut, own, checked.lines - file.written, checked.stored)


def _write_turns(target: Target, turns: BatchScheduler, note: Note) -> None:
    """What one worker does: send the batch whose turn it is, and note what became of it; until there is none left."""
    send = send_once if target.replace else append_once
    while (turn := turns.draw()) is not None:
        sending = turn.sending or InFlightBatch(list(turn.lines))
        turn.sending = sending
        if (pause := send(target, sending, turn.lane, turn.units)) or sending.lines:
            turns.give_back(turn, sending.lines, pause)
            continue
        with target.capacity.changed:
            turns.done()
            turn.file.settle(turn.slot, sending.outcome)
            note(turn.file, sending.outcome)
