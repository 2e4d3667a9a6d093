"""A change of a window that the target refused was never written: what the run left there is the state before it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from runbook_lib.run.run import open_cleanup
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.undo.rollback import roll_back
from tests.support.moving import Moving, item, moved
from tests.support.world import World, indexed_by

THEIRS = ("i00001", "i00002", "i00003", "theirs")


def held(world: World) -> dict[str, Any]:
    return {each["id"]["S"]: each for each in world.items(world.target, world.dst("a"))}


def refused(name: str) -> Any:
    """An item that the index of the target does not take."""
    return {"id": {"S": name}, "owner": {"N": "5"}}


def with_refused_changes(
    world: World, patched: pytest.MonkeyPatch, theirs: tuple[str, ...] = ()
) -> tuple[Moving, dict[str, Any]]:
    """A run over others' items, with changes refused of what the export and a window had left; what was there before.

    A change that is refused follows an item of the export, of a window, a delete of a window, and no item; one that a
    later window makes good is not the last.
    """
    before: dict[str, Any] = {}

    def pair(name: str, items: Any = None, **more: Any) -> None:
        world.table(world.source, world.src(name))
        world.table(world.target, world.dst(name), **indexed_by("owner", "S"))
        recovery = {"PointInTimeRecoveryEnabled": True}
        for client, table in ((world.source, world.src(name)), (world.target, world.dst(name))):
            client.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=recovery)
        world.put(world.source, world.src(name), items)
        world.put(world.target, world.dst(name), [{"id": {"S": there}, "n": {"N": "-1"}} for there in theirs])
        before.update(held(world))
        time.sleep(1.05)  # a restorable moment is a whole second

    with patched.context() as patch:
        patch.setattr(world, "pair", pair)
        moving = moved(world, 20, **{"import": {"on_non_empty": "overwrite"}})
    moving.write(item("i00002", 100), item("i00012", 100), refused("i00004"))
    moving.delete("i00003", "i00013")
    moving.minutes(20)
    moving.catch_up()
    moving.write(*(refused(f"i000{n}") for n in ("01", "11", "02", "12", "03", "13")), refused("new"))
    moving.write(item("i00004", 200))
    moving.minutes(20)
    moving.catch_up()
    assert len(moving.run.ledger.rows("SELECT * FROM window_quarantine")) == 8
    return moving, before


@pytest.mark.whole
def test_a_rollback_takes_back_what_stands_there_instead(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    moving, before = with_refused_changes(world, monkeypatch, THEIRS)
    world.let_target_pass("a", 10)
    (fact,) = roll_back(moving.run, moving.run.id)
    assert held(world) == before
    assert (fact.failure, fact.kept) == (None, 0)


@pytest.mark.chaos
def test_a_cleanup_removes_what_stands_there_instead(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    moving, _ = with_refused_changes(world, monkeypatch)
    [removal] = clean_up(open_cleanup(str(moving.config), "r", True, ""), "r", sleep=lambda seconds: None)
    assert (removal.items_changed, removal.kept, held(world)) == (0, "", {})
