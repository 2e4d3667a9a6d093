"""What the transform of each table's export came to, and what was transformed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from runbook_lib.export_format.manifest import DataFile
from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.export import ExportFact
from runbook_lib.run.facts.topic import Note, Topic
from runbook_lib.run.ledger import Ledger


class TransformStatus(StrEnum):
    """How far a transform is."""

    BEGUN = "begun"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class TransformBinding:
    """What a derived export is made of: of which manifest, by which rules and hook, with which key.

    `mask_key` tells the key from others to whoever holds the run's secret, and is of no use without it.
    """

    manifest_md5: str
    rules: str
    hook: str | None
    mask_key: str | None


@dataclass(frozen=True, slots=True)
class RuleCount:
    """What one rule did: values it was for, attributes it dropped, sets it made smaller."""

    rule: str
    path: str
    verb: str
    values: int
    dropped: int
    shrunk: int


@dataclass(frozen=True, slots=True)
class UnnamedPath:
    """Values of a type at a path that no rule names; names that may be contents stand as `*`."""

    path: str
    type: str
    values: int


@dataclass(frozen=True, slots=True)
class TransformCounts:
    """Items of a file or of a table: exported = kept + filtered + quarantined, and kept + added are in the result."""

    exported: int = 0
    kept: int = 0
    filtered: int = 0
    added: int = 0
    quarantined: int = 0
    keys_rewritten: int = 0
    replication: int = 0

    @property
    def add_up(self) -> bool:
        return self.exported == self.kept + self.filtered + self.quarantined

    @property
    def derived(self) -> int:
        return self.kept + self.added


@dataclass(frozen=True, slots=True)
class TransformedFile:
    """One data file of the export, and the file that was made of it; `values`, `dropped`, `shrunk` are by rule."""

    source: str
    ordinal: int
    raw_key: str
    raw_md5: str
    key: str
    md5: str
    etag: str
    item_bytes: int
    counts: TransformCounts
    values: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()
    shrunk: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TransformFact:
    """One table's transform. `raw` is the export as it was; the export's own fact is the derived one's afterwards.

    `collisions` counts keys that several items would have, None as long as not all keys were looked at.
    """

    status: TransformStatus
    binding: TransformBinding
    export_id: str
    raw: ExportFact
    started: str
    counts: TransformCounts | None = late()
    rules: tuple[RuleCount, ...] | None = late()
    unnamed: tuple[UnnamedPath, ...] | None = late()
    collisions: int | None = late()
    masks: bool | None = late()
    failure: str | None = late()
    finished: str | None = late()
    seconds: float | None = late()


TRANSFORMS = Topic("transform", TransformFact)
TRANSFORMED_FILES = Topic("transformed_file", TransformedFile)
TRANSFORM_ASKED = Note("run", "transform", bool)


def is_transformed(ledger: Ledger, source: str) -> bool:
    """Whether the export that the ledger knows of a table is what its transform made."""
    fact = TRANSFORMS.of(ledger, source)
    return fact is not None and fact.status == TransformStatus.COMPLETED


def raw_files(ledger: Ledger, source: str) -> list[DataFile]:
    """The files of a table's export as it was, once all of them are transformed."""
    made = files_transformed(ledger, source)
    return [DataFile(file.ordinal, file.raw_key, file.raw_md5, file.counts.exported) for file in made]


def files_transformed(ledger: Ledger, source: str) -> list[TransformedFile]:
    """The files of a table that were made, in the order of the export's."""
    files = [file for file in TRANSFORMED_FILES.all(ledger).values() if file.source == source]
    return sorted(files, key=lambda file: file.ordinal)
