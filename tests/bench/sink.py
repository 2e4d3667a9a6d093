"""A DynamoDB that acknowledges every BatchWriteItem at once and keeps nothing, in a process of its own.

What is measured against it is the client. A GET answers with how many requests and puts came in.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
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
        with urllib.request.urlopen(self.endpoint, timeout=10) as answer:
            return int(json.load(answer)["puts"])


@contextmanager
def running_sink(delay: float = 0.0) -> Iterator[Sink]:
    """Start a sink on a free port of 127.0.0.1; it ends with the block, or with this process.

    With a delay, puts are answered so many seconds late.
    """
    with subprocess.Popen(
        [sys.executable, str(Path(__file__)), str(delay)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield Sink(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.terminate()


def _answer(body: bytes) -> bytes:
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"Content-Length: {len(body)}\r\nx-amz-crc32: {zlib.crc32(body)}\r\nx-amzn-RequestId: SINK\r\n\r\n"
    )
    return head.encode() + body


ACKNOWLEDGED = _answer(b'{"UnprocessedItems":{}}')


class Counts:
    """What has come in."""

    def __init__(self) -> None:
        self.requests = self.puts = 0


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection that is kept open; knows just as much HTTP as botocore speaks."""

    def __init__(self, counts: Counts, delay: float) -> None:
        self._counts, self._delay = counts, delay
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
            if head.startswith(b"get "):
                self._transport.write(_answer(json.dumps(vars(self._counts)).encode()))
            else:
                self._counts.requests += 1
                self._counts.puts += received.count(b'"PutRequest"', end, self._wanted)
                if self._delay:
                    asyncio.get_running_loop().call_later(self._delay, self._transport.write, ACKNOWLEDGED)
                else:
                    self._transport.write(ACKNOWLEDGED)
            del received[: self._wanted]
            self._wanted = 0


async def _serve(delay: float) -> None:
    """Serve until the pipe from whoever started this is closed."""
    loop = asyncio.get_running_loop()
    counts = Counts()
    server = await loop.create_server(lambda: Connection(counts, delay), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
