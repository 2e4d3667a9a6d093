"""The buckets of both sides of a comparison, counted by the workers of an engine and added up here.

A unit is some files of the export, or a segment of the table's Scan; their buckets add up in any order. A
unit whose worker went away is counted again as a whole: nothing of it was taken in.
"""

from __future__ import annotations

import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.cluster.protocol import Desk, Message, Site, Work
from runbook_lib.cluster.roster import Crew, calls_of
from runbook_lib.errors import RunbookError, TransferError
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.items.canonical import Item
from runbook_lib.items.keyed import RunSecret
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.run.run import Run
from runbook_lib.validate.bucket_digest import Buckets
from runbook_lib.validate.checkpoint import Tally
from runbook_lib.validate.readers import ExportSide, Show, TableSide

UNIT_ITEMS, UNIT_FILES = 50_000, 64  # of small files together, so that their buckets are worth the way
TRIES = 5
AHEAD = 2


@dataclass(frozen=True, slots=True)
class FilesUnit:
    """Some files of an export."""

    site: Site
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

    site: Site
    table: str
    segment: int
    segments: int
    max_rcu: float | None
    key: tuple[KeyAttribute, ...]
    secret: RunSecret

    @property
    def parts(self) -> list[int]:
        return [self.segment]


def count_files(desk: Desk, unit: FilesUnit) -> Message:
    """What a worker does with files."""

    def items() -> Iterator[Item]:
        s3 = desk.clients(unit.site).staging
        return ExportSide(s3, unit.bucket, list(unit.files), unit.key, unit.refused).items()

    return _counted(desk, unit, items)


def count_segment(desk: Desk, unit: SegmentUnit) -> Message:
    """What a worker does with a segment."""
    limit = RateLimit(unit.max_rcu)

    def items() -> Iterator[Item]:
        wire = desk.clients(unit.site).target_wire
        return TableSide(wire, unit.table, unit.segments, 1, limit, unit.key).items_of(unit.segment)

    return _counted(desk, unit, items) | {"read_units": limit.used}


def _counted(desk: Desk, unit: FilesUnit | SegmentUnit, items: Callable[[], Iterator[Item]]) -> Message:
    buckets, began, failure = Buckets(unit.secret), time.monotonic(), None
    calls: list[tuple[str, str, int]] = []
    try:
        buckets.add_items(items(), unit.key)
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
class Census:
    """What counting one table's two sides needs."""

    run: Run
    crew: Crew
    source: str
    key: tuple[KeyAttribute, ...]

    def of_export(self, side: ExportSide, tally: Tally, show: Show) -> Buckets:
        """The export's buckets; files that the tally has are not read again."""
        left = [file for file in side.files if file.ordinal not in tally.done]
        units = [
            FilesUnit(self._site, side.bucket, tuple(files), self.key, side.refused, tally.secret)
            for files in _together(left)
        ]
        ahead = AHEAD * self.crew.engine.slots()
        self._count(count_files, units, ahead, tally, show)
        return tally.buckets

    def of_table(self, side: TableSide, max_rcu: float | None, tally: Tally, show: Show) -> Buckets:
        """The table's buckets, all of them read in this one stretch. The segments share `max_rcu` equally."""
        at_once = max(1, min(side.segments, self.crew.engine.slots()))
        part = None if max_rcu is None else max_rcu / at_once
        units = [
            SegmentUnit(self._site, side.table, segment, side.segments, part, self.key, tally.secret)
            for segment in range(side.segments)
        ]
        ahead = at_once if max_rcu else AHEAD * at_once
        self._count(count_segment, units, ahead, tally, show, lambda said: side.limit.note(said["read_units"]))
        return tally.buckets

    @property
    def _site(self) -> Site:
        return Site(self.run.config, self.run.clients.target_identity.place)

    def _count(
        self, work: Work, units: list[Any], ahead: int, tally: Tally, show: Show,
        take: Callable[[Message], None] = lambda said: None,
    ) -> None:  # fmt: skip
        waiting, running = deque(units), dict[Future[Message], Any]()
        ended: SimpleQueue[Future[Message]] = SimpleQueue()
        lost = 0
        try:
            while waiting or running:
                while waiting and len(running) < ahead:
                    unit = waiting.popleft()
                    future = self.crew.engine.submit(work, unit)
                    running[future] = unit
                    future.add_done_callback(ended.put)
                try:
                    future = ended.get(timeout=1.0)
                except Empty:
                    self.crew.engine.check()
                    continue
                unit = running.pop(future)
                if self._is_lost(future):
                    lost += 1
                    if lost > TRIES:
                        raise TransferError(f"workers that read {self.source} went away {lost} times; see their logs")
                    waiting.append(unit)
                else:
                    lost = 0
                    self._take(future.result(), unit.parts, tally)
                    take(future.result())
                    show(tally.buckets.items)
        finally:
            for future in running:
                future.cancel()
            tally.keep()
            self.crew.keep(self.source, 0.0)

    def _is_lost(self, future: Future[Message]) -> bool:
        error = CancelledError() if future.cancelled() else future.exception()
        if error is None:
            return False
        self.crew.engine.check()
        if not self.crew.engine.is_loss(error):
            raise TransferError(f"{self.source}: a worker failed: {type(error).__name__}: {error}") from error
        return True

    def _take(self, said: Message, parts: list[int], tally: Tally) -> None:
        now = self.run.now().timestamp()
        self.crew.count_calls(said["process"], said["calls"])
        if said["failure"]:
            raise TransferError(said["failure"])
        self.crew.note(self.source, said["process"], now, said["items"], since=said["seconds"])
        tally.finish_all(parts, Buckets.unpack(zlib.decompress(said["buckets"]), tally.secret))


def _together(files: Iterable[DataFile]) -> Iterator[list[DataFile]]:
    """Files in groups that are worth a unit each."""
    group: list[DataFile] = []
    for file in files:
        group.append(file)
        if len(group) == UNIT_FILES or sum(f.items for f in group) >= UNIT_ITEMS:
            yield group
            group = []
    if group:
        yield group
