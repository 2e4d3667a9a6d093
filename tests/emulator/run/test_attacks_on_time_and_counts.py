"""Attacks that once succeeded on what expires, what is counted and who acted, by commands and over HTTP alone."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runbook_lib.paths import checkout
from tests.support.in_process import runbook_here
from tests.support.liar import Answer, Request, between
from tests.support.someone import arn_of, as_someone
from tests.support.world import World, things

AHEAD = 2  # seconds by which the target's TTL is early, by this machine's clock


@dataclass
class Expiring:
    """The target's TTL: it removes what expires, a little early, and the second look is kept until it was due."""

    world: World
    table: str
    due: dict[str, int]
    early: set[str] = field(default_factory=set)
    looked: bool = False

    def told(self, request: Request) -> Answer | None:
        if request.operation == "Scan" and request.json["TableName"] == self.table and "Select" not in request.json:
            self._remove(time.time() + AHEAD)
        if request.operation == "BatchGetItem" and not self.looked:
            self.looked = True
            time.sleep(AHEAD + 1)
        return None

    def _remove(self, until: float) -> None:
        now = time.time()
        for name in [name for name, due in self.due.items() if due <= until]:
            self.early |= {name} if self.due.pop(name) > now else set()
            self.world.target.delete_item(TableName=self.table, Key={"id": {"S": name}})


@pytest.mark.whole
def test_what_expires_while_it_is_looked_for_again_was_never_missing(world: World) -> None:
    """One item expires each second, so that there are some whenever the comparison comes."""
    due = {f"i{n}": int(time.time()) + n for n in range(300)}
    world.pair("a", [{"id": {"S": name}, "ttl": {"N": str(at)}} for name, at in due.items()])
    for client, table in ((world.source, world.src("a")), (world.target, world.dst("a"))):
        client.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
        )  # fmt: skip
    ttl = Expiring(world, world.dst("a"), due)
    with between(world.endpoint) as liar:
        liar.instead = ttl.told
        config = world.config(target={"endpoint_url": liar.endpoint})
        done = runbook_here("run", config, "--run-id", "r", "--execute")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ttl.early
    [table] = world.record("r")["tables"]
    assert (table["verdict"], table["missing"]) == ("PASS", 0)
    assert table["expired"] >= len(ttl.early)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, with little more room than a run asks for."""
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", disk], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this machine lets nobody mount a small disk: {error}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@dataclass
class Filling:
    """Fills the disk of the reports at the third write, and makes room before that write is answered.

    The others are answered as soon as the disk is full: that they are done cannot be recorded.
    """

    disk: Path
    writes: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)

    def told(self, request: Request) -> Answer | None:
        if request.operation != "BatchWriteItem":
            return None
        filler = self.disk / "filler"
        with self.turn:
            self.writes += 1
            if third := self.writes == 3:
                leave_no_room_in(self.disk / "reports" / "r" / "ledger.sqlite")
                fill(filler)
        if third:
            time.sleep(3)  # twice a second what was done is kept
            filler.unlink()
        return None


def leave_no_room_in(ledger: Path) -> None:
    """Bring the ledger's log back to nothing: what is recorded next needs new room on the disk."""
    with closing(sqlite3.connect(ledger)) as reader:
        [busy] = [row[0] for row in reader.execute("PRAGMA wal_checkpoint(TRUNCATE)")]
    assert not busy


def fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    assert shutil.disk_usage(filler.parent).free < 1 << 12


@pytest.mark.whole
def test_calls_that_a_full_disk_kept_from_the_ledger_are_in_the_reports_counts(world: World, small_disk: Path) -> None:
    world.pair("a", things(300))
    filling = Filling(small_disk)
    reports = {"RUNBOOK_REPORTS": str(small_disk / "reports")}
    with between(world.endpoint) as liar:
        liar.instead = filling.told
        config = world.config(target={"endpoint_url": liar.endpoint})
        done = runbook_here("run", config, "--run-id", "r", "--execute", **reports)
    assert "is full" in done.stdout, done.stdout + done.stderr
    shutil.copytree(small_disk / "reports", world.folder / "reports")
    counted = world.record("r")["target_calls"]
    assert counted["BatchWriteItem"] >= 3
    assert counted.pop("GetCallerIdentity")
    assert counted == {operation: liar.count(operation) for operation in counted}


@pytest.mark.whole
def test_a_report_of_another_hand_and_code_says_who_did_each_step_and_with_what(world: World) -> None:
    world.pair("a", things(5))
    with between(world.endpoint) as liar:
        liar.after = as_someone("writer")
        sides = {side: {"endpoint_url": liar.endpoint} for side in ("source", "target")}
        config = world.config(**sides)
        done = runbook_here("run", config, "--run-id", "r", "--execute")
        assert done.returncode == 0, done.stdout + done.stderr
        first = world.record("r")
        liar.after = as_someone("intern")
        upgraded = {"PYTHONPATH": str(an_upgrade(world.folder / "upgraded")), "PYTHONSAFEPATH": "1"}
        later = world.runbook("run", config, "--run-id", "r", "--only", "report", **upgraded)
    assert later.returncode == 0, later.stdout + later.stderr
    second = world.record("r")
    assert second["verdict"] == "PASS"
    assert (second["identity"], second["code"]) == (first["identity"], first["code"])
    assert {side["arn"] for side in second["identity"].values()} == {arn_of("writer")}
    starts = {step["name"]: step["starts"] for step in second["steps"]}
    by = {name: [start["arn"]["target"] for start in of_step] for name, of_step in starts.items()}
    assert by.pop("report") == [arn_of("writer"), arn_of("intern")]
    assert by == {step: [arn_of("writer")] for step in ("preflight", "export", "import", "validate")}
    books = [second["codes"][start["code"]]["notebooks"]["20_import.ipynb"] for start in starts["report"]]
    assert books[0] == first["code"]["notebooks"]["20_import.ipynb"] != books[1]


def an_upgrade(folder: Path) -> Path:
    """A checkout of its own, in which a notebook is another."""
    here = checkout()
    assert here is not None
    for part in ("runbook_lib", "notebooks"):
        shutil.copytree(here / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(here / "pyproject.toml", folder)
    book = folder / "notebooks" / "20_import.ipynb"
    book.write_text(book.read_text(encoding="utf-8") + " ", encoding="utf-8")
    return folder
