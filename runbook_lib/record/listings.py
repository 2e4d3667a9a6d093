"""The lists that are too long for the record, row by row."""

from __future__ import annotations

from dataclasses import asdict

from runbook_lib.record.gathered.table_row import section_of
from runbook_lib.record.model.around import LookedAt, NotReadRecord, ReferenceRecord, ReferencesRecord
from runbook_lib.record.model.repair import RepairRecord
from runbook_lib.record.model.windows import GapRecord, LagRecord, WindowRecord
from runbook_lib.run.facts.afterwards.repair import REPAIRS
from runbook_lib.run.facts.around.references import REFERENCES
from runbook_lib.run.facts.windows import CAUGHT_UP, windows_of
from runbook_lib.run.ledger import Ledger


def window_rows(ledger: Ledger) -> list[WindowRecord]:
    """Every window, in the order of tables and times."""
    return [
        WindowRecord.model_validate(
            asdict(fact)
            | {"state": str(fact.state), "lag": LagRecord(**fact.lag), "warned": [str(w) for w in fact.warned or ()]}
        )
        for fact in windows_of(ledger)
    ]


def repair_rows(ledger: Ledger) -> list[RepairRecord]:
    """Every repair of every table, in the order of tables and times."""
    return [section_of(RepairRecord, fact) for facts in REPAIRS.all(ledger).values() for fact in facts]


def gap_rows(ledger: Ledger) -> list[GapRecord]:
    """What the migration file says was quiet, where it was needed to go on."""
    return [
        GapRecord(source=source, start=start, end=end)
        for source, fact in CAUGHT_UP.all(ledger).items()
        for start, end in fact.gaps
    ]


def references_record(ledger: Ledger) -> ReferencesRecord | None:
    """Who names the source tables, as the last pre-flight that looked has found it."""
    fact = REFERENCES.of(ledger)
    if fact is None:
        return None
    return ReferencesRecord(
        found=[ReferenceRecord.model_validate(asdict(each)) for each in fact.found],
        not_read=[NotReadRecord.model_validate(asdict(each)) for each in fact.not_read],
        looked=[LookedAt(side=side, kind=kind, count=count) for side, kind, count in fact.looked],
        at=fact.at or None,
    )
