"""The folder of an export as one of DynamoDB's own loaders reads it: all that is under a prefix.

That this is the manifest's files and nothing else, with the bytes whose MD5 was checked, is made sure of by listing
that one folder before the call and after its end (docs/adr/0013).
"""

from __future__ import annotations

from runbook_lib.aws.s3.objects import list_folder
from runbook_lib.cost.measure import Measure
from runbook_lib.errors import TransferError
from runbook_lib.load.table_load import TableLoad, check_only
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.export import CompletedExport
from runbook_lib.run.facts.load import MEASURED
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import file_keys


def data_prefix(export: CompletedExport) -> str:
    """What the keys of an export's data files begin with."""
    return export.manifest.folder + "data/"


def check_files(run: Run, pair: Pair, export: CompletedExport, table_load: TableLoad, reader: str) -> dict[str, str]:
    """Read every file as a dry run does, and list the folder; the ETags by key.

    Raises TransferError unless the folder holds the manifest's files and nothing else, each whole. `reader` is the
    operation that is to read them.
    """
    tags = list_files(run, pair, export, reader)
    shape = pair.target_facts or pair.source_facts
    measure = Measure(shape.indexes, shape.key) if shape else Measure()
    check_only(table_load, measure)
    MEASURED.record(run.ledger, pair.source, measure.as_fact())
    table_load.refuse_failed()
    return tags


def list_files(run: Run, pair: Pair, export: CompletedExport, reader: str) -> dict[str, str]:
    """The ETags of the export's data folder; raises unless it holds exactly the manifest's files."""
    bucket, prefix = export.bucket, data_prefix(export)
    expected = set(file_keys(run.ledger, pair.source))
    lister = run.clients.staging_lister(bucket, prefix)
    try:
        found = list_folder(lister, bucket, prefix, reader)
    finally:
        lister.close()
    if extra := sorted(found.keys() - expected):
        raise TransferError(
            f"s3://{bucket}/{prefix} should hold the {len(expected)} files of the manifest of {pair.source} and "
            f"nothing else, found also {', '.join(extra[:5])}{', ...' if len(extra) > 5 else ''}: {reader} would "
            "read them. Remove them, or set import.strategy to batch_write, which reads what the manifest says"
        )
    if missing := sorted(expected - found.keys()):
        raise TransferError(f"{missing[0]} is named by the manifest and not in s3://{bucket}/{prefix}; export again")
    if not expected:
        raise TransferError(f"the export of {pair.source} has no file to import; set import.strategy to batch_write")
    return found


def refuse_changed(
    run: Run, pair: Pair, export: CompletedExport, before: dict[str, str], reader: str, remedy: str
) -> None:
    """Raise TransferError if the folder is not as it was before it was read, for then nobody knows what was."""
    now = list_files(run, pair, export, reader)
    if now != before:
        changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        raise TransferError(f"{', '.join(changed)} changed while {reader} read it; {remedy}")
