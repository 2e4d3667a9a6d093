"""The charts: repeatable, self-contained, silent about what they have no data for."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from runbook_lib.report.render.charts import draw_charts
from tests.support import records
from tests.support.records import of


def test_the_same_run_makes_the_same_files(tmp_path: Path) -> None:
    made = records.passed()
    one = draw_charts(made, records.samples(made), tmp_path / "one")
    other = draw_charts(made, records.samples(made), tmp_path / "other")
    assert [c.name for c in one] == ["timeline", "throughput", "capacity", "size-classes"]
    assert [c.path.read_bytes() for c in one] == [c.path.read_bytes() for c in other]


def test_a_chart_needs_no_font_and_nothing_from_outside(tmp_path: Path) -> None:
    made = records.passed()
    for chart in draw_charts(made, records.samples(made), tmp_path):
        text = chart.path.read_text()
        assert "<text" not in text
        assert "<image" not in text
        assert "dc:date" not in text
        assert not re.search(r"(href|src)=\"http", text)


def test_a_message_is_a_sentence_with_numbers(tmp_path: Path) -> None:
    made = records.passed()
    timeline, throughput, capacity, sizes = (c.alt for c in draw_charts(made, records.samples(made), tmp_path))
    assert throughput.startswith("229,634 items of 14 tables")
    assert "0 items" in sizes
    assert timeline.startswith("31 tables took 2 min 39 s")
    assert all(text.endswith(".") for text in (throughput, capacity, sizes, timeline))


def test_without_data_nothing_is_drawn_and_an_old_chart_goes(tmp_path: Path) -> None:
    made = records.passed()
    draw_charts(made, records.samples(made), tmp_path)
    assert draw_charts(records.nothing(made), [], tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_pause_between_two_starts_is_cut_out_and_told(tmp_path: Path) -> None:
    made = records.record(tables=[records.table("only", 9_000)])
    first, second = ({**records.samples(made)[0], "items": 9_000}, {**records.samples(made)[0], "items": 9_000})
    second["at"] += 86_400
    near, far = ({**s} for s in (second, second))
    near["at"] = first["at"] + near["seconds"]
    one = draw_charts(made, [first, near], tmp_path / "one")[1]
    other = draw_charts(made, [first, far], tmp_path / "other")[1]
    assert one.alt == other.alt
    assert one.path.read_bytes() != other.path.read_bytes()  # the axis says what was left out


@pytest.mark.parametrize("name", ["_under", "$x^2$", "n" * 255, "表-🗃", "tab\tline\nend", "<b>"])
def test_any_name_can_be_drawn(name: str, tmp_path: Path) -> None:
    made = records.record(tables=[records.table("a", 9), records.table("b", 900)])
    of(made, "a")["source"] = name
    charts = draw_charts(made, records.samples(made), tmp_path)
    assert len(charts) == 4


def test_one_table_and_one_sample_are_enough(tmp_path: Path) -> None:
    made = records.record(tables=[records.table("only", 1)])
    assert len(draw_charts(made, records.samples(made)[:1], tmp_path)) == 4


def test_each_worker_of_a_cluster_has_a_lane_below_the_tables(tmp_path: Path) -> None:
    made = records.passed()
    began = datetime.fromisoformat(made["tables"][-1]["spans"]["import"][0]).timestamp()
    shifts = [
        {"step": step, "source": "t", "worker": f"worker {n}", "began": began + n, "ended": began + n + 5, "items": 7}
        for n in (1, 2)
        for step in ("import", "validate")
    ]
    alone, together = (
        draw_charts(made | {"workers": rows}, records.samples(made), tmp_path / str(len(rows)))[0]
        for rows in ([], shifts)
    )
    assert "worker" not in alone.alt
    assert together.alt.endswith("Below the tables stand the lanes of 2 workers.")
    bars = [chart.path.read_text().count("clip-path") for chart in (alone, together)]
    assert bars[1] - bars[0] >= len(shifts)
