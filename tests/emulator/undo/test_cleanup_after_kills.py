"""A run that is killed between putting an object beside the exports and recording what it made: a cleanup finds it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from runbook_lib.aws.s3.objects import put_object
from runbook_lib.catchup import second_export
from runbook_lib.catchup.second_export import export_again
from runbook_lib.catchup.streams import window
from runbook_lib.export import staged_put
from runbook_lib.export.step import export_tables
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.windows import windows_of
from runbook_lib.run.run import Run, open_cleanup, open_run
from runbook_lib.undo.cleanup import clean_up
from tests.support.moving import live, moved
from tests.support.streamed import streamed
from tests.support.world import World, things

FOREIGN = "AWSDynamoDB/data/somebody-elses.json.gz"


class Killed(BaseException):
    """Nothing that the library catches."""


def dying_at(last: int) -> Callable[..., None]:
    """A put after the so many-th of which the process is gone."""
    puts = 0

    def put(*what: Any) -> None:
        nonlocal puts
        put_object(*what)
        puts += 1
        if puts == last:
            raise Killed

    return put


def killed_at_each_put(work: Callable[[], object]) -> int:
    """Do some work, killed after its first put, its second, and so on; how many puts that were until it was done."""
    for last in range(1, 100):
        with patch.object(staged_put, "put_object", dying_at(last)):
            try:
                work()
            except Killed:
                continue
            return last
    raise AssertionError("it never comes to its end")


def left_after_cleanup(world: World, run: Run, config: Path) -> list[str]:
    """What lies beside the exports once the run was cleaned up, the keys of registers left out."""
    world.put_object(FOREIGN, b"")
    run.ledger.close()
    clean_up(open_cleanup(str(config), "r", True, ""), "r", sleep=lambda seconds: None)
    listed = world.s3.list_objects_v2(Bucket=world.bucket).get("Contents", [])
    return [entry["Key"] for entry in listed if "AWSDynamoDB" in entry["Key"]]


@pytest.mark.whole
def test_of_a_scan_that_was_killed_at_any_put_nothing_is_left(world: World) -> None:
    world.pair("a", things(5), pitr=False)
    config = world.config(export={"without_pitr": "scan", "scan_segments": 2})
    run = open_run(str(config), "r", True)
    preflight(run)
    assert killed_at_each_put(lambda: export_tables(run)) > 6
    assert left_after_cleanup(world, run, config) == [FOREIGN]


@pytest.mark.chaos
def test_of_a_window_of_a_stream_that_was_killed_at_any_put_nothing_is_left(world: World) -> None:
    moving = streamed(world, 3)
    live(moving, 0)
    with patch.object(window, "FILE_LINES", 2):
        assert killed_at_each_put(lambda: moving.catch_up(sleep=lambda seconds: None)) > 6
    assert left_after_cleanup(world, moving.run, moving.config) == [FOREIGN]


@pytest.mark.chaos
@pytest.mark.parametrize("put", [1, 3])
def test_a_run_that_never_goes_on_after_the_kill_is_cleaned_up_as_well(put: int, world: World) -> None:
    moving = streamed(world, 3)
    live(moving, 0)
    with patch.object(staged_put, "put_object", dying_at(put)), pytest.raises(Killed):
        moving.catch_up(sleep=lambda seconds: None)
    assert left_after_cleanup(world, moving.run, moving.config) == [FOREIGN]


@pytest.mark.chaos
def test_a_second_export_that_was_killed_before_it_was_transformed_is_removed(world: World) -> None:
    moving = moved(world, 3)
    live(moving, 0)
    moving.catch_up()
    (pair,) = moving.run.planned_pairs()
    with patch.object(second_export, "derive_second", side_effect=Killed), pytest.raises(Killed):
        export_again(moving.run, pair, windows_of(moving.run.ledger, pair.source)[-1].span[1], lambda seconds: None)
    assert left_after_cleanup(world, moving.run, moving.config) == [FOREIGN]
