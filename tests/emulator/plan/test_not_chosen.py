"""The plan is the whole of `include`: what a run leaves out, as it was asked to, stands in its report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runbook_lib.cli import run_cli
from runbook_lib.errors import ConfigError, ResumeRefused
from runbook_lib.preflight.step import preflight
from runbook_lib.report.step import report_run
from runbook_lib.run.run import Run, open_run
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import ACCOUNT, World, things

HERE = f"{ACCOUNT}/us-east-2"
COUNTS = (
    "items_exported", "lines_read", "items_written", "items_filtered", "items_quarantined", "items_in_target",
    "missing", "extra", "different", "expired", "bytes",
)  # fmt: skip


def whole(run: Run, *more: Any) -> dict[str, Any]:
    for step in (preflight, export_tables, import_tables, validate_tables, *more):
        step(run)
    record = report_run(run).to_json()
    run.ledger.close()
    return record


@pytest.mark.whole
def test_a_run_of_some_tables_passes_for_what_it_says_and_names_the_others(world: World) -> None:
    for name in ("alpha", "omega", "other"):
        world.pair(name, things(10))
    config = world.config(confirm_target=HERE, tables={"exclude": [world.src("other")]})
    record = whole(open_run(str(config), "r", True, world.src("alpha")))
    assert (record["verdict"], record["reasons"], record["complete"]) == ("PASS", [], False)
    alpha, omega = record["tables"]
    assert (alpha["source"], alpha["verdict"], alpha["items_in_target"]) == (world.src("alpha"), "PASS", 10)
    assert (omega["source"], omega["target"]) == (world.src("omega"), world.dst("omega"))
    assert (omega["method"], omega["verdict"]) == ("not_chosen", "NOT MIGRATED")
    assert {name: omega[name] for name in COUNTS} == dict.fromkeys(COUNTS)
    assert world.src("alpha") in omega["reasons"][0]
    assert (record["totals"]["tables"], record["totals"]["tables_not_chosen"]) == (2, 1)
    assert (record["totals"]["items_exported"], record["totals"]["items_written"]) == (10, 10)
    folder = world.folder / "reports" / "r"
    for page in (folder / "report.html", folder / "report.md", folder.parent / "index.html"):
        text = page.read_text(encoding="utf-8")
        assert "PASS: 1 of 2 tables, 1 not chosen" in text, page
        assert world.src("other") not in text, page
    for page in (folder / "report.html", folder / "report.md"):
        text = page.read_text(encoding="utf-8").replace("\\", "")
        assert world.src("omega") in text
        assert "leaves it out of this run" in text
        assert "measured for 1" not in text
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "Nothing was left out" not in html
    assert "1 of 1 table exported: 1 by AWS export. Not chosen for this run: 1 table." in html
    assert world.items(world.target, world.dst("omega")) == []


@pytest.mark.chaos
def test_the_console_says_so_and_the_choice_holds_for_the_whole_run(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.pair("alpha", things(10))
    world.pair("omega", things(10))
    config = world.config(confirm_target=HERE)
    run = ["run", str(config), "--run-id", "r"]
    assert run_cli([*run, "--tables", "*-alpha", "--only", "preflight"]) == 0
    assert "DRY-RUN: 1 of 2 tables, 1 not chosen" in capsys.readouterr().out
    for other in ("*", "*-omega", "*-alpha,*-omega"):
        assert run_cli([*run, "--tables", other, "--only", "preflight"]) == 2
        assert f"was started for the tables '*-alpha', and that holds for the whole run; found {other!r}" in (
            capsys.readouterr().err
        )
    for same in ("*-alpha", " *-alpha", ""):
        kept = open_run(str(config), "r", tables=same)
        assert kept.only == "*-alpha"
    assert world.record("r")["attempts"][-1]["tables"] == "*-alpha"


@pytest.mark.chaos
def test_a_run_of_all_tables_is_complete_and_cannot_be_narrowed_later(world: World) -> None:
    world.pair("alpha", things(3))
    config = world.config(confirm_target=HERE)
    record = whole(open_run(str(config), "r", True))
    assert (record["verdict"], record["complete"], record["totals"]["tables_not_chosen"]) == ("PASS", True, 0)
    with pytest.raises(ResumeRefused, match="was started for the tables"):
        open_run(str(config), "r", tables="*-alpha")


@pytest.mark.whole
def test_a_table_that_came_later_is_named_and_not_moved(world: World) -> None:
    world.pair("alpha", things(3))
    config = world.config(confirm_target=HERE)
    assert whole(open_run(str(config), "r", True))["complete"] is True
    world.pair("late", things(2))
    record = whole(open_run(str(config), "r", True))
    assert (record["verdict"], record["complete"]) == ("PASS", False)
    late = record["tables"][1]
    assert (late["source"], late["method"]) == (world.src("late"), "not_chosen")
    assert "was not there when this run's plan was made" in late["reasons"][0]
    assert world.items(world.target, world.dst("late")) == []


@pytest.mark.chaos
def test_a_choice_of_no_table_is_refused_and_a_skipped_table_still_fails(world: World, tmp_path: Path) -> None:
    world.pair("alpha", things(3))
    world.pair("omega", things(3), pitr=False)
    config = world.config(confirm_target=HERE, export={"without_pitr": "skip"})
    with pytest.raises(ConfigError, match="no table matched"):
        preflight(open_run(str(config), "r0", True, "nothing"))
    assert whole(open_run(str(config), "r1", True))["verdict"] == "FAIL"
    record = whole(open_run(str(world.config(confirm_target=HERE)), "r2", False, "*-omega"))
    assert (record["verdict"], record["complete"]) == ("DRY-RUN", False)
