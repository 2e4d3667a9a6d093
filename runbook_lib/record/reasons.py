"""Why a run is not a PASS: an id for whoever decides, and the one place where it is put into words for readers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from runbook_lib.record.model.run import Ground


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
    NOT_REACHED = "not-reached"
    GATE_SHUT = "gate-shut"
    CUT_OVER_OPEN = "cut-over-open"
    NOT_BORNE_OUT = "not-borne-out"


WORDS = {
    ReasonId.STEP_NOT_DONE: "step {subject} {0}: {1}",
    ReasonId.TABLE_NOT_PROVED: "{subject}: {0}: {1}",
    ReasonId.CANARY_FAILED: "canary of {subject}: {0}",
    ReasonId.NOT_COMPARED: "{subject}: it was not compared",
    ReasonId.NOT_CHECKED: "{0}",
    ReasonId.STEP_NOT_RUN: "step {subject} did not run, so nothing is proved",
    ReasonId.NOTHING_READ: "no item was read from any table, so nothing is proved",
    ReasonId.NOTHING_PLANNED: "no table was planned, so nothing was checked",
    ReasonId.NOT_WRITABLE: "{0} items could not be written",
    ReasonId.INTERRUPTED: "it was stopped before its end",
    ReasonId.NOT_REACHED: "{0} not validated yet",
    ReasonId.GATE_SHUT: "the cut-over stops at the gate {subject}: {0}",
    ReasonId.CUT_OVER_OPEN: "the writers were stopped at {0} and the cut-over ended at the gate {subject}; go on with "
    "it, or start them again at the sources and catch up",
    ReasonId.NOT_BORNE_OUT: "the numbers in the ledger do not bear out a PASS: {0}",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason; `subject` is the step, the source table or the check that it is about, `details` fill its words."""

    id: ReasonId
    subject: str = ""
    details: tuple[object, ...] = ()

    def __str__(self) -> str:
        return WORDS[self.id].format(*self.details, subject=self.subject)

    def recorded(self) -> Ground:
        """As it stands in the record."""
        return Ground(id=self.id, subject=self.subject, text=str(self))
