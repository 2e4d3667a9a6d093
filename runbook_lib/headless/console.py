"""What a run says in a log: how far a step is, and what came of it, in one line each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from runbook_lib.plan.check import NOT_CHECKED
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.cut_over import GATE_NAMES
from runbook_lib.report.figures.run_figures import figures_of
from runbook_lib.report.figures.windows import windows_line
from runbook_lib.report.sections.first_screen.summary import verdicts
from runbook_lib.report.sections.masking.sentences import masking_outcome
from runbook_lib.report.sections.repairs import latest_repairs, repairs_in_sum
from runbook_lib.report.text import count, duration, pluralize, rate
from runbook_lib.run.admission.admit import is_begun
from runbook_lib.run.facts.cut_over.gates import GateState, last_gate
from runbook_lib.run.facts.export import EXPORTS, ExportStatus
from runbook_lib.run.facts.plan import PAIRS
from runbook_lib.run.facts.starts import STEP_FACTS, StepStatus
from runbook_lib.run.facts.validation import COMPARING, VALIDATIONS
from runbook_lib.run.facts.windows import WindowState, windows_of
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.steps import CATCH_UP, CUT_OVER, LEAK_SCAN, REPAIR, TRANSFORM
from runbook_lib.run.tables.files import sums_by_table, written_so_far
from runbook_lib.timestamps import elapsed_seconds


def first_line(run_id: str, folder: Path) -> str:
    """Which run this is, whether it is new, and where its report will be."""
    state = "resumed" if is_begun(folder) else "new"
    return f"run {run_id}: {state}; report: {folder / 'report.html'}"


@dataclass(frozen=True, slots=True)
class StepEnd:
    """What came of a step, for a program."""

    step: str
    status: str
    seconds: float
    message: str


@dataclass(slots=True)
class Pace:
    """How fast items are written since the step was first seen to write, and how long the rest takes at that rate."""

    since: tuple[float, float] | None = None
    table: str = ""
    of_table: float = 0.0

    def of(self, written: int, items: int, now: float) -> str:
        """Rate and time left; empty until there is something to tell a rate from."""
        per_second = self._measured(written, items, now)
        return f", {rate(per_second)}, {duration((items - written) / per_second)} left" if per_second else ""

    def of_exports(self, done: int, planned: int, now: float) -> str:
        """The same for exports, which are of many sizes, so that the time left is a guess."""
        per_second = self._measured(done, planned, now)
        if not per_second:
            return ""
        return f", {per_second * 60:.3g} exports/min, about {duration((planned - done) / per_second)} left"

    def of_comparison(self, table: str, of_table: float, compared: float, items: int, now: float) -> str:
        """The same for a comparison, since its largest `table` was seen: what small ones take says nothing of that.

        And not before more of it was read: beside it small ones end, at rates that are none of what is left.
        """
        if table != self.table:
            self.table, self.of_table, self.since = table, of_table, None
        if self.since is not None and of_table <= self.of_table:
            return ""
        per_second = self._measured(compared, items, now)
        return f", {rate(per_second)}, about {duration((items - compared) / per_second)} left" if per_second else ""

    def _measured(self, written: float, items: int, now: float) -> float:
        if written >= items:
            return 0.0  # all is done that is counted, and what the step does now has no rate
        if self.since is None or written < self.since[1]:
            self.since = (now, written)
        began, before = self.since
        if written == before or now <= began or written > items:
            return 0.0
        return (written - before) / (now - began)


def so_far(ledger: Ledger, step: str, pace: Pace, now: float) -> str:
    """How far a running step is, how fast, and how long the rest takes; empty where there is nothing to count."""
    planned = len(PAIRS.all(ledger))
    if step == "export":
        done = sum(fact.status == ExportStatus.COMPLETED for fact in EXPORTS.all(ledger).values())
        return f"{count(done)} of {pluralize(planned, 'export')} completed{pace.of_exports(done, planned, now)}"
    if step == "import":
        items, written = written_so_far(ledger)
        running = STEP_FACTS.of(ledger, step)
        if running is None or not running.execute:
            return f"{pluralize(items, 'item')} to be read and checked; this is a dry run"
        return f"{count(written)} of {pluralize(items, 'item')} written{pace.of(written, items, now)}"
    if step == "validate":
        return _compared_so_far(ledger, planned, pace, now)
    return _live_so_far(ledger, step)


def _compared_so_far(ledger: Ledger, planned: int, pace: Pace, now: float) -> str:
    """How many tables are compared, how much of those that are being read, and how fast that goes."""
    running = STEP_FACTS.of(ledger, "validate")
    began = (running and running.started) or ""
    facts = VALIDATIONS.all(ledger).items()
    compared = {source for source, fact in facts if fact.finished and fact.finished >= began > ""}
    said = f"{count(len(compared))} of {pluralize(planned, 'table')} compared"
    sums = {source: sums.exported for source, sums in sums_by_table(ledger).items()}
    # Both sides are read once, one after the other: half of the work each.
    read = {
        source: min((fact.of_export + fact.of_target) / 2, sums.get(source, 0))
        for source, fact in COMPARING.all(ledger).items()
        if source not in compared
    }
    if not read:
        return said
    largest = max(read, key=lambda source: (sums.get(source, 0), source))
    done = sum(sums.get(source, 0) for source in compared) + sum(read.values())
    return said + pace.of_comparison(largest, read[largest], done, sum(sums.values()), now)


def _live_so_far(ledger: Ledger, step: str) -> str:
    """The same of the steps of tables that are written to meanwhile: somebody may be waiting with writers stopped."""
    if step == CATCH_UP:
        windows = windows_of(ledger)
        applied = sum(window.state is WindowState.APPLIED for window in windows)
        return f"{count(applied)} of {pluralize(len(windows), 'window')} applied" if windows else ""
    if step == CUT_OVER and (gate := last_gate(ledger)) is not None:
        return f"at the gate: {GATE_NAMES[gate]}"
    return ""


def seconds_running(ledger: Ledger, step: str, now: datetime, at_most: float) -> float | None:
    """How long a running step has been at it, by its own clock; None before its notebook has come to it.

    `at_most` is how long its notebook has been: more, or less than nothing, is what a clock says that was set.
    """
    fact = STEP_FACTS.of(ledger, step)
    if fact is None or fact.status != StepStatus.RUNNING:
        return None
    passed = elapsed_seconds(fact.started, now)
    return at_most if passed is None else min(passed, at_most)


def seconds_of_step(record: RunRecord, step: str, otherwise: float) -> float:
    """How long a step has taken, as the report says it, too; `otherwise` for one that did not come to its end.

    And for a cut-over: it begins again after the comparison in its midst, and is said as the whole of it.
    """
    known = next((s.seconds for s in record.steps if s.name == step and s.status in ("completed", "failed")), None)
    return otherwise if known is None or step == CUT_OVER else known


def outcome_line(record: RunRecord, step: str) -> str:
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
    if step == CATCH_UP:
        return windows_line(record)
    if step == CUT_OVER:
        return _gates_passed(record)
    if step == REPAIR:
        return repairs_in_sum(latest_repairs(record))
    if step in (TRANSFORM, LEAK_SCAN):
        return masking_outcome(record, step)
    return verdicts(figures) if step == "validate" else ""


def _gates_passed(record: RunRecord) -> str:
    """How far the cut-over came."""
    known = record.cut_over
    gates = known.gates if known else []
    if not gates:
        return ""
    names = {str(gate): name for gate, name in GATE_NAMES.items()}
    passed = sum(gate.state != GateState.NOTHING for gate in gates)
    asked = f", {count(len(gates) - passed)} with nothing to ask" if passed < len(gates) else ""
    return f"{pluralize(passed, 'gate')} passed{asked}, the last: {names.get(gates[-1].gate, gates[-1].gate)}"
