"""The time of tables by their size."""

from __future__ import annotations

from matplotlib.ticker import FuncFormatter, Locator, LogLocator, MaxNLocator

from runbook_lib.report.figures.timings import STEPS
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.charts.drawing import LEGEND, STEP_LOOKS, Drawn, axes_of
from runbook_lib.report.text import duration, pluralize


def seconds_by_size(report: ReportModel) -> Drawn | None:
    """The median seconds of each step, by size of the table, on a logarithmic axis."""
    classes = [c for c in report.classes if c.medians["all"] is not None]
    if not classes:
        return None
    figure, axes = axes_of(0.9 + 0.75 * len(classes))
    for offset, step in enumerate(STEPS):
        colour, mark = STEP_LOOKS[step]
        rows = [(c.medians[step], n + (offset - 1) * 0.24) for n, c in enumerate(classes)]
        points = [(max(seconds, 0.001), height) for seconds, height in rows if seconds is not None]
        if not points:
            continue
        x, y = zip(*points, strict=True)
        axes.plot(x, y, mark, label=step, color=colour, markeredgecolor="black", markersize=6, linestyle="none")
        for left, height in points:
            axes.annotate(duration(left), (left, height), (7, 0), textcoords="offset points", va="center", fontsize=7.5)
    axes.set_xscale("log")
    axes.margins(x=0.14)
    axes.xaxis.set_major_locator(_told_twice(*axes.get_xlim()))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}"))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda x, _: ""))
    axes.set_yticks(range(len(classes)), [f"{c.label}\n({pluralize(c.tables, 'table')})" for c in classes])
    axes.set_ylim(len(classes) - 0.5, -0.5)
    axes.set_xlabel("median seconds per table (logarithmic)")
    axes.grid(axis="x", color="#cccccc", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.legend(**LEGEND)
    said = ", ".join(f"{duration(c.medians['all'])} for {c.label}" for c in classes)
    return figure, f"Median time of a table from export to validation, by its number of items: {said}."


def _told_twice(low: float, high: float) -> Locator:
    """Powers of ten, and within less than two of them so many numbers between that the axis tells at least two."""
    for steps in ((1.0,), (1.0, 2.0, 5.0), (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)):
        locator = LogLocator(subs=steps)
        if sum(low <= tick <= high for tick in locator.tick_values(low, high)) > 1:
            return locator
    return MaxNLocator(4)
