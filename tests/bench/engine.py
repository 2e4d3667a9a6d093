"""The engine of the import, whole, as the measurements run it: from stored files to watermarks in a ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3

from runbook_lib.aws.dynamodb.conditional_write import forms_of_appending
from runbook_lib.aws.guard.allowed_calls import TARGET, TARGET_APPENDS, TARGET_WRITES
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.items.keyed import RunSecret
from runbook_lib.load.engine.batch_write import Target
from runbook_lib.load.engine.rate_control import WriteRateController
from runbook_lib.load.table_load import TableLoad, TableProgress, files_of, load
from runbook_lib.run.ledger import Ledger
from tests.bench import ID, OneFile, engine_run

TABLE, FILES = "bench-dst-things", 8


def by_engine(
    session: boto3.Session, client: Any, stored: Sequence[OneFile], folder: Path, *, append: bool = False
) -> None:
    """Ours, whole: fetch, MD5, gunzip, cut, write, and a ledger that knows each call and each watermark."""
    calls = Calls()
    with closing(Ledger(folder / f"{time.monotonic_ns()}.sqlite")) as ledger:
        calls.report_to(ledger.count_call)
        run = engine_run(ledger, calls, {f.file.key: f for f in stored}, concurrency=8)
        for f in stored:
            ledger.write("INSERT INTO file (source, key, ordinal, md5, items) VALUES (?, ?, ?, ?, ?)",
                         [("bench", f.file.key, f.file.ordinal, f.file.md5, f.file.items)])  # fmt: skip
        items = sum(f.file.items for f in stored)
        table_load = TableLoad(
            run, "bucket", files_of(run, "bench"), TableProgress("bench", TABLE, items), lambda _: None
        )
        load(table_load, _appending(client, session, calls) if append else engine_target(client, session, calls))
        assert table_load.progress.done == items
        assert not table_load.failures


def engine_target(
    client: Any, session: boto3.Session, calls: Calls, capacity: WriteRateController | None = None
) -> Target:
    """A target at the pace of a controller; without one it takes all that it is given."""
    guard = Guard("target", TARGET | TARGET_WRITES, calls)
    transport = DynamoDBTransport(client, session.get_credentials(), guard, write_tables=frozenset({TABLE}))
    capacity = capacity or WriteRateController(FILES, 8, 1e9)
    return Target(transport, TABLE, ID, True, Backoff(), threading.Event(), capacity, RunSecret.new())


def _appending(client: Any, session: boto3.Session, calls: Calls) -> Target:
    keys = {TABLE: "id"}
    guard = Guard("target", TARGET, calls, dict.fromkeys(TARGET_APPENDS, frozenset(keys)), forms_of_appending(keys))
    transport = DynamoDBTransport(client, session.get_credentials(), guard, write_tables=frozenset(keys))
    return Target(
        transport, TABLE, ID, False, Backoff(), threading.Event(), WriteRateController(FILES, 8, 1e9), RunSecret.new()
    )
