"""The engine that loads one table: files read in turn, batches in flight, a watermark per file.

Batches are drawn from several files at once, because a file holds one range of partition-key
hashes and would heat one partition alone. Per file the ledger knows the line up to which everything
is acknowledged, at most half a second old; a killed import goes on from there.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field

from runbook_lib.batch import Line, Outcome, Rejection, Target, batches, write_batch
from runbook_lib.datafile import CheckedFile, fetch
from runbook_lib.errors import CorruptFile, TransferError
from runbook_lib.manifest import DataFile
from runbook_lib.measure import Measure
from runbook_lib.run import Run

OPEN_FILES = 4
FLUSH_SECONDS = 0.5


@dataclass(slots=True)
class FileProgress:
    """How far one file is: batches come back in any order, the watermark only moves without gaps."""

    file: DataFile
    watermark: int
    written: int
    bytes: int
    sent: deque[tuple[int, list[Outcome]]] = field(default_factory=deque)
    rejected: list[Rejection] = field(default_factory=list)

    def send(self, batch: list[Line]) -> list[Outcome]:
        """Note a batch as sent; its outcome belongs into the list that comes back."""
        slot: list[Outcome] = []
        self.sent.append((batch[-1][0], slot))
        return slot

    def advance(self) -> None:
        """Move the watermark over every outcome that has come in without a gap."""
        while self.sent and self.sent[0][1]:
            self.watermark, (outcome,) = self.sent.popleft()
            self.written += outcome.written
            self.bytes += outcome.bytes
            self.rejected += outcome.rejected


@dataclass(slots=True)
class TableProgress:
    """What is shown of a table while it is loaded; `rate` is items per second just now."""

    source: str
    target: str
    items: int
    done: int = 0
    quarantined: int = 0
    bytes: int = 0
    wcu: float = 0.0
    throttles: int = 0
    rate: float = 0.0
    state: str = "waiting"

    @property
    def eta_seconds(self) -> float | None:
        return (self.items - self.done) / self.rate if self.rate else None


@dataclass(frozen=True, slots=True)
class Sample:
    """Totals of a table at one moment; the ledger keeps the differences between two of them."""

    at: float
    items: int
    bytes: int
    wcu: float
    throttles: int

    @classmethod
    def of(cls, loading: Loading) -> Sample:
        progress, files = loading.progress, loading.files
        progress.done = sum(f.written for f in files) + progress.quarantined
        progress.bytes = sum(f.bytes for f in files)
        return cls(time.monotonic(), progress.done, progress.bytes, progress.wcu, progress.throttles)


Watch = Callable[[TableProgress], None]
Flying = dict["Future[Outcome]", tuple[FileProgress, list[Outcome]]]


@dataclass(slots=True)
class Loading:
    """One table being loaded: its files, what is shown of it, and what went wrong with single files."""

    run: Run
    bucket: str
    files: list[FileProgress]
    progress: TableProgress
    watch: Watch
    failures: list[str] = field(default_factory=list)
    flushed: Sample = Sample(0.0, 0, 0, 0.0, 0)

    def show(self, state: str) -> None:
        self.progress.state = state
        self.watch(self.progress)


def files_of(run: Run, source: str) -> list[FileProgress]:
    """The files of the table's manifest and how far the ledger knows each to be."""
    return [
        FileProgress(
            DataFile(r["ordinal"], r["key"], r["md5"], r["items"]), r["acknowledged"], r["written"], r["bytes"]
        )
        for r in run.ledger.rows("SELECT * FROM file WHERE source = ? ORDER BY ordinal", source)
    ]


def check_only(loading: Loading, measure: Measure) -> None:
    """Fetch, check, batch and measure every file of a table, and send nothing."""
    for file in loading.files:
        with ExitStack() as own:
            if checked := _open(loading, file, own):
                for batch in batches(checked.items()):
                    loading.progress.done += len(batch)
                    measure.add(batch)
                loading.progress.bytes += checked.size
        loading.show("checking")


def load(loading: Loading, target: Target) -> None:
    """Send all that is not acknowledged yet; a damaged file is noted in `failures` and the others go on."""
    width = loading.run.config.import_.concurrency
    loading.flushed = Sample.of(loading)
    flying: Flying = {}
    with ThreadPoolExecutor(width, thread_name_prefix="import") as pool, ExitStack() as opened:
        source = _interleave(loading, opened)
        try:
            batch = next(source, None)
            while batch or flying:
                while batch and len(flying) < 2 * width:
                    file, lines = batch
                    flying[pool.submit(write_batch, target, lines)] = (file, file.send(lines))
                    batch = next(source, None)
                _collect(loading, wait(flying, FLUSH_SECONDS, FIRST_COMPLETED).done, flying)
                if time.monotonic() - loading.flushed.at > FLUSH_SECONDS:
                    _flush(loading)
                    loading.show("loading")
        finally:
            target.stop.set()
            pool.shutdown(cancel_futures=True)
            whole = [f for f in flying if not f.cancelled() and f.exception() is None]
            _collect(loading, whole, flying)
            _flush(loading)


def _interleave(loading: Loading, opened: ExitStack) -> Iterator[tuple[FileProgress, list[Line]]]:
    """Batches of several files in turn; the next file is opened when one ends."""
    waiting = deque(loading.files)
    turns: deque[tuple[FileProgress, Iterator[list[Line]], ExitStack]] = deque()
    while waiting or turns:
        while waiting and len(turns) < OPEN_FILES:
            file, own = waiting.popleft(), opened.enter_context(ExitStack())
            if checked := _open(loading, file, own):
                turns.append((file, batches(checked.items(file.watermark)), own))
        if turns:
            file, rest, own = turns.popleft()
            if (batch := next(rest, None)) is None:
                own.close()
            else:
                turns.append((file, rest, own))
                yield file, batch


def _open(loading: Loading, file: FileProgress, own: ExitStack) -> CheckedFile | None:
    """The file, fetched and checked, to be let go of by `own`; None if it is done, or damaged and noted."""
    run, source, key = loading.run, loading.progress.source, file.file.key
    row = run.ledger.rows("SELECT lines FROM file WHERE source = ? AND key = ?", source, key)[0]
    if row["lines"] is not None and file.written == file.file.items:
        return None  # all acknowledged by an earlier start
    try:
        checked = own.enter_context(fetch(run.clients.staging, loading.bucket, file.file))
    except CorruptFile as error:
        loading.failures.append(str(error))
        return None
    with run.ledger.batch():
        run.ledger.write("UPDATE file SET lines = ? WHERE source = ? AND key = ?", [(checked.lines, source, key)])
        _quarantine(loading, file, [Rejection(n, None, why) for n, why in checked.unreadable.items()])
    return checked


def _collect(loading: Loading, done: Iterable[Future[Outcome]], flying: Flying) -> None:
    """Take in what has come back; raises what a batch could not get over."""
    for future in done:
        file, slot = flying.pop(future)
        outcome = future.result()
        slot.append(outcome)
        loading.progress.wcu += outcome.wcu
        loading.progress.throttles += outcome.throttles
        file.advance()


def _flush(loading: Loading) -> None:
    """Write the watermarks, what they passed over and a sample of the throughput, all at once."""
    run, progress = loading.run, loading.progress
    with run.ledger.batch():
        run.ledger.write(
            "UPDATE file SET acknowledged = ?, written = ?, bytes = ? WHERE source = ? AND key = ?",
            [(f.watermark, f.written, f.bytes, progress.source, f.file.key) for f in loading.files],
        )
        for file in loading.files:
            _quarantine(loading, file, file.rejected)
            file.rejected = []
        last, now = loading.flushed, Sample.of(loading)
        if (now.items, now.throttles) != (last.items, last.throttles):
            grown = (now.items - last.items, now.bytes - last.bytes, now.wcu - last.wcu, now.throttles - last.throttles)
            run.ledger.write(
                "INSERT OR REPLACE INTO sample VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(progress.source, run.now().timestamp(), now.at - last.at, *grown)],
            )
            progress.rate = (now.items - last.items) / (now.at - last.at)
        loading.flushed = now
    limit = run.config.import_.quarantine_limit
    if progress.quarantined > limit:
        raise TransferError(
            f"{progress.quarantined} items are quarantined, import.quarantine_limit is {limit}; "
            "the table is left as it is"
        )


def _quarantine(loading: Loading, file: FileProgress, rejections: list[Rejection]) -> None:
    """Keep what was not written; a line that is known already is not counted twice."""
    ledger, source = loading.run.ledger, loading.progress.source
    ledger.write(
        "INSERT OR IGNORE INTO quarantine VALUES (?, ?, ?, ?, ?)",
        [(source, file.file.key, r.line, r.key_hash, r.reason) for r in rejections],
    )
    count = ledger.rows("SELECT COUNT(*) AS n FROM quarantine WHERE source = ?", source)
    loading.progress.quarantined = count[0]["n"]
