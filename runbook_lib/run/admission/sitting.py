"""Which run a notebook belongs to that was not told a run id: the notebooks of one sitting share a run.

It is `<name>-lab`, and after that has been finished `<name>-lab-2`, and so on: what is finished is gone on with only
by its spelled id, for its export is of another day. Finished is what has a verdict, whichever it is. What can only be
done with a run that has come so far (a repair, a catch-up) is done with the last one, and asks anew whether to write.
"""

from __future__ import annotations

import re
from enum import StrEnum

from runbook_lib.paths import reports_root
from runbook_lib.run.admission.admit import LEDGER, folder_of, is_begun
from runbook_lib.run.facts.plan import PAIRS
from runbook_lib.run.facts.starts import STEP_FACTS, StepFact, StepStatus
from runbook_lib.run.facts.targets import CLEANED
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.verdicts import Verdict

ANY_TIME = ("report", "cleanup")  # what is done with a run that has come to its end
AFTERWARDS = (
    "leak_scan",
    "repair",
    "catch_up",
    "cut_over",
    "surroundings",
)  # and what a new run has no use for


class Sitting(StrEnum):
    """How a run was found: by its spelled id, as one not finished, as the last, or because the one before it is."""

    SPELLED = "spelled"
    SAME = "same"
    LAST = "last"
    NEXT = "next"


def sitting(name: str, step: str) -> tuple[str, Sitting]:
    """The id of the run in which a step without a run id is done, and how it was found."""
    last = _last(name)
    folder = folder_of(_spelled(name, last))
    if step not in ANY_TIME and is_begun(folder) and _is_finished(Ledger(folder / LEDGER, admit=_never), step):
        return (folder.name, Sitting.LAST) if step in AFTERWARDS else (_spelled(name, last + 1), Sitting.NEXT)
    return folder.name, Sitting.SAME


def finished_before(run_id: str, how: Sitting) -> str:
    """The finished run in whose place a NEXT one would begin (`demo-lab` for `demo-lab-2`); empty if there is none."""
    if how is not Sitting.NEXT:
        return ""
    name, _, number = run_id.rpartition("-lab-")
    return _spelled(name, int(number) - 1)


def to_go_on(run_id: str, how: Sitting) -> str:
    """What a person does who meant that finished run, and not a new one; empty where there is none."""
    known = finished_before(run_id, how)
    return f'to go on with run {known}, set run_id = "{known}" under Parameters and run all cells' if known else ""


def _last(name: str) -> int:
    """The number of the last sitting's run; 1 where there is none."""
    pattern = re.compile(rf"{re.escape(name)}-lab(?:-([1-9]\d*))?")
    root = reports_root()
    found = [pattern.fullmatch(place.name) for place in (root.iterdir() if root.is_dir() else ())]
    return max((int(match[1] or 1) for match in found if match), default=1)


def _spelled(name: str, number: int) -> str:
    return f"{name}-lab" if number == 1 else f"{name}-lab-{number}"


def _is_finished(ledger: Ledger, step: str) -> bool:
    """Whether it has come to its end: it was cleaned up, its verdict was reported, or every table of it is proved.

    Proving it once more belongs to the same sitting until the report is written.
    """
    try:
        if CLEANED.of(ledger) or _is_judged(STEP_FACTS.all(ledger)):
            return True
        proved = {source for source, fact in VALIDATIONS.all(ledger).items() if fact.verdict == Verdict.PASS}
        if not proved or proved != PAIRS.all(ledger).keys() or not _completed(ledger, "validate"):
            return False
        return step != "validate" or _completed(ledger, "report")
    finally:
        ledger.close()


def _is_judged(steps: dict[str, StepFact]) -> bool:
    """Whether a report came last, of a run that had failed, been validated or only been tried.

    Until then its verdict is RUNNING.
    """
    report = steps.pop("report", None)
    if report is None or report.status != StepStatus.COMPLETED:
        return False
    tried = "import" in steps and not steps["import"].execute
    ended = tried or "validate" in steps or any(step.status == StepStatus.FAILED for step in steps.values())
    return ended and all((step.started or "") <= (report.started or "") for step in steps.values())


def _completed(ledger: Ledger, step: str) -> bool:
    fact = STEP_FACTS.of(ledger, step)
    return fact is not None and fact.status == StepStatus.COMPLETED


def _never() -> None:
    raise AssertionError("a run that is only looked at is not written to")
