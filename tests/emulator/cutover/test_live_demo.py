"""The live demo: a foreign process writes throughout, and what goes wrong is named."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from runbook_lib.errors import ConfigError
from runbook_lib.headless import runner
from runbook_lib.sandbox.demo.live import LiveDemo
from tests.support.in_process import execute_here
from tests.support.moving import SETTINGS
from tests.support.streamed import stream_on
from tests.support.world import World, things


def demo_of(world: World, sabotage: str | None, **settings: Any) -> Any:
    by = settings.get("by", "windows")
    world.pair("a", things(40), **(stream_on("KEYS_ONLY") if by == "streams" else {}))
    config = world.config(catch_up=SETTINGS | settings, cut_over={"proof": "overlay"} if settings else {})
    demo = LiveDemo(world.endpoint, config, (world.src("a"),), sabotage, lambda text: None, lambda ended: None, by)
    with patch.object(runner, "execute_notebook", execute_here):
        return demo.run("r")


@pytest.mark.whole
def test_tables_that_are_written_to_are_cut_over_with_a_proof(world: World) -> None:
    record = demo_of(world, None)
    assert (record.verdict, record.reasons) == ("PASS", [])
    assert [gate.state for gate in record.cut_over.gates][-2:] == ["passed", "passed"]
    assert len(record.windows) == 3
    assert any(window.changes for window in record.windows)
    held = world.items(world.source, world.src("a")), world.items(world.target, world.dst("a"))
    assert sorted(map(str, held[0])) == sorted(map(str, held[1]))


@pytest.mark.chaos
def test_tables_that_are_followed_by_their_streams_are_cut_over_with_a_proof(world: World) -> None:
    record = demo_of(world, None, by="streams", settle_seconds=0)
    assert (record.verdict, record.reasons) == ("PASS", [])
    assert [gate.state for gate in record.cut_over.gates][-2:] == ["passed", "passed"]
    assert all(window.stream and window.records for window in record.windows[:-1])


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("sabotage", "named"), [pytest.param("late-writer", "NOT_FROZEN", marks=pytest.mark.chaos), ("gap", "OTHER_STREAM")]
)
def test_what_goes_wrong_with_streams_is_named(world: World, sabotage: str, named: str) -> None:
    record = demo_of(world, sabotage, by="streams", settle_seconds=0)
    assert record.verdict == "FAIL"
    assert any(named in reason for reason in record.reasons)


@pytest.mark.parametrize("more", [[], ["--live", "--sabotage", "dropped-change"], ["--masked"]])
def test_a_demo_by_streams_is_a_live_one(more: list[str]) -> None:
    from click.testing import CliRunner

    from runbook_lib.commands.demo import demo

    done = CliRunner().invoke(demo, ["--by", "streams", *more])
    assert isinstance(done.exception, ConfigError)
    assert "--by streams goes with --live" in str(done.exception)


@pytest.mark.chaos
@pytest.mark.parametrize(
    ("sabotage", "named"),
    [
        ("dropped-change", "a change was never exported"),
        pytest.param("late-writer", "NOT_FROZEN", marks=pytest.mark.chaos),
        pytest.param("gap", "GAP", marks=pytest.mark.chaos),
    ],
)
def test_what_goes_wrong_is_named(world: World, sabotage: str, named: str) -> None:
    record = demo_of(world, sabotage)
    assert record.verdict == "FAIL"
    assert any(named in reason for reason in record.reasons)
