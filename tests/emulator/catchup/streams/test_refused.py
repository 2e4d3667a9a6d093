"""Streams that do not carry on from the export: each a refusal by its name, and nothing written."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.errors import ExportError
from runbook_lib.preflight.step import preflight
from runbook_lib.run.facts.windows import WindowState
from runbook_lib.run.run import open_run
from tests.support.moving import Moving, item
from tests.support.streamed import BY_STREAMS, VIEW, stream_on, streamed
from tests.support.world import World, things


def refused(moving: Moving, name: str) -> str:
    """Catching up is refused by that name, and no request has written to the target."""
    writes, before = moving.world.requests("BatchWriteItem"), moving.target()
    with pytest.raises(ExportError, match=f"{name}: window") as error:
        moving.catch_up(sleep=lambda seconds: None)
    assert (moving.world.requests("BatchWriteItem"), moving.target()) == (writes, before)
    assert "nothing of it was written" in str(error.value)
    assert "catch_up: {by: windows}" in str(error.value)
    return str(error.value)


def switch(moving: Moving, on: bool) -> None:
    spec = stream_on()["StreamSpecification"] if on else {"StreamEnabled": False}
    moving.world.source.update_table(TableName=moving.world.src("a"), StreamSpecification=spec)


@pytest.mark.whole
def test_a_stream_that_was_turned_off_and_on_again(world: World) -> None:
    moving = streamed(world, 5)
    moving.write(item("new", 1))
    moving.catch_up(sleep=lambda seconds: None)
    switch(moving, on=False)
    moving.write(item("unseen", 1))
    refused(moving, "STREAM_OFF")
    switch(moving, on=True)
    refused(moving, "OTHER_STREAM")


def test_a_stream_that_was_turned_on_after_the_export(world: World) -> None:
    moving = streamed(world, 5)
    switch(moving, on=False)
    moving.minutes(1)
    switch(moving, on=True)
    moving.minutes(1)
    assert "was turned on at" in refused(moving, "OTHER_STREAM")


@pytest.mark.few(1)
@pytest.mark.whole
@pytest.mark.parametrize("looked_before", [True, False])
def test_records_that_are_kept_no_longer(world: World, looked_before: bool) -> None:
    moving = streamed(world, 5)
    if looked_before:
        moving.catch_up(sleep=lambda seconds: None)
    moving.write(item("new", 1))
    moving.minutes(25 * 60)
    assert "24 hours" in refused(moving, "GAP")


@pytest.mark.parametrize("operation", ["GetShardIterator", "GetRecords"])
@pytest.mark.chaos
def test_a_place_that_is_trimmed_though_it_should_not_be(world: World, operation: str) -> None:
    moving = streamed(world, 5)
    moving.write(item("new", 1))
    moving.catch_up(sleep=lambda seconds: None)
    moving.write(item("newer", 1))
    world.fault(operation=operation, kind="trimmed", times=1)
    refused(moving, "GAP")
    world.clear_faults()
    moving.catch_up(sleep=lambda seconds: None)  # it was the server's mistake: nothing was lost, and nothing is
    assert moving.target() == moving.source()


@pytest.mark.chaos
def test_an_iterator_that_is_always_expired(world: World) -> None:
    moving = streamed(world, 5)
    world.fault(operation="GetRecords", kind="expired-iterator")
    assert "15 minutes" in refused(moving, "GAP")


@pytest.mark.parametrize("operation", ["DescribeStream", "GetShardIterator", "GetRecords"])
@pytest.mark.chaos
def test_a_call_that_is_denied_is_said_with_what_to_allow(world: World, operation: str) -> None:
    moving = streamed(world, 5)
    world.fault(operation=operation, kind="denied")
    with pytest.raises(ExportError, match=r"allow dynamodb:DescribeStream, dynamodb:GetShardIterator"):
        moving.catch_up(sleep=lambda seconds: None)


def test_another_table_of_the_same_name(world: World) -> None:
    moving = streamed(world, 5)
    world.source.delete_table(TableName=world.src("a"))
    world.table(world.source, world.src("a"), **stream_on())
    refused(moving, "OTHER_STREAM")


@pytest.mark.whole
def test_a_run_that_began_in_the_other_way(world: World) -> None:
    moving = streamed(world, 5)
    moving.write(item("new", 1))
    moving.catch_up(sleep=lambda seconds: None)
    moving.run.ledger.close()
    by_windows = world.config(catch_up=BY_STREAMS | {"by": "windows"}, name="other")
    text = moving.config.read_text().replace("by: streams", "by: windows")
    by_windows.write_text(text)
    moving.run = open_run(str(by_windows), "r", True)
    refused(moving, "MIXED")


def test_a_dry_run_looks_at_the_stream_and_reads_none_of_it(world: World) -> None:
    moving = streamed(world, 5)
    moving.run.ledger.close()
    moving.run = open_run(str(moving.config), "r", False)
    reads = world.requests("GetRecords")
    assert moving.catch_up() == []
    assert world.requests("GetRecords") == reads
    switch(moving, on=False)
    refused(moving, "STREAM_OFF")


@pytest.mark.parametrize(
    ("definition", "found"),
    [({}, "it is off"), (stream_on("NEW_IMAGE"), "one with NEW_IMAGE"), (stream_on("KEYS_ONLY"), "one with KEYS_ONLY")],
)
def test_the_pre_flight_refuses_it_before_there_is_a_run(world: World, definition: Any, found: str) -> None:
    world.pair("a", things(3), **definition)
    plan = preflight(world.open(catch_up=BY_STREAMS))
    wrong = [check for check in plan.checks if check.id == "source-stream"]
    assert [(check.blocks, check.configuration, check.found) for check in wrong] == [(True, True, found)]
    assert "none is ever turned on" in wrong[0].remedy
    assert VIEW in wrong[0].expected


def test_the_pre_flight_says_which_call_is_denied(world: World) -> None:
    world.pair("a", things(3), **stream_on())
    world.fault(operation="DescribeStream", kind="denied")
    plan = preflight(world.open(catch_up=BY_STREAMS))
    [check] = [check for check in plan.checks if check.id == "source-stream"]
    assert check.blocks
    assert "dynamodb:GetRecords" in check.remedy


@pytest.mark.chaos
def test_a_window_that_was_not_read_to_its_end_is_read_anew(world: World) -> None:
    moving = streamed(world, 5)
    moving.write(item("new", 1))
    world.fault(operation="PutObject", kind="denied", times=1)
    with pytest.raises(ExportError):
        moving.catch_up(sleep=lambda seconds: None)
    world.clear_faults()
    [window] = moving.catch_up(sleep=lambda seconds: None)[:1]
    assert window.state is WindowState.APPLIED
    assert moving.target() == moving.source()
