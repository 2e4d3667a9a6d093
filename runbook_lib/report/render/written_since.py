"""Which runs have written to a table after another had compared it, as the records beside it say.

A proof is of the moment of its run. Where another run has replaced since what it was of, it is of nothing any more,
whatever page it stands on.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from runbook_lib.errors import EvidenceError
from runbook_lib.record.model.base import as_moment
from runbook_lib.record.model.table import SKIPPED, TableRecord
from runbook_lib.record.run_json import RUN_JSON, RunRecord, read_record
from runbook_lib.run.steps import CATCH_UP, CUT_OVER, REPAIR
from runbook_lib.run.verdicts import NOT_CHOSEN, PASS

WRITING = frozenset({"import", CATCH_UP, REPAIR, CUT_OVER})
COMPARING = frozenset({"validate", CATCH_UP, REPAIR, CUT_OVER})  # a step that writes is compared after it, or no PASS
ENDLESS = datetime.max.replace(tzinfo=UTC)  # of a write that is not known to have ended
NOT_LOADED = frozenset({SKIPPED, NOT_CHOSEN})
APPEND = "append"


@dataclass(frozen=True, slots=True)
class WriteByRun:
    """That a run has written to a target, ENDPOINT ACCOUNT/REGION/TABLE, until `ended` at the latest."""

    run_id: str
    target: str
    ended: datetime


def recorded_writes(root: Path) -> list[WriteByRun]:
    """The writes of every run of a reports folder that has a record."""
    found: list[WriteByRun] = []
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        with suppress(EvidenceError):  # a broken neighbour says nothing, and has its own row in the index
            found += writes_of(read_record(folder)) if (folder / RUN_JSON).is_file() else []
    return found


def writes_of(record: RunRecord) -> list[WriteByRun]:
    """What a run has written, table by table, but for what it only added."""
    ends = [as_moment(step.finished) or ENDLESS for step in record.steps if step.name in WRITING and step.execute]
    if not record.executed or not ends:
        return []
    places = [_place(record, table) for table in record.tables if _has_written(record, table)]
    return [WriteByRun(record.run_id, place, max(ends)) for place in places]


def writes_since(record: RunRecord, writes: Iterable[WriteByRun]) -> list[WriteByRun]:
    """The writes of others to the targets of a PASS that may be later than its last comparison, the latest first."""
    if record.verdict != PASS:
        return []
    looks = [as_moment(step.started) for step in record.steps if step.name in COMPARING]
    compared = max(filter(None, looks), default=None)
    mine = {_place(record, table) for table in record.tables if table.method not in NOT_LOADED}
    found = [
        write
        for write in writes
        if compared is not None and write.run_id != record.run_id and write.target in mine and write.ended > compared
    ]
    return sorted(found, key=lambda write: write.ended, reverse=True)


def target_place(record: RunRecord, table: TableRecord) -> str:
    """The target of a table as ACCOUNT/REGION/TABLE."""
    who = record.identity.target
    return f"{who.account}/{who.region}/{table.target}"


def _place(record: RunRecord, table: TableRecord) -> str:
    return f"{record.identity.target.endpoint or 'AWS'} {target_place(record, table)}"


def _has_written(record: RunRecord, table: TableRecord) -> bool:
    if table.method in NOT_LOADED or table.compared_only:
        return False
    if table.on_non_empty == APPEND:
        put_right = [repair.counts for repair in record.repairs if repair.source == table.source]
        return any(counts.added or counts.replaced or counts.deleted for counts in put_right)
    return bool(table.items_written or table.items_written_at_least or table.import_table or table.bulk_put)
