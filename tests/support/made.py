"""What a transform made, as it is stored."""

from __future__ import annotations

from runbook_lib.export_format.data_file import fetch
from runbook_lib.export_format.manifest import DataFile
from runbook_lib.run.facts.masking.transform import files_transformed
from runbook_lib.run.run import Run


def derived_lines(run: Run, source: str) -> list[bytes]:
    """The lines of what was made of a table's export, sorted."""
    place, lines = run.config.target_staging, list[bytes]()
    for made in files_transformed(run.ledger, source):
        file = DataFile(made.ordinal, made.key, made.md5, made.counts.derived)
        with fetch(run.clients.staging, place.bucket, file) as checked:
            lines += [line for _, line in checked.items()]
    return sorted(lines)
