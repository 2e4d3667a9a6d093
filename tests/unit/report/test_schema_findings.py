"""Definitions and indexes in the report: what differs is shown by gravity, what is equal is folded."""

from __future__ import annotations

import re

from runbook_lib.report.render.html import render_html
from runbook_lib.report.render.markdown import render_markdown
from runbook_lib.report.sections.findings import attention
from runbook_lib.report.sections.schema_findings import index_rows, index_summary, parity_rows, parity_summary
from tests.support import records
from tests.support.records import differs, index, of, parity


def test_equal_tables_are_folded_into_one_sentence() -> None:
    made = records.passed()
    assert parity_rows(records.figures(made)) == []
    assert parity_summary(records.figures(made)) == ["31 of 31 tables have exactly the definition of the source."]


def test_the_gravest_differences_come_first_and_the_same_one_is_one_row() -> None:
    made = records.passed()
    of(made, "users")["parity"] = parity(differs("tags", "informs"))
    of(made, "loans")["parity"] = parity(differs("time to live"), differs("tags", "informs"))
    of(made, "files")["parity"] = parity(differs("local indexes", "blocks", what="local index <by-l>"))
    rows = parity_rows(records.figures(made))
    assert [(row.rating, row.what, len(row.tables)) for row in rows] == [
        ("blocks", "local index <by-l>", 1), ("warns", "time to live", 1), ("informs", "tags", 2),
    ]  # fmt: skip
    assert "28 of 31 tables" in parity_summary(records.figures(made))[0]
    page, text = render_html(records.report_of(made), []), render_markdown(records.report_of(made))
    for shown in (page, text):
        assert shown.index("local index") < shown.index("time to live")
    assert "local index &lt;by-l&gt;" in page
    assert "Definition parity" in page
    assert "### Definition parity" in text


def test_a_property_that_nobody_could_ask_for_is_said_and_is_not_equal() -> None:
    made = records.passed()
    of(made, "loans")["parity"] = parity(not_checked=[{"property": "tags", "why": "target: AccessDenied"}])
    told = " ".join(parity_summary(records.figures(made)))
    assert "30 of 31 tables have" in told
    assert "Not checked: tags of 1 table (bebco-borrower-loans-dev): target: AccessDenied." in told
    assert any("tags" in text for text in attention(records.figures(made)))


def test_a_record_without_definitions_claims_nothing() -> None:
    made = records.nothing(records.passed())
    assert parity_summary(records.figures(made)) == ["No definition was compared."]
    assert index_summary(records.figures(made)) == "No index was queried."
    assert parity_summary(records.figures({})) == ["No definition was compared."]


def test_a_warning_that_the_preflight_gave_is_not_given_twice() -> None:
    made = records.passed()
    of(made, "loans")["parity"] = parity(differs("time to live"))
    late = [text for text in attention(records.figures(made)) if text.startswith("Warning, found at validation")]
    assert len(late) == 1
    made["warnings"].append(
        {
            "id": "definition-time-to-live",
            "about": "time to live",
            "table": "bebco-borrower-loans-dev",
            "expected": "time to live on, as the source has it",
            "found": "off",
        }
    )
    assert not [text for text in attention(records.figures(made)) if text.startswith("Warning, found at validation")]


def test_indexes_are_added_up_and_those_to_look_at_are_listed() -> None:
    made = records.passed()
    of(made, "loans")["indexes"] = [
        index("by-owner", 20), index("late", 20, state="not checked", why="the index is BACKFILLING", wrong_keys=None),
    ]  # fmt: skip
    assert index_summary(records.figures(made)).startswith("32 indexes of the targets: ")
    assert "1 not checked" in index_summary(records.figures(made))
    for shown in (
        render_html(records.report_of(made), []),
        render_markdown(records.report_of(made)),
        " ".join(attention(records.figures(made))),
    ):
        assert "the index is BACKFILLING" in shown


def test_a_pass_that_an_index_contradicts_is_a_contradiction() -> None:
    made = records.passed()
    assert records.figures(made).contradictions == []
    of(made, "loans")["indexes"] = [index("by-owner", 20, wrong_keys=1, missing=1)]
    assert "index by-owner answers differently" in records.figures(made).contradictions[0]
    assert "by-owner" in render_html(records.report_of(made), [])


def test_on_a_phone_the_names_of_many_targets_do_not_make_the_row_a_screen_high() -> None:
    """The row was as high as a column that was scrolled out of view."""
    made = records.passed()
    for each in made["tables"]:
        each["parity"] = records.parity(records.differs("time to live"))
    page = render_html(records.report_of(made), [])
    (cell,) = re.findall(r'<td class="long"><div class="many" tabindex="0"[^>]*>(.*?)</div></td>', page)
    assert all(each["target"] in cell for each in made["tables"])
    phone = page.split("@media (max-width: 600px) {")[1].split("@media")[0]
    assert "td .many { max-height: 6.2rem; overflow-y: auto; }" in phone


def test_an_index_that_contradicts_the_export_is_not_only_called_checked() -> None:
    made = records.failed()
    wrong = index("by-owner", 20, wrong_keys=1, missing=1)
    of(made, "loans")["indexes"] = [wrong, index("by-day", 20, left_out=2), index("by-id", 20)]
    rows = [row for row in index_rows(records.figures(made)) if row.table == of(made, "loans")["target"]]
    assert [row.said for row in rows] == ["contradicts the export", "checked in part", "checked"]
    assert ">contradicts the export<" in render_html(records.report_of(made), [])
    assert "by-owner: contradicts the export, 1 of 20 keys wrong" in render_markdown(records.report_of(made))


def test_a_canary_that_failed_needs_attention() -> None:
    made = records.passed()
    of(made, "loans")["canary"] = {"state": "failed", "why": "PutItem was answered with 400"}
    assert "Canary of 1 target (bebco-borrower-loans-dev) failed: PutItem was answered with 400" in attention(
        records.figures(made)
    )
