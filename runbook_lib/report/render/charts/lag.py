"""How far a target was behind its source at the end of each window, and what the time was spent on."""

from __future__ import annotations

from runbook_lib.record.model.base import as_moment
from runbook_lib.record.model.windows import WindowRecord
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.charts.drawing import LEGEND, Drawn, axes_of, label_axes, short_names
from runbook_lib.report.text import duration, pluralize

PARTS = (("recovery", "#56B4E9"), ("export", "#F0E442"), ("apply", "#9A3B00"))
SHOWN = 40


def lag_by_window(report: ReportModel) -> Drawn | None:
    """A bar per window, cut into what its lag was spent on; of many, the latest."""
    measured = [window for window in report.record.windows if _whole(window) is not None]
    if not measured:
        return None
    latest = sorted(measured, key=_ended)[-SHOWN:]
    shown = [window for window in measured if window in latest]
    names = short_names(list(dict.fromkeys(window.source for window in shown)))
    figure, axes = axes_of(0.9 + 0.19 * len(shown))
    left = [0.0] * len(shown)
    for name, colour in PARTS:
        seconds = [getattr(window.lag, name) or 0.0 for window in shown]
        axes.barh(range(len(shown)), seconds, left=left, height=0.72, color=colour, edgecolor="black",
                  linewidth=0.4, label=name)  # fmt: skip
        left = [before + more for before, more in zip(left, seconds, strict=True)]
    for place, whole in enumerate(left):
        axes.annotate(duration(whole), (whole, place), (4, 0), textcoords="offset points", va="center", fontsize=7)
    axes.set_yticks(range(len(shown)), [f"{names[w.source]} {w.number}" for w in shown], fontsize=7)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, max(*left, 0.001) * 1.15)
    label_axes(axes, "seconds from the end of a window until it was applied", "")
    axes.legend(**LEGEND)
    return figure, _message(measured, len(shown))


def _message(measured: list[WindowRecord], shown: int) -> str:
    """The longest lag and what it was spent on."""
    longest = max(measured, key=lambda window: _whole(window) or 0.0)
    parts = ", ".join(
        f"{name} {duration(seconds)}" for name, _ in PARTS if (seconds := getattr(longest.lag, name)) is not None
    )
    left = f" The latest {shown} are shown." if shown < len(measured) else ""
    return (
        f"Of {pluralize(len(measured), 'window')} the one that was longest behind is window {longest.number} of "
        f"{longest.source}: {duration(_whole(longest))} ({parts}).{left}"
    )


def _whole(window: WindowRecord) -> float | None:
    """The whole lag; None for a window that this run did not ask for, or has not applied."""
    if window.lag.export is None or window.lag.apply is None:
        return None
    return (window.lag.recovery or 0.0) + window.lag.export + window.lag.apply


def _ended(window: WindowRecord) -> float:
    end = as_moment(window.end) if window.end else None
    return end.timestamp() if end else 0.0
