"""`catch_up: {by: streams}` as a user has it: run, catch-up, cut-over, and somebody who writes throughout."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.run.run import open_run
from tests.support.in_process import runbook_here
from tests.support.moving import Moving, item
from tests.support.streamed import BY_STREAMS, stream_on
from tests.support.world import World, things


@contextmanager
def somebody_writing(world: World) -> Iterator[None]:
    """A foreign process that puts, changes and deletes items of the source."""
    command = [sys.executable, "-m", "runbook_lib.sandbox.demo.live_writer", world.endpoint, "us-east-1"]
    process = subprocess.Popen([*command, world.src("a")])
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def record(world: World) -> Any:
    return json.loads((world.folder / "reports" / "r" / "run.json").read_text())


@pytest.mark.whole
def test_from_the_export_to_the_look_afterwards(world: World) -> None:
    world.pair("a", things(40), **stream_on())
    config = world.config(catch_up=BY_STREAMS, cut_over={"proof": "overlay"})
    with somebody_writing(world):
        done = runbook_here("run", config, "--run-id", "r", "--execute")
        assert done.returncode == 0, done.stdout + done.stderr
        moving = Moving(world, open_run(str(config), "r"), config)
        moving.minutes(2)
        for _ in range(2):
            done = runbook_here("catch-up", config, "--run-id", "r", "--execute", "--confirm", "r")
            assert "PASS as of 20" in done.stdout, done.stdout + done.stderr
    moving.write(item("before the freeze", 1))
    exports = world.requests("ExportTableToPointInTime")
    done = runbook_here("cut-over", config, "--run-id", "r", "--frozen-at", moving.now(), "--confirm", "r")
    assert done.returncode == 0, done.stdout + done.stderr
    assert world.requests("ExportTableToPointInTime") == exports
    assert moving.target() == moving.source()
    known = record(world)
    assert (known["verdict"], len(known["windows"]) >= 3) == ("PASS", True)
    assert known["cut_over"]["go_at"]
    assert all("/stream/" in window["stream"] for window in known["windows"])
    assert sum(window["records"] for window in known["windows"]) > 10
    assert known["source_calls"]["GetRecords"] > 0
    page = Path(world.folder / "reports" / "r" / "report.html").read_text()
    assert "was followed by its stream" in page
    moving.write(item("to the old table", 1))
    moving.minutes(40)
    done = runbook_here("cut-over", config, "--run-id", "r", "--confirm", "r")
    assert done.returncode == 1
    assert "LATE_WRITES" in record(world)["reasons"][0]


@pytest.mark.chaos
def test_a_gap_is_a_fail_that_is_named(world: World) -> None:
    world.pair("a", things(5), **stream_on())
    config = world.config(catch_up=BY_STREAMS)
    assert runbook_here("run", config, "--run-id", "r", "--execute").returncode == 0
    moving = Moving(world, open_run(str(config), "r"), config)
    moving.write(item("new", 1))
    moving.minutes(25 * 60)
    before = moving.target()
    done = runbook_here("catch-up", config, "--run-id", "r", "--execute", "--confirm", "r")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "GAP: window 1" in done.stdout + done.stderr
    assert moving.target() == before
    assert record(world)["verdict"] == "FAIL"
    assert any("GAP" in reason for reason in record(world)["reasons"])


def test_a_source_without_a_stream_is_refused_before_there_is_a_run(world: World) -> None:
    world.pair("a", things(5))
    done = runbook_here("run", world.config(catch_up=BY_STREAMS), "--run-id", "r", "--execute")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "none is ever turned on" in done.stderr
    assert not (world.folder / "reports" / "r").exists()
    assert "LatestStreamArn" not in world.source.describe_table(TableName=world.src("a"))["Table"]
