"""The reference checklist, answered by the record and by nothing else."""

from __future__ import annotations

import pytest

from runbook_lib.checklist import checklist
from tests.report import records
from tests.report.records import Record, of

CLAIMS = [
    "All tables exported from us-east-1",
    "All tables imported to us-east-2",
    "Table schemas match production",
    "Item counts verified",
    "No import errors",
    "us-east-1 unaffected (READ ONLY confirmed)",
    "Sample data queries validated",
    "Application connectivity tested",
]


def answers(made: Record) -> list[str]:
    return [check.answer for check in checklist(made)]


def evidence(made: Record, claim: int) -> str:
    return checklist(made)[claim].evidence


def test_every_line_of_the_reference_checklist_has_an_answer() -> None:
    assert [check.claim for check in checklist(records.passed())] == CLAIMS
    assert answers(records.passed()) == [
        "yes", "yes", "in part", "yes", "yes", "yes, read only", "in part", "not measured",
    ]  # fmt: skip
    assert evidence(records.passed(), 0) == "31 of 31 tables exported: 19 by AWS export, 12 by Scan."


def test_a_failed_run_is_not_ticked_off() -> None:
    assert answers(records.failed()) == ["no", "no", "in part", "no", "no", "yes, read only", "no", "not measured"]


def test_a_dry_run_measures_no_target() -> None:
    found = answers(records.dry_run())
    assert found == [
        "yes",
        "no",
        "in part",
        "not measured",
        "not measured",
        "yes, read only",
        "not measured",
        "not measured",
    ]


@pytest.mark.parametrize("made", [{}, records.nothing(records.passed())])
def test_nothing_recorded_is_nothing_claimed(made: Record) -> None:
    assert set(answers(made)) <= {"no", "not measured"}


def test_a_write_to_the_source_is_told() -> None:
    made = records.passed()
    made["source_calls"]["DeleteItem"] = 1
    assert answers(made)[5] == "no"
    assert "DeleteItem" in evidence(made, 5)


def test_another_key_is_a_schema_that_does_not_match() -> None:
    made = records.passed()
    made["blockers"] = [
        {"table": "t-dev", "expected": "the key id (S) of t", "found": "pk (S)", "remedy": "create it again"}
    ]
    assert answers(made)[2] == "no"
    assert "t-dev" in evidence(made, 2)


def test_an_export_without_data_files_is_loaded_when_it_was_gone_through() -> None:
    made = records.passed()
    of(made, "otp-codes").update(files=0, lines_read=None, items_written=None)
    assert answers(made)[1] == "yes"
    assert answers(made)[3] == "yes"
