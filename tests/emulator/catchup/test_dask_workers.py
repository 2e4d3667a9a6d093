"""Windows that the processes of a Dask cluster apply, one of which is killed, or stopped and woken too late."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.cluster import dask
from runbook_lib.run.facts.load import ENGINES, ClusterEngine
from runbook_lib.run.facts.windows import WindowState
from tests.support.cluster_processes import SECONDS, descendants, free_port, is_alive, linux, running, until, workers_of
from tests.support.moving import Moving, item, moved
from tests.support.world import World

HALF = "SELECT 1 FROM (SELECT SUM(written) AS n FROM window_file) WHERE n BETWEEN 200 AND 1200"
CHANGES = 1500
SLOWLY = {"max_wcu": 200, "concurrency": 8}


def busy(moving: Moving, round_: int) -> None:
    """Puts, other puts of the same keys, and deletes of some of them."""
    moving.write(*[item(f"b{n:05}", CHANGES * round_ + n) for n in range(CHANGES)])
    moving.delete(*[f"b{n:05}" for n in range(40 * round_)], f"i0000{round_}")
    moving.minutes(20)


def halfway(moving: Moving, then: Callable[[], Any], **options: Any) -> list[Any]:
    """Catch up, and do something in the middle of the window."""
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(moving.catch_up, **options)
        until(moving.run.folder / "ledger.sqlite", going.running, HALF)
        then()
        return going.result(SECONDS)


def is_proved(moving: Moving, windows: list[Any]) -> None:
    assert moving.target() == moving.source()
    assert all(w.state is WindowState.APPLIED and w.acknowledged == w.puts + w.deletes for w in windows)
    found = moving.validated()
    assert (found.verdict, found.reasons) == ("PASS", ())


@linux
@pytest.mark.chaos
def test_a_window_on_two_workers_is_whole_though_one_is_killed(world: World) -> None:
    moving = moved(world, **{"import": SLOWLY, "engine": {"kind": "dask", "workers": 2}})
    busy(moving, 0)
    seen: list[int] = []

    def kill() -> None:
        seen.extend(workers_of(os.getpid()))
        os.kill(seen[0], signal.SIGKILL)

    [first] = halfway(moving, kill)
    assert len(seen) == 2
    assert first.uncertain
    assert isinstance(ENGINES.of(moving.run.ledger, "catch_up"), ClusterEngine)
    busy(moving, 1)
    waited: list[float] = []
    windows = moving.catch_up(sleep=waited.append)
    assert not workers_of(os.getpid())
    is_proved(moving, windows)


@linux
@pytest.mark.chaos
def test_a_worker_that_wakes_when_later_windows_are_applied_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a nanny nobody can end it; both windows have the same keys."""
    monkeypatch.setattr(dask, "LOOK_EVERY", 1.0)
    monkeypatch.setattr(dask, "SILENT_FOR", 8.0)
    address = f"tcp://127.0.0.1:{free_port()}"
    scheduler = ("scheduler", "--host", address, "--no-dashboard")
    worker = ("worker", address, "--host", "127.0.0.1", "--nthreads", "3", "--no-nanny", "--no-dashboard",
              "--local-directory", str(world.folder))  # fmt: skip
    with running(*scheduler), running(*worker) as one, running(*worker):
        moving = moved(world, **{"import": SLOWLY, "engine": {"kind": "dask", "address": address, "workers": 2}})
        busy(moving, 0)
        [first] = halfway(moving, lambda: one.send_signal(signal.SIGSTOP))
        assert first.uncertain
        engine = ENGINES.of(moving.run.ledger, "catch_up")
        assert isinstance(engine, ClusterEngine)
        assert engine.scheduler == address
        moving.run.config = moving.run.config.model_copy(
            update={"engine": moving.run.config.engine.model_copy(update={"workers": 1})}
        )
        busy(moving, 1)
        windows = moving.catch_up()
        one.send_signal(signal.SIGCONT)
        one.wait(SECONDS)
        is_proved(moving, windows)


@linux
@pytest.mark.chaos
def test_a_killed_catch_up_leaves_no_worker_and_the_next_one_goes_on(world: World) -> None:
    moving = moved(world, **{"import": SLOWLY, "engine": {"kind": "dask", "workers": 2}})
    busy(moving, 0)
    moving.run.ledger.close()
    before = world.acknowledged()
    arguments = ("catch-up", moving.config, "--run-id", "r", "--execute", "--confirm", "r")
    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(world.runbook, *arguments)
        until(moving.run.folder / "ledger.sqlite", going.running, HALF)
        workers = workers_of(os.getpid())
        for pid in set(descendants(os.getpid())) - set(workers):
            said = Path(f"/proc/{pid}/cmdline").read_bytes()
            if b"runbook_lib\0catch-up" in said or b"ipykernel" in said:
                os.kill(pid, signal.SIGKILL)
        going.result(SECONDS)
    deadline = time.monotonic() + SECONDS
    while any(is_alive(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker outlived its coordinator"
        time.sleep(0.1)
    assert len(workers) == 2
    again = world.runbook(*arguments)
    assert again.returncode == 0, again.stdout + again.stderr
    [window] = json.loads((moving.run.folder / "run.json").read_text(encoding="utf-8"))["windows"]
    assert window["acknowledged"] == window["puts"] + window["deletes"]
    assert world.acknowledged() - before < 2 * CHANGES
    assert moving.target() == moving.source()
