"""What a notebook shows of rows: all of them, whole, what went wrong first, and as text whatever they say."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runbook_lib.notebook.afterwards.views import removal_table, repair_table
from runbook_lib.notebook.output import BAD, GOOD, OPEN, PLAIN, Line, colour_of
from runbook_lib.notebook.tables import (
    Column,
    ShownTable,
    number,
    outcome,
    seconds,
    state_in_turn,
    weight,
    when_column,
)
from runbook_lib.notebook.views import COUNTED, canary_table, reconciliation_table
from runbook_lib.report.step import removal_line, removal_sum
from runbook_lib.run.facts.afterwards.repair import RepairCounts, RepairFact, RepairStatus
from runbook_lib.run.facts.targets import Removal
from tests.support import records
from tests.support.examples import examples

COLUMNS = (Column("table"), outcome("verdict"), number("items"), seconds("time"), weight("size"), when_column("at"))
OUTCOMES = st.sampled_from(["PASS", "FAIL", "DRY-RUN", "blocker", "ok", "not checked", "warning", "done", "stuck"])
ROWS = st.lists(
    st.tuples(
        st.text(max_size=20), OUTCOMES, st.none() | st.integers(0, 10**15), st.none() | st.floats(0, 1e6),
        st.none() | st.integers(0, 10**15), st.none() | st.just("2026-11-25T10:00:00+00:00"),
    ),
    max_size=60,
)  # fmt: skip


class Cells(HTMLParser):
    """The texts of a table's cells and the styles they are shown with; other elements than a table's are noted."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.styles: list[list[str]] = []
        self.elements: set[str] = set()
        self.inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        if tag == "tr":
            self.rows.append([])
            self.styles.append([])
        if tag in ("td", "th"):
            self.inside = True
            self.rows[-1].append("")
            self.styles[-1].append(dict(attrs).get("style") or "")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data


def shown(rows: Any) -> Cells:
    return Cells(ShownTable.of("caption", COLUMNS, rows, "nothing")._repr_html_())


@settings(deadline=None, max_examples=examples(16))
@given(ROWS)
def test_every_row_is_there_once_and_nothing_in_it_is_markup(rows: list[tuple[Any, ...]]) -> None:
    cells = shown(rows)
    assert len(cells.rows) == (len(rows) + 1 if rows else 0)
    assert cells.elements <= {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "i", "p"}
    frame = ShownTable.of("caption", COLUMNS, rows, "nothing").frame()
    assert sorted(frame["verdict"]) == sorted(row[1] for row in rows)


@settings(deadline=None, max_examples=examples(16))
@given(ROWS)
def test_what_went_wrong_stands_first_and_what_is_good_last(rows: list[tuple[Any, ...]]) -> None:
    ranks = [{BAD: 0, OPEN: 1, GOOD: 2}[colour_of(row[1])] for row in shown(rows).rows[1:]]
    assert ranks == sorted(ranks)


@settings(deadline=None, max_examples=examples(16))
@given(ROWS.filter(bool))
def test_numbers_stand_to_the_right_and_words_to_the_left(rows: list[tuple[Any, ...]]) -> None:
    for styles in shown(rows).styles:
        assert ["right" in style.partition(";")[0] for style in styles] == [False, False, True, True, True, False]


def test_a_row_says_what_was_not_measured_and_never_none() -> None:
    cells = shown([("t", "PASS", None, None, None, None), ("u", "PASS", 0, 0.0, 0, None)])
    assert cells.rows[1] == ["t", "PASS", "not measured", "not measured", "not measured", ""]
    assert cells.rows[2] == ["u", "PASS", "0", "0.00 s", "0 bytes", ""]


def test_a_remedy_is_shown_whole() -> None:
    remedy = "do this; " * 500
    table = ShownTable.of("", [Column("what to do")], [(remedy,)], "nothing")
    assert Cells(table._repr_html_()).rows[1] == [remedy]
    assert remedy.strip() in str(table)


@pytest.mark.parametrize(
    "hostile", ["<script>x()</script>", "<img src=x onerror=y>", "a\u202eb", "\x1b[2J", "&lt;b&gt;"]
)
def test_a_name_from_outside_is_shown_and_does_nothing(hostile: str) -> None:
    html = ShownTable.of(hostile, [Column(hostile), outcome("o")], [(hostile, hostile)], "nothing")._repr_html_()
    assert Cells(html).elements <= {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "span"}
    assert not {"\u202e", "\x1b"} & set(html.partition("<tbody>")[2])
    stop = Line("STOP", f": {hostile}", BAD, hostile)
    assert "<script" not in stop._repr_html_()
    assert "<img" not in stop._repr_html_()


def test_a_table_without_rows_says_so_in_a_sentence() -> None:
    table = ShownTable.of("Differences", COLUMNS, [], "No item differs.")
    assert str(table) == "Differences: No item differs."
    assert table._repr_html_() == "<p style='text-align:left'>No item differs.</p>"


@settings(deadline=None, max_examples=examples(16))
@given(ROWS)
def test_one_outcome_is_picked_with_the_cells_that_disagree(rows: list[tuple[Any, ...]]) -> None:
    table = ShownTable.of("caption", COLUMNS, rows, "nothing", off=lambda row: [2] if row[2] else [])
    for wanted in table.outcomes():
        picked = table.only(wanted)
        assert {row[1] for row in picked.rows} == {wanted}
        assert picked.off == {(n, 2) for n, row in enumerate(picked.rows) if row[2]}
    assert sum(len(table.only(wanted).rows) for wanted in table.outcomes()) == len(rows)


def test_what_was_not_chosen_stands_last() -> None:
    rows = [
        (name, outcome, 0, None, None, None)
        for outcome, name in zip(["not chosen", "PASS", "UNKNOWN", "FAIL"], "abcd", strict=True)
    ]
    ordered = ShownTable.of("caption", COLUMNS, rows, "nothing").rows
    assert [row[1] for row in ordered] == ["FAIL", "UNKNOWN", "PASS", "not chosen"]


GATES = (("ready", "passed"), ("freeze", "failed, FREEZE_UNKNOWN"), ("go", "not reached"), ("late", "nothing to ask"))


def test_what_follows_each_other_stays_in_its_order_and_has_the_colour_of_its_state() -> None:
    """A passed gate was amber like one that nobody came to, and a failed one too."""
    table = ShownTable.of("x", (Column("gate"), state_in_turn("state")), GATES, "")
    assert [row[0] for row in table.rows] == ["ready", "freeze", "go", "late"]
    assert [colour_of(state) for _, state in GATES] == [GOOD, BAD, PLAIN, PLAIN]
    assert colour_of("applied") == GOOD


def test_a_moment_has_room_for_its_day_and_its_time_and_a_length_of_time_keeps_to_one_line() -> None:
    columns = (when_column("at"), Column("took", whole=True), Column("why"))
    cells = Cells(ShownTable.of("x", columns, [("2026-11-25T10:00:00Z", "0.20 s", "because")], "")._repr_html_())
    assert ["nowrap" in style for style in cells.styles[1]] == [False, True, False]
    assert ["min-width" in style for style in cells.styles[1]] == [True, False, False]


def test_a_dry_cleanup_says_of_nothing_that_it_is_deleted() -> None:
    looked = Removal("source", "target", False, table_deleted=True, items_found=113, objects=10, only_looked=True)
    done = replace(looked, done=True, only_looked=False)
    kept = replace(done, done=False, kept="x", table_deleted=False)
    rows = [removal_table([removal]).rows[0][1:3] for removal in (looked, done, kept)]
    assert rows == [
        ("would be cleaned up", "would be deleted with its items"), ("cleaned up", "deleted with its items"),
        ("kept", "stays"),
    ]  # fmt: skip
    assert removal_table([looked]).caption == "What would be removed, and what stays."
    assert removal_table([looked, done]).caption == (
        f"What was removed, and what stays. {removal_sum([looked, done])}."
    )
    assert colour_of("cleaned up") == GOOD
    assert [removal_line(removal) for removal in (looked, done)] == [
        "target: table would be deleted with its 113 items, 10 staging objects would be deleted",
        "target: table deleted with its 113 items, 10 staging objects deleted",
    ]


def test_a_cleanup_of_many_targets_says_what_it_comes_to() -> None:
    looked = Removal("s", "t", False, table_deleted=True, items_found=113, objects=10, only_looked=True)
    stays = replace(looked, table_deleted=False, items_found=7, kept="x")
    done = replace(looked, done=True, only_looked=False)
    emptied = replace(done, table_deleted=False, items_deleted=100)
    assert removal_sum([looked, stays]) == (
        "2 targets together: 1 table, 120 items and 20 staging objects would be deleted; of 1 target something stays"
    )
    assert removal_sum([done, emptied]) == "2 targets together: 1 table, 213 items and 20 staging objects deleted"
    assert removal_sum([done, looked, looked]) == (
        "3 targets together: 2 tables, 226 items and 20 staging objects would be deleted; 1 table, 113 items and 10 "
        "staging objects deleted"
    )


def test_why_a_table_is_not_proved_stands_beside_its_verdict() -> None:
    """It stood in the last of 14 columns, out of sight at 1400 px."""
    made = records.failed()
    shown = reconciliation_table(records.typed(made))
    assert [column.name for column in shown.columns][:5] == ["source and target", "verdict", "why", "method", "time"]
    first = Cells(shown._repr_html_()).rows[1]
    assert first[1] == "FAIL"
    assert first[2]
    off = {shown.columns[cell].name for _, cell in shown.off}
    assert off
    assert off <= set(COUNTED.values())
    assert "why" not in [column.name for column in reconciliation_table(records.typed(records.passed())).columns]


def test_a_table_that_may_not_fit_says_that_it_scrolls() -> None:
    """Many screens hide the bar until it is used: a table cut at the right looked whole."""
    for columns, told in ((COLUMNS, False), (COLUMNS * 2, True)):
        shown = ShownTable.of("Some.", columns, [("a", "PASS", 1, 1.0, 1, None) * (len(columns) // 6)], "none")
        before, scrolled = shown._repr_html_().split("<div style='overflow-x:auto'>")
        assert ("scrolls sideways" in before) is told  # what is in the table would be cut with it
        assert "sideways" not in scrolled


def test_a_repair_shows_first_what_has_something_to_repair() -> None:
    facts = [RepairFact(f"s{n}", f"t{n}", RepairStatus.DRY_RUN, ("missing",), n == 2, 0, 0, "x") for n in range(4)]
    assert [row[0] for row in repair_table(facts).rows] == ["t2", "t0", "t1", "t3"]


def test_a_repair_names_what_it_leaves_because_nobody_chose_it() -> None:
    """Extra items stood under `extra`, 0 were left, and the validation after it failed by them."""
    dry = RepairFact("s", "t", RepairStatus.DRY_RUN, ("missing", "different"), 1, 1, 3, "x", units=2, full_units=155)
    shown = repair_table([dry])
    row = dict(zip([column.name for column in shown.columns], shown.rows[0], strict=True))
    assert (row["would be written"], row["would be left"], row["why left"]) == (2, 3, "delete_extra is False")
    done = replace(dry, status=RepairStatus.COMPLETED, units=None, full_units=None, counts=RepairCounts(1, 1))
    shown = repair_table([done])
    row = dict(zip([column.name for column in shown.columns], shown.rows[0], strict=True))
    assert (row["written"], row["left"], row["why left"]) == (2, 3, "delete_extra is False")
    assert "not measured" not in str(shown)
    whole = replace(done, kinds=("missing", "different", "extra"), counts=RepairCounts(1, 1, 3))
    assert repair_table([whole]).rows[0][-2:] == (0, "")


def test_a_canary_that_is_off_is_said_to_be_off_also_before_the_validation() -> None:
    raw = records.record(tables=[])
    for step in raw["steps"]:
        step["status"] = "not run"
    made = records.typed(raw)
    assert canary_table(made, asked=False).empty == "No canary was written: validate.canary is off."
    assert canary_table(made, asked=True).empty.endswith("the run has not come to its validation.")
