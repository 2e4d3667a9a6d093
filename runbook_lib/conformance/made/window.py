"""A table with changes of every kind in a quarter of an hour, and that quarter exported: the long questions' window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from runbook_lib.conformance.made.exports import ExportedFiles, exported, recovery_turned_on, request_for_export
from runbook_lib.conformance.subject import Subject

SHORTEST = timedelta(minutes=15)
LAG = 360.0  # seconds until what was written is in an export, and a little more
_PAUSE = 3.0  # seconds between what is to be told apart


@dataclass(frozen=True, slots=True)
class Window:
    """The exported quarter of an hour; lines by the item's id."""

    start: datetime
    end: datetime
    files: ExportedFiles
    lines: dict[str, dict[str, Any]]


def window_with_changes(subject: Subject) -> Window:
    """Made once: an item is put, one is changed twice, one removed, one put and removed, and one left alone."""
    if "window" not in subject.made:
        name = subject.table("windowed")
        recovery_turned_on(subject, subject.ddb, name)
        subject.put(name, item("kept", 1), item("changed", 1), item("removed", 1))
        subject.let_pass(_PAUSE)
        start = datetime.fromtimestamp(math.ceil(subject.clock()), UTC)
        subject.let_pass(_PAUSE)
        _change(subject, name)
        subject.let_pass(SHORTEST.total_seconds())
        end = start + SHORTEST
        subject.let_pass(LAG)
        request = request_for_export(subject, subject.ddb, name, "window") | {
            "ExportType": "INCREMENTAL_EXPORT",
            "IncrementalExportSpecification": {
                "ExportFromTime": start, "ExportToTime": end, "ExportViewType": "NEW_AND_OLD_IMAGES",
            },
        }  # fmt: skip
        answer = subject.ddb.export_table_to_point_in_time(**request)
        subject.made["export window"] = answer["ExportDescription"]["ExportArn"]
        files = exported(subject, "window")
        lines = {str(line["Keys"]["id"]["S"]): line for line in files.lines}
        subject.made["window"] = Window(start, end, files, lines)
    made: Window = subject.made["window"]
    return made


def _change(subject: Subject, name: str) -> None:
    subject.put(name, item("new", 1), item("changed", 2), item("brief", 1))
    subject.let_pass(_PAUSE)
    subject.put(name, item("changed", 3))
    for gone in ("removed", "brief"):
        subject.ddb.delete_item(TableName=name, Key={"id": {"S": gone}})


def item(name: str, value: int) -> dict[str, Any]:
    return {"id": {"S": name}, "v": {"N": str(value)}}
