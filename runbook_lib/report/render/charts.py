"""The report's charts: SVG files that look the same in every run of the same record.

Legible in black and white: line styles and markers, light and dark, and numbers written beside the marks.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from runbook_lib.atomic_files import write_atomically
from runbook_lib.record.run_json import Record
from runbook_lib.report.figures.size_classes import size_classes
from runbook_lib.report.figures.timings import STEPS
from runbook_lib.report.text import count, duration, pluralize, when

# Okabe and Ito's palette, darkest first: told apart by colour-blind readers and by their greys.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#888888")
MARKERS = ("o", "s", "^", "D", "v", "P", "x")
LINES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (1, 1)), (0, (8, 3)))
# Light, dark and white: told apart in grey too. No hatches: printed to PDF they are bitmaps of megabytes.
STEP_LOOKS = {"export": ("#56B4E9", "s"), "import": ("#9A3B00", "o"), "validate": ("#FFFFFF", "^")}
# Text as paths needs no font on the reader's side; a fixed salt makes ids, and so the file, repeatable.
STYLE: Any = {
    "svg.fonttype": "path", "svg.hashsalt": "runbook", "text.parse_math": False, "font.family": "DejaVu Sans",
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False,
}  # fmt: skip
NOUNS = {"export": "export", "import": "import", "validate": "validation"}
BIGGEST, BINS, PAUSE, LANES = 6, 120, 120.0, 60


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart; `alt` is its message, a full sentence with the numbers."""

    name: str
    path: Path
    title: str
    alt: str


def draw_charts(record: Record, samples: Sequence[Mapping[str, Any]], folder: Path) -> list[Chart]:
    """Draw what there is data for; a chart of an earlier drawing that has none now is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    charts = []
    with mpl.rc_context(STYLE):
        for name, title, drawn in (
            ("timeline", "What ran when", _timeline(record)),
            ("throughput", "Throughput of the import", _throughput(samples)),
            ("capacity", "Write capacity consumed, and throttling", _capacity(samples)),
            ("size-classes", "Time by table size", _sizes(record)),
        ):
            path = folder / f"{name}.svg"
            if drawn is None:
                path.unlink(missing_ok=True)
                continue
            figure, alt = drawn
            write_atomically(path, _svg(figure))
            charts.append(Chart(name, path, title, alt))
    return charts


def _svg(figure: Figure) -> str:
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _throughput(samples: Sequence[Mapping[str, Any]]) -> tuple[Figure, str] | None:
    """Items per second over the seconds since the import began; each sample spread over its interval."""
    used, pause = _without_pauses([s for s in samples if s["seconds"] and s["seconds"] > 0])
    items = _sum_by_table(used)
    if not any(items.values()):
        return None
    biggest = sorted(items, key=lambda t: (-items[t], t))[:BIGGEST]
    others = [t for t in items if t not in biggest]
    labels, intervals = _labels(biggest), _intervals(used)
    lines = {labels[t]: _rates(used, {t}, intervals) for t in biggest}
    if others:
        lines[f"{pluralize(len(others), 'other table')}, summed"] = _rates(used, set(others), intervals)
    figure = _over_time(lines, pause, "items per second")
    total, busy = sum(items.values()), sum(s["seconds"] for s in used)
    peak = max(used, key=lambda s: (s["items"] or 0) / s["seconds"])
    return figure, (
        f"{pluralize(total, 'item')} of {pluralize(len(items), 'table')} went to their targets or into quarantine in "
        f"{duration(busy)} of writing, "
        f"{_rate(total / busy)} on average and {_rate((peak['items'] or 0) / peak['seconds'])} at best "
        f"({peak['source']}); the targets throttled {pluralize(sum(s['throttles'] or 0 for s in used), 'request')}."
    )


def _without_pauses(samples: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], float]:
    """The samples moved together where nothing was written for long, as between two starts; and what was cut."""
    moved: list[dict[str, Any]] = []
    cut, reached = 0.0, None
    for sample in sorted(samples, key=lambda s: s["at"]):
        gap = sample["at"] - sample["seconds"] - reached if reached is not None else 0.0
        cut += gap if gap > PAUSE else 0.0
        reached = sample["at"]
        moved.append({**sample, "at": sample["at"] - cut})
    return moved, cut


def _sum_by_table(samples: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for sample in samples:
        sums[str(sample["source"])] = sums.get(str(sample["source"]), 0) + (sample["items"] or 0)
    return sums


def _capacity(samples: Sequence[Mapping[str, Any]]) -> tuple[Figure, str] | None:
    """Write units per second of all tables together, and below them the throttled requests per second."""
    used, pause = _without_pauses([s for s in samples if s["seconds"] and s["seconds"] > 0])
    if not any(s["wcu"] for s in used):
        return None
    names, intervals = {str(s["source"]) for s in used}, _intervals(used)
    units, throttles = (_rates(used, names, intervals, what) for what in ("wcu", "throttles"))
    figure = _over_time({"write units": units, "throttled requests": throttles}, pause, "per second")
    spent, busy = sum(s["wcu"] or 0.0 for s in used), sum(s["seconds"] for s in used)
    return figure, (
        f"The import consumed {pluralize(round(spent), 'write unit')} in {duration(busy)} of writing, "
        f"{count(round(spent / busy))} per second on average and {count(round(max(v for _, v in units)))} at best; "
        f"{pluralize(sum(s['throttles'] or 0 for s in used), 'request')} throttled."
    )


def _over_time(lines: Mapping[str, list[tuple[float, float]]], pause: float, unit: str) -> Figure:
    """Rates by name as lines that can be told apart without colour."""
    figure, axes = _axes(3.6)
    for (name, points), colour, line, mark in zip(lines.items(), COLOURS, LINES, MARKERS, strict=False):
        axes.plot(
            *zip(*points, strict=True), label=f" {name}", color=colour, linestyle=line, marker=mark,
            markersize=3.5, markevery=max(1, len(points) // 12), linewidth=1.3, drawstyle="steps-mid",
        )  # fmt: skip
    cut = f", without pauses of {duration(pause)}" if pause else ""
    _label(axes, f"seconds since the import's start{cut}", unit)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _intervals(samples: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """When the first interval begins, and how many seconds each of them has."""
    began, ended = min(s["at"] - s["seconds"] for s in samples), max(s["at"] for s in samples)
    return began, max((ended - began) / BINS, 0.05)


def _rates(
    samples: Sequence[Mapping[str, Any]], names: set[str], intervals: tuple[float, float], what: str = "items"
) -> list[tuple[float, float]]:
    """Middles of equal intervals and how much per second in them, from the first to the last with any sample."""
    began, width = intervals
    bins: dict[int, float] = {}
    for sample in (s for s in samples if s["source"] in names):
        start, end = sample["at"] - sample["seconds"] - began, sample["at"] - began
        for place in range(max(0, int(start / width)), int(end / width) + 1):
            share = min(end, (place + 1) * width) - max(start, place * width)
            bins[place] = bins.get(place, 0.0) + (sample[what] or 0) * max(share, 0.0) / sample["seconds"] / width
    return [((place + 0.5) * width, bins.get(place, 0.0)) for place in range(min(bins) - 1, max(bins) + 2)]


def _sizes(record: Record) -> tuple[Figure, str] | None:
    """The median seconds of each step, by size of the table, on a logarithmic axis."""
    classes = [c for c in size_classes(record) if c.medians["all"] is not None]
    if not classes:
        return None
    figure, axes = _axes(0.9 + 0.75 * len(classes))
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
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,g}"))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda x, _: ""))
    axes.set_yticks(range(len(classes)), [f"{c.label}\n({pluralize(c.tables, 'table')})" for c in classes])
    axes.set_ylim(len(classes) - 0.5, -0.5)
    axes.set_xlabel("median seconds per table (logarithmic)")
    axes.grid(axis="x", color="#cccccc", linewidth=0.5)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    said = ", ".join(f"{duration(c.medians['all'])} for {c.label}" for c in classes)
    return figure, f"Median time of a table from export to validation, by its number of items: {said}."


def _timeline(record: Record) -> tuple[Figure, str] | None:
    """One row per table, one bar per step, over the seconds since the first of them began; then a lane per worker."""
    spans = _spans(record)
    if not spans:
        return None
    began = min(start for rows in spans.values() for start, _ in rows.values())
    ended = max(end for rows in spans.values() for _, end in rows.values())
    whole = max(ended - began, 0.001)
    order = sorted(spans, key=lambda t: (max(s for s, _ in spans[t].values()), t))
    shifts = record.get("workers") or []
    lanes = list(dict.fromkeys(str(shift["worker"]) for shift in shifts))
    places = {worker: n for n, worker in enumerate(lanes[:LANES], len(order))}
    figure, axes = _axes(0.9 + 0.19 * (len(order) + len(places)))
    for step in STEPS:
        colour, _ = STEP_LOOKS[step]
        rows = [(n, *spans[t][step]) for n, t in enumerate(order) if step in spans[t]]
        rows += [
            (places[s["worker"]], s["began"], s["ended"]) for s in shifts if s["step"] == step and s["worker"] in places
        ]
        axes.barh(
            [n for n, _, _ in rows], [max(end - start, whole / 400) for _, start, end in rows],
            left=[start - began for _, start, _ in rows], height=0.72, color=colour,
            edgecolor="black", linewidth=0.4, label=step,
        )  # fmt: skip
    labels = _labels(order)
    names = [labels[t] for t in order] + list(places)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_ylim(len(names) - 0.4, -0.6)
    _label(axes, "seconds since the first table's start", "")
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    long = {(step, t): end - start for t, rows in spans.items() for step, (start, end) in rows.items()}
    (step, table), seconds = max(long.items(), key=lambda pair: (pair[1], pair[0]))
    return figure, (
        f"{pluralize(len(order), 'table')} took {duration(whole)} from the first start to the last end; "
        f"the longest single piece of work was the {NOUNS[step]} of {table}, {duration(seconds)}.{_of_workers(lanes)}"
    )


def _of_workers(lanes: Sequence[str]) -> str:
    if not lanes:
        return ""
    beyond = f", of which the first {LANES} are shown" if len(lanes) > LANES else ""
    return f" Below the tables stand the lanes of {pluralize(len(lanes), 'worker')}{beyond}."


def _spans(record: Record) -> dict[str, dict[str, tuple[float, float]]]:
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for table in record.get("tables") or []:
        for step in STEPS:
            start, end = (when(text) for text in ((table.get("spans") or {}).get(step) or [None, None]))
            if start and end and end >= start:
                found.setdefault(str(table.get("source")), {})[step] = (start.timestamp(), end.timestamp())
    return found


def _axes(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(9.6, max(height, 1.8)), layout="constrained")
    return figure, figure.add_subplot()


def _label(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(axis="x", color="#dddddd", linewidth=0.5)
    axes.set_axisbelow(True)
    thousands = FuncFormatter(lambda value, _: f"{value:,.10g}")
    axes.xaxis.set_major_formatter(thousands)
    if y:
        axes.yaxis.set_major_formatter(thousands)


def _labels(names: Sequence[str]) -> dict[str, str]:
    """Short names for the axes: without the beginning all share, in characters every font has, still unique."""
    shared = _beginning(names)
    short: dict[str, str] = {}
    for name, number in ((n, i) for i, n in enumerate(names, 1)):
        text = name.removeprefix(shared).encode("ascii", "replace").decode()
        text = "".join(c if c.isprintable() else "?" for c in text)
        text = text if len(text) <= 34 else f"{text[:20]}...{text[-11:]}"
        short[name] = text if text not in short.values() else f"{text} ({number})"
    return short


def _beginning(names: Sequence[str]) -> str:
    """What all names begin with, up to its last separator."""
    if len(names) < 2:
        return ""
    first, last = min(names), max(names)
    same = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[: max(first[:same].rfind(c) for c in "-_.") + 1]


def _rate(value: float) -> str:
    return f"{count(round(value))} items/s"
