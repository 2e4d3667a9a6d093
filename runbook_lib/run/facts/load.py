"""What the import of each table came to, however it was written."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import cast

from runbook_lib.aws.dynamodb.bulk_put import BulkPutState
from runbook_lib.aws.dynamodb.describe.throughput import WriteLimits
from runbook_lib.aws.dynamodb.imports import ImportState
from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.topic import Note, Topic


class ImportStatus(StrEnum):
    """How far the import of a table is."""

    DRY_RUN = "dry-run"
    LOADING = "loading"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Binding:
    """What a table's checkpoint belongs to: one export, its manifests, one target table."""

    export_arn: str
    manifest_md5: str
    target_table_id: str


@dataclass(frozen=True, slots=True)
class HeldBefore:
    """Of which secret the digests are that were recorded of what a target held."""

    secret: str


@dataclass(frozen=True, slots=True)
class ServiceImportFact:
    """A table's ImportTable: what was asked for, and what DescribeImport said last, None before its first answer.

    `sent` is when it was asked for last.
    """

    token: str
    etags: dict[str, str]
    arn: str | None = late()
    table_arn: str | None = late()
    table_id: str | None = late()
    status: str | None = late()
    processed: int | None = late()
    imported: int | None = late()
    errors: int | None = late()
    bytes: int | None = late()
    log_group: str | None = late()
    failure_code: str | None = late()
    failure: str | None = late()
    ended: bool | None = late()
    sent: str | None = late()

    def after(self, state: ImportState) -> ServiceImportFact:
        """With what DescribeImport says now."""
        return replace(self, **asdict(state), ended=state.ended)


@dataclass(frozen=True, slots=True)
class BulkPutFact:
    """A table's bulk put: what was asked for and when, and what DescribeBulkOperation said last.

    `conditions` are the items that its output names as kept out by a condition, of which DynamoDB keeps no count, and
    None where the output could not be read; `outputs` are the objects of that output, which hold items, and `refused`
    how many of its records have which code. `asked` is when the token was made and `sent` when it was sent last;
    `not_begun` is true where it is certain that nothing of it has begun or still can.
    """

    token: str
    etags: dict[str, str]
    bucket: str
    output: str
    asked: str | None = late()
    arn: str | None = late()
    table_id: str | None = late()
    status: str | None = late()
    processed: int | None = late()
    failed: int | None = late()
    bytes_read: int | None = late()
    bytes_billed: int | None = late()
    failure_code: str | None = late()
    failure: str | None = late()
    ended: bool | None = late()
    conditions: int | None = late()
    outputs: tuple[str, ...] | None = late()
    refused: dict[str, int] | None = late()
    sent: str | None = late()
    not_begun: bool | None = late()

    def after(self, state: BulkPutState) -> BulkPutFact:
        """With what DescribeBulkOperation says now."""
        return replace(self, **asdict(state), ended=state.ended, not_begun=None)

    @property
    def is_over(self) -> bool:
        """Whether it certainly writes no more: it has ended, however it did, or has never begun."""
        return bool(self.ended or self.not_begun)

    @property
    def written(self) -> int | None:
        """How many items it has written; None until that is known."""
        if self.not_begun:
            return 0
        if not self.ended or self.processed is None or self.failed is None or self.conditions is None:
            return None
        return self.processed - self.failed - self.conditions


@dataclass(frozen=True, slots=True)
class ImportFact:
    """One table's import; `binding` says that this run may have written to the target.

    `counted` is true once all that was acknowledged is in the ledger; a kill leaves it open, and is `killed` for good
    once the import goes on. `spread` says that workers of a cluster have written. `recovery` is whether the
    target could be restored just before the first write, None where nobody could tell.
    """

    status: ImportStatus
    started: str | None = late()
    failure: str | None = late()
    finished: str | None = late()
    seconds: float | None = late()
    binding: Binding | None = late()
    on_non_empty: str | None = late()
    recovery: bool | None = None
    items_before: int | None = late()
    held_before: HeldBefore | None = late()
    limits: WriteLimits | None = late()
    counted: bool | None = late()
    killed: bool | None = late()
    spread: bool | None = late()
    import_table: ServiceImportFact | None = late()
    bulk_put: BulkPutFact | None = late()

    @property
    def is_by_service(self) -> bool:
        """Whether DynamoDB itself was asked to fill the target."""
        return self.import_table is not None or self.bulk_put is not None

    @property
    def put_by_service(self) -> int | None:
        """How many items DynamoDB itself says it has written; None where it was not asked, or has not said."""
        if self.bulk_put is not None:
            return self.bulk_put.written
        return self.import_table.imported if self.import_table is not None else None

    @property
    def has_begun(self) -> bool:
        """Whether this run has written to the target, or asked DynamoDB to."""
        return self.binding is not None or self.is_by_service


@dataclass(frozen=True, slots=True)
class RefusedItems:
    """How many items DynamoDB would not take for a reason, and the attribute or index that it is about."""

    reason: str
    about: str
    items: int


@dataclass(frozen=True, slots=True)
class MeasuredFact:
    """What a dry run measured of the items of a table that it would write."""

    requests: int
    items: int
    size: int
    units: int
    index_units: int
    refused: tuple[RefusedItems, ...]


@dataclass(frozen=True, slots=True)
class SyncFact:
    """What a dry run of a sync found of the items of an export, and what writing them takes beside a full rewrite.

    `units` are the write units of what differs and `full_units` those of all items, both of the table alone;
    `read_units` are what it takes to look every key up. Their USD, the looking up included, where prices are known.
    """

    units: int
    read_units: int
    full_units: int
    right: int = 0
    missing: int = 0
    different: int = 0
    usd: float | None = None
    full_usd: float | None = None


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """A step was done by this process, and so many beside it."""

    kind: str
    processes: int | None = late()


@dataclass(frozen=True, slots=True)
class ClusterEngine:
    """A step was done by workers of a cluster."""

    kind: str
    scheduler: str
    dashboard: str | None
    workers: int
    slots: int


IMPORTS = Topic("import", ImportFact)
SYNCS = Topic("sync", SyncFact)
MEASURED = Topic("measured", MeasuredFact)
ENGINES = Topic("engine", cast("type[LocalEngine | ClusterEngine]", LocalEngine | ClusterEngine))
WORKERS = Topic("worker", str)
EXECUTED = Note("run", "executed", bool)
