"""Write a window into its target with the engine of the import: puts as the bytes that AWS wrote, deletes by key.

Each key stands in a window once, so its lines may go in any order and any number of times; the next window begins when
each of them is answered. What is acknowledged is in the ledger, at most half a second old. With workers, its files are
shared among them, as those of an import are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace

from runbook_lib.aws.transport.client import DynamoDBTransport
from runbook_lib.catchup.read import lines_window
from runbook_lib.cluster.roster import WorkerRoster, WorkerSpan
from runbook_lib.errors import CorruptFile, TransferError
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.window_file import CheckedChanges, fetch_changes
from runbook_lib.items.keys import KeyAttribute
from runbook_lib.load.by_batch_write import budget_of, target_of, units_for
from runbook_lib.load.distributed.coordinator import write_spread
from runbook_lib.load.engine.batch_write import UNANSWERED, Outcome, Target
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.engine.lane_queue import OpenFile
from runbook_lib.load.engine.pipeline import opened, send_files
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.afterwards.used_units import add_written
from runbook_lib.run.facts.windows import WindowFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.windows import count_refused, export_files, keep_refused, keep_sent

Show = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ChosenChanges:
    """Some lines of a checked file; it is drawn from as the file itself is."""

    checked: CheckedChanges
    chosen: frozenset[int]

    @property
    def file(self) -> DataFile:
        return self.checked.file

    @property
    def lines(self) -> int:
        return len(self.chosen)

    @property
    def stored(self) -> int:
        return self.checked.stored

    def items(self, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """Line numbers and what is to be sent, of the chosen lines after the given one."""
        return ((number, line) for number, line in self.checked.items(after) if number in self.chosen)


@dataclass(slots=True)
class WindowSending:
    """The sending of a window: what of its files has changed since the ledger was told, and what was not answered.

    It is the `TableBooks` of workers that send it; `lost` tells that one of them went away.
    """

    run: Run
    fact: WindowFact
    target: str
    key: tuple[KeyAttribute, ...]
    show: Show
    files: list[FileCheckpoint]
    lost: bool = False
    failures: list[str] = field(default_factory=list)
    touched: dict[str, FileCheckpoint] = field(default_factory=dict)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    units: float = 0.0

    @property
    def source(self) -> str:
        return self.fact.source

    @property
    def uncertain(self) -> bool:
        """Whether a request of it may still arrive."""
        return self.lost or any(reason == UNANSWERED for reason, _ in self.reasons)

    def open_files(self) -> list[FileCheckpoint]:
        """The files of which something is left to be sent."""
        return [file for file in self.files if file.written != file.file.items]

    def begin(self, dashboard: str | None) -> None:
        """Nothing is shown of who sends a window."""

    def read(self, file: FileCheckpoint, lines: int) -> None:
        """All files were read before any was sent."""

    def note(self, file: FileCheckpoint, spent: Outcome) -> None:
        """More of a file is through; called with the lock of the target held."""
        self.touched[file.file.key] = file
        self.reasons += spent.reasons
        self.units += spent.wcu

    def damaged(self, why: str) -> None:
        """A file is not the one any more that was read."""
        self.failures.append(why)

    def doubt(self) -> None:
        """A worker is gone with what it knew of its last requests."""
        self.lost = True
        self.run.clients.calls.doubt(self.target)

    def keep(self, workers: Sequence[WorkerSpan]) -> None:
        self.flush(nullcontext())

    def end(self) -> None:
        self.flush(nullcontext())

    def open(self, target: Target, file: FileCheckpoint, chosen: frozenset[int] | None = None) -> OpenFile | None:
        """A file of the window, by its MD5 the one that was read, to be drawn from; None where nothing is left."""
        if file.written == file.file.items and chosen is None:
            return None
        with ExitStack() as own:
            fetched = fetch_changes(
                self.run.clients.staging,
                self.fact.bucket,
                file.file,
                lines_window(self.fact, self.key),
                target.stop.is_set,
                known=True,  # it was read whole before any of it is sent
            )
            checked = own.enter_context(fetched)
            return opened(
                file, checked if chosen is None else ChosenChanges(checked, chosen), own.pop_all(), target.at_once
            )

    def flush(self, lock: AbstractContextManager[object]) -> None:
        """Record what has been acknowledged and refused since the last time; `lock` keeps those who note from it."""
        fact, ledger = self.fact, self.run.ledger
        self.run.clients.calls.flush()
        with lock:
            touched, self.touched = self.touched, {}
            rows = [(f.file.key, f.watermark, f.written, f.bytes, f.beyond()) for f in touched.values()]
            refused = [(f.file.key, r.line, r.key_hash, r.reason) for f in touched.values() for r in f.rejected]
            for file in touched.values():
                file.rejected = []
            units, self.units = self.units, 0.0
        with ledger.batch():
            add_written(ledger, fact.source, units)
            keep_sent(ledger, fact.source, fact.arn or "", rows)
            keep_refused(ledger, fact.source, fact.number, refused)
        self.show(sum(row[2] for row in rows))


def send_window(
    run: Run,
    pair: Pair,
    fact: WindowFact,
    writer: DynamoDBTransport,
    key: tuple[KeyAttribute, ...],
    show: Show,
    workers: Callable[[], WorkerRoster | None] = lambda: None,
) -> WindowFact:
    """Send all of a window that is not acknowledged; raises TransferError unless every change is accounted for.

    `workers` are asked for where it has several files with changes: of one file there is nothing to share.
    """
    files = [
        FileCheckpoint(row.file, row.acknowledged, row.written, row.bytes, row.beyond)
        for row in export_files(run.ledger, fact.source, fact.arn or "")
    ]
    sending = WindowSending(run, fact, pair.target, key, show, files)
    roster = workers() if len(sending.open_files()) > 1 else None
    if roster is None:
        _send_here(sending, pair, writer)
    else:
        _send_spread(sending, pair, roster)
    acknowledged = sum(file.written for file in files)
    refused = count_refused(run.ledger, fact.source, fact.number, fact.arn or "")
    if acknowledged + refused != (fact.puts or 0) + (fact.deletes or 0):
        raise TransferError(
            f"{pair.source}: window {fact.number} holds {fact.puts:,} puts and {fact.deletes:,} deletes, and "
            f"{acknowledged:,} were acknowledged and {refused:,} refused; they should add up"
        )
    uncertain = fact.uncertain or sending.uncertain
    return replace(fact, acknowledged=acknowledged, quarantined=refused, uncertain=uncertain)


def _send_here(sending: WindowSending, pair: Pair, writer: DynamoDBTransport) -> None:
    target = target_of(sending.run, pair, writer, len(sending.files))
    try:
        send_files(sending.files, target, lambda f: sending.open(target, f), sending.note,
                   lambda: sending.flush(target.lock))  # fmt: skip
    finally:
        sending.flush(target.lock)


def _send_spread(sending: WindowSending, pair: Pair, roster: WorkerRoster) -> None:
    run, fact = sending.run, sending.fact
    units = units_for(run, pair, fact.bucket, lines_window(fact, sending.key))
    write_spread(sending, roster, budget_of(run, pair), units)
    if sending.failures:
        raise CorruptFile("; ".join(sending.failures))


def send_again(
    run: Run, pair: Pair, fact: WindowFact, writer: DynamoDBTransport, key: tuple[KeyAttribute, ...],
    lines: dict[str, frozenset[int]],
) -> None:  # fmt: skip
    """Send some lines of the latest window once more, by the keys of its files."""
    files = [
        FileCheckpoint(row.file, 0, 0, 0) for row in export_files(run.ledger, fact.source, fact.arn or "")
        if row.file.key in lines
    ]  # fmt: skip
    sending = WindowSending(run, fact, pair.target, key, lambda done: None, files)
    target = target_of(run, pair, writer, len(files))
    try:
        send_files(files, target, lambda f: sending.open(target, f, lines[f.file.key]),
                   sending.note, run.clients.calls.flush)  # fmt: skip
    finally:
        add_written(run.ledger, fact.source, sending.units)
