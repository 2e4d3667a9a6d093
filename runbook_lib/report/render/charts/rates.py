"""Items and write units per second over the time of the import."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from runbook_lib.record.gathered.rates import THROTTLES, UNITS, Intervals, moved_together, rates_of, throughput
from runbook_lib.report.render.charts.drawing import (
    COLOURS,
    LEGEND,
    LINES,
    MARKERS,
    Drawn,
    axes_of,
    label_axes,
    short_names,
)
from runbook_lib.report.text import count, duration, pluralize, rate
from runbook_lib.run.tables.throughput import SampleRow

BIGGEST = 6
LIMIT = "#9A3B00"


def items_over_time(samples: Sequence[SampleRow]) -> Drawn | None:
    """Items per second of the largest tables and of the others together."""
    used, intervals = moved_together(samples)
    known, items = throughput(samples), _sum_by_table(samples)
    if known is None:
        return None
    biggest = sorted(items, key=lambda t: (-items[t], t))[:BIGGEST]
    others = [t for t in items if t not in biggest]
    labels = short_names(biggest)
    lines = {labels[t]: rates_of(used, intervals, names={t}) for t in biggest}
    if others:
        lines[f"{pluralize(len(others), 'other table')}, summed"] = rates_of(used, intervals, names=set(others))
    return _over_time(lines, intervals, "items per second"), (
        f"{pluralize(sum(items.values()), 'item')} of {pluralize(len(items), 'table')} (empty ones not counted) went "
        f"to their targets or into quarantine in {duration(known.seconds)} of writing, "
        f"{rate(known.items_per_second)} on average and "
        f"{rate(known.items_per_second_best)} at best, all tables together; the targets throttled "
        f"{pluralize(sum(s.throttles or 0 for s in samples), 'request')}."
    )


def units_over_time(samples: Sequence[SampleRow], limits: Mapping[str, float]) -> Drawn | None:
    """Write units per second of all tables together, against what the tables take that are being loaded just then.

    `limits` are those in write units per second, by source table. Below are the throttled requests per second.
    """
    used, intervals = moved_together(samples)
    known = throughput(samples)
    if known is None or known.units_per_second is None or known.units_per_second_best is None:
        return None
    units, throttles = (rates_of(used, intervals, what) for what in (UNITS, THROTTLES))
    lines = {"write units": units, "throttled requests": throttles}
    figure = _over_time(lines, intervals, "per second")
    taken = _taken(used, intervals, limits)
    if taken:
        places = range(min(taken) - 1, max(taken) + 2)
        axes = figure.axes[0]
        axes.plot(
            [(place + 0.5) * intervals.width for place in places], [taken.get(place, 0.0) for place in places],
            label=" limit", color=LIMIT, linestyle=(0, (1, 1)), linewidth=1.6, drawstyle="steps-mid", zorder=1,
        )  # fmt: skip
        axes.set_ylim(0, max(axes.get_ylim()[1], 1.05 * max(taken.values())))
        axes.legend(**LEGEND)
    return figure, (
        f"The import consumed {pluralize(round(sum(s.wcu or 0.0 for s in samples)), 'write unit')} in "
        f"{duration(known.seconds)} of writing, {count(round(known.units_per_second))} per second on average and "
        f"{count(round(known.units_per_second_best))} at best; "
        f"{pluralize(sum(s.throttles or 0 for s in samples), 'request')} throttled.{_of_limits(used, limits)}"
    )


def _taken(samples: Sequence[SampleRow], intervals: Intervals, limits: Mapping[str, float]) -> dict[int, float]:
    """In each interval, the limits together of the tables that were being loaded in it."""
    found: dict[int, float] = {}
    for source in {sample.source for sample in samples} & limits.keys():
        for place in rates_of(samples, intervals, UNITS, names={source}):
            found[place] = found.get(place, 0.0) + limits[source]
    return found


def _of_limits(samples: Sequence[SampleRow], limits: Mapping[str, float]) -> str:
    """What the limit in the picture is: that of the tables, as each describes itself."""
    known = sorted({limits[sample.source] for sample in samples if sample.source in limits})
    if not known:
        return ""
    span = count(round(known[0])) + (f" to {count(round(known[-1]))}" if len(known) > 1 else "")
    return (
        f" The limit is what the tables being loaded take by their own description: {span} per second each. "
        "Write units include those of indexes, which have limits of their own. A table on demand takes more as it is "
        "used."
    )


def _sum_by_table(samples: Sequence[SampleRow]) -> dict[str, int]:
    """The items of each table that has any; samples that took no time count here, as they do in the bill."""
    sums: dict[str, int] = {}
    for sample in samples:
        if sample.items:
            sums[sample.source] = sums.get(sample.source, 0) + sample.items
    return sums


def _over_time(lines: Mapping[str, Mapping[int, float]], intervals: Intervals, unit: str) -> Figure:
    """Rates by name as lines that can be told apart without colour."""
    figure, axes = axes_of(3.6)
    for (name, rates), colour, line, mark in zip(lines.items(), COLOURS, LINES, MARKERS, strict=False):
        if not rates:
            continue
        places = range(min(rates) - 1, max(rates) + 2)
        axes.plot(
            [(place + 0.5) * intervals.width for place in places], [rates.get(place, 0.0) for place in places],
            label=f" {name}", color=colour, linestyle=line, marker=mark, markersize=3.5,
            markevery=max(1, len(places) // 12), linewidth=1.3, drawstyle="steps-mid",
        )  # fmt: skip
    cut = f", without pauses of {duration(intervals.pauses)}" if intervals.pauses else ""
    label_axes(axes, f"seconds since the import's start{cut}", unit)
    axes.set_ylim(bottom=0)
    axes.legend(**LEGEND)
    return figure
