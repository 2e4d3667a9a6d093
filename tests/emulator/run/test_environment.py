"""What the environment may decide: where things lie and what is shown, never that something is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import runbook_lib
from runbook_lib.preflight.step import preflight
from runbook_lib.run.run import open_run
from tests.support.in_process import runbook_here
from tests.support.recorded import export_tables, import_tables
from tests.support.world import ACCOUNT, World, things

ROOT = Path(runbook_lib.__file__).parent
# All that the library and the notebooks read or set. Not one of them allows a write.
KNOWN = {
    "RUNBOOK_CONFIG": "the migration file of a notebook that was given none",
    "RUNBOOK_REPORTS": "where run folders lie",
    "RUNBOOK_HEADLESS": "nobody watches: tables are drawn once",
    "RUNBOOK_OFFLINE": "no call leaves this machine",
    "RUNBOOK_RUNNER": "whose kernels these are",
}


def test_every_variable_of_ours_is_known() -> None:
    files = [*ROOT.rglob("*.py"), *ROOT.parent.glob("notebooks/*.ipynb"), ROOT.parent / "Makefile"]
    found = {name for file in files for name in re.findall(r"RUNBOOK_[A-Z_]+", file.read_text(encoding="utf-8"))}
    assert found == KNOWN.keys()


@pytest.mark.whole
def test_the_command_without_execute_writes_nothing_whatever_the_environment_says(world: World) -> None:
    world.pair("a", things(5), pitr=False)
    world.pair("b", things(5))
    says = dict.fromkeys(("RUNBOOK_EXECUTE", "RUNBOOK_CONFIRM", "EXECUTE"), "1")
    config = world.config(confirm_target=f"{ACCOUNT}/us-east-2", export={"enable_pitr": [world.src("a")]})
    runbook_here("run", config, "--run-id", "r", "--only", "preflight", **says)
    runbook_here("run", world.config(tables={"include": [world.src("b")]}), "--run-id", "b", **says)
    said = world.source.describe_continuous_backups(TableName=world.src("a"))["ContinuousBackupsDescription"]
    assert said["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"
    assert (world.record("b")["verdict"], world.record("b")["executed"]) == ("DRY-RUN", False)
    assert world.items(world.target, world.dst("b")) == []


def test_no_variable_stands_for_execute(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor for what else needs it: recovery of a source stays as it was."""
    world.pair("a", things(5), pitr=False)
    names = {*KNOWN, "RUNBOOK_EXECUTE", "RUNBOOK_CONFIRM", "EXECUTE"} - {"RUNBOOK_REPORTS"}
    for name in names:
        monkeypatch.setenv(name, "1")
    config = world.config(confirm_target=f"{ACCOUNT}/us-east-2", export={"enable_pitr": [world.src("a")]})
    run = open_run(str(config), "r")
    assert run.execute is False
    for step in (preflight, export_tables, import_tables):
        step(run)  # type: ignore[operator]
    run.ledger.close()
    said = world.source.describe_continuous_backups(TableName=world.src("a"))["ContinuousBackupsDescription"]
    assert said["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"
    assert world.items(world.target, world.dst("a")) == []
