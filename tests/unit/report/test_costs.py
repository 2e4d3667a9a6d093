"""The cost section says of each number what it is, and of what was not measured that it was not."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.colors import to_hex

from runbook_lib.report.render.charts.costs import ABOVE, used_against_estimate
from runbook_lib.report.sections.cost_rows import CostRow, cost_rows, stages
from runbook_lib.report.sections.findings import attention
from tests.support import records


def line(name: str, low: float, high: float) -> dict[str, Any]:
    cost = {"low": 0.0, "high": 0.0}
    return {"name": name, "unit": "read units", "quantity": {"low": low, "high": high}, "usd": cost}


READS = "Scans of the target for the validation"


def bill(**seconds: tuple[float, float]) -> dict[str, Any]:
    """Estimates of three stages with the seconds of each, and what a run used that took longer than the last says."""
    parts = [line(READS, 28, 210), line("Transfer of the export between regions", 0, 0), line("ImportTable", 0, 0)]
    hours = {stage: {"low": low / 3600, "high": high / 3600} for stage, (low, high) in seconds.items()}
    made = {stage.replace("_", " "): {"parts": parts, "hours": known} for stage, known in hours.items()}
    used = {"hours": 72 / 3600, "validation_units": 102.0, "import_gb": 0.0}
    return records.passed() | {"executed": True, "estimates": made, "spent": used}


FULL = bill(preflight=(300, 1_836), export=(0.84, 36.3), dry_run=(0.84, 30))


def rows_of(record: dict[str, Any]) -> dict[str, CostRow]:
    return {row.name: row for row in cost_rows(records.figures(record))}


def test_no_line_is_empty_of_what_was_used() -> None:
    """What nobody measured says so: beside an estimate of 0 an empty cell reads as a gap."""
    rows = rows_of(FULL)
    assert [name for name, row in rows.items() if not row.used] == []
    assert rows["Transfer of the export between regions"].used == "not measured"
    assert rows["ImportTable"].used == "0 read units"


def test_time_that_is_still_to_come_is_not_set_beside_the_time_of_the_whole_run_as_if_it_were_the_same() -> None:
    time = rows_of(FULL)["Time"]
    assert [text.endswith(" more") for text in time.estimates] == [False, True, True]
    assert time.used.endswith(" of work in the steps")  # as the first screen says


def test_every_stage_is_named_as_an_estimate() -> None:
    assert all(name.startswith("Estimate ") for name in stages(records.figures(FULL)))
    assert len(stages(records.figures(FULL))) == 3


def test_the_picture_of_the_bill_says_that_it_leaves_out_cost_and_time() -> None:
    drawn = used_against_estimate(records.report_of(FULL))
    assert drawn is not None
    texts = [text.get_text() for axes in drawn[0].axes for text in axes.texts]
    assert all(text.xy[0] >= 1.0 for text in drawn[0].axes[0].texts)  # the dashed line at 1 runs through none
    assert texts == ["102 of at most 210 read units"]  # with the unit said twice the longest was cut at the edge
    assert "for 1 quantity of the bill (not its cost and time); none more than 10% above it" in drawn[1]


@pytest.mark.parametrize(("used", "above"), [(210.0, False), (219.0, False), (240.0, True)])
def test_the_picture_and_the_points_to_attend_to_have_one_rule_of_what_is_above_the_estimate(
    used: float, above: bool
) -> None:
    """59 of at most 57 was a red bar and no point, for an estimate knows no second try."""
    made = FULL | {"spent": FULL["spent"] | {"validation_units": used}}
    drawn = used_against_estimate(records.report_of(made))
    assert drawn is not None
    ((bar,),) = [axes.patches for axes in drawn[0].axes]
    assert (to_hex(bar.get_facecolor()).upper() == ABOVE) is above
    assert ("1 line more than 10% above it" in drawn[1]) is above
    assert any("More than estimated" in text for text in attention(records.figures(made))) is above
