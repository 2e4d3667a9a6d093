"""What has to be true and recorded before a run's first write to a table.

In this order: what is there may be written to; the run stands in the table's register; what the table holds is
recorded item by item; and the checkpoint is bound to the export and the table. Killed before that, it all begins anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

from runbook_lib.aws.dynamodb.backups import is_on, recovery_of
from runbook_lib.aws.dynamodb.describe.tables import TableDescription, describe_table, is_empty
from runbook_lib.errors import GateFailed, ResumeRefused, TransferError
from runbook_lib.load.strangers import nothing_acknowledged, refuse_strangers
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.doubt.late_writes import LAST_WRITES, was_unanswered
from runbook_lib.run.facts.export import CompletedExport
from runbook_lib.run.facts.load import ENGINES, IMPORTS, Binding, ClusterEngine, HeldBefore, ImportFact, ImportStatus
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.witnesses.items_before import record_held
from runbook_lib.run.witnesses.writers.other_writers import keep_met, look_for_others, refuse_newcomers, refuse_others
from runbook_lib.run.witnesses.writers.registration import REGISTRATIONS, begin_registration
from runbook_lib.run.witnesses.writers.write_register import refuse_busy, register, stay_registered
from runbook_lib.run.witnesses.writers.writing_marks import only_adds, refuse_beside
from runbook_lib.timestamps import format_timestamp

APPEND_INSTEAD = "Start a new run with import.on_non_empty: append, which replaces nothing"


def begin_writing(
    run: Run, pair: Pair, export: CompletedExport, going: Callable[[], None] = lambda: None
) -> ImportFact:
    """The table's import facts; refuses a checkpoint that belongs to another export or another target.

    `going` is called while a target that holds items is read; what it raises ends the reading.
    """
    known = IMPORTS.of(run.ledger, pair.source)
    now = describe_table(run.clients.target, pair.target)
    if now is None:
        raise TransferError(f"target {pair.target} is gone; create it and run again")
    binding = Binding(export.arn, export.manifest.md5, table_identity(now))
    if known is not None and known.binding is not None:
        _refuse_another(pair, known.binding, binding)
    if known is not None and known.binding is not None and not _is_as_new(run, pair, known):
        look_for_others(run, pair, now)
        refuse_others(run, pair, APPEND_INSTEAD, adds=only_adds(run))  # before it says that it begins to write
        register(run, pair, now, writing=True, adds=only_adds(run))
        refuse_others(run, pair, APPEND_INSTEAD, adds=only_adds(run))
        if run.config.import_.on_non_empty == "fail" and known.bulk_put is None:
            refuse_strangers(run, pair, export, now, going)
        # A kill leaves a count that is not whole, also once a later start has ended.
        again = replace(
            known,
            status=ImportStatus.LOADING,
            failure=None,
            counted=None,
            killed=known.killed or known.counted is not True or None,
            spread=known.spread or _is_spread(run),
        )
        _record_begun(run, pair, again)
        return again
    _refuse_unseen(pair, now)
    started = format_timestamp(run.now())
    was_empty = _check_may_hold(run, pair)
    refuse_busy(run, pair, now, adds=only_adds(run))
    begin_registration(run, pair.source)
    register(run, pair, now, writing=True, adds=only_adds(run))
    if run.config.import_.on_non_empty == "fail":  # or both would find the table empty
        refuse_newcomers(run, pair, APPEND_INSTEAD)
    refuse_beside(run, pair, REGISTRATIONS.needed(run.ledger, pair.source).writing, adds=only_adds(run))
    # Once more: a run that was registered a moment earlier may have begun to write.
    is_empty_still = _check_may_hold(run, pair) and was_empty
    held, secret = (0, None) if is_empty_still else _recorded(run, pair, now, going)
    fact = ImportFact(
        ImportStatus.LOADING,
        started,
        binding=binding,
        on_non_empty=run.config.import_.on_non_empty,
        recovery=is_on(run.clients.target, pair.target) if held else None,
        items_before=held,
        held_before=secret,
        spread=_is_spread(run),
    )
    _record_begun(run, pair, fact)
    return fact


def _record_begun(run: Run, pair: Pair, fact: ImportFact) -> None:
    """And that it may write from now on: whoever is killed before anything is noted of it has sent something, too."""
    with run.ledger.batch():
        IMPORTS.record(run.ledger, pair.source, fact)
        LAST_WRITES.record(run.ledger, format_timestamp(run.now()))


def _is_spread(run: Run) -> bool | None:
    return isinstance(ENGINES.of(run.ledger, "import"), ClusterEngine) or None


def _is_as_new(run: Run, pair: Pair, known: ImportFact) -> bool:
    """Whether a run that may write beside other items ended, and was not killed, before it came to write any.

    What is there by now was there before. Where the target was to be empty, each item in it is looked at instead. A
    write that was not answered may have been done: then the first record stays, and the moment that goes with it.
    """
    if (
        run.config.import_.on_non_empty == "fail"
        or known.bulk_put is not None
        or known.counted is not True
        or known.killed
    ):
        return False
    return nothing_acknowledged(run, pair) and not was_unanswered(run.ledger, pair.target)


def _refuse_another(pair: Pair, known: Binding, binding: Binding) -> None:
    """Raise ResumeRefused for a checkpoint of something else than what is about to be written."""
    was, now = asdict(known), asdict(binding)
    if differs := [name for name in now if was[name] != now[name]]:
        raise ResumeRefused(
            f"the checkpoint of {pair.source} belongs to another {' and '.join(differs)}: "
            f"{[was[n] for n in differs]}, now {[now[n] for n in differs]}; "
            "start a new run with another run id"
        )


def _refuse_unseen(pair: Pair, now: TableDescription) -> None:
    """Raise GateFailed for a target that took the place of the one of the pre-flight, while the export ran perhaps."""
    seen = pair.target_facts
    if seen is not None and table_identity(seen) != table_identity(now):
        raise GateFailed(
            f"target {pair.target} should be the table that the pre-flight looked at ({table_identity(seen)}) and is "
            f"another one of that name ({table_identity(now)}); nothing was written: run 00_preflight again"
        )


def end_writing(run: Run, pair: Pair) -> None:
    """After the last write to a table, see to it that whoever else writes to it knows of this run."""
    now = describe_table(run.clients.target, pair.target)
    fact = IMPORTS.of(run.ledger, pair.source)
    binding = fact.binding if fact is not None else None
    if now is not None and binding is not None and binding.target_table_id == table_identity(now):
        stay_registered(run, pair, now)
        if fact is not None and fact.status is ImportStatus.LOADING:
            keep_met(run, pair)


def _recorded(run: Run, pair: Pair, table: TableDescription, going: Callable[[], None]) -> tuple[int, HeldBefore]:
    """Record what is in a target that was just found to hold items; raises GateFailed where it then holds none."""
    held, secret = record_held(run, pair.source, pair.target, table.key, going)
    if not held:
        raise GateFailed(
            f"target {pair.target} was just found to hold items, and a reading and a count of it find none: somebody "
            "empties it, or an answer was wrong. Nothing was written, for what was there before would count as this "
            "run's own: run again with the same run id"
        )
    return held, secret


def _check_may_hold(run: Run, pair: Pair) -> bool:
    """Whether the target is empty; raises GateFailed where it holds items and may not."""
    if is_empty(run.clients.target, pair.target):
        return True
    if run.config.import_.on_non_empty == "fail":
        raise GateFailed(
            f"target {pair.target} should be empty, as import.on_non_empty is 'fail', and holds items; "
            "nothing was written"
        )
    policy = run.config.import_.on_non_empty
    if policy in ("overwrite", "sync") and not recovery_of(run.clients.target, pair.target).on:
        raise GateFailed(
            f"target {pair.target} holds items, and '{policy}' needs point-in-time recovery on it, which is off; "
            "nothing was written: turn recovery on, or empty the table"
        )
    return False
