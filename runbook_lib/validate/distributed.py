"""The buckets of both sides of a comparison, counted by the workers of an engine and added up here.

A unit is some files of the export, or a segment of the table's Scan; their buckets add up in any order. A
unit whose worker went away is counted again as a whole: nothing of it was taken in.
"""

from __future__ import annotations

import pickle
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.cluster.protocol import Message, UnitContext, Work, WorkerContext
from runbook_lib.cluster.roster import WorkerRoster, calls_of
from runbook_lib.cluster.spread import in_units, spread
from runbook_lib.errors import RunbookError, TransferError
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.run.run import Run
from runbook_lib.run.witnesses.source_ttl import Excuse
from runbook_lib.validate.bucket_digest import BucketDigest
from runbook_lib.validate.checkpoint import DigestCheckpoint
from runbook_lib.validate.indexes.sample import IndexSample
from runbook_lib.validate.readers import ExportReader, Show, Spelled, TableReader

AHEAD = 2


@dataclass(frozen=True, slots=True)
class FilesUnit:
    """Some files of an export."""

    site: UnitContext
    bucket: str
    files: tuple[DataFile, ...]
    key: tuple[KeyAttribute, ...]
    refused: Mapping[str, frozenset[int]]
    secret: RunSecret

    @property
    def parts(self) -> list[int]:
        return [file.ordinal for file in self.files]


@dataclass(frozen=True, slots=True)
class SegmentUnit:
    """One segment of a table's Scan, and the read units per second that it may use."""

    site: UnitContext
    table: str
    segment: int
    segments: int
    max_rcu: float | None
    key: tuple[KeyAttribute, ...]
    secret: RunSecret

    @property
    def parts(self) -> list[int]:
        return [self.segment]


@dataclass(frozen=True, slots=True)
class SamplesUnit:
    """Some files of an export, and the empty samples of indexes to be filled from them."""

    files: FilesUnit
    samples: tuple[IndexSample, ...]
    excuse: Excuse


def digest_files(desk: WorkerContext, unit: FilesUnit) -> Message:
    """What a worker does with files."""

    def items() -> Iterator[Spelled]:
        reader = _reader_of(desk, unit)
        return chain.from_iterable(reader.spelled_of(file, unit.key) for file in reader.files)

    return _counted(desk, unit, items)


def sample_files(desk: WorkerContext, unit: SamplesUnit) -> Message:
    """What a worker does with files and samples."""
    began, failure, calls = time.monotonic(), None, list[tuple[str, str, int]]()
    samples = tuple(sample.empty() for sample in unit.samples)
    try:
        for item in _reader_of(desk, unit.files).items():
            expires = unit.excuse.expiry(item)
            for sample in samples:
                sample.add(item, expires)
        calls = calls_of(desk.clients(unit.files.site).calls)
    except RunbookError as error:
        failure = str(error)
    told = {"failure": failure, "process": desk.process, "calls": calls, "seconds": time.monotonic() - began}
    return told | {"samples": zlib.compress(pickle.dumps(samples), 1)}


def _reader_of(desk: WorkerContext, unit: FilesUnit) -> ExportReader:
    s3 = desk.clients(unit.site).staging
    return ExportReader(s3, unit.bucket, list(unit.files), unit.key, unit.refused)


def digest_segment(desk: WorkerContext, unit: SegmentUnit) -> Message:
    """What a worker does with a segment."""
    limit = RateLimit(unit.max_rcu)

    def items() -> Iterator[Spelled]:
        transport = desk.clients(unit.site).target_wire
        return TableReader(transport, unit.table, unit.segments, 1, limit, unit.key).spelled_of(unit.segment, unit.key)

    return _counted(desk, unit, items) | {"read_units": limit.used}


def _counted(desk: WorkerContext, unit: FilesUnit | SegmentUnit, items: Callable[[], Iterator[Spelled]]) -> Message:
    buckets, began, failure = BucketDigest(unit.secret), time.monotonic(), None
    calls: list[tuple[str, str, int]] = []
    try:
        buckets.add_spelled(items())
        calls = calls_of(desk.clients(unit.site).calls)
    except RunbookError as error:
        failure = str(error)
    return {
        "failure": failure,
        "buckets": zlib.compress(buckets.pack(), 1),
        "items": buckets.items,
        "seconds": time.monotonic() - began,
        "process": desk.process,
        "calls": calls,
    }


@dataclass(frozen=True, slots=True)
class DistributedDigest:
    """What counting one table's two sides needs."""

    run: Run
    roster: WorkerRoster
    source: str
    key: tuple[KeyAttribute, ...]

    def of_export(self, side: ExportReader, checkpoint: DigestCheckpoint, show: Show) -> BucketDigest:
        """The export's buckets; files that the tally has are not read again."""
        left = [file for file in side.files if file.ordinal not in checkpoint.done]
        units = self._units(side, left, checkpoint.secret)
        self._count(digest_files, units, AHEAD * self.roster.engine.slots(), checkpoint, show)
        return checkpoint.buckets

    def of_table(
        self, side: TableReader, max_rcu: float | None, checkpoint: DigestCheckpoint, show: Show
    ) -> BucketDigest:
        """The table's buckets, all of them read in this one stretch. The segments share `max_rcu` equally."""
        at_once = max(1, min(side.segments, self.roster.engine.slots()))
        part = None if max_rcu is None else max_rcu / at_once
        units = [
            SegmentUnit(self._site, side.table, segment, side.segments, part, self.key, checkpoint.secret)
            for segment in range(side.segments)
        ]
        ahead = at_once if max_rcu else AHEAD * at_once
        self._count(digest_segment, units, ahead, checkpoint, show, lambda said: side.limit.note(said["read_units"]))
        return checkpoint.buckets

    def of_indexes(self, side: ExportReader, excuse: Excuse, samples: list[IndexSample]) -> None:
        """Fill samples of indexes with the export's items."""
        empty = tuple(sample.empty() for sample in samples)
        units = [SamplesUnit(unit, empty, excuse) for unit in self._units(side, side.files, self.run.secret)]

        def take(said: Message, unit: SamplesUnit) -> None:
            self._heard(said, 0)
            parts: tuple[IndexSample, ...] = pickle.loads(zlib.decompress(said["samples"]))
            for sample, part in zip(samples, parts, strict=True):
                sample.merge(part)

        spread(self.roster, self.source, sample_files, units, AHEAD * self.roster.engine.slots(), take)

    @property
    def _site(self) -> UnitContext:
        return UnitContext(self.run.config, self.run.clients.target_identity.place)

    def _units(self, side: ExportReader, files: Iterable[DataFile], secret: RunSecret) -> list[FilesUnit]:
        groups = map(tuple, in_units(files))
        return [FilesUnit(self._site, side.bucket, group, self.key, side.refused, secret) for group in groups]

    def _count(
        self, work: Work, units: list[Any], ahead: int, checkpoint: DigestCheckpoint, show: Show,
        more: Callable[[Message], None] = lambda said: None,
    ) -> None:  # fmt: skip
        def take(said: Message, unit: FilesUnit | SegmentUnit) -> None:
            self._heard(said, said["items"])
            buckets = BucketDigest.unpack(zlib.decompress(said["buckets"]), checkpoint.secret)
            checkpoint.finish_all(unit.parts, buckets)
            more(said)
            show(checkpoint.buckets.items)

        try:
            spread(self.roster, self.source, work, units, ahead, take)
        finally:
            checkpoint.keep()

    def _heard(self, said: Message, items: int) -> None:
        """Account for a unit that was done; raises TransferError for one that failed."""
        now = self.run.now().timestamp()
        self.roster.count_calls(said["process"], said["calls"])
        if said["failure"]:
            raise TransferError(said["failure"])
        self.roster.note(self.source, said["process"], now, items, since=said["seconds"])
