"""The independent counts of every table side by side, as rows and as sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runbook_lib.record.model.run import QuarantineRecord
from runbook_lib.record.model.table import SCAN, TableRecord
from runbook_lib.report.figures.proof_of_tables import expected_in_target
from runbook_lib.report.figures.run_figures import RunFigures
from runbook_lib.report.figures.totals import Sum, tables_known, total
from runbook_lib.report.figures.windows import due_in_targets
from runbook_lib.report.text import NOT_MEASURED, count, duration, milliseconds, pluralize, rate, size, where_refused
from runbook_lib.run.verdicts import DRY_RUN, PASS

# Tables that say nothing but that all is well; the others of them are folded.
SHOWN_ALIKE, LEAST_FOLDED = 12, 5
WAY = ("items_exported", "lines_read", "items_written", "items_in_target")
PROVED_EMPTY = "0 (empty, proved)"
WRONG = ("items_quarantined", "missing", "extra", "different", "expired")


@dataclass(frozen=True, slots=True)
class Cell:
    """A count as text; `off` if it is not what it should be, `gap` if it was not measured."""

    text: str
    off: bool = False
    gap: bool = False


@dataclass(frozen=True, slots=True)
class ReconciliationRow:
    """One table: its counts by name, in the order of the columns, and the seconds it took."""

    table: TableRecord
    counts: dict[str, Cell]
    seconds: float | None

    @property
    def is_calm(self) -> bool:
        """Whether it says nothing but that all is well."""
        return self.table.verdict in (PASS, DRY_RUN) and not any(cell.off for cell in self.counts.values())


@dataclass(frozen=True, slots=True)
class FoldedRows:
    """The rows to be shown at once, and the rest that only repeats that all is well, with its summary."""

    shown: list[ReconciliationRow]
    folded: list[ReconciliationRow]
    summary: str


def reconciliation_rows(figures: RunFigures) -> list[ReconciliationRow]:
    """Every table's row, what failed or is not known first."""
    return [_row(figures, table) for table in figures.tables]


def _row(figures: RunFigures, table: TableRecord) -> ReconciliationRow:
    exported = table.items_exported
    read = table.items_due
    due = read - (table.items_present or 0) if figures.record.executed and read is not None else None
    expected = dict(zip(WAY, (exported, read, due, _due_in_target(table)), strict=True))
    counts = {name: _counted(table, name, expected[name]) for name in WAY}
    if exported == 0 and table.verdict == PASS:
        counts["items_exported"] = Cell(PROVED_EMPTY)
    for name in WRONG:
        value = table.count(name)
        allowed = {"expired": value or 0, "extra": table.there_before or 0}.get(name, 0)
        counts[name] = Cell(count(value), (value or 0) > allowed, value is None)
    return ReconciliationRow(table, counts, figures.timed[table.source].all)


def _due_in_target(table: TableRecord) -> int | None:
    """How many items a target should hold: what a scan has to find without the extra ones that nobody had before."""
    found = None if table.items_in_target is None else expected_in_target(table)
    return None if found is None else found - max((table.extra or 0) - (table.there_before or 0), 0)


def _counted(table: TableRecord, name: str, expected: int | None) -> Cell:
    value, least = table.count(name), table.items_written_at_least if name == "items_written" else None
    if value is None and least is not None:
        return Cell(f"at least {count(least)}", gap=True)
    if value is None and table.items_exported == 0 and table.files == 0:
        return Cell("no data file", gap=True)
    off = value is not None and expected is not None and value != expected
    return Cell(f"\u2260 {count(value)}" if off else count(value), off, value is None)


def folded(rows: Sequence[ReconciliationRow]) -> FoldedRows:
    """Fold what only repeats that all is well."""
    calm = [row for row in rows if row.is_calm]
    rest = calm[SHOWN_ALIKE:] if len(calm) >= SHOWN_ALIKE + LEAST_FOLDED else []
    alike = {id(row) for row in rest}
    words = " and ".join(sorted({row.table.verdict for row in rest}))
    items = total([row.table for row in rest], "items_exported")
    together = f"{items.with_noun('items exported')}{' together' if items.told else ''}"
    return FoldedRows([row for row in rows if id(row) not in alike], rest, f"all {words}, {together}")


def total_rows(figures: RunFigures, verdicts: str) -> list[tuple[str, str]]:
    """The totals, each added up from the tables anew."""
    sums, present, weight = figures.sums, figures.sums["items_present"], figures.sums["bytes"]
    written = f"{sums['items_written']}{f', and {present} present, owner not known' if present.value else ''}"
    return [
        ("Tables", f"{len(figures.tables):,} ({verdicts})" if tables_known(figures.record) else NOT_MEASURED),
        ("Items in the manifests", str(sums["items_exported"])),
        ("Lines read from the exports", str(sums["lines_read"])),
        ("Writes acknowledged", written),
        ("Items in the targets, by scan", str(sums["items_in_target"])),
        *([("Due in the targets after the catch-up", due_in_targets(figures.record))] if _caught_up(figures) else []),
        ("Filtered / in quarantine", f"{sums['items_filtered']} / {sums['items_quarantined']}"),
        *((kind.capitalize(), str(sums[kind])) for kind in ("missing", "different", "extra", "expired")),
        ("Empty tables", _empty(figures.tables, sums["items_exported"])),
        ("Exported data, as the manifests bill it", size(weight.value) if weight.known else NOT_MEASURED),
        ("Time spent in the steps", duration(figures.record.totals.seconds)),
        ("Import rate", _speed(figures)),
        *_answered(figures),
    ]  # fmt: skip


def _speed(figures: RunFigures) -> str:
    if known := figures.record.throughput:
        best = rate(known.items_per_second_best)
        return f"{rate(known.items_per_second)} over {duration(known.seconds)} of writing, {best} at best"
    loading = figures.loading_seconds
    known_rate = figures.import_rate
    return (
        NOT_MEASURED
        if loading is None or known_rate is None
        else f"{rate(known_rate)} over {duration(loading)} of loading"
    )


def _answered(figures: RunFigures) -> list[tuple[str, str]]:
    """The median and the 99th percentile of the time to an answer; no row where no request was timed."""
    known = figures.record.throughput
    if known is None or known.request_ms_p50 is None or known.request_ms_p99 is None:
        return []
    half, most = milliseconds(known.request_ms_p50), milliseconds(known.request_ms_p99)
    requests = pluralize(sum(t.requests for t in known.request_times), "request")
    return [("Requests of the import answered within", f"{half} (p50), {most} (p99), of {requests}")]


def _empty(tables: Sequence[TableRecord], exported: Sum) -> str:
    """How many exports held nothing, and of how many of those the target was found to hold nothing too."""
    empty = [t for t in tables if t.items_exported == 0]
    proved = sum(t.verdict == PASS and t.items_in_target == 0 for t in empty)
    found = f"{len(empty):,}{exported.limits}" if exported.known else NOT_MEASURED
    if not empty:
        return found
    return f"{found}, {'all' if proved == len(empty) else f'{proved:,} of them'} proved empty by a scan of the target"


def quarantine_rows(figures: RunFigures) -> list[QuarantineRecord]:
    """What was refused, by table and reason; where the record has no reason for an item, where to look for it."""
    rows = list(figures.record.quarantine)
    for table in figures.tables:
        told = sum(row.items for row in rows if row.source == table.source)
        if (left := (table.items_quarantined or 0) - told) > 0:
            rows.append(QuarantineRecord(source=table.source, items=left, reason=where_refused(table)))
    return sorted(rows, key=lambda row: -row.items)


def _caught_up(figures: RunFigures) -> bool:
    return any(table.changes for table in figures.chosen)


def own_witness(figures: RunFigures) -> str:
    """Which of the counts is this tool's own where AWS wrote no manifest, and which one the windows have changed."""
    scanned = [t for t in figures.chosen if t.method == SCAN]
    caught = "What is in a target is also what its windows have written and deleted since. " * _caught_up(figures)
    if not scanned:
        return caught.strip()
    return (
        f"{caught}For {pluralize(len(scanned), 'table')} read by Scan the first count is not from AWS: this tool wrote "
        "the manifests, and checked them with a second count that used other segments."
    )
