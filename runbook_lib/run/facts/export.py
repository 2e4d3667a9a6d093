"""What the export of each table came to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from runbook_lib.export_format.manifest import Manifest
from runbook_lib.plan.whole_export import Wholeness
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.topic import Note, Topic
from runbook_lib.run.ledger import Ledger


class ExportStatus(StrEnum):
    """How far an export is. UNREADABLE: AWS has made it, and what it made could not be read yet."""

    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    UNREADABLE = "UNREADABLE"


@dataclass(frozen=True, slots=True)
class ManifestFact:
    """What both manifests say, but for the files, which have a table of their own."""

    export_arn: str
    table_arn: str
    table_id: str
    export_time: str
    folder: str
    items: int
    billed_bytes: int
    summary_md5: str
    files_md5: str
    checked: bool

    @classmethod
    def of(cls, manifest: Manifest) -> ManifestFact:
        return cls(
            manifest.export_arn, manifest.table_arn, manifest.table_id, manifest.export_time, manifest.folder,
            manifest.items, manifest.billed_bytes, manifest.summary_md5, manifest.files_md5, manifest.checked,
        )  # fmt: skip

    @property
    def md5(self) -> str:
        """What tells these manifests from all others."""
        return self.summary_md5 + self.files_md5


@dataclass(frozen=True, slots=True)
class Recount:
    """Both witnesses of a scan: what it stored, and what the second count found with other segments.

    Where they differ, `gone` are keys that only the scan has and `unread` those that only the second reading has and
    the table holds now; None where nothing had to be compared.
    """

    scanned: int
    counted: int
    segments: tuple[int, int]
    gone: int | None = None
    unread: int | None = None


@dataclass(frozen=True, slots=True)
class ExportFact:
    """One table's export; `manifest`, `files` and `items` are known once it is COMPLETED and was checked.

    `token` is AWS's own exports', `witnesses` and `read_units` a scan's, `first_attributes` those of replication in the
    first items. It is `outdated` where its table is not the one of the plan.
    """

    method: Method
    status: ExportStatus
    started: str
    arn: str | None = None
    bucket: str | None = late()
    folder: str | None = late()
    token: str | None = late()
    items: int | None = late()
    files: int | None = late()
    failure: str | None = late()
    finished: str | None = late()
    manifest: ManifestFact | None = late()
    whole: Wholeness | None = late()
    witnesses: Recount | None = late()
    read_units: float | None = late()
    first_attributes: tuple[str, ...] | None = late()
    outdated: bool | None = late()

    @property
    def completed(self) -> CompletedExport | None:
        """The export as those need it who read its files; None until there is something to read."""
        if self.status != ExportStatus.COMPLETED or self.manifest is None or self.bucket is None or self.arn is None:
            return None
        return CompletedExport(self.arn, self.bucket, self.manifest)


@dataclass(frozen=True, slots=True)
class CompletedExport:
    """Where a whole export lies, and what its manifests say."""

    arn: str
    bucket: str
    manifest: ManifestFact

    @property
    def items(self) -> int:
        return self.manifest.items


@dataclass(frozen=True, slots=True)
class RecoveryFact:
    """That this run turned a source's point-in-time recovery on, and from when on it can be exported."""

    turned_on: str
    earliest: str | None


@dataclass(frozen=True, slots=True)
class UnreadExport:
    """Where an export lies that was asked for and never read; recorded when it is to be removed."""

    bucket: str
    folder: str


@dataclass(frozen=True, slots=True)
class StagedObject:
    """An object that the run itself has put beside the exports, or was about to: recorded before it was there."""

    source: str
    bucket: str
    key: str


EXPORTS = Topic("export", ExportFact)
EXPORT_TOKENS = Topic("export_token", str)
EXPORT_TIME = Note("run", "export_time", str)
RECOVERIES = Topic("recovery", RecoveryFact)
STAGED = Topic("staged", StagedObject)
UNREAD_EXPORTS = Topic("unread_export", UnreadExport)  # under the table's name and the ARN


def fixed_moment(ledger: Ledger) -> str | None:
    """The moment that every export shows, once AWS may have begun one; until then another can be chosen."""
    asked = EXPORT_TOKENS.all(ledger) or any(fact.method == Method.EXPORT for fact in EXPORTS.all(ledger).values())
    return EXPORT_TIME.of(ledger) if asked else None


def staged_objects(ledger: Ledger, source: str) -> Iterator[StagedObject]:
    """What a run has put beside the exports for a table, or was about to."""
    return (put for put in STAGED.all(ledger).values() if put.source == source)
