"""Sums over the tables of a record. What was not measured stays unknown in every sum and is never 0."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runbook_lib.record.run_json import Record
from runbook_lib.report.text import NOT_MEASURED, count, pluralize
from runbook_lib.run.verdicts import NOT_CHOSEN


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
        return f"{self._number}{self.limits}" if self._told else NOT_MEASURED

    @property
    def _told(self) -> bool:
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
        return f"{self._number} {what}{self.limits}" if self._told else f"{what}: {NOT_MEASURED}"


def chosen(record: Record) -> list[Record]:
    """The tables that the run is about, without those that it leaves out as it was asked to."""
    return [t for t in record.get("tables") or [] if t.get("method") != NOT_CHOSEN]


def how_many(record: Record) -> str:
    """`31 tables`, or of a run that leaves some out `1 of 2 tables`."""
    all_of_them, moved = record.get("tables") or [], chosen(record)
    if len(moved) == len(all_of_them):
        return pluralize(len(moved), "table")
    return f"{count(len(moved))} of {pluralize(len(all_of_them), 'table')}"


def total(tables: Iterable[Record], name: str) -> Sum:
    """The sum of one number of the tables; those that the run leaves out have no part in it."""
    rows = [t for t in tables if t.get("method") != NOT_CHOSEN]
    known = [v for t in rows if (v := t.get(name)) is not None]
    least = [v for t in rows if t.get(name) is None and (v := t.get(f"{name}_at_least")) is not None]
    return Sum(sum(known), len(known), len(rows), sum(least) if least else None)
