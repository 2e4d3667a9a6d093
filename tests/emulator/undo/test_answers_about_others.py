"""An answer to a guarded write that is about another item: nothing of it is written into the target, and it is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from runbook_lib.errors import TransferError
from runbook_lib.preflight.step import preflight
from runbook_lib.repair.choice import RepairChoice
from runbook_lib.repair.step import repair_tables
from runbook_lib.run.facts.afterwards.rollback import ROLLBACKS, RollbackStatus
from runbook_lib.run.run import Run
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.undo.rollback import roll_back
from runbook_lib.validate.step import validate_tables
from tests.support.between import Asked, Said, changed, in_front_of
from tests.support.recorded import export_tables, import_tables
from tests.support.steps import the_only, up_to_the_import
from tests.support.tables import turn_on_recovery
from tests.support.world import World, things

Told = dict[str, Any]
SAID = "an answer should say what a write took the place of, and is not about the item that was written"
PATIENT = {"id": {"S": "patient-4711"}, "diagnosis": {"S": "of another table"}}


def _another_key(answer: Told) -> None:
    answer["Attributes"] = PATIENT


def _another_table_with_that_key(answer: Told) -> None:
    answer["Attributes"] = PATIENT | {"id": answer["Attributes"]["id"]}


def _nothing(answer: Told) -> None:
    del answer["Attributes"]


def _no_item(answer: Told) -> None:
    answer["Attributes"] = dict.fromkeys(answer["Attributes"], "x")


@contextmanager
def told(world: World, lie: Callable[[Told], None]) -> Iterator[list[str]]:
    """A server between that lies about what the guarded writes to the target have replaced, while the list is empty."""
    lies: list[str] = []

    def after(asked: Asked, said: Said) -> Said:
        guarded = asked.operation in ("DeleteItem", "PutItem") and asked.json.get("ReturnValues") == "ALL_OLD"
        if lies or not guarded or said[0] != 200:
            return said
        lies.append(asked.operation)
        return changed(said, lie)

    with in_front_of(world, after=after):
        yield lies


def nothing_of_it(world: World) -> bool:
    return not [item for item in world.items(world.target, world.dst("a")) if "diagnosis" in item]


@pytest.mark.few(1)
@pytest.mark.parametrize("lie", [_another_key, _another_table_with_that_key, _nothing, _no_item])
@pytest.mark.whole
def test_a_cleanup_puts_back_nothing_that_it_did_not_delete(world: World, lie: Callable[[Told], None]) -> None:
    world.pair("a", things(6))
    with told(world, lie) as lies:
        run = up_to_the_import(world)
        removal = the_only(clean_up(run, "r"))
        assert lies == ["DeleteItem"]
        assert SAID in removal.kept
        assert not removal.done
        assert nothing_of_it(world)
        assert the_only(clean_up(run, "r")).done
    assert not world.items(world.target, world.dst("a"))


@pytest.mark.parametrize(
    ("choice", "sent"),
    [(RepairChoice(delete_extra=True), "DeleteItem"), (RepairChoice(write_different=True), "PutItem")],
    ids=["delete", "replace"],
)
@pytest.mark.chaos
def test_a_repair_writes_nothing_of_it(world: World, choice: RepairChoice, sent: str) -> None:
    world.pair("a", things(6))
    with told(world, _another_key) as lies:
        run = up_to_the_import(world)
        world.put(world.target, world.dst("a"), [{"id": {"S": "extra"}}, {"id": {"S": "i00004"}, "n": {"N": "-4"}}])
        assert validate_tables(run)[world.src("a")].verdict == "FAIL"
        with pytest.raises(TransferError, match=SAID):
            repair_tables(run, choice, run.id)
        assert lies == [sent]
        assert nothing_of_it(world)
        (fact,) = repair_tables(run, choice, run.id)
        assert fact.failure is None


def loaded_over(world: World, strategy: str) -> Run:
    """A run that is to write over what a target holds, as far as its export."""
    world.pair("a", things(6))
    turn_on_recovery(world, world.target, world.dst("a"))
    world.put(world.target, world.dst("a"), [{"id": {"S": "i00004"}, "n": {"N": "-4"}}])
    world.let_target_pass("a", 10)
    run = world.open(**{"import": {"on_non_empty": strategy}})
    assert preflight(run).blockers == ()
    export_tables(run)
    return run


@pytest.mark.whole
def test_a_rollback_writes_nothing_of_it(world: World) -> None:
    with told(world, _another_key) as lies:
        run = loaded_over(world, "overwrite")
        import_tables(run)
        world.let_target_pass("a", 10)
        (fact,) = roll_back(run, run.id)
        assert lies
        assert fact.status is RollbackStatus.FAILED
        assert SAID in (fact.failure or "")
        assert nothing_of_it(world)
        (fact,) = roll_back(run, run.id)
        assert fact.status is RollbackStatus.COMPLETED
        assert ROLLBACKS.of(run.ledger, world.src("a")) == fact
    assert world.items(world.target, world.dst("a")) == [{"id": {"S": "i00004"}, "n": {"N": "-4"}}]


def test_a_sync_writes_nothing_of_it(world: World) -> None:
    with told(world, _another_key) as lies:
        run = loaded_over(world, "sync")
        with pytest.raises(TransferError, match=SAID):
            import_tables(run)
        assert lies == ["PutItem"]
        assert nothing_of_it(world)
        import_tables(run)
        assert validate_tables(run)[world.src("a")].verdict == "PASS"
