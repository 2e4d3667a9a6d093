"""Keeps requests in flight with a thread each, for transports in memory whose answers are functions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any

from runbook_lib.aws.transport.loop import Done
from runbook_lib.errors import RunbookError


class ThreadsSender:
    """`send` is called for each request, in a thread, and returns or raises what comes of it."""

    def __init__(self, send: Callable[[Any], bytes], threads: int) -> None:
        self._send, self._pool = send, ThreadPoolExecutor(threads, "import")
        self._came: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def start(self, request: Any, done: Done) -> None:
        self._pool.submit(self._answer, request, done)

    def _answer(self, request: Any, done: Done) -> None:
        said: bytes | RunbookError
        try:
            said = self._send(request)
        except RunbookError as error:
            said = error
        self._came.put(lambda: done(said))

    def run_once(self, seconds: float) -> None:
        try:
            self._came.get(timeout=max(seconds, 0.001))()
            while True:
                self._came.get_nowait()()
        except Empty:
            pass

    def wake(self) -> None:
        self._came.put(lambda: None)

    def close(self) -> None:
        self._pool.shutdown()
