from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runbook_lib.buckets import Buckets, digests
from runbook_lib.compare import compare
from runbook_lib.errors import GateFailed
from runbook_lib.export import export_tables
from runbook_lib.gates import gate_validation
from runbook_lib.importer import import_tables
from runbook_lib.items import KeyAttribute
from runbook_lib.preflight import preflight
from runbook_lib.run import Run
from runbook_lib.validate import disagreements, validate_tables
from tests.attributes import items
from tests.world import World, things

ID = (KeyAttribute("id", "S", "HASH"),)
Item = dict[str, Any]


def migrated(world: World, count: int = 60, **changes: Any) -> Run:
    world.pair("a", things(count, s={"SS": ["x", "y"]}, t={"S": "text"}))
    run = world.open(**changes)
    preflight(run)
    export_tables(run)
    import_tables(run)
    return run


def target_key(number: int) -> Item:
    return {"id": {"S": f"i{number:05}"}}


def test_a_migrated_table_passes_with_four_equal_counts(world: World) -> None:
    run = migrated(world)
    fact = validate_tables(run)[world.src("a")]
    assert fact["verdict"] == "PASS"
    assert {fact[n] for n in ("in_manifest", "lines_read", "items_written", "items_in_target", "items_compared")} == {
        60
    }
    assert fact["export_digest"] == fact["target_digest"]
    assert gate_validation(run) == "GO: 1 of 1 tables proved"


@pytest.mark.parametrize(
    ("damage", "kind", "count"),
    [
        (lambda w, t: w.target.delete_item(TableName=t, Key=target_key(3)), "missing", 1),
        (lambda w, t: w.put(w.target, t, [{"id": {"S": "new"}}]), "extra", 1),
        (lambda w, t: w.put(w.target, t, [target_key(3) | {"n": {"N": "3"}}]), "different", 1),
        (lambda w, t: w.put(w.target, t, things(5)), "different", 5),
        (
            lambda w, t: (
                w.target.delete_item(TableName=t, Key=target_key(3)),
                w.put(w.target, t, [{"id": {"S": "z"}}]),
            ),
            "missing",
            1,
        ),
    ],
    ids=["lost", "added", "changed", "five changed", "lost and another added"],
)
def test_a_damaged_target_fails_and_the_damage_is_named(world: World, damage: Any, kind: str, count: int) -> None:
    run = migrated(world)
    damage(world, world.dst("a"))
    fact = validate_tables(run)[world.src("a")]
    assert fact["verdict"] == "FAIL"
    assert fact[kind] == count
    assert len(run.ledger.rows("SELECT * FROM difference WHERE kind = ?", kind)) == count
    with pytest.raises(GateFailed, match=kind):
        gate_validation(run)


def test_the_same_items_written_another_way_are_no_difference(world: World) -> None:
    run = migrated(world)
    world.put(
        world.target, world.dst("a"), [target_key(7) | {"t": {"S": "text"}, "s": {"SS": ["y", "x"]}, "n": {"N": "7.0"}}]
    )
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"


def test_items_that_the_targets_own_ttl_removed_are_expired_and_not_missing(world: World) -> None:
    moment = 1_800_000_000
    lives = {"reached": moment - 60, "too old for TTL": moment - 6 * 365 * 86400, "stays": moment + 9}
    world.pair("a", [{"id": {"S": name}, "ttl": {"N": str(until)}} for name, until in lives.items()])
    world.target.update_time_to_live(
        TableName=world.dst("a"), TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"}
    )
    run = world.open()
    preflight(run)
    export_tables(run)
    import_tables(run)
    run.now = lambda: datetime.fromtimestamp(moment, UTC)
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "reached"}})
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["expired"], fact["missing"]) == ("PASS", 1, 0)
    for name in ("too old for TTL", "stays"):
        world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": name}})
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["expired"], fact["missing"]) == ("FAIL", 1, 2)


def test_without_an_import_nothing_is_proved(world: World) -> None:
    world.pair("a", things(3))
    run = world.open(execute=False)
    preflight(run)
    export_tables(run)
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "DRY-RUN"


def test_keys_are_shown_in_full_only_where_the_configuration_says_so(world: World) -> None:
    run = migrated(world, 5)
    world.target.delete_item(TableName=world.dst("a"), Key=target_key(3))
    validate_tables(run)
    assert run.ledger.rows("SELECT key FROM difference")[0]["key"] is None
    full = world.open(report={"show_keys": "full"})
    validate_tables(full)
    assert full.ledger.rows("SELECT key FROM difference")[0]["key"] == '{"id": {"S": "i00003"}}'


def test_a_throttled_scan_of_the_target_is_finished(world: World) -> None:
    run = migrated(world)
    world.fault(operation="Scan", table=world.dst("a"), kind="throttle", every=2, times=4)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"


GOOD = {
    "in_manifest": 10, "lines_read": 10, "items_written": 10, "items_quarantined": 0,
    "items_filtered": 0, "items_compared": 10, "items_in_target": 10,
}  # fmt: skip
NONE = {"missing": 0, "extra": 0, "different": 0, "expired": 0, "quarantined": 0}
LOADED = {"status": "completed", "items_before": 0}


def test_agreement_of_all_witnesses_has_no_reasons() -> None:
    assert disagreements(GOOD, NONE, LOADED) == []


@pytest.mark.parametrize("liar", ["in_manifest", "lines_read", "items_written", "items_compared", "items_in_target"])
@pytest.mark.parametrize("by", [-1, 1, -10])
def test_each_witness_that_lies_alone_is_contradicted(liar: str, by: int) -> None:
    assert disagreements(GOOD | {liar: 10 + by}, NONE, LOADED)


@pytest.mark.parametrize("kind", ["missing", "extra", "different"])
def test_each_difference_alone_is_a_reason(kind: str) -> None:
    assert disagreements(GOOD, NONE | {kind: 1}, LOADED)


def test_an_import_that_did_not_end_is_a_reason() -> None:
    assert disagreements(GOOD, NONE, LOADED | {"status": "failed", "failure": "why"}) == ["the import is failed: why"]


def compared(exported: list[Item], found: list[Item], held: list[Item] | None = None) -> Any:
    """Compare two lists of items with the real code; `held` is what a second look finds."""
    sides = Buckets(), Buckets()
    for side, content in zip(sides, (exported, found), strict=True):
        for item in content:
            side.add(*digests(item, ID))
    now = {i["id"]["S"]: i for i in (found if held is None else held)}
    return compare(
        *sides, lambda: iter(exported), lambda: iter(found), ID,
        look_again=lambda keys: [now[k["id"]["S"]] for k in keys if k["id"]["S"] in now],
        expires=lambda item: None, now=0.0, limit=100,
    )  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(items(), max_size=8, unique_by=lambda i: i["id"]["S"]), st.randoms(use_true_random=False))
def test_the_same_items_in_any_order_are_equal(content: list[Item], order: random.Random) -> None:
    shuffled = [dict(reversed(i.items())) for i in content]
    order.shuffle(shuffled)
    result = compared(content, shuffled)
    assert result.equal
    assert not any(result.counts.values())


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(items(), min_size=1, max_size=8, unique_by=lambda i: i["id"]["S"]), st.data())
def test_any_single_change_is_found_and_named(content: list[Item], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(["missing", "extra", "different"]))
    other = {
        "missing": content[:at] + content[at + 1 :],
        "extra": [*content, {"id": {"S": "an extra key, quite long"}}],
    }
    changed = content[at] | {"a new attribute": {"NULL": True}}
    found = other.get(kind, [*content[:at], changed, *content[at + 1 :]])
    result = compared(content, found)
    assert result.counts == NONE | {kind: 1}
    assert [d.kind for d in result.listed] == [kind]


def test_what_a_second_look_finds_equal_is_not_reported() -> None:
    content = things(3)
    stale = [content[0], content[1] | {"n": {"N": "99"}}]
    assert compared(content, stale, held=content).counts == NONE


def test_a_table_digest_does_not_depend_on_how_it_was_split() -> None:
    whole, halves = Buckets(), [Buckets(), Buckets()]
    for n, item in enumerate(things(500)):
        whole.add(*digests(item, ID))
        halves[n % 2].add(*digests(item, ID))
    halves[1].merge(halves[0])
    assert whole.table_digest() == halves[1].table_digest() == "ff172d2c48831e30d86e0c0a028bc72b"
