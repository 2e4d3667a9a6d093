"""What several sections of a report say, computed once from the record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runbook_lib.record.model.table import TableRecord
from runbook_lib.record.not_checked import Unchecked, unchecked
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.figures.proof_of_tables import contradictions_of
from runbook_lib.report.figures.timings import TableSeconds, seconds_of
from runbook_lib.report.figures.totals import SUMS, Sum, chosen, difference_sum, how_many, total
from runbook_lib.run.verdicts import FAIL, NOT_MIGRATED, UNKNOWN

WORST_FIRST: dict[str, int] = {FAIL: 0, UNKNOWN: 1, NOT_MIGRATED: 2}


@dataclass(frozen=True, slots=True)
class RunFigures:
    """The record, and what is worked out of it for more than one section.

    `tables` are all of them, worst verdict first, then the largest; `chosen` those that the run is about; `sums` are
    over those, by the name of the count; `unknown` is what the record's own checks and tables leave unknown, whatever
    it says of that elsewhere, and `contradictions` where it says more than its numbers do.
    `loading_seconds` are those of imports that were allowed to write; `import_rate` is items written per second of
    writing.
    """

    record: RunRecord
    tables: list[TableRecord]
    chosen: list[TableRecord]
    how_many: str
    sums: Mapping[str, Sum]
    timed: Mapping[str, TableSeconds]
    differences: Sum
    loading_seconds: float | None
    import_rate: float | None
    unknown: list[Unchecked]
    contradictions: list[str]

    @property
    def left(self) -> int:
        """How many tables the run leaves out, as it was asked to."""
        return len(self.tables) - len(self.chosen)


def figures_of(record: RunRecord) -> RunFigures:
    """Work them out."""
    moved = chosen(record)
    unknown = unchecked(record.checks, record.tables, record.accept.not_checked)
    sums = {name: total(moved, name) for name in SUMS}
    timed = {t.source: seconds_of(t) for t in record.tables}
    loading = _sum_of(each.by_step["import"] for each in timed.values()) if record.executed else None
    return RunFigures(
        record=record,
        tables=sorted(record.tables, key=_worst_and_largest_first),
        chosen=moved,
        how_many=how_many(record),
        sums=sums,
        timed=timed,
        differences=difference_sum(moved),
        loading_seconds=loading,
        import_rate=_import_rate(record, sums["items_written"].value, loading),
        unknown=unknown,
        contradictions=contradictions_of(record, moved, unknown, sums),
    )


def _import_rate(record: RunRecord, written: int, loading: float | None) -> float | None:
    """As the record says it; of one that does not, items written per second of loading."""
    if record.throughput:
        return record.throughput.items_per_second
    return written / loading if written and loading else None


def _sum_of(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) if known else None


def _worst_and_largest_first(table: TableRecord) -> tuple[int, int, int, str]:
    items = table.items_exported
    return WORST_FIRST.get(table.verdict, 3), -1 if items is None else 0, -(items or 0), table.source
