"""Exports made earlier, or moved elsewhere: found by their ARN or by the S3 folder they lie in."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from runbook_lib.aws.dynamodb.exports import ExportState, describe_export
from runbook_lib.aws.s3.objects import read_object
from runbook_lib.aws.session.clients import Clients
from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError, ExportError, ForbiddenCall, RunbookError
from runbook_lib.export_format.manifest import (
    FULL_EXPORT,
    INCREMENTAL_EXPORT,
    Manifest,
    export_id_of,
    most_bytes,
    read_manifest,
    shared_data,
    table_of,
)
from runbook_lib.plan.chain import Link, Span, chain_faults
from runbook_lib.plan.whole_export import Wholeness, ask_whole, refuse_other, refuse_partial

URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]+[a-z0-9])/((?:.+/)?AWSDynamoDB/[^/]+)/?(?:manifest-summary\.json)?")


THIS_PLAN = "this run's plan"
PUT_BACK = "Put the export of the plan back, or start a new run with another run id"
NOT_ASKED = Wholeness(False, "the plan was made by an older version, which did not ask")


@dataclass(frozen=True, slots=True)
class Reuse:
    """Where an earlier export lies, and which export it is: everything that its manifests say of themselves.

    `arn` is the export's own and `whole` what AWS said of it. An older plan does not know the last six. `windows` are
    the incremental exports of a chain that goes on from this one. `run` is the run that made it, where
    `export.reuse_run` names one.
    """

    reference: str
    arn: str
    bucket: str
    folder: str
    table: str
    table_arn: str = ""
    table_id: str = ""
    summary_md5: str = ""
    files_md5: str = ""
    whole: Wholeness = NOT_ASKED
    windows: tuple[Reuse, ...] = ()
    kind: str = FULL_EXPORT
    run: str = ""

    @property
    def chain(self) -> tuple[Reuse, ...]:
        """This export and its windows."""
        return (self, *self.windows)

    @property
    def places(self) -> list[str]:
        """Where its objects lie, as bucket and prefix; incremental exports share a folder for their data."""
        own = [self.folder] if self.kind == FULL_EXPORT else [self.folder, shared_data(self.folder)]
        return [f"{self.bucket}/{folder}" for folder in own]

    @property
    def identity(self) -> dict[str, str]:
        """What must be the same at every reading, by name; what an older plan does not know is left out."""
        known = {
            "exportArn": self.arn,
            "tableArn": self.table_arn,
            "tableId": self.table_id,
            "MD5 of manifest-summary.json": self.summary_md5,
            "MD5 of manifest-files.json": self.files_md5,
        }
        return known if self.summary_md5 else {"exportArn": self.arn}


def find_reuse(config: Migration, clients: Clients) -> dict[str, Reuse]:
    """The exports named by `export.reuse`, by source table; raises ConfigError for one that is not usable."""
    wanted = config.export.reuse
    if isinstance(wanted, str):
        found = locate(wanted, clients)
        return {_only_table(config, found): found}
    accepted = [Span(*gap) for gap in config.catch_up.gaps]
    return {
        source: locate(reference, clients)
        if isinstance(reference, str)
        else _locate_chain(source, reference, clients, accepted)
        for source, reference in wanted.items()
    }


def locate(reference: str, clients: Clients) -> Reuse:
    """Look an export up by ARN or `s3://bucket/prefix/AWSDynamoDB/ExportId/`."""
    bucket, manifest, whole = _look_up(reference, clients, of_changes=False)
    return _reuse_of(reference, bucket, manifest, whole)


def _locate_chain(source: str, references: list[str], clients: Clients, accepted: list[Span]) -> Reuse:
    """A full export and its windows; raises ConfigError that names each rule which they break."""
    bucket, full, whole = _look_up(references[0], clients, of_changes=False)
    windows, manifests = [], []
    for reference in references[1:]:
        place, manifest, asked = _look_up(reference, clients, of_changes=True)
        windows.append(_reuse_of(reference, place, manifest, asked))
        manifests.append(manifest)
    began = datetime.fromisoformat(full.export_time)
    links = [Link.of(manifest) for manifest in manifests]
    faults = list(chain_faults(began, full.table_id or full.table_arn, links, accepted))
    if faults:
        raise ConfigError("\n".join(f"export.reuse: {source}: {fault}" for fault in faults))
    unknown = next((w.whole for w in windows if not w.whole.checked), whole) if whole.checked else whole
    return replace(_reuse_of(references[0], bucket, full, unknown), windows=tuple(windows))


def _look_up(reference: str, clients: Clients, *, of_changes: bool) -> tuple[str, Manifest, Wholeness]:
    """The bucket, the manifest and what AWS says of an export; raises ConfigError for one that is not usable."""
    if reference.startswith("arn:"):
        bucket, folder = _by_arn(reference, clients, of_changes=of_changes)
    elif match := URI.fullmatch(reference):
        bucket, folder = match[1], match[2] + "/"
    else:
        raise ConfigError(
            f"export.reuse: expected an export's ARN or s3://bucket/prefix/AWSDynamoDB/ExportId/, found {reference!r}"
        )
    try:
        manifest = load_manifest(clients, bucket, folder, need_sidecars=False, of_changes=of_changes)
        if reference.startswith("arn:") and manifest.export_arn != reference:
            raise ExportError(f"the manifest in s3://{bucket}/{folder} is of {manifest.export_arn}, not {reference}")
        return bucket, manifest, ask_whole(clients.source, manifest)
    except ForbiddenCall:
        raise
    except RunbookError as error:
        raise ConfigError(f"export.reuse: {reference} cannot be used: {error}") from None


def _reuse_of(reference: str, bucket: str, manifest: Manifest, whole: Wholeness) -> Reuse:
    return Reuse(
        reference=reference,
        arn=manifest.export_arn,
        bucket=bucket,
        folder=manifest.folder,
        table=manifest.table_name,
        table_arn=manifest.table_arn,
        table_id=manifest.table_id,
        summary_md5=manifest.summary_md5,
        files_md5=manifest.files_md5,
        whole=whole,
        kind=INCREMENTAL_EXPORT if manifest.view else FULL_EXPORT,
    )


def read_reused(
    clients: Clients, reuse: Reuse, holder: str = THIS_PLAN, remedy: str = PUT_BACK
) -> tuple[Manifest, Wholeness]:
    """Read the export that a plan, or whatever `holder` says, holds again; raises ExportError if another lies there."""
    manifest = load_manifest(
        clients, reuse.bucket, reuse.folder, need_sidecars=False, of_changes=reuse.kind == INCREMENTAL_EXPORT
    )
    whole = ask_whole(clients.source, manifest)
    refuse_swapped(reuse, _reuse_of(reuse.reference, reuse.bucket, manifest, whole), holder, remedy)
    return manifest, whole if whole.checked or not reuse.whole.checked else reuse.whole


def refuse_swapped(planned: Reuse, found: Reuse, holder: str = THIS_PLAN, remedy: str = PUT_BACK) -> None:
    """Raise ExportError unless what was found is, in everything, the export that the plan holds."""
    now = found.identity
    if differs := [what for what, value in planned.identity.items() if now.get(what) != value]:
        raise ExportError(
            f"the export in s3://{planned.bucket}/{planned.folder} is not the one that {holder} holds any more: "
            + "; ".join(f"{what} should be {planned.identity[what]} and is {now.get(what)}" for what in differs)
            + f". {remedy}"
        )
    if [w.identity for w in planned.windows] != [w.identity for w in found.windows] and found.windows:
        raise ExportError(
            f"the windows after the export in s3://{planned.bucket}/{planned.folder} are not those that this run's "
            "plan holds any more. Put them back, or start a new run with another run id"
        )


def ended_manifest(clients: Clients, state: ExportState, kind: str = FULL_EXPORT) -> Manifest:
    """The manifest of an export of this kind that has ended; raises ExportError if it is not all that AWS says."""
    refuse_partial(state, kind)
    manifest = load_manifest(
        clients, state.bucket, state.folder, need_sidecars=True, of_changes=kind == INCREMENTAL_EXPORT
    )
    refuse_other(manifest, state)
    return manifest


def load_manifest(
    clients: Clients, bucket: str, folder: str, *, need_sidecars: bool, of_changes: bool = False
) -> Manifest:
    """Read and check the manifests of an export, full or `of_changes`, that lies in a bucket."""

    def read(key: str) -> bytes | None:
        return read_object(clients.raw, bucket, key, most_bytes(key) + 1)

    return read_manifest(read, folder, need_sidecars=need_sidecars, of_changes=of_changes)


def _by_arn(arn: str, clients: Clients, *, of_changes: bool) -> tuple[str, str]:
    try:
        table_of(arn)
        export = describe_export(clients.source, arn)
    except RunbookError as error:
        raise ConfigError(f"export.reuse: {error}") from None
    if export.status != "COMPLETED":
        raise ConfigError(f"export.reuse: {arn} is {export.status}; only a COMPLETED export can be used")
    try:
        refuse_partial(export, INCREMENTAL_EXPORT if of_changes else FULL_EXPORT)
    except ExportError as error:
        raise ConfigError(f"export.reuse: {error}") from None
    folder = export.folder
    export_id_of(folder)
    return export.bucket, folder


def _only_table(config: Migration, found: Reuse) -> str:
    """The source table that a single `export.reuse` stands for."""
    literal = [name for name in config.tables.include if not set(name) & set("*?[")]
    if len(config.tables.include) != 1:
        raise ConfigError("export.reuse: one export for several tables; write it as {source table: export}")
    return literal[0] if literal else found.table
