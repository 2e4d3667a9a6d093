"""What the transform of windows, and of second full exports, came to: bound as the first export's is."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.masking.transform import TransformBinding, TransformedFile
from runbook_lib.run.facts.topic import Topic
from runbook_lib.run.ledger import Ledger


@dataclass(frozen=True, slots=True)
class RawExport:
    """An export as AWS made it, where it lies, and what its manifest counts; its items are raw."""

    arn: str | None
    bucket: str
    folder: str
    items: int
    manifest_md5: str


@dataclass(frozen=True, slots=True)
class ChangeCounts:
    """Changes of a file or of a window.

    `left_out` are changes of items that are in no target, before or after; `added` are those that a hook, or a new key,
    makes of one beyond the first, and the deletes of `quarantined` ones, whose new state is in no target.
    """

    exported: int = 0
    derived: int = 0
    left_out: int = 0
    added: int = 0
    quarantined: int = 0

    @property
    def add_up(self) -> bool:
        return self.exported + self.added == self.derived + self.left_out + self.quarantined


@dataclass(frozen=True, slots=True)
class TransformedChanges:
    """One file of a window, and the file that was made of it."""

    window: str
    ordinal: int
    raw_key: str
    raw_md5: str
    key: str
    md5: str
    etag: str
    item_bytes: int
    counts: ChangeCounts


@dataclass(frozen=True, slots=True)
class WindowTransform:
    """One window's transform; `counts` once it is whole.

    `broken` counts the changes whose raw old image is not what the last raw window with the key had left, under the
    secret whose fingerprint is `digests`.
    """

    binding: TransformBinding
    export_id: str
    raw: RawExport
    started: str
    digests: str
    counts: ChangeCounts | None = late()
    broken: int | None = late()
    finished: str | None = late()


@dataclass(frozen=True, slots=True)
class SecondTransform:
    """The transform of a second full export."""

    binding: TransformBinding
    export_id: str
    raw: RawExport
    started: str


WINDOW_TRANSFORMS = Topic("window_transform", WindowTransform)  # by window; of one exported anew, with the ARN
TRANSFORMED_CHANGES = Topic("transformed_changes", TransformedChanges)  # under the window's name and the file
SECOND_TRANSFORMS = Topic("second_transform", SecondTransform)  # under the table's name and the raw ARN
SECOND_FILES = Topic("second_transformed_file", TransformedFile)  # under the table's name, the raw ARN and the file


def window_transforms(ledger: Ledger, window: str) -> list[WindowTransform]:
    """All that were made of a window, also those of exports of it that were found damaged."""
    made = WINDOW_TRANSFORMS.all(ledger).items()
    return [each for name, each in made if name == window or name.startswith(f"{window} ")]


def changes_transformed(ledger: Ledger, window: str) -> list[TransformedChanges]:
    """The files of a window that were made, in the order of the window's."""
    files = [file for file in TRANSFORMED_CHANGES.all(ledger).values() if file.window == window]
    return sorted(files, key=lambda file: file.ordinal)


def second_files(ledger: Ledger, name: str) -> list[TransformedFile]:
    """The files of a second export that were made, in the order of the export's."""
    made = [file for key, file in SECOND_FILES.all(ledger).items() if key.startswith(f"{name} ")]
    return sorted(made, key=lambda file: file.ordinal)


def refused_of(ledger: Ledger, window: str, by_target: int | None) -> int | None:
    """How many changes of a window are in quarantine: refused by the target, or by its transform before that."""
    made = WINDOW_TRANSFORMS.of(ledger, window)
    if made is None or made.counts is None:
        return by_target
    return (by_target or 0) + made.counts.quarantined
