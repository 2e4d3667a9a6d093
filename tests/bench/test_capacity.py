"""How much of a table's capacity the import uses, and how much it asks for in vain."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import boto3
import pytest

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
from runbook_lib.load.table_load import TableLoad, TableProgress, files_of, load
from runbook_lib.run.ledger import Ledger
from tests.bench import ID, OneFile, engine_run, plain_id, plain_line, publish
from tests.bench.capacity_table import REGION_LIMIT, Account, Shape, position, running_table

TABLE = "bench-dst-things"


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
    known: bool = False, ceiling: float | None = None,
) -> Account:  # fmt: skip
    """Load the files with the real engine; returns what the table has seen."""
    session = boto3.Session(aws_access_key_id="bench", aws_secret_access_key="bench", region_name="us-east-2")
    calls = Calls()
    with (
        running_table(shape) as table,
        closing(session.client("dynamodb", endpoint_url=table.endpoint, config=CONFIG)) as client,
        closing(Ledger(folder / f"{len(list(folder.iterdir()))}.sqlite")) as ledger,
    ):
        run = engine_run(ledger, calls, {f.file.key: f for f in stored})
        rows = [("bench", f.file.key, f.file.ordinal, f.file.md5, f.file.items) for f in stored]
        ledger.write("INSERT INTO file (source, key, ordinal, md5, items) VALUES (?, ?, ?, ?, ?)", rows)
        files = files_of(run, "bench")
        guard = Guard("target", TARGET | TARGET_WRITES, calls)
        transport = DynamoDBTransport(client, session.get_credentials(), guard, write_tables=frozenset({TABLE}))
        first, most = lanes or lanes_for(len(files), start), lanes or MOST_LANES
        capacity = WriteRateController(first, 32, start, ceiling, known=known, most=most)
        stop = threading.Event()

        def sleep(seconds: float) -> None:
            stop.wait(seconds)

        progress = TableProgress("bench", TABLE, sum(f.file.items for f in stored))
        target = Target(transport, TABLE, ID, True, Backoff(sleep=sleep), stop, capacity, RunSecret.new())
        load(TableLoad(run, "bucket", files, progress, lambda _: None), target)
        assert progress.done == progress.items
        return table.account()


@pytest.mark.bench
@pytest.mark.parametrize(("limit", "items", "files"), [(4_000, 200_000, 40), (10_000, 500_000, 100)])
def test_an_import_uses_what_the_table_gives_and_hardly_ever_asks_for_more(
    limit: int, items: int, files: int, tmp_path: Path
) -> None:
    shape = Shape(limit // 1_000, limit)
    stored = export_of(items, files)
    ours = import_into(shape, stored, tmp_path)
    few = import_into(shape, export_of(items // 10, files), tmp_path, lanes=1)
    publish(
        f"capacity {limit}",
        f"{limit:,} units/s in {shape.ranges} key ranges of {REGION_LIMIT:,.0f}, {items:,} items, {files} files",
        ("files read", "capacity used", "of the writes throttled", "units/s", "seconds"),
        [
            (
                name, f"{account.used(limit):.1%}", f"{account.throttled:.2%}",
                f"{account.taken / account.seconds:,.0f}", f"{account.seconds:,.1f}",
            )
            for name, account in (("in lanes", ours), (f"one after another, {items // 10:,} items", few))
        ],
    )  # fmt: skip
    assert ours.used(limit) >= 0.95
    assert ours.throttled <= 0.02
    assert few.used(limit) < 0.5 * ours.used(limit)
