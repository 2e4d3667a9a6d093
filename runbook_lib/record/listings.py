"""The lists that are too long for the record, row by row."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

from runbook_lib.estate.compare import ComparedResource, Likeness
from runbook_lib.record.gathered.table_row import section_of
from runbook_lib.record.model.around import (
    ComparedRecord,
    LookedAt,
    NotCarriedRecord,
    NotReadRecord,
    ReferenceRecord,
    ReferencesRecord,
    SurroundingsRecord,
)
from runbook_lib.record.model.repair import RepairRecord
from runbook_lib.record.model.windows import GapRecord, LagRecord, WindowRecord, WindowTransformRecord
from runbook_lib.run.facts.afterwards.repair import REPAIRS
from runbook_lib.run.facts.around.references import REFERENCES
from runbook_lib.run.facts.around.surroundings import SURROUNDINGS_FOUND
from runbook_lib.run.facts.masking.windows import WINDOW_TRANSFORMS, WindowTransform
from runbook_lib.run.facts.starts import SECRET_FINGERPRINT
from runbook_lib.run.facts.windows import CAUGHT_UP, windows_of
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.witnesses.begun_windows import read_under_another

RANK = {
    likeness: place
    for place, likeness in enumerate(
        (Likeness.DIFFERENT, Likeness.MISSING, Likeness.EXTRA, Likeness.NOT_CHECKED, Likeness.EQUAL)
    )
}
MOST_RESOURCES, MOST_WAYS, LONGEST_WAY = 200, 10, 300  # of the comparison of surroundings; the handbook has the rest


def window_rows(ledger: Ledger) -> list[WindowRecord]:
    """Every window, in the order of tables and times."""
    secret = SECRET_FINGERPRINT.of(ledger)
    return [
        WindowRecord.model_validate(
            asdict(fact)
            | {
                "state": str(fact.state),
                "secret_lost": read_under_another(fact, secret),
                "lag": LagRecord(**fact.lag),
                "warned": [str(w) for w in fact.warned or ()],
                "transform": _window_transform(WINDOW_TRANSFORMS.of(ledger, fact.name)),
            }
        )
        for fact in windows_of(ledger)
    ]


def _window_transform(made: WindowTransform | None) -> WindowTransformRecord | None:
    if made is None or made.counts is None:
        return None
    counts = made.counts
    return WindowTransformRecord(
        raw_arn=made.raw.arn,
        exported=counts.exported,
        added=counts.added,
        left_out=counts.left_out,
        quarantined=counts.quarantined,
        broken=made.broken,
    )


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


def surroundings_record(ledger: Ledger) -> SurroundingsRecord | None:
    """Both regions' surroundings as they were last compared: how many are alike, and the first rows."""
    fact = SURROUNDINGS_FOUND.of(ledger)
    if fact is None:
        return None
    counts = Counter(row.likeness for row in fact.compared)
    ordered = sorted(fact.compared, key=lambda row: (RANK[row.likeness], row.kind, row.source))
    return SurroundingsRecord(
        counts={likeness.value: counts[likeness] for likeness in Likeness},
        resources=[_compared(row) for row in ordered[:MOST_RESOURCES]],
        not_carried=[NotCarriedRecord(what=u.what, why=u.why) for u in fact.unexpressed[:MOST_RESOURCES]],
        not_carried_found=len(fact.unexpressed),
        not_checked=list(fact.not_read[:MOST_RESOURCES]),
        calls_refused=len(fact.not_read),
        files=fact.files,
        at=fact.at,
    )


def _compared(row: ComparedResource) -> ComparedRecord:
    return ComparedRecord(
        kind=row.kind, source=row.source, target=row.target, likeness=row.likeness.value, acting=row.acting.value,
        differences=[way[:LONGEST_WAY] for way in row.differences[:MOST_WAYS]], differences_found=len(row.differences),
    )  # fmt: skip
