"""Several tables at once, each in a thread of its own; what is shown of them is shown by the caller's thread.

Half of the threads take the smallest table that nobody has begun, so that a mistake shows soon; the others the largest,
so that it does not begin when all others have ended. Together they use what one process may (Share).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue

from runbook_lib.errors import ResumeRefused, RunbookError
from runbook_lib.load.table_load import TableProgress, Watch
from runbook_lib.load.table_writer import TableToFill
from runbook_lib.run.facts.load import IMPORTS, ImportFact, ImportStatus
from runbook_lib.run.facts.validation import VALIDATIONS

LOOK = 0.1  # seconds between two looks at what the threads have to show
Work = Callable[[TableToFill], None]


@dataclass(slots=True)
class Share:
    """What one table may use of what the process may, while `tables` are written at once; each gets as much."""

    tables: int = 1

    def of(self, whole: int) -> int:
        return max(1, whole // self.tables)


def one_by_one(tables: Sequence[TableToFill], work: Work) -> dict[str, str]:
    """Do something for each table and go on past those that fail; why, by source table."""
    failures: dict[str, str] = {}
    for table in tables:
        failures |= _tried(table, work)
    return failures


def side_by_side(tables: Sequence[TableToFill], work: Work, at_once: int, share: Share, watch: Watch) -> dict[str, str]:
    """Do something for each table, for so many at once, as `one_by_one` does; `tables` come smallest first.

    `work` says what it does with its table's `watch` at least every few seconds: that is where it is stopped, with
    KeyboardInterrupt, when the caller is interrupted or another table cannot go on in a way that ends them all. It
    has let go of its table when this returns or raises.
    """
    at_once = min(at_once, len(tables))
    if at_once < 2:
        return one_by_one(tables, work)
    share.tables = at_once
    desk = _Desk(deque(tables), work, share)
    with ThreadPoolExecutor(at_once, thread_name_prefix="table") as pool:
        try:
            jobs = [pool.submit(desk.serve, largest=bool(n % 2)) for n in range(at_once)]
            going: set[Future[None]] = set(jobs)
            while going and not any(job.done() and job.exception() for job in jobs):
                _, going = wait(going, LOOK, FIRST_EXCEPTION)
                desk.show(watch)
        finally:
            desk.closed.set()
    desk.show(watch)
    causes = [cause for job in jobs if (cause := job.exception()) is not None]
    for cause in sorted(causes, key=lambda cause: isinstance(cause, KeyboardInterrupt)):  # stopped for another's sake
        raise cause
    return desk.failures


@dataclass(slots=True)
class _Desk:
    """Where threads take tables from, and say what they have to show."""

    waiting: deque[TableToFill]
    work: Work
    share: Share
    failures: dict[str, str] = field(default_factory=dict)
    closed: threading.Event = field(default_factory=threading.Event)
    news: SimpleQueue[TableProgress] = field(default_factory=SimpleQueue)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, *, largest: bool) -> None:
        """Work until no table is waiting."""
        while (table := self._next(largest)) is not None:
            failure = _tried(replace(table, watch=self._tell), self.work)
            with self.lock:
                self.failures |= failure

    def _next(self, largest: bool) -> TableToFill | None:
        """The table to begin; None if there is none, and then the other threads have more to share."""
        with self.lock:
            if not self.waiting or self.closed.is_set():
                self.share.tables = max(1, self.share.tables - 1)
                return None
            return self.waiting.pop() if largest else self.waiting.popleft()

    def _tell(self, progress: TableProgress) -> None:
        if self.closed.is_set():
            raise KeyboardInterrupt
        self.news.put(replace(progress))

    def show(self, watch: Watch) -> None:
        """Show what has been told since the last time."""
        with suppress(Empty):
            while True:
                watch(self.news.get_nowait())


def _tried(table: TableToFill, work: Work) -> dict[str, str]:
    """Why the table could not be done, by its name; raises what ends the others, too."""
    try:
        work(table)
    except RunbookError as error:
        ledger, source = table.run.ledger, table.pair.source
        VALIDATIONS.forget(ledger, source)  # of another target or export, or of what was there before
        if isinstance(error, ResumeRefused):
            raise
        fact = IMPORTS.of(ledger, source) or ImportFact(ImportStatus.FAILED)
        IMPORTS.record(ledger, source, replace(fact, status=ImportStatus.FAILED, failure=str(error)))
        return {source: str(error)}
    return {}
