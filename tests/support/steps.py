"""The steps of a run, one after the other in this process."""

from __future__ import annotations

from typing import Any

from runbook_lib.notebook.gates import gate_plan
from runbook_lib.preflight.step import preflight
from runbook_lib.report.step import report_run
from runbook_lib.run.facts.targets import Removal
from runbook_lib.run.run import Run
from tests.support.recorded import create_missing_targets, export_tables, import_tables, validate_tables
from tests.support.world import World


def every_step(run: Run) -> dict[str, Any]:
    """Every step of a run, without its notebooks; returns the record."""
    gate_plan(run, preflight(run))
    export_tables(run)
    create_missing_targets(run)
    import_tables(run)
    validate_tables(run)
    return report_run(run).to_json()


def up_to_the_import(world: World, run_id: str = "r", **changes: Any) -> Run:
    run = world.open(run_id, **changes)
    preflight(run)
    export_tables(run)
    create_missing_targets(run)
    import_tables(run)
    return run


def the_only(found: list[Removal]) -> Removal:
    (removal,) = found
    return removal
