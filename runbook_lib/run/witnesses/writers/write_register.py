"""The register of the runs that have written to a table: who else has, when something is to be removed.

That an item is equal to a run's own does not make it that run's. Before its first write a run enters itself, under
the table's id, in the register that the table's tag names; a table without that tag is given the one in this run's
staging bucket. A cleanup goes by it, and refuses where it cannot be read or where another run stands in it.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from runbook_lib.aws.dynamodb.describe.definition import REGISTER_TAG
from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.s3 import registers as aws
from runbook_lib.aws.s3.objects import read_object
from runbook_lib.errors import TableError, TransferError
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.targets import STOOD_BEFORE
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.witnesses.writers.named_register import name_register, named_register, register_tagger
from runbook_lib.run.witnesses.writers.own_marks import (
    ASKED_FOR,
    CLOSING,
    MARKS,
    TAKEN_BACK,
    intend,
    own_keys,
    refuse_forgotten,
    refuse_unknown,
    settle,
)
from runbook_lib.run.witnesses.writers.registration import (
    LONGEST_ENTRY,
    REGISTRATIONS,
    NoRegister,
    Registration,
    WriterStanding,
    begin_registration,
    entries_folder,
    known_at,
    own_register,
    read_entry,
    register_bucket,
    registrar_at,
    registration,
)
from runbook_lib.run.witnesses.writers.writing_marks import Starts, begin_mark, refuse_beside, starts_of
from runbook_lib.timestamps import format_timestamp

LOOKS = 3


def register(
    run: Run, pair: Pair, table: TableDescription | None, *, tag: bool = True, writing: bool = False,
    adds: bool = False,
) -> None:  # fmt: skip
    """Enter this run in the register of a table before it writes; a second time it changes nothing.

    `table` is None for one that ImportTable is about to make. With `writing` it is said, too, that it begins to write
    now, and with `adds` that it puts items only where none are. Raises TransferError where the register that the table
    names is not known or cannot be written, or has an entry of this run's id that is not this run's, and ResumeRefused
    where the register knows more of this run than its ledger. Where this run's own bucket or the server has no
    register, the run goes on, and its cleanup will refuse.
    """
    begin_registration(run, pair.source)
    known, own = REGISTRATIONS.needed(run.ledger, pair.source), own_register(run)
    try:
        named, why = named_register(run, pair, table)
        for _ in range(LOOKS):
            known.place = named or known.place or own
            known.before = _stood_before(run, pair, table, known) if known.before is None else known.before
            _enter(run, pair, table, known, named is not None and named != own)
            if table is None or why or not tag or named is not None:
                break
            named, why = named_register(run, pair, table)  # another run may have been at it
            if named is None and not why:
                named, why = name_register(run, pair, table, known.place)
            if why or named in (None, known.place):
                break
        known.standing, known.why = WriterStanding.NOT_ENTERED if why else WriterStanding.ENTERED, why
        if writing and table is not None:
            begin_mark(run, pair, table, known, adds=adds)
        known.others = _seen(run, pair, table, known, stays=writing)
        known.before = known.others if known.before is None else known.before
    except (TableError, NoRegister) as error:
        if known.standing != WriterStanding.ENTERED:
            known.before = None  # of what is no register nobody knows who stood in it
        known.standing, known.why = WriterStanding.NOT_ENTERED, str(error)
    REGISTRATIONS.record(run.ledger, pair.source, known)


def _stood_before(run: Run, pair: Pair, table: TableDescription | None, known: Registration) -> list[str] | None:
    """Who stood there before this run entered itself: of two that begin together, at least one sees the other come."""
    at_pre_flight = STOOD_BEFORE.of(run.ledger, pair.source)
    return at_pre_flight.runs if at_pre_flight is not None else _seen(run, pair, table, known)


def refuse_busy(run: Run, pair: Pair, table: TableDescription, *, adds: bool) -> None:
    """Raise GateFailed, and enter this run nowhere, where one that stood there at the pre-flight is still writing."""
    stood = STOOD_BEFORE.of(run.ledger, pair.source)
    named = named_register(run, pair, table)[0] if stood is not None and stood.runs else None
    if named is not None:
        seen = known_at(run, pair.source, named)
        _seen(run, pair, table, seen)
        refuse_beside(run, pair, seen.writing, adds=adds)


def stay_registered(run: Run, pair: Pair, table: TableDescription) -> None:
    """After the last write, enter this run where the tag leads now.

    A tag has no condition: a run that saw none a moment earlier may have set its own over it, and believes to be alone.
    """
    try:
        register(run, pair, table)
    except TableClosed:
        return  # whoever takes back there has seen this run's entry, which it had before it wrote, and refuses
    except TransferError as error:  # what was written is written; a cleanup of this run will refuse
        known = REGISTRATIONS.needed(run.ledger, pair.source)
        known.standing, known.why = WriterStanding.NOT_ENTERED, str(error)
        REGISTRATIONS.record(run.ledger, pair.source, known)


def _seen(
    run: Run, pair: Pair, table: TableDescription | None, known: Registration, *, stays: bool = False
) -> list[str] | None:
    """The others, or None where they cannot be listed; a cleanup looks again.

    With `stays` this run's own entry has to be there, too.
    """
    try:
        folder, keys = listed_entries(run, pair, known)
    except TransferError:
        return None
    if stays:
        refuse_forgotten(run, known, register_bucket(known), folder, keys)
    return other_writers(run, folder, keys, table, known)


class TableClosed(TransferError):
    """Another run takes back what it wrote to a table."""


def _enter(run: Run, pair: Pair, table: TableDescription | None, known: Registration, foreign: bool) -> None:
    try:
        bucket, folder = entries_folder(run, pair, str(known.place))
    except NoRegister as error:
        if not foreign:
            raise
        raise TransferError(f"{error}; nothing was written: take the tag off if no run that it names matters") from None
    key = f"{folder}{quote(table_identity(table), safe='') if table else ASKED_FOR}/{run.id}"
    refuse_closed(run, pair, table, bucket, folder)  # before it stands in the way of whoever left a mark, too
    if [bucket, key] in known.entries:
        return
    who = run.clients.target_identity
    body = json.dumps(
        {
            "run": run.id, "nonce": known.nonce, "at": format_timestamp(run.now()), "table": pair.target,
            "table_id": table_identity(table) if table else None, "place": who.place,
        }
    ).encode()  # fmt: skip
    place = str(known.place)
    client = registrar_at(run, place)
    intend(run, pair, known, bucket, key, known.nonce)
    try:
        if aws.create_entry(client, bucket, key, body) and place in run.granted.conditions:
            _entered(run, pair, table, known, bucket, folder, key)
            return  # nobody else can have made it: this server heeds the condition
        held = aws.create_entry(client, bucket, key, body)  # now there is one: a server with conditions says so
    except TransferError as error:
        if foreign:
            raise TransferError(
                f"target {pair.target} names {known.place} as the register of the runs that have written to it (tag "
                f"{REGISTER_TAG}), and this run cannot enter itself there: {error}. Nothing was written: allow it, or "
                "take the tag off if none of those runs matters any more"
            ) from None
        raise NoRegister(str(error)) from None
    if held:  # it stays intended: this run's own to know and to remove, and no entry that keeps others out
        raise NoRegister(f"the server of s3://{bucket} creates objects where there are some: If-None-Match is ignored")
    run.granted.conditions.add(place)
    said = read_entry(run, bucket, key)
    if said.get("nonce") != known.nonce:
        settle(known, bucket, key, own=False)
        REGISTRATIONS.record(run.ledger, pair.source, known)
        raise TransferError(
            f"s3://{bucket}/{key} says that a run {run.id!r} has begun to write to target {pair.target} at "
            f"{said.get('at')}, and this run's ledger knows nothing of it: it is another run of that name, or this "
            "ledger has lost what it knew. Nothing was written now: start a new run with another run id"
        )
    _entered(run, pair, table, known, bucket, folder, key)


def _entered(
    run: Run, pair: Pair, table: TableDescription | None, known: Registration, bucket: str, folder: str, key: str
) -> None:
    """Keep an entry, and look once more for whoever may have begun to take back before he could see it."""
    settle(known, bucket, key, own=True)
    REGISTRATIONS.record(run.ledger, pair.source, known)
    refuse_closed(run, pair, table, bucket, folder)


def closing_key(folder: str, table: TableDescription) -> str:
    """Where the mark of the one run lies that takes back what it wrote to a table; `folder` is the table's."""
    return f"{folder}{CLOSING}/{quote(table_identity(table), safe='')}"


def refuse_closed(run: Run, pair: Pair, table: TableDescription | None, bucket: str, folder: str) -> None:
    """Raise TransferError while another run takes back what it wrote: it would take this run's items for its own."""
    key = closing_key(folder, table) if table is not None else ""
    if key and read_object(run.clients.staging, bucket, key, LONGEST_ENTRY) is not None:
        said = read_entry(run, bucket, key)
        raise TableClosed(
            f"run {said.get('run')!r} takes back what it wrote to target {pair.target} since {said.get('at')} "
            f"(s3://{bucket}/{key}); nothing was written now. Run this again once its cleanup or rollback has ended; "
            "one that was stopped has to be run again first, with its --run-id"
        )


def others(run: Run, pair: Pair, table: TableDescription | None, known: Registration) -> list[str]:
    """The other runs that stand in the register as having written to this very table, or as about to make it.

    Keeps which of them are writing, and which have begun again.
    """
    folder, keys = listed_entries(run, pair, known)
    return other_writers(run, folder, keys, table, known)


def listed_entries(run: Run, pair: Pair, known: Registration) -> tuple[str, list[str]]:
    """A target's folder in the register, and the keys of all entries in it."""
    bucket, folder = entries_folder(run, pair, str(known.place))
    return folder, aws.list_entries(registrar_at(run, str(known.place)), bucket, folder)


def other_writers(
    run: Run, folder: str, keys: list[str], table: TableDescription | None, known: Registration
) -> list[str]:
    """Whose entries are not this run's own: a run of the same name on another machine is another one, too.

    Whoever has taken back all that he wrote is none any more. Raises ResumeRefused where more of this run's own is
    there than its ledger knows.
    """
    refuse_unknown(run, known, register_bucket(known), folder, keys)
    mine = own_keys(known, register_bucket(known))
    cut = (key[len(folder) :].partition("/") for key in keys if key not in mine)
    entries = {(table_id, name) for table_id, _, name in cut}
    placed = {name for table_id, name in entries if table_id != ASKED_FOR and not table_id.startswith(MARKS)}
    identity = quote(table_identity(table), safe="") if table else ASKED_FOR
    there = {name for at, name in entries if at == identity or (at == ASKED_FOR and name not in placed)}
    found = sorted(there - {name for at, name in entries if at == TAKEN_BACK + identity})
    if table is not None:
        _keep_starts(run, known, found, starts_of(folder, keys, table))
    return found


def _keep_starts(run: Run, known: Registration, found: list[str], starts: Starts) -> None:
    """Keep which of the others are writing, and which have begun to since this run entered itself."""
    known.writing = {
        name: f"s3://{register_bucket(known)}/{starts.open[name]}" for name in found if name in starts.open
    }
    if known.starts_before is None and known.entries:
        known.starts_before = {name: starts.numbers[name] for name in found if name in starts.numbers}
    before = known.starts_before or {}
    known.again = [name for name in found if known.entries and starts.numbers.get(name, 0) > before.get(name, 0)]


def leave(run: Run, pair: Pair, table: TableDescription | None, remove: Any) -> None:
    """Take this run out of the register, and the tag off a table that nobody else has written to.

    `remove(bucket, keys)` deletes the entries.
    """
    known = registration(run, pair.source)
    if known is None:
        return
    if table is not None and known.standing == WriterStanding.ENTERED and not others(run, pair, table, known):
        aws.take_register_tag(register_tagger(run), table.arn)
    for bucket, key, *_ in (*known.entries, *(known.intended or ())):
        remove(bucket, [key])
