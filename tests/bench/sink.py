"""A DynamoDB that acknowledges every BatchWriteItem and PutItem at once and keeps nothing, in a process of its own.

What is measured against it is the client. It says that every table is there, and may hand out one stored file
under every key as S3 would. A GET of / answers with how many requests and puts came in, and its processor time.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sink:
    """A running sink."""

    endpoint: str

    def puts(self) -> int:
        """The items that have come in since it was started."""
        return int(self.counts()["puts"])

    def counts(self) -> dict[str, float]:
        """What has come in since it was started, and the seconds of `cpu` that it took."""
        with urllib.request.urlopen(self.endpoint, timeout=10) as answer:
            counts: dict[str, float] = json.load(answer)
            return counts


@contextmanager
def running_sink(delay: float = 0.0, stored: Path | None = None) -> Iterator[Sink]:
    """Start a sink on a free port of 127.0.0.1; it ends with the block, or with this process.

    With a delay, puts are answered so many seconds late; `stored` is the file that S3 has under every key.
    """
    command = [sys.executable, str(Path(__file__)), str(delay), *([str(stored)] if stored else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Sink(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.terminate()


def answer_of(body: bytes, kind: str = "application/x-amz-json-1.0") -> bytes:
    """An HTTP answer with this body."""
    head = (
        f'HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nETag: "bench"\r\n'
        f"Content-Length: {len(body)}\r\nx-amz-crc32: {zlib.crc32(body)}\r\nx-amzn-RequestId: SINK\r\n\r\n"
    )
    return head.encode() + body


ACCOUNT = "111122223333"
IDENTITY = answer_of(
    b"<GetCallerIdentityResponse><GetCallerIdentityResult>"
    b"<Arn>arn:aws:iam::%b:user/bench</Arn><UserId>bench</UserId><Account>%b</Account>"
    b"</GetCallerIdentityResult></GetCallerIdentityResponse>" % (ACCOUNT.encode(), ACCOUNT.encode()),
    "text/xml",
)
ACKNOWLEDGED = answer_of(b'{"UnprocessedItems":{}}')


class Counts:
    """What has come in."""

    def __init__(self) -> None:
        self.requests = self.puts = 0


def described(body: bytes) -> bytes:
    """A table that is there, as DescribeTable says it."""
    table = {"TableArn": f"arn:aws:dynamodb:us-east-2:{ACCOUNT}:table/{json.loads(body)['TableName']}"}
    return answer_of(json.dumps({"Table": table}).encode())


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection that is kept open; knows just as much HTTP as botocore speaks."""

    def __init__(self, counts: Counts, delay: float, stored: bytes) -> None:
        self._counts, self._delay, self._stored = counts, delay, stored
        self._received = bytearray()
        self._wanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        while len(received) >= self._wanted and (end := received.find(b"\r\n\r\n")) >= 0:
            head = bytes(received[:end]).lower()
            _, found, rest = head.partition(b"\r\ncontent-length:")
            self._wanted = end + 4 + (int(rest.split(b"\r\n", 1)[0]) if found else 0)
            if len(received) < self._wanted:
                return
            if head.startswith(b"get / "):
                counts = vars(self._counts) | {"cpu": time.process_time()}
                self._transport.write(answer_of(json.dumps(counts).encode()))
            elif head.startswith(b"get "):
                self._transport.write(self._stored)
            elif b"x-www-form-urlencoded" in head:
                self._transport.write(IDENTITY)
            elif b"describetable" in head:
                self._transport.write(described(bytes(received[end + 4 : self._wanted])))
            else:
                self._counts.requests += 1
                self._counts.puts += received.count(b'"PutRequest"', end, self._wanted) or b".putitem" in head
                if self._delay:
                    asyncio.get_running_loop().call_later(self._delay, self._transport.write, ACKNOWLEDGED)
                else:
                    self._transport.write(ACKNOWLEDGED)
            del received[: self._wanted]
            self._wanted = 0


async def _serve(delay: float, stored: bytes) -> None:
    """Serve until the pipe from whoever started this is closed."""
    loop = asyncio.get_running_loop()
    counts = Counts()
    server = await loop.create_server(lambda: Connection(counts, delay, stored), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


if __name__ == "__main__":
    file = Path(sys.argv[2]).read_bytes() if len(sys.argv) > 2 else b""
    asyncio.run(_serve(float(sys.argv[1]), answer_of(file, "binary/octet-stream")))
