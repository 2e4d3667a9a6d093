"""Tables that are written to while they are moved: caught up with window by window, and proved as of the last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest

from runbook_lib.errors import ExportError, GateFailed, RunbookError
from runbook_lib.record.build import build_record
from runbook_lib.report.figures.windows import window_advice
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.html import render_html
from runbook_lib.report.render.markdown import render_markdown
from runbook_lib.run.facts.load import ENGINES, ClusterEngine, LocalEngine
from runbook_lib.run.facts.windows import CAUGHT_UP, WindowState, WindowWarning
from runbook_lib.run.verdicts import Verdict
from tests.support.between import Asked, Said, changed, in_front_of
from tests.support.moving import item, live, loaded, moved
from tests.support.taking_back import taken_back_meanwhile
from tests.support.world import World, things


@pytest.mark.whole
def test_what_was_written_since_the_export_is_in_the_target_afterwards(world: World) -> None:
    moving = moved(world)
    for number in range(3):
        live(moving, number)
        windows = moving.catch_up()
    assert moving.target() == moving.source()
    assert [w.state for w in windows] == [WindowState.APPLIED] * 3
    assert [(w.puts, w.deletes) for w in windows] == [(2, 1), (2, 2), (2, 2)]
    assert all(w.acknowledged == w.puts + w.deletes == w.changes for w in windows)
    assert all(first.end == second.start for first, second in pairwise(windows))
    found = moving.validated()
    assert (found.verdict, found.reasons) == (Verdict.PASS, ())
    assert found.changes is not None
    assert found.changes.as_of == windows[-1].end
    assert found.items_compared == found.items_in_target == found.changes.items_due == len(moving.source())


@pytest.mark.chaos
def test_while_another_run_takes_back_what_it_wrote_no_window_is_applied(world: World) -> None:
    moving = moved(world)
    live(moving, 0)
    before = moving.target()
    others = taken_back_meanwhile(world, moving.run)
    with others, pytest.raises(RunbookError, match="'other' takes back what it wrote"):
        moving.catch_up()
    assert moving.target() == before
    moving.catch_up()
    assert moving.target() == moving.source()


@pytest.mark.chaos
def test_a_window_too_short_to_export_is_waited_for(world: World) -> None:
    moving = moved(world)
    moving.write(item("new", 1))
    moving.minutes(14)
    assert moving.catch_up() == []
    moving.minutes(2)
    assert [w.changes for w in moving.catch_up()] == [1]


@pytest.mark.chaos
def test_long_stretches_are_cut_into_windows(world: World) -> None:
    moving = moved(world, catch_up={"window_minutes": 20})
    for number in range(3):
        live(moving, number)
    assert [w.number for w in moving.catch_up()] == [1, 2, 3]
    assert moving.target() == moving.source()


@pytest.mark.chaos
def test_the_lag_is_waited_down(world: World) -> None:
    moving = moved(world)
    moving.write(item("new", 1))
    moving.minutes(10)
    slept = []

    def sleep(seconds: float) -> None:
        if seconds > 1:  # no look at an export that goes on
            slept.append(seconds)
            moving.minutes(6)

    windows = moving.catch_up(until_lag_minutes=5, sleep=sleep)
    assert [w.state for w in windows] == [WindowState.APPLIED]
    assert slept


@pytest.mark.parametrize("says", ["what it has", "nothing"])
def test_the_lag_is_told_by_the_sources_time_and_not_by_what_recovery_has(world: World, says: str) -> None:
    """Recovery has all but the last minutes: a lag of 2 minutes was told, and 7 were due."""
    told_time = (datetime.now(UTC) + timedelta(minutes=7)).replace(microsecond=0)
    later = format_datetime(told_time, usegmt=True)

    def after(asked: Asked, said: Said) -> Said:
        if asked.operation == "DescribeContinuousBackups" and says == "nothing" and time_passes:
            return changed(said, _without_latest)
        if asked.operation != "DescribeTimeToLive" or not time_passes:
            return said
        return (
            said[0],
            [(name, value) for name, value in said[1] if name.lower() != "date"] + [("Date", later)],
            said[2],
        )

    time_passes: list[bool] = []
    world.pair("a", things(9))
    with in_front_of(world, after=after):
        moving = loaded(world)
        time_passes.append(True)
        moving.catch_up()
    told = CAUGHT_UP.needed(moving.run.ledger, world.src("a"))
    assert told.lag_seconds is not None
    assert told.lag_seconds > 400
    # A Date is up to a second older than what it tells the time of: the lag is at most what is told.
    assert told.lag_seconds >= (told_time - datetime.fromisoformat(told.until)).total_seconds() + 1


def _without_latest(told: dict[str, Any]) -> None:
    del told["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]["LatestRestorableDateTime"]


def test_a_lag_that_is_never_reached_is_refused_before_anything(world: World) -> None:
    moving = moved(world, 9, catch_up={"margin_seconds": 120})
    moving.write(item("new", 1))
    moving.minutes(20)
    with pytest.raises(GateFailed, match="a lag of 120 s is never reached"):
        moving.catch_up(until_lag_minutes=2)
    assert len(moving.target()) == 9


@pytest.mark.few(1)
@pytest.mark.parametrize("view", ["NEW_AND_OLD_IMAGES", "NEW_IMAGE"])
@pytest.mark.whole
def test_a_change_that_was_not_exported_is_found(world: World, view: str) -> None:
    proof = "overlay" if view == "NEW_AND_OLD_IMAGES" else "full_export"
    moving = moved(world, catch_up={"view": view, "proof": proof})
    moving.write(item("i00001", 2))
    moving.minutes(20)
    world.fault(operation="ExportTableToPointInTime", kind="dropped-change", table=world.src("a"), times=1)
    moving.catch_up()
    moving.write(item("i00001", 3)) if proof == "overlay" else moving.write(item("i00002", 3))
    moving.minutes(20)
    moving.catch_up()
    found = moving.validated()
    assert found.verdict == Verdict.FAIL
    assert any("a change was never exported" in reason for reason in found.reasons)


@pytest.mark.chaos
def test_a_second_full_export_agrees_with_the_windows(world: World) -> None:
    moving = moved(world, catch_up={"proof": "full_export"})
    live(moving, 0)
    moving.catch_up()
    moving.write(item("later", 1))
    found = moving.validated()
    assert (found.verdict, found.reasons) == (Verdict.PASS, ())
    assert found.changes is not None
    assert found.changes.second_export is not None
    assert found.changes.second_export.items == len(moving.source()) - 1


@pytest.mark.few(1)
@pytest.mark.parametrize(("flaw", "said"), [("duplicate-key", "DUPLICATE_KEY"), ("skewed-clock", "OUTSIDE_WINDOW")])
@pytest.mark.whole
def test_a_window_that_is_wrong_is_refused_and_nothing_of_it_written(world: World, flaw: str, said: str) -> None:
    moving = moved(world)
    before = moving.target()
    moving.write(item("new", 1))
    moving.minutes(20)
    world.fault(operation="ExportTableToPointInTime", kind=flaw, table=world.src("a"), times=1)
    with pytest.raises(ExportError, match=said):
        moving.catch_up()
    assert moving.target() == before
    found = moving.validated()
    assert any("not applied" in reason for reason in found.reasons)


@pytest.mark.whole
def test_recovery_that_was_off_for_a_moment_is_a_gap(world: World) -> None:
    moving = moved(world)
    moving.write(item("new", 1))
    moving.minutes(20)
    for on in (False, True):
        world.source.update_continuous_backups(
            TableName=world.src("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": on}
        )
    with pytest.raises(ExportError, match="GAP: window 1"):
        moving.catch_up()
    world.source.update_continuous_backups(
        TableName=world.src("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )
    with pytest.raises(ExportError, match="RECOVERY_OFF: window 1"):
        moving.catch_up()


@pytest.mark.chaos
def test_a_table_that_was_made_again_is_another(world: World) -> None:
    moving = moved(world)
    world.source.delete_table(TableName=world.src("a"))
    world.table(world.source, world.src("a"))
    world.source.update_continuous_backups(
        TableName=world.src("a"), PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    moving.minutes(20)
    with pytest.raises(ExportError, match="OTHER_TABLE"):
        moving.catch_up()


@pytest.mark.whole
def test_a_put_that_arrives_late_brings_nothing_back(world: World) -> None:
    moving = moved(world, catch_up={"quiet_seconds": 60})
    moving.write(item("ghost", 1))
    moving.minutes(20)
    world.fault(operation="BatchWriteItem", kind="lost-reply", table=world.dst("a"), times=1)
    [first] = moving.catch_up()
    assert first.uncertain
    moving.delete("ghost")
    moving.minutes(20)
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.extend([seconds] if seconds > 1 else [])

    def watch(window: Any, done: int) -> None:
        if window.number == 2 and window.state is WindowState.APPLYING and len(waited) == 1:
            waited.append(0)
            world.put(world.target, world.dst("a"), [item("ghost", 1)])  # the retry of a node that nobody hears of

    windows = moving.catch_up(sleep=sleep, watch=watch)
    assert waited[0] == 60
    assert windows[1].written_again == 1
    assert moving.target() == moving.source()


@pytest.mark.chaos
@pytest.mark.parametrize("by", [ClusterEngine("dask", "tcp://127.0.0.1:1", None, 2, 4), LocalEngine("local")])
def test_what_workers_of_a_cluster_sent_last_is_in_doubt(world: World, by: ClusterEngine | LocalEngine) -> None:
    """One that was killed with a put on its way takes with it that there was no answer."""
    moving = moved(world, catch_up={"quiet_seconds": 60})
    ENGINES.record(moving.run.ledger, "import", by)
    moving.delete("i00003")
    moving.minutes(20)
    waited: list[float] = []

    def watch(window: Any, done: int) -> None:
        if window.state is WindowState.APPLYING and waited.count(60) and 0.0 not in waited:
            waited.append(0.0)
            world.put(world.target, world.dst("a"), [item("i00003", 3)])

    [window] = moving.catch_up(sleep=waited.append, watch=watch)
    in_doubt = isinstance(by, ClusterEngine)
    assert (60 in waited, window.written_again) == (in_doubt, int(in_doubt))
    assert moving.target() == moving.source()


def test_catching_up_needs_one_moment_and_a_table_of_its_own(world: World) -> None:
    with pytest.raises(GateFailed, match="which is no moment"):
        moved(world, export={"method": {"*": "scan"}}).catch_up()


def test_appending_is_no_way_to_catch_up(world: World) -> None:
    moving = moved(world, **{"import": {"on_non_empty": "append"}})
    with pytest.raises(GateFailed, match="on_non_empty"):
        moving.catch_up()


def test_without_execute_nothing_is_asked_for_and_nothing_written(world: World) -> None:
    moving = moved(world)
    live(moving, 0)
    before, exports = moving.target(), world.requests("ExportTableToPointInTime")
    moving.run.execute = False
    assert moving.catch_up() == []
    assert (moving.target(), world.requests("ExportTableToPointInTime")) == (before, exports)


@pytest.mark.chaos
def test_somebody_elses_write_to_the_target_is_found(world: World) -> None:
    moving = moved(world)
    live(moving, 0)
    moving.catch_up()
    world.put(world.target, world.dst("a"), [item("new-0", 99)])
    assert moving.validated().different == 1


@pytest.mark.chaos
def test_a_failed_window_says_how_to_go_on(world: World) -> None:
    moving = moved(world)
    moving.write(item("new", 1))
    moving.minutes(20)
    world.fault(operation="DescribeExport", kind="denied", table=None, times=1)
    with pytest.raises(RunbookError):
        moving.catch_up()
    assert [w.state for w in moving.catch_up()] == [WindowState.APPLIED]
    assert moving.target() == moving.source()


@pytest.mark.chaos
def test_each_window_warns_of_what_the_target_should_rather_not_have(world: World) -> None:
    moving = moved(world)
    live(moving, 0)
    assert [window.warned for window in moving.catch_up()] == [None]
    when = {"AttributeName": "until", "Enabled": True}
    world.target.update_time_to_live(TableName=world.dst("a"), TimeToLiveSpecification=when)
    stream = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    world.target.update_table(TableName=world.dst("a"), StreamSpecification=stream)
    live(moving, 1)
    assert moving.catch_up()[1].warned == (WindowWarning.TTL_ON, WindowWarning.STREAM_ON)
    record = build_record(moving.run.ledger, "r", "test")
    assert record.windows[1].warned == ["time to live is on", "a stream is on"]
    said = window_advice(record)
    assert ["In 1 window of" in line for line in said] == [True, True]
    for page in (render_html(ReportModel(record), []), render_markdown(ReportModel(record))):
        assert "leave it off until the cut-over" in page
