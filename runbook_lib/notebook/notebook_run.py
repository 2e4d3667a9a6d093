"""The run as a notebook holds it: each method is one call, into `tables`, `live`, `forms`, `charts` or `gates`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runbook_lib.extras import require
from runbook_lib.load.table_load import TableProgress
from runbook_lib.notebook import gates, live, views
from runbook_lib.notebook.afterwards import gates as gates_afterwards
from runbook_lib.notebook.afterwards import views as afterwards
from runbook_lib.notebook.around import views as around
from runbook_lib.notebook.banner import Banner, banner_of
from runbook_lib.notebook.masking import gates as masking_gates
from runbook_lib.notebook.masking import views as shown
from runbook_lib.notebook.output import Line
from runbook_lib.notebook.tables import ShownTable
from runbook_lib.notebook.verdict import ShownVerdict, verdict_of_run
from runbook_lib.preflight.plan import Plan
from runbook_lib.record.run_json import RunRecord
from runbook_lib.repair.choice import RepairChoice
from runbook_lib.report.step import record_of
from runbook_lib.run.facts.afterwards.repair import RepairFact
from runbook_lib.run.facts.cut_over.gates import Gate, GateFact
from runbook_lib.run.facts.export import ExportFact
from runbook_lib.run.facts.targets import Removal
from runbook_lib.run.facts.windows import WindowFact
from runbook_lib.run.run import Run

if TYPE_CHECKING:  # ipywidgets is for a person in JupyterLab, and matplotlib takes most of a second
    from runbook_lib.notebook.charts import ShownChart
    from runbook_lib.notebook.forms import Form


@dataclass(slots=True)
class NotebookRun(Run):
    """A run that can be looked at. Each `show_` reads what the run has recorded; each `gate_` raises GateFailed."""

    at: str = "preflight"  # the step of the notebook

    def banner(self) -> Banner:
        """Account and region, whether anything may be written, and which run this is."""
        return banner_of(self, self.at)

    def form_tables(self) -> Form:
        """Choose the tables of a new run by hand."""
        require("lab", "a form")
        from runbook_lib.notebook.forms import tables_form

        return tables_form(self)

    def form_confirmation(self) -> Form:
        """Enter the target, instead of `confirm_target` in the migration file."""
        require("lab", "a form")
        from runbook_lib.notebook.forms import confirmation_form

        return confirmation_form(self, self.at)

    def form_differences(self) -> Form:
        """Browse the listed differences."""
        require("lab", "a form")
        from runbook_lib.notebook.forms import differences_form

        return differences_form(self)

    def form_outcomes(self, table: ShownTable) -> Form:
        """Filter a table to the rows with one outcome."""
        require("lab", "a form")
        from runbook_lib.notebook.forms import outcome_form

        return outcome_form(table)

    def export_progress(self) -> Callable[[dict[str, ExportFact]], None]:
        """A live table for `export_tables`."""
        return live.export_progress()

    def import_progress(self) -> Callable[[TableProgress], None]:
        """A live table for `import_tables`."""
        from runbook_lib.notebook import charts

        return charts.with_live_chart(self, live.import_progress(self))

    def validation_progress(self) -> Callable[[str, str, int, int], None]:
        """A live table for `validate_tables`."""
        return live.validation_progress()

    def chart_exports(self) -> ShownChart:
        """What was exported, by size."""
        from runbook_lib.notebook import charts

        return charts.exports_chart(self)

    def chart_throughput(self) -> ShownChart:
        """Items per second of the import, over time."""
        from runbook_lib.notebook import charts

        return charts.throughput_chart(self)

    def chart_capacity(self) -> ShownChart:
        """Write capacity of the import and throttled requests, over time."""
        from runbook_lib.notebook import charts

        return charts.capacity_chart(self)

    def chart_reconciliation(self) -> ShownChart:
        """Exported, written and in the target, as a chart that highlights disagreement."""
        from runbook_lib.notebook import charts

        return charts.reconciliation_chart(self)

    def chart_timeline(self) -> ShownChart:
        """What ran when, table by table."""
        from runbook_lib.notebook import charts

        return charts.timeline_chart(self)

    def chart_lag(self) -> ShownChart:
        """How far behind its source each window was when it was applied, and why."""
        from runbook_lib.notebook import charts

        return charts.lag_chart(self)

    def show_plan(self) -> ShownTable:
        """Each table with its target, how it is read and written, and both keys."""
        return views.plan_table(self)

    def show_checks(self) -> ShownTable:
        """What the pre-flight checked, blockers first."""
        return views.checks_table(record_of(self))

    def show_definitions(self) -> ShownTable:
        """Where the definitions of source and target differ, most serious first."""
        return views.definitions_table(record_of(self))

    def show_estimate(self) -> ShownTable:
        """What it will cost and how long it will take, as far as that is known."""
        return views.estimate_table(record_of(self))

    def show_exports(self) -> ShownTable:
        """What the manifests say was exported."""
        return views.export_table(self)

    def show_transform(self) -> ShownTable:
        """The results for each export's items: kept, filtered, added, rejected."""
        return shown.transform_table(self)

    def show_mask(self) -> ShownTable:
        """What each rule of the mask did, table by table."""
        return shown.mask_table(self)

    def show_unnamed(self) -> ShownTable:
        """Values that no rule covers, by path and type."""
        return shown.unnamed_table(self)

    def show_leaks(self) -> ShownTable:
        """What was searched in each target, and what was found."""
        return shown.leak_table(self)

    def show_coverage(self) -> ShownTable:
        """How many raw values were searched for, and why others were not."""
        return shown.coverage_table(self)

    def show_created(self) -> ShownTable:
        """The targets that did not exist, and whether they were created."""
        return views.created_table(self)

    def show_warmed(self) -> ShownTable:
        """The targets whose warm throughput was raised."""
        return views.warmed_table(self)

    def show_import(self) -> ShownTable:
        """What was acknowledged, table by table."""
        return views.import_table(self, record_of(self))

    def catch_up_progress(self) -> Callable[[WindowFact, int], None]:
        """A live table for `catch_up`."""
        return live.catch_up_progress()

    def show_windows(self) -> ShownTable:
        """What was applied since the export, window by window, and the lag of each."""
        return views.window_table(self)

    def repair_progress(self) -> Callable[[RepairFact, str, int], None]:
        """A live table for `repair_tables`."""
        return live.repair_progress()

    def show_repairs(self, repairs: Iterable[RepairFact]) -> ShownTable:
        """What was wrong, and the result; in a dry run, the cost."""
        return afterwards.repair_table(repairs)

    def cut_over_progress(self) -> Callable[[Gate, GateFact], None]:
        """A live table for `cut_over`."""
        return live.cut_over_progress()

    def show_cut_over(self) -> ShownTable:
        """Each gate with its times, and how to undo it."""
        return views.cut_over_table(record_of(self))

    def show_around(self) -> ShownTable:
        """What stands around the tables in the source, kind by kind, and in which template."""
        return around.kinds_table(self)

    def show_not_carried(self) -> ShownTable:
        """What of it no template carries over, and which calls were refused."""
        return around.not_carried_table(self)

    def show_surroundings(self) -> ShownTable:
        """Both regions' surroundings, resource by resource, those that are not equal first."""
        return around.compared_table(self)

    def form_cut_over(self) -> Form:
        """Enter when the writers were stopped, and the run's id, instead of using the command."""
        from runbook_lib.notebook.forms import cut_over_form

        return cut_over_form(self)

    def gate_cut_over(self) -> Line:
        """Stop unless the targets have replaced the sources, or this was only a forecast."""
        return gates.gate_cut_over(self)

    def show_canaries(self) -> ShownTable:
        """In which targets a reserved item was written, read back and deleted."""
        return views.canary_table(record_of(self), asked=self.config.validate_.canary)

    def show_reconciliation(self) -> ShownTable:
        """The four counts of every table side by side."""
        return views.reconciliation_table(record_of(self))

    def show_differences(self) -> ShownTable:
        """The first items that differ from the export."""
        return views.difference_table(self)

    def show_removals(self, removals: Iterable[Removal]) -> ShownTable:
        """What a cleanup removed or would remove, and what it keeps."""
        return afterwards.removal_table(removals)

    def show_verdict(self, record: RunRecord) -> ShownVerdict:
        """The verdict, each reason against a PASS, and where the report is."""
        return verdict_of_run(record, self.folder)

    def gate_plan(self, plan: Plan) -> Line:
        """Stop if there is a blocker."""
        return gates.gate_plan(self, plan)

    def gate_planned(self) -> Line:
        """Stop unless the pre-flight has passed."""
        return gates.gate_planned(self)

    def gate_exports(self) -> Line:
        """Stop unless every planned table is exported and its manifest checked."""
        return gates.gate_exports(self)

    def gate_transform(self) -> Line:
        """Stop unless every export is transformed, or there is nothing to transform."""
        return masking_gates.gate_transform(self)

    def gate_leaks(self) -> Line:
        """Stop if a raw value is in a target, or a target was not searched."""
        return masking_gates.gate_leaks(self)

    def gate_writes(self) -> Line:
        """Stop unless writing is confirmed, or this is a dry run."""
        return gates.gate_writes(self)

    def gate_import(self) -> Line:
        """Stop unless every table was loaded completely."""
        return gates.gate_import(self)

    def gate_windows(self) -> Line:
        """Stop unless every window is applied, or this is a dry run."""
        return gates.gate_windows(self)

    def gate_repair(self, choice: RepairChoice, confirm: str) -> Line:
        """Stop if a repair is requested and not confirmed."""
        return gates_afterwards.gate_repair(self, choice, confirm)

    def gate_canary(self) -> Line:
        """Stop if the import was stopped on its way, or a canary is requested and not confirmed."""
        return gates.gate_canary(self)

    def gate_validation(self) -> Line:
        """Stop unless every table is proved, or this is a dry run."""
        return gates.gate_validation(self)

    def gate_cleanup(self, confirm: str) -> Line:
        """Stop unless removing is confirmed, or this is a dry run."""
        return gates_afterwards.gate_cleanup(self, confirm)
