"""Exports made earlier, or moved elsewhere: found by their ARN or by the S3 folder they lie in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from runbook_lib.aws.dynamodb.exports import describe_export
from runbook_lib.aws.s3.objects import read_object
from runbook_lib.aws.session.clients import Clients
from runbook_lib.config.model import Migration
from runbook_lib.errors import ConfigError, ExportError, ForbiddenCall, RunbookError
from runbook_lib.export_format.manifest import Manifest, export_id_of, most_bytes, read_manifest, table_of
from runbook_lib.plan.whole_export import Wholeness, ask_whole, refuse_partial

URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]+[a-z0-9])/((?:.+/)?AWSDynamoDB/[^/]+)/?(?:manifest-summary\.json)?")


NOT_ASKED = Wholeness(False, "the plan was made by an older version, which did not ask")


@dataclass(frozen=True, slots=True)
class Reuse:
    """Where an earlier export lies, and which export it is: everything that its manifests say of themselves.

    `arn` is the export's own and `whole` what AWS said of it. An older plan does not know the last five.
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

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Reuse:
        return cls(**data | ({"whole": Wholeness(**data["whole"])} if "whole" in data else {}))

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
    return {source: locate(reference, clients) for source, reference in wanted.items()}


def locate(reference: str, clients: Clients) -> Reuse:
    """Look an export up by ARN or `s3://bucket/prefix/AWSDynamoDB/ExportId/`."""
    if reference.startswith("arn:"):
        bucket, folder = _by_arn(reference, clients)
    elif match := URI.fullmatch(reference):
        bucket, folder = match[1], match[2] + "/"
    else:
        raise ConfigError(
            f"export.reuse: expected an export's ARN or s3://bucket/prefix/AWSDynamoDB/ExportId/, found {reference!r}"
        )
    try:
        manifest = load_manifest(clients, bucket, folder, need_sidecars=False)
        if reference.startswith("arn:") and manifest.export_arn != reference:
            raise ExportError(f"the manifest in s3://{bucket}/{folder} is of {manifest.export_arn}, not {reference}")
        whole = ask_whole(clients.source, manifest)
    except ForbiddenCall:
        raise
    except RunbookError as error:
        raise ConfigError(f"export.reuse: {reference} cannot be used: {error}") from None
    return _reuse_of(reference, bucket, manifest, whole)


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
    )


def read_reused(clients: Clients, reuse: Reuse) -> tuple[Manifest, Wholeness]:
    """Read the export that a plan holds again; raises ExportError if another one lies there now."""
    manifest = load_manifest(clients, reuse.bucket, reuse.folder, need_sidecars=False)
    whole = ask_whole(clients.source, manifest)
    refuse_swapped(reuse, _reuse_of(reuse.reference, reuse.bucket, manifest, whole))
    return manifest, whole if whole.checked or not reuse.whole.checked else reuse.whole


def refuse_swapped(planned: Reuse, found: Reuse) -> None:
    """Raise ExportError unless what was found is, in everything, the export that the plan holds."""
    now = found.identity
    if differs := [what for what, value in planned.identity.items() if now.get(what) != value]:
        raise ExportError(
            f"the export in s3://{planned.bucket}/{planned.folder} is not the one that this run's plan holds any more: "
            + "; ".join(f"{what} should be {planned.identity[what]} and is {now.get(what)}" for what in differs)
            + ". Put the export of the plan back, or start a new run with another run id"
        )


def load_manifest(clients: Clients, bucket: str, folder: str, *, need_sidecars: bool) -> Manifest:
    """Read and check the manifests of an export that lies in a bucket."""

    def read(key: str) -> bytes | None:
        return read_object(clients.staging, bucket, key, most_bytes(key) + 1)

    return read_manifest(read, folder, need_sidecars=need_sidecars)


def _by_arn(arn: str, clients: Clients) -> tuple[str, str]:
    try:
        table_of(arn)
        export = describe_export(clients.source, arn)
    except RunbookError as error:
        raise ConfigError(f"export.reuse: {error}") from None
    if export.status != "COMPLETED":
        raise ConfigError(f"export.reuse: {arn} is {export.status}; only a COMPLETED export can be used")
    try:
        refuse_partial(export)
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
