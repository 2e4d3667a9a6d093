"""Marks in the register that say when a run is writing to a table, so that another one does not begin meanwhile.

An entry says that a run has begun to write, at some time. Whether it still does cannot be seen in a table that is empty
or not: it may be about to send its first item. So a run sets a mark when it begins and one when it ends, in whatever
way it does; who was killed has set none, and is taken to be at it until it is run again or its marks are removed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import quote

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.errors import GateFailed, TransferError
from runbook_lib.plan.pair import Pair
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.witnesses.writers.own_marks import STOPPED, WRITING, older_copy, set_mark
from runbook_lib.run.witnesses.writers.registration import (
    Registration,
    entries_folder,
    read_entry,
    registration,
)

ONLY_ADDS = "only_adds"


def begin_mark(run: Run, pair: Pair, table: TableDescription, known: Registration, *, adds: bool) -> None:
    """Say that this run begins to write now, and whether it only `adds`.

    Its entry is there already, and who else stands there is looked at next.

    Raises TransferError where that cannot be said, ResumeRefused where another copy of this run's folder has said it.
    """
    bucket, folder = entries_folder(run, pair, str(known.place))
    number = 1 + len(_begun(known, bucket, folder))
    key = f"{folder}{WRITING}{quote(table_identity(table), safe='')}/{run.id}.{number}"
    if not set_mark(run, pair, known, str(known.place), key, {ONLY_ADDS: adds}):
        raise older_copy(run, folder, key)


@contextmanager
def marked_end(run: Run, *pairs: Pair) -> Iterator[None]:
    """Say at the end, however it comes, that this run writes no more to these targets.

    Where that cannot be said, others wait for it longer than they need.
    """
    try:
        yield
    finally:
        for pair in pairs:
            with suppress(TransferError):
                end_marks(run, pair)


def end_marks(run: Run, pair: Pair) -> None:
    """Say of each start of this run that it writes no more; raises TransferError where that cannot be said.

    Where another copy of this run's folder has said it, the next look at the register tells.
    """
    known = registration(run, pair.source)
    for bucket, key in _begun(known) if known is not None else ():
        *folders, at, name = key.split("/")
        stopped = "/".join((*folders, STOPPED + at.removeprefix(WRITING), name))
        if known is not None and [bucket, stopped] not in known.entries:
            set_mark(run, pair, known, f"s3://{bucket}/{'/'.join(folders[:-2])}", stopped)


@dataclass(frozen=True, slots=True)
class Starts:
    """How often each run has begun to write to a table, and the marks of those that have not said that they ended."""

    numbers: dict[str, int]
    open: dict[str, str]


def starts_of(folder: str, keys: list[str], table: TableDescription) -> Starts:
    """What the marks in a table's folder of the register say."""
    last: dict[str, dict[str, int]] = {WRITING: {}, STOPPED: {}}
    identity = quote(table_identity(table), safe="")
    for key in keys:
        at, _, name = key.removeprefix(folder).partition("/")
        run_id, _, number = name.rpartition(".")
        for mark, numbers in last.items():
            if at == mark + identity and number.isdecimal():
                numbers[run_id] = max(int(number), numbers.get(run_id, 0))
    begun = last[WRITING]
    still = {
        run_id: f"{folder}{WRITING}{identity}/{run_id}.{number}"
        for run_id, number in begun.items()
        if last[STOPPED].get(run_id, 0) < number
    }
    return Starts(begun, still)


def refuse_beside(run: Run, pair: Pair, writing: Mapping[str, str] | None, *, adds: bool) -> None:
    """Raise GateFailed where other runs were seen to be `writing` to the target, each with its mark.

    Of two that both only add, neither puts anything over what the other has put.
    """
    for other, mark in sorted((writing or {}).items()):
        if adds and _adds(run, mark):
            continue
        raise GateFailed(
            f"target {pair.target} should be written to by this run alone, and run {other!r} has begun to write to it "
            f"and has not said that it ended ({mark}): either may put its items over the other's, so nothing was "
            f"written now. Wait until it has ended; one that was killed has to go on (--run-id {other}) or be cleaned "
            "up. If it never can, because its folder is lost, delete that object"
        )


def only_adds(run: Run) -> bool:
    """Whether the run's import puts an item only where none is, on a condition of the server's."""
    return run.config.import_.on_non_empty == "append"


def _adds(run: Run, mark: str) -> bool:
    """Whether whoever set a mark only adds; what is no mark says nothing."""
    bucket, _, key = mark.removeprefix("s3://").partition("/")
    return read_entry(run, bucket, key).get(ONLY_ADDS) is True


def _begun(known: Registration, bucket: str | None = None, folder: str = "") -> list[tuple[str, str]]:
    """This run's starts, by bucket and key, those included that a kill may have kept from being said."""
    own = {(at, key) for at, key, *_ in (*known.entries, *(known.intended or ()))}
    return sorted(
        (at, key)
        for at, key in own
        if key.split("/")[-2].startswith(WRITING) and bucket in (None, at) and key.startswith(folder)
    )
