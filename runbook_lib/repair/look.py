"""The look that a repair takes of its own, just before it writes: the whole comparison, and who else has written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from runbook_lib.aws.dynamodb.describe.tables import TableDescription, ttl_attribute
from runbook_lib.aws.dynamodb.read.batch_get import read_keys
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.afterwards.used_units import target_reads
from runbook_lib.run.facts.export import CompletedExport
from runbook_lib.run.facts.load import ImportFact
from runbook_lib.run.run import Run
from runbook_lib.run.tables.wrong_items import WrongItemsNote, WrongLook, written_by_others
from runbook_lib.run.witnesses.items_before import was_there
from runbook_lib.run.witnesses.source_ttl import excuse_for
from runbook_lib.validate.checkpoint import DigestCheckpoint
from runbook_lib.validate.compare import Rules, compare
from runbook_lib.validate.overlay import OverlaidExport, overlaid
from runbook_lib.validate.readers import ExportReader, TableReader, export_buckets, table_buckets
from runbook_lib.validate.sides import export_side, table_side

Show = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class RepairLook:
    """Both sides, how many items of each kind are wrong, and how many keys somebody else has written since.

    `held_back` of the different ones are in quarantine.
    """

    exported: ExportReader | OverlaidExport
    full: ExportReader
    target: TableReader
    counts: Counter[str]
    by_others: int
    held_back: int


def look_at(
    run: Run, pair: Pair, export: CompletedExport, loaded: ImportFact, table: TableDescription, show: Show
) -> RepairLook:
    """Compare a target with its export as the validation does, and take down every item that is wrong."""
    target = table_side(run, pair, export, table)
    with target_reads(run.ledger, pair.source, target.limit):
        return _looked_at(run, pair, export, loaded, table, target, show)


def _looked_at(
    run: Run, pair: Pair, export: CompletedExport, loaded: ImportFact, table: TableDescription, target: TableReader,
    show: Show,
) -> RepairLook:  # fmt: skip
    full = export_side(run, pair, export, table)
    one: ExportReader | OverlaidExport = overlaid(run, pair, full) or full
    sides = [DigestCheckpoint(run.secret, run.now) for _ in range(2)]
    exported = export_buckets(one, table.key, sides[0], lambda done: show("reading the export", done))
    found = table_buckets(target, table.key, sides[1], lambda done: show("scanning the target", done))
    excuse = excuse_for(run, pair, export.manifest, ttl_attribute(run.clients.target, pair.target))
    wrong = WrongItemsNote(run.ledger, pair.source, WrongLook.REPAIR, run.secret)
    wrong.begin()
    comparison = compare(
        exported, found, one.items, target.items, table.key,
        look_again=lambda keys: read_keys(target.transport, pair.target, keys, Backoff()),
        rules=Rules(
            run.secret, excuse.expiry, excuse.clock(run.now), 0, one.refused_keys,
            was_there(run, pair.source, loaded), wrong.note, one.has_later,
        ),
    )  # fmt: skip
    wrong.end()
    return RepairLook(one, full, target, wrong.counts, written_by_others(run.ledger, pair.source), comparison.held_back)
