"""Data files of an export, changed behind a run's back."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable

from runbook_lib.run.run import Run
from tests.support.world import World


def rewrite_data_file(
    world: World, run: Run, source: str, edit: Callable[[list[bytes]], list[bytes]], seal: bool = True
) -> None:
    """Change the lines of a table's largest data file; with `seal`, the ledger is told the new MD5 and count."""
    row = run.ledger.rows("SELECT * FROM file WHERE source = ? ORDER BY items DESC", source)[0]
    old = gzip.decompress(world.s3.get_object(Bucket=world.bucket, Key=row["key"])["Body"].read()).splitlines()
    new = edit(old)
    body = gzip.compress(b"".join(line + b"\n" for line in new))
    world.put_object(row["key"], body)
    if seal:
        md5 = base64.b64encode(hashlib.md5(body).digest()).decode()
        run.ledger.write("UPDATE file SET md5 = ?, items = ? WHERE key = ?", [(md5, len(new), row["key"])])
