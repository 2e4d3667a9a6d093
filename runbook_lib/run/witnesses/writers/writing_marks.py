"""Marks in the register that say when a run is writing to a table, so that another one does not begin meanwhile.

An entry says that a run has begun to write, at some time. Whether it still does cannot be seen in a table that is empty
or not: it may be about to send its first item. So a run sets a mark when it begins and one when it ends, in whatever
way it does; who was killed has set none, and is taken to be at it until it is run again or its marks are removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import quote

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.s3 import registers as aws
from runbook_lib.errors import GateFailed, TransferError
from runbook_lib.plan.pair import Pair
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.witnesses.writers.registration import (
    REGISTRATIONS,
    Registration,
    entries_folder,
    registrar_at,
    registration,
)
from runbook_lib.timestamps import format_timestamp

WRITING, STOPPED = "writing.", "stopped."  # before the table's id: folders of marks RUN.NUMBER, one for each start


def begin_mark(run: Run, pair: Pair, table: TableDescription, known: Registration) -> None:
    """Say that this run begins to write now. Its entry is there already, and who else stands there is looked at next.

    Raises TransferError where that cannot be said.
    """
    bucket, folder = entries_folder(run, pair, str(known.place))
    number = 1 + len(_own(known, WRITING, bucket, folder))
    key = f"{folder}{WRITING}{quote(table_identity(table), safe='')}/{run.id}.{number}"
    _set(run, pair, known, str(known.place), key)


@contextmanager
def marked_end(run: Run, pair: Pair) -> Iterator[None]:
    """Say at the end, however it comes, that this run writes no more.

    Where that cannot be said, others wait for it longer than they need.
    """
    try:
        yield
    finally:
        with suppress(TransferError):
            end_marks(run, pair)


def end_marks(run: Run, pair: Pair) -> None:
    """Say of each start of this run that it writes no more; raises TransferError where that cannot be said."""
    known = registration(run, pair.source)
    for bucket, key in list(known.entries) if known is not None else ():
        *folders, at, name = key.split("/")
        stopped = "/".join((*folders, STOPPED + at.removeprefix(WRITING), name))
        if known is not None and at.startswith(WRITING) and [bucket, stopped] not in known.entries:
            _set(run, pair, known, f"s3://{bucket}/{'/'.join(folders[:-2])}", stopped)


def still_writing(folder: str, keys: list[str], table: TableDescription) -> dict[str, str]:
    """The runs that have begun to write and have not said that they ended, each with the key of its mark."""
    last: dict[str, dict[str, int]] = {WRITING: {}, STOPPED: {}}
    identity = quote(table_identity(table), safe="")
    for key in keys:
        at, _, name = key.removeprefix(folder).partition("/")
        run_id, _, number = name.rpartition(".")
        for mark, numbers in last.items():
            if at == mark + identity and number.isdecimal():
                numbers[run_id] = max(int(number), numbers.get(run_id, 0))
    return {
        run_id: f"{folder}{WRITING}{identity}/{run_id}.{number}"
        for run_id, number in last[WRITING].items()
        if last[STOPPED].get(run_id, 0) < number
    }


def refuse_beside(pair: Pair, writing: Mapping[str, str]) -> None:
    """Raise GateFailed where other runs were seen to be `writing` to the target, each with its mark."""
    for other, mark in sorted(writing.items()):
        raise GateFailed(
            f"target {pair.target} should be written to by this run alone, as it was found empty, and run {other!r} "
            f"has begun to write to it and has not said that it ended ({mark}): either may put its items over the "
            f"other's, so nothing was written now. Wait until it has ended; one that was killed has to go on "
            f"(--run-id {other}) or be cleaned up. If it never can, because its folder is lost, delete that object"
        )


def _set(run: Run, pair: Pair, known: Registration, place: str, key: str) -> None:
    said = {"run": run.id, "nonce": known.nonce, "at": format_timestamp(run.now()), "table": pair.target}
    bucket, _, _ = place.removeprefix("s3://").partition("/")
    aws.create_entry(registrar_at(run, place), bucket, key, json.dumps(said).encode())
    known.entries.append([bucket, key])
    REGISTRATIONS.record(run.ledger, pair.source, known)


def _own(known: Registration, mark: str, bucket: str, folder: str) -> list[str]:
    return [key for at, key in known.entries if at == bucket and key.startswith(folder + mark)]
