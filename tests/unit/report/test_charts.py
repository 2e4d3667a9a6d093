"""The charts: repeatable, self-contained, silent about what they have no data for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from runbook_lib.record.gathered.rates import throughput
from runbook_lib.report.render.charts.counts import counts_side_by_side
from runbook_lib.report.render.charts.draw import draw_charts
from runbook_lib.report.render.charts.drawing import Chart
from runbook_lib.report.render.charts.rates import units_over_time
from runbook_lib.report.render.charts.sizes import seconds_by_size
from runbook_lib.report.render.charts.tables import ChartedTable, counts_by_table
from runbook_lib.report.render.charts.timeline import timeline
from runbook_lib.run.tables.throughput import SampleRow
from tests.support import records
from tests.support.records import Record, of


@pytest.mark.whole
def test_the_same_run_makes_the_same_files(tmp_path: Path) -> None:
    made = records.passed()
    one = draw_charts(records.report_of(made), records.samples(made), tmp_path / "one")
    other = draw_charts(records.report_of(made), records.samples(made), tmp_path / "other")
    assert [c.name for c in one] == ["reconciliation", "timeline", "throughput", "capacity", "size-classes"]
    assert [c.path.read_bytes() for c in one] == [c.path.read_bytes() for c in other]


def test_a_chart_needs_no_font_and_nothing_from_outside(tmp_path: Path) -> None:
    made = records.passed()
    for chart in draw_charts(records.report_of(made), records.samples(made), tmp_path):
        text = chart.path.read_text()
        assert "<text" not in text
        assert "<image" not in text
        assert "dc:date" not in text
        assert not re.search(r"(href|src)=\"http", text)


def test_a_message_is_a_sentence_with_numbers(tmp_path: Path) -> None:
    made = records.passed()
    said = {c.name: c.alt for c in draw_charts(records.report_of(made), records.samples(made), tmp_path)}
    counts, timeline, throughput, _, sizes = said.values()
    assert counts == (
        "Items of all tables, counted by independent means: in the manifests 229,634, lines read 229,634, writes "
        "acknowledged 229,634, in the targets, by scan 229,634; nothing stands out."
    )
    assert throughput.startswith("229,634 items of 14 tables")
    assert "0 items" in sizes
    assert timeline.startswith(
        "31 tables; each bar is from the start of a step to its end, pauses included; the longest"
    )
    assert all(text.endswith(".") for text in said.values())


def test_what_took_no_time_and_what_brought_no_item_is_told_as_the_bill_tells_it(tmp_path: Path) -> None:
    made = records.record(tables=[records.table("a", 9_000), records.table("b", 5)])
    first = replace(records.samples(made)[0], source="a", items=9, wcu=40.0)
    rows = [first, replace(first, at=first.at + 1, seconds=0.0, items=1, wcu=6.0), replace(first, source="b", items=0)]
    said = {c.name: c.alt for c in draw_charts(records.report_of(made), rows, tmp_path)}
    assert said["throughput"].startswith("10 items of 1 table (empty ones not counted) went to")
    assert said["capacity"].startswith("The import consumed 86 write units in")


def test_without_data_nothing_is_drawn_and_an_old_chart_goes(tmp_path: Path) -> None:
    made = records.passed()
    draw_charts(records.report_of(made), records.samples(made), tmp_path)
    assert draw_charts(records.report_of(records.nothing(made)), [], tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.chaos
def test_a_pause_between_two_starts_is_cut_out_and_told(tmp_path: Path) -> None:
    made = records.record(tables=[records.table("only", 9_000)])
    first = records.samples(made)[0]
    near, far = (replace(first, at=first.at + later) for later in (first.seconds, 86_400.0 + first.seconds))
    one, other = (
        next(c for c in draw_charts(records.report_of(made), [first, then], tmp_path / where) if c.name == "throughput")
        for then, where in ((near, "one"), (far, "other"))
    )
    assert one.alt == other.alt
    assert one.path.read_bytes() != other.path.read_bytes()  # the axis says what was left out


@pytest.mark.parametrize("name", ["_under", "$x^2$", "n" * 255, "表-🗃", "tab\tline\nend", "<b>"])
@pytest.mark.few(2)
def test_any_name_can_be_drawn(name: str, tmp_path: Path) -> None:
    made = records.record(tables=[records.table("a", 9), records.table("b", 900)])
    of(made, "a")["source"] = name
    charts = draw_charts(records.report_of(made), records.samples(made), tmp_path)
    assert len(charts) == 5


def test_one_table_and_one_sample_are_enough(tmp_path: Path) -> None:
    made = records.record(tables=[records.table("only", 1)])
    assert len(draw_charts(records.report_of(made), records.samples(made)[:1], tmp_path)) == 5


@pytest.mark.chaos
def test_each_worker_of_a_cluster_has_a_lane_below_the_tables(tmp_path: Path) -> None:
    made = records.passed()
    began = datetime.fromisoformat(made["tables"][-1]["spans"]["import"][0]).timestamp()
    shifts = [
        {"step": step, "source": "t", "worker": f"worker {n}", "began": began + n, "ended": began + n + 5, "items": 7}
        for n in (1, 2)
        for step in ("import", "validate")
    ]
    shifts.append(shifts[0] | {"step": "catch_up", "worker": "worker 3"})  # its bar would stand nowhere
    alone, together = (
        draw_charts(records.report_of(made | {"workers": rows}), records.samples(made), tmp_path / str(len(rows)))[1]
        for rows in ([], shifts)
    )
    assert "worker" not in alone.alt
    assert together.alt.endswith("Below the tables stand the lanes of 2 workers.")
    bars = [chart.path.read_text().count("clip-path") for chart in (alone, together)]
    assert bars[1] - bars[0] >= len(shifts) - 1


def test_a_pause_between_two_starts_is_no_work(tmp_path: Path) -> None:
    """A table that waited for its import for half an hour is not said to have been imported for that long."""
    made = records.passed()
    small = of(made, "banks")
    small["spans"]["import"] = [records.stamp(60), records.stamp(60 + 2_000)]
    alt = {c.name: c.alt for c in draw_charts(records.report_of(made), [], tmp_path)}["timeline"]
    assert "pauses included; the longest single piece of work was the export of" in alt
    assert alt.endswith(", 50.0 s.")


@pytest.mark.whole
def test_of_a_fleet_the_longest_have_a_row_and_the_others_one_together(tmp_path: Path) -> None:
    made = records.record(tables=[records.table(f"t{n:03}", n * 100) for n in range(200)])
    drawn = draw_charts(records.report_of(made), [], tmp_path)
    alt = {c.name: c.alt for c in drawn}["timeline"]
    assert alt.startswith("200 tables;")
    assert alt.endswith("The 40 tables that took longest have a row of their own, the others one together.")


@pytest.mark.parametrize("tables", [4, 31])
def test_what_is_missing_of_the_largest_table_is_not_written_over_the_legend(tables: int) -> None:
    rows = [ChartedTable(f"t{n}", 1000 // n, 1000 // n, 1000 // n, 0, 0, 0, True) for n in range(1, tables)]
    drawn = counts_by_table([ChartedTable("largest", 9_505, 9_505, 9_498, 0, 7, 0, False), *rows])
    assert drawn
    figure, _ = drawn
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    (axes,) = figure.axes
    (told,) = [text for text in axes.texts if text.get_text() == "7 missing"]
    legend = axes.get_legend()
    assert legend
    assert not told.get_window_extent(renderer).overlaps(legend.get_window_extent(renderer))


@pytest.mark.chaos
def test_used_capacity_is_drawn_against_what_the_tables_take(tmp_path: Path) -> None:
    made = records.record(tables=[records.table(name, 900) for name in "abc"])
    without = {c.name: c for c in draw_charts(records.report_of(made), records.samples(made), tmp_path / "none")}
    assert "limit" not in without["capacity"].alt
    for name, limit in (("a", 50.0), ("b", 4_000.0)):
        of(made, name)["write_limit"] = limit
    drawn = {c.name: c for c in draw_charts(records.report_of(made), records.samples(made), tmp_path / "some")}
    assert "take by their own description: 50 to 4,000 per second each." in drawn["capacity"].alt
    assert drawn["capacity"].path.read_bytes() != without["capacity"].path.read_bytes()


@pytest.mark.chaos
def test_the_times_of_requests_are_drawn_where_any_was_taken(tmp_path: Path) -> None:
    made = records.passed()
    times = [{"ms": 8.0, "requests": 90}, {"ms": 60.0, "requests": 9}, {"ms": 1_500.0, "requests": 1}]
    timed = {"request_ms_p50": 8.0, "request_ms_p99": 60.0, "request_times": times}
    made["throughput"] = {"seconds": 1.0, "items_per_second": 9.0, "items_per_second_best": 9.0} | timed
    report = records.report_of(made)
    chart = next(c for c in draw_charts(report, records.samples(made), tmp_path) if c.name == "latency")
    assert "100 requests were answered within 8 ms (p50) and 99 of 100 within 60 ms (p99)" in chart.alt
    assert ("Requests of the import answered within", "8 ms (p50), 60 ms (p99), of 100 requests") in report.sums


def test_what_did_not_arrive_stands_out_in_the_picture(tmp_path: Path) -> None:
    charts = draw_charts(records.report_of(records.failed()), [], tmp_path)
    alt = next(c.alt for c in charts if c.name == "reconciliation")
    assert "in quarantine 3" in alt
    assert "missing 4" in alt
    assert "nothing stands out" not in alt


@pytest.mark.parametrize("kind", [records.interrupted, records.passed])
def test_a_count_that_the_table_marks_stands_out_in_the_picture(kind: Callable[[], Record], tmp_path: Path) -> None:
    made = kind()
    of(made, "loans")["items_written"] = 0
    report = records.report_of(records.summed(made))
    off = sum(row.counts["items_written"].off for row in report.rows)
    assert off
    (alt,) = [c.alt for c in draw_charts(report, [], tmp_path) if c.name == "reconciliation"]
    number = f"{off} table{'s' * (off > 1)}"
    assert f"not what they should be, and marked in the table: writes acknowledged of {number}" in alt
    assert "stands out" not in alt


def test_of_nothing_there_is_no_bar() -> None:
    """`writes acknowledged 0` of a dry run had a sliver of one."""
    made = records.passed()
    for each in made["tables"]:
        each["items_written"] = 0
    drawn = counts_side_by_side(records.report_of(records.summed(made)))
    assert drawn is not None
    (axes,) = drawn[0].axes
    assert [text.get_text() for text in axes.texts].count("0") == 1
    assert len(axes.patches) == len(axes.texts) - 1


def test_of_what_was_not_measured_nothing_is_said_to_be_fine(tmp_path: Path) -> None:
    charts = draw_charts(records.report_of(records.dry_run()), [], tmp_path)
    (alt,) = [c.alt for c in charts if c.name == "reconciliation"]
    assert alt.endswith("; nothing of what was measured stands out.")


def test_a_step_without_a_bar_is_not_in_the_legend() -> None:
    made = records.dry_run()
    for table in made["tables"]:
        table["spans"]["import"] = [None, None]
    drawn = timeline(records.report_of(made))
    assert drawn
    legend = drawn[0].axes[0].get_legend()
    assert legend
    assert [text.get_text() for text in legend.get_texts()] == ["export"]


@pytest.mark.parametrize("limit", [1.0, 4_000.0, 90_000.0])
def test_the_line_of_the_limit_is_within_the_picture(limit: float) -> None:
    made = records.record(tables=[records.table(name, 900) for name in "abc"])
    drawn = units_over_time(records.samples(made), dict.fromkeys([t["source"] for t in made["tables"]], limit))
    assert drawn
    axes = drawn[0].axes[0]
    assert axes.get_ylim()[1] > max(max(map(float, line.get_ydata())) for line in axes.get_lines())
    assert axes.get_ylim()[0] == 0


@pytest.mark.parametrize("seconds", [(0.21, 0.34), (2.0, 2.1), (3.0, 3.0), (0.4, 5.0), (0.01, 900.0), (95.0, 110.0)])
def test_an_axis_of_times_tells_at_least_two_numbers(seconds: tuple[float, float]) -> None:
    made = records.record(tables=[records.table(name, items) for name, items in (("few", 5), ("many", 90_000))])
    for table, taken in zip(made["tables"], seconds, strict=True):
        table["seconds_by_step"] = dict.fromkeys(("export", "import", "validate"), taken)
    drawn = seconds_by_size(records.report_of(made))
    assert drawn
    drawn[0].draw_without_rendering()
    axes = drawn[0].axes[0]
    low, high = axes.get_xlim()
    told = [tick.label1.get_text() for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    assert len([text for text in told if text]) > 1
    assert len(set(told)) == len(told)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"), st.floats(0, 500), st.floats(0.001, 30), st.integers(0, 10**6), st.floats(0, 10**5)
        ),
        max_size=30,
    )
)
def test_an_average_is_never_above_the_best(rows: list[tuple[str, float, float, int, float]]) -> None:
    made = [SampleRow(source, 1e9 + at, seconds, items, 0, units, 0) for source, at, seconds, items, units in rows]
    known = throughput(made)
    assert (known is None) == (not any(s.items for s in made))
    if known:
        assert 0 < known.items_per_second <= known.items_per_second_best
        assert (known.units_per_second or 0) <= (known.units_per_second_best or 0)
        assert known.items_per_second * known.seconds == pytest.approx(sum(s.items for s in made), rel=0.02)


def window(number: int, source: str = "orders", **lag: float | None) -> dict[str, object]:
    ended = records.stamp(900.0 * number)
    return {"source": source, "number": number, "end": ended, "state": "applied", "lag": lag}


def lag_chart(windows: list[dict[str, object]], folder: Path) -> Chart:
    drawn = draw_charts(records.report_of(records.record(windows=windows)), [], folder)
    return next(chart for chart in drawn if chart.name == "lag")


@pytest.mark.chaos
def test_the_lag_is_told_by_what_it_was_spent_on(tmp_path: Path) -> None:
    windows = [
        window(1, recovery=300.0, export=320.0, apply=4.0), window(2, recovery=300.0, export=400.5, apply=60.0),
        window(3, export=None, apply=1.0),
    ]  # fmt: skip
    chart = lag_chart(windows, tmp_path)
    assert chart.alt == (
        "Of 2 windows the one that was longest behind is window 2 of orders: 12 min 40 s (recovery 5 min 00 s, export "
        "6 min 40 s, apply 1 min 00 s)."
    )


@pytest.mark.chaos
def test_of_many_windows_the_latest_are_shown(tmp_path: Path) -> None:
    windows = [window(n, source, recovery=1.0, export=float(n), apply=1.0) for source in "ab" for n in range(1, 101)]
    chart = lag_chart(windows, tmp_path)
    assert chart.alt.startswith("Of 200 windows")
    assert chart.alt.endswith("The latest 40 are shown.")
    assert chart.path.read_text().count("clip-path") < 3 * 200
