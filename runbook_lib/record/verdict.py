"""What the facts of a run amount to: one word, and every reason for it.

Pure. Whatever is not known counts against a PASS: a step that did not run, a table that was skipped, a look that
could not be made, a run that read nothing. Each rule is a function that yields its reasons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from runbook_lib.record.model.cut_over import CutOverRecord
from runbook_lib.record.model.run import StepRecord
from runbook_lib.record.model.table import TableRecord
from runbook_lib.record.not_checked import Unchecked
from runbook_lib.record.reasons import Reason, ReasonId
from runbook_lib.run.facts.cut_over.gates import Gate, GateState
from runbook_lib.run.facts.export import ExportFact, ExportStatus
from runbook_lib.run.facts.load import ImportFact
from runbook_lib.run.facts.starts import StepStatus
from runbook_lib.run.facts.validation import ValidationFact
from runbook_lib.run.steps import CUT_OVER, LEAK_SCAN, REPAIR, SURROUNDINGS, TRANSFORM
from runbook_lib.run.verdicts import DRY_RUN, FAIL, INTERRUPTED, PASS, UNKNOWN, UNPROVED
from runbook_lib.validate.canary import FAILED

NEEDED = ("preflight", "export", "import", "validate")
COMPARING = ("preflight", "export", "validate")
# `because` of a step: its message only repeats what the tables, canaries and looks say themselves.
REPEATED = "repeated"


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged: the steps by name, the tables with their own verdicts, and what nobody could look at."""

    executed: bool
    steps: Mapping[str, StepRecord]
    tables: Sequence[TableRecord]
    unchecked: Sequence[Unchecked] = ()
    cut_over: CutOverRecord | None = None


Rule = Callable[[Case], Iterator[Reason]]


def table_verdict(
    executed: bool,
    imported: ImportFact | None,
    validated: ValidationFact | None,
    exported: ExportFact | None = None,
    asked: bool = False,
) -> tuple[str, list[str]]:
    """A table's verdict and the reasons for it, before what nobody could look at is reckoned with.

    `asked` is whether writing was asked for, even if it never came to that: then nothing is called a dry run.
    """
    if validated is not None and validated.verdict != DRY_RUN:
        return validated.verdict, list(validated.reasons)
    if imported is not None and imported.failure:
        return FAIL, [imported.failure]
    if not executed and not asked:
        return DRY_RUN, []
    if exported and exported.failure and exported.status not in (ExportStatus.COMPLETED, ExportStatus.SKIPPED):
        return FAIL, [f"its export is {exported.status}: {exported.failure}"]
    if imported is None:
        return UNKNOWN, ["the run ended before anything was written"]
    return UNKNOWN, ["the table was not validated"]


def doubted(verdict: str, reasons: list[str], unchecked: Iterable[Unchecked]) -> tuple[str, list[str]]:
    """A table's verdict and reasons once the looks at it that could not be made are reckoned with."""
    unknown = [str(u) for u in unchecked if u.is_open]
    return (FAIL, [*reasons, *unknown]) if verdict == PASS and unknown else (verdict, reasons)


def run_verdict(
    executed: bool,
    interrupted: bool,
    steps: Iterable[StepRecord],
    tables: Iterable[TableRecord],
    unchecked: Sequence[Unchecked] = (),
    cut_over: CutOverRecord | None = None,
) -> tuple[str, list[Reason]]:
    """The run's verdict and the reasons for it; a PASS has none.

    A run that wrote nothing but proved a table that something else had filled is judged as a
    comparison: all tables have to be proved, and the import is not needed.
    """
    case = Case(executed, {step.name: step for step in steps}, list(tables), unchecked, cut_over)
    reasons = _all(OF_ANY_RUN, case)
    if interrupted:
        return INTERRUPTED, _of_an_end_before(case, reasons) or [Reason(ReasonId.INTERRUPTED)]
    concluding = executed or any(t.verdict == PASS for t in case.tables)
    reasons += _all(OF_A_PROOF if concluding else OF_A_DRY_RUN, case)
    return (FAIL, reasons) if reasons else (PASS if concluding else DRY_RUN, [])


def _of_an_end_before(case: Case, reasons: list[Reason]) -> list[Reason]:
    """The reasons of a run that was stopped: what it had not come to is one of them, and not one for each table."""
    waiting = {table.source for table in case.tables if table.verdict == UNKNOWN}
    told = [r for r in reasons if not (r.id == ReasonId.TABLE_NOT_PROVED and r.subject in waiting)]
    number = "1 table was" if len(waiting) == 1 else f"{len(waiting):,} tables were"
    return [*told, Reason(ReasonId.NOT_REACHED, "", (number,))] if waiting else told


def _all(rules: Iterable[Rule], case: Case) -> list[Reason]:
    return [reason for rule in rules for reason in rule(case)]


def steps_not_done(case: Case) -> Iterator[Reason]:
    """A step that began and did not end well; one that only repeats other reasons is told by those."""
    told = [*tables_not_proved(case), *canaries_failed(case), *checks_not_made(case)]
    for name, step in case.steps.items():
        if name == REPAIR and (not step.execute or _is_validated_since(case, step)):
            continue  # what it left behind is told by the validation
        if name == CUT_OVER and not step.execute and not (case.cut_over and case.cut_over.frozen_at):
            continue  # a forecast: nothing was stopped, and nothing is less proved than before
        if name == SURROUNDINGS:
            continue  # it is not about the tables; the report tells of it in a section of its own
        if step.status in ("failed", "running", "interrupted") and not (step.because == REPEATED and told):
            yield Reason(ReasonId.STEP_NOT_DONE, name, (step.status, step.message or "no message"))


def _is_validated_since(case: Case, step: StepRecord) -> bool:
    """Whether everything was validated after a step came to its end, with whatever outcome its tables tell."""
    validated = case.steps.get("validate")
    told = validated is not None and validated.status == "failed" and validated.because == REPEATED
    done = told or (validated is not None and validated.status == "completed")
    return bool(done and validated and step.finished and (validated.started or "") >= step.finished)


def tables_not_proved(case: Case) -> Iterator[Reason]:
    """A table that is not as its export, was left out, or was not looked at."""
    for table in case.tables:
        if table.verdict in UNPROVED:
            because = "; ".join(table.reasons) or "no reason given"
            yield Reason(ReasonId.TABLE_NOT_PROVED, table.source, (table.verdict, because))


def canaries_failed(case: Case) -> Iterator[Reason]:
    """A target that did not take a reserved item, give it back and let go of it."""
    for table in case.tables:
        if table.canary and table.canary.state == FAILED:
            yield Reason(ReasonId.CANARY_FAILED, table.source, (table.canary.why,))


def gates_shut(case: Case) -> Iterator[Reason]:
    """A freeze that was begun and not gone through with, and a gate that did not open, unless its step says so."""
    if case.cut_over is None:
        return
    step = case.steps.get(CUT_OVER)
    told = step is not None and step.status in ("failed", "running", "interrupted")
    shut = [gate for gate in case.cut_over.gates if gate.state == GateState.FAILED]
    if not told:
        for gate in shut:
            yield Reason(ReasonId.GATE_SHUT, gate.gate, (gate.why,))
    if case.cut_over.frozen_at and not case.cut_over.go_at and not shut and not told:
        at = case.cut_over.gates[-1].gate if case.cut_over.gates else Gate.FREEZE
        yield Reason(ReasonId.CUT_OVER_OPEN, at, (case.cut_over.frozen_at,))


def not_compared(case: Case) -> Iterator[Reason]:
    """A table of a run that proves others and was left out of the comparison."""
    for table in case.tables:
        if table.verdict == DRY_RUN:
            yield Reason(ReasonId.NOT_COMPARED, table.source)


def checks_not_made(case: Case) -> Iterator[Reason]:
    """A look of the whole run, or at a table that nothing else is wrong with, that nobody could make."""
    judged = {table.source for table in case.tables if table.verdict in UNPROVED}
    for u in case.unchecked:
        if u.is_open and u.source not in judged:
            yield Reason(ReasonId.NOT_CHECKED, u.id, (u,))


def steps_not_run(case: Case) -> Iterator[Reason]:
    """A step that every proof needs."""
    asked = [name for name in (TRANSFORM, LEAK_SCAN) if name in case.steps]
    for name in (*(NEEDED if case.executed else COMPARING), *asked):
        if name not in case.steps or case.steps[name].status == StepStatus.NOT_RUN:
            yield Reason(ReasonId.STEP_NOT_RUN, name)


def nothing_read(case: Case) -> Iterator[Reason]:
    """Zero items read is never a PASS."""
    if not any(table.items_exported for table in case.tables):
        yield Reason(ReasonId.NOTHING_READ)


def nothing_planned(case: Case) -> Iterator[Reason]:
    """A dry run of nothing."""
    if not case.tables:
        yield Reason(ReasonId.NOTHING_PLANNED)


def not_writable(case: Case) -> Iterator[Reason]:
    """Items of which a dry run knows that the target would refuse them."""
    if quarantined := sum(table.items_quarantined or 0 for table in case.tables):
        yield Reason(ReasonId.NOT_WRITABLE, details=(f"{quarantined:,}",))


OF_ANY_RUN: tuple[Rule, ...] = (steps_not_done, tables_not_proved, canaries_failed, gates_shut)
OF_A_PROOF: tuple[Rule, ...] = (not_compared, checks_not_made, steps_not_run, nothing_read)
OF_A_DRY_RUN: tuple[Rule, ...] = (nothing_planned, not_writable)
