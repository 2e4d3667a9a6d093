"""A report says on its first screen whose exports were loaded, and as of when, whatever the verdict is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from runbook_lib.report.render.html import render_html
from runbook_lib.report.render.markdown import render_markdown
from tests.support.records import Record, dry_run, failed, passed, report_of, stamp

SAID = "Same export as run first"


@pytest.mark.parametrize("made", [passed, failed, dry_run])
def test_whose_export_it_is_stands_with_its_moment(made: Callable[[], Record]) -> None:
    record = made()
    record["tables"][0] |= {"reused": True, "reused_run": "first", "export_time": stamp(2)}
    record["tables"][1] |= {"reused": True, "reused_run": "first", "export_time": stamp(60)}
    report = report_of(record)
    said = f"{SAID} (2 tables, as of 2026-11-23 05:33:38 UTC to 2026-11-23 05:34:36 UTC)"
    assert any(line.startswith(said) for line in report.why)
    assert SAID in render_markdown(report)
    assert SAID in render_html(report, {})


def test_a_run_that_exported_by_itself_says_nothing_of_it() -> None:
    assert SAID not in render_html(report_of(passed()), {})


@pytest.mark.parametrize(
    ("others", "said"), [(["r1"], "holds only if that run has ended"), (["r1", "r2"], "those runs")]
)
def test_who_else_has_written_to_a_target_that_passed_stands_on_the_first_screen(others: list[str], said: str) -> None:
    """Such a run may have been stopped in its import, go on, and write over what this one has proved."""
    record = passed()
    for table in record["tables"]:
        table["register"] = {"standing": "entered", "others": []}
    assert not [line for line in report_of(record).why if "also written to by" in line]
    record["tables"][0]["register"]["others"] = others
    [line] = [line for line in report_of(record).why if "also written to by" in line]
    assert record["tables"][0]["target"] in line
    assert all(run in line for run in others)
    assert said in line
