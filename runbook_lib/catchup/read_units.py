"""Files of a large window that worker processes of this machine read, check and make digests of, some at a time."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from runbook_lib.cluster.protocol import Message, UnitContext, WorkerContext
from runbook_lib.cluster.roster import WorkerRoster
from runbook_lib.cluster.spread import in_units, spread
from runbook_lib.errors import CorruptFile, RunbookError, TransferError
from runbook_lib.export_format.change import BOTH_IMAGES, ChangeWindow
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.window_file import read_changes
from runbook_lib.items.keyed import RunSecret
from runbook_lib.run.tables.windows import ChangeRow, rows_of

Keep = Callable[[list[ChangeRow]], None]


@dataclass(frozen=True, slots=True)
class WindowReadUnit:
    """Some files of one window for a worker process."""

    site: UnitContext
    bucket: str
    window: ChangeWindow
    secret: RunSecret
    files: tuple[DataFile, ...] = ()

    def of(self, files: Iterable[DataFile]) -> Iterator[WindowReadUnit]:
        """This one's window in units, of these files."""
        for some in in_units(files):
            yield WindowReadUnit(self.site, self.bucket, self.window, self.secret, tuple(some))


def read_files(desk: WorkerContext, unit: WindowReadUnit) -> Message:
    """What a worker process does with files of a window: what is kept of their changes, or why they are not whole."""
    rows, failure, damaged = list[ChangeRow](), None, False
    try:
        s3 = desk.clients(unit.site).staging
        changes = read_changes(s3, unit.bucket, unit.files, unit.window)
        rows = list(rows_of(changes, unit.secret, known=unit.window.view == BOTH_IMAGES))
    except RunbookError as error:
        failure, damaged = str(error), isinstance(error, CorruptFile)
    return {"failure": failure, "damaged": damaged, "process": desk.process, "rows": pickle.dumps(rows)}


def have_read(roster: WorkerRoster, source: str, many: int, units: Iterable[WindowReadUnit], keep: Keep) -> None:
    """Have processes read files, as many units at a time as there are; `keep` is given what is kept of each, once.

    Raises CorruptFile for a file that is not whole, and TransferError for one that could not be read.
    """

    def take(said: Message, unit: WindowReadUnit) -> None:
        if said["failure"]:
            raise CorruptFile(said["failure"]) if said["damaged"] else TransferError(said["failure"])
        keep(pickle.loads(said["rows"]))

    spread(roster, source, read_files, units, many, take)
