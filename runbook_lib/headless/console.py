"""What a run says in a log: how far a step is, and what came of it, in one line each."""

from __future__ import annotations

from runbook_lib.plan.check import NOT_CHECKED
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.run_figures import figures_of
from runbook_lib.report.sections.first_screen.summary import verdicts
from runbook_lib.report.text import count, pluralize
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.files import written_so_far


def so_far(ledger: Ledger, step: str) -> str:
    """How far a running step is; empty where there is nothing to count."""
    planned = len(ledger.all("pair"))
    if step == "export":
        done = sum(fact["status"] == "COMPLETED" for fact in ledger.all("export").values())
        return f"{count(done)} of {pluralize(planned, 'export')} completed"
    if step == "import":
        items, written = written_so_far(ledger)
        return f"{count(written)} of {pluralize(items, 'item')} written"
    if step == "validate":
        began = (ledger.get("step", step) or {}).get("started", "")
        done = sum(fact["finished"] >= began > "" for fact in ledger.all("validation").values() if "finished" in fact)
        return f"{count(done)} of {pluralize(planned, 'table')} compared"
    return ""


def outcome(record: RunRecord, step: str) -> str:
    """What a completed step came to; empty where the verdict says it all."""
    figures = figures_of(record)
    sums = figures.sums
    if step == "preflight":
        missed = sum(check.status == NOT_CHECKED for check in record.checks)
        warnings = pluralize(len(record.warnings), "warning")
        return f"{figures.how_many} planned, {warnings}, {pluralize(missed, 'check')} could not run"
    if step == "export":
        return sums["items_exported"].with_noun("items in the manifests")
    if step == "import":
        done, what = ("items_written", "written") if record.executed else ("lines_read", "read and checked")
        return f"{sums[done].with_noun(what)}, {sums['items_quarantined'].with_noun('in quarantine')}"
    return verdicts(figures) if step == "validate" else ""
