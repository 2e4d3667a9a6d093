"""The objects that a run has put into the buckets, each by its key: exports, and what transforms made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from runbook_lib.export_format.writer import data_file_name, export_folder
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.facts.load import IMPORTS
from runbook_lib.run.facts.masking.transform import TRANSFORMS, TransformStatus, files_transformed
from runbook_lib.run.facts.windows import SECOND_EXPORTS, SUPERSEDED_EXPORTS, trailing_windows, windows_of
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import file_keys
from runbook_lib.run.tables.windows import export_files

SIDECARS = ("_started", "manifest-files.json", "manifest-files.md5", "manifest-summary.json", "manifest-summary.md5")


@dataclass(frozen=True, slots=True)
class OwnObjects:
    """Objects of one bucket; `raw` ones lie with the exports, the others where the target's side reads.

    `folder` is that of a whole export which other runs may use.
    """

    bucket: str
    keys: tuple[str, ...]
    raw: bool = True
    folder: str | None = None


def own_objects(run: Run, pair: Pair) -> Iterator[OwnObjects]:
    """What lies in the buckets for a table, export by export, windows included."""
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
    windows = [*windows_of(run.ledger, pair.source), *trailing_windows(run.ledger, pair.source)]
    second = SECOND_EXPORTS.of(run.ledger, pair.source)
    exports = [(w.arn, w.bucket, w.folder) for w in windows if w.manifest_md5 and not w.reused]
    others = SUPERSEDED_EXPORTS.all(run.ledger).items()
    full = [second, *(other for name, other in others if name.startswith(f"{pair.source} "))]
    exports += [
        (each.arn, str(each.bucket), str(each.folder)) for each in full if each is not None and each.items is not None
    ]
    for arn, bucket, folder in exports:
        keys = (row.file.key for row in export_files(run.ledger, pair.source, arn or ""))
        yield OwnObjects(bucket, (*keys, *_sidecars(folder)))


def _derived(run: Run, export_id: str, raw_files: Iterable[str]) -> OwnObjects:
    """All that a transform has put, or had put when it was killed: its names follow from those of the raw files."""
    place = run.config.target_staging
    folder = export_folder(place.prefix, export_id)
    made = (f"{folder}data/{data_file_name(key.encode())}" for key in raw_files)
    return OwnObjects(place.bucket, (*made, *_sidecars(folder)), raw=False)


def _sidecars(folder: str) -> tuple[str, ...]:
    return tuple(folder + name for name in SIDECARS)
