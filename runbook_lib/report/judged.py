"""The record with a verdict that its own numbers bear out, whatever the ledger says of verdicts.

The verdict of a table is a word in the ledger, and one that was damaged, edited or written by another version may hold
the word without the numbers. Nothing is published, or called PASS, that `proof_of_tables` does not find proved.
"""

from __future__ import annotations

from runbook_lib.record.build import build_record
from runbook_lib.record.model.table import TableRecord
from runbook_lib.record.reasons import Reason, ReasonId
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.proof_of_tables import unproved
from runbook_lib.report.figures.run_figures import figures_of
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.verdicts import FAIL, PASS


def judged_record(ledger: Ledger, run_id: str, name: str, *, interrupted: bool = False) -> RunRecord:
    """All of `run.json` of a run that goes on no further, as the ledger knows it now."""
    return borne_out(build_record(ledger, run_id, name, interrupted=interrupted))


def borne_out(record: RunRecord) -> RunRecord:
    """The record, with FAIL for whatever it calls PASS and its numbers do not prove."""
    wrong = figures_of(record).contradictions if record.verdict == PASS else []
    found = record.model_copy(update={"tables": [_doubted(table) for table in record.tables]})
    if not wrong:
        return found
    reasons = [Reason(ReasonId.NOT_BORNE_OUT, "", (text,)) for text in wrong]
    told = {"reasons": [str(reason) for reason in reasons], "grounds": [reason.recorded() for reason in reasons]}
    return found.model_copy(update={"verdict": FAIL, **told})


def _doubted(table: TableRecord) -> TableRecord:
    gaps = unproved(table) if table.verdict == PASS else []
    return table.model_copy(update={"verdict": FAIL, "reasons": [*table.reasons, *gaps]}) if gaps else table
