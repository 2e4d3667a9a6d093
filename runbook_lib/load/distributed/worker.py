"""One attempt of a worker at one data file: ask for it, check it, load it as far as the grants go, say how far it is.

The worker uses its own AWS credentials, writes to the one target table and opens no ledger. It stops by
itself when its grant runs out or the file was given to another attempt, and gives up when it hears nothing.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from functools import partial

from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.session.worker_clients import WorkerClients
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.loop import RequestLoop
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.cluster.protocol import Message, UnitContext, WorkerContext
from runbook_lib.cluster.roster import calls_of
from runbook_lib.errors import CorruptFile, RunbookError
from runbook_lib.export_format.change import ChangeWindow
from runbook_lib.export_format.data_file import CheckedFile, fetch
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.window_file import CheckedChanges, fetch_changes
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.load.distributed.lease import Lease, LeaseGrant, WorkerReport
from runbook_lib.load.engine.batch_write import Outcome, Rejection, Target, items_at_once
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.lane import FLOOR
from runbook_lib.load.engine.lane_queue import OpenFile
from runbook_lib.load.engine.pipeline import FLUSH_SECONDS, opened, send_files
from runbook_lib.load.engine.rate_control import WriteRateController

PATIENCE = 60.0  # seconds without an answer after which an attempt gives up


@dataclass(frozen=True, slots=True)
class FileUnit:
    """A data file to be loaded into a table; `name` is what the coordinator calls it.

    The `secret` goes to the worker's memory and no further. A file of a `window` holds changes, and was checked whole
    before any of it is sent.
    """

    name: str
    site: UnitContext
    bucket: str
    file: DataFile
    table: str
    key: tuple[KeyAttribute, ...]
    secret: RunSecret
    window: ChangeWindow | None = None


def load_file(desk: WorkerContext, unit: FileUnit) -> Message:
    """Load a file; the attempt's last report. What the runbook has an error for is in it and not raised."""
    attempt = LoadAttempt(desk, unit, Lease())
    with desk.listen(attempt.name, attempt.take):
        return attempt.run().to_message()


@dataclass(slots=True)
class LoadAttempt:
    """The state of an attempt; `take` is called by another thread than `run`."""

    desk: WorkerContext
    unit: FileUnit
    lease: Lease
    monotonic: Callable[[], float] = time.monotonic
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    stop: threading.Event = field(default_factory=threading.Event)
    answered: threading.Event = field(default_factory=threading.Event)
    over: bool = False
    silent: bool = False
    clients: WorkerClients | None = None
    capacity: WriteRateController | None = None
    file: FileCheckpoint | None = None
    lines: int | None = None
    sums: Outcome = field(default_factory=Outcome)
    began: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> WorkerReport:
        """Ask, load, and say what came of it."""
        failure, damaged = None, False
        try:
            self.clients = self.desk.clients(self.unit.site)
            transport = self._writer(self.clients)  # before it asks: a grant is not to be held idly
            share = self._ask()
            if share is not None:
                self._load(share, transport)
        except CorruptFile as error:
            failure, damaged = str(error), True
        except RunbookError as error:
            failure = str(error)
        if self.over or self.silent:  # whatever it failed with then
            return replace(self._report(), ended=True, left=True)
        return replace(self._report(), ended=True, failure=failure, damaged=damaged)

    def take(self, message: Message) -> None:
        """Hold to what the coordinator answers."""
        grant = LeaseGrant.of(message)
        if not self.lease.take(grant):
            return
        if grant.over:
            self.over = True
            self.stop.set()
        elif self.capacity is not None:
            with self.lock:
                self.capacity.grant(grant.share, self.lease.until)
        self.answered.set()

    def _ask(self) -> float | None:
        """Ask until there is a share to begin with; None if there will be none.

        A lane that began with next to nothing would wait for its first request's units to be paid.
        """
        least = min(FLOOR, (self.unit.site.config.import_.max_wcu or 1.0) / 2)
        while not self._given_up():
            self.answered.clear()
            self.desk.send(self._report().to_message())
            self.answered.wait(FLUSH_SECONDS)
            grant = self.lease.grant
            if not self.over and grant is not None and grant.file is not None and grant.share >= least:
                self.file = FileCheckpoint(self.unit.file, *grant.file[:3], tuple(grant.file[3]))
                return grant.share
        return None

    def _load(self, share: float, transport: DynamoDBTransport) -> None:
        unit, file, clients = self.unit, self.file, self.clients
        assert file is not None
        assert clients is not None
        settings = unit.site.config.import_
        width = max(2, settings.concurrency // self.desk.slots)
        self.capacity = WriteRateController(1, width, share, share, known=True)
        if (grant := self.lease.grant) is not None:  # it may have changed, and it runs out
            with self.lock:
                self.capacity.grant(grant.share, self.lease.until)
        target = Target(
            transport=transport,
            table=unit.table,
            key=unit.key,
            replace=self._replaces,
            backoff=Backoff(sleep=self._sleep),
            stop=self.stop,
            capacity=self.capacity,
            secret=unit.secret,
            lock=self.lock,
            sender=partial(RequestLoop, may_send=self._may_send),
        )
        send_files([file], target, lambda file: self._open(file, clients), self._note, self._keep)

    def _open(self, file: FileCheckpoint, clients: WorkerClients) -> OpenFile:
        with ExitStack() as own:
            checked = own.enter_context(self._fetched(file.file, clients))
            rejected = [Rejection(number, None, why) for number, why in checked.unreadable.items()]
            with self.lock:
                self.lines = checked.lines
                file.rejected += rejected
            return opened(file, checked, own.pop_all(), items_at_once(self._replaces))

    def _fetched(self, file: DataFile, clients: WorkerClients) -> AbstractContextManager[CheckedFile | CheckedChanges]:
        unit, stopped = self.unit, self.stop.is_set
        if unit.window is None:
            return fetch(clients.staging, unit.bucket, file, stopped, unit.key)
        return fetch_changes(clients.staging, unit.bucket, file, unit.window, stopped, known=True)

    def _may_send(self) -> bool:
        """Whether bytes may leave now: a process that was stopped wakes with requests that were ready to go."""
        return self.monotonic() < self.lease.until

    @property
    def _replaces(self) -> bool:
        return self.unit.site.config.import_.on_non_empty != "append"

    def _writer(self, clients: WorkerClients) -> DynamoDBTransport:
        """The wire for the unit's table: batches of puts, or puts where nothing is."""
        if self._replaces:
            return clients.writer(self.unit.table)
        return clients.appender(self.unit.table, next(k.name for k in self.unit.key if k.role == "HASH"))

    def _note(self, file: FileCheckpoint, outcome: Outcome) -> None:
        self.sums.wcu += outcome.wcu
        self.sums.throttles += outcome.throttles
        self.sums.refused += outcome.refused
        self.sums.reasons += outcome.reasons
        self.sums.times += outcome.times

    def _keep(self) -> None:
        """Say how far it is, twice a second; that prolongs the grant, too."""
        self.desk.send(self._report().to_message())
        if self._given_up():
            self.stop.set()

    def _given_up(self) -> bool:
        self.silent = self.monotonic() - self.lease.heard_at > PATIENCE
        return self.silent or self.over

    def _sleep(self, seconds: float) -> None:
        self.stop.wait(seconds)

    def _report(self) -> WorkerReport:
        number, grant = self.lease.next_number(), self.lease.grant
        calls = self.clients.calls if self.clients else Calls()
        report = WorkerReport(
            self.unit.name, self.name, self.desk.worker, number, seconds=self.monotonic() - self.began,
            calls=calls_of(calls), process=self.desk.process,
        )  # fmt: skip
        file, capacity = self.file, self.capacity
        if file is None or capacity is None:
            return report
        with self.lock:
            return replace(
                report,
                share=grant.share if grant else 0.0,
                lines=self.lines,
                acknowledged=file.watermark,
                written=file.written,
                bytes=file.bytes,
                beyond=file.beyond(),
                rejected=[(r.line, r.key_hash, r.reason) for r in file.rejected],
                present=list(file.told_present()),
                wcu=self.sums.wcu,
                throttles=self.sums.throttles,
                refused_items=self.sums.refused,
                reasons=[(reason, where, items) for (reason, where), items in self.sums.reasons.items()],
                times=list(self.sums.times.items()),
                used=capacity.used,
                refused=capacity.refused,
            )
