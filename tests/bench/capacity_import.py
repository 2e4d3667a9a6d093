"""Importing data files into a table with the capacity of a real one, with the real engine."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import boto3

from runbook_lib.aws.endpoints import CONFIG
from runbook_lib.aws.guard.allowed_calls import TARGET, TARGET_WRITES
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.items.keyed import RunSecret
from runbook_lib.load.engine.batch_write import Target
from runbook_lib.load.engine.rate_control import WriteRateController
from runbook_lib.load.engine.scheduler import MOST_LANES, lanes_for
from runbook_lib.load.table_load import TableLoad, TableProgress, Watch, files_of, load
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import Run
from tests.bench import ID, OneFile, engine_run, plain_id, plain_line
from tests.bench.capacity_table import Account, Shape, position, running_table

TABLE = "bench-dst-things"


def nobody(progress: TableProgress) -> None:
    """Looks at nothing."""


def export_of(items: int, files: int, hot: float = 0.0) -> list[OneFile]:
    """Data files as an export has them: each holds one hash range. `hot` more of the items lie in the first tenth."""
    lines: list[list[bytes]] = [[] for _ in range(files)]
    number = kept = 0
    while kept < items:
        place = position(plain_id(number))
        if place < 0.1 or not hot or number % 100 >= hot * 100:
            lines[int(place * files)].append(plain_line(number))
            kept += 1
        number += 1
    return [OneFile(part, n) for n, part in enumerate(lines)]


def import_into(
    shape: Shape, stored: Sequence[OneFile], folder: Path, *, lanes: int | None = None, start: float = 4_000.0,
    known: bool = False, ceiling: float | None = None, width: int = 32,
) -> Account:  # fmt: skip
    """Load the files with the real engine; returns what the table has seen."""
    with running_table(shape) as table, closing(Ledger(folder / f"{len(list(folder.iterdir()))}.sqlite")) as ledger:
        run = engine_run(ledger, Calls(), {f.file.key: f for f in stored})
        first, most = lanes or lanes_for(len(stored), start), lanes or MOST_LANES
        capacity = WriteRateController(first, width, start, ceiling, known=known, most=most)
        load_with(run, "bench", table.endpoint, stored, capacity)
        return table.account()


def load_with(
    run: Run, name: str, endpoint: str, stored: Sequence[OneFile], capacity: WriteRateController, watch: Watch = nobody
) -> None:
    """Load the files of one table of a run into the table at an endpoint, at the pace of a controller."""
    session = boto3.Session(aws_access_key_id="bench", aws_secret_access_key="bench", region_name="us-east-2")
    with closing(session.client("dynamodb", endpoint_url=endpoint, config=CONFIG)) as client:
        rows = [(name, f.file.key, f.file.ordinal, f.file.md5, f.file.items) for f in stored]
        run.ledger.write("INSERT INTO file (source, key, ordinal, md5, items) VALUES (?, ?, ?, ?, ?)", rows)
        guard = Guard("target", TARGET | TARGET_WRITES, run.clients.calls)
        transport = DynamoDBTransport(client, session.get_credentials(), guard, write_tables=frozenset({TABLE}))
        stop = threading.Event()
        progress = TableProgress(name, TABLE, sum(f.file.items for f in stored))
        backoff = Backoff(sleep=lambda seconds: stop.wait(seconds) and None)
        target = Target(transport, TABLE, ID, True, backoff, stop, capacity, RunSecret.new())
        load(TableLoad(run, "bucket", files_of(run, name), progress, watch), target)
        assert progress.done == progress.items
