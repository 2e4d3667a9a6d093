"""Rollback: give a target back what it held before a run wrote to it, key by key, and touch no other key.

No copy had been made: what was there is exported from the target's own point-in-time recovery, as of the second in
which the import began. What somebody else has written since stays. A run that was rolled back cannot go on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from functools import partial

from runbook_lib.aws.dynamodb.delete import delete_objects
from runbook_lib.aws.dynamodb.describe.tables import TableDescription, describe_table
from runbook_lib.aws.dynamodb.guarded_items import GuardedItems
from runbook_lib.aws.dynamodb.guarded_write import GuardedWriter, threads_waiting
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Segment
from runbook_lib.aws.session.granted_calls import repairer
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.errors import ConfigError, GateFailed, RunbookError
from runbook_lib.export_format.change import ChangeWindow
from runbook_lib.export_format.window_file import fetch_changes
from runbook_lib.items.canonical import canonical_json
from runbook_lib.items.keys import KeyAttribute, key_of
from runbook_lib.plan.pair import Pair
from runbook_lib.repair.exported_lines import exported_lines
from runbook_lib.run.admission.confirmation import as_typed, check_confirmation
from runbook_lib.run.facts.afterwards.rollback import ROLLBACKS, ROLLED_BACK, RollbackFact, RollbackStatus
from runbook_lib.run.facts.doubt.late_writes import still_in_doubt
from runbook_lib.run.facts.export import EXPORTS, CompletedExport
from runbook_lib.run.facts.load import IMPORTS, ImportFact
from runbook_lib.run.facts.targets import REMOVALS
from runbook_lib.run.facts.windows import WindowFact
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.steps import ROLLBACK
from runbook_lib.run.tables.scratch import ScratchMap, scratch_map
from runbook_lib.run.tables.unwritten import held_digest
from runbook_lib.run.tables.windows import export_files
from runbook_lib.run.waiting import Sleep
from runbook_lib.run.witnesses.begun_windows import half_applied, why_unreadable
from runbook_lib.run.witnesses.items_before import why_unknown
from runbook_lib.run.witnesses.writers.closed_tables import closed, keep_taken_back
from runbook_lib.run.witnesses.writers.other_writers import refuse_later_writers
from runbook_lib.run.witnesses.writers.own_marks import refuse_older_copy
from runbook_lib.timestamps import format_timestamp
from runbook_lib.undo.bulk_writes import still_put_in_bulk, why_still_made
from runbook_lib.undo.refused_changes import left_before, refused_keys
from runbook_lib.undo.sent_lines import is_in_doubt, present_lines, refuse_more_than_put, unsent_lines
from runbook_lib.undo.target_before import export_before, refuse_unrecoverable
from runbook_lib.undo.three_way import ThreeWay, WrittenKey, keys_written
from runbook_lib.validate.overlay import OverlaidExport, overlaid
from runbook_lib.validate.readers import ExportReader
from runbook_lib.validate.sides import export_side

Watch = Callable[[str, int], None]
ROWS_AT_ONCE = 500
NOBODYS = b""  # no item's digest


def check_rollback(run: Run, confirm: str) -> bool:
    """Whether anything may be written: `confirm` has to be the run's id, with --execute and a confirmed target.

    Raises ConfigError if it is not; a rollback names its run twice in a dry run, too, for that asks for an export.
    """
    if confirm != run.id:
        raise ConfigError(
            f"--confirm: expected {run.id!r}, which is the run that would be rolled back, found {as_typed(confirm)}; "
            "nothing was done"
        )
    check_confirmation(run.confirmation, run.clients)
    return run.execute


def roll_back(
    run: Run, confirm: str, watch: Watch = lambda table, done: None, sleep: Sleep = time.sleep
) -> list[RollbackFact]:
    """Take back what the run has written to its targets; returns what became of each.

    Without `run.execute` it has the targets exported as they were, and counts. A table that cannot go on does not stop
    the others: its fact says why. It can be repeated, and goes on where it was stopped.
    """
    execute = check_rollback(run, confirm)
    with run.step(ROLLBACK):
        facts = []
        for pair in run.planned_pairs():
            fact = RollbackFact(pair.source, pair.target, RollbackStatus.DRY_RUN, format_timestamp(run.now()))
            try:
                if why := why_still_made(run, pair, look=execute):
                    raise GateFailed(f"{why}; nothing was taken back")
                loaded, export = IMPORTS.of(run.ledger, pair.source), EXPORTS.of(run.ledger, pair.source)
                completed = export.completed if export is not None else None
                if loaded is None or loaded.binding is None or completed is None:
                    ROLLBACKS.forget(run.ledger, pair.source)  # nothing was written to it
                    continue
                fact = _table(run, pair, completed, loaded, fact, watch, sleep, execute=execute)
            except RunbookError as error:
                known = ROLLBACKS.of(run.ledger, pair.source) or fact
                ended = format_timestamp(run.now())
                fact = replace(known, status=RollbackStatus.FAILED, failure=str(error), finished=ended)
            ROLLBACKS.record(run.ledger, pair.source, fact)
            facts.append(fact)
        return facts


def _table(
    run: Run, pair: Pair, export: CompletedExport, loaded: ImportFact, fact: RollbackFact, watch: Watch, sleep: Sleep,
    *, execute: bool,
) -> RollbackFact:  # fmt: skip
    table = describe_table(run.clients.target, pair.target)
    assert loaded.binding is not None
    if table is None or table_identity(table) != loaded.binding.target_table_id:
        raise GateFailed(f"target {pair.target} is not the table that this run wrote to; nothing was written to it")
    removed = REMOVALS.of(run.ledger, pair.source)
    if removed is not None and removed.done and removed.objects and not removed.only_looked:
        raise GateFailed(
            f"a cleanup has removed this run's export of {pair.source}, without which nothing can be taken back. What "
            f"the run replaced in {pair.target} can be restored from its point-in-time recovery, if that was on"
        )
    if still_put_in_bulk(run, pair, loaded, look=execute):
        raise GateFailed(
            f"the bulk put into {pair.target} may still be writing, as far as is known; nothing was taken back. A "
            "rollback with --execute asks DynamoDB, run it again once the bulk put has ended, or an hour after it was "
            "asked for if DynamoDB lists none"
        )
    if execute and (late := still_in_doubt(run.ledger, pair.target, run.now())):
        raise GateFailed(f"{late}; nothing was taken back")
    if why := why_unknown(run, loaded):
        raise GateFailed(f"what {pair.target} held before is not known: {why}; nothing was written to it")
    if why := why_unreadable(run, pair.source):
        raise GateFailed(f"{why}; nothing was taken back")
    refuse_older_copy(run, pair)
    with scratch_map() as base, _alone(run, pair, table, execute=execute):
        if loaded.items_before:
            refuse_unrecoverable(run, pair, loaded)
            _fill(run, pair, table, loaded, base, sleep)
        partition = next(attribute.name for attribute in table.key if attribute.role == "HASH")
        transport = repairer(run.clients, {pair.target: partition}) if execute else run.clients.target_wire
        way = ThreeWay(
            base,
            lambda key: held_digest(run.ledger, pair.source, key),
            GuardedItems(
                transport, GuardedWriter(transport, pair.target, table.key, Backoff()), run.secret,
                RateLimit(run.config.import_.max_wcu),
            ),
            Segment(run.clients.target_wire, pair.target, RateLimit(run.config.validate_.max_rcu)),
            threads_waiting(run.config.import_.concurrency),
            execute,
            lambda done: watch(pair.target, done),
        )  # fmt: skip
        if execute:
            fact = replace(fact, status=RollbackStatus.WRITING)
            with run.ledger.batch():
                if ROLLED_BACK.of(run.ledger) is None:
                    ROLLED_BACK.record(run.ledger, format_timestamp(run.now()))
                ROLLBACKS.record(run.ledger, pair.source, fact)
        try:
            if loaded.is_by_service:
                look = replace(way, execute=False, counts=Counter())
                with keys_written(_written(run, pair, export, table)) as written:
                    look.go(written)
                refuse_more_than_put(run, pair, loaded, look.counts["restored"] + look.counts["deleted"])
            with keys_written(_written(run, pair, export, table)) as written:
                way.go(written)
        finally:
            run.clients.calls.flush()
            fact = _counted(fact, way)
            ROLLBACKS.record(run.ledger, pair.source, fact)
        if execute and not fact.disputed:  # whose item stands under a disputed key is not known
            keep_taken_back(run, pair, table)
    done = RollbackStatus.COMPLETED if execute else RollbackStatus.DRY_RUN
    return replace(fact, status=done, finished=format_timestamp(run.now()))


@contextmanager
def _alone(run: Run, pair: Pair, table: TableDescription, *, execute: bool) -> Iterator[None]:
    """With nobody who has written since or, while anything is taken back, begins to; raises TableError otherwise."""
    with ExitStack() as shut:
        if execute:
            remover = shut.enter_context(closing(run.clients.staging_remover()))
            shut.enter_context(closed(run, pair, table, partial(delete_objects, remover)))
        refuse_later_writers(run, pair, table)
        yield


def _counted(fact: RollbackFact, way: ThreeWay) -> RollbackFact:
    n = way.counts
    return replace(
        fact, written=n.total(), restored=n["restored"], deleted=n["deleted"], unchanged=n["unchanged"],
        kept=n["kept"] + n["disputed"], disputed=n["disputed"],
    )  # fmt: skip


def _fill(run: Run, pair: Pair, table: TableDescription, loaded: ImportFact, base: ScratchMap, sleep: Sleep) -> None:
    """Put the lines of what was there before into the scratch map."""
    made, files = export_before(run, pair, table, loaded, sleep)
    reader = ExportReader(run.clients.staging, str(made.bucket), files, table.key, {})
    rows: list[tuple[bytes, bytes]] = []
    for line in exported_lines(reader, reader, run.secret):
        rows.append((line.key, line.line))
        if len(rows) >= ROWS_AT_ONCE:
            base.put_all(rows)
            rows = []
    base.put_all(rows)
    if len(base) != made.items:
        raise GateFailed(
            f"the export of target {pair.target} as of {made.moment} should hold {made.items:,} items, {len(base):,} "
            "were read; nothing was written"
        )


def _written(run: Run, pair: Pair, export: CompletedExport, table: TableDescription) -> Iterator[WrittenKey]:
    """Everything that the run wrote: items of its export, and those that windows over it put or deleted.

    A key of a window that is applied in part may be as before or as the window says: both are the run's. Under a key
    whose last change is in quarantine stands what the run wrote before. What was found there already is somebody's or,
    after a kill or a lost answer, perhaps the run's: it is looked at, and stays.
    """
    full = export_side(run, pair, export, table)
    one: ExportReader | OverlaidExport = overlaid(run, pair, full) or full
    for line in exported_lines(one, full, run.secret, unsent_lines(run, pair)):
        yield WrittenKey(line.key, key_of(line.item, table.key), frozenset({line.digest}))
    if is_in_doubt(run, pair, IMPORTS.needed(run.ledger, pair.source)):
        for line in exported_lines(one, full, run.secret, present_lines(run, pair)):
            yield WrittenKey(line.key, key_of(line.item, table.key), frozenset({NOBODYS}))
    if isinstance(one, OverlaidExport):
        yield from _deleted(one, run)
        for left in left_before(run, one, refused_keys(run, one)):
            digest = run.secret.item_digest(canonical_json(left.item)) if left.item is not None else None
            yield WrittenKey(left.digest, left.key, frozenset({digest}))
    if (half := half_applied(run, pair.source)) is not None:
        yield from _of_half(run, half, table.key)


def _of_half(run: Run, half: WindowFact, key: tuple[KeyAttribute, ...]) -> Iterator[WrittenKey]:
    """What a window may have left under each of its keys."""
    window = ChangeWindow(*half.span, half.view, key)
    for row in export_files(run.ledger, half.source, half.arn or ""):
        with fetch_changes(run.clients.staging, half.bucket, row.file, window) as checked:
            for _, change in checked.changes():
                left = run.secret.item_digest(canonical_json(change.new)) if change.new is not None else None
                name = run.secret.key_digest(canonical_json(change.key))
                yield WrittenKey(name, change.key, frozenset({left}))


def _deleted(one: OverlaidExport, run: Run) -> Iterator[WrittenKey]:
    """The keys that a window deleted last."""
    for fact, file in one.windows:
        window = ChangeWindow(*fact.span, fact.view, one.key)
        with fetch_changes(one.base.s3, fact.bucket, file, window) as checked:
            for _, change in checked.changes():
                key = run.secret.key_digest(canonical_json(change.key))
                known = one.overlay.get(key)
                if change.new is None and known is not None and known.number == fact.number:
                    yield WrittenKey(key, change.key, frozenset({None}))
