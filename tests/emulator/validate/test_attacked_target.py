"""A target that passed is attacked and validated again, with the commands alone."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from tests.support.forged_sums import sides
from tests.support.in_process import runbook_here
from tests.support.world import World


def old(number: int) -> dict[str, Any]:
    return {"id": {"S": f"i{number:05}"}, "created": {"N": str(int(time.time()) - 86_400 * number - 10)}}


def tables(world: World) -> dict[str, dict[str, Any]]:
    return {row["target"]: row for row in world.record("r")["tables"]}


@pytest.mark.whole
def test_a_forged_target_and_one_that_its_own_ttl_emptied_pass_only_until_they_are_looked_at(world: World) -> None:
    exported, altered = sides()
    world.pair("forged", exported)
    world.pair("expired", [old(n) for n in range(40)])
    world.target.update_time_to_live(
        TableName=world.dst("expired"), TimeToLiveSpecification={"Enabled": True, "AttributeName": "created"}
    )
    config = world.config()
    first = runbook_here("run", config, "--run-id", "r", "--execute")
    assert first.returncode == 0, first.stderr
    secret = Path(os.environ["XDG_STATE_HOME"], "runbook", "r")
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    value = secret.read_text(encoding="ascii").strip()
    for file in (world.folder / "reports").rglob("*"):
        if file.is_file():
            assert value.encode() not in file.read_bytes(), file
            assert bytes.fromhex(value) not in file.read_bytes(), file
    assert value not in first.stdout + first.stderr

    world.put(world.target, world.dst("forged"), altered)
    for item in world.items(world.target, world.dst("expired")):
        world.target.delete_item(TableName=world.dst("expired"), Key={"id": item["id"]})
    secret.unlink()
    again = runbook_here("run", config, "--run-id", "r", "--from", "validate", "--execute")
    assert again.returncode == 1, again.stderr
    found = tables(world)
    assert (found[world.dst("forged")]["verdict"], found[world.dst("forged")]["different"]) == ("FAIL", 256)
    row = found[world.dst("expired")]
    assert (row["verdict"], row["missing"], row["expired"]) == ("FAIL", 40, 0)
    assert "excuses no item" in " ".join(row["reasons"])
    assert secret.read_text(encoding="ascii").strip() != value
