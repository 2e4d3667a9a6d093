"""A DynamoDB table and its export in S3, made while they are read: what is measured against it is the reader.

`python -m tests.bench.readable ITEMS FILES DELAY` serves so many items until its standard input ends, each answer so
many seconds late. Every item is made of its number, so that both sides hold the same ones, however many.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from isal import igzip

from runbook_lib.export_format.manifest import DataFile
from tests.bench import plain_id, plain_line
from tests.bench.sink import IDENTITY, answer_of, described

TABLE = "bench-dst-things"
PAGE_BYTES = 1 << 20
_HEAD, _TAIL = plain_line(0).split(plain_id(0).encode())
LINE = len(_HEAD) + len(_TAIL) + 26  # bytes


def line(number: int) -> bytes:
    """The line of one item; keys are spread as DynamoDB spreads them."""
    return b"%b%016x-%09d%b" % (_HEAD, number * 0x9E3779B97F4A7C15 % 2**64, number, _TAIL)


def part(whole: int, number: int, of: int) -> range:
    """Which items are in one of so many files or segments."""
    return range(whole * number // of, whole * (number + 1) // of)


def stored(items: int, number: int, of: int) -> bytes:
    """A data file of the export."""
    return bytes(igzip.compress(b"".join(line(n) + b"\n" for n in part(items, number, of)), 1, mtime=0))


def files_of(items: int, of: int) -> list[DataFile]:
    """The files, as a manifest names them."""
    return [
        DataFile(
            number, f"data/{number:05}.json.gz",
            base64.b64encode(hashlib.md5(stored(items, number, of), usedforsecurity=False).digest()).decode(),
            len(part(items, number, of)),
        )
        for number in range(of)
    ]  # fmt: skip


@contextmanager
def readable_table(items: int, files: int, delay: float = 0.0) -> Iterator[str]:
    """Serve a table of so many items and its export; yields where."""
    command = [sys.executable, "-m", "tests.bench.readable", str(items), str(files), str(delay)]
    place = Path(__file__).parents[2]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=place
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def _scanned(items: int, body: bytes) -> bytes:
    asked = json.loads(body)
    within = part(items, asked.get("Segment", 0), asked.get("TotalSegments", 1))
    after = asked.get("ExclusiveStartKey")
    begin = int(after["id"]["S"].rpartition("-")[2]) + 1 if after else within.start
    page = range(begin, min(within.stop, begin + PAGE_BYTES // LINE))
    held = b",".join(line(n)[len(b'{"Item":') : -1] for n in page)
    last = b'"LastEvaluatedKey":{"id":{"S":"%b"}},' % _id(page.stop - 1) if page.stop < within.stop else b""
    units = b'{"TableName":"%b","CapacityUnits":%.1f}' % (TABLE.encode(), max(1, len(held) / 4096))
    return b'{"ConsumedCapacity":%b,"Count":%d,"Items":[%b],%b"ScannedCount":%d}' % (
        units, len(page), held, last, len(page),
    )  # fmt: skip


def _id(number: int) -> bytes:
    return b"%016x-%09d" % (number * 0x9E3779B97F4A7C15 % 2**64, number)


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection that is kept open."""

    def __init__(self, items: int, files: int, delay: float) -> None:
        self._items, self._delay, self._received = items, delay, bytearray()
        self._stored = cache(lambda number: answer_of(stored(items, number, files), "binary/octet-stream"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).lower()
            length = re.search(rb"\r\ncontent-length: *(\d+)", head)
            wanted = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < wanted:
                return
            answer = self._answer(head, bytes(self._received[end + 4 : wanted]))
            asyncio.get_running_loop().call_later(self._delay, self._transport.write, answer)
            del self._received[:wanted]

    def _answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"get "):
            file = re.search(rb"data/(\d+)\.json", head)
            assert file
            return self._stored(int(file[1]))
        if b"x-www-form-urlencoded" in head:
            return IDENTITY
        if b"describetable" in head:
            return described(body)
        return answer_of(_scanned(self._items, body))


async def _serve(items: int, files: int, delay: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(items, files, delay), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
