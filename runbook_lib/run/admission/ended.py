"""Which runs are over: what may not be done with one that was taken back, or whose targets are in use."""

from __future__ import annotations

from runbook_lib.errors import ResumeRefused
from runbook_lib.run.facts.afterwards.rollback import ROLLED_BACK
from runbook_lib.run.facts.cut_over.gates import went
from runbook_lib.run.facts.targets import CLEANED
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.steps import AFTERWARDS, CUT_OVER, ROLLBACK, SURROUNDINGS


def refuse_cleaned(ledger: Ledger, run_id: str) -> None:
    """Raise ResumeRefused for a run whose traces were removed, or that was rolled back: what it knows is not there."""
    if cleaned := CLEANED.of(ledger):
        raise ResumeRefused(f"run {run_id} was cleaned up at {cleaned} and cannot go on; start a new run")
    if back := ROLLED_BACK.of(ledger):
        raise ResumeRefused(f"run {run_id} was rolled back at {back} and cannot go on; start a new run")


def refuse_ended(ledger: Ledger, run_id: str, step: str) -> None:
    """Raise ResumeRefused for a step of a run whose traces were removed, or whose targets are in use."""
    if step not in AFTERWARDS:
        refuse_cleaned(ledger, run_id)
    if step not in (*AFTERWARDS, CUT_OVER, SURROUNDINGS) or step == ROLLBACK:
        refuse_cut_over(ledger, run_id)


def refuse_cut_over(ledger: Ledger, run_id: str) -> None:
    """Raise ResumeRefused for a run whose targets are in use: to write to them, or to compare them, is over."""
    if moment := went(ledger):
        raise ResumeRefused(
            f"run {run_id} was cut over at {moment}: its targets belong to their application and are not as any export "
            "says. runbook cut-over looks at what is still written to the sources; for anything else start a new run"
        )
