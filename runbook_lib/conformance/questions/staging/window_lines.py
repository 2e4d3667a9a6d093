"""What stands in the files of a window: one line for each item that changed in it, with the states at both its ends."""

from __future__ import annotations

import re

from runbook_lib.conformance.made.window import item, window_with_changes
from runbook_lib.conformance.question import AnyOf, Area, Need, guide, model, question, seen
from runbook_lib.conformance.subject import Subject

_LONG = (Need.BUCKET, Need.LONG)
_CHAIN = "windows are laid one over the other, and each is held to the one before"
_MEMBERS = (
    "billedSizeBytes", "endTime", "exportArn", "exportFromTime", "exportToTime", "exportType", "itemCount",
    "manifestFilesS3Key", "outputFormat", "outputView", "s3Bucket", "s3Prefix", "s3SseAlgorithm", "s3SseKmsKeyId",
    "startTime", "tableArn", "tableId", "version",
)  # fmt: skip


@question(
    Area.WINDOWS,
    expect=_MEMBERS,
    relied_on="a window is told from a whole export by its summary",
    source=seen("manifest-summary.json of the incremental exports"),
    needs=_LONG,
)
def members_of_a_windows_summary(subject: Subject) -> tuple[str, ...]:
    """Which members has the summary of a window?"""
    return tuple(sorted(window_with_changes(subject).files.summary))


@question(
    Area.WINDOWS,
    expect=("2023-08-01", "INCREMENTAL_EXPORT", "NEW_AND_OLD_IMAGES", True),
    relied_on="windows touch: no gap and no overlap",
    source=seen("exportFromTime and exportToTime, in seconds"),
    needs=_LONG,
)
def summary_of_a_window(subject: Subject) -> tuple[str | bool, ...]:
    """Does the summary of a window give its version, kind, view, and both ends as they were asked for?"""
    window = window_with_changes(subject)
    summary = window.files.summary
    ends = tuple(f"{moment:%Y-%m-%dT%H:%M:%S}.000Z" for moment in (window.start, window.end))
    names = ("version", "exportType", "outputView")
    return (*(str(summary[name]) for name in names), (summary["exportFromTime"], summary["exportToTime"]) == ends)


@question(
    Area.WINDOWS,
    expect=True,
    relied_on="the files of a window are found by their keys, not in the export's own folder",
    source=seen("dataFileS3Key of the incremental exports: AWSDynamoDB/data/"),
    needs=_LONG,
)
def place_of_a_windows_files(subject: Subject) -> bool:
    """Do the files of a window lie in the data/ that all windows share?"""
    files = window_with_changes(subject).files
    shared = files.folder.rsplit("/", 2)[0] + "/data/"
    form = re.escape(shared) + r"[a-z2-7]{26}\.json\.gz"
    return bool(files.packed) and all(re.fullmatch(form, key) for key in files.packed)


@question(
    Area.WINDOWS,
    expect=("Keys", "Metadata", "NewImage"),
    relied_on=_CHAIN,
    source=seen("lines of the incremental exports: an item that was put"),
    needs=_LONG,
)
def line_of_a_new_item(subject: Subject) -> tuple[str, ...]:
    """Which members has the line of an item that was put in the window?"""
    return tuple(sorted(window_with_changes(subject).lines["new"]))


@question(
    Area.WINDOWS,
    expect=("Keys", "Metadata", "OldImage"),
    relied_on=_CHAIN,
    source=seen("lines of the incremental exports: an item that was removed"),
    needs=_LONG,
)
def line_of_a_removed_item(subject: Subject) -> tuple[str, ...]:
    """Which members has the line of an item that was removed in the window?"""
    return tuple(sorted(window_with_changes(subject).lines["removed"]))


@question(
    Area.WINDOWS,
    expect=(True, True),
    relied_on="the old image is held to the state before the window: a change that was never exported is found",
    source=seen("OldImage of the second window equals NewImage of the first"),
    needs=_LONG,
)
def images_of_a_changed_item(subject: Subject) -> tuple[bool, ...]:
    """Has an item that changed twice one line: the old image from before the window, the new one from its end?"""
    line = window_with_changes(subject).lines["changed"]
    return line["OldImage"] == item("changed", 1), line["NewImage"] == item("changed", 3)


@question(
    Area.WINDOWS,
    expect=AnyOf(("no line", "keys alone")),
    relied_on="an item that was put and removed in one window is gone, whether a line says so or not",
    source=guide("DynamoDB data export, incremental output: Keys, OldImage and NewImage"),
    needs=_LONG,
)
def line_of_a_brief_item(subject: Subject) -> str:
    """What stands of an item that was put and removed within the window?"""
    line = window_with_changes(subject).lines.get("brief")
    if line is None:
        return "no line"
    return "keys alone" if not {"OldImage", "NewImage"} & set(line) else "images"


@question(
    Area.WINDOWS,
    expect=(False, 3),
    relied_on="a window has what changed and nothing else",
    source=guide("DynamoDB data export: incremental exports hold what was changed"),
    needs=_LONG,
)
def items_of_a_window(subject: Subject) -> tuple[bool, int]:
    """Is an item that did not change left out, and are the other three there once each?"""
    window = window_with_changes(subject)
    lines = [line for line in window.files.lines if line["Keys"] != {"id": {"S": "brief"}}]
    return "kept" in window.lines, len(lines)


@question(
    Area.WINDOWS,
    expect=True,
    relied_on="writes after a freeze are found by their time",
    source=seen("Metadata.WriteTimestampMicros, a number of 16 digits"),
    needs=_LONG,
)
def time_of_a_write(subject: Subject) -> bool:
    """Has each line the time of the last write, in microseconds and within the window?"""
    window = window_with_changes(subject)
    first, last = (moment.timestamp() * 1e6 for moment in (window.start, window.end))
    times = [int(line["Metadata"]["WriteTimestampMicros"]["N"]) for line in window.files.lines]
    return all(first <= time < last for time in times)


@question(
    Area.WINDOWS,
    expect=True,
    relied_on="what a window costs at least is in the estimate",
    source=seen("billedSizeBytes 10,000,000 for five and for six items"),
    needs=_LONG,
)
def least_size_of_a_window(subject: Subject) -> bool:
    """Is a window of a few items billed as ten million bytes?"""
    return bool(window_with_changes(subject).files.summary["billedSizeBytes"] == 10_000_000)


@question(
    Area.WINDOWS,
    expect="INCREMENTAL_EXPORT",
    relied_on="a window that is reused is told from a whole export by its description",
    source=model("ExportDescription, ExportType"),
    needs=_LONG,
)
def type_of_a_window(subject: Subject) -> str:
    """Does DescribeExport name the kind of a window?"""
    return str(window_with_changes(subject).files.description["ExportType"])
