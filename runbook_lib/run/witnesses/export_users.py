"""Who uses an export that another run made: `export.reuse_run`.

Its objects belong to the run that made them, whose cleanup removes them. Before a run relies on such an export it
enters itself beside it, in the bucket, where any machine sees it; the cleanup of the owner leaves the objects of an
export in which another run stands, and says which. A run takes itself out when it is cleaned up.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runbook_lib.aws.s3.registers import create_entry, list_entries
from runbook_lib.aws.session.granted_calls import export_registrar
from runbook_lib.errors import ExportError, TableError, TransferError
from runbook_lib.export_format.manifest import export_id_of
from runbook_lib.plan.reuse import Reuse
from runbook_lib.run.facts.topic import Topic
from runbook_lib.run.run import Run
from runbook_lib.timestamps import format_timestamp


@dataclass(frozen=True, slots=True)
class ExportUse:
    """A run's entry beside another run's export. It is recorded before it is made: a killed run takes it out, too."""

    bucket: str
    key: str


EXPORT_USES = Topic("export_use", ExportUse)


def users_folder(folder: str) -> str:
    """Where those who use an export are entered: beside the exports of its prefix, in their register."""
    prefix = folder.rstrip("/").rpartition("/")[0].rpartition("AWSDynamoDB")[0]
    return f"{prefix}register/exports/{export_id_of(folder)}/"


def enter_use(run: Run, source: str, reuse: Reuse) -> None:
    """Enter this run as one that uses an export, once; raises ExportError where that cannot be done."""
    place = users_folder(reuse.folder)
    use = EXPORT_USES.of(run.ledger, source)
    if use is None:
        use = ExportUse(reuse.bucket, f"{place}{run.id}/{secrets.token_hex(8)}")
        EXPORT_USES.record(run.ledger, source, use)
    said = {"run": run.id, "uses": reuse.arn, "of_run": reuse.run, "at": format_timestamp(run.now())}
    try:
        create_entry(_client(run, use.bucket, place), use.bucket, use.key, json.dumps(said).encode())
    except TransferError as error:
        raise ExportError(
            f"this run uses an export of run {reuse.run} and cannot say so beside it, so that a cleanup of that run "
            f"would take it away: {error}. Allow s3:PutObject on s3://{use.bucket}/{place}*, as runbook policy prints"
        ) from None


def refuse_while_used(run: Run, bucket: str, folder: str) -> None:
    """Raise TableError if another run uses an export of this one, or if that cannot be known."""
    place = users_folder(folder)
    try:
        keys = list_entries(_client(run, bucket, place), bucket, place)
    except TransferError as error:
        raise TableError(
            f"who else uses the export in s3://{bucket}/{folder} is not known, so it stays: {error}"
        ) from None
    if users := sorted({key.removeprefix(place).partition("/")[0] for key in keys}):
        raise TableError(
            f"the export in s3://{bucket}/{folder} stays: it is used by {', '.join(users)} (export.reuse_run). Clean "
            f"up what uses it first, then this run again. The entry of a run that is gone lies below "
            f"s3://{bucket}/{place}: remove it by hand"
        )


def is_used(run: Run, source: str) -> bool:
    """Whether this run is entered as one that uses another's export."""
    return EXPORT_USES.of(run.ledger, source) is not None


def leave_use(run: Run, source: str, remove: Callable[[str, list[str]], Any]) -> None:
    """Take this run out again; `remove(bucket, keys)` deletes the entry."""
    use = EXPORT_USES.of(run.ledger, source)
    if use is not None:
        remove(use.bucket, [use.key])
        EXPORT_USES.forget(run.ledger, source)


def _client(run: Run, bucket: str, place: str) -> Any:
    name = f"users of exports in {bucket}/{place}"
    return run.granted.client(name, lambda: export_registrar(run.clients, bucket, place))
