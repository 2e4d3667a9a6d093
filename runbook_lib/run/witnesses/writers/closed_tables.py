"""Keep other runs from writing to a table while this one takes back what it wrote.

A look at the register is old a moment later: a run that enters itself after it may put the very items that are about to
be deleted, and prove them. So whoever takes back sets a mark in the register first and looks for others then, while
whoever writes enters itself first and looks for a mark then: of two that come at once, at least one sees the other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.s3 import registers as aws
from runbook_lib.errors import TableError, TransferError
from runbook_lib.plan.pair import Pair
from runbook_lib.run.run import Run, table_identity
from runbook_lib.run.witnesses.writers.own_marks import TAKEN_BACK, UNDOING, say_once
from runbook_lib.run.witnesses.writers.registration import (
    begin_registration,
    entries_folder,
    own_register,
    read_entry,
    registrar_at,
    registration,
)
from runbook_lib.run.witnesses.writers.write_register import closing_key
from runbook_lib.timestamps import format_timestamp


@contextmanager
def closed(run: Run, pair: Pair, table: TableDescription, remove: Callable[[str, list[str]], object]) -> Iterator[None]:
    """Let no other run begin to write to a table meanwhile; `remove(bucket, keys)` takes the mark off again.

    A mark that a killed process has left is taken over by the next of the same run. Raises TableError where another
    run's lies there, or none can be set.
    """
    begin_registration(run, pair.source)
    known = registration(run, pair.source)
    assert known is not None
    place = known.place or aws.register_tag(run.clients.target, table.arn) or own_register(run)
    mark = {"run": run.id, "nonce": known.nonce, "at": format_timestamp(run.now()), "table": pair.target}
    try:
        bucket, folder = entries_folder(run, pair, place)
        key = closing_key(folder, table)
        is_new = aws.create_entry(registrar_at(run, place), bucket, key, json.dumps(mark).encode())
        said = {} if is_new else read_entry(run, bucket, key)
    except TransferError as error:
        raise TableError(
            f"other runs cannot be kept from writing to {pair.target} meanwhile: {error}; nothing was taken back"
        ) from None
    if not is_new and said.get("nonce") != known.nonce:
        raise TableError(
            f"run {said.get('run')!r} takes back what it wrote to {pair.target} since {said.get('at')} "
            f"(s3://{bucket}/{key}); nothing was taken back now. Run this again once that has ended; one that "
            "was stopped has to be run again first, with its --run-id"
        )
    try:
        try:
            say_once(run, pair, table_identity(table), UNDOING)
        except TransferError as error:
            raise TableError(
                f"that something is taken back from {pair.target} cannot be said: {error}; nothing was taken back"
            ) from None
        yield
    finally:
        remove(bucket, [key])


def keep_taken_back(run: Run, pair: Pair, table: TableDescription) -> None:
    """Say in the register that nothing of what this run wrote is there any more, so that it stands in nobody's way.

    Its entry stays, for its own cleanup goes by it. Raises TransferError where that cannot be said.
    """
    say_once(run, pair, table_identity(table), TAKEN_BACK)
