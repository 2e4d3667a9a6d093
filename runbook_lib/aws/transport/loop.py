"""Many requests in flight, in one thread: what is received and sent waits for sockets, and nothing waits for a request.

Connections are made by the urllib3 pool that botocore configured (TLS, CA bundle, client certificate, timeouts), in
threads, and are kept. Behind a proxy botocore's session sends, in threads as well (docs/adr/0019).
"""

from __future__ import annotations

import selectors
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from runbook_lib.aws.deadlines import Deadline
from runbook_lib.aws.transport.answers import Answer, Incoming, NoAnswer, Reading, answer_from, usual_answer
from runbook_lib.aws.transport.client import DynamoDBRequest, DynamoDBTransport, Way, broken_answer
from runbook_lib.errors import RunbookError

BLOCK = 65536
THREADS = 32  # that make connections, or send through a proxy
LOOK = 0.25  # seconds between two looks at deadlines
IDLE = 1.0  # seconds after which a kept connection is looked at before it is used again
TOO_LATE = "it was not sent in the time that it might have been"
READ, READ_WRITE = selectors.EVENT_READ, selectors.EVENT_READ | selectors.EVENT_WRITE
Done = Callable[[bytes | RunbookError], None]


class RequestSender(Protocol):
    """What keeps requests in flight; for one thread, `wake` apart."""

    def start(self, request: DynamoDBRequest, done: Done) -> None:
        """Send a request, once; `done` hears what came of it, from `run_once`."""

    def run_once(self, seconds: float) -> None:
        """Wait until something happens, or so long, and take it in."""

    def wake(self) -> None:
        """Have `run_once` end now."""

    def close(self) -> None:
        """Let go of what it holds."""


@dataclass(slots=True)
class _Sent:
    """A request on its way; `used` are the credentials it is signed with, `left` what is not sent yet."""

    request: DynamoDBRequest
    way: Way
    used: Any
    done: Done
    left: memoryview
    deadline: Deadline


@dataclass(slots=True, eq=False)
class _Connection:
    """One connection, and the request that it is busy with."""

    made: Any
    sock: Any
    way: Way
    sent: _Sent | None = None
    received: bytes = b""
    reading: Reading[tuple[Answer, bool]] | None = None
    idle_since: float = 0.0
    writes: bool = False


@dataclass(slots=True)
class RequestLoop:
    """Sends requests of one transport and hears of their answers; for one thread, `wake` apart.

    `may_send` is asked just before any bytes leave; a request that may not has no answer.
    """

    transport: DynamoDBTransport
    clock: Callable[[], float] = time.monotonic
    may_send: Callable[[], bool] = lambda: True
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _idle: dict[int, list[_Connection]] = field(default_factory=dict)
    _busy: set[_Connection] = field(default_factory=set)
    _came: deque[Callable[[], None]] = field(default_factory=deque)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, "import-connect"))
    _bell: tuple[socket.socket, socket.socket] = field(default_factory=socket.socketpair)
    _look_at: float = 0.0

    def __post_init__(self) -> None:
        for end in self._bell:
            end.setblocking(False)
        self._selector.register(self._bell[0], READ)

    def start(self, request: DynamoDBRequest, done: Done) -> None:
        """Send a request, once; `done` hears what came of it, from `run_once`."""
        way = self.transport.way(request.operation)
        headers, used = self.transport.signed(way, request)
        if way.exchange.proxied:
            future = self._threads.submit(self._post, way, headers, request.body)
            future.add_done_callback(lambda f: self._call(partial(self._answered, request, used, done, f)))
            return
        content = memoryview(way.exchange.head(headers, len(request.body)) + request.body)
        sent = _Sent(request, way, used, done, content, Deadline(way.exchange.seconds, self.clock))
        if (connection := self._kept(way)) is not None:
            self._send(connection, sent)
        else:
            self._threads.submit(way.exchange.dial).add_done_callback(
                lambda f: self._call(partial(self._dialled, sent, f))
            )

    def run_once(self, seconds: float) -> None:
        """Wait until something happens, or so long, and take it in."""
        for key, _ in self._selector.select(seconds):
            if key.data is None:
                with suppress(BlockingIOError):
                    while self._bell[0].recv(4096):
                        pass
            elif key.data.sent is None:  # the server ends a connection that nobody uses
                self._forget(key.data)
            else:
                self._go_on(key.data)
        while self._came:
            self._came.popleft()()
        if self.clock() >= self._look_at:
            self._look_at = self.clock() + LOOK
            for connection in list(self._busy):
                self._check_deadline(connection)

    def wake(self) -> None:
        """Have `run_once` end now; called by any thread."""
        with suppress(OSError):  # a full pipe wakes it as well; a closed one has nobody to wake
            self._bell[1].send(b"!")

    def close(self) -> None:
        """Let go of every connection."""
        self._threads.shutdown(cancel_futures=True)
        while self._came:
            self._came.popleft()()
        for connection in [*self._busy, *(c for kept in self._idle.values() for c in kept)]:
            connection.made.close()
        self._selector.close()
        for end in self._bell:
            end.close()

    def _post(self, way: Way, headers: dict[str, str], body: bytes) -> Answer:
        if not self.may_send():
            raise NoAnswer(TOO_LATE)
        return way.exchange.post(headers, body)

    def _call(self, what: Callable[[], None]) -> None:
        """Have something done by the loop's own thread."""
        self._came.append(what)
        self.wake()

    def _kept(self, way: Way) -> _Connection | None:
        kept = self._idle.get(id(way), [])
        while kept:
            connection = kept.pop()
            if self.clock() - connection.idle_since < IDLE or connection.made.is_connected:
                return connection
            self._close(connection)
        return None

    def _dialled(self, sent: _Sent, future: Future[Any]) -> None:
        try:
            made = future.result()
        except NoAnswer as error:
            sent.done(broken_answer(sent.request, error))  # it never left
            return
        made.sock.setblocking(False)
        connection = _Connection(made, made.sock, sent.way)
        self._selector.register(made.sock, READ, connection)
        sent.deadline.waited = 0.0
        self._send(connection, sent)

    def _send(self, connection: _Connection, sent: _Sent) -> None:
        connection.sent, connection.received, connection.reading = sent, b"", None
        connection.idle_since = self.clock()
        self._busy.add(connection)
        self._write(connection, sent)

    def _write(self, connection: _Connection, sent: _Sent) -> None:
        try:
            while sent.left:
                if not self.may_send():
                    self._hold_back(connection, sent)
                    return
                sent.left = sent.left[connection.sock.send(sent.left) :]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except OSError as error:
            self._fail(connection, sent.way.exchange.no_answer(error))
            return
        if connection.writes != bool(sent.left):
            connection.writes = bool(sent.left)
            self._selector.modify(connection.sock, READ_WRITE if connection.writes else READ, connection)

    def _go_on(self, connection: _Connection) -> None:
        sent = connection.sent
        assert sent is not None
        if connection.writes:
            self._write(connection, sent)
        while connection.sent is sent:
            try:
                block = connection.sock.recv(BLOCK)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError as error:
                self._fail(connection, sent.way.exchange.no_answer(error))
                return
            self._take(connection, sent, block)

    def _take(self, connection: _Connection, sent: _Sent, block: bytes) -> None:
        """Some bytes of an answer, or the end of its connection."""
        try:
            sent.deadline.took(0.0, len(block))
            if connection.reading is None:
                if (answer := usual_answer(block)) is not None:
                    self._end(connection, sent, answer, reusable=not sent.left)
                    return
                connection.reading = answer_from(Incoming())
                next(connection.reading)
            connection.reading.send(block)
        except StopIteration as ended:
            answer, reusable = ended.value
            self._end(connection, sent, answer, reusable=reusable and not sent.left and connection.reading is not None)
        except (NoAnswer, ValueError, OSError) as error:
            self._fail(connection, sent.way.exchange.no_answer(error))

    def _end(self, connection: _Connection, sent: _Sent, answer: Answer, *, reusable: bool) -> None:
        self._busy.discard(connection)
        connection.sent = None
        if reusable:
            connection.idle_since = self.clock()
            self._idle.setdefault(id(connection.way), []).append(connection)
        else:
            self._close(connection)
        self._understand(sent.request, sent.used, sent.done, answer)

    def _fail(self, connection: _Connection, error: NoAnswer) -> None:
        sent = connection.sent
        assert sent is not None
        self._busy.discard(connection)
        connection.sent = None
        self._close(connection)
        sent.done(self.transport.unanswered(sent.request, error))

    def _hold_back(self, connection: _Connection, sent: _Sent) -> None:
        """A request may not be sent any more, or not the rest of it."""
        if len(sent.left) < len(sent.left.obj):  # type: ignore[arg-type]  # the bytes that it is a view of
            self._fail(connection, NoAnswer(TOO_LATE))
            return
        self._busy.discard(connection)
        connection.sent = None
        self._close(connection)
        sent.done(broken_answer(sent.request, NoAnswer(TOO_LATE)))  # it never left

    def _check_deadline(self, connection: _Connection) -> None:
        if (sent := connection.sent) is None:
            return
        sent.deadline.waited = self.clock() - connection.idle_since
        try:
            sent.deadline.left()
        except TimeoutError as error:
            self._fail(connection, sent.way.exchange.no_answer(error))

    def _answered(self, request: DynamoDBRequest, used: Any, done: Done, future: Future[Answer]) -> None:
        """What botocore's session has brought."""
        try:
            answer = future.result()
        except NoAnswer as error:
            done(self.transport.unanswered(request, error))
            return
        self._understand(request, used, done, answer)

    def _understand(self, request: DynamoDBRequest, used: Any, done: Done, answer: Answer) -> None:
        said: bytes | RunbookError
        try:
            said = self.transport.understood(request, answer, used)
        except RunbookError as error:  # whoever asked decides what it means
            said = error
        done(said)

    def _forget(self, connection: _Connection) -> None:
        self._idle[id(connection.way)].remove(connection)
        self._close(connection)

    def _close(self, connection: _Connection) -> None:
        with suppress(KeyError, ValueError):
            self._selector.unregister(connection.sock)
        connection.made.close()
