"""The two sides of one table's comparison, as its export and the settings say that they are read."""

from __future__ import annotations

from runbook_lib.aws.dynamodb.describe.tables import TableDescription
from runbook_lib.aws.dynamodb.read.limiter import RateLimit
from runbook_lib.plan.pair import Pair
from runbook_lib.run.facts.export import CompletedExport
from runbook_lib.run.run import Run
from runbook_lib.run.tables.files import file_rows
from runbook_lib.run.tables.unwritten import quarantined_lines
from runbook_lib.validate.readers import ExportReader, TableReader, segments_for, threads_for


def export_side(run: Run, pair: Pair, export: CompletedExport, table: TableDescription) -> ExportReader:
    """The files of the full export, with the lines that the import could not write."""
    files = [row.data_file for row in file_rows(run.ledger, pair.source)]
    lines = quarantined_lines(run.ledger, pair.source)
    return ExportReader(run.clients.staging, export.bucket, files, table.key, lines)


def table_side(run: Run, pair: Pair, export: CompletedExport, table: TableDescription) -> TableReader:
    """The target, in as many segments as its size asks for, and no faster than it may be read."""
    settings = run.config.validate_
    threads = settings.segments or threads_for(export.manifest.billed_bytes)
    segments = segments_for(threads, export.manifest.billed_bytes)
    limit = RateLimit(settings.max_rcu)
    return TableReader(run.clients.target_wire, pair.target, segments, threads, limit, table.key)
