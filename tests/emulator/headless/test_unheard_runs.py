"""A run whose reader goes away goes on to its end, with its report."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.world import World, things


@pytest.mark.whole
@pytest.mark.few(1)
@pytest.mark.parametrize("closed", ["| head -1 >/dev/null", ">&- 2>&-"])
def test_a_run_that_nobody_hears_is_done_and_reported(world: World, closed: str) -> None:
    world.pair("a", things(5))
    run = f"'{sys.executable}' -m runbook_lib run '{world.config()}' --run-id r1 --execute"
    line = f"{run} {closed}; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, timeout=300, check=False, env=os.environ
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(world.items(world.target, world.dst("a"))) == 5
    assert (world.folder / "reports" / "r1" / "report.html").exists()
