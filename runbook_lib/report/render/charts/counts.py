"""The reconciliation as a picture: what left the source and what arrived."""

from __future__ import annotations

from collections.abc import Mapping

from runbook_lib.report.figures.windows import due_in_targets
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.charts.drawing import Drawn, axes_of
from runbook_lib.report.text import count, pluralize

WAY = (
    ("items_exported", "in the manifests"),
    ("lines_read", "lines read"),
    ("items_written", "writes acknowledged"),
    ("items_in_target", "in the targets, by scan"),
)
WRONG = (("items_quarantined", "in quarantine"), ("missing", "missing"), ("different", "different"), ("extra", "extra"))
CALM, LOUD = "#56B4E9", "#9A3B00"


def counts_side_by_side(report: ReportModel) -> Drawn | None:
    """The four counts as bars of one scale, and below them, in another colour, whatever did not arrive as it was."""
    sums = report.figures.sums
    off = {name: sum(row.counts[name].off for row in report.rows) for name, _ in WAY}
    way = [(label, sums[name], LOUD if off[name] else CALM) for name, label in WAY if sums[name].known]
    wrong = [(label, sums[name]) for name, label in WRONG if sums[name].value]
    if not way or not way[0][1].value:
        return None
    rows = [*way, *((label, known, LOUD) for label, known in wrong)]
    figure, axes = axes_of(0.5 + 0.3 * len(rows))
    most = max(known.value for _, known, _ in rows)
    for place, (_, known, colour) in enumerate(rows):
        # A single missing item has to be seen beside a million that arrived; of nothing there is no bar.
        length = max(known.value, most / 250) if known.value else 0
        if length:
            axes.barh(place, length, height=0.66, color=colour, edgecolor="black", linewidth=0.4)
        axes.annotate(f"{count(known.value)}{known.limits}", (length, place), (5, 0), textcoords="offset points",
                      va="center", fontsize=8)  # fmt: skip
    axes.set_yticks(range(len(rows)), [label for label, _, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, most * 1.32)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    due = f" ({due_in_targets(report.record)})" if any(t.changes for t in report.figures.chosen) else ""
    told = ", ".join(f"{label} {known}" for label, known, _ in rows)
    return figure, f"Items of all tables, counted by independent means: {told}{due}{_what_stands_out(report, off)}."


def _what_stands_out(report: ReportModel, off: Mapping[str, int]) -> str:
    """Which counts the table below marks; that nothing stands out is said of no more than what was measured."""
    sums = report.figures.sums
    if marked := [f"{label} of {pluralize(off[name], 'table')}" for name, label in WAY if off[name]]:
        return f"; not what they should be, and marked in the table: {', '.join(marked)}"
    if any(sums[name].value for name, _ in WRONG):
        return ""
    whole = all(sums[name].whole for name, _ in (*WAY, *WRONG))
    return "; nothing stands out" if whole else "; nothing of what was measured stands out"
