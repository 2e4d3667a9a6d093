"""`runbook drift` as a user gives it: kinds, trend, rate, no part in the verdict, a forecast that knows of it."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from runbook_lib.cutover.ready import forecast_of
from runbook_lib.drift.step import look_for_drift
from runbook_lib.run.facts.around.drift import DRIFT_LOOKS, DriftKind
from tests.support.in_process import runbook_here
from tests.support.masks import KEY_NAME, MASK_KEY, email_rule, keep_rule, mask, people
from tests.support.moving import SETTINGS, Moving, item, live, moved
from tests.support.world import World, things

pytestmark = pytest.mark.whole


def look(moving: Moving) -> Any:
    return look_for_drift(moving.run)[moving.world.src("a")]


def counts(fact: Any) -> tuple[int, int, int, int]:
    assert fact.failure is None
    return fact.only_in_source, fact.changed, fact.only_in_target, fact.expired


def test_each_kind_is_told_apart_with_its_keys_as_hashes_and_its_places(world: World) -> None:
    moving = moved(world)
    when = {"AttributeName": "until", "Enabled": True}
    past = str(int(datetime.now(UTC).timestamp()) - 3600)
    world.source.update_time_to_live(TableName=world.src("a"), TimeToLiveSpecification=when)
    moving.write(item("new", 1), item("old already", 1) | {"until": {"N": past}}, item("i00001", 99))
    moving.delete("i00002", "i00003")
    world.put(world.target, world.dst("a"), [item("gone at the source", 1) | {"until": {"N": past}}])
    found = look(moving)
    assert counts(found) == (1, 1, 2, 2)
    assert sorted(one.kind for one in found.listed) == sorted(
        [DriftKind.ONLY_IN_SOURCE, DriftKind.CHANGED, *[DriftKind.ONLY_IN_TARGET] * 2, *[DriftKind.EXPIRED] * 2]
    )
    [changed] = [one for one in found.listed if one.kind is DriftKind.CHANGED]
    assert changed.paths == ("n",)
    assert all(len(one.key_hash) == 32 for one in found.listed)
    assert found.read_units > 0


@pytest.mark.chaos
def test_looks_make_a_trend_and_a_rate_and_the_forecast_expects_as_much(world: World) -> None:
    moving = moved(world)
    live(moving, 0)
    moving.catch_up()
    moving.validated()
    assert forecast_of(moving.run, moving.run.pairs()).changes is None
    look(moving)
    moving.write(*[item(f"more {n}", n) for n in range(30)])
    moving.minutes(20)
    look(moving)
    assert [fact.items for fact in DRIFT_LOOKS.needed(moving.run.ledger, world.src("a"))] == [0, 30]
    forecast = forecast_of(moving.run, moving.run.pairs())
    assert 30 <= (forecast.changes or 0) <= 95  # thirty in twenty minutes, and a little longer ago
    moving.minutes(60)
    assert (forecast_of(moving.run, moving.run.pairs()).changes or 0) > (forecast.changes or 0) + 80


def test_the_command_says_what_it_found_and_the_verdict_stays(world: World) -> None:
    world.pair("a", things(40))
    config = world.config(catch_up=SETTINGS)
    assert runbook_here("run", config, "--run-id", "r", "--execute").returncode == 0
    before = world.requests("BatchWriteItem")
    world.put(world.source, world.src("a"), [item("new", 1)])
    for number in (1, 2):
        done = runbook_here("drift", config, "--run-id", "r")
        assert done.returncode == 0, done.stderr
        assert "41 items by now, 1 only in the source, 0 changed" in done.stdout
        record = json.loads((world.folder / "reports" / "r" / "run.json").read_text())
        assert record["verdict"] == "PASS"
        assert len(record["tables"][0]["drift"]["looks"]) == number
    assert "not part of the verdict, which is PASS" in done.stdout
    assert world.requests("BatchWriteItem") == before + 1  # the one of this test
    page = (world.folder / "reports" / "r" / "report.html").read_text()
    assert "Drift since the export" in page
    assert "2 looks" in page
    assert runbook_here("verify", world.folder / "reports" / "r").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--run-id", "other"], "found no 'other'"), (["--run-id", "r", "--tables", "x*"], "matches")],
)
@pytest.mark.chaos
def test_what_is_not_there_is_refused(world: World, arguments: list[str], said: str) -> None:
    moving = moved(world)
    done = runbook_here("drift", moving.config, *arguments)
    assert (done.returncode, said in done.stderr) == (2, True)


def test_a_source_that_cannot_be_read_is_no_zero(world: World) -> None:
    moving = moved(world)
    world.fault(operation="Scan", kind="denied", table=world.src("a"), times=100)
    done = runbook_here("drift", moving.config, "--run-id", "r")
    assert (done.returncode, "not measured" in done.stdout) == (1, True)


@pytest.mark.chaos
def test_what_may_not_be_asked_beside_the_items_takes_nothing_from_the_counts(world: World) -> None:
    moving = moved(world)
    when = {"AttributeName": "until", "Enabled": True}
    world.source.update_time_to_live(TableName=world.src("a"), TimeToLiveSpecification=when)
    moving.write(item("old", 1) | {"until": {"N": "1700000000"}})
    for operation in ("DescribeTimeToLive", "DescribeContinuousBackups"):
        world.fault(operation=operation, kind="denied", table=world.src("a"), times=100)
    found = look(moving)
    assert (counts(found), found.at) == ((1, 0, 0, 0), None)


@pytest.mark.chaos
def test_it_is_a_look_also_while_others_write(world: World) -> None:
    """Both sides change under it: it ends, and says no more than what it saw."""
    moving, stop = moved(world, 400), threading.Event()

    def write() -> None:
        for number in range(10_000):
            if stop.is_set():
                return
            moving.write(item(f"i{number % 400:05}", 1_000_000 + number))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        time.sleep(0.2)
        found = look(moving)
    finally:
        stop.set()
        writer.join()
    assert found.failure is None
    assert 0 < found.changed <= 400
    assert (found.only_in_source, found.only_in_target) == (0, 0)


@pytest.mark.chaos
def test_a_masked_source_is_masked_while_it_is_read(world: World) -> None:
    world.pair("a", people(30))
    config = world.config(transform=mask(email_rule(), keep_rule("n")))
    key = {KEY_NAME: MASK_KEY}
    assert runbook_here("run", config, "--run-id", "r", "--execute", **key).returncode == 0
    changed = people(1)[0] | {"n": {"N": "77"}}
    world.put(world.source, world.src("a"), [changed, people(1, 30)[0]])
    done = runbook_here("drift", config, "--run-id", "r", **key)
    assert "31 items by now, 1 only in the source, 1 changed, 0 only in the target, 0 expired" in done.stdout
    world.put(world.source, world.src("a"), [changed | {"unheard of": {"S": "x"}}])
    done = runbook_here("drift", config, "--run-id", "r", **key)
    assert (done.returncode, "no rule of transform.mask names" in done.stdout) == (1, True)
