"""Sums over the tables of a record. What was not measured stays unknown in every sum and is never 0."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runbook_lib.record.model.table import TableRecord
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.text import NOT_MEASURED, count, pluralize
from runbook_lib.run.verdicts import NOT_CHOSEN

NOT_COUNTED = "a number of tables that is not known"
SUMS = (
    "items_exported", "lines_read", "items_written", "items_present", "items_in_target", "items_filtered",
    "items_quarantined", "missing", "different", "extra", "expired", "bytes",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum over tables, and for how many of them the number was measured at all.

    `least` is what is known beside that of tables whose number is not: it was at least so much.
    """

    value: int
    known: int
    of: int
    least: int | None = None

    @property
    def whole(self) -> bool:
        return self.known == self.of > 0

    def __str__(self) -> str:
        return f"{self._number}{self.limits}" if self.told else NOT_MEASURED

    @property
    def told(self) -> bool:
        """Whether anything of it was measured."""
        return bool(self.known) or self.least is not None

    @property
    def _number(self) -> str:
        return count(self.value) if self.least is None else f"at least {count(self.value + self.least)}"

    @property
    def limits(self) -> str:
        """What must follow the number unless it was measured for every table."""
        return "" if self.whole else f" (measured for {self.known:,} of {self.of:,} tables)"

    def with_noun(self, what: str) -> str:
        """`229,634 items written (measured for 30 of 31 tables)`."""
        return f"{self._number} {what}{self.limits}" if self.told else f"{what}: {NOT_MEASURED}"


def chosen(record: RunRecord) -> list[TableRecord]:
    """The tables that the run is about, without those that it leaves out as it was asked to."""
    return [t for t in record.tables if t.method != NOT_CHOSEN]


def tables_known(record: RunRecord) -> bool:
    """Whether the run came to a plan: without one, that the record holds no table says nothing."""
    return bool(record.tables) or any(s.name == "preflight" and s.status == "completed" for s in record.steps)


def wanted_to_write(record: RunRecord) -> bool:
    """Whether the last start that did more than a report was allowed to write; it may end before it comes to that."""
    return bool(record.starts and record.starts[-1].execute) or any(step.execute for step in record.steps)


def how_many(record: RunRecord) -> str:
    """`31 tables`, or of a run that leaves some out `1 of 2 tables`; nobody has counted those of one without a plan."""
    if not tables_known(record):
        return NOT_COUNTED
    moved = chosen(record)
    if len(moved) == len(record.tables):
        return pluralize(len(moved), "table")
    return f"{count(len(moved))} of {pluralize(len(record.tables), 'table')}"


def total(tables: Iterable[TableRecord], name: str) -> Sum:
    """The sum of one number of the tables; those that the run leaves out have no part in it."""
    rows = [t for t in tables if t.method != NOT_CHOSEN]
    known = [v for t in rows if (v := t.count(name)) is not None]
    least = [v for t in rows if (v := t.items_written_at_least) is not None] if name == "items_written" else []
    return Sum(sum(known), len(known), len(rows), sum(least) if least else None)


def difference_sum(tables: Iterable[TableRecord]) -> Sum:
    """Missing, extra and different items; a table counts as measured only if all three were."""
    rows = list(tables)
    kinds = [total(rows, kind) for kind in ("missing", "extra", "different")]
    return Sum(sum(k.value for k in kinds), min(k.known for k in kinds), kinds[0].of)
