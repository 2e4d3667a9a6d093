"""A run that was caught up with shows why its targets hold other numbers than the export, and has one kind of time."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from runbook_lib.report.figures.cut_over import cut_over_lines, cut_over_rows, first_screen_lines
from runbook_lib.report.figures.windows import due_in_targets, window_section
from runbook_lib.report.model import ReportModel
from runbook_lib.report.render.html import render_html
from runbook_lib.report.render.markdown import render_markdown
from runbook_lib.report.sections.checklist import checklist
from tests.support import records
from tests.support.records import KINDS, Record

RAW_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
CUT_OVER = {
    "frozen_at": "2026-11-23T06:00:00.432Z", "go_at": "2026-11-23T06:20:00.643Z", "freeze_seconds": 1200.2,
    "until": "2026-11-23T06:10:00.000Z", "by": "arn:aws:sts::111122223333:user/somebody",
    "gates": [
        {"gate": gate, "state": "passed", "began": "2026-11-23T06:01:00.000Z", "ended": "2026-11-23T06:02:00.000Z"}
        for gate in ("ready", "freeze", "last-window", "freeze-proof", "data-proof", "smoke", "references", "go")
    ],
    "forecast": {"made": "2026-11-23T05:59:00.000Z", "limit": 1800.0, "seconds": 122.0},
    "earlier": [{"frozen_at": "2026-11-23T05:50:00.000Z", "gate": "freeze-proof"}],
}  # fmt: skip


def caught_up(**changes: object) -> Record:
    """A run of the fleet of which the largest table was written to: five of its items, of which two are left."""
    made = records.passed()
    table = max(made["tables"], key=lambda t: t["items_exported"])
    left = table["items_exported"] - 5 + 2
    table |= {"items_in_target": left, "items_compared": left}
    table["changes"] = {
        "windows": 1, "as_of": "2026-11-23T06:10:00.000Z", "keys": 5, "left_out": 5, "present": 2, "items_due": left,
        "broken": 0, "old_images": True,
    }  # fmt: skip
    made["windows"] = [
        {
            "source": table["source"], "number": 1, "start": "2026-11-23T05:33:38.000Z",
            "end": "2026-11-23T06:10:00.000Z", "state": "applied", "changes": 5, "puts": 2, "deletes": 3,
            "acknowledged": 5, "quarantined": 0, "broken": 0,
        }
    ]  # fmt: skip
    made["accepted_gaps"] = [
        {"source": table["source"], "start": "2026-11-23T05:00:00.000Z", "end": "2026-11-23T05:10:00.000Z"}
    ]
    return records.summed(made | {"cut_over": CUT_OVER} | changes)


def html(report: ReportModel) -> str:
    """The page without charts."""
    return render_html(report, [])


def test_what_is_due_follows_from_the_export_and_the_changes() -> None:
    made = caught_up()
    exported = max(t["items_exported"] for t in made["tables"])
    assert due_in_targets(records.typed(made)) == (
        f"{exported:,} items exported - 5 written or deleted again since + 2 in their last version = {exported - 3:,} "
        "due in the targets"
    )


@pytest.mark.parametrize("render", [render_markdown, html])
def test_nobody_has_to_wonder_why_a_target_holds_fewer_items_than_the_export(
    render: Callable[[ReportModel], str],
) -> None:
    page = render(records.report_of(caught_up()))
    assert "a scan of the target agree, with the changes since the export, for all 31 tables" in page
    assert page.count("- 5 written or deleted again since + 2 in their last version") >= 2  # first screen and totals
    assert "What is in a target is also what its windows have written and deleted since." in html(
        records.report_of(caught_up())
    )
    plain = render(records.report_of(records.passed()))
    assert "written or deleted again since" not in plain
    assert "a scan of the target agree for all 31 tables" in plain


def test_the_checklist_counts_with_the_catch_up() -> None:
    (row,) = [row for row in checklist(records.figures(caught_up())) if row.claim == "Item counts verified"]
    assert "With the catch-up: " in row.evidence
    assert "- 5 written or deleted again since + 2 in their last version" in row.evidence
    assert not [row for row in checklist(records.figures(records.passed())) if "With the catch-up" in row.evidence]


def test_a_table_that_was_caught_up_with_is_not_called_as_exported_alone() -> None:
    """The target held two items fewer than the manifest, beside "as exported"."""
    lines = render_markdown(records.report_of(caught_up())).splitlines()
    assert [line for line in lines if "  as exported and the windows over it; " in line]
    assert sum("  as exported; " in line for line in lines) == 30


def without_old_images(**changes: object) -> Record:
    """The same run with windows that show no lost change, as nothing says what was there before."""
    made = caught_up()
    table, reused = next(table for table in made["tables"] if table.get("changes")), changes.pop("reused", False)
    table["changes"] |= {"old_images": False} | changes
    made["windows"][0] |= {"view": "NEW_IMAGE", "reused": reused}
    return made


@pytest.mark.parametrize("render", [render_markdown, html])
def test_a_pass_of_windows_without_old_images_says_that_nobody_checked_for_a_lost_change(
    render: Callable[[ReportModel], str],
) -> None:
    said = "nothing shows that no change of"
    made = without_old_images()
    [line] = [line for line in records.report_of(made).why if said in line]
    source = made["windows"][0]["source"]
    assert source in line
    assert line.endswith("Set catch_up.proof: full_export and run runbook catch-up once more.")
    assert said in render(records.report_of(made)).split("Totals")[0]
    [chain] = [line for line in records.report_of(without_old_images(reused=True)).why if said in line]
    assert chain.endswith("Begin a run that exports by itself, or have the windows exported with NEW_AND_OLD_IMAGES.")
    second = {"arn": "arn", "moment": "2026-11-23T06:10:00.000Z", "items": 3}
    for proved in (caught_up(), without_old_images(second_export=second), records.passed()):
        assert said not in render(records.report_of(proved))


def test_every_moment_for_a_reader_is_spelled_alike() -> None:
    made = records.typed(caught_up())
    report = records.report_of(caught_up())
    rows = [cell for row in (*window_section(made).rows, *cut_over_rows(made)) for cell in row]
    said = [*rows, *cut_over_lines(made), *report.why, report.headline]
    spelled = [text for text in said if RAW_MOMENT.search(text)]
    assert [text for text in spelled if not text.startswith("GAP:")] == []  # a gap is as the migration file spells it
    assert report.headline == "PASS as of 2026-11-23 06:10:00 UTC"
    assert "Tried before: 2026-11-23 05:50:00 UTC (to the gate proof of the freeze)." in cut_over_lines(made)
    assert not re.search(r"`[^`]*:`", render_markdown(report).split("### Totals")[0])


def test_the_verdict_is_larger_than_its_moment() -> None:
    page = render_html(records.report_of(caught_up()), [])
    assert '<p class="word">PASS<span class="more"> as of 2026-11-23 06:10:00 UTC</span></p>' in page


def test_more_than_estimated_says_what_no_estimate_had_in_it() -> None:
    bill = {"quantity": {"low": 1.0, "high": 10.0}, "unit": "requests", "usd": {"low": 0.0, "high": 0.1}}
    estimate = {"basis": "manifest", "parts": [{"name": "S3 GET requests", **bill}], "usd": None, "hours": None}
    extra = {"estimates": {"export": estimate}, "spent": {"gets": 99}}
    found = [text for text in records.report_of(caught_up(**extra)).attention if "More than estimated" in text]
    assert found == [
        "More than estimated: S3 GET requests: 99 requests were used, and at most 10 requests had been estimated; "
        "the estimate does not count 1 window of the catch-up"
    ]
    part = bill | {"name": "Export to S3", "quantity": {"low": 0.000635, "high": 0.000635}, "unit": "GB"}
    extra = {"estimates": {"export": estimate | {"parts": [part]}}, "spent": {"export_gb": 0.00063500001}}
    # what a reader sees as the same is not more
    assert not [t for t in records.report_of(caught_up(**extra)).attention if "More than estimated" in t]


def test_a_forecast_that_is_not_ready_is_told_with_its_reason() -> None:
    shut = {"gate": "ready", "state": "failed", "fault": "NOT_READY", "why": "no window was applied yet"}
    made = records.passed() | {"cut_over": {"gates": [shut]}}
    assert cut_over_lines(records.typed(made)) == [
        "Not ready to cut over, and nothing was stopped or changed: no window was applied yet"
    ]


@pytest.mark.parametrize(("state", "said"), [("passed", True), ("failed", False), (None, False)])
def test_only_a_gate_that_opened_knows_that_tables_were_left_out_knowingly(state: str | None, said: bool) -> None:
    """It was said of a file that leaves nothing out, next to the reason that this is what is missing."""
    shut = {"gate": "ready", "state": state, "why": "shop: read by Scan, so nobody can show what was written since"}
    made = records.passed() | {"cut_over": {"gates": [shut] if state else [], "left_out": ["shop"]}}
    line = next(each for each in cut_over_lines(records.typed(made)) if each.startswith("Not cut over with a proof: 1"))
    assert ("cut_over.leave_out says that nothing writes to them." in line) is said
    assert line.endswith("nobody can show what was written to them since.") is not said


@pytest.mark.parametrize(
    ("quiet_until", "afterwards", "said"),
    [
        (None, None, "What was written to the sources since is found by the look afterwards, which is due."),
        (
            "2026-11-23T06:18:00.000Z",
            None,
            "Nothing was written to the sources from then until 2026-11-23 06:18:00 UTC;",
        ),
        (None, "begun", "which is due."),
        (None, "passed", "The look afterwards found nothing that was written to the sources since."),
        (None, "failed", "with all that was written until 2026-11-23 06:10:00 UTC."),
    ],
)
def test_a_go_says_what_is_known_of_the_time_since_the_last_window(
    quiet_until: str | None, afterwards: str | None, said: str
) -> None:
    looked = [{"gate": "afterwards", "state": afterwards}] if afterwards else []
    known = CUT_OVER | {"quiet_until": quiet_until, "gates": [*CUT_OVER["gates"], *looked]}
    found = [line for line in first_screen_lines(records.typed(caught_up(cut_over=known))) if "in the place" in line]
    assert len(found) == 1
    assert said in found[0]
    assert ("due" in found[0]) == (afterwards in (None, "begun"))


@pytest.mark.parametrize(("off", "said"), [(3600.0, "1 h 00 min ahead of"), (-120.0, "2 min 00 s behind"), (9.0, "")])
def test_a_cut_over_after_the_runs_own_end_is_said_to_be_by_another_clock(off: float, said: str) -> None:
    gate = {"gate": "go", "state": "passed", "ended": records.stamp(100)}
    made = records.passed() | {"cut_over": {"gates": [gate], "go_at": records.stamp(100 + off)}}
    found = [line for line in first_screen_lines(records.typed(made)) if "sources' clock" in line]
    assert len(found) == bool(said)
    assert all(f"which is {said} this machine's" in line for line in found)


def test_a_forecast_that_knows_nothing_says_so_in_a_sentence() -> None:
    made = records.passed() | {"cut_over": {"forecast": {"made": records.stamp(0), "limit": 1800.0}}}
    assert cut_over_lines(records.typed(made)) == [
        "Forecast of 2026-11-23 05:33:36 UTC: how long the writers would have to stop is not known, and 30 min 00 s "
        "are allowed."
    ]


@pytest.mark.parametrize("made", [*(kind() for kind in KINDS.values()), caught_up()], ids=[*KINDS, "caught up"])
def test_the_contents_lead_to_every_section_and_nowhere_else(made: Record) -> None:
    """Somebody who signs looks for the catch-up and the cut-over there, and not only for what every run has."""
    page = render_html(records.report_of(made), [])
    contents = re.findall(r'href="#([a-z-]+)"', page.split("<nav")[1].split("</nav>")[0])
    sections = re.findall(r'<h2 id="([a-z-]+)"', page)
    assert len(sections) == page.count("<h2")
    assert sorted(contents) == sorted(sections)
