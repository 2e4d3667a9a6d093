"""Several tables compared side by side over HTTP: each gets what it would get alone, whatever becomes of the others."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import pytest

from runbook_lib.errors import Interrupted
from runbook_lib.export.step import export_tables
from runbook_lib.load.step import import_tables
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.validation import VALIDATIONS, ValidationFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.comparison import differences
from runbook_lib.validate.step import validate_tables
from tests.support.world import World, things

NAMES, ITEMS = "abcdef", 30


def ready(world: World, names: Iterable[str] = NAMES, **settings: Any) -> Run:
    for name in names:
        world.pair(name, things(ITEMS))
    run = world.open(validate={"tables_at_once": 4} | settings)
    preflight(run)
    export_tables(run)
    import_tables(run)
    return run


def damage(world: World) -> None:
    """Every kind of difference, each in a table of its own, and two tables that are right."""
    target, held = world.target, world.items(world.target, world.dst("a"))
    target.delete_item(TableName=world.dst("b"), Key={"id": held[0]["id"]})
    world.put(target, world.dst("c"), [item | {"n": {"N": "-1"}} for item in held[:3]])
    world.put(target, world.dst("d"), [{"id": {"S": "nobody's"}}])
    world.put(target, world.dst("e"), [held[0] | {"n": {"N": "-1"}}, {"id": {"S": "nobody's"}}])
    target.delete_item(TableName=world.dst("e"), Key={"id": held[1]["id"]})


def plain(fact: ValidationFact) -> tuple[Any, ...]:
    counts = fact.missing, fact.different, fact.extra, fact.items_in_target, fact.items_compared
    return fact.verdict, fact.reasons, counts, fact.export_digest, fact.target_digest


@pytest.mark.whole
def test_tables_that_differ_each_in_its_own_way_get_what_they_would_get_one_by_one(world: World) -> None:
    run = ready(world)
    damage(world)
    together = {name: plain(fact) for name, fact in validate_tables(run).items()}
    named = sorted((row.source, row.kind, row.key_hash) for row in differences(run.ledger))
    run = world.open(validate={"tables_at_once": 1})
    alone = {name: plain(fact) for name, fact in validate_tables(run).items()}
    assert together == alone
    assert named == sorted((row.source, row.kind, row.key_hash) for row in differences(run.ledger))
    assert {name[-1]: counts[:3] for name, (_, _, counts, *_) in together.items()} == {
        "a": (0, 0, 0), "b": (1, 0, 0), "c": (0, 3, 0), "d": (0, 0, 1), "e": (1, 1, 1), "f": (0, 0, 0),
    }  # fmt: skip
    assert sorted(name[-1] for name, (verdict, *_) in together.items() if verdict == "PASS") == ["a", "f"]


@pytest.mark.chaos
def test_as_many_as_may_are_compared_at_the_same_time(world: World) -> None:
    """What is waited for is waited for together: the spans overlap, and no more of them than may."""
    run, seen = ready(world), set[str]()
    world.fault(operation="Scan", kind="delay", seconds=0.4)

    def watch(source: str, state: str, done: int, of: int) -> None:
        assert threading.current_thread() is threading.main_thread()
        seen.add(source)

    facts = validate_tables(run, watch)
    assert {fact.verdict for fact in facts.values()} == {"PASS"}
    assert seen == {world.src(name) for name in NAMES}
    spans = [tuple(map(datetime.fromisoformat, (f.started or "", f.finished or ""))) for f in facts.values()]
    at_once = [sum(began <= moment < ended for began, ended in spans) for moment, _ in spans]
    assert max(at_once) == 4


@pytest.mark.chaos
def test_a_table_that_cannot_be_compared_does_not_stop_those_beside_it(world: World) -> None:
    run = ready(world)
    world.target.delete_table(TableName=world.dst("a"))  # before it begins
    world.fault(operation="Scan", kind="denied", table=world.dst("c"))  # in the midst
    facts = {name[-1]: fact for name, fact in validate_tables(run).items()}
    assert {name: fact.verdict for name, fact in facts.items()} == {
        name: "FAIL" if name in "ac" else "PASS" for name in NAMES
    }
    assert "is gone" in facts["a"].reasons[0]
    assert facts["c"].reasons[0].startswith("the comparison could not be made: ")


@pytest.mark.whole
def test_an_interrupt_stops_all_of_them_soon_and_none_is_said_to_be_proved(world: World) -> None:
    run = ready(world, segments=6)
    world.fault(operation="Scan", kind="delay", seconds=1.5)  # so that an export is read before, on a busy machine too
    before, fetched = world.requests("Scan"), run.ledger.calls("staging")["GetObject"]

    def stop(source: str, state: str, done: int, of: int) -> None:
        if state == "scanning the target":
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="the target is scanned anew"):
        validate_tables(run, stop)
    assert VALIDATIONS.all(run.ledger) == {}
    # Two pages for each of the segments that were begun in four tables, a count, and not all of them.
    assert world.requests("Scan") - before <= 4 * (6 * 2 + 7)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("table", "compare"))]
    world.clear_faults()
    for name in "abcdef":  # of the target nothing is taken up, whatever was read of it
        world.target.delete_item(TableName=world.dst(name), Key={"id": things(1)[0]["id"]})
    kept = {row["source"] for row in run.ledger.rows("SELECT source FROM tally WHERE side = 'export'")}
    read = run.ledger.calls("staging")["GetObject"] - fetched
    assert {fact.missing for fact in validate_tables(run).values()} == {1}
    again = run.ledger.calls("staging")["GetObject"] - fetched - read
    assert kept
    # The buckets of what was read to its end were kept; only naming what differs reads it once more.
    assert again <= 2 * len(NAMES) * len(run.ledger.rows("SELECT * FROM file")) / len(NAMES)


@pytest.mark.chaos
def test_the_scans_of_all_tables_together_keep_to_the_read_units(world: World) -> None:
    run = ready(world, "abcd", max_rcu=4, index_samples=0)
    facts = validate_tables(run)
    assert {fact.verdict for fact in facts.values()} == {"PASS"}
    used = sum(fact.read_units or 0 for fact in facts.values())
    began = min(datetime.fromisoformat(fact.started or "") for fact in facts.values())
    ended = max(datetime.fromisoformat(fact.finished or "") for fact in facts.values())
    assert used > 4
    assert (ended - began).total_seconds() >= used / 4 - 0.5
