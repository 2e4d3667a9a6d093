"""The reference checklist, answered by the record and by nothing else."""

from __future__ import annotations

import pytest

from runbook_lib.report.sections.checklist import checklist
from tests.support import records
from tests.support.records import Record, of

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
    return [check.answer for check in checklist(records.figures(made))]


def evidence(made: Record, claim: int) -> str:
    return checklist(records.figures(made))[claim].evidence


def test_every_line_of_the_reference_checklist_has_an_answer() -> None:
    assert [check.claim for check in checklist(records.figures(records.passed()))] == CLAIMS
    assert answers(records.passed()) == [
        "yes", "yes", "yes", "yes", "yes", "yes, read only", "yes", "not measured",
    ]  # fmt: skip
    assert evidence(records.passed(), 0) == "31 of 31 tables exported: 19 by AWS export, 12 by Scan."


def test_a_failed_run_is_not_ticked_off() -> None:
    assert answers(records.failed()) == ["no", "no", "yes", "no", "no", "yes, read only", "no", "not measured"]


def test_a_dry_run_measures_no_target() -> None:
    found = answers(records.dry_run())
    assert found == [
        "yes",
        "no",
        "yes",
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
        {"id": "key", "table": "t-dev", "expected": "id (S)", "found": "pk (S)", "remedy": "create it again"}
    ]
    assert answers(made)[2] == "no"
    assert "t-dev" in evidence(made, 2)


def test_an_export_without_data_files_is_loaded_when_it_was_gone_through() -> None:
    made = records.passed()
    of(made, "otp-codes").update(files=0, lines_read=None, items_written=None)
    assert answers(made)[1] == "yes"
    assert answers(made)[3] == "yes"


@pytest.mark.parametrize(
    ("property_", "answer"), [("key", "no"), ("global indexes", "no"), ("time to live", "in part"), ("tags", "in part")]
)
def test_a_schema_matches_only_where_every_property_does(property_: str, answer: str) -> None:
    made = records.passed()
    of(made, "loans")["parity"] = records.parity(records.differs(property_))
    assert answers(made)[2] == answer


def test_what_could_not_be_asked_for_is_no_match() -> None:
    made = records.passed()
    of(made, "loans")["parity"] = records.parity(not_checked=[{"property": "tags", "why": "target: AccessDenied"}])
    assert answers(made)[2] == "in part"
    for t in made["tables"]:
        t["parity"] = None
    assert answers(made)[2] == "not measured"


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        ({}, "yes"),
        ({"wrong_keys": 1, "missing": 1}, "no"),
        ({"state": "not checked", "why": "the index is BACKFILLING", "wrong_keys": None}, "in part"),
        ({"left_out": 1}, "in part"),
    ],
)
def test_sample_queries_are_answered_by_the_indexes(facts: Record, answer: str) -> None:
    made = records.passed()
    of(made, "loans")["indexes"] = [records.index("by-owner", 20, **facts)]
    assert answers(made)[6] == answer


def test_queries_are_not_claimed_where_no_index_was_asked() -> None:
    made = records.passed()
    for t in made["tables"]:
        t["indexes"] = []
    assert answers(made)[6] == "in part"
    assert evidence(made, 6).startswith("No target has an index.")


def test_connectivity_is_answered_in_part_by_canaries_and_never_whole() -> None:
    made = records.passed()
    for t in made["tables"]:
        t["canary"] = {"state": "done", "why": None}
    assert answers(made)[7] == "in part"
    assert "31 of 31 tables" not in evidence(made, 7)
    assert "in 31 of 31 targets. No application was connected." in evidence(made, 7)
    of(made, "loans")["canary"] = {"state": "not tried", "why": "the target has a stream"}
    assert answers(made)[7] == "in part"
    of(made, "users")["canary"] = {"state": "failed", "why": "PutItem was answered with 400"}
    assert answers(made)[7] == "no"
    assert "in 29 of 31 targets" in evidence(made, 7)
