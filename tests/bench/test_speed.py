"""What an item costs us in CPU time, beside the usual ways, measured in the same run against a null sink.

A local sink answers at once: this measures the client and says nothing about DynamoDB. Only ratios hold.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeDeserializer

from runbook_lib.aws.guard import TARGET, TARGET_WRITES, Calls, Guard
from runbook_lib.aws.wire import Patience, Wire
from runbook_lib.batch import Target, batches, write_batch
from runbook_lib.buckets import Buckets, digests
from runbook_lib.items import KeyAttribute, parse_line

pytestmark = pytest.mark.bench
KEY = (KeyAttribute("id", "S", "HASH"),)
ITEMS = 10_000
SINK = """
import asyncio, zlib
BODY = b'{"UnprocessedItems":{}}'
HEAD = b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nx-amz-crc32: %d\\r\\n\\r\\n"
ANSWER = HEAD % (len(BODY), zlib.crc32(BODY)) + BODY
class Sink(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.left, self.head = transport, 0, b""
    def data_received(self, data):
        while data:
            if self.left == 0:
                self.head += data
                at = self.head.find(b"\\r\\n\\r\\n")
                if at < 0:
                    return
                head, data = self.head[:at].lower(), self.head[at + 4:]
                self.head = b""
                self.left = int(head.split(b"content-length:")[1].split(b"\\r\\n")[0])
                if b"100-continue" in head:
                    self.transport.write(b"HTTP/1.1 100 Continue\\r\\n\\r\\n")
            used = min(self.left, len(data))
            self.left -= used
            data = data[used:]
            if self.left == 0:
                self.transport.write(ANSWER)
async def main():
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def sink() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """Export lines of about 450 bytes with all ten types."""
    return [
        b'{"Item":' + json.dumps(
            {
                "id": {"S": f"loan-{n:012}"}, "amount": {"N": f"{n}.25"}, "rate": {"N": "0.0475"},
                "open": {"BOOL": True},
                "closed_at": {"NULL": True}, "borrower": {"S": "x" * 60}, "tags": {"SS": ["a", "b"]},
                "raw": {"B": "AAEC"},
                "scores": {"NS": ["710", "695"]}, "proofs": {"BS": ["AAE=", "AQI="]},
                "address": {"M": {"city": {"S": "Springfield"}, "zip": {"S": "00000"}}},
                "history": {"L": [{"S": "created"}, {"N": "1"}]},
            },
            separators=(",", ":"),
        ).encode() + b"}"
        for n in range(ITEMS)
    ]  # fmt: skip


def client(sink: str, kind: str = "client") -> Any:
    make = getattr(boto3, kind)
    return make("dynamodb", "us-east-2", endpoint_url=sink, aws_access_key_id="x", aws_secret_access_key="x")


def measured(name: str, work: Callable[[], object], count: int) -> float:
    """CPU microseconds per item of this process, printed with the items per second."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"  {name:<52} {cpu / count * 1e6:8.1f} us CPU/item {count / wall:12,.0f} items/s")
    return cpu / count


def test_import_costs_a_fraction_of_the_usual_ways(sink: str, lines: list[bytes]) -> None:
    print(f"\nimport, {ITEMS:,} items of {sum(map(len, lines)) // ITEMS} bytes, null sink:")
    few = lines[: ITEMS // 4]

    def usual() -> None:
        parse = TypeDeserializer().deserialize
        with client(sink, "resource").Table("t").batch_writer() as writer:
            for line in few:
                writer.put_item(Item={k: parse(v) for k, v in _decoded(json.loads(line)["Item"]).items()})

    def low_level() -> None:
        api = client(sink)
        for at in range(0, len(few), 25):
            puts = [{"PutRequest": {"Item": _decoded(json.loads(line)["Item"])}} for line in few[at : at + 25]]
            api.batch_write_item(RequestItems={"t": puts})

    def ours(threads: int) -> None:
        api = client(sink)
        credentials = boto3.Session("x", "x").get_credentials()
        wire = Wire(api, credentials, Guard("target", TARGET | TARGET_WRITES, Calls()), frozenset({"t"}))
        target = Target(wire, "t", KEY, True, Patience(), threading.Event())
        with ThreadPoolExecutor(threads) as pool:
            done = pool.map(lambda b: write_batch(target, b).written, batches(enumerate(lines, 1)))
            assert sum(done) == ITEMS

    base = measured("TypeDeserializer + batch_writer (the reference)", usual, len(few))
    low = measured("low-level client, dicts", low_level, len(few))
    one = measured("ours, 1 thread", lambda: ours(1), ITEMS)
    eight = measured("ours, 8 threads", lambda: ours(8), ITEMS)
    print(f"  reference / ours: {base / one:.1f} x (1 thread), {base / eight:.1f} x (8 threads)")
    print(f"  low-level / ours: {low / one:.1f} x")
    assert base / one > 4
    assert low / one > 2


def test_comparison_costs_little_and_its_memory_does_not_grow(lines: list[bytes]) -> None:
    print(f"\ncomparison, {ITEMS:,} items of {sum(map(len, lines)) // ITEMS} bytes, one core:")

    def plain() -> None:
        import hashlib

        for line in lines:
            hashlib.sha256(json.dumps(json.loads(line), sort_keys=True).encode()).digest()

    def ours() -> None:
        buckets = Buckets()
        for line in lines:
            buckets.add(*digests(parse_line(line), KEY))

    base = measured("json, sorted, sha256 (not even canonical)", plain, ITEMS)
    canonical = measured("canonical digests into buckets", ours, ITEMS)
    print(f"  plain / ours: {base / canonical:.2f} x")
    assert base / canonical > 0.5


def _decoded(item: dict[str, Any]) -> dict[str, Any]:
    """What boto3 wants: binary values as bytes."""
    import base64

    found = {}
    for name, attribute in item.items():
        ((kind, value),) = attribute.items()
        if kind == "B":
            value = base64.b64decode(value)
        elif kind == "BS":
            value = [base64.b64decode(v) for v in value]
        found[name] = {kind: value}
    return found
