"""A killed comparison goes on where it stopped, and only where nothing has changed since."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.buckets import Buckets, digests
from runbook_lib.export import export_tables
from runbook_lib.importer import import_tables
from runbook_lib.items import KeyAttribute
from runbook_lib.ledger import Ledger
from runbook_lib.preflight import preflight
from runbook_lib.run import Run
from runbook_lib.tally import Tally
from runbook_lib.validate import validate_tables
from tests.world import World, things

ID = (KeyAttribute("id", "S", "HASH"),)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def filled(count: int) -> Buckets:
    made = Buckets()
    made.add_items(things(count), ID)
    return made


def tally(ledger: Ledger, binding: object = "b", now: datetime = NOON) -> Tally:
    return Tally(ledger, "t", "target", binding, lambda: now)


def test_finished_parts_and_their_buckets_are_found_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    first = tally(ledger)
    first.finish(3, filled(7))
    first.finish(1, filled(5))
    first.keep()
    again = tally(ledger, now=NOON + timedelta(hours=5))
    assert again.done == {1, 3}
    assert again.buckets.table_digest() == first.buckets.table_digest()
    assert again.began == NOON
    again.forget()
    assert tally(ledger).done == set()
    ledger.close()


@pytest.mark.parametrize(("binding", "hours"), [("another", 0), ("b", 6), ("b", 600)])
def test_what_belongs_to_something_else_or_is_old_is_not_used(tmp_path: Path, binding: str, hours: int) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    tally(ledger).finish(0, filled(3))
    later = tally(ledger, binding, NOON + timedelta(hours=hours))
    assert (later.done, later.buckets.items) == (set(), 0)
    ledger.close()


def test_the_ledger_is_written_every_few_seconds_and_not_for_every_part(tmp_path: Path) -> None:
    ledger, clock = Ledger(tmp_path / "ledger.sqlite"), iter([0.0, 0.0, 1.0, 2.5, 2.5])
    slow = Tally(ledger, "t", "target", "b", lambda: NOON, lambda: next(clock))
    kept = []
    for part in range(3):
        slow.finish(part, filled(1))
        kept.append(tally(ledger).done)
    assert kept == [{0}, {0}, {0, 1, 2}]
    ledger.close()


def test_packed_buckets_are_unpacked_as_they_were() -> None:
    buckets = filled(500)
    buckets.add(*digests({"id": {"S": "x"}}, ID))
    assert Buckets.unpack(buckets.pack()).pack() == buckets.pack()


class Killed(BaseException):
    pass


def migrated(world: World, **changes: Any) -> Run:
    world.pair("a", things(40))
    run = world.open(validate={"segments": 6} | changes)
    preflight(run)
    export_tables(run)
    import_tables(run)
    return run


def stop_at(segments: int) -> Any:
    seen = []

    def watch(table: str, state: str, done: int, of: int) -> None:
        seen.append(state)
        if seen.count("scanning the target") == segments:
            raise Killed

    return watch


def scans(run: Run) -> int:
    return run.ledger.calls("target").get("Scan", 0)


def fetches(run: Run) -> int:
    return run.ledger.calls("staging").get("GetObject", 0)


def test_finished_segments_and_files_are_not_read_again(world: World) -> None:
    run = migrated(world)
    before, fetched = scans(run), fetches(run)
    with pytest.raises(Killed):
        validate_tables(run, stop_at(1))
    first, files = scans(run) - before, fetches(run) - fetched
    finished = json.loads(run.ledger.rows("SELECT done FROM tally WHERE side = 'target'")[0]["done"])
    assert 1 <= len(finished) <= first <= 6  # what is under way at a stop is dropped
    assert files >= 1
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["items_in_target"]) == ("PASS", 40)
    assert scans(run) - before - first == 6 - len(finished)
    assert fetches(run) - fetched == files
    second = scans(run)
    validate_tables(run)  # a comparison that came to its end is made anew
    assert scans(run) - second == 6


def test_an_import_that_finds_nothing_to_write_costs_no_second_reading(world: World) -> None:
    run = migrated(world)
    before = scans(run)
    with pytest.raises(Killed):
        validate_tables(run, stop_at(6))
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    assert scans(run) - before == 6


@pytest.mark.parametrize("write", ["request", "lines"])
def test_what_was_read_before_another_write_is_read_again(world: World, write: str) -> None:
    run = migrated(world)
    before = scans(run)
    with pytest.raises(Killed):
        validate_tables(run, stop_at(6))
    assert scans(run) - before == 6
    if write == "request":
        run.ledger.count_call("target", "BatchWriteItem")
    else:
        run.ledger.write("UPDATE file SET acknowledged = acknowledged + 1 WHERE source = ?", [(world.src("a"),)])
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    assert scans(run) - before == 12


KILLS_ITSELF = """
import os, signal, sys
from runbook_lib.run import open_run
from runbook_lib.validate import validate_tables
def watch(table, state, done, of):
    if state == "scanning the target":
        os.kill(os.getpid(), signal.SIGKILL)
validate_tables(open_run(sys.argv[1], "r", True), watch)
"""


def test_a_validation_that_was_killed_goes_on_and_keeps_no_key(world: World) -> None:
    run = migrated(world)
    before = scans(run)
    config = str(run.folder / "migration.yaml")
    ran = subprocess.run([sys.executable, "-c", KILLS_ITSELF, config], env=os.environ, timeout=60, check=False)
    assert ran.returncode == -signal.SIGKILL
    (kept,) = run.ledger.rows("SELECT * FROM tally WHERE side = 'target'")
    assert "i000" not in str(dict(kept))
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    assert 6 <= scans(run) - before < 12
    assert not run.ledger.rows("SELECT * FROM tally")
