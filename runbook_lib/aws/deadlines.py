"""Until when an answer must have come: every client's sockets are read against a deadline of the whole.

The timeout of a socket begins anew with each byte, so that a peer which drips them could keep a request for ever. What
counts is the time that was waited, and not that of whoever reads a stream in between. botocore has no setting for it;
its clients get connections of their own here, and a test pins what of botocore is used.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any, TypeVar

import botocore.session
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.handlers import add_expect_header

LEAST_RATE = 4096.0  # bytes per second of an answer that takes longer than the read timeout
MOST_BYTES = 128 << 20  # of an answer that is not read as a stream: 16 MB of items, however they are escaped
LONGEST = 600.0  # seconds, where a client has no timeout
Clock = Callable[[], float]
Found = TypeVar("Found")


class Deadline:
    """How long one answer may still take: `seconds`, and longer only while enough bytes arrive."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self.seconds, self.clock = seconds, clock
        self.waited, self.received = 0.0, 0
        self.most: int | None = None  # bytes

    @property
    def is_over(self) -> bool:
        return self.seconds + self.received / LEAST_RATE <= self.waited

    def left(self) -> float:
        """Seconds that are left; raises TimeoutError when none are."""
        left = self.seconds + self.received / LEAST_RATE - self.waited
        if self.is_over:
            raise TimeoutError(f"only {self.received:,} bytes of an answer came in {self.waited:.0f} s")
        return left

    def wait_for(self, call: Callable[[], Found]) -> Found:
        """What a call returns, its time counted also where it fails."""
        began = self.clock()
        try:
            return call()
        finally:
            self.waited += self.clock() - began

    def took(self, seconds: float, size: int) -> None:
        """Note what came, and how long it was waited for."""
        self.waited += seconds
        self.received += size
        if self.most is not None and self.received > self.most:
            raise ValueError(f"an answer has more than {self.most:,} bytes")


class _InTime(io.RawIOBase):
    """The bytes that come in on a socket, until the deadline."""

    def __init__(self, sock: Any, file: Any, deadline: Deadline) -> None:
        self._sock, self._file, self._deadline = sock, file, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(min(self._deadline.seconds, self._deadline.left()))
        began = self._deadline.clock()
        size: int = self._file.readinto(buffer)
        self._deadline.took(self._deadline.clock() - began, size)
        return size

    def close(self) -> None:
        self._file.close()
        super().close()


class _Socket:
    """A socket of which a file can be made, as http.client reads it."""

    def __init__(self, sock: Any, deadline: Deadline) -> None:
        self._sock, self._deadline = sock, deadline

    def makefile(self, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_InTime(self._sock, self._sock.makefile("rb", 0), self._deadline))


class _Limited:
    """A connection whose answers come in time, and are of a size; an object's is the one that it says beforehand."""

    def request(self, method: str, *args: Any, **named: Any) -> Any:
        self._may_stream = method == "GET"
        return super().request(method, *args, **named)  # type: ignore[misc]

    def getresponse(self) -> Any:
        known: Any = self.response_class  # type: ignore[has-type]
        deadline = Deadline(self.timeout or LONGEST)  # type: ignore[attr-defined]
        deadline.most = MOST_BYTES
        self.response_class = lambda sock, *args, **named: known(_Socket(sock, deadline), *args, **named)
        try:
            response = super().getresponse()  # type: ignore[misc]
        finally:
            self.response_class = known
        if self._may_stream and "content-length" in response.headers:
            deadline.most = None
        return response


class _HTTP(_Limited, AWSHTTPConnection):  # type: ignore[misc]  # botocore has no types
    pass


class _HTTPS(_Limited, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _HTTPPool(AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _HTTP


class _HTTPSPool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _HTTPS


def http_session_of(client: Any) -> Any:
    """The HTTP session that a client of botocore's is configured with: it offers no public way to it."""
    return client._endpoint.http_session


def with_deadlines(client: Any) -> Any:
    """The client, its answers from now on read against a deadline, and its uploads sent without waiting for a word."""
    http_session_of(client)._pool_classes_by_scheme.update(http=_HTTPPool, https=_HTTPSPool)
    # botocore reads for ever where a connection ends within "100 Continue".
    client.meta.events.unregister("before-call.s3", add_expect_header)
    return client


class Session(botocore.session.Session):  # type: ignore[misc]
    """A session of botocore whose clients, those that get credentials too, read every answer against a deadline."""

    def create_client(self, *args: Any, **named: Any) -> Any:
        return with_deadlines(super().create_client(*args, **named))
