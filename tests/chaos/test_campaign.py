"""A campaign of six runs in three waves, killed five times wherever it is, ends with six proofs."""

from __future__ import annotations

import random
import subprocess
import sys
import time

import pytest

from tests.support.campaigns import NAME, fleet, verdicts
from tests.support.in_process import runbook_here
from tests.support.world import World

WAVES = [["a", "b"], ["c"], ["d", "e", "f"]]
KILLS = 5


@pytest.mark.chaos
def test_a_campaign_killed_five_times_ends_with_six_proofs(world: World) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    drawn = random.Random(seed)
    file = fleet(world, WAVES, items=120)
    command = [sys.executable, "-m", "runbook_lib", "campaign", str(file), "--execute", "--confirm", NAME]
    for _ in range(KILLS):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(drawn.uniform(1, 25))
        process.kill()
        process.wait(timeout=60)
    ran = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert ran.returncode == 0, f"seed {seed}: {ran.stdout}{ran.stderr}"
    names = [name for wave in WAVES for name in wave]
    assert verdicts(world, names) == dict.fromkeys(names, "PASS"), f"seed {seed}"
    for n, name in enumerate(names):
        proved = runbook_here("verify", world.folder / "reports" / f"{NAME}-{name}")
        assert proved.returncode == 0, f"seed {seed}: {proved.stderr}"
        assert len(world.items(world.target, world.dst(name))) == 120 + n
