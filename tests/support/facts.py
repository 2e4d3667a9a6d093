"""Facts as a run would have recorded them, with what a test does not care about filled in."""

from __future__ import annotations

from typing import Any

from runbook_lib.aws.dynamodb.describe.capacity import TableCapacity
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.export import EXPORTS, ExportFact, ExportStatus
from runbook_lib.run.facts.load import IMPORTS, Binding, ImportFact, ImportStatus
from runbook_lib.run.facts.plan import PAIRS, PlannedPair
from runbook_lib.run.facts.starts import STEP_FACTS, StepFact, StepStatus
from runbook_lib.run.facts.validation import VALIDATIONS, ValidationFact
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.verdicts import Verdict

BEGAN, ENDED = "2026-11-01T10:00:00.000Z", "2026-11-01T10:00:09.000Z"


def plan_pair(ledger: Ledger, source: str, place: int = 0, target: str = "") -> None:
    """Have a table planned to be exported."""
    pair = Pair(source, target or source, Method.EXPORT, None, None, None)
    PAIRS.record(ledger, source, PlannedPair(place, pair))


def export_table(ledger: Ledger, source: str, status: ExportStatus = ExportStatus.COMPLETED, **more: Any) -> None:
    EXPORTS.record(ledger, source, ExportFact(Method.EXPORT, status, BEGAN, **more))


def load_table(ledger: Ledger, source: str, **more: Any) -> None:
    """Have a table loaded to its end."""
    binding = Binding("arn:of-the-export", "md5", "id-of-the-target")
    fact = ImportFact(ImportStatus.COMPLETED, BEGAN, finished=ENDED, binding=binding, items_before=0, **more)
    IMPORTS.record(ledger, source, fact)


def prove_table(ledger: Ledger, source: str, verdict: Verdict = Verdict.PASS, **more: Any) -> None:
    VALIDATIONS.record(ledger, source, ValidationFact(verdict, (), **more))


def end_step(ledger: Ledger, step: str, seconds: float = 1.0, began: str = BEGAN, ended: str = ENDED) -> None:
    STEP_FACTS.record(ledger, step, StepFact(StepStatus.COMPLETED, began, finished=ended, seconds=seconds))


def capacity(*, on_demand: bool) -> TableCapacity:
    return TableCapacity(on_demand, None, None, None, None, None, None, {}, None, (), False)
