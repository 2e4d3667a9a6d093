"""Repair: write what the comparison found wrong and nothing else, or say what that would be and cost.

It takes a look of its own first, the whole comparison. Where that shows what the validation did not, or no more what
it did, somebody else has written to the target since: what is missing may have been deleted by the application, and is
not brought back unless that is asked for. Only a validation afterwards can say that a table is as exported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from runbook_lib.aws.dynamodb.describe.tables import TableDescription, describe_table
from runbook_lib.aws.dynamodb.guarded_items import GuardedItems
from runbook_lib.aws.dynamodb.guarded_write import GuardedWriter
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.session.granted_calls import repairer
from runbook_lib.aws.transport.retry import Backoff
from runbook_lib.cost.prices import prices_of
from runbook_lib.errors import GateFailed, RunbookError, TransferError
from runbook_lib.items.size import item_size, units_of
from runbook_lib.load.first_write import end_writing
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.writing import Method
from runbook_lib.repair.choice import RepairChoice, check_repair
from runbook_lib.repair.exported_lines import exported_lines
from runbook_lib.repair.look import RepairLook, look_at
from runbook_lib.repair.write import RepairWriting
from runbook_lib.run.facts.afterwards.repair import REPAIRS, RepairFact, RepairStatus
from runbook_lib.run.facts.export import EXPORTS, CompletedExport
from runbook_lib.run.facts.load import IMPORTS, ImportFact, ImportStatus
from runbook_lib.run.facts.masking.leak_scan import LEAKS
from runbook_lib.run.facts.validation import VALIDATIONS
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.steps import REPAIR
from runbook_lib.run.tables.wrong_items import (
    MOST_WRONG,
    WrongItems,
    WrongLook,
    forget_wrong,
    take_over_look,
)
from runbook_lib.run.witnesses.begun_windows import why_half, why_unreadable
from runbook_lib.run.witnesses.writers.other_writers import look_for_others, refuse_others
from runbook_lib.run.witnesses.writers.write_register import register
from runbook_lib.run.witnesses.writers.writing_marks import marked_end
from runbook_lib.timestamps import format_timestamp

Watch = Callable[[RepairFact, str, int], None]
MISSING_INSTEAD = (
    "Write only what is missing (write_missing alone, on the command line --write-missing), which replaces nothing"
)


@dataclass(frozen=True, slots=True)
class TableToRepair:
    """One table that may be repaired, and what is known of it."""

    run: Run
    pair: Pair
    export: CompletedExport
    loaded: ImportFact
    table: TableDescription
    choice: RepairChoice
    watch: Watch


def repair_tables(
    run: Run,
    choice: RepairChoice,
    confirm: str = "",
    watch: Watch = lambda fact, state, done: None,
) -> list[RepairFact]:
    """Repair every planned table that is not as exported; returns the result for each.

    Writes only with `run.execute` and the run's id as `confirm`; otherwise it counts, and says what it would cost. A
    table that cannot be repaired does not stop the others. Raises ConfigError for a choice of nothing, GateFailed
    where a table is not loaded or not validated, and at the end TransferError that names each which could not go on.
    """
    execute = check_repair(run, choice, confirm)
    with run.step(REPAIR):
        tables = _refuse_unfit(run, choice, watch)
        facts, failures = [], []
        for table in tables:
            fact = _begun(table)
            try:
                with marked_end(run, table.pair):
                    fact = _repair(table, fact, execute=execute)
            except RunbookError as error:
                failures.append(f"{table.pair.source}: {error}")
                ended = format_timestamp(run.now())
                fact = _kept(run, replace(_last(table), status=RepairStatus.FAILED, failure=str(error), finished=ended))
            facts.append(fact)
        if failures:
            raise TransferError("; ".join(failures))
        return facts


def _refuse_unfit(run: Run, choice: RepairChoice, watch: Watch) -> list[TableToRepair]:
    """The tables that can be repaired; raises GateFailed that names each which cannot."""
    fit, wrong = [], []
    for pair in run.planned_pairs():
        if pair.method == Method.SKIP:
            continue
        export, loaded = EXPORTS.of(run.ledger, pair.source), IMPORTS.of(run.ledger, pair.source)
        completed = export.completed if export is not None else None
        table = describe_table(run.clients.target, pair.target)
        if completed is None:
            wrong.append(f"{pair.source} should be exported and is not; run 10_export first")
        elif loaded is None or loaded.binding is None or loaded.status != ImportStatus.COMPLETED:
            state = loaded.status if loaded is not None else "not begun"
            wrong.append(
                f"the import of {pair.source} by this run should be completed and is {state}; go on with the import, a "
                "repair is for what was changed after it"
            )
        elif table is None or table_identity(table) != loaded.binding.target_table_id:
            wrong.append(f"target {pair.target} is not the table that this run wrote to; start a new run")
        elif why := why_half(run, pair.source) or why_unreadable(run, pair.source):
            wrong.append(f"{why}, and validate it then")
        elif VALIDATIONS.of(run.ledger, pair.source) is None and not _is_going(run, pair):
            wrong.append(f"{pair.source} should be validated and is not; run 30_validate first")
        else:
            fit.append(TableToRepair(run, pair, completed, loaded, table, choice, watch))
    if wrong:
        raise GateFailed("; ".join(wrong))
    return fit


def _is_going(run: Run, pair: Pair) -> bool:
    """Whether the last repair that began to write has not ended; one that only looked wrote nothing."""
    wrote = [r for r in REPAIRS.of(run.ledger, pair.source) or () if r.status is not RepairStatus.DRY_RUN]
    return bool(wrote) and wrote[-1].status in (RepairStatus.WRITING, RepairStatus.FAILED)


def _begun(table: TableToRepair) -> RepairFact:
    pair, choice, run = table.pair, table.choice, table.run
    fact = RepairFact(
        pair.source, pair.target, RepairStatus.DRY_RUN, choice.kinds, 0, 0, 0, format_timestamp(run.now()),
        choice.even_after_cut_over,
    )  # fmt: skip
    REPAIRS.record(run.ledger, pair.source, (*(REPAIRS.of(run.ledger, pair.source) or ()), fact))
    return fact


def _last(table: TableToRepair) -> RepairFact:
    return REPAIRS.needed(table.run.ledger, table.pair.source)[-1]


def _kept(run: Run, fact: RepairFact) -> RepairFact:
    """Write down how this repair stands, in place of what is known of it."""
    REPAIRS.record(run.ledger, fact.source, (*(REPAIRS.of(run.ledger, fact.source) or ())[:-1], fact))
    return fact


def _repair(table: TableToRepair, fact: RepairFact, *, execute: bool) -> RepairFact:
    run, source = table.run, table.pair.source

    def show(state: str, done: int) -> None:
        table.watch(fact, state, done)

    look = look_at(run, table.pair, table.export, table.loaded, table.table, show)
    counts = look.counts
    fact = _kept(
        run,
        replace(
            fact, missing=counts["missing"], different=counts["different"], extra=counts["extra"],
            by_others=look.by_others,
        ),
    )  # fmt: skip
    try:
        _refuse_unsafe(table, fact)
        look_for_others(run, table.pair, table.table)
        adds = not any(counts[kind] for kind in fact.kinds if kind != "missing")  # which is put where nothing is
        refuse_others(run, table.pair, MISSING_INSTEAD, adds=adds)
        if execute:
            register(run, table.pair, table.table, writing=True, adds=adds)  # or learn of a run that takes back there
            # Whoever came a moment ago saw this run's mark, or is seen here.
            refuse_others(run, table.pair, MISSING_INSTEAD, adds=adds)
        if not execute:
            writing = _writing(table, look, WrongLook.REPAIR, show)
            fact = _kept(run, _measured(table, writing, replace(fact, finished=format_timestamp(run.now()))))
            show("measured", fact.asked)
            return fact
        take_over_look(run.ledger, source)
    finally:
        forget_wrong(run.ledger, source, WrongLook.REPAIR)
    writing = _writing(table, look, WrongLook.VALIDATION, show)
    fact = _kept(run, replace(fact, status=RepairStatus.WRITING))
    if fact.asked:  # whoever is killed before this has written nothing
        VALIDATIONS.forget(run.ledger, source)
        LEAKS.forget(run.ledger, source)  # what it writes nobody has looked through
    try:
        writing.write_all()
    finally:
        fact = _kept(run, replace(fact, counts=writing.result()))
    if writing.result().written:
        end_writing(run, table.pair)
    fact = _kept(run, replace(fact, status=RepairStatus.COMPLETED, finished=format_timestamp(run.now())))
    show("repaired", fact.counts.written)
    return fact


def _refuse_unsafe(table: TableToRepair, fact: RepairFact) -> None:
    """Raise GateFailed where writing could bring back what somebody has deleted, or is not the shorter way."""
    found = fact.missing + fact.different + fact.extra
    if found > MOST_WRONG:
        raise GateFailed(
            f"{found:,} items of {table.pair.target} are wrong, and a repair takes on {MOST_WRONG:,}; load it anew "
            "with import.on_non_empty: overwrite, and export.reuse with the ARN of this run's export"
        )
    if table.choice.even_after_cut_over:
        return
    if fact.by_others:
        raise GateFailed(
            f"target {table.pair.target} was written to by somebody else since it was validated ({fact.by_others:,} "
            "items are not as they were then): what is missing may have been deleted by the application, and would "
            "come back. Stop what writes to it and validate it again; or set even_after_cut_over (on the command "
            "line --even-after-cut-over) if it may be repaired all the same"
        )


def _writing(
    table: TableToRepair, look: RepairLook, which: WrongLook, show: Callable[[str, int], None]
) -> RepairWriting:
    run, pair = table.run, table.pair
    partition = next(attribute.name for attribute in table.table.key if attribute.role == "HASH")
    writer = GuardedWriter(repairer(run.clients, {pair.target: partition}), pair.target, table.table.key, Backoff())
    wrong = WrongItems(run.ledger, pair.source, which)
    items = GuardedItems(look.target.transport, writer, run.secret, RateLimit(run.config.import_.max_wcu))
    return RepairWriting(run, pair.source, look, wrong, table.choice.kinds, items, show)


def _measured(table: TableToRepair, writing: RepairWriting, fact: RepairFact) -> RepairFact:
    """With the write units of the repair, and of writing everything again."""
    units = full = 0
    for line in exported_lines(writing.look.exported, writing.look.full, table.run.secret):
        cost = units_of(item_size(line.item))
        wrong = writing.wrong.get(line.key)
        full += cost
        units += cost if wrong is not None and wrong.single and wrong.kind in fact.kinds else 0
    if "extra" in fact.kinds and fact.extra:
        units += sum(units_of(item_size(item)) for _, item in writing.extras())
    price = prices_of(table.run.config.target.region, table.run.config.prices).million_writes
    usd, full_usd = (None if price is None else count * price / 1e6 for count in (units, full))
    return replace(fact, counts=writing.held_back(), units=units, full_units=full, usd=usd, full_usd=full_usd)
