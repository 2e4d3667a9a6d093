"""The estimate against what was used."""

from __future__ import annotations

from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.charts.drawing import Drawn, axes_of
from runbook_lib.report.sections.cost_rows import CLEARLY_MORE, Compared, compared_costs
from runbook_lib.report.text import pluralize

WITHIN, ABOVE = "#009E73", "#9A3B00"


def used_against_estimate(report: ReportModel) -> Drawn | None:
    """For each line of the bill what was used as a share of the most that was estimated last."""
    lines = compared_costs(report.figures)
    if not lines:
        return None
    figure, axes = axes_of(0.7 + 0.34 * len(lines))
    most = max(1.0, *(line.share for line in lines))
    for place, line in enumerate(lines):
        axes.barh(place, line.share, height=0.6, color=ABOVE if line.is_above else WITHIN, edgecolor="black",
                  linewidth=0.4)  # fmt: skip
        beyond = max(line.share, 1.0)  # where the dashed line does not run through it
        axes.annotate(_said(line), (beyond, place), (5, 0), textcoords="offset points", va="center", fontsize=8)
    axes.axvline(1.0, color="black", linewidth=1, linestyle="--", zorder=0.9)  # below the bars
    axes.set_yticks(range(len(lines)), [line.name for line in lines])
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.set_xlim(0, most * 1.5)
    axes.set_xlabel("used, as a share of the most that was estimated (dashed)")
    above = [line for line in lines if line.is_above]
    far = f"more than {CLEARLY_MORE - 1:.0%} above it"
    told = f"{pluralize(len(above), 'line')} {far}: {', '.join(map(_named, above))}" if above else f"none {far}"
    of = f"for {pluralize(len(lines), 'quantity', 'quantities')} of the bill (not its cost and time)"
    return figure, f"What was used against the most that was estimated, {of}; {told}."


def _said(line: Compared) -> str:
    return f"{line.used} of at most {line.most} {line.unit}"


def _named(line: Compared) -> str:
    return f"{line.name}, {_said(line)}"
