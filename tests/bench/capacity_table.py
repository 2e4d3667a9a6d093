"""A table with the capacity of a real one: key ranges, a table limit, delays, throttling; in a process of its own.

Each put costs its size in KB, rounded up, and each delete one unit, from the token bucket of its key range and from
the table's.
What the buckets cannot pay comes back as UnprocessedItems, or, if that is the whole batch, as an
exception with ThrottlingReasons. Answers take 5 to 15 ms. A GET answers with what was asked and taken,
a POST to /limits changes the table's limit.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import socket
import subprocess
import sys
import time
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

REGION_LIMIT = 1_000.0  # write units per second of one key range


@dataclass(frozen=True, slots=True)
class Shape:
    """What the table is: so many key ranges and write units per second; `burst` is seconds of saved-up units."""

    ranges: int
    table_limit: float
    range_limit: float = REGION_LIMIT
    burst: float = 0.5
    reasons: bool = True


@dataclass(frozen=True, slots=True)
class Account:
    """What the table has seen: write units asked for and taken, requests, and seconds from first to last."""

    asked: float
    taken: float
    requests: int
    seconds: float
    saved_up: float
    per_second: list[float]

    @property
    def throttled(self) -> float:
        return (self.asked - self.taken) / self.asked

    def used(self, limit: float) -> float:
        """The share of what there was to take, at so many units per second and with what had been saved up."""
        return self.taken / (limit * self.seconds + self.saved_up)


def position(key: str) -> float:
    """Where a key stands in the hash range, from 0 to 1."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest()) / 2**32


@dataclass(frozen=True, slots=True)
class CapacityTable:
    """A running table."""

    endpoint: str

    def account(self) -> Account:
        with urllib.request.urlopen(self.endpoint, timeout=10) as answer:
            return Account(**json.load(answer))


@contextmanager
def running_table(shape: Shape) -> Iterator[CapacityTable]:
    """Start a table on a free port of 127.0.0.1; it ends with the block, or with this process."""
    command = [sys.executable, str(Path(__file__)), json.dumps(asdict(shape))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield CapacityTable(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.terminate()


class Bucket:
    """Tokens that come back at a rate, up to `burst` seconds of them."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.most = rate, rate * burst
        self.tokens, self.at = self.most, time.monotonic()

    def fill(self, now: float) -> None:
        self.tokens = min(self.most, self.tokens + (now - self.at) * self.rate)
        self.at = now


class Table:
    """The buckets, and what they have seen."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.ranges = [Bucket(shape.range_limit, shape.burst) for _ in range(shape.ranges)]
        self.whole = Bucket(shape.table_limit, shape.burst)
        self.asked = self.taken = 0.0
        self.requests, self.first, self.last = 0, 0.0, 0.0
        self.seconds: dict[int, float] = {}
        self.rng = random.Random(7)

    def put(self, body: bytes) -> tuple[int, bytes]:
        [(name, puts)] = orjson.loads(body)["RequestItems"].items()
        now = time.monotonic()
        self.first = self.first or now
        self.last = now
        self.requests += 1
        self.whole.fill(now)
        left, units, reason = [], 0.0, ""
        for put in puts:
            item = put["PutRequest"]["Item"] if "PutRequest" in put else put["DeleteRequest"]["Key"]
            cost = float(-(-len(orjson.dumps(item)) // 1024))
            bucket = self.ranges[min(int(position(item["id"]["S"]) * len(self.ranges)), len(self.ranges) - 1)]
            bucket.fill(now)
            self.asked += cost
            if bucket.tokens >= cost and self.whole.tokens >= cost:
                bucket.tokens -= cost
                self.whole.tokens -= cost
                units += cost
            else:
                reason = "KeyRangeThroughputExceeded" if bucket.tokens < cost else "ProvisionedThroughputExceeded"
                left.append(put)
        self.taken += units
        self.seconds[int(now - self.first)] = self.seconds.get(int(now - self.first), 0.0) + units
        if len(left) == len(puts):
            return 400, self._refusal(name, reason)
        answer: dict[str, Any] = {"UnprocessedItems": {name: left} if left else {}}
        answer["ConsumedCapacity"] = [{"TableName": name, "CapacityUnits": units, "Table": {"CapacityUnits": units}}]
        return 200, orjson.dumps(answer)

    def _refusal(self, name: str, reason: str) -> bytes:
        code = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
        arn = f"arn:aws:dynamodb:us-east-2:111122223333:table/{name}"
        said: dict[str, Any] = {"__type": code, "message": "The level of configured throughput was exceeded"}
        if self.shape.reasons:
            said["ThrottlingReasons"] = [{"reason": f"TableWrite{reason}", "resource": arn}]
        return orjson.dumps(said)

    def account(self) -> Account:
        burst = min(sum(b.most for b in self.ranges), self.whole.most)
        seconds = [self.seconds.get(n, 0.0) for n in range(int(self.last - self.first) + 1)]
        return Account(self.asked, self.taken, self.requests, self.last - self.first, burst, seconds)


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection that is kept open."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._received = bytearray()
        self._wanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= self._wanted and (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).lower()
            _, found, rest = head.partition(b"\r\ncontent-length:")
            self._wanted = end + 4 + (int(rest.split(b"\r\n", 1)[0]) if found else 0)
            if len(self._received) < self._wanted:
                return
            body = bytes(self._received[end + 4 : self._wanted])
            del self._received[: self._wanted]
            self._wanted = 0
            self._answer(head, body)

    def _answer(self, head: bytes, body: bytes) -> None:
        table, delay = self._table, 0.0
        if head.startswith(b"get "):
            status, content = 200, json.dumps(asdict(table.account())).encode()
        else:
            status, content = table.put(body)
            delay = table.rng.uniform(0.005, 0.015)
        said = f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\nx-amz-crc32: {zlib.crc32(content)}\r\n\r\n"
        asyncio.get_running_loop().call_later(delay, self._write, said.encode() + content)

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


async def _serve(shape: Shape) -> None:
    """Serve until the pipe from whoever started this is closed."""
    loop = asyncio.get_running_loop()
    table = Table(shape)
    server = await loop.create_server(lambda: Connection(table), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(_serve(Shape(**json.loads(sys.argv[1]))))
