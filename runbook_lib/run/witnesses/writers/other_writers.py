"""Who else has written to a table, for whoever is about to take something back or away, or to write over it.

What is equal to an own item is not for that reason an own one. Where the register does not say all that it should,
nothing is known, and nothing is done.
"""

from __future__ import annotations

from runbook_lib.aws.dynamodb.describe.definition import REGISTER_TAG
from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.s3 import registers as aws
from runbook_lib.errors import GateFailed, TableError, TransferError
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.targets import STOOD_BEFORE, StoodBefore
from runbook_lib.run.run import Run
from runbook_lib.run.witnesses.writers.registration import (
    REGISTRATIONS,
    Registration,
    WriterStanding,
    is_own_entry,
    known_at,
    registration,
)
from runbook_lib.run.witnesses.writers.write_register import listed_entries, other_writers, others
from runbook_lib.run.witnesses.writers.writing_marks import refuse_beside


def refuse_later_writers(run: Run, pair: Pair, table: TableDescription) -> None:
    """Raise TableError unless the register says that no run has entered itself since this one did.

    What such a run wrote may be equal to what this run wrote, and is not for that reason this run's.
    """
    known = registration(run, pair.source)
    _found_now(run, pair, table, known)
    later = known.since if known is not None else []
    if later:
        raise TableError(
            f"other runs have written to {pair.target} since: {', '.join(later)}. What is equal to this run's items is "
            "theirs as well; nothing was taken back. Roll those runs back first"
        )


def refuse_unless_alone(run: Run, pair: Pair, table: TableDescription, *, wrote: bool) -> None:
    """Raise TableError unless the register says that nobody but this run, if it did, has written to the table."""
    known = registration(run, pair.source)
    if not wrote:  # it made the table and came no further: a table that names no register was written to by no run
        named = aws.register_tag(run.clients.target, table.arn)
        if named is None:
            return
        known = known_at(run, pair.source, named)
        known.standing = WriterStanding.ENTERED
    if found := _found_now(run, pair, table, known):
        raise TableError(
            f"other runs have written to {pair.target} too: {', '.join(found)}. What is equal to this run's "
            "items is theirs as well; clean those runs up first if they are not needed either"
        )


def refuse_newcomers(run: Run, pair: Pair, instead: str) -> None:
    """Raise GateFailed where another run was last seen to have begun to write to the target since this one did.

    `instead` is what else may be done than to take that run back. Where the register could never be read nobody is
    known; the report says so.
    """
    known = registration(run, pair.source)
    if known is not None and known.others is None and known.before is not None:
        raise GateFailed(
            f"the register of {pair.target} ({known.place}) should be listed, as when this run began, and is not: "
            "who else has written to it since is not known, so nothing was written. Run this again once it can be"
        )
    if known is not None and known.since:
        raise GateFailed(
            f"target {pair.target} should have been written to by this run alone since it began, and so has the run "
            f"{', '.join(known.since)}: going on would replace or delete what that one wrote, so nothing was written. "
            f"{instead}; or take that run back (runbook rollback, or cleanup) and run this again"
        )


def refuse_others(run: Run, pair: Pair, instead: str, *, adds: bool) -> None:
    """Raise GateFailed where another run was last seen to have begun since, or to be writing.

    Whoever only `adds` puts nothing over what a newcomer has put. `instead` as for `refuse_newcomers`.
    """
    known = registration(run, pair.source)
    if not adds:
        refuse_newcomers(run, pair, instead)
    refuse_beside(run, pair, known.writing if known else None, adds=adds)


def look_for_others(run: Run, pair: Pair, table: TableDescription) -> list[str]:
    """Look into the register once more, and keep who is there; the runs that were not when this one last looked.

    Raises TransferError where it could be listed when this run began and cannot be now.
    """
    known = registration(run, pair.source)
    if known is None or known.place is None or known.before is None:
        return []
    seen, again = known.before if known.others is None else known.others, known.again or []
    known.others = others(run, pair, table, known)
    REGISTRATIONS.record(run.ledger, pair.source, known)
    return sorted(({*known.others} - {*seen}) | ({*(known.again or ())} - {*again}))


def keep_stood_before(run: Run, pair: Pair, named: str | None) -> None:
    """Keep who stands in a target's register at the pre-flight, until this run has entered itself there.

    `named` is the register that the target's tag names; without one, nobody stands anywhere. What cannot be listed now
    is looked at before the entry. An entry of its own, which a killed start has not recorded, is no other's.
    """
    known, table = registration(run, pair.source), pair.target_facts
    if table is None or (known is not None and known.entries):
        return
    try:
        stood = others(run, pair, table, known_at(run, pair.source, named)) if named else []
    except TransferError:
        STOOD_BEFORE.forget(run.ledger, pair.source)
    else:
        STOOD_BEFORE.record(run.ledger, pair.source, StoodBefore(stood))


def keep_met(run: Run, pair: Pair) -> None:
    """Keep which of the others came while this run loaded the table."""
    known = REGISTRATIONS.needed(run.ledger, pair.source)
    known.met = known.since
    REGISTRATIONS.record(run.ledger, pair.source, known)


def still_met(run: Run, pair: Pair) -> list[str]:
    """Who came while this run loaded the table and was there when it last looked."""
    known = registration(run, pair.source)
    return sorted({*(known.met or ())} & {*(known.others or ())}) if known is not None else []


def _found_now(run: Run, pair: Pair, table: TableDescription, known: Registration | None) -> list[str]:
    """The other runs in the register now; raises TableError where it does not say all that it should."""
    if known is None or known.standing != WriterStanding.ENTERED:
        raise TableError(
            f"this run stands in no register of the runs that have written to {pair.target}, so whose its items are is "
            f"not known; remove what is not needed by hand ({(known and known.why) or 'an older run'})"
        )
    named = aws.register_tag(run.clients.target, table.arn)
    if named != known.place:
        raise TableError(
            f"the tag {REGISTER_TAG} of {pair.target} should name {known.place}, where this run is registered, and "
            f"{f'names {named}' if named else 'is not there'}; who else has written to it is not known"
        )
    try:
        folder, keys = listed_entries(run, pair, known)
        replaced = [k for bucket, k in known.entries if k in keys and not is_own_entry(run, known, bucket, k)]
    except TransferError as error:
        raise TableError(f"the register of {pair.target} cannot be read, so nothing is removed: {error}") from None
    if gone := sorted(key for _, key in known.entries if key.startswith(folder) and key not in keys):
        raise TableError(
            f"the register of {pair.target} should have this run's own entry {gone[0]}, and it is not there: entries "
            "were removed (by a lifecycle rule of the bucket?), so who else has written to the table is not known"
        )
    if replaced:
        raise TableError(
            f"the register of {pair.target} should have this run's own entry {replaced[0]}, and what is there this run "
            "has not written: another run of its name may have written to the table"
        )
    known.others = other_writers(run, folder, keys, table, known)
    return known.others
