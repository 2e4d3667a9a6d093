"""A rule that masks and met no value is named on the first screen: what it was meant for may have been kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.records import Record, passed, report_of

SAID = "Masked nothing"


def with_rule(record: Record, *rules: dict[str, Any]) -> Record:
    """The record of a run of which the first tables with items were transformed by one rule each."""
    for table, held in zip([t for t in record["tables"] if t["items_exported"]], rules, strict=False):
        every = {"items_kept": table["items_exported"], "items_derived": table["items_exported"]}
        none = dict.fromkeys(("items_added", "items_filtered", "items_quarantined", "collisions"), 0)
        table["transform"] = {"status": "completed", "rules": [held]} | every | none
    return record


def rule(path: str, values: int, verb: str = "pseudonym") -> dict[str, Any]:
    return {"rule": f"*: {path} {verb}", "path": path, "verb": verb, "values": values}


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        (rule("email", 0), rule("email", 0), ["*: email pseudonym"]),
        (rule("email", 0), rule("email", 3), []),
        (rule("email", 3), rule("Phone", 0), ["*: Phone pseudonym"]),
        (rule("email", 3), rule("n", 0, "keep"), []),
    ],
    ids=["in-no-table", "in-one-of-them", "one-of-two", "that-keeps"],
)
def test_rules_that_met_nothing_are_named(first: Any, second: Any, named: list[str]) -> None:
    lines = [line for line in report_of(with_rule(passed(), first, second)).why if SAID in line]
    assert len(lines) == bool(named)
    assert all(name in line for line in lines for name in named)


def test_a_run_without_a_transform_says_nothing_of_it() -> None:
    assert not [line for line in report_of(passed()).why if SAID in line]
