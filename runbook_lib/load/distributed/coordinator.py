"""Load one table with the workers of an engine: give out its files, hear how far they are, answer with grants.

Only the coordinator, which this is, opens the ledger. A file whose worker went away goes on elsewhere from the
last line that was reported, as long as there is progress; one that is damaged is noted and the others go on.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field
from functools import partial
from queue import Empty
from uuid import uuid4

from runbook_lib.cluster.protocol import Engine, Message
from runbook_lib.cluster.roster import WorkerRoster
from runbook_lib.errors import TransferError
from runbook_lib.load.distributed.books import ImportBooks, TableBooks
from runbook_lib.load.distributed.lease import FileLease, LeaseGrant, WorkerReport, spent_since
from runbook_lib.load.distributed.shared_budget import LIFE, SharedWriteBudget
from runbook_lib.load.distributed.worker import FileUnit, load_file
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.pipeline import FLUSH_SECONDS
from runbook_lib.load.table_load import TableLoad

TRIES = 5  # attempts at a file, one after the other, that may go away without a line acknowledged
SILENCE = 600.0  # seconds without a word from any worker
GOODBYE = 20.0  # seconds for attempts that are told to stop
AHEAD = 2  # units given to the engine per unit that it can do at once

UnitOf = Callable[[str, FileCheckpoint], FileUnit]


def load_spread(table_load: TableLoad, roster: WorkerRoster, budget: SharedWriteBudget, unit_of: UnitOf) -> None:
    """Have all that is not acknowledged yet sent by workers.

    Raises TransferError when a worker cannot go on, or when nothing does. Attempts are told to stop then, and
    nothing of this table is left running that could still write when this returns, unless a worker is cut off.
    """
    write_spread(ImportBooks(table_load), roster, budget, unit_of)


def write_spread(books: TableBooks, roster: WorkerRoster, budget: SharedWriteBudget, unit_of: UnitOf) -> None:
    """The same of any files of one table, recorded where the books are.

    An attempt that is still asking for a file of an earlier window must not be given one of this: it would write what
    has been changed since. So no two calls have a name in common.
    """
    call = uuid4().hex[:8]
    holdings = {f"{books.source} {call} {f.file.ordinal}": FileLease(f) for f in books.open_files()}
    Dispatch(books, roster, roster.engine, budget, unit_of, holdings).run()


@dataclass(slots=True)
class Dispatch:
    """The files of one table on their way, and who has which; for one thread."""

    books: TableBooks
    roster: WorkerRoster
    engine: Engine
    budget: SharedWriteBudget
    unit_of: UnitOf
    holdings: dict[str, FileLease]
    monotonic: Callable[[], float] = time.monotonic
    waiting: deque[str] = field(init=False)
    running: dict[str, Future[Message]] = field(default_factory=dict)
    active: dict[str, FileLease] = field(default_factory=dict)
    gone: deque[tuple[float, str]] = field(default_factory=deque)
    order: int = 0
    ending: bool = False
    heard_at: float = field(init=False)
    kept_at: float = field(init=False)
    answered_at: float = 0.0

    def __post_init__(self) -> None:
        self.waiting = deque(self.holdings)
        self.heard_at = self.kept_at = self.monotonic()

    def run(self) -> None:
        """Until every file is done or damaged."""
        self.books.begin(self.engine.dashboard)
        try:
            while self.waiting or self.running:
                self._submit()
                self._hear()
                self._answer()
                self._keep()
                if self.monotonic() - self.heard_at > SILENCE:
                    raise TransferError(
                        f"no worker was heard of for {SILENCE / 60:.0f} minutes; what is acknowledged is recorded: "
                        "see the cluster's log and run again with the same run id"
                    )
            self._let_grants_run_out()
        finally:
            self._end()

    def _submit(self) -> None:
        room = max(1, min(AHEAD * self.engine.slots(), self.budget.room))
        while self.waiting and len(self.running) < room:
            name = self.waiting.popleft()
            future = self.engine.submit(load_file, self.unit_of(name, self.holdings[name].file))
            self.running[name] = future
            future.add_done_callback(partial(self._told, name))

    def _told(self, name: str, _: Future[Message]) -> None:
        self.engine.inbox.put({"unit": name})

    def _hear(self) -> None:
        """Take in what has come, or wait until it is time to answer."""
        timeout = max(0.0, min(self.answered_at + self._round, self.kept_at + FLUSH_SECONDS) - self.monotonic())
        try:
            message = self.engine.inbox.get(timeout=timeout)
            while True:
                if (name := message.get("unit")) is None:
                    self._take(WorkerReport.of(message))
                elif name in self.running and self.running[name].done():
                    self._ended(name, self.running.pop(name))
                message = self.engine.inbox.get_nowait()
        except Empty:
            pass

    @property
    def _round(self) -> float:
        """Seconds between two rounds of answers; each is a message to every worker."""
        return min(0.25, 0.03 + 0.002 * len(self.active))

    def _take(self, report: WorkerReport) -> None:
        self.roster.count_calls(report.process, report.calls)
        holding = self.holdings.get(report.file)
        former = holding.last if holding else None
        before = holding.hear(report) if holding else None
        if holding is None or before is None:
            if (holding is None or holding.is_over(report.attempt)) and not report.ended:
                self.engine.post(report.worker, [self._grant(report, over=True)])
            return
        now = self.heard_at = self.monotonic()
        if former is None or report.attempt != former.attempt:
            if former is not None and former.attempt in self.active:
                del self.active[former.attempt]
                self._note(former.process, 0, -1)
                self.gone.append((now + LIFE, former.attempt))
                self.books.doubt()
            self.active[report.attempt] = holding
            self.budget.join(report.attempt)
            self._note(report.process, 0, 1)
        self.budget.hear(
            report.attempt, report.used - before.used, report.refused - before.refused,
            report.seconds - before.seconds, report.share,
        )  # fmt: skip
        if report.lines is not None:
            self._count(report, before, holding)

    def _count(self, report: WorkerReport, before: WorkerReport, holding: FileLease) -> None:
        """What an attempt has done since its report before; the first one with lines counts from where it began."""
        if before.lines is None and report.lines is not None:
            self.books.read(holding.file, report.lines)
        self.books.note(holding.file, spent_since(report, before))
        then = before.items if before.lines is not None else holding.base
        self._note(report.process, report.items - then)

    def _ended(self, name: str, future: Future[Message]) -> None:
        """The engine is done with a unit: by its end, or by the loss of its workers."""
        holding = self.holdings[name]
        error = CancelledError() if future.cancelled() else future.exception()
        if error is not None:
            self.books.doubt()
            self.engine.check()
            if not self.engine.is_loss(error):
                raise TransferError(
                    f"{holding.file.file.key}: a worker failed: {type(error).__name__}: {error}"
                ) from error
            return self._again(name, "its workers went away")
        report = WorkerReport.of(future.result())
        self._take(report)
        self._leave(report)
        if holding.attempt != report.attempt or report.left:
            return self._again(name, "its workers heard no answer")
        if report.damaged:
            self.books.damaged(str(report.failure))
        elif report.failure:
            raise TransferError(report.failure)
        holding.done = True
        return None

    def _leave(self, report: WorkerReport) -> None:
        self.budget.leave(report.attempt)
        if report.attempt in self.active:
            del self.active[report.attempt]
            self._note(report.process, 0, -1)

    def _again(self, name: str, why: str) -> None:
        holding = self.holdings[name]
        holding.tries += 1
        if self.ending:
            return
        if holding.tries >= TRIES:
            raise TransferError(
                f"{holding.file.file.key}: {TRIES} attempts at it ended without a line acknowledged, as {why}; see the "
                "workers' logs and run again with the same run id"
            )
        self.waiting.appendleft(name)

    def _answer(self) -> None:
        """Give every attempt its share, and what each needs to know that has only asked."""
        now = self.monotonic()
        if now < self.answered_at + self._round:
            return
        self.answered_at = now
        while self.gone and self.gone[0][0] <= now:
            self.budget.leave(self.gone.popleft()[1])
        letters: dict[str, list[Message]] = defaultdict(list)
        for attempt, share in self.budget.shares().items():
            if (holding := self.active.get(attempt)) and (last := holding.last):
                letters[last.worker].append(self._grant(last, share, holding))
        for worker, messages in letters.items():
            self.engine.post(worker, messages)

    def _grant(
        self, to: WorkerReport, share: float = 0.0, holding: FileLease | None = None, over: bool = False
    ) -> Message:
        self.order += 1
        file = holding.known() if holding and to.lines is None else None
        return LeaseGrant(to.attempt, self.order, to.number, share, file, over).to_message()

    def _keep(self) -> None:
        """Write what is known, twice a second."""
        now = self.monotonic()
        if now < self.kept_at + FLUSH_SECONDS:
            return
        self.engine.check()
        workers = self.roster.keep(self.books.source, now - self.kept_at)
        self.kept_at = now
        self.books.keep(workers)

    def _let_grants_run_out(self) -> None:
        """Wait until an attempt that was cut off, and may not know it, writes no more."""
        while self.gone and (left := self.gone[-1][0] - self.monotonic()) > 0:
            try:
                message = self.engine.inbox.get(timeout=left)
            except Empty:
                return
            if "unit" not in message:
                self._take(WorkerReport.of(message))

    def _end(self) -> None:
        """Tell every attempt that it is over, hear their last words for a while, and keep what they said."""
        self.ending = True
        for holding in self.active.values():
            if holding.last:
                self.engine.post(holding.last.worker, [self._grant(holding.last, over=True)])
        for name, future in list(self.running.items()):
            if not self.holdings[name].attempt:
                future.cancel()
        deadline = self.monotonic() + GOODBYE
        while self.active and self.running and self.monotonic() < deadline:
            try:
                message = self.engine.inbox.get(timeout=0.1)
            except Empty:
                continue
            if "unit" not in message:
                self._take(WorkerReport.of(message))
            elif message["unit"] in self.running:
                self._last_words(self.running.pop(message["unit"]))
        for left in self.running.values():
            if not left.cancel():
                self.books.doubt()
        self.roster.keep(self.books.source, 0.0)
        self.books.end()

    def _last_words(self, future: Future[Message]) -> None:
        """The report of an attempt that was told to stop; one whose worker went away meanwhile says nothing."""
        if not future.cancelled() and future.exception() is None:
            report = WorkerReport.of(future.result())
            self._take(report)
            self._leave(report)

    def _note(self, process: str, items: int, at_hand: int = 0) -> None:
        now = self.books.run.now().timestamp()
        self.roster.note(self.books.source, process, now, items, at_hand)
