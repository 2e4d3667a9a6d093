"""What was brought to a target after its export: the windows, what they came to, and what nothing covers."""

from __future__ import annotations

from runbook_lib.record.model.base import Count, Moment, Name, Number, Section


class LagRecord(Section):
    """Seconds from a window's end until it was applied, by what they were spent on."""

    recovery: Number | None = None
    export: Number | None = None
    apply: Number | None = None


class WindowTransformRecord(Section):
    """What a transform made of a window: exported + added = left_out + quarantined + the window's own changes.

    `left_out` are changes of items that are in no target, before or after; `raw_arn` is the window as it was exported,
    of which `broken` changes do not go on from before.
    """

    raw_arn: str | None = None
    exported: Count = 0
    added: Count = 0
    left_out: Count = 0
    quarantined: Count = 0
    broken: Count | None = None


class WindowRecord(Section):
    """One window of a table: the changes from `start` up to `end`, and how far they are in the target.

    `secret_lost` says that nobody can tell what it left there until the changes are read anew.
    """

    source: Name = ""
    number: Count = 0
    start: Moment | None = None
    end: Moment | None = None
    view: str = ""
    state: str = ""
    reused: bool = False
    arn: str | None = None
    manifest_md5: str = ""
    changes: Count | None = None
    puts: Count | None = None
    deletes: Count | None = None
    acknowledged: Count | None = None
    quarantined: Count | None = None
    broken: Count | None = None
    written_again: Count = 0
    warned: list[str] = []
    lag: LagRecord = LagRecord()
    transform: WindowTransformRecord | None = None
    stream: str | None = None
    records: Count | None = None
    secret_lost: bool = False


class SecondExportRecord(Section):
    """A full export at the end of the last window that the target was compared with, too."""

    arn: str | None = None
    moment: Moment | None = None
    items: Count | None = None


class OverlayRecord(Section):
    """A full export with its windows laid over it: keys of it that were left out, and those that are there after all.

    `items_due` are what should be in the target `as_of` the end of the last window; `broken` changes do not go on from
    what was there before, and `raw_broken` do not by the raw images, where a transform has made others. `second_due` is
    whether catch_up.proof asked for a second full export when this was compared.
    """

    windows: Count = 0
    as_of: Moment | None = None
    keys: Count = 0
    left_out: Count = 0
    present: Count = 0
    items_due: Count | None = None
    old_images: bool = False
    broken: int | None = None
    second_export: SecondExportRecord | None = None
    raw_broken: int | None = None
    second_due: bool | None = None


class GapRecord(Section):
    """A stretch of time that no export of a table covers, in which the migration file says that nothing was written."""

    source: Name = ""
    start: Moment | None = None
    end: Moment | None = None
