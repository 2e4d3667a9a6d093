"""A comparison after an import that was stopped: it is refused with what to do, in the notebook and by the command."""

from __future__ import annotations

import pytest

from runbook_lib.errors import GateFailed, Interrupted
from runbook_lib.export.step import export_tables
from runbook_lib.load.step import import_tables
from runbook_lib.load.table_load import TableProgress
from runbook_lib.notebook.charts import reconciliation_chart
from runbook_lib.notebook.gates import gate_canary, gate_validation
from runbook_lib.notebook.output import Line
from runbook_lib.preflight.step import preflight
from runbook_lib.run.run import Run
from runbook_lib.validate.step import validate_tables
from tests.support.in_process import runbook_here
from tests.support.world import World, things

SIZES = {"a": 5, "b": 150, "c": 160, "d": 170}


def stopped(world: World, *, dry_run_first: bool) -> Run:
    """Loaded to the end, in part, and not at all."""
    for name, items in SIZES.items():
        world.pair(name, things(items))
    run = world.open(**{"import": {"tables_at_once": 1, "max_wcu": 100}})
    preflight(run)
    export_tables(run)
    if dry_run_first:
        run.execute = False
        import_tables(run)
        run.execute = True

    def stop(progress: TableProgress) -> None:
        if progress.source == world.src("b") and progress.done:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        import_tables(run, stop)
    return run


def said(world: World) -> str:
    b, c, d = (world.src(name) for name in "bcd")
    return f"the import was stopped before its end: stopped while loading: {b}; not begun: {c}, {d}"


@pytest.mark.parametrize("dry_run_first", [True, False])
@pytest.mark.few(1)
@pytest.mark.whole
def test_the_first_gate_stops_and_names_every_table_and_what_to_do(
    world: World, monkeypatch: pytest.MonkeyPatch, dry_run_first: bool
) -> None:
    run, shown = stopped(world, dry_run_first=dry_run_first), list[Line]()
    monkeypatch.setattr("runbook_lib.notebook.gates.show", shown.append)
    with pytest.raises(GateFailed) as refused:
        gate_canary(run)
    assert str(refused.value) == said(world)
    assert [line.remedy.partition(":")[0] for line in shown] == ["run 20_import again for this run"]
    import_tables(run)
    assert gate_canary(run).startswith("OFF")
    validate_tables(run)
    assert gate_validation(run) == "GO: 4 of 4 tables proved"


@pytest.mark.chaos
def test_the_last_gate_names_the_tables_that_were_not_come_to_and_says_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, shown = stopped(world, dry_run_first=True), list[Line]()
    validate_tables(run)
    monkeypatch.setattr("runbook_lib.notebook.gates.show", shown.append)
    with pytest.raises(GateFailed) as refused:
        gate_validation(run)
    message = str(refused.value)
    assert (
        f"{world.src('b')}: FAIL: its import was stopped before its end; go on with the import (20_import)" in message
    )
    assert all(f"{world.src(name)}: UNKNOWN: its import was not begun" in message for name in "cd")
    assert world.src("a") not in message
    assert shown[0].remedy.startswith("run 20_import again for this run")
    chart = str(reconciliation_chart(run))
    assert ": 4 tables: 485 items exported" in chart
    assert "3 tables not proved" in chart


@pytest.mark.whole
def test_the_command_fails_with_the_same_words_and_goes_on_with_the_import(world: World) -> None:
    run = stopped(world, dry_run_first=False)
    run.ledger.close()
    config = world.config(**{"import": {"tables_at_once": 1, "max_wcu": 100}})
    go_on = ("run", config, "--run-id", "r", "--execute", "--from")
    ran = runbook_here(*go_on, "validate")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    made = world.record("r")
    assert made["verdict"] == "FAIL"
    assert any(said(world) in reason for reason in made["reasons"]), made["reasons"]
    assert {table["items_in_target"] for table in made["tables"]} == {None}  # nothing was compared
    assert "--run-id r --from import --execute" in ran.stdout
    again = runbook_here(*go_on, "import")
    assert again.returncode == 0, again.stdout + again.stderr
