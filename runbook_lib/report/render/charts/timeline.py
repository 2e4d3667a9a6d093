"""What ran when: a row per table, a bar per step, then a lane per worker."""

from __future__ import annotations

from collections.abc import Sequence

from runbook_lib.record.model.base import as_moment
from runbook_lib.report.figures.timings import STEPS, spans_of
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.charts.drawing import LEGEND, STEP_LOOKS, Drawn, axes_of, label_axes, short_names
from runbook_lib.report.text import duration, pluralize

NOUNS = {"export": "export", "import": "import", "validate": "validation"}
LONGEST, LANES = 40, 60
Bars = dict[str, tuple[float, float]]


def timeline(report: ReportModel) -> Drawn | None:
    """The spans of every table since the first began; of many, the longest have rows, the others one together."""
    spans = _spans(report)
    if not spans:
        return None
    began = min(start for bars in spans.values() for start, _ in bars.values())
    ended = max(end for bars in spans.values() for _, end in bars.values())
    whole = max(ended - began, 0.001)
    shown = sorted(spans, key=lambda t: (-_length(spans[t]), t))[:LONGEST]
    order = sorted(shown, key=lambda t: (max(start for start, _ in spans[t].values()), t))
    labels = short_names(order)
    rows = [(labels[t], spans[t]) for t in order]
    if rest := [spans[t] for t in spans if t not in labels]:
        rows.append((f"{pluralize(len(rest), 'other table')}", _together(rest)))
    shifts = [shift for shift in report.record.workers if shift.step in STEPS]
    lanes = list(dict.fromkeys(shift.worker for shift in shifts))
    places = {worker: n for n, worker in enumerate(lanes[:LANES], len(rows))}
    figure, axes = axes_of(0.9 + 0.19 * (len(rows) + len(places)))
    for step in STEPS:
        bars = [(n, *spans_by[step]) for n, (_, spans_by) in enumerate(rows) if step in spans_by]
        bars += [(places[s.worker], s.began, s.ended) for s in shifts if s.step == step and s.worker in places]
        if not bars:
            continue  # without a bar, its place in the legend would have another colour
        axes.barh(
            [n for n, _, _ in bars], [max(end - start, whole / 400) for _, start, end in bars],
            left=[start - began for _, start, _ in bars], height=0.72, color=STEP_LOOKS[step][0],
            edgecolor="black", linewidth=0.4, label=step,
        )  # fmt: skip
    names = [name for name, _ in rows] + list(places)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_ylim(len(names) - 0.4, -0.6)
    label_axes(axes, "seconds since the first table's start", "")
    axes.legend(**LEGEND)
    return figure, f"{_message(report, len(spans))}{_of_others(rest)}{_of_workers(lanes)}"


def _message(report: ReportModel, tables: int) -> str:
    """What a bar is, and the longest work; a bar is a span and may hold pauses, work is what a step did."""
    work = [
        (seconds, step, source)
        for source, timed in report.figures.timed.items()
        for step, seconds in timed.by_step.items()
        if seconds is not None
    ]
    said = f"{pluralize(tables, 'table')}; each bar is from the start of a step to its end, pauses included"
    if not work:
        return f"{said}."
    seconds, step, source = max(work)
    return f"{said}; the longest single piece of work was the {NOUNS[step]} of {source}, {duration(seconds)}."


def _spans(report: ReportModel) -> dict[str, Bars]:
    found: dict[str, Bars] = {}
    for table in report.record.tables:
        for step, span in spans_of(table).items():
            start, end = (as_moment(text) for text in span)
            if start and end and end >= start:
                found.setdefault(table.source, {})[step] = (start.timestamp(), end.timestamp())
    return found


def _length(bars: Bars) -> float:
    return sum(end - start for start, end in bars.values())


def _together(tables: Sequence[Bars]) -> Bars:
    """From the first start to the last end of each step."""
    found = {}
    for step in STEPS:
        bars = [bars[step] for bars in tables if step in bars]
        if bars:
            found[step] = (min(start for start, _ in bars), max(end for _, end in bars))
    return found


def _of_others(rest: Sequence[Bars]) -> str:
    return f" The {LONGEST} tables that took longest have a row of their own, the others one together." if rest else ""


def _of_workers(lanes: Sequence[str]) -> str:
    if not lanes:
        return ""
    beyond = f", of which the first {LANES} are shown" if len(lanes) > LANES else ""
    return f" Below the tables stand the lanes of {pluralize(len(lanes), 'worker')}{beyond}."
