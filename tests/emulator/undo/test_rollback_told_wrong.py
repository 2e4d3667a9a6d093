"""A rollback that is told that nothing is there, where something is, does not say that it is done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.afterwards.rollback import RollbackFact, RollbackStatus
from runbook_lib.run.run import Run
from runbook_lib.undo.rollback import roll_back
from tests.support.between import Asked, Said, changed, in_front_of
from tests.support.recorded import export_tables, import_tables
from tests.support.tables import keys_in_bucket, turn_on_recovery
from tests.support.world import World, things

pytestmark = pytest.mark.whole
ITEMS = 12


@dataclass
class Silent:
    """How often BatchGetItem is silent about some ids, and how often it was."""

    about: frozenset[str] = frozenset()
    most: int = 0
    was: int = 0


@contextmanager
def silence(world: World) -> Iterator[Silent]:
    state = Silent()

    def after(asked: Asked, said: Said) -> Said:
        if asked.operation != "BatchGetItem" or state.was >= state.most:
            return said

        def leave_out(told: dict[str, Any]) -> None:
            found = told["Responses"][world.dst("a")]
            left = [item for item in found if item["id"]["S"] not in state.about]
            state.was += len(left) < len(found)
            told["Responses"][world.dst("a")] = left

        return changed(said, leave_out)

    with in_front_of(world, after=after):
        yield state


def loaded(world: World) -> tuple[Run, list[Any]]:
    """A run that has written over a target which held four of its keys and one more; and what was there before."""
    world.pair("a", things(ITEMS))
    turn_on_recovery(world, world.target, world.dst("a"))
    theirs = [{"id": {"S": name}, "of": {"S": "owner"}} for name in (*(f"i{n:05}" for n in range(4)), "other")]
    world.put(world.target, world.dst("a"), theirs)
    time.sleep(1.05)  # a restorable moment is a whole second
    run = world.open(**{"import": {"on_non_empty": "overwrite"}})
    assert preflight(run).blockers == ()
    export_tables(run)
    import_tables(run)
    world.let_target_pass("a", 10)
    return run, theirs


def rolled_back(run: Run) -> RollbackFact:
    (fact,) = roll_back(run, run.id)
    assert fact.restored + fact.deleted + fact.unchanged + fact.kept == fact.written == ITEMS
    return fact


def marked(world: World) -> bool:
    return any("taken-back." in key for key in keys_in_bucket(world))


def by_id(items: list[Any]) -> list[Any]:
    return sorted(items, key=lambda item: str(item["id"]["S"]))


@pytest.mark.parametrize("about", [{"i00001", "i00002"}, {"i00007", "i00009", "i00010"}], ids=["replaced", "added"])
@pytest.mark.few(1)
def test_what_one_answer_does_not_tell_of_is_not_said_to_be_taken_back(world: World, about: set[str]) -> None:
    with silence(world) as silent:
        run, theirs = loaded(world)
        silent.about, silent.most = frozenset(about), 1
        fact = rolled_back(run)
        assert silent.was == 1
        assert fact.status is RollbackStatus.FAILED
        assert f"of {len(about)} keys that were told to hold nothing, a Scan finds {len(about)}" in (fact.failure or "")
        assert (fact.restored + fact.deleted, fact.unchanged, fact.kept) == (ITEMS - len(about), 0, len(about))
        assert not marked(world)
        fact = rolled_back(run)
    assert (fact.status, fact.failure, fact.kept) == (RollbackStatus.COMPLETED, None, 0)
    assert marked(world)
    assert by_id(world.items(world.target, world.dst("a"))) == by_id(theirs)


@pytest.mark.parametrize("execute", [True, False])
@pytest.mark.few(1)
def test_a_server_that_stays_silent_is_never_believed(world: World, *, execute: bool) -> None:
    with silence(world) as silent:
        run, _ = loaded(world)
        run.execute = execute
        silent.about, silent.most = frozenset({"i00001", "i00007"}), 1_000
        for _ in range(2):
            assert rolled_back(run).status is RollbackStatus.FAILED
    assert not marked(world)
    assert {"i00001", "i00007"} <= {item["id"]["S"] for item in world.items(world.target, world.dst("a"))}


@pytest.mark.chaos
def test_the_table_is_read_only_where_something_is_said_not_to_be_there(world: World) -> None:
    run, _ = loaded(world)
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00001"}})
    scans = [world.requests("Scan")]
    assert rolled_back(run).kept == 1
    scans.append(world.requests("Scan"))
    world.put(world.target, world.dst("a"), [{"id": {"S": "i00001"}, "of": {"S": "owner"}}])
    for name in range(4, ITEMS):
        world.put(world.target, world.dst("a"), [{"id": {"S": f"i{name:05}"}, "n": {"N": str(name)}}])
    assert rolled_back(run).deleted == ITEMS - 4
    scans.append(world.requests("Scan"))
    assert [scans[1] - scans[0], scans[2] - scans[1]] == [1, 0]
