"""Targets that are made equal to their exports by writing only what differs: import.on_non_empty is 'sync'.

Each key of the export is looked up first. An item that is as exported is present; one that is missing is put where
nothing is, and one that differs in place of the very item that was read: what a repair does, for a whole export. So
whoever writes meanwhile keeps what he wrote, which is quarantined here and said. Items that only the target has are not
looked for and stay; the comparison counts them as there before. A put whose answer is lost is not sent again in the
same start: the item may have been put and been deleted since.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, replace
from itertools import islice

from runbook_lib.aws.dynamodb.guarded_items import ExportedLine, GuardedItems, HeldItem, ItemFate, units_to_put
from runbook_lib.aws.dynamodb.guarded_write import GuardedWriter, threads_waiting
from runbook_lib.aws.dynamodb.read.batch_get import KEYS_AT_ONCE
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.session.granted_calls import syncer
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.cost.measure import Measure
from runbook_lib.cost.prices import prices_of
from runbook_lib.errors import CorruptFile, TransferError
from runbook_lib.export_format.data_file import fetch
from runbook_lib.items.keys import key_of
from runbook_lib.items.lines import parse_line
from runbook_lib.items.size import item_size, units_of
from runbook_lib.load.engine.batch_write import Line, Outcome, Rejection
from runbook_lib.load.engine.checkpoint import FileCheckpoint, Slot
from runbook_lib.load.first_write import begin_writing, end_writing
from runbook_lib.load.table_load import TableLoad, begin_samples, check_only, flush, open_checked, refuse_unaccounted
from runbook_lib.load.table_writer import TableToFill, check_table
from runbook_lib.run.facts.load import IMPORTS, MEASURED, SYNCS, ImportStatus, SyncFact
from runbook_lib.run.witnesses.writers.writing_marks import marked_end
from runbook_lib.timestamps import format_timestamp

READ_BYTES = 4096  # of one consistent read unit
REASONS = {
    ItemFate.CHANGED: "somebody else wrote under this key in the moment of the sync, and what he wrote stays",
    ItemFate.TOO_WIDE: "another item is there, with more attributes than a condition can name, and it stays",
    ItemFate.REJECTED: "DynamoDB does not take the item",
}
Spelled = tuple[Line, ExportedLine]


@dataclass(frozen=True, slots=True)
class SyncWriter:
    """A TableWriter: it writes what differs, from this process."""

    def check(self, table: TableToFill) -> None:
        """Look up every key and write nothing: how many items would be written, and what that costs."""
        check_table(table, lambda loading: _measure(table, loading))

    def begin(self, table: TableToFill) -> None:
        """Nothing goes on by itself."""

    def finish(self, table: TableToFill) -> None:
        """Write what differs, from where the ledger knows the table to be."""
        with marked_end(table.run, table.pair):
            self._write(table)

    def _write(self, table: TableToFill) -> None:
        run, pair = table.run, table.pair
        fact = begin_writing(run, pair, table.export)
        loading, clock, spent = table.loading(), time.monotonic(), fact.seconds or 0.0
        whole = False
        try:
            unanswered = _sync(table, loading)
            whole = True
        finally:  # of a group that was stopped in its midst nobody has noted what became of it
            seconds, finished = round(spent + time.monotonic() - clock, 3), format_timestamp(run.now())
            fact = replace(fact, seconds=seconds, finished=finished, counted=whole or None)
            IMPORTS.record(run.ledger, pair.source, fact)
        loading.refuse_failed()
        if unanswered:
            raise TransferError(
                f"no answer came to the puts of {unanswered:,} items of {pair.target}, and they are not sent again by "
                "this start: an item may have been put and been deleted since. Run again with the same run id, which "
                "looks at them once more"
            )
        refuse_unaccounted(run, pair.source)
        end_writing(run, pair)
        IMPORTS.record(run.ledger, pair.source, replace(fact, status=ImportStatus.COMPLETED, failure=None))
        loading.show("done")


def _items(table: TableToFill) -> GuardedItems:
    run, pair = table.run, table.pair
    facts = pair.target_facts
    if facts is None:
        raise TransferError(f"target {pair.target} did not exist at the pre-flight; run 00_preflight again")
    partition = next(attribute.name for attribute in facts.key if attribute.role == "HASH")
    writer = GuardedWriter(syncer(run.clients, {pair.target: partition}), pair.target, facts.key, Backoff())
    return GuardedItems(run.clients.target_wire, writer, run.secret, RateLimit(run.config.import_.max_wcu))


def _sync(table: TableToFill, loading: TableLoad) -> int:
    """Make every item as exported; how many puts nobody knows of."""
    items, unanswered = _items(table), 0
    begin_samples(loading)
    with ThreadPoolExecutor(threads_waiting(table.run.config.import_.concurrency), thread_name_prefix="sync") as pool:
        for file in loading.files:
            with ExitStack() as own:
                checked = open_checked(loading, file, own)
                if checked is None:
                    continue
                for group in _groups(file.left(checked.items(file.watermark))):
                    unanswered += _sync_group(loading, file, group, items, pool)
                    table.run.clients.calls.flush()
                    flush(loading, nullcontext())
                    loading.show("syncing")
    return unanswered


def _sync_group(
    loading: TableLoad, file: FileCheckpoint, group: list[Line], items: GuardedItems, pool: ThreadPoolExecutor
) -> int:
    """Bring a group of lines to its end, each by itself; those of no known end are left open, and counted."""
    slots: dict[int, Slot] = {line[0]: file.send([line]) for line in group}
    spelled = [one for line in group if (one := _spelled(file, line, slots, items)) is not None]
    held, consumed = items.held([line for _, line in spelled]), items.writer.consumed.used
    ready = list[tuple[Spelled, HeldItem | None]]()
    for one in spelled:
        there = held.get(one[1].key)
        if there is not None and there.digest == one[1].digest:
            file.settle(slots[one[0][0]], Outcome(present=[one[0][0]]))
        else:
            ready.append((one, there))
    fates = pool.map(lambda wanted: items.put(wanted[0][1], wanted[1]), ready)
    unanswered = 0
    for ((line, exported), _), fate in zip(ready, fates, strict=True):
        if fate is ItemFate.UNANSWERED:
            unanswered += 1
            continue
        outcome = Outcome(written=1, bytes=len(line[1]))
        if fate in REASONS:
            key_hash = exported.key.hex()
            outcome = Outcome(rejected=[Rejection(line[0], key_hash, REASONS[fate])])
        file.settle(slots[line[0]], outcome)
    loading.note(file, Outcome(wcu=items.writer.consumed.used - consumed))
    return unanswered


def _spelled(file: FileCheckpoint, line: Line, slots: dict[int, Slot], items: GuardedItems) -> Spelled | None:
    """A line and its item; None for one that is none, which is quarantined."""
    try:
        item = parse_line(line[1])
        item_size(item)
        key_of(item, items.writer.key)
        return line, ExportedLine.of(item, line[1], items.writer.key, items.secret)
    except CorruptFile as error:
        file.settle(slots[line[0]], Outcome(rejected=[Rejection(line[0], None, str(error))]))
        return None


def _measure(table: TableToFill, loading: TableLoad) -> None:
    """What a full rewrite would take, and what a sync would."""
    pair, run = table.pair, table.run
    shape = pair.target_facts or pair.source_facts
    measure = Measure(shape.indexes, shape.key) if shape else Measure()
    check_only(loading, measure)
    MEASURED.record(run.ledger, pair.source, measure.as_fact())
    counts, full, units, reads = Counter[str](), 0, 0, 0
    for line, there in _looked_up(table, loading):
        full += units_of(item_size(line.item))
        reads += -(-item_size(there.item) // READ_BYTES) if there is not None else 1
        if there is not None and there.digest == line.digest:
            counts["right"] += 1
        else:
            counts["different" if there is not None else "missing"] += 1
            units += units_to_put(line, there)
    prices = prices_of(run.config.target.region, run.config.prices)
    usd = full_usd = None
    if prices.million_writes is not None and prices.million_reads is not None:
        usd = (units * prices.million_writes + reads * prices.million_reads) / 1e6
        full_usd = full * prices.million_writes / 1e6
    found = SyncFact(**counts, units=units, read_units=reads, full_units=full, usd=usd, full_usd=full_usd)
    SYNCS.record(run.ledger, pair.source, found)


def _looked_up(table: TableToFill, loading: TableLoad) -> Iterator[tuple[ExportedLine, HeldItem | None]]:
    """Every item of the export with what is under its key; a target that is still to be made holds nothing."""
    if table.pair.target_facts is None:
        return
    items = _items(table)
    for file in loading.files:
        with fetch(table.run.clients.staging, loading.bucket, file.file) as checked:
            for group in _groups(checked.items()):
                lines = []
                for _, line in group:
                    with suppress(CorruptFile):
                        lines.append(ExportedLine.of(parse_line(line), line, items.writer.key, items.secret))
                held = items.held(lines)
                yield from ((line, held.get(line.key)) for line in lines)


def _groups(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while group := list(islice(lines, KEYS_AT_ONCE)):
        yield group
