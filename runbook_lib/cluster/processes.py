"""Worker processes on this machine, without a library: started for one step, and gone with it.

They are new processes, not forks: no thread, lock or connection of this one is in them. What they need to know, the
run's secret too, goes over a socket that only the two of them have. Each finds its own credentials in the same chain.
"""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, InvalidStateError
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from runbook_lib.cluster.frames import FrameSocket
from runbook_lib.cluster.protocol import Message, Work
from runbook_lib.cluster.worker_process import ASK, DO, DONE, HERE, READY, SAID, TOLD, UNITS_AT_ONCE
from runbook_lib.errors import TransferError

MOST_BY_ITSELF = 8  # processes
END_SECONDS = 5.0  # until a process that does not end is killed
SILENT_LOOKS = 60  # a second apart, after which a process that answers none of them is killed: it is stopped or stuck
SEND_SECONDS = 60  # until one that takes nothing in is
MODULE = "runbook_lib.cluster.worker_process"
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container, on Linux


class ProcessLost(Exception):
    """What a unit ends with whose process ended."""


class UnitFailed(Exception):
    """What a unit ends with that raised something nobody expected; the process goes on."""


class UnitFuture(Future[Message]):
    """A unit under way; cancelled, it takes its process with it, for nothing else would end it."""

    process: WorkerProcess

    def cancel(self) -> bool:
        if not self.done():
            self.process.kill()
        return super().cancel()


@dataclass(slots=True)
class WorkerProcess:
    """One process: what it has to do, and a thread that hears of it."""

    inbox: SimpleQueue[Message]
    units: dict[int, UnitFuture] = field(default_factory=dict)
    is_lost: bool = False
    name: str | None = None  # once it is ready
    unanswered: int = 0  # looks, since it was last heard of
    _child: subprocess.Popen[bytes] = field(init=False, repr=False)
    _frames: FrameSocket = field(init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _listener: threading.Thread = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE, str(theirs.fileno())],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )  # fmt: skip
        self._frames = FrameSocket(ours, SEND_SECONDS)
        self._listener = threading.Thread(target=self._listen, name=f"worker process {self._child.pid}", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        return self._child.pid

    def do(self, number: int, unit: UnitFuture, pickled: bytes) -> None:
        unit.process = self
        with self._lock:
            if not (lost := self.is_lost):
                self.units[number] = unit
        if lost:
            unit.set_exception(ProcessLost(self._how_it_ended()))
            return
        self._send((DO, number, pickled))

    def tell(self, messages: list[Message]) -> None:
        self._send((TOLD, messages))

    def look(self) -> None:
        """Ask whether the process listens, which it does whatever it works at; end one that has long said nothing."""
        if self.unanswered >= SILENT_LOOKS:
            self.kill()
        elif not self.is_lost:
            self.unanswered += 1
            self._send((ASK,))

    def _send(self, frame: tuple[Any, ...]) -> None:
        try:
            self._frames.send(frame)
        except OSError:  # it is gone, or as good as gone; the listener tells so
            self.kill()

    def _listen(self) -> None:
        try:
            while True:
                kind, *content = self._frames.receive()
                self.unanswered = 0
                if kind == HERE:
                    continue
                if kind == READY:
                    (self.name,) = content
                elif kind == SAID:
                    self.inbox.put(*content)
                else:
                    number, outcome = content
                    self._settle(number, outcome if kind == DONE else UnitFailed(outcome))
        except EOFError:
            self._await_end()
        with self._lock:
            self.is_lost, left = True, list(self.units)
        for number in left:
            self._settle(number, ProcessLost(self._how_it_ended()))

    def _settle(self, number: int, outcome: Message | Exception) -> None:
        with self._lock:
            unit = self.units.pop(number)
        with suppress(InvalidStateError):  # it was cancelled
            if isinstance(outcome, Exception):
                unit.set_exception(outcome)
            else:
                unit.set_result(outcome)

    def _how_it_ended(self) -> str:
        code = self._child.poll()
        return f"worker process {self.pid} ended by " + (f"signal {-code}" if code and code < 0 else f"itself ({code})")

    def kill(self) -> None:
        self._child.kill()

    def close(self) -> None:
        """End the process; it ends by itself as soon as its socket does."""
        self._frames.end()
        self._listener.join()
        self._frames.close()

    def _await_end(self) -> None:
        try:
            self._child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


class Processes:
    """So many worker processes; see `protocol.Engine`. Those that are lost are started anew when there is work."""

    dashboard: str | None = None

    def __init__(self, many: int) -> None:
        self.inbox: SimpleQueue[Message] = SimpleQueue()
        self._many, self._numbers = many, count()
        self.workers = [WorkerProcess(self.inbox) for _ in range(many)]

    def facts(self) -> Message:
        return {"workers": self._many, "slots": self.slots()}

    def slots(self) -> int:
        return self._many * UNITS_AT_ONCE

    def submit(self, work: Work, *arguments: Any) -> Future[Message]:
        self.workers = [w if not w.is_lost or w.name is None else self._anew(w) for w in self.workers]
        number, unit = next(self._numbers), UnitFuture()
        first = number % self._many
        in_turn = self.workers[first:] + self.workers[:first]
        least = min(in_turn, key=lambda worker: (worker.is_lost, len(worker.units)))
        least.do(number, unit, pickle.dumps((work, arguments), pickle.HIGHEST_PROTOCOL))
        return unit

    def _anew(self, lost: WorkerProcess) -> WorkerProcess:
        lost.close()
        return WorkerProcess(self.inbox)

    def post(self, worker: str, messages: list[Message]) -> None:
        for each in self.workers:
            if each.name == worker:
                each.tell(messages)

    def is_loss(self, error: BaseException) -> bool:
        return isinstance(error, ProcessLost)

    def look(self) -> None:
        """See which processes still listen; to be called every second while one is waited for."""
        for worker in self.workers:
            worker.look()

    def check(self) -> None:
        """Raise TransferError where no process ever became ready: starting another would not help."""
        self.look()
        if all(worker.is_lost and worker.name is None for worker in self.workers):
            raise TransferError(
                "no worker process could be started, see what they said; set validate.processes to 1 to do without"
            )

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


@contextmanager
def worker_processes(many: int) -> Iterator[Processes]:
    """So many processes, all of which have ended when the block has."""
    engine = Processes(many)
    try:
        yield engine
    finally:
        engine.close()


def processors() -> int:
    """How many processes this machine or container keeps busy, up to MOST_BY_ITSELF."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        allowed = os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        quota, period = CPU_QUOTA.read_text(encoding="ascii").split()
        allowed = min(allowed, max(1, int(quota) // int(period)))
    return min(allowed, MOST_BY_ITSELF)
