"""How many items of each table were read, written, found present and quarantined, whichever way they were written."""

from __future__ import annotations

from dataclasses import dataclass

from runbook_lib.run.facts.load import IMPORTS, ImportFact, ImportStatus
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.tables.files import FileSums, sums_by_table
from runbook_lib.run.tables.wrong_items import count_repaired


@dataclass(frozen=True, slots=True)
class TableCounts:
    """The counts of one table; what nobody counted is None."""

    source: str
    files: int
    exported: int
    lines: int | None
    written: int | None
    quarantined: int | None
    present: int | None


@dataclass(frozen=True, slots=True)
class Written:
    """What was acknowledged; of an import whose process was killed, that it was at least so much."""

    items_written: int | None = None
    items_written_at_least: int | None = None


def table_counts(ledger: Ledger) -> dict[str, TableCounts]:
    """The counts by source table; a table whose manifest has no files has none.

    What ImportTable or a bulk put wrote it only says for a table as a whole, and None until it has ended. What a bulk
    put had left over and a repair of this run has written since, as the last comparison bears out, counts as written.
    """
    imports = IMPORTS.all(ledger)
    return {source: _counts(ledger, sums, imports.get(source)) for source, sums in sums_by_table(ledger).items()}


def _counts(ledger: Ledger, sums: FileSums, loaded: ImportFact | None) -> TableCounts:
    written: int | None = sums.written
    quarantined: int | None = sums.quarantined
    present: int | None = sums.present
    if loaded is not None and (service := loaded.import_table) is not None:
        ended = bool(service.ended)
        written, quarantined = (service.imported, service.errors) if ended else (None, None)
        present = 0 if ended else None
    if loaded is not None and (bulk := loaded.bulk_put) is not None:
        written, present = bulk.written, 0 if bulk.is_over else None
        if written is not None:
            written += min(max(0, sums.exported - written), count_repaired(ledger, sums.source))
    return TableCounts(sums.source, sums.files, sums.exported, sums.lines, written, quarantined, present)


def written_of(loaded: ImportFact | None, written: int | None, known: bool) -> Written:
    """What may be said of the items written; `known` is whether there is anything that could have been."""
    if not known:
        return Written()
    if loaded is None or not loaded.has_begun:
        return Written(items_written=0)
    if loaded.status == ImportStatus.COMPLETED or loaded.counted or loaded.is_by_service:
        return Written(items_written=written)
    return Written(items_written_at_least=written)
