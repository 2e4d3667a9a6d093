"""Who uses an export that another run made: `export.reuse_run`, and `export.reuse` where that run is one of this tool.

Its objects belong to the run that made them, whose cleanup removes them. Before a run relies on such an export it
enters itself beside it, and only then looks for the mark of a cleanup; a cleanup sets its mark and only then looks who
is entered. Of two that come at once, at least one sees the other. A run takes itself out when it is cleaned up.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from runbook_lib.aws.s3.objects import read_object
from runbook_lib.aws.s3.registers import create_entry
from runbook_lib.config.check_ids import CheckId
from runbook_lib.errors import ExportError, TransferError
from runbook_lib.plan.check import NOT_CHECKED, Check
from runbook_lib.plan.pair import Pair
from runbook_lib.plan.reuse import Reuse
from runbook_lib.run.facts.codec import late
from runbook_lib.run.facts.topic import Topic
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.run import Run
from runbook_lib.run.witnesses.export_register import ExportPlace, read_mark, registrar_beside
from runbook_lib.timestamps import format_timestamp


@dataclass(frozen=True, slots=True)
class ExportUse:
    """A run's entry beside another run's export. It is recorded before it is made: a killed run takes it out, too.

    `held` once it was there and no cleanup was under way: whichever comes later sees it. `why` says why it is not.
    """

    bucket: str
    key: str
    held: bool | None = late()
    why: str | None = late()


EXPORT_USES = Topic("export_use", ExportUse)  # under the table's name; of a window under that and its number


def hold_uses(run: Run, pair: Pair) -> None:
    """Enter this run beside each export of others that it uses for a table, and see that none is being taken away.

    Whatever reads such an export calls it first: an entry that somebody has removed is made again. Raises ExportError
    where a cleanup is under way, or that cannot be known; of an export that only a person has named, whose maker may be
    no run of this tool, the run goes on where the bucket refuses an entry, and its report says so.
    """
    for number, reuse in enumerate(pair.reuse.chain if pair.reuse else ()):
        name = f"{pair.source} {number}" if number else pair.source
        try:
            _hold(run, name, reuse)
        except TransferError as error:
            _go_on(run, name, reuse, pair.reuse is not None and pair.reuse.run, error)


def _hold(run: Run, name: str, reuse: Reuse) -> None:
    place, use = ExportPlace(reuse.bucket, reuse.folder), EXPORT_USES.of(run.ledger, name)
    client = registrar_beside(run, place)
    if use is not None and use.held and read_object(client, use.bucket, use.key, 1) is not None:
        return  # whichever cleanup came since has seen it
    use = use or ExportUse(reuse.bucket, f"{place.users}{run.id}/{secrets.token_hex(8)}")
    EXPORT_USES.record(run.ledger, name, replace(use, held=None))
    _refuse_taken_away(run, place)  # before it stands in the way of whoever left a mark
    said = {"run": run.id, "uses": reuse.arn, "of_run": reuse.run, "at": format_timestamp(run.now())}
    create_entry(client, use.bucket, use.key, json.dumps(said).encode())
    _refuse_taken_away(run, place)
    EXPORT_USES.record(run.ledger, name, replace(use, held=True, why=None))


def _refuse_taken_away(run: Run, place: ExportPlace) -> None:
    """Raise ExportError while a cleanup takes an export away: it may have looked for users before this run came."""
    said = read_mark(run, place)
    if said is not None:
        raise ExportError(
            f"run {said.run!r} takes the export in s3://{place.bucket}/{place.folder} away since "
            f"{said.at}, so this run does not use it. Run this again once that cleanup has ended; one that was "
            "stopped has to be run again first, with its --run-id. If that run is gone, remove its mark by hand "
            f"(s3://{place.bucket}/{place.mark}); each file is checked when it is read. Or export anew"
        )


def _go_on(run: Run, name: str, reuse: Reuse, of_run: str | bool, error: TransferError) -> None:
    place = ExportPlace(reuse.bucket, reuse.folder)
    if of_run or error.transient:
        made_by = f"run {of_run}" if of_run else "another run"
        raise ExportError(
            f"this run uses an export of {made_by} and cannot say so beside it, so that a cleanup of that run "
            f"would take it away: {error}. Allow s3:GetObject and s3:PutObject on s3://{place.bucket}/{place.users}*, "
            "as runbook policy prints"
        ) from None
    known = EXPORT_USES.needed(run.ledger, name)
    EXPORT_USES.record(run.ledger, name, replace(known, held=None, why=str(error)))


def not_held(ledger: Ledger) -> list[Check]:
    """The exports of others that this run reads and beside which it could not be entered, as looks not made."""
    return [
        Check(
            CheckId.EXPORT_IN_USE, f"s3://{use.bucket}/{use.key}", NOT_CHECKED, "an entry of this run beside it",
            use.why, "allow what EnterHandedOver of runbook policy has", source=name.partition(" ")[0],
        )
        for name, use in EXPORT_USES.all(ledger).items()
        if use.why
    ]  # fmt: skip


def is_used(run: Run, source: str) -> bool:
    """Whether this run is, or may be, entered as one that uses another's export."""
    return bool(_of_table(run.ledger, source))


def leave_uses(run: Run, source: str, remove: Callable[[str, list[str]], Any]) -> None:
    """Take this run out again; `remove(bucket, keys)` deletes the entries."""
    for name, use in _of_table(run.ledger, source):
        try:
            remove(use.bucket, [use.key])
        except TransferError:
            if not use.why:  # a bucket that refuses the entry may refuse its removal, too
                raise
        EXPORT_USES.forget(run.ledger, name)


def _of_table(ledger: Ledger, source: str) -> list[tuple[str, ExportUse]]:
    return [(name, use) for name, use in EXPORT_USES.all(ledger).items() if name.partition(" ")[0] == source]
