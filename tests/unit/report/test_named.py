"""The report's section about who names the old tables."""

from __future__ import annotations

from runbook_lib.record.model.around import LookedAt, NotReadRecord, ReferenceRecord, ReferencesRecord
from runbook_lib.record.run_json import RunRecord
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.html import render_html
from runbook_lib.report.render.markdown import render_markdown
from runbook_lib.report.sections.around.named import reference_rows, reference_summary, unread_calls

FOUND = ReferencesRecord(
    found=[
        ReferenceRecord(
            side="source",
            service="function",
            resource="f",
            where="variable TABLE",
            source="old",
            target="new",
            how="name",
        )
    ],
    not_read=[NotReadRecord(side="target", call="events:ListRules", code="AccessDenied", about="bus", subjects=3)],
    looked=[LookedAt(side="source", kind="function versions", count=7)],
    at="2026-11-26T01:00:00.000Z",
)


def test_each_place_and_each_refused_call_is_shown() -> None:
    report = ReportModel(RunRecord(run_id="r", name="n", references=FOUND))
    page, comment = render_html(report, []), render_markdown(report)
    assert "| old table | new table | side | service | resource | where | named by |" in comment
    assert "| old | new | source | function | f | variable TABLE | name |" in comment
    for text in (page, comment):
        assert "variable TABLE" in text
        assert "events:ListRules of bus and 2 more" in text
    assert "1 of the 7 places searched names 1 old table" in page


def test_a_run_that_did_not_look_says_nothing_of_it() -> None:
    report = ReportModel(RunRecord(run_id="r", name="n"))
    assert "names the old tables" not in render_html(report, []) + render_markdown(report)
    assert (reference_rows(None), unread_calls(None)) == ([], [])
    assert reference_summary(None) == "This was not checked."
