"""What the facts of a run amount to: one word, and every reason for it.

Pure. Whatever is not known counts against a PASS: a step that did not run, a table that was skipped, a look that
could not be made, a run that read nothing. Each rule is a function that yields its reasons; a reason is known by
its id, and its text is for readers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from runbook_lib.record.not_checked import Unchecked
from runbook_lib.run.verdicts import DRY_RUN, FAIL, INTERRUPTED, PASS, UNKNOWN, UNPROVED
from runbook_lib.validate.canary import FAILED

NEEDED = ("preflight", "export", "import", "validate")
COMPARING = ("preflight", "export", "validate")
# `because` of a step: its message only repeats what the tables, canaries and looks say themselves.
REPEATED = "repeated"
Facts = Mapping[str, Any]


class ReasonId(StrEnum):
    """Why a run is not a PASS."""

    STEP_NOT_DONE = "step-not-done"
    TABLE_NOT_PROVED = "table-not-proved"
    CANARY_FAILED = "canary-failed"
    NOT_COMPARED = "not-compared"
    NOT_CHECKED = "not-checked"
    STEP_NOT_RUN = "step-not-run"
    NOTHING_READ = "nothing-read"
    NOTHING_PLANNED = "nothing-planned"
    NOT_WRITABLE = "not-writable"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason; `subject` is the step, the source table or the check that it is about."""

    id: ReasonId
    text: str
    subject: str = ""

    def __str__(self) -> str:
        return self.text

    def to_json(self) -> dict[str, str]:
        return {"id": self.id, "subject": self.subject, "text": self.text}


@dataclass(frozen=True, slots=True)
class Case:
    """What is judged: the steps by name, the tables with their own verdicts, and what nobody could look at."""

    executed: bool
    steps: Mapping[str, Facts]
    tables: Sequence[Facts]
    unchecked: Sequence[Unchecked] = ()


Rule = Callable[[Case], Iterator[Reason]]


def table_verdict(
    executed: bool,
    imported: Facts | None,
    validated: Facts | None,
    exported: Facts | None = None,
    asked: bool = False,
) -> tuple[str, list[str]]:
    """A table's verdict and the reasons for it, before what nobody could look at is reckoned with.

    `asked` is whether writing was asked for, even if it never came to that: then nothing is called a dry run.
    """
    failure = (imported or {}).get("failure")
    if validated is not None and validated["verdict"] != DRY_RUN:
        return validated["verdict"], list(validated["reasons"])
    if failure:
        return FAIL, [failure]
    if not executed and not asked:
        return DRY_RUN, []
    if exported and exported.get("failure") and exported["status"] not in ("COMPLETED", "SKIPPED"):
        return FAIL, [f"its export is {exported['status']}: {exported['failure']}"]
    if imported is None:
        return UNKNOWN, ["nothing was written to it: the run ended before"]
    return UNKNOWN, ["the table was not validated"]


def doubted(verdict: str, reasons: list[str], unchecked: Iterable[Unchecked]) -> tuple[str, list[str]]:
    """A table's verdict and reasons once the looks at it that could not be made are reckoned with."""
    unknown = [str(u) for u in unchecked if u.is_open]
    return (FAIL, [*reasons, *unknown]) if verdict == PASS and unknown else (verdict, reasons)


def run_verdict(
    executed: bool,
    interrupted: bool,
    steps: Iterable[Facts],
    tables: Iterable[Facts],
    unchecked: Sequence[Unchecked] = (),
) -> tuple[str, list[Reason]]:
    """The run's verdict and the reasons for it; a PASS has none.

    A run that wrote nothing but proved a table that something else had filled is judged as a
    comparison: all tables have to be proved, and the import is not needed.
    """
    case = Case(executed, {step["name"]: step for step in steps}, list(tables), unchecked)
    reasons = _all(OF_ANY_RUN, case)
    if interrupted:
        again = Reason(ReasonId.INTERRUPTED, "the run was interrupted; run it again with the same run id")
        return INTERRUPTED, reasons or [again]
    concluding = executed or any(t["verdict"] == PASS for t in case.tables)
    reasons += _all(OF_A_PROOF if concluding else OF_A_DRY_RUN, case)
    return (FAIL, reasons) if reasons else (PASS if concluding else DRY_RUN, [])


def _all(rules: Iterable[Rule], case: Case) -> list[Reason]:
    return [reason for rule in rules for reason in rule(case)]


def steps_not_done(case: Case) -> Iterator[Reason]:
    """A step that began and did not end well; one that only repeats other reasons is told by those."""
    told = [*tables_not_proved(case), *canaries_failed(case), *not_checked(case)]
    for name, step in case.steps.items():
        if step["status"] in ("failed", "running", "interrupted") and not (step.get("because") == REPEATED and told):
            text = f"step {name} {step['status']}: {step.get('message') or 'no message'}"
            yield Reason(ReasonId.STEP_NOT_DONE, text, name)


def tables_not_proved(case: Case) -> Iterator[Reason]:
    """A table that is not as its export, was left out, or was not looked at."""
    for table in case.tables:
        if table["verdict"] in UNPROVED:
            text = f"{table['source']}: {table['verdict']}: {'; '.join(table['reasons']) or 'no reason given'}"
            yield Reason(ReasonId.TABLE_NOT_PROVED, text, table["source"])


def canaries_failed(case: Case) -> Iterator[Reason]:
    """A target that did not take a reserved item, give it back and let go of it."""
    for table in case.tables:
        canary = table.get("canary") or {}
        if canary.get("state") == FAILED:
            yield Reason(ReasonId.CANARY_FAILED, f"canary of {table['source']}: {canary.get('why')}", table["source"])


def not_compared(case: Case) -> Iterator[Reason]:
    """A table of a run that proves others and was left out of the comparison."""
    for table in case.tables:
        if table["verdict"] == DRY_RUN:
            yield Reason(ReasonId.NOT_COMPARED, f"{table['source']}: it was not compared", table["source"])


def not_checked(case: Case) -> Iterator[Reason]:
    """A look of the whole run, or at a table that nothing else is wrong with, that nobody could make."""
    judged = {table["source"] for table in case.tables if table["verdict"] in UNPROVED}
    for u in case.unchecked:
        if u.is_open and u.source not in judged:
            yield Reason(ReasonId.NOT_CHECKED, str(u), u.id)


def steps_not_run(case: Case) -> Iterator[Reason]:
    """A step that every proof needs."""
    for name in NEEDED if case.executed else COMPARING:
        if case.steps.get(name, {}).get("status", "not run") == "not run":
            yield Reason(ReasonId.STEP_NOT_RUN, f"step {name} did not run, so nothing is proved", name)


def nothing_read(case: Case) -> Iterator[Reason]:
    """Zero items read is never a PASS."""
    if not any(table["items_exported"] for table in case.tables):
        yield Reason(ReasonId.NOTHING_READ, "no item was read from any table, so nothing is proved")


def nothing_planned(case: Case) -> Iterator[Reason]:
    """A dry run of nothing."""
    if not case.tables:
        yield Reason(ReasonId.NOTHING_PLANNED, "no table was planned, so nothing was checked")


def not_writable(case: Case) -> Iterator[Reason]:
    """Items of which a dry run knows that the target would refuse them."""
    if quarantined := sum(table["items_quarantined"] or 0 for table in case.tables):
        yield Reason(ReasonId.NOT_WRITABLE, f"{quarantined:,} items could not be written")


OF_ANY_RUN: tuple[Rule, ...] = (steps_not_done, tables_not_proved, canaries_failed)
OF_A_PROOF: tuple[Rule, ...] = (not_compared, not_checked, steps_not_run, nothing_read)
OF_A_DRY_RUN: tuple[Rule, ...] = (nothing_planned, not_writable)
