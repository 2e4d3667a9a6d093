"""Exports made earlier, or moved elsewhere: found by their ARN or by the S3 folder they lie in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runbook_lib.aws.clients import Clients
from runbook_lib.aws.exports import describe_export
from runbook_lib.aws.objects import read_object
from runbook_lib.config import Migration
from runbook_lib.errors import ConfigError, RunbookError
from runbook_lib.manifest import Manifest, export_id_of, read_manifest, table_of

URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]+[a-z0-9])/((?:.+/)?AWSDynamoDB/[^/]+)/?(?:manifest-summary\.json)?")


@dataclass(frozen=True, slots=True)
class Reuse:
    """Where an earlier export lies and which table it is of; `arn` is the export's own."""

    reference: str
    arn: str
    bucket: str
    folder: str
    table: str


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
    except RunbookError as error:
        raise ConfigError(f"export.reuse: {reference} cannot be used: {error}") from None
    if reference.startswith("arn:") and manifest.export_arn != reference:
        raise ConfigError(
            f"export.reuse: the manifest in s3://{bucket}/{folder} is of {manifest.export_arn}, not {reference}"
        )
    return Reuse(reference, manifest.export_arn, bucket, folder, manifest.table_name)


def load_manifest(clients: Clients, bucket: str, folder: str, *, need_sidecars: bool) -> Manifest:
    """Read and check the manifests of an export that lies in a bucket."""
    return read_manifest(lambda key: read_object(clients.staging, bucket, key), folder, need_sidecars=need_sidecars)


def _by_arn(arn: str, clients: Clients) -> tuple[str, str]:
    try:
        table_of(arn)
        export = describe_export(clients.source, arn)
    except RunbookError as error:
        raise ConfigError(f"export.reuse: {error}") from None
    if export.status != "COMPLETED":
        raise ConfigError(f"export.reuse: {arn} is {export.status}; only a COMPLETED export can be used")
    folder = export.folder
    export_id_of(folder)
    return export.bucket, folder


def _only_table(config: Migration, found: Reuse) -> str:
    """The source table that a single `export.reuse` stands for."""
    literal = [name for name in config.tables.include if not set(name) & set("*?[")]
    if len(config.tables.include) != 1:
        raise ConfigError("export.reuse: one export for several tables; write it as {source table: export}")
    return literal[0] if literal else found.table
