"""Where two places of a report name the first of the same tables, they name the same ones."""

from __future__ import annotations

import re

import pytest

from runbook_lib.report.sections.findings import attention
from runbook_lib.report.sections.first_screen.taken_on_trust import taken_on_trust
from tests.support import records
from tests.support.records import Record


def scanned() -> Record:
    made = records.passed()
    for number, table in enumerate(t for t in made["tables"] if t["method"] == "scan"):
        table["items_exported"] = table["items_in_target"] = 10 + number
        table["scan_witnesses"] = {"scanned": 10 + number, "counted": 10 + number, "segments": [4, 5]}
    return made


def unconfirmed() -> Record:
    made = records.passed()
    for table in made["tables"]:
        if table["method"] != "scan":
            table["export_whole"] = {"checked": False, "why": "it was not allowed"}
    return made


@pytest.mark.parametrize(
    ("made", "trusted", "told"),
    [
        (scanned, r"\(([^)]+)\) read by Scan", r"read by Scan, .*: (.+)"),
        (unconfirmed, r"whole table \(([^)]+)\)", r"be of the whole table: (.+)"),
    ],
)
def test_the_first_screen_and_the_points_to_attend_to_name_the_same_tables_first(
    made: object, trusted: str, told: str
) -> None:
    figures = records.figures(made())  # type: ignore[operator]
    named = [found[1] for text in taken_on_trust(figures) if (found := re.search(trusted, text))]
    others = [found[1] for text in attention(figures) if (found := re.search(told, text))]
    assert len(named) == len(others) == 1, (named, others)
    names = [re.split(r", | and ", text)[:2] for text in (*named, *others)]
    assert names[0] == names[1]
    assert all(names)
