"""Units of a table that workers do in any order, each once to its end; what a lost worker had is done again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from queue import Empty, SimpleQueue
from typing import TypeVar

from runbook_lib.cluster.protocol import Message, Work
from runbook_lib.cluster.roster import WorkerRoster
from runbook_lib.errors import TransferError
from runbook_lib.export_format.manifest import DataFile

TRIES = 5
UNIT_ITEMS, UNIT_FILES = 50_000, 64  # of small files together, so that what is told of them is worth the way
LARGE_CHANGES = 100_000  # of a window, which take longer than processes to start
MOST_OF_A_FILE = 100_000  # changes whose digests fit into a message
Unit = TypeVar("Unit")


def spread(
    roster: WorkerRoster,
    source: str,
    work: Work,
    units: Iterable[Unit],
    ahead: int,
    take: Callable[[Message, Unit], None],
) -> None:
    """Have every unit done, `ahead` of them at a time, and take in what is said of it; `source` is the table's name.

    A worker that goes away takes along all that it was given: what counts is how often one unit was lost. Raises
    TransferError for one that is lost again and again or fails unexpectedly, and what `take` raises.
    """
    waiting, running = deque((unit, 1) for unit in units), dict[Future[Message], tuple[Unit, int]]()
    ended: SimpleQueue[Future[Message]] = SimpleQueue()
    try:
        while waiting or running:
            while waiting and len(running) < ahead:
                unit, attempt = waiting.popleft()
                future = roster.engine.submit(work, unit)
                running[future] = unit, attempt
                future.add_done_callback(ended.put)
            try:
                future = ended.get(timeout=1.0)
            except Empty:
                roster.engine.check()
                continue
            unit, attempt = running.pop(future)
            if not _is_lost(roster, source, future):
                take(future.result(), unit)
            elif attempt < TRIES:
                waiting.appendleft((unit, attempt + 1))  # at once: what always kills its worker shows soon
            else:
                raise TransferError(
                    f"workers that read {source} went away {TRIES} times with the same part of it; see their logs"
                )
    finally:
        for future in running:
            future.cancel()
        roster.keep(source, 0.0)


def _is_lost(roster: WorkerRoster, source: str, future: Future[Message]) -> bool:
    error = CancelledError() if future.cancelled() else future.exception()
    if error is None:
        return False
    roster.engine.check()
    if not roster.engine.is_loss(error):
        raise TransferError(f"{source}: a worker failed: {type(error).__name__}: {error}") from error
    return True


def in_units(files: Iterable[DataFile]) -> Iterator[list[DataFile]]:
    """Files in groups that are worth a unit each."""
    group: list[DataFile] = []
    for file in files:
        group.append(file)
        if len(group) == UNIT_FILES or sum(f.items for f in group) >= UNIT_ITEMS:
            yield group
            group = []
    if group:
        yield group


def worth_processes(files: Iterable[DataFile], many: int) -> list[DataFile]:
    """The files of a window that so many processes are to share; none where this process had better do all of it."""
    shared = [file for file in files if file.items <= MOST_OF_A_FILE]
    is_large = many > 1 and len(shared) > 1 and sum(file.items for file in shared) >= LARGE_CHANGES
    return shared if is_large else []
