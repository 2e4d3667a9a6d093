"""Where a derived export lies, full or of changes: how it is written there, and read back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from runbook_lib.aws.s3.objects import put_object, read_object
from runbook_lib.config.model import Migration
from runbook_lib.export_format.manifest import Manifest, most_bytes, read_manifest
from runbook_lib.export_format.writer import ExportedWindow, ExportIdentity, ExportWriter, export_folder
from runbook_lib.run.run import Run


@dataclass(frozen=True, slots=True)
class DerivedPlace:
    """Of which table a derived export is, its own id, when it was begun, and of which moment or `window` it is."""

    table_arn: str
    table_id: str
    export_id: str
    started: str
    export_time: str = ""
    window: ExportedWindow | None = None


def derived_writer(config: Migration, staging: Any, of: DerivedPlace) -> ExportWriter:
    """What writes a derived export, as the target's side with its client of S3, where the target's side reads."""
    place = config.target_staging
    identity = ExportIdentity(
        export_arn=f"{of.table_arn}/transform/{of.export_id}",
        table_arn=of.table_arn,
        table_id=of.table_id,
        bucket=place.bucket,
        prefix=place.prefix,
        export_id=of.export_id,
        export_time=datetime.fromisoformat(of.export_time or of.started),
        start_time=datetime.fromisoformat(of.started),
        sse_algorithm="KMS" if place.kms_key_id else "AES256",
        sse_kms_key_id=place.kms_key_id,
        window=of.window,
    )

    def put(key: str, body: BinaryIO) -> None:
        put_object(staging, place.bucket, key, body, place.kms_key_id)

    return ExportWriter(put, identity, fast=True)


def derived_manifest(run: Run, export_id: str, *, of_changes: bool = False) -> Manifest:
    """The manifest of a derived export, as it lies there."""
    place = run.config.target_staging

    def read(key: str) -> bytes | None:
        return read_object(run.clients.staging, place.bucket, key, most_bytes(key) + 1)

    return read_manifest(read, export_folder(place.prefix, export_id), need_sidecars=True, of_changes=of_changes)
