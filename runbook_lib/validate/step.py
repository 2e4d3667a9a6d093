"""Prove, or disprove, that each target holds the items of its export.

Four independent counts stand side by side: what the manifest says, how many lines were read, how many writes were
acknowledged, and what a Scan of the target finds. Beyond the counts, every item is compared with the export. The
table's verdict is PASS only if all of it agrees. docs/validation.md says what is compared and which rules decide.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from runbook_lib.aws.dynamodb.describe.partial_definition import live_indexes
from runbook_lib.aws.dynamodb.describe.tables import TableDescription, describe_table, ttl_attribute
from runbook_lib.aws.dynamodb.read.batch_get import read_keys
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.cluster.at_once import TableThread, all_at_once
from runbook_lib.cluster.connect import open_processes, open_roster
from runbook_lib.cluster.processes import processors
from runbook_lib.errors import RunbookError, TransferError
from runbook_lib.items.canonical import Item
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.afterwards.used_units import target_reads
from runbook_lib.run.facts.export import CompletedExport
from runbook_lib.run.facts.load import IMPORTS, ImportFact
from runbook_lib.run.facts.masking.transform import TRANSFORMS
from runbook_lib.run.facts.plan import ParityFact
from runbook_lib.run.facts.validation import VALIDATIONS, IndexFact, ReadSpans, ValidationFact
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.tables.comparison import DifferenceRow, keep_differences
from runbook_lib.run.tables.wrong_items import WrongItemsNote, WrongLook
from runbook_lib.run.verdicts import Verdict
from runbook_lib.run.witnesses.items_before import was_there, why_unknown
from runbook_lib.run.witnesses.source_ttl import Excuse, excuse_for
from runbook_lib.schema.compare_pair import look_alike, parity_blockers
from runbook_lib.timestamps import format_timestamp
from runbook_lib.validate.bucket_digest import BucketDigest
from runbook_lib.validate.checkpoint import DigestCheckpoint
from runbook_lib.validate.compare import Comparison, NoteWrong, Rules, compare, no_note
from runbook_lib.validate.distributed import DistributedDigest
from runbook_lib.validate.drift import drift_of, source_limit
from runbook_lib.validate.indexes.check import ITEMS_HELD, Settings, ask_target, check_indexes, wrong_indexes
from runbook_lib.validate.indexes.sample import IndexSample
from runbook_lib.validate.overlay import (
    OverlaidExport,
    against_second,
    overlaid,
    overlay_facts,
    overlay_reasons,
    raw_broken,
    window_reasons,
)
from runbook_lib.validate.readers import ExportReader, TableReader, export_buckets, stoppable, table_buckets
from runbook_lib.validate.reconcile import disagreements, not_transformed, witnesses
from runbook_lib.validate.sides import (
    EXPORT,
    TARGET,
    News,
    Together,
    Watch,
    bytes_to_compare,
    changed_meanwhile,
    contradictions,
    due_of,
    export_side,
    held_while_naming,
    is_large,
    noted,
    table_side,
    tallies,
    target_limit,
)


def validate_tables(run: Run, watch: Watch = lambda table, state, done, of: None) -> dict[str, ValidationFact]:
    """Compare every planned table with its export, several at once, small ones early; the facts by source table.

    Reads only. Needs the manifest and the target, and no import by this run; a table whose import
    was only tried in a dry run is left out, for there is nothing to prove yet. Differences are
    facts, not errors: the gate after it raises.
    """
    with run.step("validate"):
        run.keep_accepted()
        with open_roster(run, "validate") as roster, noted(run.ledger, watch) as note:
            together = Together(run, roster, target_limit(run), source_limit(run))
            pairs = sorted(run.planned_pairs(), key=lambda pair: (bytes_to_compare(run, pair), pair.source))
            many = 1 if roster else run.config.validate_.processes or processors()
            large = [pair for pair in pairs if many > 1 and is_large(run, pair)]
            _validate_all(together, [pair for pair in pairs if pair not in large], note)
            if large:
                with open_processes(run, "validate", many) as processes:
                    _validate_all(replace(together, roster=processes), large, note)
        return VALIDATIONS.all(run.ledger)


def _validate_all(together: Together, pairs: list[Pair], watch: Watch) -> None:
    """Several at once; one after another, where all workers are at one."""
    run = together.run

    def validate(pair: Pair, thread: TableThread[News]) -> None:
        VALIDATIONS.record(run.ledger, pair.source, _validate(together, pair, thread))

    at_once = 1 if together.roster else run.config.validate_.tables_at_once
    all_at_once(pairs, validate, at_once, together.share, lambda news: watch(*news))


def _validate(together: Together, pair: Pair, thread: TableThread[News]) -> ValidationFact:
    run = together.run
    began, clock = format_timestamp(run.now()), time.monotonic()
    due = due_of(run, pair)
    if isinstance(due, ValidationFact):
        return due
    completed, imported = due
    loaded = IMPORTS.of(run.ledger, pair.source)
    try:
        fact = _compare(together, pair, completed, loaded if imported else None, thread)
    except RunbookError as error:
        fact = ValidationFact(Verdict.FAIL, (f"the comparison could not be made: {error}",), imported)
    ended, seconds = format_timestamp(run.now()), round(time.monotonic() - clock, 3)
    return replace(fact, started=began, finished=ended, seconds=seconds)


def _compare(
    together: Together, pair: Pair, export: CompletedExport, loaded: ImportFact | None, thread: TableThread[News]
) -> ValidationFact:
    run = together.run
    table = describe_table(run.clients.target, pair.target)
    if table is None:
        raise TransferError(f"target {pair.target} is gone; create and fill it, then run again")
    other = table_side(run, pair, export, table, together)
    with target_reads(run.ledger, pair.source, other.limit):
        return _compared(together, pair, export, loaded, thread, table, other)


def _compared(
    together: Together, pair: Pair, export: CompletedExport, loaded: ImportFact | None, thread: TableThread[News],
    table: TableDescription, other: TableReader,
) -> ValidationFact:  # fmt: skip
    run, check = together.run, thread.check
    full = export_side(run, pair, export, table)
    over = overlaid(run, pair, full)
    one: ExportReader | OverlaidExport = over or full
    sums: tuple[DigestCheckpoint, DigestCheckpoint] = tallies(run, pair, export, table)
    if over is not None:  # how keys go on from the full export is counted while it is read, all of it
        sums = (DigestCheckpoint(run.secret, run.now), sums[1])

    def show(state: str) -> Callable[[int], None]:
        return lambda done: thread.tell((pair.source, state, done, export.items))

    census = together.roster and DistributedDigest(run, together.roster, pair.source, table.key)
    state = show(EXPORT)
    exported = (
        census.of_export(full, sums[0], state)
        if census and over is None
        else export_buckets(one, table.key, sums[0], state, check)
    )
    changes = overlay_facts(run, pair, over, export) if over else None
    read_export = format_timestamp(sums[0].began), format_timestamp(run.now())
    state, limit = show(TARGET), run.config.validate_.max_rcu
    found = (
        census.of_table(other, limit, sums[1], state)
        if census
        else table_buckets(other, table.key, sums[1], state, check)
    )
    after = run.clients.asked_once()
    excuse = excuse_for(run, pair, export.manifest, ttl_attribute(after.target, pair.target))
    most = run.config.validate_.max_differences

    wrong = WrongItemsNote(run.ledger, pair.source, WrongLook.VALIDATION, run.secret)

    def held_against(
        buckets: BucketDigest, items: Callable[[], Iterator[Item]], note: NoteWrong = no_note
    ) -> Comparison:
        def look_again(keys: list[Item]) -> list[Item]:
            check()
            return read_keys(other.transport, pair.target, keys, Backoff())

        rules = Rules(
            run.secret, excuse.expiry, excuse.clock(run.now), most, one.refused_keys,
            was_there(run, pair.source, loaded), note, one.has_later,
        )  # fmt: skip
        with together.room.of(held_while_naming(buckets, found, export), check):
            return compare(
                buckets, found, lambda: stoppable(items(), check), lambda: stoppable(other.items(), check), table.key,
                look_again, rules,
            )  # fmt: skip

    wrong.begin()
    comparison = held_against(exported, one.items, wrong.note)
    wrong.end()
    ended = format_timestamp(run.now())
    _keep_differences(run, pair.source, comparison)
    counts = witnesses(run.ledger, pair.source, export, loaded, comparison)
    found_wrong = comparison.counts | {
        "there_before": comparison.there_before, "otherwise_before": comparison.otherwise_before,
    }  # fmt: skip
    reasons = disagreements(counts, found_wrong, loaded, why_unknown(run, loaded), changes)
    reasons += window_reasons(run, pair)
    if changes is not None:
        changes = replace(changes, raw_broken=raw_broken(run, pair, table.key, check))
        reasons += overlay_reasons(changes, export.manifest.export_time)
        second, why = against_second(run, pair, full, changes, held_against, check)
        changes, reasons = replace(changes, second_export=second), reasons + why
    reasons += not_transformed(TRANSFORMS.of(run.ledger, pair.source))
    reasons += contradictions(other, comparison, reasons, check)
    if comparison.counts["missing"] and excuse.why:
        reasons.append(excuse.why)
    if loaded and loaded.binding and loaded.binding.target_table_id != table_identity(table):
        reasons.append(f"target {pair.target} is another table than the one that this run wrote to")
    held = bool(loaded and loaded.items_before)
    fill = partial(census.of_indexes, full, excuse) if census and over is None else None
    indexes = _indexes(
        together, after.target, one, other, table, excuse, thread, may_hold_more=held, follow=not reasons, fill=fill
    )
    parity = look_alike(run.config, after, pair)
    reasons += wrong_indexes(indexes) + [str(o) for o in parity_blockers(pair, parity)]
    if run.config.validate_.drift:
        drift_of(run, pair, other, found, limit=together.source_limit.beside(), check=check)
    reasons += changed_meanwhile(run, pair, table)
    sums[0].forget()
    verdict = Verdict.FAIL if reasons else Verdict.PASS
    thread.tell((pair.source, verdict, comparison.found, export.items))
    return ValidationFact(
        verdict,
        tuple(reasons),
        loaded is not None,
        in_manifest=counts["in_manifest"],
        lines_read=counts["lines_read"],
        items_written=counts["items_written"],
        items_quarantined=counts["items_quarantined"],
        items_present=counts["items_present"],
        items_filtered=counts["items_filtered"],
        items_compared=counts["items_compared"],
        items_in_target=counts["items_in_target"],
        missing=found_wrong["missing"],
        extra=found_wrong["extra"],
        different=found_wrong["different"],
        expired=found_wrong["expired"],
        quarantined=found_wrong["quarantined"],
        there_before=comparison.there_before,
        otherwise_before=comparison.otherwise_before,
        looked_again=comparison.looked_again,
        moved=comparison.moved,
        read=ReadSpans(read_export, (format_timestamp(sums[1].began), ended)),
        export_digest=comparison.export_digest,
        target_digest=comparison.target_digest,
        indexes=indexes,
        parity=ParityFact.of(parity, format_timestamp(run.now()), "validate") if parity else None,
        read_units=other.limit.used,
        changes=changes,
    )


def _indexes(
    together: Together,
    target: Any,
    one: ExportReader | OverlaidExport,
    other: TableReader,
    table: TableDescription,
    excuse: Excuse,
    thread: TableThread[News],
    *,
    may_hold_more: bool,
    follow: bool,
    fill: Callable[[list[IndexSample]], None] | None,
) -> tuple[IndexFact, ...]:
    """What the target's indexes answer for a sample of the export's items, in a pass of its own.

    Unless they can `follow` a table that is right, there is nothing to wait for.
    """
    run, chosen = together.run, together.run.config.validate_
    wait = chosen.index_wait_seconds if follow else 0.0
    settings = Settings(
        chosen.index_samples, wait, may_hold_more, run.secret, excuse.clock(run.now),
        in_table=lambda keys: read_keys(other.transport, other.table, keys, Backoff()), sleep=thread.sleep,
    )  # fmt: skip
    indexes = live_indexes(target, other.table)
    exported = ((item, excuse.expiry(item)) for item in stoppable(one.items(), thread.check))
    ask = ask_target(other.transport, other.table, other.limit, Backoff())
    items = sum(file.items for file in one.files)
    with together.room.of(min(ITEMS_HELD, items * len(indexes)), thread.check):
        return check_indexes(indexes, table.key, exported, ask, settings, fill)


def _keep_differences(run: Run, source: str, comparison: Comparison) -> None:
    full = run.config.report.show_keys == "full"
    rows = (DifferenceRow(source, d.kind, d.key_hash, d.key if full else None, d.paths) for d in comparison.listed)
    keep_differences(run.ledger, source, rows)
