"""Keep other runs from beginning to use exports while this one takes them away.

A look at who uses an export is old a moment later. So a cleanup sets a mark beside each export first, and looks for
users then; see export_users.py for the other side.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from runbook_lib.aws.s3.registers import create_entry, list_entries
from runbook_lib.errors import TableError, TransferError
from runbook_lib.run.facts.topic import Note
from runbook_lib.run.run import Run
from runbook_lib.run.witnesses.export_register import ClosingMark, ExportPlace, read_mark, registrar_beside
from runbook_lib.timestamps import format_timestamp

EXPORTS_CLOSING = Note("run", "closing_exports", str)  # what tells this run's marks from those of others of its name


@dataclass(slots=True)
class TakingAway:
    """Whether anything of the exports is gone; from then on their marks stay until all of it is."""

    begun: bool = False


@contextmanager
def closed_exports(
    run: Run, places: Sequence[ExportPlace], remove: Callable[[ExportPlace, list[str]], object]
) -> Iterator[TakingAway]:
    """Let no other run begin to use these exports meanwhile; `remove(place, keys)` takes a mark off again.

    Marks that a killed process has left are taken over by the next of the same run. Raises TableError where another
    run uses one of them, or another cleanup is at one, or that cannot be known.
    """
    nonce = EXPORTS_CLOSING.of(run.ledger)
    if nonce is None:
        nonce = secrets.token_hex(16)
        EXPORTS_CLOSING.record(run.ledger, nonce)
    marked: list[ExportPlace] = []
    taking = TakingAway()
    try:
        for place in places:
            _mark(run, place, nonce)
            marked.append(place)
        for place in places:
            refuse_while_used(run, place)
        yield taking
    except BaseException:
        if not taking.begun:
            _unmark(marked, remove)
        raise
    _unmark(marked, remove)


def _mark(run: Run, place: ExportPlace, nonce: str) -> None:
    mark = ClosingMark(run.id, nonce, format_timestamp(run.now()))
    where = f"s3://{place.bucket}/{place.mark}"
    try:
        is_new = create_entry(registrar_beside(run, place), place.bucket, place.mark, mark.to_json())
        said = mark if is_new else read_mark(run, place) or ClosingMark()
    except TransferError as error:
        raise TableError(
            f"other runs cannot be kept from using the export in s3://{place.bucket}/{place.folder} meanwhile, so it "
            f"stays: {error}. Allow s3:GetObject and s3:PutObject on {where}, as runbook policy prints"
        ) from None
    if said.nonce != nonce:
        raise TableError(
            f"another cleanup, of run {said.run!r}, takes the export in s3://{place.bucket}/{place.folder} away "
            f"since {said.at} ({where}); it stays as far as this run goes. Run this again once that has ended; "
            "if there is no such cleanup any more, remove its mark by hand"
        )


def _unmark(marked: Sequence[ExportPlace], remove: Callable[[ExportPlace, list[str]], object]) -> None:
    for place in marked:
        remove(place, [place.mark])


def refuse_while_used(run: Run, place: ExportPlace) -> None:
    """Raise TableError if another run uses an export of this one, or if that cannot be known."""
    try:
        keys = list_entries(registrar_beside(run, place), place.bucket, place.users)
    except TransferError as error:
        raise TableError(
            f"who else uses the export in s3://{place.bucket}/{place.folder} is not known, so it stays: {error}"
        ) from None
    if users := sorted({key.removeprefix(place.users).partition("/")[0] for key in keys if key != place.mark}):
        raise TableError(
            f"the export in s3://{place.bucket}/{place.folder} stays: it is used by {', '.join(users)} "
            f"(export.reuse_run or export.reuse). Clean up what uses it first, then this run again. The entry of a run "
            f"that is gone lies below s3://{place.bucket}/{place.users}: remove it by hand"
        )
