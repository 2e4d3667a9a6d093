from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.record.verdict import ReasonId, run_verdict, table_verdict

STEPS = [{"name": n, "status": "completed"} for n in ("preflight", "export", "import", "validate")]
TABLE = {"source": "a", "verdict": "PASS", "reasons": [], "items_exported": 5, "items_quarantined": 0}


def test_a_run_passes_when_every_step_ran_and_every_table_is_proved() -> None:
    assert run_verdict(True, False, STEPS, [TABLE]) == ("PASS", [])


@pytest.mark.parametrize("verdict", ["FAIL", "UNKNOWN", "NOT MIGRATED"])
def test_one_table_that_is_not_proved_fails_the_run(verdict: str) -> None:
    assert run_verdict(True, False, STEPS, [TABLE, TABLE | {"verdict": verdict}])[0] == "FAIL"


@pytest.mark.parametrize("tables", [[], [TABLE | {"items_exported": 0}], [TABLE | {"items_exported": None}]])
def test_a_run_that_read_nothing_never_passes(tables: list[dict[str, Any]]) -> None:
    verdict, reasons = run_verdict(True, False, STEPS, tables)
    assert verdict == "FAIL"
    assert ReasonId.NOTHING_READ in {reason.id for reason in reasons}


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("status", ["failed", "running", "interrupted", "not run"])
def test_a_step_that_did_not_complete_never_passes(step: int, status: str) -> None:
    steps = [s | {"status": status} if n == step else s for n, s in enumerate(STEPS)]
    assert run_verdict(True, False, steps, [TABLE])[0] == "FAIL"
    assert run_verdict(True, False, [s for n, s in enumerate(STEPS) if n != step], [TABLE])[0] == "FAIL"


def test_an_interrupt_is_neither_a_pass_nor_a_fail() -> None:
    assert run_verdict(True, True, STEPS, [TABLE])[0] == "INTERRUPTED"


def test_a_dry_run_without_trouble_is_called_that() -> None:
    assert run_verdict(False, False, STEPS, [TABLE | {"verdict": "DRY-RUN"}]) == ("DRY-RUN", [])
    assert run_verdict(False, False, STEPS, [TABLE | {"verdict": "DRY-RUN", "items_quarantined": 1}])[0] == "FAIL"
    failed = [STEPS[0] | {"status": "failed"}, *STEPS[1:]]
    assert run_verdict(False, False, failed, [TABLE | {"verdict": "DRY-RUN"}])[0] == "FAIL"


def test_a_run_without_a_plan_is_no_dry_run() -> None:
    """As when only the report of a run id is asked for that was mistyped."""
    verdict, reasons = run_verdict(False, False, [], [])
    assert (verdict, [reason.id for reason in reasons]) == ("FAIL", [ReasonId.NOTHING_PLANNED])


def test_a_table_that_was_not_looked_at_is_unknown() -> None:
    assert table_verdict(True, None, None)[0] == "UNKNOWN"
    assert table_verdict(True, {"failure": None}, None)[0] == "UNKNOWN"
    assert table_verdict(True, {"failure": "x"}, None) == ("FAIL", ["x"])
    assert table_verdict(False, None, None)[0] == "DRY-RUN"


def test_a_run_that_only_compared_passes_when_every_table_is_proved() -> None:
    steps = [s for s in STEPS if s["name"] != "import"]
    assert run_verdict(False, False, steps, [TABLE, TABLE]) == ("PASS", [])
    verdict, reasons = run_verdict(False, False, steps, [TABLE, TABLE | {"source": "b", "verdict": "DRY-RUN"}])
    assert (verdict, [(r.id, r.subject) for r in reasons]) == ("FAIL", [(ReasonId.NOT_COMPARED, "b")])
    assert run_verdict(False, False, steps, [TABLE, TABLE | {"verdict": "FAIL"}])[0] == "FAIL"
    assert run_verdict(False, False, steps, [TABLE | {"items_exported": 0}])[0] == "FAIL"
    for step in steps:
        assert run_verdict(False, False, [s for s in steps if s is not step], [TABLE])[0] == "FAIL"


def test_an_import_that_failed_before_the_comparison_still_fails_the_run() -> None:
    steps = [s | {"status": "failed"} if s["name"] == "import" else s for s in STEPS]
    assert run_verdict(False, False, steps, [TABLE])[0] == "FAIL"
