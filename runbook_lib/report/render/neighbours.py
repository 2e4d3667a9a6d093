"""The other runs of a reports folder, of which nothing may be believed before it has been looked at.

A folder of reports is shared: copied, cut short and edited runs lie in it, and those of other versions. What does not
fit the model of a record is a broken run, with the reason.
"""

from __future__ import annotations

import os
import stat
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from runbook_lib.errors import EvidenceError, RunbookError
from runbook_lib.record.build import build_record, step_row
from runbook_lib.record.run_json import RUN_JSON, RunRecord, read_record
from runbook_lib.run.facts.starts import RUN_ID, STARTED, STEP_FACTS
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.sealed.seal import LEDGER, pages_are_sealed
from runbook_lib.run.steps import CLEANUP, ROLLBACK

LARGEST = 256 << 20  # bytes of a run.json; ten thousand tables take 40 MB


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A run's folder; `record` is None and `broken` says why where its run.json is not the record of a run."""

    folder: Path
    record: RunRecord | None
    sealed: bool = False
    broken: str = ""

    @property
    def name(self) -> str:
        """The folder's name as text that can be written, whatever bytes it is made of."""
        return os.fsencode(self.folder.name).decode("utf-8", "backslashreplace")


def neighbours(root: Path) -> list[Neighbour]:
    """Every run of a reports folder, in the order of their names."""
    found = (_neighbour(folder) for folder in sorted(root.iterdir()) if not folder.name.startswith("."))
    return [known for known in found if known is not None]


@dataclass(frozen=True, slots=True)
class BegunRun:
    """A run without a record: it is in its first start, in notebooks before their first report, or it was killed."""

    name: str
    started: str


def begun_runs(root: Path) -> list[BegunRun]:
    """The runs that have a ledger and no record yet, the newest first. Of no ledger a byte is changed."""
    found = []
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.name.startswith(".") or not _is_file(folder / LEDGER) or os.path.lexists(folder / RUN_JSON):
            continue
        with suppress(RunbookError), closing(Ledger(folder / LEDGER, admit=_refuse)) as ledger:
            found.append(BegunRun(Neighbour(folder, None).name, STARTED.of(ledger) or ""))  # else it is no ledger
    return sorted(found, key=lambda run: run.started, reverse=True)


def record_of_ledger(folder: Path) -> RunRecord | None:
    """The record of a run that goes on, as its ledger is now; None where there is no ledger that can be read.

    Unlike `run.json` it has the steps in which what was written is taken back, if they were ever begun.
    """
    if folder.name.startswith(".") or not _is_file(folder / LEDGER):
        return None
    with suppress(RunbookError), closing(Ledger(folder / LEDGER, admit=_refuse)) as ledger:
        record = build_record(ledger, RUN_ID.of(ledger) or folder.name, "", running=True)
        undoing = [step_row(ledger, step) for step in (ROLLBACK, CLEANUP) if STEP_FACTS.of(ledger, step)]
        return record.model_copy(update={"steps": [*record.steps, *undoing]})
    return None


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _refuse() -> None:
    raise AssertionError("a run that is only listed is not written to")


def _neighbour(folder: Path) -> Neighbour | None:
    try:
        about = (folder / RUN_JSON).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return Neighbour(folder, None, broken=error.strerror or "it cannot be read")
    if not stat.S_ISREG(about.st_mode):
        return Neighbour(folder, None, broken="it is no regular file")
    if about.st_size > LARGEST:
        return Neighbour(folder, None, broken=f"it has {about.st_size:,} bytes")
    try:
        return Neighbour(folder, read_record(folder), pages_are_sealed(folder))
    except EvidenceError as error:
        return Neighbour(folder, None, broken=str(error).removeprefix(f"{folder}: "))
