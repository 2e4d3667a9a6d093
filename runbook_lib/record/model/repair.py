"""What was written to a target after its import to put it right."""

from __future__ import annotations

from runbook_lib.record.model.base import Count, Moment, Name, Number, Section


class RepairCountsRecord(Section):
    """What became of the items that were to be repaired."""

    added: Count = 0
    replaced: Count = 0
    deleted: Count = 0
    right: Count = 0
    changed: Count = 0
    too_wide: Count = 0
    rejected: Count = 0
    twofold: Count = 0
    quarantined: Count = 0
    unanswered: Count = 0
    unseen: Count = 0


class RollbackRecord(Section):
    """What became of the keys of one table when its run was taken back; the four counts add up to `written`."""

    source: Name = ""
    target: Name = ""
    status: str = ""
    started: Moment | None = None
    finished: Moment | None = None
    written: Count = 0
    restored: Count = 0
    deleted: Count = 0
    unchanged: Count = 0
    kept: Count = 0
    disputed: Count | None = None
    failure: str | None = None


class RepairRecord(Section):
    """One repair of one table, or the dry run of one; `kinds` are what it was asked for, the next three were found."""

    source: Name = ""
    target: Name = ""
    status: str = ""
    kinds: list[str] = []
    missing: Count = 0
    different: Count = 0
    extra: Count = 0
    started: Moment | None = None
    finished: Moment | None = None
    after_all: bool = False
    by_others: Count = 0
    units: Count | None = None
    full_units: Count | None = None
    usd: Number | None = None
    full_usd: Number | None = None
    counts: RepairCountsRecord = RepairCountsRecord()
    failure: str | None = None
