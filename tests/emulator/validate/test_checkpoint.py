"""A killed comparison goes on where it stopped on the side that cannot change, and reads the target anew."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import zlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.preflight.step import preflight
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import Run
from runbook_lib.run.secret import state_folder
from runbook_lib.validate.bucket_digest import BucketDigest
from runbook_lib.validate.checkpoint import KeptDigestCheckpoint
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, things

ID = (KeyAttribute("id", "S", "HASH"),)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECRET = RunSecret.new()


def filled(count: int) -> BucketDigest:
    made = BucketDigest(SECRET)
    made.add_items(things(count), ID)
    return made


def checkpoint(
    ledger: Ledger, binding: object = "b", now: datetime = NOON, secret: RunSecret = SECRET
) -> KeptDigestCheckpoint:
    return KeptDigestCheckpoint(ledger, "t", binding, secret, lambda: now)


def test_finished_parts_and_their_buckets_are_found_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    first = checkpoint(ledger)
    first.finish(3, filled(7))
    first.finish(1, filled(5))
    first.keep()
    again = checkpoint(ledger, now=NOON + timedelta(hours=5))
    assert again.done == {1, 3}
    assert again.buckets.table_digest() == first.buckets.table_digest()
    assert not again.buckets.differing(first.buckets)
    assert again.began == NOON
    again.forget()
    assert checkpoint(ledger).done == set()
    ledger.close()


@pytest.mark.parametrize(("binding", "secret"), [("another", SECRET), ("b", RunSecret.new())])
def test_what_belongs_to_something_else_is_not_used(tmp_path: Path, binding: str, secret: RunSecret) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    checkpoint(ledger).finish(0, filled(3))
    later = checkpoint(ledger, binding, secret=secret)
    assert (later.done, later.buckets.items) == (set(), 0)
    ledger.close()


def test_what_is_kept_shows_no_digest_and_cannot_be_changed_unnoticed(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    checkpoint(ledger).finish(0, filled(1))
    (kept,) = ledger.rows("SELECT buckets FROM tally")
    packed = filled(1).pack()
    assert SECRET.opened(kept["buckets"]) == zlib.compress(packed, 1)
    lone = next(packed[at + 8 : at + 40] for at in range(0, len(packed), 40) if any(packed[at : at + 8]))
    with suppress(zlib.error):
        assert lone not in zlib.decompress(kept["buckets"])
    ledger.write("UPDATE tally SET buckets = ?", [(kept["buckets"][:-1] + bytes([kept["buckets"][-1] ^ 1]),)])
    assert checkpoint(ledger).done == set()
    ledger.close()


def test_the_ledger_is_written_every_few_seconds_and_not_for_every_part(tmp_path: Path) -> None:
    ledger, clock = Ledger(tmp_path / "ledger.sqlite"), iter([0.0, 0.0, 1.0, 2.5, 2.5])
    slow = KeptDigestCheckpoint(ledger, "t", "b", SECRET, lambda: NOON, lambda: next(clock))
    kept = []
    for part in range(3):
        slow.finish(part, filled(1))
        kept.append(checkpoint(ledger).done)
    assert kept == [{0}, {0}, {0, 1, 2}]
    ledger.close()


def test_packed_buckets_are_unpacked_as_they_were() -> None:
    buckets = filled(500)
    buckets.add_items([{"id": {"S": "x"}}], ID)
    again = BucketDigest.unpack(buckets.pack(), SECRET)
    assert again.pack() == buckets.pack()
    assert (again.differing(buckets), again.table_digest()) == ([], buckets.table_digest())


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


COUNTED = 7  # requests of the second count, which has a segment more


def scans(run: Run) -> int:
    return run.ledger.calls("target").get("Scan", 0)


def files(run: Run) -> list[Any]:
    return run.ledger.rows("SELECT * FROM file ORDER BY ordinal")


def fetches(run: Run) -> int:
    return run.ledger.calls("staging").get("GetObject", 0)


def test_finished_files_are_not_read_again_and_every_segment_is(world: World) -> None:
    run = migrated(world)
    before, fetched = scans(run), fetches(run)
    with pytest.raises(Killed):
        validate_tables(run, stop_at(1))
    first, read = scans(run) - before, fetches(run) - fetched
    assert 1 <= first <= 12  # each of 6 segments is asked once more whether anything follows its last item
    assert read >= 1
    assert [row["side"] for row in run.ledger.rows("SELECT side FROM tally")] == ["export"]
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["items_in_target"]) == ("PASS", 40)
    assert scans(run) - before - first == 12 + COUNTED
    assert fetches(run) - fetched == read


@pytest.mark.parametrize("segments", [1, 3, 6])
@pytest.mark.parametrize("damage", ["deletes", "changes"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_a_resumed_validation_sees_what_somebody_did_to_the_target_meanwhile(
    world: World, segments: int, damage: str
) -> None:
    run = migrated(world)
    with pytest.raises(Killed):
        validate_tables(run, stop_at(segments))
    for item in world.items(world.target, world.dst("a")):
        if damage == "deletes":
            world.target.delete_item(TableName=world.dst("a"), Key={"id": item["id"]})
        else:
            world.put(world.target, world.dst("a"), [item | {"n": {"N": "-1"}}])
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["missing"], fact["different"]) == (
        ("FAIL", 40, 0) if damage == "deletes" else ("FAIL", 0, 40)
    )


def test_a_lost_secret_costs_a_second_reading_and_no_error(world: World) -> None:
    run = migrated(world)
    fetched = fetches(run)
    with pytest.raises(Killed):
        validate_tables(run, stop_at(1))
    read = fetches(run) - fetched
    folder = state_folder()
    assert folder
    (folder / "r").unlink()
    again = world.open(validate={"segments": 6})
    assert validate_tables(again)[world.src("a")]["verdict"] == "PASS"
    assert fetches(again) - fetched == 2 * read
    assert run.secret.fingerprint != again.secret.fingerprint


KILLS_ITSELF = """
import os, signal, sys
from runbook_lib.run.run import open_run
from runbook_lib.validate.step import validate_tables
def watch(table, state, done, of):
    if state == "scanning the target":
        os.kill(os.getpid(), signal.SIGKILL)
validate_tables(open_run(sys.argv[1], "r", True), watch)
"""


@pytest.mark.whole
def test_a_validation_that_was_killed_goes_on_and_keeps_no_key(world: World) -> None:
    run = migrated(world)
    before = scans(run)
    config = str(run.folder / "migration.yaml")
    ran = subprocess.run([sys.executable, "-c", KILLS_ITSELF, config], env=os.environ, timeout=60, check=False)
    assert ran.returncode == -signal.SIGKILL
    (kept,) = run.ledger.rows("SELECT * FROM tally")
    assert (kept["side"], json.loads(kept["done"])) == ("export", [row["ordinal"] for row in files(run)])
    assert "i000" not in str(dict(kept))
    fetched = fetches(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    assert 12 + COUNTED <= scans(run) - before <= 24 + COUNTED
    assert fetches(run) == fetched
    assert not run.ledger.rows("SELECT * FROM tally")
