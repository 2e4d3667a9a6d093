"""Several tables at once, each in a thread of its own; what is shown of them is shown by the caller's thread.

Half of the threads take the smallest table that nobody has begun, so that a mistake shows soon; the others the largest,
so that it does not begin when all others have ended. Together they use what one process may (Share, Room).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

LOOK = 0.1  # seconds between two looks at what the threads have to show, and at whether they are to stop
Table = TypeVar("Table")
News = TypeVar("News")


@dataclass(slots=True)
class Share:
    """What one table may use of what the process may, while `tables` are done at once; each gets as much."""

    tables: int = 1

    def of(self, whole: int) -> int:
        return max(1, whole // self.tables)


@dataclass(slots=True)
class TableThread(Generic[News]):
    """Where one of the threads stands: how it tells what is to be shown, and learns that it is to stop."""

    tell: Callable[[News], None]
    check: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        """Wait, and stop waiting where the thread is to stop."""
        pause = threading.Event()
        while seconds > 0:
            self.check()
            pause.wait(min(LOOK, seconds))
            seconds -= LOOK


@dataclass(slots=True)
class Room:
    """Room for so many items in the memory of the process; who needs more than there is waits for the others."""

    size: int
    _used: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def of(self, items: int, check: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Take room for so many, for as long as the block lasts; for all that there is, at most.

        `check` is called while it waits, and may raise.
        """
        taken = min(items, self.size)
        with self._changed:
            while self._used + taken > self.size:
                self._changed.wait(LOOK)
                check()
            self._used += taken
        try:
            yield
        finally:
            with self._changed:
                self._used -= taken
                self._changed.notify_all()


def all_at_once(
    tables: Sequence[Table],
    work: Callable[[Table, TableThread[News]], None],
    at_once: int,
    share: Share,
    watch: Callable[[News], None],
) -> None:
    """Do something for each table, for so many at once; `tables` come smallest first. One at once is done right here.

    What `work` raises ends them all, and is raised. `work` tells or checks in its thread at least every few seconds:
    that is where it is stopped, with KeyboardInterrupt, when the caller is interrupted or the work on another table
    raised. It has let go of its table when this returns or raises.
    """
    at_once = min(at_once, len(tables))
    if at_once < 2:
        for table in tables:
            work(table, TableThread(watch))
        return
    share.tables = at_once
    desk = _Desk(deque(tables), work, share)
    try:
        with ThreadPoolExecutor(at_once, thread_name_prefix="table") as pool:
            try:
                jobs = [pool.submit(desk.serve, largest=bool(n % 2)) for n in range(at_once)]
                going: set[Future[None]] = set(jobs)
                while going and not any(job.done() and job.exception() for job in jobs):
                    _, going = wait(going, LOOK, FIRST_EXCEPTION)
                    desk.show(watch)
            finally:
                desk.closed.set()
    finally:
        desk.show(watch)  # what was told before they were stopped, too
    causes = [cause for job in jobs if (cause := job.exception()) is not None]
    for cause in sorted(causes, key=lambda cause: isinstance(cause, KeyboardInterrupt)):  # stopped for another's sake
        raise cause


@dataclass(slots=True)
class _Desk(Generic[Table, News]):
    """Where threads take tables from, and say what they have to show."""

    waiting: deque[Table]
    work: Callable[[Table, TableThread[News]], None]
    share: Share
    closed: threading.Event = field(default_factory=threading.Event)
    news: SimpleQueue[News] = field(default_factory=SimpleQueue)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, *, largest: bool) -> None:
        """Work until no table is waiting."""
        thread = TableThread(self._tell, self._check)
        while (table := self._next(largest)) is not None:
            self.work(table, thread)

    def _next(self, largest: bool) -> Table | None:
        """The table to begin; None if there is none, and then the other threads have more to share."""
        with self.lock:
            if not self.waiting or self.closed.is_set():
                self.share.tables = max(1, self.share.tables - 1)
                return None
            return self.waiting.pop() if largest else self.waiting.popleft()

    def _check(self) -> None:
        if self.closed.is_set():
            raise KeyboardInterrupt

    def _tell(self, news: News) -> None:
        self._check()
        self.news.put(news)

    def show(self, watch: Callable[[News], None]) -> None:
        """Show what has been told since the last time."""
        with suppress(Empty):
            while True:
                watch(self.news.get_nowait())
