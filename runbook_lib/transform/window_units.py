"""Files of a window that worker processes of this machine make, some at a time, as they make those of an export."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.cluster.protocol import Message, UnitContext, WorkerContext
from runbook_lib.cluster.roster import WorkerRoster, calls_of
from runbook_lib.cluster.spread import in_units, spread
from runbook_lib.errors import RunbookError, TransferError
from runbook_lib.export_format.change import ChangeWindow
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.export_format.writer import data_file_name
from runbook_lib.items.keyed import RunSecret
from runbook_lib.masking.mask_key import MaskKey
from runbook_lib.masking.shown.met import UnnamedCount
from runbook_lib.run.facts.masking.windows import TransformedChanges
from runbook_lib.run.tables.windows import ChangeRow
from runbook_lib.transform.changes import ChangesRewrite, Refused
from runbook_lib.transform.derived import DerivedPlace, derived_writer
from runbook_lib.transform.rewrite import ONE, UnnamedValues, recipe_of_unit


@dataclass(frozen=True, slots=True)
class MadeChanges:
    """A file of a window that is stored, what could not be made, and its changes as they were exported."""

    file: TransformedChanges
    refused: list[Refused]
    rows: list[ChangeRow]


@dataclass(frozen=True, slots=True)
class WindowUnit:
    """Some files of one window for a worker process; `name` is that of its fact."""

    site: UnitContext
    source: TableDescription
    target: str
    bucket: str
    place: DerivedPlace
    window: ChangeWindow
    name: str
    files: tuple[DataFile, ...]
    key: MaskKey | None
    hook: str | None
    secret: RunSecret

    def of(self, files: Iterable[DataFile]) -> Iterator[WindowUnit]:
        """This one's window in units, of these files."""
        for some in in_units(files):
            yield WindowUnit(
                self.site, self.source, self.target, self.bucket, self.place, self.window, self.name, tuple(some),
                self.key, self.hook, self.secret,
            )  # fmt: skip


def made_name(place: DerivedPlace, file: DataFile) -> str:
    """What a made file is called: the same whoever makes it, and however often."""
    return data_file_name(f"{place.export_id} {file.key}".encode())


def rewrite_changes(desk: WorkerContext, unit: WindowUnit) -> Message:
    """What a worker process does with files of a window: what it made, and found without a rule, up to what failed."""
    began, failure, process = time.monotonic(), None, desk.process
    made, unnamed, calls = list[MadeChanges](), UnnamedCount(), list[tuple[str, str, int]]()
    try:
        with ONE:
            clients = desk.both_sides(unit.site)
            recipe = recipe_of_unit(unit.site, unit.source, unit.key, unit.hook)
            writer, rows = derived_writer(unit.site.config, clients.staging, unit.place), list[ChangeRow]()
            work = ChangesRewrite(
                recipe, unit.source.name, unit.target, clients.raw, unit.bucket, unit.window, writer, unit.secret,
                rows.extend,
            )  # fmt: skip
            for file in unit.files:
                try:
                    told = work.rewrite(unit.name, file, made_name(unit.place, file))
                    made.append(MadeChanges(told, work.refused, rows.copy()))
                except UnnamedValues as error:
                    unnamed.add(error.values)
                rows.clear()
        calls = calls_of(clients.calls)
    except RunbookError as error:
        failure = str(error)
    said = {"failure": failure, "process": process, "calls": calls, "seconds": time.monotonic() - began}
    return said | {"outcome": pickle.dumps((made, unnamed))}


def have_made(
    roster: WorkerRoster, source: str, many: int, units: Iterable[WindowUnit], keep: Callable[[MadeChanges], None]
) -> UnnamedCount:
    """Have processes make files, as many units at a time as there are; returns the values that no rule names.

    `keep` is given each file that is stored, once. Raises TransferError for a unit that failed, after what it made.
    """
    unnamed = UnnamedCount()

    def take(said: Message, unit: WindowUnit) -> None:
        made, found = pickle.loads(said["outcome"])
        for each in made:
            keep(each)
        unnamed.add(found)
        roster.count_calls(said["process"], said["calls"])
        if said["failure"]:
            raise TransferError(said["failure"])

    spread(roster, source, rewrite_changes, units, many, take)
    return unnamed
