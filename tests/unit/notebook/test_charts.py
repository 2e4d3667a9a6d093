"""Charts of a notebook: pictures that need nothing, a sentence with the numbers, and a sentence where there is none."""

from __future__ import annotations

import pytest

from runbook_lib.notebook.charts import ShownChart
from runbook_lib.report.render.charts.tables import MOST_ROWS, ChartedTable, counts_by_table, exports_by_size


def agreeing(name: str, items: int = 5) -> ChartedTable:
    return ChartedTable(name, items, items, items, 0, 0, 0, True)


WRONG = ChartedTable("t-wrong", 10, 9, 8, 1, 1, 0, False)


def test_a_chart_is_one_picture_with_its_message() -> None:
    chart = ShownChart("Counts", counts_by_table([agreeing("a"), WRONG]), "none")
    assert chart.png().startswith(b"\x89PNG")
    assert chart.png() == chart.png()
    html = chart._repr_html_()
    assert "src='data:image/png;base64," in html
    assert "2 tables: 15 items exported, 14 written, 13 in the target. 1 table not proved: t-wrong." in html


def test_where_there_is_nothing_to_draw_a_sentence_says_so() -> None:
    chart = ShownChart("Counts", counts_by_table([]), "Nothing yet.")
    assert (chart.png(), str(chart)) == (b"", "Nothing yet.")
    assert chart._repr_html_() == "<p style='text-align:left'>Nothing yet.</p>"
    assert exports_by_size([]) is None
    assert counts_by_table([ChartedTable("a", None, None, 1, None, None, None, False)]) is None


@pytest.mark.parametrize("tables", [MOST_ROWS, MOST_ROWS + 60])
def test_of_many_tables_what_is_wrong_is_drawn_before_what_agrees(tables: int) -> None:
    many = [agreeing(f"t-{n}", 1000 + n) for n in range(tables)]
    drawn = counts_by_table([*many, WRONG])
    assert drawn
    figure, said = drawn
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert (labels[0], len(labels)) == ("wrong", MOST_ROWS)
    notes = [text.get_text() for text in figure.axes[0].texts]
    assert notes == ["1 missing, 1 in quarantine"]
    assert f"The other {tables + 1 - MOST_ROWS} table" in said


def test_the_message_counts_the_tables_that_were_not_scanned_or_not_exported_too() -> None:
    """It said `15 tables` and `8 tables not proved` of a run of 31 tables with 24 that were not proved."""
    unscanned = [ChartedTable(f"t-later-{n}", 7, 0, None, None, None, None, False) for n in range(3)]
    drawn = counts_by_table([agreeing("a"), WRONG, *unscanned, ChartedTable("t-none", *[None] * 6, False)])
    assert drawn
    figure, said = drawn
    assert said == (
        "6 tables: 36 items exported, 14 written, 13 in the target (1 table not exported, 4 tables not scanned in the "
        "target). 5 tables not proved: t-wrong, t-later-0, t-later-1 and 2 more."
    )
    assert len(figure.axes[0].get_yticklabels()) == 5
    many = counts_by_table([WRONG, *[ChartedTable(f"{n}", 7, 0, None, None, None, None, False) for n in range(90)]])
    assert many
    assert many[1].endswith(" The other 51 tables are not drawn.")  # it said that they agree


def test_small_exports_are_summed_and_empty_ones_counted() -> None:
    drawn = exports_by_size([(f"t-{n}", n, n * 1000) for n in range(MOST_ROWS + 10)])
    assert drawn
    figure, said = drawn
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert (labels[0], labels[-1], len(labels)) == (f"{MOST_ROWS + 9}", "10 other tables", MOST_ROWS + 1)
    assert f"{MOST_ROWS + 10} exports of 1.23 MB" in said
    assert "1 table held nothing" in said
    assert exports_by_size([("a", 0, None)])


def test_names_from_outside_are_text_in_the_message() -> None:
    chart = ShownChart("<b>", exports_by_size([("<script>'\"", 1, 1)]), "")
    assert "<script" not in chart._repr_html_()
    assert "alt='1 export" in chart._repr_html_()
