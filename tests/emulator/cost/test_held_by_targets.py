"""What a target holds already is read before the first write and by each comparison: estimate and limits count it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.config.model import Migration
from runbook_lib.cost.estimate import estimate
from runbook_lib.cost.limits import within_limits
from runbook_lib.cost.reestimate import known_size
from runbook_lib.cost.table_size import TableSize
from runbook_lib.cost.target_reads import PASS_ITEMS
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.estimate import Basis, Estimate
from runbook_lib.run.facts.plan import TableCapacities
from runbook_lib.sandbox import demo_config
from runbook_lib.validate.compare import ITEMS_AT_ONCE
from tests.support.facts import capacity
from tests.support.world import World, things

FEW = TableSize("a", "b", Method.EXPORT, Basis.HINT, 3, 300, None, ())
HELD, HELD_BYTES = 6_000, 18_000_000
FULL = replace(FEW, held_items=HELD, held_bytes=HELD_BYTES)
ONCE = HELD_BYTES / 4096  # of one pass
BESIDE = ("append", "overwrite", "sync")


def made(load: TableSize, policy: str, **changes: Any) -> Estimate:
    settings = demo_config("https://aws", **{"import": {"on_non_empty": policy}, **changes})
    stand = capacity(on_demand=True)
    return estimate(Migration.model_validate(settings), [load], {"a": TableCapacities(stand, stand)})


def reads(known: Estimate) -> Any:
    return next(part for part in known.parts if part.name == "Reads of the target")


@pytest.mark.parametrize("policy", BESIDE)
def test_what_is_there_is_read_before_the_first_write_and_compared(policy: str) -> None:
    """A reading and a count of each, at least, and once more to name what differs, and each item by its key."""
    empty, full = made(FEW, policy), made(FULL, policy)
    assert reads(empty).quantity.high < 100
    assert reads(full).quantity.low >= 4 * ONCE
    assert 6 * ONCE + HELD <= reads(full).quantity.high <= 8 * ONCE + 2 * HELD
    assert full.usd is not None
    assert empty.usd is not None
    assert full.usd.low - empty.usd.low == pytest.approx(4 * ONCE * 0.125e-6, rel=0.01)
    assert (full.tables[0].held_items, full.tables[0].held_bytes) == (HELD, HELD_BYTES)


def test_a_target_that_has_to_be_empty_holds_nothing() -> None:
    assert made(FULL, "fail") == made(FEW, "fail")
    compared = made(FULL, "fail", validate={"without_import": True})
    assert 2 * ONCE <= reads(compared).quantity.low < 3 * ONCE


@pytest.mark.parametrize("policy", BESIDE)
def test_a_size_that_says_nothing_makes_the_bill_and_the_time_unknown(policy: str) -> None:
    known = made(replace(FULL, held_bytes=0), policy)
    assert (reads(known).quantity, known.usd, known.hours) == (None, None, None)


def test_a_comparison_names_what_differs_in_as_many_passes_as_its_memory_asks_for() -> None:
    assert PASS_ITEMS == ITEMS_AT_ONCE
    large = replace(FULL, held_items=20 * PASS_ITEMS, held_bytes=1 << 33)
    assert reads(made(large, "append")).quantity.high >= (3 + 2 + 20) * (1 << 33) / 4096


def test_the_leak_scan_reads_the_target_too() -> None:
    rules = {"mask": {"key": {"env": "K"}, "rules": [{"path": "id", "with": "keep"}]}}
    plain, masked = made(FULL, "append"), made(FULL, "append", transform=rules)
    assert reads(masked).quantity.low - reads(plain).quantity.low == pytest.approx(ONCE, abs=2)
    slow = {"validate": {"max_rcu": 10}}
    one, other = made(FULL, "append", **slow), made(FULL, "append", transform=rules, **slow)
    assert one.hours is not None
    assert other.hours is not None
    assert other.hours.low - one.hours.low >= ONCE / 10 / 3600 - 0.01


def test_reading_what_is_there_takes_time_before_and_after_the_writes() -> None:
    slow = {"validate": {"max_rcu": 10}}
    empty, full = made(FEW, "append", **slow).tables[0], made(FULL, "append", **slow).tables[0]
    for short, long in ((empty.import_seconds, full.import_seconds), (empty.validate_seconds, full.validate_seconds)):
        assert short is not None
        assert long is not None
        assert long.low - short.low >= 2 * ONCE / 10 - 5


def test_the_limits_say_of_how_many_items_that_are_there_they_are() -> None:
    cost, time = within_limits(0.0005, 3.0, made(FULL, "append"))
    assert (cost.blocks, time.blocks) == (True, False)
    for check in (cost, time):
        assert "with 6,000 items that are there already" in check.found
    assert "already" not in next(within_limits(0.0005, None, made(FULL, "fail"))).found


def test_what_a_run_has_written_itself_is_no_part_of_what_was_there() -> None:
    """A run that goes on near its limit is not refused for its own items."""
    key: Any = ()
    there = TableDescription("b", "arn", "id", "ACTIVE", key, (), "PAY_PER_REQUEST", None, 103, 10_300)
    source = replace(there, name="a", items_hint=100, bytes_hint=10_000)
    pair = Pair("a", "b", Method.EXPORT, None, source, there)
    mine, others = known_size(pair, is_ours=True), known_size(pair)
    assert (others.held_items, others.held_bytes) == (103, 10_300)
    assert (mine.held_items, mine.held_bytes) == (3, 300)


def test_the_preflight_asks_the_target_what_it_holds(world: World) -> None:
    """Three items beside four hundred: the limit that a bill of three keeps is not kept."""
    world.pair("a", things(3))
    world.put(world.target, world.dst("a"), [{"id": {"S": f"own{n}"}, "blob": {"S": "x" * 3000}} for n in range(400)])
    append, limit = {"on_non_empty": "append"}, {"max_cost_usd": 0.00009}
    plan = preflight(world.open(**{"import": append}, limits=limit))
    (blocker,) = plan.blockers
    assert "400 items" in str(blocker)
    assert preflight(world.open("other", **{"import": append}, limits={"max_cost_usd": 0.01})).blockers == ()
