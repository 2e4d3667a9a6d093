"""Where a notebook stops that repairs targets, or removes what a run created."""

from __future__ import annotations

from runbook_lib.notebook.gates import dry_line, stops
from runbook_lib.notebook.output import BAD, Line
from runbook_lib.repair.choice import KINDS, RepairChoice, check_repair
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.run import Run
from runbook_lib.undo.cleanup import check_cleanup


@stops("choose what to repair, type the run's id into confirm_repair and spell the target, if it is the one you mean.")
def gate_repair(run: Run, choice: RepairChoice, confirm: str) -> Line:
    """Repairing is allowed: asked for, confirmed by the run's id, and by the name of the target."""
    if not check_repair(run, choice, confirm):
        given = _not_given(run, "confirm_repair", confirm)
        return dry_line(f"nothing will be repaired; set {given} to repair{_left_alone(run, choice)}")
    said = f" {', '.join(choice.kinds)} items of run {run.id}, confirmed by confirm_repair"
    return Line("WRITING", f"{said}{_left_alone(run, choice)}", BAD)


def _left_alone(run: Run, choice: RepairChoice) -> str:
    """What the last comparison found wrong, and this choice leaves as it is; what was there before is not wrong."""
    facts = VALIDATIONS.all(run.ledger).values()
    found = {name: sum(getattr(fact, kind) or 0 for fact in facts) for name, kind in KINDS.items()}
    found["delete_extra"] -= sum((fact.there_before or 0) + (fact.otherwise_before or 0) for fact in facts)
    left = [f"{many:,} {KINDS[n]} ({n} is False)" for n, many in found.items() if many > 0 and not getattr(choice, n)]
    return f"; not chosen, so that the FAIL stays: {', '.join(left)}" if left else ""


@stops("type the run's id into confirm_cleanup and spell the target, if it is the one you mean.")
def gate_cleanup(run: Run, confirm: str) -> Line:
    """Removing is allowed: asked for, confirmed by the run's id, and by the name of the target."""
    if not check_cleanup(run, confirm):
        return dry_line(f"nothing will be removed; set {_not_given(run, 'confirm_cleanup', confirm)} to remove")
    return Line("REMOVING", f" what run {run.id} created, confirmed by confirm_cleanup", BAD)


def _not_given(run: Run, name: str, confirm: str) -> str:
    """What has to be set yet before anything is written: one of two, or both."""
    asked = [] if run.execute else ["execute to True"]
    return " and ".join([*asked, *([] if confirm else [f"{name} to {run.id!r}"])])
