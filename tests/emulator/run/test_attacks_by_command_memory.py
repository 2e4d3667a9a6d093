"""Data files that unpack to far more than they are, by the command alone: what its processes take stays as it was."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.damaged_exports import DamagedExports
from tests.support.liar import between
from tests.support.world import World, things

# Some hundred kilobytes at most, with what is said of it. Without their bounds, the first two take far more than MOST.
BOMBS: dict[str, tuple[bytes, int, str]] = {
    "words": (b"x\n", 4_000_000, "more than 10,000 of its lines are no items"),
    "line": (b" ", 400_000_000, "line 1 should end within 16 MB and does not"),
    "breaks": (b"\n", 10_000_000, "more than 1,000 blank lines more than items"),
}
MOST = 400  # MB that a process of a run may take; 170 is usual


def bomb(piece: bytes, times: int) -> Callable[[bytes], bytes]:
    return lambda body: gzip.compress(piece * (times // 20)) * 20


def run_measured(config: Path) -> tuple[int, float, str]:
    """How a run ended, the most megabytes that one of its processes took, and what it said."""
    command = [sys.executable, "-m", "runbook_lib", "run", str(config), "--run-id", "r", "--execute"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)  # of the process and of those that it has waited for
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10), said


@pytest.mark.whole
@pytest.mark.chaos
def test_files_that_unpack_to_far_more_than_they_are_take_no_memory(world: World) -> None:
    for name in BOMBS:
        world.pair(name, things(12))
    bombs = {name: bomb(piece, times) for name, (piece, times, _) in BOMBS.items()}
    damaged = DamagedExports(world, bombs, items=dict.fromkeys(BOMBS, 10**9))
    with between(world.endpoint) as liar:
        liar.after = damaged.told
        config = world.config()
        config.write_text(config.read_text().replace(world.endpoint, liar.endpoint))
        code, megabytes, said = run_measured(config)
    assert code == 1, said
    assert damaged.given == BOMBS.keys()
    assert megabytes < MOST
    tables = {table["source"].removeprefix(world.src("")): table for table in world.record("r")["tables"]}
    for name, (_, _, says) in BOMBS.items():
        assert says in " ".join(tables[name]["reasons"]), (name, tables[name]["reasons"])
