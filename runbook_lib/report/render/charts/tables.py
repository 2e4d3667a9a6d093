"""Counts as pictures: what was exported by size, and the four counts of each table side by side.

What stands out is what is not as it should be; tables that agree are many and alike, and share the rest of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import FuncFormatter

from runbook_lib.report.render.charts.drawing import LEGEND, Drawn, axes_of, label_axes, short_names
from runbook_lib.report.text import count, listed, pluralize, size

MOST_ROWS = 40
COUNTS = (("exported", "#56B4E9", "s"), ("written", "#000000", "o"), ("in the target", "#FFFFFF", "^"))
WRONG = "#D55E00"


@dataclass(frozen=True, slots=True)
class ChartedTable:
    """What is known of one table's items; None was not measured. `agrees` is what the verdict says."""

    name: str
    exported: int | None
    written: int | None
    in_target: int | None
    quarantined: int | None
    missing: int | None
    different: int | None
    agrees: bool


def counts_by_table(tables: Sequence[ChartedTable]) -> Drawn | None:
    """Exported, written and in the target, one row a table; those that do not agree first and named.

    Of a table without an export there is nothing to draw; the sentence counts it.
    """
    known = [t for t in tables if t.exported is not None]
    if not known:
        return None
    ordered = sorted(known, key=lambda t: (t.agrees, -(t.exported or 0), t.name))
    shown = ordered[:MOST_ROWS]
    names = short_names([t.name for t in shown])
    figure, axes = axes_of(1.1 + 0.22 * len(shown))
    for place, (label, colour, mark) in enumerate(COUNTS):
        points = [(value, n) for n, t in enumerate(shown) if (value := _counts(t)[place]) is not None]
        if points:
            axes.plot(
                *zip(*points, strict=True), mark, label=label, color=colour, markeredgecolor="black",
                markersize=8 - 2 * place, linestyle="none",
            )  # fmt: skip
    for n, table in enumerate(shown):
        if not table.agrees:
            axes.axhspan(n - 0.5, n + 0.5, color=WRONG, alpha=0.18, linewidth=0)
            reached = max(value or 0 for value in _counts(table))
            axes.annotate(_wrong(table), (reached, n), (9, 0), textcoords="offset points", va="center", fontsize=7.5)
    axes.set_yticks(range(len(shown)), [names[t.name] for t in shown], fontsize=7)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xscale("symlog", linthresh=1)
    axes.margins(x=0.18)  # before the limit: what is wrong with the largest table stands right of its marks
    axes.set_xlim(left=-0.2)
    label_axes(axes, "items (logarithmic)", "")
    axes.legend(**LEGEND | {"loc": "lower left", "bbox_to_anchor": (1.0, 0.0)})  # what is wrong stands above
    return figure, _said_of(tables, ordered[MOST_ROWS:])


def _counts(table: ChartedTable) -> tuple[int | None, int | None, int | None]:
    return table.exported, table.written, table.in_target


def _wrong(table: ChartedTable) -> str:
    """What does not agree, beside the table's marks."""
    parts = [
        f"{count(value)} {name}"
        for name, value in (
            ("missing", table.missing), ("different", table.different), ("in quarantine", table.quarantined)
        )
        if value
    ]  # fmt: skip
    return ", ".join(parts) or "not proved"


def _said_of(tables: Sequence[ChartedTable], hidden: Sequence[ChartedTable]) -> str:
    """The sums of what was counted, of how many tables that is not known, and which of all tables are not proved."""
    exported, written, found = (
        sum(value or 0 for value in values) for values in zip(*map(_counts, tables), strict=True)
    )
    off = [t.name for t in tables if not t.agrees]
    agree = " that agree" if all(t.agrees for t in hidden) else ""
    more = f" The other {pluralize(len(hidden), 'table')}{agree} are not drawn." if hidden else ""
    which = f"{pluralize(len(off), 'table')} not proved: {listed(off, 3)}." if off else "All of them agree."
    left = [
        f"{pluralize(many, 'table')} not {what}"
        for many, what in (
            (sum(t.exported is None for t in tables), "exported"),
            (sum(t.in_target is None for t in tables), "scanned in the target"),
        )
        if many
    ]
    unknown = f" ({', '.join(left)})" if left else ""
    return (
        f"{pluralize(len(tables), 'table')}: {count(exported)} items exported, {count(written)} written, "
        f"{count(found)} in the target{unknown}. {which}{more}"
    )


def exports_by_size(tables: Sequence[tuple[str, int, int | None]]) -> Drawn | None:
    """Name, items and bytes of each export as bars, the largest first; the small ones together."""
    if not tables:
        return None
    ordered = sorted(tables, key=lambda t: (-(t[2] or 0), -t[1], t[0]))
    shown, rest = ordered[:MOST_ROWS], ordered[MOST_ROWS:]
    names = short_names([name for name, _, _ in shown])
    labels = [names[name] for name, _, _ in shown]
    weights = [weight or 0 for _, _, weight in shown]
    items = [n for _, n, _ in shown]
    if rest:
        labels.append(f"{pluralize(len(rest), 'other table')}")
        weights.append(sum(weight or 0 for _, _, weight in rest))
        items.append(sum(n for _, n, _ in rest))
    figure, axes = axes_of(1.1 + 0.22 * len(labels))
    axes.barh(range(len(labels)), weights, height=0.7, color="#56B4E9", edgecolor="black", linewidth=0.4)
    for n, (weight, of) in enumerate(zip(weights, items, strict=True)):
        text = f"{size(weight)}, {pluralize(of, 'item')}"
        axes.annotate(text, (weight, n), (4, 0), textcoords="offset points", va="center", fontsize=7)
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(0, max(*weights, 1) * 1.3)
    label_axes(axes, "exported data, as the manifests bill it", "")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: size(value) if value >= 0 else ""))
    whole = size(sum(weight or 0 for _, _, weight in tables))
    empty = sum(n == 0 for _, n, _ in tables)
    return (
        figure,
        f"{pluralize(len(tables), 'export')} of {whole} with {pluralize(sum(n for _, n, _ in tables), 'item')}; the "
        f"largest is {ordered[0][0]}, {size(ordered[0][2])}; {pluralize(empty, 'table')} held nothing.",
    )
