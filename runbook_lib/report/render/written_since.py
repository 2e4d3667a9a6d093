"""Which runs have written to a table after another had compared it, as the records beside it say.

A proof is of the moment of its run. Where another run has replaced or deleted since what it was of, it is of nothing
any more, whatever page it stands on. When in doubt a run has written, and does so still.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from runbook_lib.errors import EvidenceError
from runbook_lib.record.model.base import as_moment
from runbook_lib.record.model.run import StepRecord
from runbook_lib.record.model.table import SKIPPED, TableRecord
from runbook_lib.record.run_json import RUN_JSON, RunRecord, read_record
from runbook_lib.report.render.neighbours import record_of_ledger
from runbook_lib.run.facts.afterwards.repair import RepairStatus
from runbook_lib.run.facts.afterwards.rollback import RollbackStatus
from runbook_lib.run.facts.starts import StepStatus
from runbook_lib.run.facts.windows import WindowState
from runbook_lib.run.steps import CATCH_UP, CLEANUP, CUT_OVER, REPAIR, ROLLBACK
from runbook_lib.run.verdicts import NOT_CHOSEN, PASS, RUNNING

IMPORT = "import"
WRITING = frozenset({IMPORT, CATCH_UP, REPAIR, CUT_OVER})
UNDOING = frozenset({ROLLBACK, CLEANUP})  # what they did is in the record by table, once they have ended
ENDLESS = datetime.max.replace(tzinfo=UTC)  # of a write that is not known to have ended
NOT_LOADED = frozenset({SKIPPED, NOT_CHOSEN})
APPEND = "append"


@dataclass(frozen=True, slots=True)
class WriteByRun:
    """That a run has written to a target, ENDPOINT ACCOUNT/REGION/TABLE, until `ended` at the latest."""

    run_id: str
    target: str
    ended: datetime

    @property
    def goes_on(self) -> bool:
        """Whether it is not known to have ended: the run is writing, or was stopped while it wrote."""
        return self.ended == ENDLESS


def recorded_writes(root: Path, records: Mapping[Path, RunRecord] | None = None) -> list[WriteByRun]:
    """The writes of every run of a reports folder; `records` are those that were read already.

    What the record of a run that has not ended says is older than what the run does: its ledger is asked.
    """
    found: list[WriteByRun] = []
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        record = (records or {}).get(folder)
        with suppress(EvidenceError):  # a broken neighbour says nothing, and has its own row in the index
            record = read_record(folder) if record is None and (folder / RUN_JSON).is_file() else record
        if record is None or record.verdict == RUNNING:
            now = record_of_ledger(folder)
            found += writes_of(now, up_to_date=True) if now else writes_of(record) if record else []
        else:
            found += writes_of(record)
    return found


def writes_of(record: RunRecord, *, up_to_date: bool = False) -> list[WriteByRun]:
    """What a run has written or taken back, table by table, but for what it only added.

    A run that has not ended is taken to write to all of its targets, unless its record is `up_to_date` and says that
    it has not come to that.
    """
    ends = {step.name: end for step in record.steps if step.name in WRITING and (end := _ended(record, step))}
    ends |= dict.fromkeys(_taking_back(record) if up_to_date else _in_doubt(record), ENDLESS)
    found = list(_undone(record))
    going = frozenset(name for name, end in ends.items() if end == ENDLESS)
    for table in record.tables if ends else ():
        if table.method in NOT_LOADED:
            continue
        if _may_be_written(table, going, up_to_date=up_to_date):
            found.append(WriteByRun(record.run_id, _place(record, table), ENDLESS))
        elif _has_written(record, table):
            last = max((end for end in ends.values() if end != ENDLESS), default=ENDLESS)
            found.append(WriteByRun(record.run_id, _place(record, table), last))
    return found


def writes_since(record: RunRecord, writes: Iterable[WriteByRun]) -> list[WriteByRun]:
    """The writes of others to the targets of a PASS that may be later than its last comparison, the latest first.

    Compared is a table since its last comparison that came to a verdict; a step that only looks at it proves nothing.
    """
    if record.verdict != PASS:
        return []
    tables = [table for table in record.tables if table.method not in NOT_LOADED]
    compared = {_place(record, table): as_moment(table.spans.validate_[0]) for table in tables}
    found = []
    for write in writes:
        if write.run_id != record.run_id and write.target in compared:
            began = compared[write.target]
            found += [write] if began is None or write.ended > began else []
    return sorted(found, key=lambda write: write.ended, reverse=True)


def target_place(record: RunRecord, table: TableRecord) -> str:
    """The target of a table as ACCOUNT/REGION/TABLE."""
    who = record.identity.target
    return f"{who.account}/{who.region}/{table.target}"


def _place(record: RunRecord, table: TableRecord) -> str:
    return f"{record.identity.target.endpoint or 'AWS'} {target_place(record, table)}"


def _ended(record: RunRecord, step: StepRecord) -> datetime | None:
    """When the last start of a step that was allowed to write had ended at the latest; None if there was none."""
    if not step.starts:
        return (as_moment(step.finished) or ENDLESS) if step.execute else None
    last = max((n for n, start in enumerate(step.starts) if start.execute), default=None)
    if last is None:
        return None
    if last + 1 < len(step.starts):
        return as_moment(step.starts[last + 1].started) or ENDLESS
    if step.status == StepStatus.NOT_RUN:  # another start of the run is to come to it again
        return (as_moment(record.attempts[-1].started) if record.attempts else None) or ENDLESS
    return as_moment(step.finished) or ENDLESS


def _taking_back(record: RunRecord) -> frozenset[str]:
    """The steps that take back what was written and were begun, and not ended."""
    begun = (step for step in record.steps if step.name in UNDOING and step.execute)
    return frozenset(step.name for step in begun if step.finished is None)


def _in_doubt(record: RunRecord) -> frozenset[str]:
    """The steps of a start that has not ended of which its record does not say whether they have written."""
    last = record.attempts[-1] if record.attempts else None
    if record.verdict != RUNNING or last is None or not last.execute:
        return frozenset()
    over = {step.name for step in record.steps if step.status in (StepStatus.COMPLETED, StepStatus.FAILED)}
    return frozenset(last.steps) & WRITING - over


def _may_be_written(table: TableRecord, going: frozenset[str], *, up_to_date: bool) -> bool:
    """Whether one of the steps that go on may have written to a table, whatever is counted by now."""
    if going - {IMPORT}:
        return True
    begun = bool(table.on_non_empty or table.import_table) or not up_to_date
    return IMPORT in going and begun and table.on_non_empty != APPEND


def _has_written(record: RunRecord, table: TableRecord) -> bool:
    """Whether a run has put into a table what may have replaced something, or has deleted there."""
    windows = [window for window in record.windows if window.source == table.source]
    if any(w.acknowledged or w.written_again or w.state == WindowState.APPLYING for w in windows):
        return True
    for repair in record.repairs:
        counts = repair.counts
        wrote = counts.added or counts.replaced or counts.deleted or repair.status == RepairStatus.WRITING
        if repair.source == table.source and wrote:
            return True
    if table.compared_only or table.on_non_empty == APPEND:
        return False
    counted = table.items_written or table.items_written_at_least or table.import_table or table.bulk_put
    return bool(counted) or (table.on_non_empty is not None and table.items_written is None)


def _undone(record: RunRecord) -> Iterator[WriteByRun]:
    """What a rollback or a cleanup has put back or taken out."""
    places = {table.source: _place(record, table) for table in record.tables}
    for back in record.rollbacks if record.rolled_back else ():
        only_looked = back.status == RollbackStatus.DRY_RUN  # since; what an earlier one did stands there no more
        wrote = back.restored or back.deleted or back.status == RollbackStatus.WRITING
        if back.source in places and (wrote or only_looked):
            ended = as_moment(back.started if only_looked else back.finished)
            yield WriteByRun(record.run_id, places[back.source], ended or ENDLESS)
    for gone in record.cleanup:
        begun = not gone.done and gone.ended is None
        if gone.source in places and (gone.items_deleted or gone.table_deleted or begun):
            yield WriteByRun(record.run_id, places[gone.source], as_moment(gone.ended) or ENDLESS)
