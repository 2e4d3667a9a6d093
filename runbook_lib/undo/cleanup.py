"""Remove what a run created, and only that: tables, items, and the objects of its own exports.

The source is never touched. Where another run has written to a table too, or that is not known, nothing of it is
removed: what is equal to an own item is not for that reason the run's (register.py). A table goes only if the run
created it and it holds nothing but what the run wrote. Items go one by one from a table that was there and empty,
each on the server's condition that it still is as it was read and as the export says. Objects go by the keys of the
run's own manifests, and last, because they say which items are the run's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from functools import partial

from runbook_lib.aws.dynamodb import delete as aws
from runbook_lib.aws.dynamodb.conditional_write import MOST_ATTRIBUTES
from runbook_lib.aws.dynamodb.describe.tables import TableDescription, describe_table
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.aws.dynamodb.read.scan import Segment, answers_scan
from runbook_lib.aws.dynamodb.scaling import end_scaling
from runbook_lib.aws.session.granted_calls import unscaler
from runbook_lib.cutover.unlooked import Unlooked, unlooked
from runbook_lib.errors import ConfigError, ForbiddenCall, RunbookError, TableError, TransferError
from runbook_lib.items.canonical import Item
from runbook_lib.plan.pair import Pair
from runbook_lib.run.admission.confirmation import REMOVING, check_confirmation
from runbook_lib.run.facts.cut_over.gates import went
from runbook_lib.run.facts.load import IMPORTS, Binding, ImportFact
from runbook_lib.run.facts.targets import CREATED, REMOVALS, CreationStatus, Removal
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.tables.scratch import scratch_map
from runbook_lib.run.waiting import Wait
from runbook_lib.run.witnesses.writers.closed_tables import closed
from runbook_lib.run.witnesses.writers.other_writers import refuse_unless_alone
from runbook_lib.run.witnesses.writers.own_marks import refuse_older_copy
from runbook_lib.run.witnesses.writers.write_register import leave
from runbook_lib.timestamps import format_timestamp
from runbook_lib.undo.bulk_writes import made_tables, why_still_made, why_still_written
from runbook_lib.undo.delete_items import Undoing
from runbook_lib.undo.own_items import OwnKept, held_to_own, own_items
from runbook_lib.undo.remove_objects import Hands, mark_cleaned, remove_objects
from runbook_lib.undo.sent_lines import refuse_more_than_put

WITHOUT_RECOVERY = "it had no point-in-time recovery, so there is no moment to restore it to"
PATIENCE_SECONDS, POLL_SECONDS = 600.0, 2.0
Watch = Callable[[str, str], None]


def check_cleanup(run: Run, confirm: str) -> bool:
    """Whether things may be removed: `confirm` has to be the run's id, typed, beside everything a write needs.

    Raises ConfigError if it is anything else but empty, which asks for a dry run.
    """
    if not confirm or not run.execute:
        return False
    if confirm != run.id:
        raise ConfigError(
            f"confirmation of the cleanup (--confirm, confirm_cleanup): expected {run.id!r}, which is the run whose "
            f"traces would be removed, found {confirm!r}; nothing was removed"
        )
    check_confirmation(run.confirmation, run.clients, REMOVING)
    return True


def clean_up(
    run: Run,
    confirm: str = "",
    watch: Watch = lambda table, state: None,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Removal]:
    """Remove what the run created, or show what would be removed; returns the removals by table.

    It goes on past a table that fails, can be repeated, and goes on where it was stopped. A run of which anything
    was removed can be reported on and not resumed.
    """
    execute, pairs = check_cleanup(run, confirm), run.planned_pairs()
    with run.step("cleanup") if execute else nullcontext(), ExitStack() as opened:  # a look leaves no trace
        hands, look = _hands(run, opened) if execute else None, unlooked(run)
        found = []
        for pair in pairs:
            known = REMOVALS.of(run.ledger, pair.source)
            if known is not None and known.done:
                found.append(known)
                continue
            removal = _begun(pair, known, execute=execute)
            watch(pair.target, "checking what this run wrote")
            try:
                _remove(run, pair, removal, hands, look)
            except ForbiddenCall:
                raise
            except RunbookError as error:  # the other tables go on; this one can be tried again
                removal.done = False
                removal.kept = f"table {pair.target} is not cleaned up to the end: {error}"
            finally:
                run.clients.calls.flush()  # deletes of items are told in sums
            if execute:
                removal.ended = format_timestamp(run.now())
                REMOVALS.record(run.ledger, pair.source, removal)
            found.append(removal)
            watch(pair.target, "done" if removal.done else "not finished" if execute else "checked")
        if hands is not None:
            for removal in found:
                if removal.table_deleted:
                    await_gone(run, removal.target, sleep)
        return found


def _begun(pair: Pair, known: Removal | None, *, execute: bool) -> Removal:
    """What a cleanup begins with; of one that was stopped after the target, what it had done there."""
    if known is not None and known.target_kept is not None:
        return replace(known, done=execute, only_looked=not execute, objects=0, kept=known.target_kept)
    before = known.items_deleted if known else 0
    return Removal(pair.source, pair.target, execute, items_deleted=before, only_looked=not execute)


def _hands(run: Run, opened: ExitStack) -> Hands:
    created = made_tables(run)
    clients = run.clients
    hands = Hands(
        clients.remover(created), unscaler(clients, created), clients.staging_remover(), clients.raw_remover()
    )
    for client in (hands.tables, hands.scaling, hands.objects, hands.raw):
        opened.callback(client.close)
    return hands


def _remove(run: Run, pair: Pair, removal: Removal, hands: Hands | None, look: Unlooked) -> None:
    """The target first, then the objects that say what is in it; without hands it only looks."""
    refuse_older_copy(run, pair)
    look.refuse()
    with ExitStack() as shut:
        if removal.target_kept is None:
            _remove_from_target(run, pair, removal, hands, shut, look)
        remove_objects(run, pair, removal, hands)
        if hands is not None and not removal.kept:
            table = None if removal.table_deleted or removal.target_gone else _described(run, pair)
            leave(run, pair, table, partial(aws.delete_objects, hands.objects))


def _remove_from_target(
    run: Run, pair: Pair, removal: Removal, hands: Hands | None, shut: ExitStack, look: Unlooked
) -> None:
    if why := why_still_made(run, pair, look=hands is not None):
        raise TransferError(why)  # and nothing goes, as below
    created, loaded = CREATED.of(run.ledger, pair.source), IMPORTS.of(run.ledger, pair.source)
    moment = went(run.ledger)
    begun = loaded is not None and loaded.binding is not None
    if moment is not None:
        removal.kept = f"table {pair.target}: it took the place of its source at {moment}; nothing of it is removed"
        removal.kept += look.told(pair.source)
    elif loaded is not None and (why := why_still_written(run, pair, loaded, look=hands is not None)):
        raise TransferError(why)  # nothing goes, the objects that it is written from neither
    elif created is not None and created.table_id:
        _remove_table(run, pair, created.table_id, removal, hands, shut, wrote=begun)
    elif created and created.status == CreationStatus.ASKED_FOR and _described(run, pair) is not None:
        removal.kept = f"table {pair.target}: the run was stopped while it asked for it, so whose it is is not known"
    elif loaded is not None and loaded.binding is not None:
        _remove_items(run, pair, loaded, loaded.binding, removal, hands, shut)


def _remove_table(
    run: Run, pair: Pair, table_id: str, removal: Removal, hands: Hands | None, shut: ExitStack, *, wrote: bool
) -> None:
    """Delete a table that the run created, if it holds nothing but what the run wrote."""
    facts = _same(run, pair, table_id, removal)
    if facts is None:
        return
    _close(run, pair, facts, hands, shut)
    refuse_unless_alone(run, pair, facts, wrote=wrote)
    with scratch_map() as digests:
        own = OwnKept(facts.key, digests)
        for _, unchanged in _unchanged(run, pair, facts, removal) if wrote else ():
            own.keep(unchanged)
        removal.items_found = len(own)
        refuse_more_than_put(run, pair, IMPORTS.of(run.ledger, pair.source), len(own))
        held = held_to_own(run, pair, own)
    if held.others:
        removal.kept = (
            f"table {pair.target}: of its {held.items:,} items {held.others:,} were not written by this run or were "
            "changed since; delete it yourself if they are not needed"
        )
        return
    if _same(run, pair, table_id, removal) is None:  # reading it took its time
        return
    if hands is not None:
        refuse_unless_alone(run, pair, facts, wrote=wrote)  # once more: its tag may lead elsewhere by now
        _begin(run, pair, removal)
        created = CREATED.of(run.ledger, pair.source)
        for capacity in (created.scaled or ()) if created else ():  # AWS does not end it with the table
            end_scaling(hands.scaling, capacity.resource, capacity.dimension)
        aws.delete_table(hands.tables, pair.target, protected=aws.is_protected(hands.tables, pair.target))
    removal.table_deleted = True


def await_gone(run: Run, name: str, sleep: Callable[[float], None]) -> None:
    """Wait until AWS has done what it has accepted; a table of that name made since is another one."""

    def gone() -> bool | None:
        facts = describe_table(run.clients.target, name)
        return True if facts is None or facts.status != "DELETING" else None

    def late(failure: str) -> TableError:
        return TableError(
            f"table {name} is still being deleted after {PATIENCE_SECONDS:g} s{failure}; look again later"
        )

    Wait(PATIENCE_SECONDS, POLL_SECONDS, late, sleep).until(gone)


def _remove_items(
    run: Run, pair: Pair, loaded: ImportFact, binding: Binding, removal: Removal, hands: Hands | None, shut: ExitStack
) -> None:
    """Take out of a table that was empty what the run wrote into it."""
    if loaded.items_before:
        removal.kept = (
            f"table {pair.target}: it held {loaded.items_before:,} items before the import, so nothing of it is removed"
            f"; {f'to undo, restore it to {loaded.started} or earlier' if loaded.recovery else WITHOUT_RECOVERY}"
        )
        return
    facts = _same(run, pair, binding.target_table_id, removal)
    if facts is None:
        return
    _close(run, pair, facts, hands, shut)
    refuse_unless_alone(run, pair, facts, wrote=True)
    if loaded.is_by_service:
        refuse_more_than_put(run, pair, loaded, sum(len(same) for _, same, _ in own_items(run, pair, facts.key)))
    undoing = Undoing.of(run, pair, facts) if removal.done else None
    for last_of_file, items in _unchanged(run, pair, facts, removal):
        removal.items_found += len(items)
        if undoing is not None and items:
            _begin(run, pair, removal)
            undone = undoing.delete(items)
            removal.items_deleted += undone.deleted
            removal.items_changed += undone.changed
            removal.items_skipped += undone.skipped
        if undoing is not None and last_of_file:
            REMOVALS.record(run.ledger, pair.source, removal.unfinished())
    if removal.items_skipped:
        removal.kept = (
            f"table {pair.target}: {removal.items_skipped:,} items have more than {MOST_ATTRIBUTES} attributes, so "
            "that no condition of DynamoDB can say that they are as they were; they stay"
        )


def _begin(run: Run, pair: Pair, removal: Removal) -> None:
    """Record, before anything of a target goes, that it may be gone: whoever is killed now has no other record."""
    mark_cleaned(run)
    if not removal.items_deleted:
        REMOVALS.record(run.ledger, pair.source, removal.unfinished())


def _close(run: Run, pair: Pair, table: TableDescription, hands: Hands | None, shut: ExitStack) -> None:
    """From now on no other run begins to write to a table, until all of it that is this run's is gone."""
    if hands is not None:
        shut.enter_context(closed(run, pair, table, partial(aws.delete_objects, hands.objects)))


def _same(run: Run, pair: Pair, table_id: str, removal: Removal) -> TableDescription | None:
    """The target, if it still is the table that the run wrote to; what is said against that is asked once more."""
    facts = _described(run, pair)
    if facts is None or facts.status == "DELETING":
        removal.target_gone = True
        return None
    if table_identity(facts) != table_id:
        again = describe_table(run.clients.target, pair.target)
        if again is None or table_identity(again) != table_identity(facts):
            raise _contradiction(pair, "one table and then another")
        removal.kept = f"table {pair.target} is another table of that name than the one this run wrote to; it stays"
        facts = None
    return facts


def _described(run: Run, pair: Pair) -> TableDescription | None:
    """What the target is; None where there surely is none: that is told twice, and a Scan finds no table either.

    On one wrong answer a cleanup would be done for good, and the objects that say which items are its own be gone.
    """
    facts = describe_table(run.clients.target, pair.target)
    if facts is None and describe_table(run.clients.target, pair.target) is not None:
        raise _contradiction(pair, "no table and then one")
    if facts is None and answers_scan(Segment(run.clients.target_wire, pair.target, RateLimit(None))):
        raise _contradiction(pair, "no table, whose Scan is answered")
    return facts


def _contradiction(pair: Pair, told: str) -> TableError:
    return TableError(
        f"what {pair.target} is should be told alike each time, and DescribeTable told of {told}; nothing of it was "
        "removed. Run the cleanup again; if it stays, ask whoever runs the server"
    )


def _unchanged(run: Run, pair: Pair, facts: TableDescription, removal: Removal) -> Iterator[tuple[bool, list[Item]]]:
    """What the run wrote and is as it left it, in pieces; counts what was changed. True for the last of a file."""
    for last_of_file, same, changed in own_items(run, pair, facts.key):
        removal.items_changed += changed
        yield last_of_file, same
