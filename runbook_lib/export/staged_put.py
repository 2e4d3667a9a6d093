"""Putting objects beside the exports so that a cleanup knows each of them, whenever the process is killed."""

from __future__ import annotations

from typing import BinaryIO

from runbook_lib.aws.s3.objects import put_object
from runbook_lib.export_format.writer import Put
from runbook_lib.run.facts.export import STAGED, StagedObject
from runbook_lib.run.run import Run


def staged_put(run: Run, source: str) -> Put:
    """What puts objects of a table into the staging bucket: that one is about to be there is recorded before it is."""
    staging, s3 = run.config.staging, run.clients.raw

    def put(key: str, body: BinaryIO) -> None:
        STAGED.record(run.ledger, f"{source} {key}", StagedObject(source, staging.bucket, key))
        put_object(s3, staging.bucket, key, body, staging.kms_key_id)

    return put
