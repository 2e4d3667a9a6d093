"""The objects that a run has put into the buckets, each by its key: exports, and what transforms made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from runbook_lib.export_format.writer import data_file_name, export_folder, shared_data_folder
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.export import EXPORTS, StagedObject, staged_objects
from runbook_lib.run.facts.load import IMPORTS
from runbook_lib.run.facts.masking.transform import TRANSFORMS, TransformStatus, files_transformed
from runbook_lib.run.facts.masking.windows import SECOND_TRANSFORMS, window_transforms
from runbook_lib.run.facts.windows import (
    SECOND_EXPORTS,
    SUPERSEDED_EXPORTS,
    SecondExport,
    WindowFact,
    trailing_windows,
    windows_of,
)
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import file_keys
from runbook_lib.run.tables.windows import export_files
from runbook_lib.run.witnesses.export_register import ExportPlace
from runbook_lib.transform.raw_windows import raw_export_of
from runbook_lib.undo.unread_exports import unread_exports

SUMMARY = "manifest-summary.json"
SIDECARS = ("_started", "manifest-files.json", "manifest-files.md5", SUMMARY, "manifest-summary.md5")


@dataclass(frozen=True, slots=True)
class OwnObjects:
    """Objects of one bucket; `raw` ones lie with the exports, the others where the target's side reads.

    `folder` is that of an export, full or of changes, which other runs may use.
    """

    bucket: str
    keys: tuple[str, ...]
    raw: bool = True
    folder: str | None = None

    @property
    def export(self) -> ExportPlace | None:
        """Where the export lies that they are; None for what is no export."""
        return ExportPlace(self.bucket, self.folder, self.raw) if self.folder else None


def own_objects(run: Run, pair: Pair) -> Iterator[OwnObjects]:
    """What lies in the buckets for a table, export by export, windows included, and what a kill has left of others."""
    known = set[tuple[str, str]]()
    for objects in _recorded(run, pair):
        known.update((objects.bucket, key) for key in objects.keys)
        yield objects
    for export, files in unread_exports(run, pair):
        keys = (*files, *_sidecars(export.folder))
        if not known.intersection((export.bucket, key) for key in keys):  # it was read after all
            known.update((export.bucket, key) for key in keys)
            yield OwnObjects(export.bucket, keys, folder=export.folder)
    left = [put for put in staged_objects(run.ledger, pair.source) if (put.bucket, put.key) not in known]
    yield from _left_behind(left)


def _left_behind(left: list[StagedObject]) -> Iterator[OwnObjects]:
    """What no fact tells of; a folder that has a summary is whole, and may have been handed to another run."""
    for put in left:
        if put.key.endswith(SUMMARY):
            folder = put.key.removesuffix(SUMMARY)
            inside = [other for other in left if other.key.startswith(folder)]
            left = [other for other in left if other not in inside]
            yield OwnObjects(put.bucket, tuple(other.key for other in inside), folder=folder)
    for bucket in sorted({put.bucket for put in left}):
        yield OwnObjects(bucket, tuple(put.key for put in left if put.bucket == bucket))


def _recorded(run: Run, pair: Pair) -> Iterator[OwnObjects]:
    transform, fact = TRANSFORMS.of(run.ledger, pair.source), EXPORTS.of(run.ledger, pair.source)
    files: Iterable[str] = file_keys(run.ledger, pair.source)
    if transform is not None:
        if transform.status == TransformStatus.COMPLETED:
            files = [file.raw_key for file in files_transformed(run.ledger, pair.source)]
        files, fact = list(files), transform.raw
        yield _derived(run, transform.export_id, files)
    export = fact.completed if fact is not None and fact.method in (Method.EXPORT, Method.SCAN) else None
    if export is not None:
        yield OwnObjects(export.bucket, (*files, *_sidecars(export.manifest.folder)), folder=export.manifest.folder)
    loaded = IMPORTS.of(run.ledger, pair.source)
    if loaded is not None and (bulk := loaded.bulk_put) is not None and bulk.outputs:
        yield OwnObjects(bulk.bucket, bulk.outputs, raw=False)
    for window in (*windows_of(run.ledger, pair.source), *trailing_windows(run.ledger, pair.source)):
        yield from _of_window(run, window)
    second, others = SECOND_EXPORTS.of(run.ledger, pair.source), SUPERSEDED_EXPORTS.all(run.ledger).items()
    for each in (second, *(other for name, other in others if name.startswith(f"{pair.source} "))):
        if each is not None:
            yield from _of_second(run, pair, each)


def _of_window(run: Run, window: WindowFact) -> Iterator[OwnObjects]:
    raw = raw_export_of(window)
    for made in window_transforms(run.ledger, window.name):
        place = run.config.target_staging
        made_of = _files(run, window.source, made.raw.arn)
        names = (data_file_name(f"{made.export_id} {key}".encode()) for key in made_of)
        data, folder = shared_data_folder(place.prefix), export_folder(place.prefix, made.export_id)
        keys = (*(data + name for name in names), *_sidecars(folder))
        yield OwnObjects(place.bucket, keys, raw=False, folder=folder)
    files = _files(run, window.source, raw.arn)
    if raw.manifest_md5 and not window.reused:
        yield OwnObjects(raw.bucket, (*files, *_sidecars(raw.folder)), folder=raw.folder)


def _of_second(run: Run, pair: Pair, second: SecondExport) -> Iterator[OwnObjects]:
    arn, bucket, folder = second.arn, second.bucket, second.folder
    if second.raw is not None:
        arn, bucket, folder = second.raw.arn, second.raw.bucket, second.raw.folder
    files, made = _files(run, pair.source, arn), SECOND_TRANSFORMS.of(run.ledger, f"{pair.source} {arn}")
    if made is not None:
        yield _derived(run, made.export_id, files)
    if second.items is not None or made is not None or files:
        yield OwnObjects(bucket, (*files, *_sidecars(folder)), folder=folder)


def _files(run: Run, source: str, arn: str | None) -> list[str]:
    return [row.file.key for row in export_files(run.ledger, source, arn or "")]


def _derived(run: Run, export_id: str, raw_files: Iterable[str]) -> OwnObjects:
    """All that a transform has put, or had put when it was killed: its names follow from those of the raw files."""
    place = run.config.target_staging
    folder = export_folder(place.prefix, export_id)
    made = (f"{folder}data/{data_file_name(key.encode())}" for key in raw_files)
    return OwnObjects(place.bucket, (*made, *_sidecars(folder)), raw=False, folder=folder)


def _sidecars(folder: str) -> tuple[str, ...]:
    return tuple(folder + name for name in SIDECARS)
