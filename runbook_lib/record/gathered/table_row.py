"""One table of the record, gathered from its facts; a number that was not measured is None, never 0."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.record.gathered.consumed import Consumed, consumed
from runbook_lib.record.gathered.drifted import drift_record
from runbook_lib.record.gathered.transformed import leak_record, transform_record
from runbook_lib.record.model.base import NEVER, Section, Span, seconds_between
from runbook_lib.record.model.comparison import CanaryFacts, IndexFacts, ParityFacts, Reads
from runbook_lib.record.model.table import (
    AskedWhole,
    BulkPut,
    CreatedTable,
    ManifestDigests,
    Registered,
    ScanWitnesses,
    ServiceImport,
    StepSeconds,
    StepSpans,
    SyncLook,
    TableRecord,
    Throttle,
)
from runbook_lib.record.model.windows import OverlayRecord
from runbook_lib.record.verdict import table_verdict
from runbook_lib.run.facts.around.drift import DRIFT_LOOKS, DRIFTS, DriftFact
from runbook_lib.run.facts.codec import to_json
from runbook_lib.run.facts.counts import TableCounts, table_counts, written_of
from runbook_lib.run.facts.doubt.late_writes import may_land_until
from runbook_lib.run.facts.export import EXPORTS, ExportFact, ExportStatus
from runbook_lib.run.facts.load import IMPORTS, SYNCS, ImportFact, SyncFact
from runbook_lib.run.facts.masking.leak_scan import LEAKS, LeakFact
from runbook_lib.run.facts.masking.transform import TRANSFORMS, TransformFact
from runbook_lib.run.facts.plan import NOT_CHOSEN_TABLES, PARITIES, ParityFact, planned_pairs_of
from runbook_lib.run.facts.targets import BEFORE, CREATED, BeforeFact, CreatedFact
from runbook_lib.run.facts.validation import CANARIES, VALIDATIONS, CanaryFact, ValidationFact
from runbook_lib.run.facts.windows import CAUGHT_UP
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.verdicts import NOT_CHOSEN, NOT_MIGRATED
from runbook_lib.run.witnesses.writers.registration import REGISTRATIONS, Registration
from runbook_lib.timestamps import format_timestamp

METHODS = {
    Method.EXPORT: "export",
    Method.REUSE: "export",
    Method.SCAN: "scan",
    Method.SKIP: "skipped",
    Method.FAIL: "skipped",
}
SKIPPED_WHY = "point-in-time recovery is off and export.without_pitr is 'skip'"
S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What the ledger holds of one table; None is what a step has not come to."""

    pair: Pair
    export: ExportFact | None
    loaded: ImportFact | None
    checked: ValidationFact | None
    files: TableCounts | None
    created: CreatedFact | None
    before: BeforeFact | None
    drift: DriftFact | None
    looks: tuple[DriftFact, ...]
    parity: ParityFact | None
    canary: CanaryFact | None
    register: Registration | None
    consumed: Consumed
    lag_seconds: float | None
    transformed: TransformFact | None = None
    leaks: LeakFact | None = None
    sync: SyncFact | None = None
    in_doubt_until: datetime | None = None

    @property
    def items_exported(self) -> int | None:
        return self.raw.items if self.raw and self.raw.status == ExportStatus.COMPLETED else None

    @property
    def raw(self) -> ExportFact | None:
        """The export as the source was; `export` is what was made of it, where there was a transform."""
        return self.transformed.raw if self.transformed else self.export

    @property
    def refused_before(self) -> int:
        """Items that no transform could be made of."""
        counts = self.transformed.counts if self.transformed else None
        return counts.quarantined if counts else 0

    @property
    def compared_only(self) -> bool:
        """Whether nothing was counted on the way in."""
        return self.checked is not None and self.checked.imported is False

    @property
    def file_counts(self) -> TableCounts:
        """The counts of the files; a manifest without files has nothing to read, which is then read in full."""
        none = 0 if self.items_exported == 0 else None
        return self.files or TableCounts(self.pair.source, 0, 0, none, none, none, none)


def planned_rows(ledger: Ledger, executed: bool, asked: bool) -> list[TableRecord]:
    """The tables of the plan, in its order."""
    return [_row(facts, executed, asked) for facts in _all_facts(ledger, planned_pairs_of(ledger))]


def rows_left_out(ledger: Ledger) -> list[TableRecord]:
    """The tables that the run leaves out; nothing of them is measured."""
    return [
        TableRecord(
            source=left.source,
            target=left.target,
            method=NOT_CHOSEN,
            verdict=NOT_MIGRATED,
            reasons=[left.why],
            seconds=0.0,
            seconds_by_step=StepSeconds(export=0.0),
            parity=_maybe(ParityFacts, PARITIES.of(ledger, left.source)),
        )
        for left in NOT_CHOSEN_TABLES.all(ledger).values()
    ]


def _all_facts(ledger: Ledger, pairs: list[Pair]) -> list[TableFacts]:
    exports, imports, validations = EXPORTS.all(ledger), IMPORTS.all(ledger), VALIDATIONS.all(ledger)
    created, before = CREATED.all(ledger), BEFORE.all(ledger)
    drifts, looks = DRIFTS.all(ledger), DRIFT_LOOKS.all(ledger)
    parities, canaries, registers = PARITIES.all(ledger), CANARIES.all(ledger), REGISTRATIONS.all(ledger)
    transforms, leaks, syncs = TRANSFORMS.all(ledger), LEAKS.all(ledger), SYNCS.all(ledger)
    files, used, caught_up = table_counts(ledger), consumed(ledger), CAUGHT_UP.all(ledger)
    return [
        TableFacts(
            pair=pair,
            export=exports.get(source),
            loaded=imports.get(source),
            checked=validations.get(source),
            files=files.get(source),
            created=created.get(source),
            before=before.get(source),
            drift=drifts.get(source),
            looks=looks.get(source, ()),
            parity=parities.get(source),
            canary=canaries.get(source),
            register=registers.get(source),
            consumed=used.get(source, Consumed()),
            lag_seconds=caught_up[source].lag_seconds if source in caught_up else None,
            transformed=transforms.get(source),
            leaks=leaks.get(source),
            sync=syncs.get(source),
            in_doubt_until=may_land_until(ledger, pair.target),
        )
        for pair in pairs
        for source in [pair.source]
    ]


def _row(facts: TableFacts, executed: bool, asked: bool) -> TableRecord:
    pair, export, loaded, checked = facts.pair, facts.raw, facts.loaded, facts.checked
    verdict, reasons = table_verdict(executed, loaded, checked, export, asked)
    if pair.method == Method.SKIP and export is not None:
        verdict, reasons = NOT_MIGRATED, [SKIPPED_WHY]
    manifest, spans, used = export.manifest if export else None, _spans(facts), facts.consumed
    counted = facts.items_exported is not None and not facts.compared_only
    files, wrote = facts.file_counts, written_of(loaded, facts.file_counts.written, counted)
    seconds = StepSeconds(
        export=round(seconds_between(spans.export) or 0.0, 3),
        import_=loaded.seconds if loaded else None,
        validate_=checked.seconds if checked else None,
    )
    return TableRecord(
        source=pair.source,
        target=pair.target,
        method=METHODS[pair.method],
        reused=pair.method == Method.REUSE,
        reused_run=(pair.reuse.run or None) if pair.reuse else None,
        writing=pair.writing.value,
        writing_why=pair.why,
        import_table=_maybe(ServiceImport, loaded and loaded.import_table),
        bulk_put=_bulk_put(facts),
        sync=_maybe(SyncLook, facts.sync),
        export_arn=export.arn if export else None,
        export_table_arn=manifest.table_arn if manifest else None,
        export_time=manifest.export_time if manifest else None,
        manifest_md5=ManifestDigests(summary=manifest.summary_md5, files=manifest.files_md5)
        if manifest
        else ManifestDigests(),
        manifest_checked=manifest.checked if manifest else None,
        export_whole=_maybe(AskedWhole, export and export.whole),
        scan_witnesses=_maybe(ScanWitnesses, export and export.witnesses),
        files=export.files if export else None,
        compared_only=facts.compared_only,
        items_exported=facts.items_exported,
        lines_read=files.lines,
        items_written=wrote.items_written,
        items_written_at_least=wrote.items_written_at_least,
        items_filtered=_filtered(facts) if counted else None,
        items_quarantined=_sum(files.quarantined, facts.refused_before) if counted else None,
        items_present=files.present if counted else None,
        on_non_empty=loaded.on_non_empty if loaded else None,
        items_before=loaded.items_before if loaded else None,
        items_compared=checked.items_compared if checked else None,
        items_in_target=checked.items_in_target if checked else None,
        looked_again=checked.looked_again if checked else None,
        moved=checked.moved if checked else None,
        read=_maybe(Reads, checked and checked.read),
        drift=drift_record(facts.drift, facts.looks),
        missing=checked.missing if checked else None,
        extra=checked.extra if checked else None,
        different=checked.different if checked else None,
        expired=checked.expired if checked else None,
        there_before=checked.there_before if checked else None,
        otherwise_before=checked.otherwise_before if checked else None,
        export_digest=checked.export_digest if checked else None,
        target_digest=checked.target_digest if checked else None,
        bytes=manifest.billed_bytes if manifest else None,
        verdict=verdict,
        reasons=reasons,
        seconds=round((seconds.export or 0.0) + (seconds.import_ or 0.0) + (seconds.validate_ or 0.0), 3),
        seconds_by_step=seconds,
        spans=spans,
        existed_before=facts.before.existed if facts.before else None,
        created=_maybe(CreatedTable, facts.created),
        restore_to=_restore_to(facts),
        wcu=used.wcu,
        write_limit=loaded.limits.limit if loaded and loaded.limits else None,
        throttled_requests=used.throttled_requests,
        throttled=[section_of(Throttle, row) for row in used.throttled],
        items_sent_again=used.items_sent_again,
        write_in_doubt_until=format_timestamp(facts.in_doubt_until) if facts.in_doubt_until else None,
        parity=_maybe(ParityFacts, (checked and checked.parity) or facts.parity),
        indexes=_indexes(checked),
        canary=_maybe(CanaryFacts, facts.canary),
        changes=_maybe(OverlayRecord, checked.changes if checked else None),
        lag_seconds=facts.lag_seconds,
        transform=transform_record(facts.transformed, facts.export),
        leak_scan=leak_record(facts.leaks),
        registered=_maybe(Registered, facts.register),
    )


def _filtered(facts: TableFacts) -> int | None:
    if facts.transformed is None:
        return 0
    return facts.transformed.counts.filtered if facts.transformed.counts else None


def _sum(quarantined: int | None, refused: int) -> int | None:
    return None if quarantined is None else quarantined + refused


def _spans(facts: TableFacts) -> StepSpans:
    def span(fact: ExportFact | ImportFact | ValidationFact | None) -> Span:
        return (fact.started, fact.finished) if fact else NEVER

    return StepSpans(export=span(facts.export), import_=span(facts.loaded), validate_=span(facts.checked))


def _restore_to(facts: TableFacts) -> str | None:
    """A moment before the first write, where the table held items and can be restored.

    As it was just before the first write: recovery may have been turned on, or off, since the pre-flight.
    """
    loaded = facts.loaded
    return loaded.started if loaded and loaded.items_before and loaded.recovery else None


def _bulk_put(facts: TableFacts) -> BulkPut | None:
    bulk = facts.loaded.bulk_put if facts.loaded else None
    if bulk is None:
        return None
    due = facts.files.exported if facts.files else None
    left = None if bulk.written is None or due is None else due - bulk.written
    said = section_of(BulkPut, bulk)
    return said.model_copy(update={"left_over": left, "output": f"s3://{bulk.bucket}/{bulk.output}"})


def _indexes(checked: ValidationFact | None) -> list[IndexFacts] | None:
    if checked is None or checked.indexes is None:
        return None
    return [section_of(IndexFacts, fact) for fact in checked.indexes]


def _maybe(section: type[S], fact: object) -> S | None:
    return section_of(section, fact) if fact else None


def section_of(section: type[S], fact: object) -> S:
    """A fact as the record has it: its members by their names."""
    return section.model_validate(to_json(fact))
