"""A cleanup of a run that caught up: what the windows left goes too, and after the go nothing of the targets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from unittest.mock import patch

import pytest

from runbook_lib.aws.dynamodb.describe.tables import describe_table
from runbook_lib.aws.dynamodb.exports import describe_export
from runbook_lib.aws.guard.guard import Guard
from runbook_lib.catchup import ask
from runbook_lib.cutover import unlooked
from runbook_lib.errors import ExportError
from runbook_lib.export.step import export_tables
from runbook_lib.load.step import import_tables
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.cut_over.gates import Gate
from runbook_lib.run.run import open_cleanup, open_run
from runbook_lib.undo import unread_exports
from runbook_lib.undo.cleanup import clean_up
from tests.support.cutting_over import cut, readied
from tests.support.histories import Killed
from tests.support.moving import SETTINGS, Moving, item, live, moved
from tests.support.world import World, things


def cleaned(moving: Moving) -> object:
    run = open_cleanup(str(moving.config), "r", True, "")
    [removal] = clean_up(run, "r", sleep=lambda seconds: None)
    return removal


def staged(world: World) -> list[str]:
    listed = world.s3.list_objects_v2(Bucket=world.bucket).get("Contents", [])
    return [entry["Key"] for entry in listed if "registers" not in entry["Key"]]


@pytest.mark.whole
def test_what_windows_put_is_removed_and_what_was_changed_since_stays(world: World) -> None:
    moving = moved(world, catch_up={"proof": "full_export"})
    for number in range(2):
        live(moving, number)
        moving.catch_up()
    somebody_elses = [item("i00001", 7), item("not ours", 1)]
    world.put(world.target, world.dst("a"), somebody_elses)
    removal = cleaned(moving)
    assert moving.target() == somebody_elses
    assert (removal.items_changed, removal.items_deleted) == (1, len(moving.source()) - 1)  # type: ignore[attr-defined]
    assert [key for key in staged(world) if "AWSDynamoDB" in key] == []


@pytest.mark.whole
def test_after_the_go_nothing_of_the_targets_is_removed(world: World) -> None:
    moving = moved(world)
    live(moving, 0)
    moving.catch_up()
    moving.validated()
    cut(moving, moving.now())
    before, objects = moving.target(), staged(world)
    removal = cleaned(moving)  # which would take what the look afterwards needs
    assert "should be looked at before anything goes" in removal.kept  # type: ignore[attr-defined]
    assert [key for key in objects if key not in staged(world)] == []
    moving.run.ledger.close()
    moving.run = open_run(str(moving.config), "r", True)
    moving.minutes(40)
    cut(moving)
    removal = cleaned(moving)
    assert "took the place of its source" in removal.kept  # type: ignore[attr-defined]
    assert removal.objects > 0  # type: ignore[attr-defined]
    assert moving.target() == before


def gone(world: World) -> None:
    world.source.delete_table(TableName=world.src("a"))


def off(world: World) -> None:
    setting = {"PointInTimeRecoveryEnabled": False}
    world.source.update_continuous_backups(TableName=world.src("a"), PointInTimeRecoverySpecification=setting)


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize(("lose", "why"), [(gone, "is gone"), (off, "is off")])
def test_a_cleanup_goes_on_where_nobody_can_look_any_more(
    world: World, lose: Callable[[World], None], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look afterwards fails for good, and the cleanup that waited for it left all that was staged."""
    moving = moved(world)
    live(moving, 0)
    moving.catch_up()
    moving.validated()
    cut(moving, moving.now())
    before = moving.target()
    with monkeypatch.context() as patched:  # one answer that says so is not enough
        answers = iter([None])
        patched.setattr(unlooked, "describe_table", lambda *asked: next(answers, describe_table(*asked)))
        patched.setattr(ask, "describe_table", lambda *asked: next(answers, describe_table(*asked)))
        assert "should be looked at" in cleaned(moving).kept  # type: ignore[attr-defined]
    lose(world)
    moving.run.ledger.close()
    moving.run = open_run(str(moving.config), "r", True)
    with pytest.raises(ExportError, match=why):
        cut(moving)
    moving.run.ledger.close()
    removal = cleaned(moving)
    assert f"Nobody has looked at what was written to {world.src('a')} since" in removal.kept  # type: ignore[attr-defined]
    assert why in removal.kept  # type: ignore[attr-defined]
    assert [key for key in staged(world) if "AWSDynamoDB" in key] == []
    assert moving.target() == before


@contextmanager
def killed_at_export(number: int) -> Iterator[None]:
    """The process is gone once it has asked for so many exports, and looks at the last one."""
    asked, count = [0], Guard.count

    def mortal_count(self: Guard, operation: str) -> None:
        if asked[0] == number and operation != "ExportTableToPointInTime":
            raise Killed
        asked[0] += operation == "ExportTableToPointInTime"
        count(self, operation)

    with patch.object(Guard, "count", mortal_count), pytest.raises(Killed):
        yield


def ended(world: World) -> None:
    """Wait until AWS has written all exports of the source."""
    arn = world.source.describe_table(TableName=world.src("a"))["Table"]["TableArn"]
    while any(e["ExportStatus"] == "IN_PROGRESS" for e in world.source.list_exports(TableArn=arn)["ExportSummaries"]):
        time.sleep(0.05)


def a_whole_life(moving: Moving) -> None:
    """From the pre-flight to the go, between whose last window and itself lie twenty minutes."""
    preflight(moving.run)
    export_tables(moving.run)
    import_tables(moving.run)
    readied(moving)
    cut(moving, moving.now(), watch=lambda gate, fact: moving.minutes(10) if gate is Gate.SMOKE else None)


@pytest.mark.parametrize("export", [1, 2, 3, 4, 5])
@pytest.mark.few(1)
def test_an_export_that_was_asked_for_and_never_read_is_removed_too(world: World, export: int) -> None:
    """The full export, two windows, the second export, and the window that the go is held to."""
    world.pair("a", things(20))
    config = world.config(catch_up=SETTINGS, cut_over={"proof": "full_export"}, validate={"index_samples": 0})
    moving = Moving(world, open_run(str(config), "r", True), config)
    with killed_at_export(export):
        a_whole_life(moving)
    moving.run.ledger.close()
    ended(world)
    assert [key for key in staged(world) if "AWSDynamoDB" in key]
    removal = cleaned(moving)
    assert not removal.kept  # type: ignore[attr-defined]
    assert [key for key in staged(world) if "AWSDynamoDB" in key] == []


def test_a_cleanup_waits_for_an_export_that_is_still_running(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.pair("a", things(20))
    config = world.config()
    moving = Moving(world, open_run(str(config), "r", True), config)
    with killed_at_export(1):
        a_whole_life(moving)
    moving.run.ledger.close()
    ended(world)
    with monkeypatch.context() as patched:
        running = partial(replace, status="IN_PROGRESS")
        patched.setattr(unread_exports, "describe_export", lambda *asked: running(describe_export(*asked)))
        assert "still running" in cleaned(moving).kept  # type: ignore[attr-defined]
    assert not cleaned(moving).kept  # type: ignore[attr-defined]
    assert [key for key in staged(world) if "AWSDynamoDB" in key] == []
