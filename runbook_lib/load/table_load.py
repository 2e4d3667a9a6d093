"""What is known of a table while it is loaded: the ledger keeps a watermark per file.

Per file the ledger knows the line up to which everything is acknowledged, and the lines beyond it that
are, at most half a second old; a killed import goes on from there. One thread writes them: the caller's.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field

from runbook_lib.cluster.roster import WorkerSpan
from runbook_lib.cost.measure import Measure
from runbook_lib.errors import CorruptFile, TransferError
from runbook_lib.export_format.data_file import CheckedFile, fetch
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.load.engine.batch_write import Outcome, Rejection, Target, batches, items_at_once
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.lane_queue import OpenFile
from runbook_lib.load.engine.pipeline import opened, send_files
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import FileProgress, counts_by_file, file_rows, keep_lines, keep_progress, was_read
from runbook_lib.run.tables.throughput import SampleRow, add_request_times, add_throttled, keep_sample
from runbook_lib.run.tables.unwritten import (
    PresentRow,
    QuarantinedRow,
    count_present,
    count_quarantined,
    keep_present,
    keep_quarantined,
)


@dataclass(slots=True)
class TableProgress:
    """What is shown of a table while it is loaded.

    `rate` is items and `wcu_rate` write units per second just now; `refused` counts the items that were
    throttled and sent again; `workers` are those of an engine that are at it,
    and `dashboard` is the engine's own.
    """

    source: str
    target: str
    items: int
    done: int = 0
    quarantined: int = 0
    present: int = 0
    bytes: int = 0
    wcu: float = 0.0
    throttles: int = 0
    refused: int = 0
    rate: float = 0.0
    wcu_rate: float = 0.0
    state: str = "waiting"
    workers: list[WorkerSpan] = field(default_factory=list)
    dashboard: str | None = None

    @property
    def eta_seconds(self) -> float | None:
        return (self.items - self.done) / self.rate if self.rate else None


@dataclass(frozen=True, slots=True)
class RateSample:
    """Totals of a table at one moment; the ledger keeps the differences between two of them."""

    at: float
    items: int
    bytes: int
    wcu: float
    throttles: int

    @classmethod
    def of(cls, progress: TableProgress) -> RateSample:
        return cls(time.monotonic(), progress.done, progress.bytes, progress.wcu, progress.throttles)


Watch = Callable[[TableProgress], None]


@dataclass(slots=True)
class TableLoad:
    """One table being loaded: its files, what is shown of it, and what went wrong with single files.

    `touched` are the files whose watermark the ledger does not know yet, `reasons` the throttled items by
    what DynamoDB said, `times` the answered requests by how long they took.
    """

    run: Run
    bucket: str
    files: list[FileCheckpoint]
    progress: TableProgress
    watch: Watch
    failures: list[str] = field(default_factory=list)
    touched: dict[str, FileCheckpoint] = field(default_factory=dict)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    times: Counter[int] = field(default_factory=Counter)
    flushed: RateSample = RateSample(0.0, 0, 0, 0.0, 0)

    def note(self, file: FileCheckpoint, spent: Outcome) -> None:
        """More of a file is acknowledged, and this is what it took."""
        self.touched[file.file.key] = file
        self.reasons += spent.reasons
        self.times += spent.times
        self.progress.wcu += spent.wcu
        self.progress.throttles += spent.throttles
        self.progress.refused += spent.refused

    def refuse_failed(self) -> None:
        """Raise TransferError that names each file which could not be read, if there is one."""
        if self.failures:
            raise TransferError("; ".join(self.failures))

    def show(self, state: str) -> None:
        self.progress.state = state
        self.watch(self.progress)


def files_of(run: Run, source: str) -> list[FileCheckpoint]:
    """The files of the table's manifest and how far the ledger knows each to be."""
    return [
        FileCheckpoint(row.data_file, row.acknowledged, row.written, row.bytes, row.beyond)
        for row in file_rows(run.ledger, source)
    ]


def check_only(table_load: TableLoad, measure: Measure) -> None:
    """Fetch, check, parse, batch and measure every file of a table, and send nothing."""
    progress = table_load.progress
    at_once = items_at_once(table_load.run.config.import_.on_non_empty != "append")
    for file in table_load.files:
        with ExitStack() as own:
            if checked := open_checked(table_load, file, own):
                progress.done += len(checked.unreadable)
                for batch in batches(checked.items(), at_once):
                    progress.done += len(batch)
                    if unreadable := measure.add(batch):
                        _quarantine(table_load, file, [Rejection(n, None, why) for n, why in unreadable])
                progress.bytes += checked.size
        progress.quarantined = count_quarantined(table_load.run.ledger, progress.source)
        table_load.show("checking")


def load(table_load: TableLoad, target: Target) -> None:
    """Send all that is not acknowledged yet; a damaged file is noted in `failures` and the others go on."""
    begin_samples(table_load)
    lock = target.lock

    def keep() -> None:
        table_load.run.clients.calls.flush()
        flush(table_load, lock)
        table_load.show("loading")

    try:
        send_files(table_load.files, target, lambda file: _open_file(table_load, file, target), table_load.note, keep)
    finally:
        table_load.run.clients.calls.flush()
        flush(table_load, lock)


def _open_file(table_load: TableLoad, file: FileCheckpoint, target: Target) -> OpenFile | None:
    with ExitStack() as stack:
        checked = open_checked(table_load, file, stack, target.stop.is_set, target.key)
        if checked is None:
            return None
        return opened(file, checked, stack.pop_all(), target.at_once)


def open_checked(
    table_load: TableLoad,
    file: FileCheckpoint,
    own: ExitStack,
    stopped: Callable[[], bool] = lambda: False,
    written: Sequence[KeyAttribute] = (),
) -> CheckedFile | None:
    """The file, fetched and checked, to be let go of by `own`; None if it is done, or damaged and noted.

    `written` is the key of the table into which its lines are written unparsed.
    """
    run, source, key = table_load.run, table_load.progress.source, file.file.key
    if file.written == file.file.items and was_read(run.ledger, source, key):
        return None  # all acknowledged by an earlier start
    try:
        checked = own.enter_context(fetch(run.clients.staging, table_load.bucket, file.file, stopped, written))
    except CorruptFile as error:
        table_load.failures.append(str(error))
        return None
    with run.ledger.batch():
        keep_lines(run.ledger, source, key, checked.lines)
        _quarantine(table_load, file, [Rejection(n, None, why) for n, why in checked.unreadable.items()])
    return checked


def begin_samples(table_load: TableLoad) -> None:
    """Count what an earlier start has done; what comes from here on is this one's."""
    _count(table_load)
    table_load.flushed = RateSample.of(table_load.progress)


def flush(table_load: TableLoad, lock: AbstractContextManager[object]) -> None:
    """Write what is acknowledged, what was rejected and a sample of the throughput, all at once.

    `lock` keeps those who note from noting meanwhile.
    """
    run = table_load.run
    with lock:
        touched, table_load.touched = table_load.touched, {}
        source = table_load.progress.source
        rows = [FileProgress(f.file.key, f.watermark, f.written, f.bytes, f.beyond()) for f in touched.values()]
        rejected = [(f, f.rejected) for f in touched.values() if f.rejected]
        for file, _ in rejected:
            file.rejected = []
        present = [(f, list(f.told_present())) for f in touched.values()]
        for file, _ in present:
            file.present = []
        reasons, table_load.reasons = table_load.reasons, Counter()
        times, table_load.times = table_load.times, Counter()
    try:
        with run.ledger.batch():
            keep_progress(run.ledger, source, rows)
            for file, rejections in rejected:
                _quarantine(table_load, file, rejections)
            found = (PresentRow(file.file.key, first, last) for file, spans in present for first, last in spans)
            keep_present(run.ledger, source, found)
            add_throttled(run.ledger, source, reasons)
            add_request_times(run.ledger, source, times)
            _sample(table_load)
    except BaseException:  # nothing of it is in the ledger: the next flush has to write it
        with lock:
            table_load.touched = touched | table_load.touched
            table_load.reasons += reasons
            table_load.times += times
            for file, rejections in rejected:
                file.rejected = rejections + file.rejected
            for file, spans in present:
                file.present = spans + file.present
        raise
    _check_quarantine_limit(table_load)


def _sample(table_load: TableLoad) -> None:
    """Count what is done and record what has been added to it since the last sample."""
    run, progress, last = table_load.run, table_load.progress, table_load.flushed
    _count(table_load)
    now = RateSample.of(progress)
    grown = (now.items - last.items, now.bytes - last.bytes, now.wcu - last.wcu, now.throttles - last.throttles)
    seconds = now.at - last.at
    if any(grown):
        keep_sample(run.ledger, SampleRow(progress.source, run.now().timestamp(), seconds, *grown))
        progress.rate, progress.wcu_rate = grown[0] / seconds, grown[2] / seconds
    table_load.flushed = now


def _check_quarantine_limit(table_load: TableLoad) -> None:
    limit = table_load.run.config.import_.quarantine_limit
    if table_load.progress.quarantined > limit:
        raise TransferError(
            f"{table_load.progress.quarantined} items are quarantined, import.quarantine_limit is {limit}; "
            "the table is left as it is"
        )


def _quarantine(table_load: TableLoad, file: FileCheckpoint, rejections: list[Rejection]) -> None:
    """Keep what was not written; a line that is known already is not counted twice."""
    source, key = table_load.progress.source, file.file.key
    rows = (QuarantinedRow(source, key, r.line, r.key_hash, r.reason) for r in rejections)
    keep_quarantined(table_load.run.ledger, rows)


def refuse_unaccounted(run: Run, source: str) -> None:
    """Law 1: for every file, exported = lines read = written + quarantined + present; raises TransferError."""
    for file in counts_by_file(run.ledger, source):
        if not file.add_up:
            raise TransferError(
                f"{file.key}: the manifest says {file.items} items, {file.lines} lines were read, "
                f"{file.written} written, {file.present} present and {file.quarantined} quarantined; they should "
                "add up"
            )


def _count(table_load: TableLoad) -> None:
    """What is done so far, from the files and the ledger's quarantine."""
    progress, ledger = table_load.progress, table_load.run.ledger
    progress.quarantined = count_quarantined(ledger, progress.source)
    progress.present = count_present(ledger, progress.source)
    progress.done = sum(f.written for f in table_load.files) + progress.quarantined + progress.present
    progress.bytes = sum(f.bytes for f in table_load.files)
