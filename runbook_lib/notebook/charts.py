"""The report's charts in a notebook: the same functions, as pictures that need nothing to be seen.

Drawn only from what the run has recorded, so that a notebook can be shared by itself.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import matplotlib as mpl

from runbook_lib.load.table_load import TableProgress
from runbook_lib.notebook.output import Place, at_end_of_cell, is_watched
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.charts.drawing import STYLE, Drawn, png
from runbook_lib.report.render.charts.lag import lag_by_window
from runbook_lib.report.render.charts.rates import items_over_time, units_over_time
from runbook_lib.report.render.charts.tables import ChartedTable, counts_by_table, exports_by_size
from runbook_lib.report.render.charts.timeline import timeline
from runbook_lib.report.render.escape_markdown import visible
from runbook_lib.report.step import record_of
from runbook_lib.run.facts.export import EXPORTS
from runbook_lib.run.facts.load import IMPORTS
from runbook_lib.run.run import Run
from runbook_lib.run.tables.throughput import samples
from runbook_lib.run.verdicts import NOT_CHOSEN, PASS

DPI = 110
NOT_WRITTEN = "Nothing was written, so there is nothing to draw over time."
EVERY_SECONDS = 5.0  # of an import that is watched; a drawing takes a fifth of a second


@dataclass(frozen=True, slots=True)
class ShownChart:
    """A chart with its message, or the sentence that says why there is none."""

    title: str
    drawn: Drawn | None
    none: str

    def __str__(self) -> str:
        return f"{self.title}: {self.drawn[1]}" if self.drawn else self.none

    __repr__ = __str__

    def png(self) -> bytes:
        """The picture; empty where there is none."""
        if self.drawn is None:
            return b""
        with mpl.rc_context(STYLE):
            return png(self.drawn[0], DPI)

    def _repr_html_(self) -> str:
        if self.drawn is None:
            return f"<p style='text-align:left'>{escape(self.none)}</p>"
        data, alt = base64.b64encode(self.png()).decode(), escape(visible(self.drawn[1]), quote=True)
        return (
            f"<div style='text-align:left'><b>{escape(self.title)}</b><br>"
            f"<img src='data:image/png;base64,{data}' alt='{alt}' style='max-width:100%'><br>{alt}</div>"
        )


def _chart(title: str, draw: Callable[[], Drawn | None], none: str) -> ShownChart:
    with mpl.rc_context(STYLE):
        return ShownChart(title, draw(), none)


def throughput_chart(run: Run) -> ShownChart:
    """Items per second of the import, as far as it has come."""
    return _chart("Throughput of the import", lambda: items_over_time(samples(run.ledger)), NOT_WRITTEN)


def capacity_chart(run: Run) -> ShownChart:
    """Write units per second against their limit, and throttled requests, as far as the import has come."""
    facts = IMPORTS.all(run.ledger)
    limits = {source: fact.limits.limit for source, fact in facts.items() if fact.limits is not None}
    return _chart("Write capacity and throttling", lambda: units_over_time(samples(run.ledger), limits), NOT_WRITTEN)


def timeline_chart(run: Run) -> ShownChart:
    """What ran when, table by table."""
    return _chart("What ran when", lambda: timeline(ReportModel(record_of(run))), "No table was worked on yet.")


def lag_chart(run: Run) -> ShownChart:
    """How far behind its source each window was, and what the time was spent on."""
    return _chart("Lag by window", lambda: lag_by_window(ReportModel(record_of(run))), "No window is applied yet.")


def exports_chart(run: Run) -> ShownChart:
    """What was exported, by size."""
    rows = [
        (source, fact.items, fact.manifest.billed_bytes if fact.manifest else None)
        for source, fact in EXPORTS.all(run.ledger).items()
        if fact.items is not None
    ]
    return _chart("Exported by size", lambda: exports_by_size(rows), "Nothing is exported yet.")


def reconciliation_chart(run: Run) -> ShownChart:
    """The counts of each table side by side; what does not agree stands out."""
    tables = [
        ChartedTable(
            t.source, t.items_exported, t.items_written, t.items_in_target, t.items_quarantined, t.missing,
            t.different, t.verdict == PASS,
        )
        for t in record_of(run).tables
        if t.method != NOT_CHOSEN
    ]  # fmt: skip
    scanned = any(table.in_target is not None for table in tables)
    return _chart(
        "What left and what arrived",
        lambda: counts_by_table(tables) if scanned else None,
        "No target was scanned yet: there is nothing to set side by side.",
    )


def with_live_chart(run: Run, watch: Callable[[TableProgress], None]) -> Callable[[TableProgress], None]:
    """Throughput below the live table of an import that may be watched; the next cells draw what stays."""
    if not is_watched():
        return watch
    place, drawn_at = Place(), time.monotonic()
    at_end_of_cell(place.clear)

    def both(now: TableProgress) -> None:
        nonlocal drawn_at
        watch(now)
        if time.monotonic() - drawn_at > EVERY_SECONDS:
            drawn_at = time.monotonic()
            place.draw(throughput_chart(run)._repr_html_())

    return both
