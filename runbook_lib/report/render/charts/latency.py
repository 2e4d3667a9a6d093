"""How long the import's requests took until they were answered, with the median and the 99th percentile."""

from __future__ import annotations

from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.charts.drawing import Drawn, axes_of, label_axes
from runbook_lib.report.text import milliseconds, pluralize

FILL, LINE = "#56B4E9", "#9A3B00"
NARROWEST = 0.92  # of a bar, as a share of where it ends


def seconds_by_request(report: ReportModel) -> Drawn | None:
    """The requests by the time of their answers; None where no request was timed."""
    known = report.record.throughput
    if known is None or known.request_ms_p50 is None or known.request_ms_p99 is None:
        return None
    rows = [(time.ms, time.requests) for time in known.request_times if time.ms > 0 and time.requests > 0]
    if not rows:
        return None
    figure, axes = axes_of(2.6)
    axes.bar(
        [ms * NARROWEST for ms, _ in rows], [n for _, n in rows], width=[ms * (1 - NARROWEST) for ms, _ in rows],
        align="edge", color=FILL, edgecolor="black", linewidth=0.3,
    )  # fmt: skip
    top = max(n for _, n in rows)
    for name, ms, place in (("p50", known.request_ms_p50, 1.12), ("p99", known.request_ms_p99, 1.27)):
        axes.axvline(ms, color=LINE, linestyle="--", linewidth=1)
        axes.annotate(f"{name}: {milliseconds(ms)}", (ms, top * place), (4, 0), textcoords="offset points",
                      va="center", fontsize=8)  # fmt: skip
    axes.set_xscale("log")
    axes.set_xlim(rows[0][0] * 0.8, rows[-1][0] * 1.6)
    axes.set_ylim(0, top * 1.4)
    label_axes(axes, "milliseconds until the answer (logarithmic)", "requests")
    return figure, (
        f"Half of the import's {pluralize(sum(n for _, n in rows), 'request')} were answered within "
        f"{milliseconds(known.request_ms_p50)} (p50) and 99 of 100 within {milliseconds(known.request_ms_p99)} (p99), "
        "as this machine saw it."
    )
