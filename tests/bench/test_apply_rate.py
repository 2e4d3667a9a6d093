"""What a window does to a table beside an import: the same rate where the table is the limit, and the same memory."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest

from runbook_lib.aws.endpoints import CONFIG
from runbook_lib.aws.guard.call_counter import Calls
from runbook_lib.load.engine.rate_control import WriteRateController
from runbook_lib.load.engine.scheduler import MOST_LANES, lanes_for
from runbook_lib.run.ledger import Ledger
from tests.bench import OneFile, engine_run, plain_id, plain_line, publish
from tests.bench.capacity_import import TABLE, export_of, import_into
from tests.bench.capacity_table import Account, Shape, position, running_table
from tests.bench.engine import engine_target
from tests.bench.sink import running_sink
from tests.bench.windows import change_line, read_files, send

LIMIT, ITEMS, FILES = 4_000, 120_000, 24
IMPORTED = 400  # files of so many
A_FILE = 25_000


def apply_to(shape: Shape, stored: Sequence[OneFile], folder: Path) -> Account:
    """Read and send a window with the real engine; returns what the table has seen."""
    calls = Calls()
    session = boto3.Session(aws_access_key_id="bench", aws_secret_access_key="bench", region_name="us-east-2")
    with (
        running_table(shape) as table,
        closing(Ledger(folder / "window.sqlite")) as ledger,
        closing(session.client("dynamodb", endpoint_url=table.endpoint, config=CONFIG)) as client,
    ):
        run = engine_run(ledger, calls, {f.file.key: f for f in stored})
        fact = read_files(run, [f.file for f in stored])
        capacity = WriteRateController(lanes_for(len(stored), 4_000.0), 32, 4_000.0, most=MOST_LANES)
        send(run, fact, engine_target(client, session, calls, capacity), TABLE)
        return table.account()


def _window_of_ranges() -> list[OneFile]:
    """Data files as the export of the same items has them: each holds one hash range."""
    lines: list[list[bytes]] = [[] for _ in range(FILES)]
    for number in range(ITEMS):
        lines[int(position(plain_id(number)) * FILES)].append(change_line(number))
    return [OneFile(part, n) for n, part in enumerate(lines)]


@pytest.mark.bench
def test_a_window_is_sent_as_fast_as_an_import_into_the_same_table(tmp_path: Path) -> None:
    shape = Shape(LIMIT // 1_000, LIMIT)
    imported = import_into(shape, export_of(ITEMS, FILES), tmp_path)
    applied = apply_to(shape, _window_of_ranges(), tmp_path)
    publish(
        "apply rate",
        f"{LIMIT:,} units/s in {shape.ranges} key ranges, {ITEMS:,} items, {ITEMS:,} changes, {FILES} files each",
        ("what is written", "capacity used", "of the writes throttled", "writes/s"),
        [
            (name, f"{a.used(LIMIT):.1%}", f"{a.throttled:.2%}", f"{a.taken / a.seconds:,.0f}")
            for name, a in (("an import", imported), ("a window", applied))
        ],
    )
    assert applied.taken == ITEMS
    assert applied.used(LIMIT) >= 0.98 * imported.used(LIMIT)
    assert applied.throttled <= 0.02


def _stored(path: Path, lines: list[bytes]) -> tuple[str, str, int]:
    path.write_bytes(gzip.compress(b"".join(line + b"\n" for line in lines), compresslevel=1))
    md5 = hashlib.md5(path.read_bytes(), usedforsecurity=False).digest()
    return str(path), base64.b64encode(md5).decode(), len(lines)


def _measured(case: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.memory_window", json.dumps(case)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert ran.returncode == 0, ran.stderr
    result: dict[str, Any] = json.loads(ran.stdout)
    return result


@pytest.mark.bench
def test_a_million_changes_after_ten_million_items_take_no_more_memory_than_a_few(tmp_path: Path) -> None:
    path, md5, items = _stored(tmp_path / "items.gz", list(map(plain_line, range(A_FILE))))
    windows, first = [], 0
    for number, changes in enumerate((10_000, 100_000, 1_000_000)):
        each = min(A_FILE, changes // 4)
        starts = range(first, first + changes, each)
        windows.append(
            [_stored(tmp_path / f"{number}-{at}.gz", list(map(change_line, range(at, at + each)))) for at in starts]
        )
        first += changes
    with running_sink() as sink:
        imported = {"path": path, "md5": md5, "items": items, "files": IMPORTED}
        ran = _measured({"endpoint": sink.endpoint, "imported": imported, "windows": windows})
        deleted = first // 10
        assert sink.puts() >= IMPORTED * items + first - deleted
    idle = _measured({})["peak"]
    rate = IMPORTED * items / ran["import_seconds"]
    publish(
        "a million changes",
        f"One process, a sink that answers at once; memory over the {idle:.0f} MB of an interpreter",
        ("what", "read", "sent", "per second", "a writer fills it in 15 minutes by", "memory so far"),
        [
            (f"{IMPORTED * items:,} items imported", "", f"{ran['import_seconds']:,.0f} s", f"{rate:,.0f}", "",
             f"{ran['import_peak'] - idle:,.0f} MB"),
            *(
                (f"a window of {n:,} changes", f"{w['read']:,.1f} s", f"{w['sent']:,.1f} s",
                 f"{n / (w['read'] + w['sent']):,.0f}", f"{n / 900:,.0f} changes/s", f"{w['peak'] - idle:,.0f} MB")
                for n, w in zip((10_000, 100_000, 1_000_000), ran["windows"], strict=True)
            ),
        ],
    )  # fmt: skip
    assert ran["peak"] - idle < 300
    assert ran["peak"] - ran["windows"][0]["peak"] < 60  # what a few changes take already
