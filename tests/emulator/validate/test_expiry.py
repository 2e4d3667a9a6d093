"""An absent item is excused by the TTL that its source has too, once its own time had passed, and by nothing else."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from runbook_lib.preflight.step import preflight
from runbook_lib.run.run import Run
from runbook_lib.run.witnesses import source_ttl
from runbook_lib.validate import step
from tests.support.between import Asked, Said, between
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, indexed_by

NOW = 1_700_000_000  # of the machine's clock; the embedded AWS goes by the real one
SOURCE = ("us-east-1", "src")


def item(name: str, ttl: Any, **more: Any) -> dict[str, Any]:
    return {"id": {"S": name}, "ttl": ttl, "created": {"N": str(NOW - 86_400)}} | more


def let_expire(client: Any, table: str, attribute: str | None, enabled: bool = True) -> None:
    if attribute is not None:
        client.update_time_to_live(
            TableName=table, TimeToLiveSpecification={"Enabled": enabled, "AttributeName": attribute}
        )


def migrated(
    world: World, items: list[Any], source: str | None, target: str | None, at: float = NOW, **changes: Any
) -> Run:
    """A table whose TTL is by these attributes, migrated; the clock says `at` from the validation on."""
    let_expire(world.source, world.src("a"), source)
    let_expire(world.target, world.dst("a"), target)
    run = world.open(parity={"accept": ["time to live"]}, **changes)
    preflight(run)
    export_tables(run)
    import_tables(run)
    run.now = lambda: datetime.fromtimestamp(at, UTC)
    for each in items:
        world.target.delete_item(TableName=world.dst("a"), Key={"id": each["id"]})
    return run


def seen(run: Run, world: World) -> tuple[str, int, int]:
    fact = validate_tables(run)[world.src("a")]
    return fact["verdict"], fact["expired"], fact["missing"]


PASSED, TO_COME, TEXT = {"N": str(NOW - 60)}, {"N": str(NOW + 60)}, {"S": str(NOW - 60)}
TOO_OLD = {"N": str(NOW - 6 * 365 * 86_400)}


@pytest.mark.parametrize(
    ("source", "target", "time", "excused"),
    [
        ("ttl", "ttl", PASSED, True),
        ("ttl", "ttl", {"N": str(NOW)}, True),
        ("ttl", "ttl", TO_COME, False),
        ("ttl", "ttl", TEXT, False),
        ("ttl", "ttl", TOO_OLD, False),
        ("ttl", None, PASSED, False),  # nothing in the target has removed it
        (None, "ttl", PASSED, False),
        (None, "created", PASSED, False),
        ("ttl", "created", PASSED, False),
        ("created", "ttl", PASSED, False),
        (None, None, PASSED, False),
    ],
)
@pytest.mark.few(2)
def test_what_the_target_alone_lets_expire_is_missing(
    world: World, source: str | None, target: str | None, time: Any, excused: bool
) -> None:
    items = [item(f"i{n}", time) for n in range(7)]
    world.pair("a", [*items, item("kept", {"N": str(NOW * 2)})])
    run = migrated(world, items, source, target)
    assert seen(run, world) == (("PASS", 7, 0) if excused else ("FAIL", 0, 7))
    reasons = run.ledger.get("validation", world.src("a"))["reasons"]
    assert any("excuses no item" in reason for reason in reasons) == (target is not None and source != target)


@pytest.mark.chaos
def test_an_empty_target_whose_own_ttl_removed_all_of_it_fails_and_says_why(world: World) -> None:
    items = [item(f"i{n:03}", TEXT) for n in range(200)]
    world.pair("a", items)
    run = migrated(world, items, None, "created")
    assert seen(run, world) == ("FAIL", 0, 200)
    reasons = run.ledger.get("validation", world.src("a"))["reasons"]
    assert "the target's TTL, by created, excuses no item that is absent: the source's is off" in reasons


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize(("passes", "expected"), [(NOW, ("PASS", 1, 0)), (NOW - 2, ("FAIL", 0, 1))])
def test_the_clock_is_read_after_the_second_look(
    world: World, passes: int, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item that expires, and is removed, while the comparison goes on was never missing."""
    expiring = item("i", {"N": str(NOW - 1)})
    world.pair("a", [expiring, item("kept", {"N": str(NOW * 2)})])
    run = migrated(world, [expiring], "ttl", "ttl")
    before = run.ledger.calls("target").get("BatchGetItem", 0)

    def now() -> datetime:
        looked = run.ledger.calls("target").get("BatchGetItem", 0) > before
        return datetime.fromtimestamp(passes if looked else NOW - 3600, UTC)

    run.now = now
    monkeypatch.setattr(source_ttl, "time", SimpleNamespace(monotonic=lambda: now().timestamp()))
    assert seen(run, world) == expected


def test_a_clock_that_is_set_forward_while_the_tables_are_compared_excuses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = item("gone", {"N": str(int(time.time()) + 86_400)})
    world.pair("a", [gone, item("there", {"N": str(int(time.time()) + 86_400)})])
    run = migrated(world, [gone], "ttl", "ttl", time.time())
    days, asked = [0], step.excuse_for
    run.now = lambda: datetime.now(UTC) + timedelta(days=days[0])

    def excuse_for(*known: Any) -> Any:
        found = asked(*known)
        days[0] = 2
        return found

    monkeypatch.setattr(step, "excuse_for", excuse_for)
    assert seen(run, world) == ("FAIL", 0, 1)


def test_a_clock_that_is_ahead_of_the_targets_excuses_nothing_before_its_time(world: World) -> None:
    """The target's TTL goes by the target's clock, which is a witness of its own."""
    soon = [item(f"i{n}", {"N": str(int(time.time()) + 3600 + n)}) for n in range(7)]
    world.pair("a", [*soon, item("kept", {"N": str(NOW * 2)})])
    run = migrated(world, soon, "ttl", "ttl", at=time.time() + 86_400)
    assert seen(run, world) == ("FAIL", 0, 7)


@pytest.mark.parametrize("date", [None, "yesterday"])
@pytest.mark.few(1)
@pytest.mark.whole
def test_where_the_targets_clock_cannot_be_read_nothing_is_excused(world: World, date: str | None) -> None:
    def after(asked: Asked, said: Said) -> Said:
        if asked.operation != "DescribeTimeToLive":
            return said
        kept = [(name, value) for name, value in said[1] if name.lower() != "date"]
        return said[0], kept + ([("Date", date)] if date else []), said[2]

    gone = item("i", PASSED)
    world.pair("a", [gone, item("kept", {"N": str(NOW * 2)})])
    with between(world.endpoint, after=after) as server:
        behind, world.endpoint = world.endpoint, server.endpoint
        run = migrated(world, [gone], "ttl", "ttl")
        world.endpoint = behind
        assert seen(run, world) == ("FAIL", 0, 1)
    reasons = run.ledger.get("validation", world.src("a"))["reasons"]
    assert any("the target's clock is not known" in reason for reason in reasons)


@pytest.mark.whole
def test_what_is_not_known_of_the_source_excuses_nothing(world: World) -> None:
    gone = item("i", PASSED)
    world.pair("a", [gone, item("kept", {"N": str(NOW * 2)})])
    world.fault(operation="DescribeTimeToLive", table=world.src("a"), kind="expired-token")
    run = migrated(world, [gone], "ttl", "ttl")
    assert seen(run, world) == ("FAIL", 0, 1)
    assert "the source's is not known" in " ".join(run.ledger.get("validation", world.src("a"))["reasons"])
    world.clear_faults()
    preflight(run)  # now it may be asked
    assert seen(run, world) == ("PASS", 1, 0)


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize(("before", "after", "expected"), [(None, "ttl", "FAIL"), ("ttl", None, "PASS")])
def test_what_the_source_said_before_its_export_counts_and_not_what_it_says_later(
    world: World, before: str | None, after: str | None, expected: str
) -> None:
    gone = item("i", PASSED)
    world.pair("a", [gone, item("kept", {"N": str(NOW * 2)})])
    run = migrated(world, [gone], before, "ttl")
    let_expire(world.source, world.src("a"), "ttl", enabled=after is not None)
    preflight(run)
    assert seen(run, world)[0] == expected


def rebuilt(world: World) -> None:
    world.source.delete_table(TableName=world.src("a"))
    world.table(world.source, world.src("a"))
    let_expire(world.source, world.src("a"), "ttl")


def dropped(world: World) -> None:
    world.source.delete_table(TableName=world.src("a"))


@pytest.mark.chaos
@pytest.mark.parametrize(("change", "expected"), [(lambda world: None, "PASS"), (rebuilt, "FAIL"), (dropped, "FAIL")])
def test_a_reused_export_is_excused_by_the_table_that_it_was_made_of(world: World, change: Any, expected: str) -> None:
    gone = item("i", PASSED)
    world.pair("a", [gone, item("kept", {"N": str(NOW * 2)})])
    let_expire(world.source, world.src("a"), "ttl")
    first = world.open("first", execute=False)
    preflight(first)
    arn = export_tables(first)[world.src("a")]["arn"]
    folder = first.ledger.get("export", world.src("a"))["folder"]
    change(world)
    reuse = {world.src("a"): arn if expected == "PASS" else f"s3://{world.bucket}/{folder}"}
    run = migrated(world, [gone], None, "ttl", export={"reuse": reuse})
    assert seen(run, world)[0] == expected


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize(("source", "expected"), [("ttl", 0), (None, 1)])
def test_an_index_lacks_only_what_the_source_lets_expire(world: World, source: str | None, expected: int) -> None:
    gone = item("i", PASSED, owner={"S": "o"})
    world.pair("a", [gone, item("kept", {"N": str(NOW * 2)}, owner={"S": "o"})], **indexed_by("owner", "S"))
    run = migrated(world, [gone], source, "ttl", validate={"index_wait_seconds": 0})
    (index,) = validate_tables(run)[world.src("a")]["indexes"]
    assert (index["state"], index["expired"], index["missing"]) == ("checked", 1 - expected, expected)
