"""Until when an answer must have come: every client's sockets are read against a deadline of the whole.

The timeout of a socket begins anew with each byte, so that a peer which drips them could keep a request for ever. What
counts is the time that was waited, and not that of whoever reads a stream in between. botocore has no setting for it;
its clients get connections of their own here, and a test pins what of botocore is used.
"""

from __future__ import annotations

import io
import subprocess
import time
from collections.abc import Callable, Iterator
from copy import copy
from functools import cache, partial
from typing import Any, TypeVar

import botocore.session
from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.credentials import AssumeRoleProvider, ContainerProvider, InstanceMetadataProvider, ProcessProvider
from botocore.exceptions import CredentialRetrievalError
from botocore.handlers import add_expect_header
from botocore.hooks import HierarchicalEmitter

LEAST_RATE = 4096.0  # bytes per second of an answer that takes longer than the read timeout
LEAST_SENT = 65536.0  # bytes per second of a request that takes longer than a connection may
SENT_AT_ONCE = 16384  # bytes: a record of TLS, within which its sockets begin no timeout anew
MOST_BYTES = 128 << 20  # of an answer that is not read as a stream: 16 MB of items, however they are escaped
LONGEST = 600.0  # seconds, where a client has no timeout
Clock = Callable[[], float]
Found = TypeVar("Found")


class Deadline:
    """How long one answer, or one upload, may still take: `seconds`, and longer only while enough bytes go through."""

    def __init__(
        self, seconds: float, clock: Clock = time.monotonic, rate: float = LEAST_RATE, what: str = "an answer came"
    ) -> None:
        self.seconds, self.clock, self.rate, self.what = seconds, clock, rate, what
        self.waited, self.received = 0.0, 0
        self.most: int | None = None  # bytes

    @property
    def is_over(self) -> bool:
        return self.seconds + self.received / self.rate <= self.waited

    def left(self) -> float:
        """Seconds that are left; raises TimeoutError when none are."""
        left = self.seconds + self.received / self.rate - self.waited
        if self.is_over:
            raise TimeoutError(f"only {self.received:,} bytes of {self.what} in {self.waited:.0f} s")
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
    """A connection whose answers come in time, and are of a size; an object's is the one that it says beforehand.

    What is sent has to be taken in time, too: a server that reads a byte a second would keep an upload for days.
    """

    _sending: Deadline | None = None

    def request(self, method: str, *args: Any, **named: Any) -> Any:
        self._may_stream = method == "GET"
        self._sending = Deadline(self.timeout or LONGEST, rate=LEAST_SENT, what="a request were taken")  # type: ignore[attr-defined]
        try:
            return super().request(method, *args, **named)  # type: ignore[misc]
        finally:
            self._sending = None

    def send(self, data: Any) -> None:
        """Send some bytes; raises TimeoutError where the other side takes them too slowly."""
        deadline, send = self._sending, super().send  # type: ignore[misc]
        if deadline is None:
            send(data)
            return
        connection: Any = self
        if connection.sock is None:
            connection.connect()
        for block in _blocks(data):
            connection.sock.settimeout(min(deadline.seconds, deadline.left()))
            deadline.wait_for(partial(send, block))
            deadline.received += len(block)

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


def _blocks(data: Any) -> Iterator[memoryview]:
    whole = memoryview(data)
    for start in range(0, len(whole), SENT_AT_ONCE):
        yield whole[start : start + SENT_AT_ONCE]


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
    _limit(http_session_of(client))
    # botocore reads for ever where a connection ends within "100 Continue".
    client.meta.events.unregister("before-call.s3", add_expect_header)
    return client


def _limit(session: Any) -> None:
    session._pool_classes_by_scheme.update(http=_HTTPPool, https=_HTTPSPool)


@cache
def _built_in_handlers() -> HierarchicalEmitter:
    """What botocore registers in each session, once: registering it takes ten times as long as a copy of it."""
    emitter = HierarchicalEmitter()
    botocore.session.Session(event_hooks=emitter)
    return emitter


class CredentialProgram(subprocess.Popen[bytes]):
    """A `credential_process`, which has to end in time; a person may have to sign in meanwhile."""

    def communicate(self, *args: Any, **named: Any) -> tuple[bytes, bytes]:
        """What it has said; raises CredentialRetrievalError, and ends it, where it takes too long."""
        try:
            return super().communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            self.kill()
            for pipe in (self.stdout, self.stderr):  # a program that it has started may hold them
                if pipe is not None:
                    pipe.close()
            self.wait()
            raise CredentialRetrievalError(
                provider=ProcessProvider.METHOD,
                error_msg=f"the profile's credential_process should have ended after {LONGEST:g} s, and had not; it "
                "was ended. Run it by hand to see what it waits for",
            ) from None


def _limit_programs(builder: Any) -> None:
    make = builder._create_process_provider

    def limited(name: str) -> Any:
        provider = make(name)
        provider._popen = CredentialProgram
        return provider

    builder._create_process_provider = limited


class Session(botocore.session.Session):  # type: ignore[misc]
    """A session of botocore whose clients, those that get credentials too, read every answer against a deadline.

    So do the fetchers of credentials that are no clients: of a container, and of the machine. A program that gives
    credentials has to end in time, whoever it is asked for.
    """

    def __init__(self, profile: str | None = None) -> None:
        super().__init__(event_hooks=copy(_built_in_handlers()), include_builtin_handlers=False, profile=profile)

    def get_credentials(self) -> Any:
        if self._credentials is None:
            for provider in self.get_component("credential_provider").providers:
                if isinstance(provider, ContainerProvider):
                    _limit(provider._fetcher._session)
                elif isinstance(provider, InstanceMetadataProvider):
                    _limit(provider._role_fetcher._session)
                elif isinstance(provider, ProcessProvider):
                    provider._popen = CredentialProgram
                elif isinstance(provider, AssumeRoleProvider):  # makes one for the profile that it starts from
                    _limit_programs(provider._profile_provider_builder)
        return super().get_credentials()

    def create_client(self, *args: Any, **named: Any) -> Any:
        return with_deadlines(super().create_client(*args, **named))
