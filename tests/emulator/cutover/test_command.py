"""`runbook cut-over` as a user gives it: what it writes, what it says, and what the record and the report hold."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.in_process import runbook_here
from tests.support.moving import SETTINGS, Moving, item, live
from tests.support.world import World, things


@pytest.fixture
def moving(world: World) -> Moving:
    """A migration that was run, caught up with, and goes on being written to."""
    world.pair("a", things(40))
    config = world.config(catch_up=SETTINGS)
    assert runbook_here("run", config, "--run-id", "r", "--execute").returncode == 0
    from runbook_lib.run.run import open_run

    moving = Moving(world, open_run(str(config), "r"), config)
    live(moving, 0)
    done = runbook_here("catch-up", config, "--run-id", "r", "--execute", "--confirm", "r")
    assert "PASS as of 20" in done.stdout, done.stdout + done.stderr
    moving.write(item("later", 1))
    return moving


def record(world: World) -> Any:
    return json.loads((world.folder / "reports" / "r" / "run.json").read_text())


def page(world: World) -> str:
    return Path(world.folder / "reports" / "r" / "report.html").read_text()


def tables_of(markdown: str) -> list[tuple[str, ...]]:
    """The first two lines of each table: its header and the line below."""
    lines = markdown.splitlines()
    return [(before, line) for before, line in pairwise(lines) if line.startswith("|---")]


@pytest.mark.whole
def test_from_the_forecast_to_the_look_afterwards(world: World, moving: Moving) -> None:
    config = moving.config
    done = runbook_here("cut-over", config, "--run-id", "r")
    assert (done.returncode, "Forecast of" in done.stdout, "Ready: stop the writers" in done.stdout) == (0, True, True)
    assert "ready to cut over; this was a forecast" in done.stdout
    assert [gate["gate"] for gate in record(world)["cut_over"]["gates"]] == ["ready"]
    frozen = moving.now()
    moving.minutes(25)
    done = runbook_here("cut-over", config, "--run-id", "r", "--frozen-at", frozen, "--confirm", "r")
    assert done.returncode == 0, done.stdout + done.stderr
    known = record(world)
    assert known["verdict"] == "PASS"
    assert known["cut_over"]["go_at"]
    assert known["steps"][-2]["name"] == "cut_over"
    assert moving.target() == moving.source()
    for said in (">Cut-over<", "PASS as of", "proof of the freeze", "The look 15 minutes later is due"):
        assert said in page(world)
    for header, below in tables_of((world.folder / "reports" / "r" / "report.md").read_text()):
        assert header.replace("\\|", "").count("|") == below.count("|")
    assert known["lag_seconds"] == max(table["lag_seconds"] for table in known["tables"])
    assert (world.folder / "reports" / "r" / "charts" / "lag.svg").exists()
    again = runbook_here("run", config, "--run-id", "r", "--from", "validate")
    assert (again.returncode, "was cut over at" in again.stderr) == (2, True)
    choice = ("--write-missing", "--write-different", "--even-after-cut-over", "--execute", "--confirm", "r")
    writes = world.requests("PutItem")
    refused = runbook_here("repair", config, "--run-id", "r", *choice)
    assert (refused.returncode, "was cut over at" in refused.stderr) == (2, True)
    assert world.requests("PutItem") == writes
    moving.write(item("to the old table", 1))
    moving.minutes(30)
    done = runbook_here("cut-over", config, "--run-id", "r", "--confirm", "r")
    assert done.returncode == 1
    known = record(world)
    assert known["verdict"] == "FAIL"
    assert known["cut_over"]["afterwards"][0]["late"] == 1
    assert "LATE_WRITES" in known["reasons"][0]
    assert "1 change written after the switch" in page(world)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--frozen-at", "noon"], "--frozen-at: expected a moment"),
        (["--frozen-at", "2026-01-14T10:20:00"], "--frozen-at: expected a moment with its zone"),
        (["--confirm", "another"], "--confirm: expected 'r'"),
        (["--execute"], "--confirm: expected 'r'"),
    ],
)
def test_what_is_mistyped_is_refused_before_anything_runs(world: World, arguments: list[str], said: str) -> None:
    done = runbook_here("cut-over", world.config(), "--run-id", "r", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (world.folder / "reports" / "r").exists()


@pytest.mark.chaos
def test_a_forecast_that_is_not_ready_ends_by_saying_so(world: World) -> None:
    """It ended with the verdict of the run before it, a PASS, and the exit code 1."""
    world.pair("a", things(5))
    config = world.config(catch_up=SETTINGS)
    assert runbook_here("run", config, "--run-id", "r", "--execute").returncode == 0
    done = runbook_here("cut-over", config, "--run-id", "r")
    assert done.returncode == 1
    said = (
        "not ready to cut over, for the reason above; this was a forecast, nothing was stopped or written, the verdict "
    )
    assert f"{said}is PASS as before" in done.stdout


def test_catching_up_asks_for_the_id_too(world: World) -> None:
    done = runbook_here("catch-up", world.config(), "--run-id", "r", "--execute")
    assert (done.returncode, "--confirm: expected 'r'" in done.stderr) == (2, True)


@pytest.mark.chaos
def test_a_late_writer_ends_as_a_fail_that_is_named(world: World, moving: Moving) -> None:
    frozen = moving.now()
    moving.minutes(3)
    moving.write(item("late", 1))
    moving.minutes(20)
    done = runbook_here("cut-over", moving.config, "--run-id", "r", "--frozen-at", frozen, "--confirm", "r")
    assert done.returncode == 1
    known = record(world)
    assert known["verdict"] == "FAIL"
    assert known["cut_over"]["frozen"][0]["late"] == 1
    assert "NOT_FROZEN" in known["reasons"][0]
    assert known["cut_over"]["frozen"][0]["hashes"][0] in page(world)
    done = runbook_here("catch-up", moving.config, "--run-id", "r", "--execute", "--confirm", "r")
    assert done.returncode == 0, done.stdout
    assert record(world)["cut_over"]["earlier"][0]["gate"] == "freeze-proof"
