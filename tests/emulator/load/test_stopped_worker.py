"""A worker of a Dask cluster that is stopped, not killed: it is there, and says nothing."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from runbook_lib.cluster import dask
from runbook_lib.errors import ConfigError
from runbook_lib.preflight.step import preflight
from tests.support.cluster_processes import SECONDS, free_port, is_alive, linux, running, until, workers_of
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, things

BEGUN = "SELECT 1 FROM (SELECT SUM(written) AS n FROM file) WHERE n > 300"
ITEMS, SILENT = 3000, 8.0


def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "LOOK_EVERY", 1.0)
    monkeypatch.setattr(dask, "SILENT_FOR", SILENT)


@linux
@pytest.mark.chaos
def test_a_worker_that_is_stopped_is_given_up_and_its_files_go_to_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_often(monkeypatch)
    world.pair("a", things(ITEMS))
    run = world.open(**{"import": {"max_wcu": 300}, "engine": {"kind": "dask", "workers": 2}})
    preflight(run)
    export_tables(run)
    with ThreadPoolExecutor(1) as pool:
        table_load = pool.submit(import_tables, run)
        until(run.folder / "ledger.sqlite", table_load.running, BEGUN)
        stopped = workers_of(os.getpid())[0]
        os.kill(stopped, signal.SIGSTOP)
        began = time.monotonic()
        while is_alive(stopped) and time.monotonic() - began < SILENT + 30:
            time.sleep(0.1)
        if given_up := not is_alive(stopped):
            took = time.monotonic() - began
        else:
            os.kill(stopped, signal.SIGKILL)  # the import would wait for it
        (fact,) = table_load.result(SECONDS).values()
    assert given_up
    assert took > SILENT
    assert fact["status"] == "completed"
    (checked,) = validate_tables(run).values()
    assert (checked["verdict"], checked["items_in_target"]) == ("PASS", ITEMS), checked["reasons"]


@linux
@pytest.mark.chaos
def test_one_that_wakes_after_it_was_given_up_writes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a nanny nobody can end it; what it would have written was changed meanwhile."""
    look_often(monkeypatch)
    world.pair("a", things(ITEMS))
    address = f"tcp://127.0.0.1:{free_port()}"
    scheduler = ("scheduler", "--host", address, "--no-dashboard")
    worker = ("worker", address, "--host", "127.0.0.1", "--nthreads", "3", "--no-nanny", "--no-dashboard",
              "--local-directory", str(world.folder))  # fmt: skip
    settings = {"import": {"max_wcu": 300}, "engine": {"kind": "dask", "address": address, "workers": 2}}
    run = world.open(**settings)
    preflight(run)
    export_tables(run)
    with running(*scheduler), running(*worker) as one, running(*worker), ThreadPoolExecutor(1) as pool:
        table_load = pool.submit(import_tables, run)
        until(run.folder / "ledger.sqlite", table_load.running, BEGUN)
        one.send_signal(signal.SIGSTOP)
        (fact,) = table_load.result(SECONDS).values()
        assert fact["status"] == "completed"
        newer = [item | {"n": {"N": "-1"}} for item in things(ITEMS)]
        world.put(world.target, world.dst("a"), newer)
        one.send_signal(signal.SIGCONT)
        one.wait(SECONDS)  # it finds out that nobody waits for it
    left = {item["n"]["N"] for item in world.items(world.target, world.dst("a"))}
    assert left == {"-1"}


@linux
@pytest.mark.chaos
def test_a_worker_that_is_stopped_while_it_starts_ends_the_command_before_anything_is_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "START_SECONDS", SILENT)
    world.pair("a", things(10))
    run = world.open(engine={"kind": "dask", "workers": 1})
    preflight(run)
    export_tables(run)
    with ThreadPoolExecutor(1) as pool:
        table_load = pool.submit(import_tables, run)
        began = time.monotonic()
        while not (found := workers_of(os.getpid())) and time.monotonic() - began < SECONDS:
            time.sleep(0.05)
        os.kill(found[0], signal.SIGSTOP)
        with pytest.raises(ConfigError, match="did not start within 8 s"):
            table_load.result(SECONDS)
    assert world.items(world.target, world.dst("a")) == []
