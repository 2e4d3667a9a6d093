"""What a report says of a transform that stopped, and of items that it could make nothing of."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.report.render.html import render_html
from runbook_lib.report.sections.first_screen.standing import next_step
from runbook_lib.report.sections.masking.sentences import idle_rules, masking_sentences
from tests.support.records import KINDS, Record, figures, passed, report_of, typed

IDLE = {"rule": "*: email pseudonym", "path": "email", "verb": "pseudonym", "values": 0}


def transformed(record: Record, **changes: Any) -> list[Any]:
    """The tables with items, each transformed without anything left over, but for the first: what `changes` say."""
    held = [table for table in record["tables"] if table["items_exported"]]
    for number, table in enumerate(held):
        items = table["items_exported"]
        none = dict.fromkeys(("items_added", "items_filtered", "items_quarantined"), 0)
        made = {"status": "completed", "masks": True, "rules": [IDLE], "items_kept": items, "items_derived": items}
        table["leak_scan"] = None
        table["transform"] = none | made | (changes if number == 0 else {})
    return held


@pytest.mark.parametrize(("status", "idle"), [("completed", 1), ("failed", 0), ("begun", 0)])
def test_rules_are_idle_only_where_every_transform_ended(status: str, idle: int) -> None:
    record = passed()
    transformed(record, status=status)
    assert len(idle_rules(typed(record))) == idle


def test_targets_that_were_not_scanned_stand_in_one_sentence() -> None:
    record = passed()
    held = transformed(record)
    (said,) = [line for line in masking_sentences(typed(record)) if "not scanned" in line]
    assert said.startswith(f"{len(held)} targets were not scanned for raw values: ")
    assert said.endswith(f" and {len(held) - 3} more.")


def test_a_sentence_on_tables_without_items_has_a_verb() -> None:
    record = passed()
    transformed(record)
    for table in record["tables"]:
        if not table["items_exported"]:
            table["transform"] = {"status": "completed", "items_derived": 0}
    (said,) = [line for line in masking_sentences(typed(record)) if line.startswith("Without items")]
    assert "there was nothing to transform in " in said


@pytest.mark.parametrize(
    ("made", "by_target", "said"),
    [
        ({"status": "failed", "items_kept": None, "items_quarantined": None, "items_derived": None}, 0, "sent to a"),
        ({"items_quarantined": 5}, 0, "none of them was sent to a target."),
        ({"items_quarantined": 5}, 2, "which were not sent, and items the target did not take."),
        ({}, 2, "Items the target did not take."),
    ],
    ids=["stopped", "by-the-transform", "by-both", "by-the-target"],
)
def test_a_quarantine_says_whose_it_is(made: Any, by_target: int, said: str) -> None:
    record = passed()
    held = transformed(record, **made)
    held[0]["items_quarantined"] = 5 if made else 0
    held[1]["items_quarantined"] = by_target
    page = render_html(report_of(record), [])
    (shown,) = [line for line in page.splitlines() if "Their contents are in the export" in line]
    assert said in shown
    assert ("<p>Items the target did not take." in shown) == (not made)


@pytest.mark.parametrize(("stopped", "new"), [("validate", True), ("import", False)])
def test_items_that_no_rule_of_a_run_makes_ask_for_a_new_run_once_the_rest_is_done(stopped: str, new: bool) -> None:
    record = KINDS["FAIL"]()
    for table in record["tables"]:
        table |= {"missing": 0, "different": 0, "extra": 0}
    record |= {"blockers": [], "repair_command": None}
    transformed(record, items_quarantined=1)
    for step in record["steps"]:
        step["status"] = "failed" if step["name"] == stopped else "completed"
    found = next_step(figures(record))
    assert found is not None
    assert ("The transform could make nothing of 1 item" in found.what) == new
    assert ("--run-id" not in found.commands[0]) == new
    assert ("--from validate" in found.commands[0]) is False
