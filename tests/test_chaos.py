"""A run killed again and again, at random moments, still ends in the same PASS (make chaos)."""

from __future__ import annotations

import random
import signal
import subprocess
import time

import pytest

from tests.test_run_command import started
from tests.world import World, things


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(4))
def test_a_run_killed_at_random_moments_loses_nothing_and_counts_nothing_twice(world: World, seed: int) -> None:
    moments = random.Random(seed)
    world.pair("a", things(3000, text={"S": "x" * 200}))
    world.pair("b", things(400), pitr=False)
    config = world.config(**{"import": {"concurrency": 2}})
    world.fault(operation="BatchWriteItem", kind="unprocessed", probability=0.2, seed=seed)
    world.fault(operation="BatchWriteItem", kind="delay", seconds=0.05, every=1)
    for _ in range(6):
        process = started(world, config)
        try:
            process.wait(moments.uniform(4.0, 18.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
        time.sleep(moments.uniform(0.0, 1.0))
    world.clear_faults()
    ran = world.runbook("run", config, "--run-id", "r1", "--execute")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    totals = world.record("r1")["totals"]
    assert (totals["items_exported"], totals["items_written"], totals["items_in_target"]) == (3400, 3400, 3400)
