"""One table of the record, gathered from its facts; a number that was not measured is None, never 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from runbook_lib.record.gathered.consumed import consumed
from runbook_lib.record.model.base import Section, Span, seconds_between
from runbook_lib.record.model.comparison import CanaryFacts, Drift, IndexFacts, ParityFacts, Reads
from runbook_lib.record.model.table import (
    IMPORT_TABLE,
    AskedWhole,
    CreatedTable,
    ManifestDigests,
    Registered,
    ScanWitnesses,
    ServiceImport,
    StepSeconds,
    StepSpans,
    TableRecord,
)
from runbook_lib.record.model.windows import OverlayRecord
from runbook_lib.record.verdict import table_verdict
from runbook_lib.run.facts.counts import table_counts, written
from runbook_lib.run.facts.windows import CAUGHT_UP
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.verdicts import NOT_CHOSEN, NOT_MIGRATED
from runbook_lib.run.witnesses.write_register import standing_of

METHODS = {"export": "export", "reuse": "export", "scan": "scan", "skip": "skipped", "fail": "skipped"}
SKIPPED_WHY = "point-in-time recovery is off and export.without_pitr is 'skip'"
NO_FILES = {"lines": 0, "written": 0, "quarantined": 0, "present": 0}
Facts = Mapping[str, Any]
S = TypeVar("S", bound=Section)


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What the ledger holds of one table; None is what a step has not come to."""

    pair: Facts
    export: Facts | None
    loaded: Facts | None
    checked: Facts | None
    files: Facts
    created: Facts | None
    before: Facts | None
    drift: Facts | None
    parity: Facts | None
    canary: Facts | None
    register: Facts | None
    consumed: Facts
    lag_seconds: float | None

    @property
    def items_exported(self) -> int | None:
        return self.export["items"] if self.export and self.export["status"] == "COMPLETED" else None

    @property
    def manifest(self) -> Facts:
        return (self.export or {}).get("manifest") or {}

    @property
    def compared_only(self) -> bool:
        """Whether nothing was counted on the way in."""
        return (self.checked or {}).get("imported") is False

    @property
    def file_counts(self) -> Facts:
        """The counts of the files; a manifest without files has nothing to read, which is then read in full."""
        return self.files or (NO_FILES if self.items_exported == 0 else {})


def planned_rows(ledger: Ledger, executed: bool, asked: bool) -> list[TableRecord]:
    """The tables of the plan, in its order."""
    found = sorted(ledger.all("pair").values(), key=lambda fact: fact["place"])
    return [_row(facts, executed, asked) for facts in _all_facts(ledger, [fact["pair"] for fact in found])]


def rows_left_out(ledger: Ledger) -> list[TableRecord]:
    """The tables that the run leaves out; nothing of them is measured."""
    return [
        TableRecord(
            source=left["source"],
            target=left["target"],
            method=NOT_CHOSEN,
            verdict=NOT_MIGRATED,
            reasons=[left["why"]],
            seconds=0.0,
            seconds_by_step=StepSeconds(export=0.0),
            parity=_parity(ledger.get("parity", left["source"])),
        )
        for left in ledger.all("not_chosen").values()
    ]


def _all_facts(ledger: Ledger, pairs: list[Facts]) -> list[TableFacts]:
    exports, imports, validations = ledger.all("export"), ledger.all("import"), ledger.all("validation")
    created, before, drifts = ledger.all("created"), ledger.all("before"), ledger.all("drift")
    parities, canaries = ledger.all("parity"), ledger.all("canary")
    files, used, lags = table_counts(ledger), consumed(ledger), ledger.all(CAUGHT_UP)
    return [
        TableFacts(
            pair=pair,
            export=exports.get(source),
            loaded=imports.get(source),
            checked=validations.get(source),
            files=files.get(source, {}),
            created=created.get(source),
            before=before.get(source),
            drift=drifts.get(source),
            parity=parities.get(source),
            canary=canaries.get(source),
            register=standing_of(ledger, source),
            consumed=used.get(source, {}),
            lag_seconds=(lags.get(source) or {}).get("lag_seconds"),
        )
        for pair in pairs
        for source in [pair["source"]]
    ]


def _row(facts: TableFacts, executed: bool, asked: bool) -> TableRecord:
    pair, export, loaded, checked = facts.pair, facts.export or {}, facts.loaded or {}, facts.checked or {}
    verdict, reasons = table_verdict(executed, facts.loaded, facts.checked, facts.export, asked)
    if pair["method"] == "skip" and facts.export is not None:
        verdict, reasons = NOT_MIGRATED, [SKIPPED_WHY]
    manifest, spans, counts = facts.manifest, _spans(facts), _counts(facts)
    seconds = StepSeconds(
        export=round(seconds_between(spans.export) or 0.0, 3),
        import_=loaded.get("seconds"),
        validate_=checked.get("seconds"),
    )
    return TableRecord(
        source=pair["source"],
        target=pair["target"],
        method=METHODS[pair["method"]],
        reused=pair["method"] == "reuse",
        writing=pair.get("writing", "batch_write"),
        writing_why=pair.get("why", ""),
        import_table=_service(facts.loaded),
        export_arn=export.get("arn"),
        export_table_arn=manifest.get("table_arn"),
        export_time=manifest.get("export_time"),
        manifest_md5=ManifestDigests(summary=manifest.get("summary_md5"), files=manifest.get("files_md5")),
        manifest_checked=manifest.get("checked"),
        export_whole=_maybe(AskedWhole, export.get("whole")),
        scan_witnesses=_maybe(ScanWitnesses, export.get("witnesses")),
        files=export.get("files"),
        compared_only=facts.compared_only,
        items_exported=facts.items_exported,
        lines_read=facts.file_counts.get("lines"),
        items_written=counts["items_written"],
        items_written_at_least=counts["items_written_at_least"],
        items_filtered=counts["items_filtered"],
        items_quarantined=counts["items_quarantined"],
        items_present=counts["items_present"],
        on_non_empty=loaded.get("on_non_empty"),
        items_before=loaded.get("items_before"),
        items_compared=checked.get("items_compared"),
        items_in_target=checked.get("items_in_target"),
        looked_again=checked.get("looked_again"),
        moved=checked.get("moved"),
        read=_maybe(Reads, checked.get("read")),
        drift=_maybe(Drift, facts.drift),
        missing=checked.get("missing"),
        extra=checked.get("extra"),
        different=checked.get("different"),
        expired=checked.get("expired"),
        there_before=checked.get("there_before"),
        export_digest=checked.get("export_digest"),
        target_digest=checked.get("target_digest"),
        bytes=manifest.get("billed_bytes"),
        verdict=verdict,
        reasons=reasons,
        seconds=round((seconds.export or 0.0) + (seconds.import_ or 0.0) + (seconds.validate_ or 0.0), 3),
        seconds_by_step=seconds,
        spans=spans,
        existed_before=(facts.before or {}).get("existed"),
        created=_maybe(CreatedTable, facts.created),
        restore_to=_restore_to(facts),
        wcu=facts.consumed.get("wcu"),
        throttled_requests=facts.consumed.get("throttled_requests"),
        throttled=facts.consumed.get("throttled", []),
        items_sent_again=facts.consumed.get("items_sent_again"),
        parity=_parity(checked.get("parity") or facts.parity),
        indexes=_indexes(checked.get("indexes")),
        canary=_maybe(CanaryFacts, facts.canary),
        changes=_maybe(OverlayRecord, checked.get("changes")),
        lag_seconds=facts.lag_seconds,
        registered=_maybe(Registered, facts.register),
    )


def _counts(facts: TableFacts) -> dict[str, int | None]:
    """The counts on the way in; None where nothing was exported, or something else than this run filled the target."""
    files, counted = facts.file_counts, facts.items_exported is not None and not facts.compared_only
    return {
        **written(facts.loaded, files, counted),
        "items_filtered": 0 if counted else None,
        "items_quarantined": files.get("quarantined") if counted else None,
        "items_present": files.get("present") if counted else None,
    }


def _spans(facts: TableFacts) -> StepSpans:
    def span(fact: Facts | None) -> Span:
        return (fact or {}).get("started"), (fact or {}).get("finished")

    return StepSpans(export=span(facts.export), import_=span(facts.loaded), validate_=span(facts.checked))


def _service(loaded: Facts | None) -> ServiceImport | None:
    """What ImportTable said of itself; None for a table that was not filled by it."""
    known = (loaded or {}).get(IMPORT_TABLE)
    return ServiceImport.model_validate(known) if known else None


def _restore_to(facts: TableFacts) -> str | None:
    """A moment before the first write, where the table held items and can be restored.

    As it was just before the first write: recovery may have been turned on, or off, since the pre-flight.
    """
    loaded = facts.loaded or {}
    replaced, recoverable = loaded.get("items_before"), loaded.get("recovery", (facts.before or {}).get("recovery"))
    started: str | None = loaded.get("started")
    return started if replaced and recoverable else None


def _parity(fact: Facts | None) -> ParityFacts | None:
    return _maybe(ParityFacts, fact)


def _indexes(facts: list[Facts] | None) -> list[IndexFacts] | None:
    return None if facts is None else [IndexFacts.model_validate(fact) for fact in facts]


def _maybe(section: type[S], fact: Facts | None) -> S | None:
    return section.model_validate(fact) if fact else None
