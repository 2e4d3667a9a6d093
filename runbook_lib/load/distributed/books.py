"""What the coordinator of workers tells of a table: how far its files are, and what it took.

The ledger has one place for the files of an import and another for those of a window, and both are written by workers
in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Protocol

from runbook_lib.cluster.roster import WorkerSpan
from runbook_lib.load.engine.batch_write import Outcome
from runbook_lib.load.engine.checkpoint import FileCheckpoint
from runbook_lib.load.table_load import TableLoad, begin_samples, flush
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import keep_lines, lines_of


class TableBooks(Protocol):
    """Where it is recorded how far workers are with the files of one table; used by the coordinator's one thread."""

    @property
    def run(self) -> Run: ...
    @property
    def source(self) -> str: ...
    @property
    def target(self) -> str: ...

    def open_files(self) -> list[FileCheckpoint]:
        """The files that are not known to be whole in the target."""

    def begin(self, dashboard: str | None) -> None:
        """Workers begin, of an engine that shows what it does there."""

    def read(self, file: FileCheckpoint, lines: int) -> None:
        """A worker has checked a file, and it has so many lines."""

    def note(self, file: FileCheckpoint, spent: Outcome) -> None:
        """More of a file is acknowledged, and this is what it took."""

    def damaged(self, why: str) -> None:
        """A file is to blame; the others go on."""

    def doubt(self) -> None:
        """An attempt is gone with what it knew of its last requests."""

    def keep(self, workers: Sequence[WorkerSpan]) -> None:
        """Record what has been told since the last time, and show it with those who are at it."""

    def end(self) -> None:
        """Record what has been told since; nobody is at it any more."""


@dataclass(frozen=True, slots=True)
class ImportBooks:
    """Those of an import."""

    table_load: TableLoad

    @property
    def run(self) -> Run:
        return self.table_load.run

    @property
    def source(self) -> str:
        return self.table_load.progress.source

    @property
    def target(self) -> str:
        return self.table_load.progress.target

    def open_files(self) -> list[FileCheckpoint]:
        """The files that are not known to be whole in the target, or not by a look at their lines."""
        lines = lines_of(self.run.ledger, self.source)
        return [f for f in self.table_load.files if lines.get(f.file.key) is None or f.written != f.file.items]

    def begin(self, dashboard: str | None) -> None:
        begin_samples(self.table_load)
        self.table_load.progress.dashboard = dashboard

    def read(self, file: FileCheckpoint, lines: int) -> None:
        keep_lines(self.run.ledger, self.source, file.file.key, lines)

    def note(self, file: FileCheckpoint, spent: Outcome) -> None:
        self.table_load.note(file, spent)

    def damaged(self, why: str) -> None:
        self.table_load.failures.append(why)

    def doubt(self) -> None:
        self.run.clients.calls.doubt(self.target)

    def keep(self, workers: Sequence[WorkerSpan]) -> None:
        self.table_load.progress.workers = list(workers)
        flush(self.table_load, nullcontext())
        self.table_load.show("loading")

    def end(self) -> None:
        self.table_load.progress.workers = []
        flush(self.table_load, nullcontext())
        self.table_load.show(self.table_load.progress.state)
