"""An import killed again and again while the server misbehaves ends as if nothing had been (make chaos: all of it)."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.record.build import build_record
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import Run, open_run
from tests.support.commands import start_run
from tests.support.lives import live
from tests.support.recorded import validate_tables
from tests.support.world import World, indexed_by, things

KILLS = 9
MIX: tuple[dict[str, Any], ...] = (
    {"operation": "BatchWriteItem", "kind": "unprocessed", "probability": 0.15, "times": 6},
    {"operation": "BatchWriteItem", "kind": "throttle", "probability": 0.1, "times": 4},
    {"operation": "BatchWriteItem", "kind": "internal-error", "probability": 0.1, "times": 4},
    {"operation": "BatchWriteItem", "kind": "expired-token", "probability": 0.05, "times": 3},
    {"operation": "BatchWriteItem", "kind": "reset", "probability": 0.05, "times": 3},
    {"operation": "BatchWriteItem", "kind": "lost-reply", "probability": 0.1, "times": 4},
    {"operation": "BatchWriteItem", "kind": "delay", "probability": 0.05, "times": 2, "seconds": 2.0},
    {"operation": "GetObject", "kind": "truncate", "probability": 0.2, "times": 2},
    {"operation": "GetObject", "kind": "internal-error", "probability": 0.1, "times": 1},
    {"operation": "GetObject", "kind": "reset", "probability": 0.1, "times": 1},
)


def misbehave(world: World, seed: int) -> None:
    """New faults for one life: some requests in everything the engine does, and never so many that it cannot end."""
    world.clear_faults()
    for number, fault in enumerate(MIX):
        world.fault(**fault, seed=seed * 1000 + number)


def written(world: World, run_id: str) -> int:
    """What the ledger knows to be acknowledged."""
    ledger = Ledger(world.folder / "reports" / run_id / "ledger.sqlite")
    try:
        return int(ledger.rows("SELECT SUM(written) AS n FROM file")[0]["n"] or 0)
    finally:
        ledger.close()


def killed_again_and_again(world: World, config: Path, seed: int, kills: int, items: int) -> list[int]:
    """Import in so many lives and one more; returns per kill what was acknowledged and the ledger did not know."""
    moments = random.Random(seed)
    rate = moments.choice([200, 300, 500])
    settings = config.read_text(encoding="utf-8")
    config.write_text(settings.replace("max_wcu: 1", f"max_wcu: {rate}"), encoding="utf-8")
    assert live(config, "r", ["preflight", "export"], None)
    unknown = []
    while len(unknown) < kills:
        misbehave(world, seed * 100 + len(unknown))
        before, known = world.acknowledged(), written(world, "r")
        whole = items / rate
        seconds = moments.uniform(0.0, moments.choice([0.15, 0.7 * whole / (kills + 3)]))
        if len(unknown) == kills // 2:  # long and calm enough to lose more than a second of work, if that could be
            seconds = 0.45 * whole
            world.clear_faults()
        if live(config, "r", ["import"], seconds):
            break
        unknown.append(world.acknowledged() - before - (written(world, "r") - known))
        # A second of work, and what was under way: the requests in flight and those the server answered too late.
        assert 0 <= unknown[-1] <= rate + 10 * 25, f"kill {len(unknown)} at {rate} items/s"
    misbehave(world, seed)
    assert live(config, "r", ["import"], None)
    world.clear_faults()
    print(f"seed {seed}: {len(unknown)} kills at {rate} items/s, sent again {unknown}")
    return unknown


def judged(config: Path) -> tuple[Run, dict[str, dict[str, Any]]]:
    run = open_run(str(config), "r", execute=True)
    validate_tables(run)
    tables = build_record(run.ledger, "r", "n").to_json()["tables"]
    return run, {t["source"].rsplit("-", 1)[1]: t for t in tables}


def by_id(items: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found = {item["id"]["S"]: item for item in items}
    assert len(found) == len(items)
    return found


def nothing_is_lost(world: World, seed: int, kills: int, items: int) -> int:
    world.pair("a", things(items, text={"S": "x" * 200}))
    world.pair("b", things(items // 8), pitr=False)
    config = world.config(**{"import": {"concurrency": 8, "max_wcu": 1}})
    unknown = killed_again_and_again(world, config, seed, kills, items)
    run, tables = judged(config)
    for name, count in (("a", items), ("b", items // 8)):
        row = tables[name]
        assert row["verdict"] == "PASS", row["reasons"]
        counts = [row[f"items_{n}"] for n in ("exported", "written", "quarantined", "in_target")]
        assert counts == [count, count, 0, count]
        assert row["lines_read"] == count
        source = by_id(world.items(world.source, world.src(name)))
        assert by_id(world.items(world.target, world.dst(name))) == source
    assert run.ledger.calls("target")["BatchWriteItem"] > 0
    return len(unknown)


@pytest.mark.whole
def test_an_import_killed_while_the_server_misbehaves_loses_nothing(world: World) -> None:
    assert nothing_is_lost(world, seed=1, kills=4, items=800) >= 2


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(100, 126))
def test_an_import_killed_many_times_loses_nothing(world: World, seed: int) -> None:
    assert nothing_is_lost(world, seed, KILLS, items=2400) >= KILLS - 1


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(4))
def test_a_rejected_item_is_counted_once_whatever_happens(world: World, seed: int) -> None:
    bad = [{"id": {"S": f"bad{n}"}, "owner": {"N": "5"}} for n in range(17)]
    world.table(world.source, world.src("a"))
    world.table(world.target, world.dst("a"), **indexed_by("owner", "S"))
    world.put(world.source, world.src("a"), [*things(1500), *bad])
    config = world.config(
        **{"export": {"without_pitr": "scan"}, "import": {"concurrency": 8, "max_wcu": 1, "quarantine_limit": 17}}
    )
    assert len(killed_again_and_again(world, config, seed, KILLS, 1500)) >= 3
    run, tables = judged(config)
    counts = [tables["a"][f"items_{n}"] for n in ("exported", "written", "quarantined", "in_target")]
    assert counts == [1517, 1500, 17, 1500]
    assert (tables["a"]["verdict"], tables["a"]["missing"], tables["a"]["different"]) == ("FAIL", 0, 0)
    assert len({row["key_hash"] for row in run.ledger.rows("SELECT key_hash FROM quarantine")}) == 17
    assert by_id(world.items(world.target, world.dst("a"))) == by_id(things(1500))


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(4))
def test_steps_killed_anywhere_are_done_again_and_pass(world: World, seed: int) -> None:
    """Also in pre-flight, export and validation."""
    moments = random.Random(seed)
    world.pair("a", things(1200, text={"S": "x" * 200}))
    world.pair("b", things(400), pitr=False)
    config = world.config(**{"import": {"concurrency": 4}})
    kills = 0
    for step in ("preflight", "export", "import", "validate"):
        for _ in range(4):
            kills += not live(config, "r", [step], moments.uniform(0.0, 0.4))
        assert live(config, "r", [step], None)
    _, tables = judged(config)
    assert kills >= 4
    for name, count in (("a", 1200), ("b", 400)):
        counts = [tables[name][f"items_{n}"] for n in ("exported", "written", "in_target")]
        assert (tables[name]["verdict"], counts) == ("PASS", [count] * 3)
    assert run_calls(config)["ExportTableToPointInTime"] <= 5


def run_calls(config: Path) -> dict[str, int]:
    return open_run(str(config), "r").ledger.calls("source")


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(2))
def test_a_run_killed_at_random_moments_loses_nothing_and_counts_nothing_twice(world: World, seed: int) -> None:
    """The whole command, with its notebooks and kernels."""
    moments = random.Random(seed)
    world.pair("a", things(3000, text={"S": "x" * 200}))
    world.pair("b", things(400), pitr=False)
    config = world.config(**{"import": {"concurrency": 2}})
    world.fault(operation="BatchWriteItem", kind="delay", seconds=0.05, every=1)
    for _ in range(6):
        process = start_run(world, config)
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
