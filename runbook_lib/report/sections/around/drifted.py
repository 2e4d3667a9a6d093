"""How far the targets were from their live sources when somebody last looked, and what the looks come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from runbook_lib.record.model.comparison import Drift, DriftLook
from runbook_lib.record.model.table import TableRecord
from runbook_lib.report.text import count, moment, pluralize

DRIFT_COLUMNS = (
    "Source", "Items in the source now", "Only in the source", "Changed", "Only in the target", "Expired",
    "Changed in an hour", "Time at the source",
)  # fmt: skip
LOOKS, LISTED = 10, 20


@dataclass(frozen=True, slots=True)
class DriftSection:
    """Rows under their columns, and lines below."""

    columns: tuple[str, ...]
    rows: list[list[str]]
    lines: list[str]


def drift_section(tables: Sequence[TableRecord]) -> DriftSection:
    """All that a report shows of drift; without rows where nobody looked."""
    return DriftSection(DRIFT_COLUMNS, drift_rows(tables), drift_lines(tables))


def drift_rows(tables: Sequence[TableRecord]) -> list[list[str]]:
    """One row per table that somebody looked at; one that could not be read says why."""
    rows = []
    for table in tables:
        if (drift := table.drift) is None:
            continue
        if drift.failure:
            rows.append([table.source, f"not measured: {drift.failure}", "", "", "", "", "", moment(drift.started)])
            continue
        counts = (drift.items_in_source, drift.only_in_source, drift.changed, drift.only_in_target, drift.expired)
        rows.append([table.source, *map(count, counts), rate_of(drift), moment(drift.at or drift.started)])
    return rows


def rate_of(drift: Drift) -> str:
    """How many items are changed in an hour; empty where that cannot be told."""
    return (
        "" if drift.per_hour is None else f"{drift.per_hour:,.0f}" if drift.per_hour >= 10 else f"{drift.per_hour:.1f}"
    )


def drift_sentence(table: TableRecord) -> str:
    """What the last look at a table found, in one line."""
    drift = table.drift or Drift()
    if drift.failure:
        return f"{table.source}: not measured: {drift.failure}"
    rate = f"; {rate_of(drift)} changed in an hour" if drift.per_hour is not None else ""
    return (
        f"{table.source}: {count(drift.items_in_source)} items by now, "
        f"{count(drift.only_in_source)} only in the source, {count(drift.changed)} changed, "
        f"{count(drift.only_in_target)} only in the target, {count(drift.expired)} expired{rate}"
    )


def drift_lines(tables: Sequence[TableRecord]) -> list[str]:
    """The trend of each table with more than one look, and the first items that are not the same."""
    return [line for table in tables if table.drift for line in (*_trend(table, table.drift), *_items(table))]


def _trend(table: TableRecord, drift: Drift) -> Iterator[str]:
    if len(drift.looks) < 2:
        return
    told = "; ".join(f"{_sum(look)} at {moment(look.at)}" for look in drift.looks[-LOOKS:])
    yield f"{table.source}: {pluralize(len(drift.looks), 'look')}: {told}."


def _sum(look: DriftLook) -> str:
    if look.failure:
        return "not measured"
    return count(sum(n or 0 for n in (look.only_in_source, look.only_in_target, look.changed, look.expired)))


def _items(table: TableRecord) -> Iterator[str]:
    listed = table.drift.listed if table.drift else []
    for one in listed[:LISTED]:
        yield f"{table.source}: {one.key_hash} {one.kind}" + (f": {', '.join(one.paths)}" if one.paths else "")
    if len(listed) > LISTED:
        yield f"{table.source}: and more; run.json lists the first {len(listed):,}."
