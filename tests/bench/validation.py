"""Compare both sides of a table, in this process or in several, and print what it took.

`python -m tests.bench.validation` with a JSON object.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.offline import SWITCH
from runbook_lib.aws.session.worker_clients import WorkerClients, connect_worker
from runbook_lib.cluster.connect import greet
from runbook_lib.cluster.processes import Processes, worker_processes
from runbook_lib.cluster.protocol import Message, UnitContext, WorkerContext
from runbook_lib.cluster.roster import WorkerRoster
from runbook_lib.config.model import Migration
from runbook_lib.items.keyed import RunSecret
from runbook_lib.run.ledger import Ledger
from runbook_lib.validate.bucket_digest import BucketDigest
from runbook_lib.validate.checkpoint import DigestCheckpoint
from runbook_lib.validate.distributed import DistributedDigest
from runbook_lib.validate.readers import (
    ExportReader,
    TableReader,
    export_buckets,
    segments_for,
    table_buckets,
    threads_for,
)
from tests.bench import ID, engine_run
from tests.bench.memory import peak_mb
from tests.bench.readable import LINE, TABLE, files_of
from tests.bench.sink import ACCOUNT

PLACE = ["us-east-2", ACCOUNT]


def settings(endpoint: str) -> Migration:
    side = {"region": "us-east-2", "endpoint_url": endpoint}
    return Migration.model_validate(
        {"name": "bench", "source": side, "target": side, "staging": {"bucket": "bench"} | side,
         "tables": {"include": ["*"]}}
    )  # fmt: skip


def used(desk: WorkerContext) -> Message:
    """What a worker process has used of a processor, and the most memory that it had."""
    return {"process": desk.process, "cpu": time.process_time(), "peak": peak_mb()}


def used_by_all(engine: Processes) -> dict[str, Message]:
    told = [engine.submit(used) for _ in range(4 * engine.slots())]
    return {answer["process"]: answer for answer in (future.result() for future in told)}


def by_boto3(clients: WorkerClients, items: int, files: int) -> None:
    """What one would write first: both sides by boto3, every item as a sorted text, hashed; blind to 1 = 1.0."""
    sums = [0, 0]
    for file in files_of(items, files):
        body = clients.staging.get_object(Bucket="bench", Key=file.key)["Body"].read()
        for each in gzip.decompress(body).splitlines():
            sums[0] += _hashed(json.loads(each)["Item"])
    for page in clients.target.get_paginator("scan").paginate(TableName=TABLE):
        sums[1] += sum(map(_hashed, page["Items"]))
    assert sums[0] == sums[1]


def _hashed(item: dict[str, Any]) -> int:
    return int.from_bytes(hashlib.sha256(json.dumps(item, sort_keys=True).encode()).digest())


def here(clients: WorkerClients, items: int, files: int) -> None:
    """Ours, in this process."""
    check_equal(items, *buckets_of(clients, items, files))


def buckets_of(clients: WorkerClients, items: int, files: int) -> tuple[BucketDigest, BucketDigest]:
    """Both sides, one after the other."""
    secret, (export, table) = RunSecret.new(), sides_of(clients, items, files)
    return (
        export_buckets(export, ID, DigestCheckpoint(secret), lambda done: None),
        table_buckets(table, ID, DigestCheckpoint(secret), lambda done: None),
    )


def sides_of(clients: WorkerClients, items: int, files: int) -> tuple[ExportReader, TableReader]:
    threads = threads_for(items * LINE)
    segments = segments_for(threads, items * LINE)
    return (
        ExportReader(clients.staging, "bench", files_of(items, files), ID, {}),
        TableReader(clients.target_wire, TABLE, segments, threads, RateLimit(None), ID),
    )


def check_equal(items: int, one: BucketDigest, other: BucketDigest) -> None:
    assert one.items == other.items == items
    assert not one.differing(other)


def spread(clients: WorkerClients, config: Migration, items: int, files: int, many: int) -> dict[str, float]:
    """Ours, in so many processes; what they took beside their start, and how much memory."""
    (export, table), secret = sides_of(clients, items, files), RunSecret.new()
    sums, site = (DigestCheckpoint(secret), DigestCheckpoint(secret)), UnitContext(config, PLACE)
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Ledger(Path(folder) / "ledger.sqlite")) as ledger,
        worker_processes(many) as engine,
    ):
        for ready in [engine.submit(greet, site) for _ in range(many)]:
            assert ready.result()["ready"]
        before, began = used_by_all(engine), time.process_time()
        run: Any = engine_run(ledger, Calls(), {})
        run.config, run.clients.target_identity = config, SimpleNamespace(place=PLACE)
        counting = DistributedDigest(run, WorkerRoster(engine, ledger, "validate"), "bench", ID)
        counting.of_export(export, sums[0], lambda done: None)
        counting.of_table(
            replace(table, segments=max(table.segments, engine.slots())), None, sums[1], lambda done: None
        )
        coordinator, after = time.process_time() - began, used_by_all(engine)
    check_equal(items, sums[0].buckets, sums[1].buckets)
    each = [after[name]["cpu"] - before[name]["cpu"] for name in before]
    assert len(each) == many
    return {
        "cpu": coordinator + sum(each), "coordinator": coordinator, "most": max(each) + coordinator,
        "start": sum(worker["cpu"] for worker in before.values()) / many,
        "worker_peak": max(worker["peak"] for worker in after.values()),
    }  # fmt: skip


def compare(endpoint: str, way: str, items: int, files: int, processes: int = 1) -> dict[str, float]:
    """Both sides, which have to be the same; the seconds of CPU that it took, and the most memory of this process."""
    config = settings(endpoint)
    clients, began = connect_worker(config, PLACE), time.process_time()
    if way == "spread":
        return spread(clients, config, items, files, processes) | {"peak": peak_mb()}
    {"boto3": by_boto3, "here": here}[way](clients, items, files)
    return {"cpu": time.process_time() - began, "peak": peak_mb()}


def main() -> None:
    os.environ |= {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench", SWITCH: "1"}
    case: dict[str, Any] = json.loads(sys.argv[1])
    print(json.dumps(compare(**case)))


if __name__ == "__main__":
    from tests.bench import validation  # its units have to be found by that name in the worker processes

    validation.main()
