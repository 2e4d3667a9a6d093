"""How much of a processor one change of a window costs, beside an item of an import in the same run; and its memory."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import orjson
import pytest

from runbook_lib.aws.endpoints import CONFIG
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.run.ledger import Ledger
from tests.bench import ROUNDS, OneFile, Way, engine_run, measure, plain_id, plain_line, show
from tests.bench.engine import FILES, TABLE, by_engine, engine_target
from tests.bench.sink import Sink, running_sink
from tests.bench.windows import DELETED, change_line, read_files, send

CHANGES = 40_000


@pytest.fixture
def sink() -> Iterator[Sink]:
    with running_sink() as running:
        yield running


def by_window(client: Any, session: Any, stored: Sequence[OneFile], folder: Path, *, send_it: bool = True) -> None:
    """Ours, whole: each file fetched and checked, its changes recorded as digests, checked once more, and sent."""
    calls = Calls()
    with closing(Ledger(folder / f"{time.monotonic_ns()}.sqlite")) as ledger:
        calls.report_to(ledger.count_call)
        run = engine_run(ledger, calls, {f.file.key: f for f in stored}, concurrency=8)
        fact = read_files(run, [f.file for f in stored])
        if send_it:
            send(run, fact, engine_target(client, session, calls), TABLE)


def window_of(changes: int, nested: bool = False) -> list[OneFile]:
    lines = [change_line(number, nested) for number in range(changes)]
    return [OneFile(lines[n::FILES], n) for n in range(FILES)]


@pytest.mark.bench
def test_a_change_costs_no_more_than_a_few_items_of_an_import(sink: Sink, tmp_path: Path) -> None:
    """A change is read twice: all of a window is known to be whole before any of it is written."""
    assert orjson.loads(change_line(1))["NewImage"]["id"] == {"S": plain_id(1)}
    session = boto3.Session(aws_access_key_id="bench", aws_secret_access_key="bench", region_name="us-east-2")
    lines = [plain_line(number) for number in range(CHANGES)]
    items = [OneFile(lines[n::FILES], n) for n in range(FILES)]
    changes, nested = window_of(CHANGES), window_of(CHANGES, nested=True)
    with closing(session.client("dynamodb", endpoint_url=sink.endpoint, config=CONFIG)) as client:
        imported = Way("(a) an item of an import", CHANGES, lambda: by_engine(session, client, items, tmp_path))
        read = Way("(b) a change, read, checked and recorded", CHANGES,
                   lambda: by_window(client, session, changes, tmp_path, send_it=False))  # fmt: skip
        applied = Way("(c) a change, read, checked, recorded and sent", CHANGES,
                      lambda: by_window(client, session, changes, tmp_path))  # fmt: skip
        deep = Way("(d) the same of items with maps in lists and in maps, 700 bytes", CHANGES,
                   lambda: by_window(client, session, nested, tmp_path))  # fmt: skip
        measure(imported, read, applied, deep)
    show("apply", "Changes with both images, one in ten a delete, HTTP to a sink on 127.0.0.1", imported, read, applied,
         deep)  # fmt: skip
    assert sink.puts() == ROUNDS * (3 * CHANGES - 2 * CHANGES // DELETED)
    assert applied.ratio(imported) >= 0.2
    assert deep.ratio(imported) >= 0.12
    assert applied.cpu_us - read.cpu_us < 2 * imported.cpu_us  # what is done while requests are sent


@pytest.mark.bench
def test_memory_is_the_same_for_a_small_and_a_large_window(sink: Sink, tmp_path: Path) -> None:
    session = boto3.Session(aws_access_key_id="bench", aws_secret_access_key="bench", region_name="us-east-2")
    peaks = []
    with closing(session.client("dynamodb", endpoint_url=sink.endpoint, config=CONFIG)) as client:
        by_window(client, session, window_of(1_000), tmp_path)  # what is loaded at the first time
        for changes in (16_000, 64_000):
            stored = window_of(changes)
            tracemalloc.start()
            by_window(client, session, stored, tmp_path)
            peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
            tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 10, peaks
