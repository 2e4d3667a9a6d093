"""A cleanup of a run that caught up: what the windows left goes too, and after the go nothing of the targets."""

from __future__ import annotations

from runbook_lib.run.run import open_cleanup
from runbook_lib.undo.cleanup import clean_up
from tests.support.cutting_over import cut
from tests.support.moving import Moving, item, live, moved
from tests.support.world import World


def cleaned(moving: Moving) -> object:
    run = open_cleanup(str(moving.config), "r", True, "")
    [removal] = clean_up(run, "r", sleep=lambda seconds: None)
    return removal


def staged(world: World) -> list[str]:
    listed = world.s3.list_objects_v2(Bucket=world.bucket).get("Contents", [])
    return [entry["Key"] for entry in listed if "registers" not in entry["Key"]]


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


def test_after_the_go_nothing_of_the_targets_is_removed(world: World) -> None:
    moving = moved(world)
    live(moving, 0)
    moving.catch_up()
    moving.validated()
    cut(moving, moving.now())
    before = moving.target()
    removal = cleaned(moving)
    assert "took the place of its source" in removal.kept  # type: ignore[attr-defined]
    assert moving.target() == before
