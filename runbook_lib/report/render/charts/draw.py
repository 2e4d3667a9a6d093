"""Draw the report's charts into a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

from runbook_lib.atomic_files import write_atomically
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.charts.costs import used_against_estimate
from runbook_lib.report.render.charts.counts import counts_side_by_side
from runbook_lib.report.render.charts.drawing import STYLE, Chart, svg
from runbook_lib.report.render.charts.lag import lag_by_window
from runbook_lib.report.render.charts.latency import seconds_by_request
from runbook_lib.report.render.charts.rates import items_over_time, units_over_time
from runbook_lib.report.render.charts.sizes import seconds_by_size
from runbook_lib.report.render.charts.timeline import timeline
from runbook_lib.run.tables.throughput import SampleRow

TITLES = {
    "reconciliation": "What left and what arrived",
    "timeline": "What ran when",
    "throughput": "Throughput of the import",
    "capacity": "Write capacity consumed, and throttling",
    "latency": "How long requests took",
    "size-classes": "Time by table size",
    "lag": "How far behind the sources each window was",
    "cost": "Estimate and use",
}


def draw_charts(report: ReportModel, samples: Sequence[SampleRow], folder: Path) -> list[Chart]:
    """Draw what there is data for; a chart of an earlier drawing that has none now is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    charts = []
    limits = {table.source: table.write_limit for table in report.record.tables if table.write_limit}
    with mpl.rc_context(STYLE):
        for name, drawn in (
            ("reconciliation", counts_side_by_side(report)),
            ("timeline", timeline(report)),
            ("throughput", items_over_time(samples)),
            ("capacity", units_over_time(samples, limits)),
            ("latency", seconds_by_request(report)),
            ("size-classes", seconds_by_size(report)),
            ("lag", lag_by_window(report)),
            ("cost", used_against_estimate(report)),
        ):
            path = folder / f"{name}.svg"
            if drawn is None:
                path.unlink(missing_ok=True)
                continue
            figure, alt = drawn
            write_atomically(path, svg(figure))
            charts.append(Chart(name, path, TITLES[name], alt))
    return charts
