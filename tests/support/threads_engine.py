"""An engine of threads in this process, whose messages may be lost and whose workers may go away."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from runbook_lib.aws.session.worker_clients import WorkerClients, connect_worker
from runbook_lib.cluster.protocol import Message, UnitContext, Work
from runbook_lib.cluster.roster import WorkerRoster
from runbook_lib.run.run import Run

Wire = Callable[[Message], list[Message]]


class WorkerGone(Exception):
    """What a unit ends with whose worker went away."""


class ThreadsEngine:
    """`on_way` says what becomes of a worker's message: nothing, one or several; `dead` workers are cut off."""

    def __init__(self, run: Run, slots: int = 4, on_way: Wire = lambda message: [message]) -> None:
        self.inbox: SimpleQueue[Message] = SimpleQueue()
        self.dashboard: str | None = None
        self.on_way, self.dead, self.began = on_way, set[str](), list[str]()
        self.takers: dict[str, Callable[[Message], None]] = {}
        self._slots, self._lock = slots, threading.Lock()
        self._clients = connect_worker(run.config, run.clients.target_identity.place)
        self._pool = ThreadPoolExecutor(slots)

    def facts(self) -> Message:
        return {}

    def slots(self) -> int:
        return self._slots

    def submit(self, work: Work, *arguments: Any) -> Future[Message]:
        return self._pool.submit(self._at_desk, work, *arguments)

    def post(self, worker: str, messages: list[Message]) -> None:
        for message in json.loads(json.dumps(messages)):
            if worker not in self.dead and (take := self.takers.get(message["to"])):
                take(message)

    def is_loss(self, error: BaseException) -> bool:
        return isinstance(error, WorkerGone)

    def check(self) -> None:
        pass

    def close(self) -> None:
        self._pool.shutdown()

    def _at_desk(self, work: Work, *arguments: Any) -> Message:
        with self._lock:
            worker = f"w{len(self.began)}"
            self.began.append(worker)
        said = work(ThreadDesk(self, worker, self._clients), *arguments)
        if worker in self.dead:
            raise WorkerGone(worker)
        return said


class ThreadDesk:
    """A desk for one unit: a worker process that does one unit and no other."""

    slots = 1

    def __init__(self, engine: ThreadsEngine, worker: str, clients: WorkerClients) -> None:
        self.worker = self.process = worker
        self._engine, self._clients = engine, clients

    def clients(self, site: UnitContext) -> WorkerClients:
        return self._clients

    def send(self, message: Message) -> None:
        if self.worker not in self._engine.dead:
            for arrived in self._engine.on_way(json.loads(json.dumps(message))):
                self._engine.inbox.put(arrived)

    @contextmanager
    def listen(self, name: str, take: Callable[[Message], None]) -> Iterator[None]:
        self._engine.takers[name] = take
        yield
        del self._engine.takers[name]


def crew_of(engine: ThreadsEngine) -> Callable[[Run, str], Any]:
    """What stands in for `open_crew`."""

    @contextmanager
    def opened(run: Run, step: str) -> Iterator[WorkerRoster]:
        try:
            yield WorkerRoster(engine, run.ledger, step)
        finally:
            engine.close()

    return opened
