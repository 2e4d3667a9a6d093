"""How much of a processor one imported item costs, by three ways to the same server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import boto3
import orjson
import pytest
from boto3.dynamodb.types import TypeDeserializer

from runbook_lib.aws.endpoints import CONFIG
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.load.engine.batch_write import Line, Target, batches
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.lane_queue import OpenFile
from runbook_lib.load.engine.pipeline import send_files
from tests.bench import ROUNDS, OneFile, Way, measure, plain_line, show
from tests.bench.engine import FILES, TABLE, by_engine, engine_target
from tests.bench.sink import Sink, running_sink

FEW, MANY = 5_000, 50_000
SINGLY = 1_000


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


def by_conditional_client(client: Any, lines: Sequence[bytes]) -> None:
    """The low-level client, one conditional put a request."""
    for line in lines:
        client.put_item(
            TableName=TABLE, Item=orjson.loads(line)["Item"], ConditionExpression="attribute_not_exists(#key)",
            ExpressionAttributeNames={"#key": "id"}, ReturnConsumedCapacity="INDEXES",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )  # fmt: skip


def by_wire(target: Target, cut: Sequence[list[Line]]) -> None:
    """Ours, only the writing: lines in memory, spliced into requests that one loop keeps in flight."""
    each = -(-len(cut) // FILES)
    parts = [cut[at : at + each] for at in range(0, len(cut), each)]
    files = [FileCheckpoint(DataFile(n, str(n), "", sum(map(len, part))), 0, 0, 0) for n, part in enumerate(parts)]

    def open_file(file: FileCheckpoint) -> OpenFile:
        return OpenFile(file, iter(parts[file.file.ordinal]), ExitStack(), file.file.items, 1_000)

    send_files(files, target, open_file, lambda file, outcome: None, lambda: None)
    assert sum(file.written for file in files) == sum(map(len, cut))


@pytest.mark.bench
def test_an_item_that_is_added_costs_less_than_a_conditional_put_of_boto3(
    sink: Sink, session: boto3.Session, tmp_path: Path
) -> None:
    """`append` sends one item a request, for a batch has no condition; both ways pay for that."""
    lines = [plain_line(number) for number in range(4 * SINGLY)]
    stored = [OneFile(lines[n::FILES], n) for n in range(FILES)]
    with (
        closing(session.client("dynamodb", endpoint_url=sink.endpoint)) as client,
        closing(session.client("dynamodb", endpoint_url=sink.endpoint, config=CONFIG)) as own,
    ):
        low_level = Way("(a) low-level client, conditional put_item, 1 thread", SINGLY,
                        lambda: by_conditional_client(client, lines[:SINGLY]))  # fmt: skip
        whole = Way("(b) ours with append, from the stored files on", len(lines),
                    lambda: by_engine(session, own, stored, tmp_path, append=True))  # fmt: skip
        measure(low_level, whole)
    show("append", f"Lines of {sum(map(len, lines)) // len(lines)} bytes, 1 a request, HTTP to a sink on 127.0.0.1",
         low_level, whole)  # fmt: skip
    assert sink.puts() == ROUNDS * (SINGLY + len(lines))
    assert whole.ratio(low_level) >= 1.5


@pytest.mark.bench
def test_an_item_costs_a_fraction_of_what_it_costs_with_boto3(
    sink: Sink, session: boto3.Session, tmp_path: Path
) -> None:
    lines = [plain_line(number) for number in range(MANY)]
    few, cut = lines[:FEW], list(batches(enumerate(lines, 1)))
    stored = [OneFile(lines[n::FILES], n) for n in range(FILES)]
    resource = session.resource("dynamodb", endpoint_url=sink.endpoint)
    with (
        closing(session.client("dynamodb", endpoint_url=sink.endpoint)) as client,
        closing(resource.meta.client),
        closing(session.client("dynamodb", endpoint_url=sink.endpoint, config=CONFIG)) as own,
    ):
        table = resource.Table(TABLE)
        reference = Way("(a) TypeDeserializer + batch_writer, 1 thread", FEW, lambda: by_resource(table, few))
        low_level = Way("(b) low-level client, DynamoDB JSON dicts, 1 thread", FEW, lambda: by_client(client, few))
        one = Way("(c) ours, only the writing", MANY, lambda: by_wire(engine_target(own, session, Calls()), cut))
        whole = Way("(d) ours, from the stored files on", MANY, lambda: by_engine(session, own, stored, tmp_path))
        ways = (reference, low_level, one, whole)
        measure(*ways)
    show("import", f"Lines of {sum(map(len, lines)) // MANY} bytes, 25 a request, HTTP to a sink on 127.0.0.1", *ways)
    assert sink.puts() == ROUNDS * sum(way.items for way in ways)
    assert whole.ratio(reference) >= 20
    assert one.ratio(reference) >= 30
    assert low_level.ratio(reference) < whole.ratio(reference) / 5
