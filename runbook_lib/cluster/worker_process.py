"""What a worker process of this machine does: units, several at once, for as long as whoever started it is there.

It is started with the number of an open socket and nothing else. When that ends, however the other process ended, it
ends too, at once: nothing that it holds must not be lost.
"""

from __future__ import annotations

import os
import pickle
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import uuid4

from runbook_lib.cluster.desk import Desk
from runbook_lib.cluster.frames import FrameSocket
from runbook_lib.cluster.protocol import Message, Work

UNITS_AT_ONCE = 4  # while one waits for a page, another is worked on
READY, DONE, FAILED, SAID, DO, TOLD, ASK, HERE = "ready", "done", "failed", "said", "do", "told", "ask", "here"


class ProcessContext:
    """The desk of a worker process; see `protocol.WorkerContext`."""

    slots = UNITS_AT_ONCE

    def __init__(self, coordinator: FrameSocket) -> None:
        self.worker = self.process = uuid4().hex
        self._coordinator, self.desk = coordinator, Desk()
        self.clients, self.both_sides, self.listen = self.desk.clients, self.desk.both_sides, self.desk.listen

    def send(self, message: Message) -> None:
        self._coordinator.send((SAID, message))

    def do(self, number: int, pickled: bytes) -> None:
        """Do one unit and answer with its outcome."""
        try:
            unit: tuple[Work, tuple[Any, ...]] = pickle.loads(pickled)
            work, arguments = unit
            self._coordinator.send((DONE, number, work(self, *arguments)))
        except Exception as error:  # it is told to the coordinator, which ends the table
            with suppress(OSError):  # nobody is there any more
                self._coordinator.send((FAILED, number, f"{type(error).__name__}: {error}"))


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the coordinator, which ends this
    coordinator = FrameSocket(socket.socket(fileno=int(sys.argv[1])))
    context, pool = ProcessContext(coordinator), ThreadPoolExecutor(UNITS_AT_ONCE)
    try:
        coordinator.send((READY, context.worker))
        while True:
            kind, *content = coordinator.receive()
            if kind == DO:
                pool.submit(context.do, *content)
            elif kind == TOLD:
                context.desk.tell(*content)
            elif kind == ASK:
                coordinator.send((HERE,))
    except (EOFError, OSError):
        os._exit(0)  # the units under way are nobody's any more


if __name__ == "__main__":
    main()
