"""Whoever drips bytes: every answer of every client ends, and so does every object."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ConnectionError, HTTPClientError
from botocore.utils import ContainerMetadataFetcher

from runbook_lib.aws.deadlines import LEAST_RATE, Deadline, Session
from runbook_lib.aws.endpoints import CONFIG, client_of, s3_client
from runbook_lib.aws.s3.objects import OBJECT_SECONDS, put_object, stream_object
from runbook_lib.errors import TransferError

TIMEOUT, SOON = 0.3, 15.0  # a drip here goes on for 40 seconds; the machine may be busy
QUICK = CONFIG.merge(Config(read_timeout=TIMEOUT, connect_timeout=2, retries={"total_max_attempts": 1}))
HEAD = b'HTTP/1.1 200 OK\r\nETag: "e"\r\nContent-Type: application/x-amz-json-1.0\r\n'


@contextmanager
def peer(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that says to every connection what the test says, in its own time."""
    listener, over = socket.create_server(("127.0.0.1", 0)), threading.Event()
    threads = []

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65536)
            talk(connection)

    def accept() -> None:
        while not over.is_set():
            with suppress(OSError):
                threads.append(threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True))
                threads[-1].start()

    listener.settimeout(0.05)
    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        over.set()
        accepting.join()
        listener.close()


def dripping(*parts: bytes) -> Callable[[socket.socket], None]:
    """The first part at once, each byte of the others just before the read timeout."""

    def talk(connection: socket.socket) -> None:
        connection.sendall(parts[0])
        for byte in b"".join(parts[1:]):
            connection.sendall(bytes([byte]))
            time.sleep(TIMEOUT / 3)

    return talk


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    return boto3.Session(botocore_session=Session())


BODY = HEAD + b"Content-Length: 400\r\n\r\n"
DRIPS = {
    "its body": (BODY, b"{" + b" " * 398 + b"}"),
    "its headers": (b"HTTP/1.1 200 OK\r\n", b"X-Slow: " + b"s" * 400 + b"\r\n\r\n"),
    "its chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n{\r\n" * 80),
    "its end": (HEAD + b"Connection: close\r\n\r\n", b"{" + b" " * 400),
}
CALLS: dict[str, Callable[[Any, str], Any]] = {
    "dynamodb": lambda s, url: client_of(s, "dynamodb", url, QUICK).list_tables(),
    "sts": lambda s, url: client_of(s, "sts", url, QUICK).get_caller_identity(),
    "s3": lambda s, url: s3_client(s, url, QUICK).list_objects_v2(Bucket="b"),
    "application-autoscaling": lambda s, url: client_of(s, "application-autoscaling", url, QUICK)
    .describe_scalable_targets(ServiceNamespace="dynamodb"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("service", "drip"), [*(("dynamodb", drip) for drip in DRIPS), *((service, "its body") for service in CALLS)]
)
def test_no_client_waits_longer_than_its_timeout_for_an_answer_that_drips(
    session: Any, service: str, drip: str
) -> None:
    with peer(dripping(*DRIPS[drip])) as url:
        began = time.monotonic()
        with pytest.raises((ConnectionError, HTTPClientError, BotoCoreError)):
            CALLS[service](session, url)
        assert time.monotonic() - began < SOON


@pytest.fixture
def slow_reader() -> Iterator[str]:
    """A server that takes some of a request at a time, each time before anybody gives up waiting."""
    listener, over = socket.socket(), threading.Event()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    listener.bind(("127.0.0.1", 0))
    listener.listen()

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection = listener.accept()[0]
                threading.Thread(target=take, args=(connection,), daemon=True).start()

    def take(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while not over.wait(0.01):
                connection.recv(16384)

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    over.set()
    listener.close()


BODY_SENT = b"x" * 60_000_000
UPLOADS: dict[str, Callable[[Any, str, Any], Any]] = {
    "a text": lambda s, url, how: s3_client(s, url, how).put_object(Bucket="b", Key="k", Body=BODY_SENT),
    "a file": lambda s, url, how: put_object(s3_client(s, url, how), "b", "k", io.BytesIO(BODY_SENT)),
    "an item": lambda s, url, how: client_of(s, "dynamodb", url, how).put_item(
        TableName="table", Item={"id": {"B": BODY_SENT}}
    ),
}


@pytest.mark.parametrize("by", UPLOADS)
def test_an_upload_that_is_taken_too_slowly_ends(
    session: Any, slow_reader: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read a little before the timeout, and the timeout of a socket begins anew with each block of a file."""
    monkeypatch.setattr("runbook_lib.aws.deadlines.LEAST_SENT", 1e9)
    began = time.monotonic()
    with pytest.raises((BotoCoreError, TransferError)):
        UPLOADS[by](session, slow_reader, QUICK.merge(Config(connect_timeout=TIMEOUT)))
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize("where", ["container", "machine"])
def test_fetchers_of_credentials_that_are_no_clients_do_not_wait_for_a_drip(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    with peer(dripping(*DRIPS["its body"])) as url:
        if where == "container":
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
        else:
            monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        for name, value in (("TIMEOUT_SECONDS", TIMEOUT), ("SLEEP_TIME", 0), ("RETRY_ATTEMPTS", 1)):
            monkeypatch.setattr(ContainerMetadataFetcher, name, value)
        session = Session()
        began = time.monotonic()
        try:
            found = session.get_credentials()
        except BotoCoreError:
            found = None
        assert found is None
        assert time.monotonic() - began < SOON


@pytest.mark.parametrize("answer", [b"HTTP/1.1 100 Continue\r\n", b"HTTP/1.1 100 Continue\r\nX: y\r\n", b"HTTP/1.1 1"])
def test_an_upload_does_not_wait_for_a_word_to_go_on(session: Any, answer: bytes) -> None:
    """botocore asks for one, and reads on for ever when the connection ends within it."""
    with peer(dripping(answer)) as url:
        began = time.monotonic()
        with pytest.raises(TransferError):
            put_object(s3_client(session, url, QUICK), "b", "k", io.BytesIO(b"body"))
        assert time.monotonic() - began < SOON


def test_an_object_that_drips_ends_though_each_attempt_brings_some_of_it(session: Any) -> None:
    clock = Time()

    def talk(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 2000000\r\n\r\n" + b"x" * 600)
        clock.now += 60  # so long this attempt took

    with peer(talk) as url:
        s3 = s3_client(session, url, QUICK)
        with pytest.raises(TransferError, match="of 2,000,000 bytes came in") as caught:
            for _ in stream_object(s3, "b", "k", sleep=clock.sleep, clock=clock):
                pass
    assert caught.value.transient
    assert clock.now <= OBJECT_SECONDS + 2_000_000 / LEAST_RATE + 200


def test_the_time_of_whoever_reads_an_object_is_not_the_servers(session: Any) -> None:
    clock, content = Time(), b"x" * 1_000_000

    def talk(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 1000000\r\n\r\n" + content)

    with peer(talk) as url:
        read = b""
        for block in stream_object(s3_client(session, url, QUICK), "b", "k", sleep=clock.sleep, clock=clock):
            read += block
            clock.now += 10 * OBJECT_SECONDS
    assert read == content


def test_an_answer_without_end_is_not_kept_in_memory(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runbook_lib.aws.deadlines.MOST_BYTES", 100_000)

    def talk(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(2_000):
            connection.sendall(b"1000\r\n" + b" " * 0x1000 + b"\r\n")

    with peer(talk) as url, pytest.raises(BotoCoreError, match="more than"):
        client_of(session, "dynamodb", url, QUICK).list_tables()


def test_a_deadline_grows_with_what_came_and_not_with_each_byte() -> None:
    drip, steady = Deadline(10.0), Deadline(10.0)
    for _ in range(2):
        assert drip.left() > 0
        drip.took(9.0, 1)
    with pytest.raises(TimeoutError):
        drip.left()
    for _ in range(100):
        assert steady.left() > 0
        steady.took(1.0, int(LEAST_RATE))


class Time:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
