"""A large object comes whole over a connection that does not hold."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from botocore.config import Config

from runbook_lib.aws.s3.objects import ATTEMPTS, stream_object
from runbook_lib.errors import TransferError

BODY = bytes(range(256)) * 4000


class Bucket(ThreadingHTTPServer):
    """One object; each answer breaks after `holds` bytes of it, the first ones say `refusals` instead."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.holds, self.asked, self.ends_otherwise = len(BODY), 0, 0
        self.refusals: list[tuple[int, str]] = []
        self.too_long: list[int] = []
        self.says = {"ETag": '"one"', "Content-Length": ""}


class Handler(BaseHTTPRequestHandler):
    server: Bucket

    def do_GET(self) -> None:
        self.server.asked += 1
        if self.server.refusals:
            status, code = self.server.refusals.pop(0)
            self._answer(status, f"<Error><Code>{code}</Code></Error>".encode())
            return
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        left = BODY[start:]
        if start and not left:
            size = len(BODY) + self.server.ends_otherwise
            self._answer(
                416, f"<Error><Code>InvalidRange</Code><ActualObjectSize>{size}</ActualObjectSize></Error>".encode()
            )
            return
        self._answer(206 if start else 200, left, min(len(left), self.server.holds))

    def _answer(self, status: int, content: bytes, holds: int | None = None) -> None:
        self.send_response(status)
        length = len(content) + (self.server.too_long.pop(0) if self.server.too_long and status == 200 else 0)
        for name, said in (self.server.says | {"Content-Length": str(length)}).items():
            if name in self.server.says:
                self.send_header(name, said)
        self.end_headers()
        with suppress(OSError):  # whoever was told less has gone
            self.wfile.write(content[:holds])
        if holds is not None and holds < len(content):  # a reset, not an orderly end
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def read(bucket: Bucket) -> bytes:
    settings = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    url = f"http://127.0.0.1:{bucket.server_address[1]}"
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    s3 = boto3.client("s3", "us-east-2", endpoint_url=url, config=settings, **keys)
    try:
        return b"".join(stream_object(s3, "bucket", "key", sleep=lambda seconds: None))
    finally:
        s3.close()


def test_as_many_breaks_as_it_takes_while_bytes_arrive(bucket: Bucket) -> None:
    bucket.holds = 40_000  # less than is taken at once on a good connection
    assert read(bucket) == BODY
    assert bucket.asked > 2 * ATTEMPTS


@pytest.mark.parametrize("more", [1, 10**15, -2 * len(BODY)], ids=["one more", "huge", "negative"])
def test_a_length_that_was_wrong_once_ends_nothing(bucket: Bucket, more: int) -> None:
    bucket.too_long = [more]
    assert read(bucket) == BODY


def test_an_object_that_ends_before_what_has_come_of_it_cannot_be_read(bucket: Bucket) -> None:
    bucket.too_long, bucket.ends_otherwise = [1], -5
    with pytest.raises(TransferError, match="cannot be read"):
        read(bucket)


def test_a_connection_that_brings_nothing_is_given_up(bucket: Bucket) -> None:
    bucket.holds = 0
    with pytest.raises(TransferError, match=rf"broke {ATTEMPTS} times at byte 0"):
        read(bucket)
    assert bucket.asked == ATTEMPTS


@pytest.mark.parametrize("refusal", [(400, "ExpiredToken"), (503, "SlowDown"), (500, "InternalError")])
def test_what_may_pass_is_asked_again(bucket: Bucket, refusal: tuple[int, str]) -> None:
    bucket.refusals = [refusal, refusal]
    assert read(bucket) == BODY


def test_a_refusal_for_good_is_not_asked_again(bucket: Bucket) -> None:
    bucket.refusals = [(403, "AccessDenied")]
    with pytest.raises(TransferError, match="cannot be read"):
        read(bucket)
    assert bucket.asked == 1


@pytest.mark.parametrize("left_out", ["ETag", "Content-Length"])
def test_an_answer_that_lacks_what_every_object_has_is_named(bucket: Bucket, left_out: str) -> None:
    """Without them nobody knows whether what comes is whole, and of one object."""
    del bucket.says[left_out]
    with pytest.raises(TransferError, match=f"should say its {left_out}"):
        read(bucket)
