"""How much of a processor one imported item costs, by three ways to the same server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import orjson
import pytest
from boto3.dynamodb.types import TypeDeserializer

from runbook_lib.aws.clients import CONFIG
from runbook_lib.aws.guard import TARGET, TARGET_WRITES, Calls, Guard
from runbook_lib.aws.wire import Patience, Wire
from runbook_lib.batch import Line, Target, batches, write_batch
from runbook_lib.datafile import fetch
from runbook_lib.ledger import Ledger
from tests.bench import ID, ROUNDS, OneFile, Way, measure, plain_line, show
from tests.bench.sink import Sink, running_sink

TABLE = "bench-dst-things"
FEW, MANY = 5_000, 25_000


@pytest.fixture
def sink() -> Iterator[Sink]:
    with running_sink() as running:
        yield running


@pytest.fixture
def session() -> boto3.Session:
    return boto3.Session(aws_access_key_id="bench", aws_secret_access_key="bench", region_name="us-east-2")


def by_resource(table: Any, lines: Sequence[bytes]) -> None:
    """The reference migration's way: Python objects and `batch_writer`."""
    deserialize = TypeDeserializer().deserialize
    with table.batch_writer() as writer:
        for line in lines:
            item = json.loads(line)["Item"]
            writer.put_item(Item={name: deserialize(value) for name, value in item.items()})


def by_client(client: Any, lines: Sequence[bytes]) -> None:
    """The low-level client with DynamoDB JSON, 25 puts a request."""
    for at in range(0, len(lines), 25):
        puts = [{"PutRequest": {"Item": orjson.loads(line)["Item"]}} for line in lines[at : at + 25]]
        while puts:
            puts = client.batch_write_item(RequestItems={TABLE: puts})["UnprocessedItems"].get(TABLE, [])


def by_wire(target: Target, cut: Sequence[list[Line]], threads: int) -> None:
    """Ours: the lines spliced into requests."""
    with ThreadPoolExecutor(threads) as pool:
        written = sum(outcome.written for outcome in pool.map(lambda batch: write_batch(target, batch), cut))
    assert written == sum(map(len, cut))


def from_file(target: Target, stored: OneFile, threads: int) -> None:
    """Ours with all that comes before it: fetch, MD5, gunzip, look at every line, gunzip again, cut, write."""
    with fetch(stored, "bucket", stored.file) as checked:
        by_wire(target, list(batches(checked.items())), threads)


def _target(client: Any, session: boto3.Session, calls: Calls) -> Target:
    guard = Guard("target", TARGET | TARGET_WRITES, calls)
    wire = Wire(client, session.get_credentials(), guard, write_tables=frozenset({TABLE}))
    return Target(wire, TABLE, ID, replace=True, patience=Patience(), stop=threading.Event())


@pytest.mark.bench
def test_an_item_costs_a_fraction_of_what_it_costs_with_boto3(
    sink: Sink, session: boto3.Session, tmp_path: Path
) -> None:
    lines = [plain_line(number) for number in range(MANY)]
    few, cut = lines[:FEW], list(batches(enumerate(lines, 1)))
    stored = OneFile(lines)
    resource = session.resource("dynamodb", endpoint_url=sink.endpoint)
    with (
        closing(session.client("dynamodb", endpoint_url=sink.endpoint)) as client,
        closing(resource.meta.client),
        closing(session.client("dynamodb", endpoint_url=sink.endpoint, config=CONFIG)) as own,
        closing(Ledger(tmp_path / "ledger.sqlite")) as ledger,
    ):
        target = _target(own, session, Calls())
        counted = _target(own, session, Calls(ledger.count_call))
        table = resource.Table(TABLE)
        reference = Way("(a) TypeDeserializer + batch_writer, 1 thread", FEW, lambda: by_resource(table, few))
        low_level = Way("(b) low-level client, DynamoDB JSON dicts, 1 thread", FEW, lambda: by_client(client, few))
        one = Way("(c) write_batch over Wire, 1 thread", MANY, lambda: by_wire(target, cut, 1))
        eight = Way("(c) write_batch over Wire, 8 threads", MANY, lambda: by_wire(target, cut, 8))
        whole = Way("(c) from the file on, calls in a ledger, 8 threads", MANY, lambda: from_file(counted, stored, 8))
        ways = (reference, low_level, one, eight, whole)
        measure(*ways)
    show(f"import: lines of {sum(map(len, lines)) // MANY} bytes, 25 a request, a sink on 127.0.0.1", *ways)
    assert sink.puts() == ROUNDS * sum(way.items for way in ways)
    assert reference.cpu_us / one.cpu_us > 4
    assert reference.cpu_us / eight.cpu_us > 4
    assert low_level.cpu_us / one.cpu_us > 2
    assert reference.cpu_us / whole.cpu_us > 3
    assert one.per_second / reference.per_second > 3
