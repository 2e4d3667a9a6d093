"""The run as a notebook holds it: what it shows, asks and stops at are its methods.

Everything here is one call: tables are made in `tables`, live rows in `live`, forms in `forms`, gates in `gates`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runbook_lib.load.table_load import TableProgress
from runbook_lib.notebook import gates, live, tables
from runbook_lib.preflight.plan import Plan
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.step import record_of
from runbook_lib.run.run import Run, open_cleanup, open_run
from runbook_lib.undo.cleanup import Removal

if TYPE_CHECKING:  # ipywidgets is for a person in JupyterLab; a headless run does without
    from runbook_lib.notebook import forms


@dataclass(slots=True)
class NotebookRun(Run):
    """A run that can be looked at. Each `show_` reads what the run has recorded; each `gate_` raises GateFailed."""

    def banner(self) -> tables.Table:
        """Where this is, whether anything may be written, and which run it is."""
        return tables.who_and_where(self)

    def form_tables(self) -> forms.Form:
        """Choose the tables of a new run by hand."""
        from runbook_lib.notebook import forms

        return forms.tables_form(self)

    def form_confirmation(self) -> forms.Form:
        """Type the target, in place of `confirm_target` in the migration file."""
        from runbook_lib.notebook import forms

        return forms.confirmation_form(self)

    def form_differences(self) -> forms.Form:
        """Look through the listed differences."""
        from runbook_lib.notebook import forms

        return forms.differences_form(self)

    def export_progress(self) -> Callable[[dict[str, dict[str, Any]]], None]:
        """A live table for `export_tables`."""
        return live.export_progress()

    def import_progress(self) -> Callable[[TableProgress], None]:
        """A live table for `import_tables`."""
        return live.import_progress()

    def validation_progress(self) -> Callable[[str, str, int, int], None]:
        """A live table for `validate_tables`."""
        return live.validation_progress()

    def show_plan(self) -> tables.Table:
        """Each table with its target, how it is read and written, and both keys."""
        return tables.plan_table(self)

    def show_checks(self) -> tables.Table:
        """What the pre-flight checked, what stands in the way first."""
        return tables.checks_table(record_of(self))

    def show_definitions(self) -> tables.Table:
        """Where the definitions of source and target differ, the gravest first."""
        return tables.definitions_table(record_of(self))

    def show_estimate(self) -> tables.Table:
        """What it will cost and how long it will take, as far as that is known."""
        return tables.estimate_table(record_of(self))

    def show_exports(self) -> tables.Table:
        """What the manifests say was exported."""
        return tables.export_table(self)

    def show_created(self) -> tables.Table:
        """The targets that did not exist, and what became of them."""
        return tables.created_tables(self)

    def show_import(self) -> tables.Table:
        """What was acknowledged, table by table."""
        return tables.import_table(self)

    def show_canaries(self) -> tables.Table:
        """Which targets took a reserved item, gave it back and let go of it."""
        return tables.canary_table(record_of(self))

    def show_reconciliation(self) -> tables.Table:
        """The four counts of every table side by side."""
        return tables.reconciliation(record_of(self))

    def show_differences(self) -> tables.Table:
        """The first of the items that are not as the export says."""
        return tables.difference_table(self)

    def show_removals(self, removals: Iterable[Removal]) -> tables.Table:
        """What a cleanup removed, or would remove, and what stays."""
        return tables.removals(removals)

    def show_verdict(self, record: RunRecord) -> tuple[str, list[str]]:
        """The verdict, and each reason against a PASS."""
        return record.verdict, record.reasons

    def gate_plan(self, plan: Plan) -> str:
        """Stop if anything stands in the way."""
        return gates.gate_plan(self, plan)

    def gate_planned(self) -> str:
        """Stop unless the pre-flight has passed."""
        return gates.gate_planned(self)

    def gate_exports(self) -> str:
        """Stop unless every planned table is exported and its manifest checked."""
        return gates.gate_exports(self)

    def gate_writes(self) -> str:
        """Stop unless writing is confirmed, or this is a dry run."""
        return gates.gate_writes(self)

    def gate_import(self) -> str:
        """Stop unless every table was loaded to its end."""
        return gates.gate_import(self)

    def gate_canary(self) -> str:
        """Stop if a canary is asked for and not confirmed."""
        return gates.gate_canary(self)

    def gate_validation(self) -> str:
        """Stop unless every table is proved, or this is a dry run."""
        return gates.gate_validation(self)

    def gate_cleanup(self, confirm: str) -> str:
        """Stop unless removing is confirmed, or this is a dry run."""
        return gates.gate_cleanup(self, confirm)


def open_notebook_run(
    config: str = "", run_id: str = "", execute: bool = False, tables: str = "", *, step: str = "preflight"
) -> NotebookRun:
    """Look at the run that a notebook belongs to, of which `step` is about to be done; nothing is written yet.

    Without `config` the environment's RUNBOOK_CONFIG is used, without `run_id` the run of this sitting (the
    migration's name with `-lab`), without `tables` those of the run's first start. Raises ConfigError for what is
    wrong with them, and ResumeRefused where the run was started with another configuration, for other tables or in
    another account. `step="cleanup"` looks at a run whose traces are to be removed.
    """
    if step == "cleanup":
        run = open_cleanup(config, run_id, execute, tables, kind=NotebookRun)
    else:
        run = open_run(config, run_id, execute, tables, step=step, kind=NotebookRun)
    assert isinstance(run, NotebookRun)
    return run
