"""Tables that are caught up with by their streams: read to now, applied, and proved as of then."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest

from runbook_lib.catchup.streams import net_changes, window
from runbook_lib.record.build import build_record
from runbook_lib.run.facts.windows import WindowState
from runbook_lib.run.run import open_run
from runbook_lib.run.verdicts import Verdict
from tests.support.histories import Killed, mortal
from tests.support.moving import Moving, item, live
from tests.support.streamed import streamed
from tests.support.world import World


def caught_up(moving: Moving) -> list[Any]:
    return moving.catch_up(sleep=lambda seconds: None)


@pytest.mark.whole
def test_what_was_written_since_the_export_is_in_the_target_afterwards(world: World) -> None:
    moving = streamed(world)
    exports = world.requests("ExportTableToPointInTime")
    for number in range(3):
        live(moving, number)
        windows = caught_up(moving)
        assert moving.target() == moving.source()
    assert [(w.state, w.puts, w.deletes) for w in windows[1:]] == [(WindowState.APPLIED, 2, 3)] * 2
    assert all(w.acknowledged == w.puts + w.deletes == w.changes for w in windows)
    assert [w.records for w in windows[1:]] == [6, 6]
    assert all(first.end == second.start for first, second in pairwise(windows))
    assert world.requests("ExportTableToPointInTime") == exports
    found = moving.validated()
    assert (found.verdict, found.reasons) == (Verdict.PASS, ())
    assert found.changes.as_of == windows[-1].end
    rows = build_record(moving.run.ledger, "r", "test").windows
    assert all(":table/" in str(row.stream) and row.records for row in rows)


@pytest.mark.chaos
def test_a_write_of_a_moment_ago_is_in_it(world: World) -> None:
    moving = streamed(world, catch_up={"settle_seconds": 0.1})
    moving.catch_up()
    moving.write(item("just now", 1))
    moving.catch_up()
    assert moving.target() == moving.source()


@pytest.mark.whole
def test_what_the_export_may_have_caught_is_proved_in_each_state_that_it_had(world: World) -> None:
    """Items that change at about the moment of the export: what it holds of them, only the export says."""
    moving = streamed(world, 3)
    for number in range(3):
        moving.write(item("i00000", number), item(f"brief-{number}", 1))
        moving.delete(f"brief-{number}", "i00001")
        moving.write(item("i00001", number + 7))
    caught_up(moving)
    found = moving.validated()
    assert (found.verdict, found.reasons, found.changes.broken) == (Verdict.PASS, (), 0)


@pytest.mark.chaos
def test_a_window_is_cut_where_more_has_changed_than_can_be_held(world: World) -> None:
    moving = streamed(world, 10)
    caught_up(moving)
    for number in range(4):
        moving.write(*(item(f"new-{number}-{n}", n) for n in range(10)))
        moving.minutes(10)
    with patch.object(window, "AT_MOST", 15 * net_changes.OF_A_KEY):
        windows = caught_up(moving)
    assert len(windows) > 3
    assert all(first.end == second.start for first, second in pairwise(windows))
    assert sum(w.changes for w in windows[1:]) == 40
    assert moving.target() == moving.source()
    assert moving.validated().verdict is Verdict.PASS


@pytest.mark.whole
def test_shards_that_end_and_are_split_are_read_in_their_lineage(world: World) -> None:
    moving = streamed(world, 20)
    for number in range(8):
        moving.write(*(item(f"i{n:05}", 1000 * number + n) for n in range(20)))
        moving.minutes(250) if number % 2 else world.split_stream("a")
        if number in (2, 5):
            caught_up(moving)
    caught_up(moving)
    assert moving.target() == moving.source()
    found = moving.validated()
    assert (found.verdict, found.reasons) == (Verdict.PASS, ())


@pytest.mark.chaos
def test_what_was_quiet_for_longer_than_a_day_but_looked_at_goes_on(world: World) -> None:
    moving = streamed(world, 5)
    moving.write(item("old", 1))
    for _ in range(3):
        caught_up(moving)
        moving.minutes(23 * 60)
    moving.write(item("new", 1))
    caught_up(moving)
    assert moving.target() == moving.source()
    assert moving.validated().verdict is Verdict.PASS


@pytest.mark.parametrize("kind", ["throttle", "internal-error", "reset", "lost-reply"])
@pytest.mark.chaos
def test_a_server_that_stumbles_is_asked_again(world: World, kind: str) -> None:
    moving = streamed(world)
    live(moving, 0)
    for operation in ("DescribeStream", "GetShardIterator", "GetRecords"):
        world.fault(operation=operation, kind=kind, times=2)
    world.fault(operation="GetRecords", kind="expired-iterator", times=2)
    caught_up(moving)
    assert moving.target() == moving.source()


@pytest.mark.chaos
def test_killed_at_every_moment_it_goes_on_and_loses_nothing(world: World) -> None:
    moving = streamed(world, 5)
    end = 1
    for number in range(2):
        moving.write(item("i00001", number), item(f"n{number}", 1))
        moving.delete("i00002") if number % 2 else moving.write(item("i00002", number))
        while True:
            try:
                with mortal(end):
                    caught_up(moving)
                break
            except Killed:
                end += 9
                moving.run.ledger.close()
                moving.run = open_run(str(moving.config), "r", True)
        assert moving.target() == moving.source()
        end = 5
    assert moving.validated().verdict is Verdict.PASS
