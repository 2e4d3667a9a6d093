"""The cut-over gate by gate: what each lets through, what it does not, and what is left for the next start."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.cutover.step import cut_over
from runbook_lib.errors import GateFailed, ResumeRefused
from runbook_lib.run.facts.cut_over.gates import (
    CUT_OVERS,
    FORECASTS,
    FROZEN,
    GATES,
    QUIET_AFTERWARDS,
    CutOverAsked,
    CutOverFact,
    Gate,
    GateState,
)
from runbook_lib.run.facts.doubt.late_writes import LIFE
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.facts.windows import trailing_windows, windows_of
from runbook_lib.timestamps import format_timestamp
from runbook_lib.validate.step import validate_tables
from tests.support.cutting_over import cut, readied, states
from tests.support.moving import Moving, item, live, moved
from tests.support.threads_engine import ThreadsEngine, crew_of
from tests.support.window_workers import spread_over
from tests.support.world import World, things


def about_to(world: World, **changes: Any) -> Moving:
    """A table that was caught up with and validated, and goes on being written to."""
    return readied(moved(world, **changes))


def switch(moving: Moving) -> CutOverFact:
    fact = CUT_OVERS.of(moving.run.ledger)
    assert fact is not None
    return fact


def test_without_the_id_typed_only_a_forecast_is_made(world: World) -> None:
    moving = about_to(world)
    before, exports = moving.target(), world.requests("ExportTableToPointInTime")
    cut_over(moving.run, asked=CutOverAsked(moving.now(), confirmed=False))
    assert states(moving) == {"ready": GateState.PASSED}
    forecast = FORECASTS.of(moving.run.ledger)
    assert forecast is not None
    assert 0 < (forecast.seconds or 0) <= forecast.limit
    assert (moving.target(), world.requests("ExportTableToPointInTime")) == (before, exports)


@pytest.mark.chaos
def test_workers_apply_the_last_window_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    moving = about_to(world, cut_over={"proof": "overlay"})
    moving.write(*things(100, late={"BOOL": True}))
    engine = ThreadsEngine(moving.run)
    asked = spread_over(monkeypatch, moving, engine)
    monkeypatch.setattr("runbook_lib.validate.step.open_roster", crew_of(ThreadsEngine(moving.run)))
    cut(moving, moving.now())
    engine.close()
    assert asked == ["catch_up"]
    assert len(engine.began) >= 4
    assert moving.target() == moving.source()
    assert states(moving)["go"] == "passed"


@pytest.mark.chaos
def test_a_cut_over_ends_with_the_targets_in_the_place_of_the_sources(world: World) -> None:
    moving = about_to(world)
    frozen = moving.now()
    cut(moving, frozen)
    assert moving.target() == moving.source()
    assert states(moving) == {
        "ready": "passed", "freeze": "passed", "last-window": "passed", "freeze-proof": "passed",
        "data-proof": "passed", "smoke": "nothing to ask", "go": "passed",
    }  # fmt: skip
    fact = switch(moving)
    assert fact.go_at
    assert datetime.fromisoformat(fact.until or "") > datetime.fromisoformat(frozen) + timedelta(minutes=1)
    found = moving.validation()
    assert found.changes.second_export.moment == found.changes.as_of == windows_of(moving.run.ledger)[-1].end


@pytest.mark.chaos
def test_writers_are_not_stopped_while_a_write_of_the_import_may_still_land(world: World) -> None:
    moving = about_to(world)
    moving.run.clients.calls.doubt(world.dst("a"))
    moving.run.clients.calls.flush()
    with pytest.raises(GateFailed, match="could still take effect until"):
        cut(moving, moving.now())
    assert states(moving) == {"ready": GateState.FAILED}
    moving.run.now = lambda: datetime.now(UTC) + LIFE
    cut(moving, moving.now())
    assert states(moving)["go"] == GateState.PASSED


@pytest.mark.whole
def test_the_targets_are_proved_after_the_last_moment_a_write_of_the_last_window_may_land(world: World) -> None:
    moving = about_to(world)
    waited: list[float] = []

    def sleeping(seconds: float) -> None:
        waited.append(seconds)
        moving.sleeping(min(seconds, 60))

    world.fault(operation="BatchWriteItem", kind="lost-reply", table=world.dst("a"), times=1)
    cut_over(moving.run, asked=CutOverAsked(moving.now(), confirmed=True), sleep=sleeping)
    assert LIFE.total_seconds() - 60 < max(waited) <= LIFE.total_seconds()
    assert states(moving)["go"] == GateState.PASSED


@pytest.mark.chaos
def test_after_the_go_the_targets_are_left_alone(world: World) -> None:
    moving = about_to(world)
    cut(moving, moving.now())
    for act in (lambda: moving.catch_up(), lambda: validate_tables(moving.run)):
        with pytest.raises(ResumeRefused, match="was cut over at"):
            act()


@pytest.mark.whole
def test_a_write_after_the_freeze_is_not_frozen(world: World) -> None:
    moving = about_to(world)
    frozen = moving.now()
    moving.minutes(2)
    moving.write(item("late", 1), item("late too", 1))
    with pytest.raises(GateFailed, match=r"NOT_FROZEN: .* 2 changes"):
        cut(moving, frozen)
    fact = GATES.needed(moving.run.ledger, Gate.FREEZE_PROOF)
    assert (fact.state, fact.fault) == ("failed", "NOT_FROZEN")
    hashes = FROZEN.needed(moving.run.ledger, world.src("a")).hashes
    assert [len(name) for name in hashes if name in fact.why] == [32, 32]
    assert moving.target() == moving.source()
    moving.minutes(3)
    cut(moving, moving.now())  # the writer is found and stopped
    assert states(moving)["go"] == GateState.PASSED
    assert [gate for _, gate in switch(moving).earlier] == ["freeze-proof"]


@pytest.mark.whole
def test_deletes_by_the_sources_time_to_live_are_no_writes(world: World) -> None:
    moving = moved(world)
    when = {"AttributeName": "until", "Enabled": True}
    world.source.update_time_to_live(TableName=world.src("a"), TimeToLiveSpecification=when)
    past = str(int(datetime.now(UTC).timestamp()) - 60)
    moving.write(item("expired", 1) | {"until": {"N": past}}, item("not expired", 1) | {"until": {"N": "9999999999"}})
    live(moving, 0)
    moving.catch_up()
    moving.validated()
    frozen = moving.now()
    moving.minutes(2)
    moving.delete("expired")
    cut(moving, frozen)
    assert FROZEN.needed(moving.run.ledger, world.src("a")).expired == 1
    moving.delete("not expired")
    moving.minutes(20)
    with pytest.raises(GateFailed, match=r"LATE_WRITES: .* 1 change,"):
        cut(moving)


@pytest.mark.chaos
def test_what_is_written_to_the_source_after_the_go_is_found_and_not_copied(world: World) -> None:
    moving = about_to(world)
    cut(moving, moving.now())
    cut(moving)
    assert states(moving)["afterwards"] == GateState.PASSED
    moving.write(item("too late", 1))
    before = moving.target()
    for _ in range(2):  # what is late stays late
        with pytest.raises(GateFailed, match=r"LATE_WRITES: .* 1 change,"):
            cut(moving)
    found = QUIET_AFTERWARDS.needed(moving.run.ledger, world.src("a"))
    assert (found.late, len(found.hashes)) == (1, 1)
    assert moving.target() == before
    assert states(moving)["afterwards"] == GateState.FAILED


@pytest.mark.whole
@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.few(1)
def test_this_machines_clock_has_no_part_in_it(world: World, hours: int) -> None:
    """The look afterwards is of the time after the go, which nobody but the sources' own clock can tell."""
    moving = about_to(world)
    moving.run.now = lambda: datetime.now(UTC) + timedelta(hours=hours)
    frozen = datetime.fromisoformat(moving.now())
    cut(moving, frozen.isoformat())
    gone = datetime.fromisoformat(switch(moving).go_at or "")
    assert frozen < gone <= datetime.fromisoformat(moving.now()) + timedelta(minutes=1)
    cut(moving)
    looked = trailing_windows(moving.run.ledger)[-1]
    assert looked.span[1] >= gone + timedelta(minutes=15)


def test_it_is_not_ready_before_a_window_was_measured(world: World) -> None:
    moving = moved(world)
    with pytest.raises(GateFailed, match=r"NOT_READY: .* no window was applied yet") as refused:
        cut(moving, moving.now())
    assert str(refused.value).count("no window was applied yet") == 1
    assert "40_catch_up" in str(refused.value)  # the lab has no command line
    assert CUT_OVERS.of(moving.run.ledger) is None


@pytest.mark.whole
def test_it_is_not_ready_where_the_freeze_would_take_too_long(world: World) -> None:
    moving = about_to(world, cut_over={"max_freeze_minutes": 0.01})
    with pytest.raises(GateFailed, match="NOT_READY: the writers would have to stop for"):
        cut(moving, moving.now())


@pytest.mark.parametrize("minutes", [-600.0, 600.0])
@pytest.mark.chaos
def test_a_freeze_before_the_export_or_to_come_is_refused(world: World, minutes: float) -> None:
    moving = about_to(world)
    strange = datetime.fromisoformat(moving.now()) + timedelta(minutes=minutes)
    with pytest.raises(GateFailed, match="FREEZE_UNKNOWN"):
        cut(moving, strange.isoformat())
    with pytest.raises(GateFailed, match="FREEZE_UNKNOWN"):
        cut(moving)


@pytest.mark.whole
def test_data_that_are_not_proved_are_not_switched_to(world: World) -> None:
    moving = about_to(world)
    frozen = moving.now()
    world.put(world.target, world.dst("a"), [item("somebody elses", 1)])
    with pytest.raises(GateFailed, match="NOT_PROVED"):
        cut(moving, frozen)
    assert states(moving)["data-proof"] == GateState.FAILED
    assert "go" not in states(moving)
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "somebody elses"}})
    cut(moving)
    assert states(moving)["go"] == GateState.PASSED


@pytest.mark.whole
def test_a_dropped_change_is_found_by_the_second_export_without_old_images(world: World) -> None:
    moving = about_to(world, catch_up={"view": "NEW_IMAGE"})
    world.fault(operation="ExportTableToPointInTime", kind="dropped-change", table=world.src("a"), times=1)
    with pytest.raises(GateFailed, match=r"NOT_PROVED: .*a change was never exported"):
        cut(moving, moving.now())


def shut_by_its_smoke_test(world: World, flag: Path) -> tuple[Moving, str]:
    """A cut-over that stands at its smoke test until there is such a file; and its freeze."""
    moving = about_to(world, hooks={"smoke": [{"name": "is it there", "run": ["test", "-e", str(flag)]}]})
    frozen = moving.now()
    with pytest.raises(GateFailed, match="SMOKE_FAILED"):
        cut(moving, frozen)
    return moving, frozen


@pytest.mark.chaos
def test_what_was_written_until_it_goes_on_much_later_keeps_the_go_shut(world: World, tmp_path: Path) -> None:
    """The writers were started again, as the message says, and stopped once more."""
    moving, frozen = shut_by_its_smoke_test(world, flag := tmp_path / "there")
    moving.minutes(40)
    moving.write(item("written meanwhile", 1))
    moving.minutes(20)
    flag.touch()
    for typed in (frozen, ""):
        with pytest.raises(GateFailed, match=r"NOT_FROZEN: .* 1 change,"):
            cut(moving, typed)
    assert switch(moving).go_at is None
    moving.minutes(3)
    cut(moving, moving.now())
    assert states(moving)["go"] == GateState.PASSED
    assert moving.target() == moving.source()


@pytest.mark.chaos
def test_where_nothing_was_written_it_goes_on_much_later_and_is_proved_up_to_then(world: World, tmp_path: Path) -> None:
    moving, frozen = shut_by_its_smoke_test(world, flag := tmp_path / "there")
    before = switch(moving).until
    moving.minutes(40)
    flag.touch()
    cut(moving, frozen)
    assert states(moving)["go"] == GateState.PASSED
    until = switch(moving).until
    assert before
    assert until
    assert datetime.fromisoformat(until) > datetime.fromisoformat(before) + timedelta(minutes=30)
    assert moving.validation().changes.second_export.moment == until


def minutes_at(moving: Moving, gate: Gate, *written: Any) -> Any:
    """Watches a cut-over, and once lets half an hour pass at a gate, in the middle of which this is written."""
    waiting = [gate]

    def watch(at: Gate, fact: Any) -> None:
        if at in waiting:
            waiting.clear()
            moving.minutes(10)
            moving.write(*written)
            moving.minutes(20)

    return watch


@pytest.mark.parametrize("gate", [Gate.DATA_PROOF, Gate.SMOKE])
@pytest.mark.few(1)
@pytest.mark.whole
def test_what_is_written_while_a_long_proof_goes_on_keeps_the_go_shut(world: World, gate: Gate) -> None:
    moving = about_to(world)
    with pytest.raises(GateFailed, match=r"NOT_FROZEN: nothing should have been written since .*, up to the go.* 1 ch"):
        cut(moving, moving.now(), watch=minutes_at(moving, gate, item("written meanwhile", 1)))
    assert states(moving)["go"] == GateState.FAILED
    assert switch(moving).go_at is None
    with pytest.raises(GateFailed, match="NOT_FROZEN"):
        cut(moving)
    moving.minutes(3)
    cut(moving, moving.now())
    assert states(moving)["go"] == GateState.PASSED
    assert moving.target() == moving.source()
    assert windows_of(moving.run.ledger)[-1].number == len(windows_of(moving.run.ledger))


@pytest.mark.chaos
def test_what_a_slow_clock_wrote_while_a_long_proof_goes_on_keeps_the_go_shut(world: World) -> None:
    """Its time lies before the window that it is in; that it is in this one says that no other has it."""
    moving = about_to(world)
    lets_pass = minutes_at(moving, Gate.SMOKE, item("written meanwhile", 1))

    def watch(at: Gate, fact: Any) -> None:
        lets_pass(at, fact)
        if at is Gate.SMOKE:
            world.fault(operation="ExportTableToPointInTime", kind="slow-clock", times=1)

    with pytest.raises(GateFailed, match=r"NOT_FROZEN: .* 1 change"):
        cut(moving, moving.now(), watch=watch)
    assert switch(moving).go_at is None


@pytest.mark.chaos
def test_a_go_after_a_long_proof_says_up_to_when_the_sources_were_quiet(world: World) -> None:
    moving = about_to(world)
    cut(moving, moving.now(), watch=minutes_at(moving, Gate.SMOKE))
    fact = switch(moving)
    assert fact.until
    assert fact.quiet_until
    assert datetime.fromisoformat(fact.quiet_until) > datetime.fromisoformat(fact.until) + timedelta(minutes=15)
    moving.write(item("after the go", 1))
    moving.minutes(20)
    with pytest.raises(GateFailed, match="LATE_WRITES"):
        cut(moving)


@pytest.mark.parametrize(("seconds", "looks"), [(60.0, False), (1800.0, True)])
@pytest.mark.chaos
def test_the_forecast_counts_the_export_of_a_late_go(world: World, seconds: float, looks: bool) -> None:
    """Where the comparison takes so long that the sources are read once more before the go."""
    moving = about_to(world, cut_over={"max_freeze_minutes": 120})
    fact, source = moving.validation(), world.src("a")
    ended = datetime.fromisoformat(fact.started) + timedelta(seconds=seconds)
    VALIDATIONS.record(moving.run.ledger, source, replace(fact, finished=format_timestamp(ended)))
    cut_over(moving.run)
    forecast = FORECASTS.of(moving.run.ledger)
    assert forecast is not None
    assert (forecast.last_look is not None) == looks
    parts = (
        forecast.recovery,
        forecast.comparison,
        forecast.last_look,
        max(forecast.window or 0, forecast.full_export or 0),
    )
    assert forecast.seconds == pytest.approx(sum(part or 0.0 for part in parts))


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize("left_out", [False, True])
def test_a_table_that_was_skipped_is_left_out_knowingly_or_stands_in_the_way(world: World, left_out: bool) -> None:
    world.pair("b", things(3), pitr=False)
    named = [world.src("b")] if left_out else []
    moving = about_to(world, export={"without_pitr": "skip"}, cut_over={"leave_out": named})
    if left_out:
        cut(moving, moving.now())
        assert states(moving)["go"] == GateState.PASSED
    else:
        with pytest.raises(GateFailed, match=r"NOT_READY: .*-src-b: skipped, so nothing of it is in its target"):
            cut(moving, moving.now())
        assert states(moving) == {"ready": GateState.FAILED}


class Killed(BaseException):
    """The process is gone."""


KILLED_AT = (Gate.FREEZE, Gate.LAST_WINDOW, Gate.REFERENCES, Gate.GO)
KILLED_AT_IN_CHAOS = (Gate.READY, Gate.FREEZE_PROOF, Gate.DATA_PROOF, Gate.SMOKE)


@pytest.mark.parametrize(
    "gate", [*KILLED_AT, *(pytest.param(gate, marks=pytest.mark.chaos) for gate in KILLED_AT_IN_CHAOS)]
)
@pytest.mark.whole
@pytest.mark.few(1)
def test_it_goes_on_at_the_gate_where_it_was_killed(world: World, gate: Gate) -> None:
    moving = about_to(world, references={"in_preflight": gate is Gate.REFERENCES})

    def killer(at: Gate, fact: Any) -> None:
        if at is gate:
            raise Killed

    with pytest.raises(Killed):
        cut(moving, moving.now(), watch=killer)
    begun = GATES.needed(moving.run.ledger, gate).began
    known = CUT_OVERS.of(moving.run.ledger)
    cut(moving, "" if known and known.frozen_at else moving.now())
    assert states(moving)["go"] == GateState.PASSED
    assert GATES.needed(moving.run.ledger, gate).began == begun
    assert moving.target() == moving.source()
