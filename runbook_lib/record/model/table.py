"""One table of a run: where it went, its counts by independent means, and its verdict."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Strict

from runbook_lib.record.model.base import NEVER, Count, Moment, Name, Number, OneOf, Section, Span
from runbook_lib.record.model.comparison import CanaryFacts, Drift, IndexFacts, ParityFacts, Reads
from runbook_lib.record.model.transform import LeakScanRecord, TransformRecord
from runbook_lib.record.model.windows import OverlayRecord
from runbook_lib.run.verdicts import DRY_RUN, FAIL, NOT_CHOSEN, NOT_MIGRATED, PASS, UNKNOWN

EXPORT, SCAN, SKIPPED = "export", "scan", "skipped"
IMPORT_TABLE = "import_table"
Method = Annotated[str, OneOf((EXPORT, SCAN, SKIPPED, NOT_CHOSEN))]
TableVerdict = Annotated[str, OneOf((PASS, FAIL, DRY_RUN, UNKNOWN, NOT_MIGRATED))]


class ServiceImport(Section):
    """What ImportTable said of itself."""

    arn: str | None = None
    status: str | None = None
    processed: Count | None = None
    imported: Count | None = None
    errors: Count | None = None
    bytes: Count | None = None
    log_group: str | None = None
    failure_code: str | None = None
    failure: str | None = None


class BulkPut(Section):
    """What a bulk put said of itself; `left_over` are the items that it is not known to have written."""

    arn: str | None = None
    status: str | None = None
    processed: Count | None = None
    failed: Count | None = None
    conditions: Count | None = None
    left_over: Count | None = None
    refused: dict[str, Count] | None = None
    bytes_read: Count | None = None
    bytes_billed: Count | None = None
    output: str | None = None
    failure_code: str | None = None
    failure: str | None = None


class SyncLook(Section):
    """What a dry run of a sync found, and what it would take beside writing everything again."""

    right: Count = 0
    missing: Count = 0
    different: Count = 0
    units: Count = 0
    read_units: Count = 0
    full_units: Count = 0
    usd: Number | None = None
    full_usd: Number | None = None


class ManifestDigests(Section):
    """The MD5 of both manifests."""

    summary: str | None = None
    files: str | None = None


class AskedWhole(Section):
    """Whether DynamoDB could be asked if an export is the whole table."""

    checked: bool | None = None
    why: str | None = None


class ScanWitnesses(Section):
    """What a scan stored, and what a second count with other segments found."""

    scanned: Count | None = None
    counted: Count | None = None
    segments: Annotated[tuple[Count, Count] | None, Strict(False)] = None
    gone: Count | None = None
    unread: Count | None = None


class ScaledRecord(Section):
    """A capacity that Application Auto Scaling was asked to scale."""

    resource: Name = ""
    dimension: Name = ""


class CreatedTable(Section):
    """What became of a target that this run makes."""

    status: str = ""
    at: Moment | None = None
    left_out: list[str] = []
    scaled: list[ScaledRecord] | None = None


class Registered(Section):
    """Where the run stands in the register of those who have written to a table."""

    standing: str = ""
    place: str | None = None
    others: list[str] | None = None
    before: list[str] | None = None
    again: list[str] | None = None
    why: str | None = None

    @property
    def since(self) -> list[str]:
        """The others that have begun to write after this run: what they wrote is not its to replace or to delete."""
        return sorted({*(self.others or ())} - ({*(self.before or ())} - {*(self.again or ())}))


class Throttle(Section):
    """Items that were sent again for one reason that DynamoDB gave."""

    reason: str = ""
    resource: str = ""
    items: Count = 0


class StepSeconds(Section):
    """Seconds of each step of a table."""

    export: Number | None = None
    import_: Number | None = Field(default=None, validation_alias="import", serialization_alias="import")
    validate_: Number | None = Field(default=None, validation_alias="validate", serialization_alias="validate")


class StepSpans(Section):
    """When each step of a table began and ended; pauses between two starts of the run are in it."""

    export: Span = NEVER
    import_: Span = Field(default=NEVER, validation_alias="import", serialization_alias="import")
    validate_: Span = Field(default=NEVER, validation_alias="validate", serialization_alias="validate")


class TableRecord(Section):
    """One table; a number that was not measured is null, never 0."""

    source: Name = ""
    target: Name = ""
    method: Method | None = None
    reused: bool = False
    reused_run: str | None = None
    writing: str | None = None
    writing_why: str = ""
    import_table: ServiceImport | None = None
    bulk_put: BulkPut | None = None
    sync: SyncLook | None = None
    export_arn: str | None = None
    export_table_arn: str | None = None
    export_time: Moment | None = None
    manifest_md5: ManifestDigests = ManifestDigests()
    manifest_checked: bool | None = None
    export_whole: AskedWhole | None = None
    scan_witnesses: ScanWitnesses | None = None
    files: Count | None = None
    items_exported: Count | None = None
    lines_read: Count | None = None
    compared_only: bool = False
    items_written: Count | None = None
    items_written_at_least: Count | None = None
    items_filtered: Count | None = None
    items_quarantined: Count | None = None
    items_present: Count | None = None
    on_non_empty: str | None = None
    items_before: Count | None = None
    items_compared: Count | None = None
    items_in_target: Count | None = None
    looked_again: Count | None = None
    moved: Count | None = None
    read: Reads | None = None
    drift: Drift | None = None
    missing: Count | None = None
    extra: Count | None = None
    different: Count | None = None
    expired: Count | None = None
    there_before: Count | None = None
    otherwise_before: Count | None = None
    export_digest: str | None = None
    target_digest: str | None = None
    bytes: Count | None = None
    verdict: TableVerdict = UNKNOWN
    reasons: list[str] = []
    seconds: Number | None = None
    seconds_by_step: StepSeconds = StepSeconds()
    spans: StepSpans = StepSpans()
    existed_before: bool | None = None
    created: CreatedTable | None = None
    restore_to: Moment | None = None
    wcu: Number | None = None
    write_limit: Number | None = None
    throttled_requests: Count | None = None
    throttled: list[Throttle] = []
    items_sent_again: Count | None = None
    write_in_doubt_until: Moment | None = None
    parity: ParityFacts | None = None
    indexes: list[IndexFacts] | None = None
    canary: CanaryFacts | None = None
    changes: OverlayRecord | None = None
    lag_seconds: Number | None = None
    transform: TransformRecord | None = None
    leak_scan: LeakScanRecord | None = None
    registered: Registered | None = Field(default=None, validation_alias="register", serialization_alias="register")

    @property
    def items_due(self) -> int | None:
        """How many items were to be loaded: those exported, or those that the transform made of them."""
        return self.items_exported if self.transform is None else self.transform.items_derived

    def count(self, name: str) -> int | None:
        """One of the counts by its name."""
        value: int | None = getattr(self, name)
        return value
