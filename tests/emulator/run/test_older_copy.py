"""An older copy of a run's folder knows less than the register of writers, and nothing is written or removed by it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.cutover.step import cut_over
from runbook_lib.errors import ResumeRefused, RunbookError, TransferError
from runbook_lib.preflight.step import preflight
from runbook_lib.repair.choice import RepairChoice
from runbook_lib.repair.step import repair_tables
from runbook_lib.run.facts.cut_over.gates import CutOverAsked, Gate
from runbook_lib.run.run import Run, open_cleanup, open_run
from runbook_lib.undo.cleanup import clean_up
from runbook_lib.undo.rollback import roll_back
from runbook_lib.validate import canary
from tests.support.cutting_over import cut, readied
from tests.support.moving import Moving, item, moved
from tests.support.recorded import export_tables, import_tables
from tests.support.tables import keys_in_bucket
from tests.support.world import World, things

OLDER = "is an older copy of the run's folder, and the run has gone on since"
Act = Callable[[Run], object]


def kept(run: Run, tmp_path: Path) -> Path:
    """A copy of a run's folder as it is now, which a CI may keep as an artifact."""
    return Path(shutil.copytree(run.folder, tmp_path / "kept"))


def restored(run: Run, copy: Path, config: Path) -> Run:
    run.ledger.close()
    shutil.rmtree(run.folder)
    shutil.copytree(copy, run.folder)
    return open_run(str(config), run.id, True)


def repaired(run: Run) -> None:
    choice = RepairChoice(write_missing=True, write_different=True, delete_extra=True, even_after_cut_over=True)
    repair_tables(run, choice, run.id)


def rolled_back(run: Run) -> None:
    [fact] = roll_back(run, run.id)
    raise ResumeRefused(fact.failure or "")


def cleaned_up(run: Run) -> None:
    run.ledger.close()
    [removal] = clean_up(open_cleanup(str(run.folder / "migration.yaml"), run.id, True, ""), run.id)
    raise ResumeRefused(removal.kept)


def with_canary(run: Run) -> None:
    [fact] = canary.try_canaries(run).values()
    raise ResumeRefused(fact.why or "")


ACTS: dict[str, Act] = {
    "cut-over": lambda run: cut_over(run, asked=CutOverAsked("2026-01-14T10:20:00Z", confirmed=True)),
    "repair": repaired,
    "canary": with_canary,
    "rollback": rolled_back,
    "cleanup": cleaned_up,
}


def refused(moving: Moving, copy: Path) -> None:
    """Whatever is done from the older copy ends by saying what it is, and neither target nor bucket has changed."""
    target, objects = moving.target(), keys_in_bucket(moving.world)
    acts: dict[str, Act] = {"catch-up": lambda _: moving.catch_up(), **ACTS}
    for name, act in acts.items():
        moving.run = restored(moving.run, copy, moving.config)
        with pytest.raises(RunbookError, match=OLDER):
            act(moving.run)
        assert (moving.target(), keys_in_bucket(moving.world)) == (target, objects), name


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize("gate", [None, Gate.GO])
def test_after_the_go_a_copy_from_before_it_does_nothing(world: World, tmp_path: Path, gate: Gate | None) -> None:
    """One from before the cut-over, and one from a moment before its last step."""
    moving = readied(moved(world, cut_over={"proof": "overlay"}, validate={"canary": True}))
    copies = [] if gate else [kept(moving.run, tmp_path)]

    def copying(at: Gate, fact: Any) -> None:
        if at is gate and not copies:
            copies.append(kept(moving.run, tmp_path))

    cut(moving, moving.now(), watch=copying)
    world.put(world.target, world.dst("a"), [item("i00001", 7), item("of the application", 1)])
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00002"}})
    refused(moving, copies[0])


@pytest.mark.whole
def test_an_import_does_not_go_on_from_a_copy_once_it_has_ended(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world.pair("a", things(30))
    config = world.config()
    run = open_run(str(config), "r", True)
    preflight(run)
    export_tables(run)

    def stopped(*_: Any) -> None:
        raise TransferError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(DynamoDBTransport, "puts", stopped)
        with pytest.raises(TransferError, match="stopped"):
            import_tables(run)
    copy = kept(run, tmp_path)
    import_tables(run)
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00002"}})
    before = sorted(world.items(world.target, world.dst("a")), key=str)
    run = restored(run, copy, config)
    with pytest.raises(ResumeRefused, match=OLDER):
        import_tables(run)
    assert sorted(world.items(world.target, world.dst("a")), key=str) == before
