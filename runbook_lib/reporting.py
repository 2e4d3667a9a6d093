"""The last step: show what the run amounts to and publish it."""

from __future__ import annotations

from runbook_lib.publish import publish
from runbook_lib.record import Record, build_record
from runbook_lib.run import Run


def record_of(run: Run) -> Record:
    """The run's record as the ledger knows it now, without writing anything."""
    return build_record(run.ledger, run.id, run.config.name, running=True)


def report_run(run: Run) -> Record:
    """Write the report of the run as it stands; returns the record that is `run.json`.

    Never raises for a bad verdict: a report that says FAIL is a good report.
    """
    with run.step("report"):
        pass  # the step's own end belongs into what is published
    return publish(run.folder, run.ledger, run.id, run.config.name)
