"""Incremental exports: which stretch of time may be asked for, and the changes in it as AWS writes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from moto.dynamodb.models.table import Table

from runbook_lib.export_format.change import spell_change
from runbook_lib.export_format.writer import ExportedWindow
from runbook_lib.sandbox.emulator.change_log import ChangeLog, LoggedWrite
from runbook_lib.sandbox.emulator.hash_order import segment_bounds
from runbook_lib.sandbox.emulator.replies import AwsError, invalid
from runbook_lib.sandbox.emulator.s3.snapshot import Snapshot
from runbook_lib.sandbox.emulator.store import Store

INCREMENTAL = "INCREMENTAL_EXPORT"
SHORTEST, LONGEST = timedelta(minutes=15), timedelta(hours=24)
LEAST_BILLED = 10_000_000  # bytes that AWS charges an incremental export for at least
FILES = 4
VIEWS = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")


class Flaw(StrEnum):
    """What may be wrong with a window, for tests of those who read it."""

    DROPPED_CHANGE = "dropped-change"
    DUPLICATE_KEY = "duplicate-key"
    SKEWED_CLOCK = "skewed-clock"  # an hour ahead
    SLOW_CLOCK = "slow-clock"  # half a minute before the window, as a writer's clock may be


def asked_window(request: dict[str, Any], earliest: float, now: datetime) -> ExportedWindow | None:
    """The stretch of time that a request names, None for a full export; raises what AWS answers to a bad one."""
    kind, asked = request.get("ExportType", "FULL_EXPORT"), request.get("IncrementalExportSpecification")
    if kind == "FULL_EXPORT" and asked is None:
        return None
    if kind != INCREMENTAL or not isinstance(asked, dict):
        raise invalid(f"IncrementalExportSpecification belongs to ExportType {INCREMENTAL}, and the other way round")
    if "ExportTime" in request:
        raise invalid(f"ExportTime cannot be given for ExportType {INCREMENTAL}")
    if "FilterSpecification" in request:
        raise invalid("The sandbox does not filter incremental exports")
    if (view := asked.get("ExportViewType", VIEWS[1])) not in VIEWS:
        raise invalid(
            f"1 validation error detected: Value '{view}' at 'incrementalExportSpecification.exportViewType' failed to "
            f"satisfy constraint: Member must satisfy enum value set: [{', '.join(VIEWS)}]"
        )
    if "ExportFromTime" not in asked:
        raise invalid("IncrementalExportSpecification must have an ExportFromTime")
    start = _whole_second(asked["ExportFromTime"])
    end = _whole_second(asked.get("ExportToTime", now.timestamp()))
    _check(start, end, _whole_second(earliest), now)
    return ExportedWindow(start, end, view)


def _whole_second(moment: Any) -> datetime:
    return datetime.fromtimestamp(int(float(moment)), UTC)


def _check(start: datetime, end: datetime, earliest: datetime, now: datetime) -> None:
    if start >= end:
        raise _untimely("Export from time must be before export to time")
    if start < earliest:
        raise _untimely(f"Export from time {start} is before the earliest restorable time {earliest}")
    if end > now:
        raise _untimely(f"Export to time {end} is in the future")
    if not SHORTEST <= end - start <= LONGEST:
        raise _untimely(
            "Difference between export period from time and export period to time must be between 15 minutes and 24 "
            f"hours, and is {end - start}"
        )


def _untimely(message: str) -> AwsError:
    return AwsError("InvalidExportTimeException", message)


def take_window(store: Store, table: Table, window: ExportedWindow, flaw: Flaw | None = None) -> Snapshot:
    """The changes of a stretch of time as lines, cut into hash ranges like the files of a full export."""
    with store.locked():
        changes = sorted(store.log(table).between(window.start, window.end), key=lambda change: change.token)
    if changes:
        changes = list(_flawed(changes, flaw, window.start))
    both = window.view == VIEWS[1]
    ranges = []
    for start, end in (segment_bounds(part, FILES) for part in range(FILES)):
        part = [c for c in changes if start <= c.token[0] and (end is None or c.token[0] < end)]
        ranges.append(tuple(_line(change, both=both) for change in part))
    size = sum(len(line) for lines in ranges for line in lines)
    return Snapshot(tuple(ranges), max(LEAST_BILLED, size))


def change_lines(log: ChangeLog, start: datetime, end: datetime, *, both: bool) -> list[bytes]:
    """The changes of a stretch of time as the lines of a file, in the order of their keys."""
    return [_line(change, both=both) for change in sorted(log.between(start, end), key=lambda change: change.token)]


def _flawed(changes: list[LoggedWrite], flaw: Flaw | None, start: datetime) -> Iterable[LoggedWrite]:
    if flaw is Flaw.DROPPED_CHANGE:
        return changes[1:]
    if flaw is Flaw.DUPLICATE_KEY:
        return [changes[0], *changes]
    if flaw is Flaw.SKEWED_CLOCK:
        hour = 3_600_000_000
        return [replace(change, micros=change.micros + hour) for change in changes]
    if flaw is Flaw.SLOW_CLOCK:
        return [replace(change, micros=int((start.timestamp() - 30) * 1_000_000)) for change in changes]
    return changes


def _line(change: LoggedWrite, *, both: bool) -> bytes:
    return spell_change(change.micros, change.key, change.old if both else None, change.new)
