"""A repair holds a target to what its windows have left there, and to nothing that is not in it whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook_lib.errors import GateFailed
from runbook_lib.repair.choice import RepairChoice
from runbook_lib.repair.step import repair_tables
from runbook_lib.report.figures.run_figures import figures_of
from runbook_lib.report.sections.first_screen.standing import next_step
from runbook_lib.report.step import report_run
from runbook_lib.run.run import open_run
from runbook_lib.run.tables.unwritten import count_quarantined
from tests.support.half_applied import stopped_before_it_was_whole, stopped_before_it_wrote
from tests.support.moving import Moving, item, live, loaded, moved
from tests.support.world import World, indexed_by, things

ALL = RepairChoice(write_missing=True, write_different=True, delete_extra=True)


def caught_up(world: World) -> Moving:
    moving = moved(world, 30)
    live(moving, 0)
    moving.catch_up()
    moving.validated()
    return moving


@pytest.mark.chaos
def test_what_a_window_says_that_was_only_read_is_not_wrong_yet(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    moving = caught_up(world)
    stopped_before_it_wrote(moving, monkeypatch)
    world.put(world.target, world.dst("a"), [item("extra", 1)])
    found = moving.validated()
    assert (found.missing, found.different, found.extra) == (0, 0, 1)
    assert not [why for why in found.reasons if "due after" in why or "never exported" in why]
    before = moving.target()
    (fact,) = repair_tables(moving.run, ALL, moving.run.id)
    assert (fact.missing, fact.different, fact.extra) == (0, 0, 1)
    assert moving.target() == [held for held in before if held["id"]["S"] != "extra"]
    moving.catch_up()
    assert moving.validated().verdict == "PASS"
    assert moving.target() == moving.source()


@pytest.mark.chaos
def test_what_was_in_quarantine_and_came_in_a_window_since_is_repaired(world: World) -> None:
    """The import could not write it, for an index of the target; the source mended it, and a window wrote it."""
    world.pair("a", things(30), **indexed_by("kind", "N"))
    world.source.update_table(
        TableName=world.src("a"), GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "by-kind"}}]
    )
    world.put(world.source, world.src("a"), [{"id": {"S": "i00007"}, "kind": {"S": "no number"}}])
    moving = loaded(world)
    assert count_quarantined(moving.run.ledger, world.src("a")) == 1
    moving.write({"id": {"S": "i00007"}, "kind": {"N": "7"}})
    moving.minutes(20)
    moving.catch_up()
    world.put(world.target, world.dst("a"), [item("i00007", 99)])
    found = moving.validated()
    assert (found.missing, found.different, found.extra) == (0, 1, 0)
    assert "--write-different" in (report_run(moving.run).repair_command or "")
    repair_tables(moving.run, ALL, moving.run.id)
    assert moving.target() == moving.source()


@pytest.mark.whole
def test_it_refuses_a_table_with_a_window_in_part(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    moving = caught_up(world)
    stopped_before_it_was_whole(moving, monkeypatch)
    moving.validated()
    record = report_run(moving.run)
    assert (record.verdict, record.repair_command) == ("FAIL", None)  # nobody is sent to be refused
    before = moving.target()
    with pytest.raises(GateFailed, match=r"window 2 .* is applied in part; catch up again"):
        repair_tables(moving.run, ALL, moving.run.id)
    assert moving.target() == before


@pytest.mark.whole
def test_it_refuses_where_the_secret_of_the_windows_is_lost(world: World, tmp_path: Path) -> None:
    moving = caught_up(world)
    before = moving.target()
    (tmp_path / "state" / "runbook" / "r").unlink()
    moving = Moving(world, open_run(str(moving.config), "r", True), moving.config)
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00020"}})
    before = moving.target()
    moving.validated()
    record = report_run(moving.run)
    assert (record.verdict, record.repair_command) == ("FAIL", None)  # nobody is sent to be refused
    following = next_step(figures_of(record))
    assert following is not None
    assert "Catch up again, which reads them anew" in following.what
    assert [command.split()[:2] for command in following.commands] == [["runbook", "catch-up"]]
    with pytest.raises(GateFailed, match="read under a secret that is lost"):
        repair_tables(moving.run, ALL, moving.run.id)
    assert moving.target() == before
    moving.catch_up()  # which reads them anew
    assert moving.validated().missing == 1
    repair_tables(moving.run, ALL, moving.run.id)
    assert moving.validated().verdict == "PASS"
