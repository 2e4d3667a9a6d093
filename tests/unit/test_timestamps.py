"""A clock that is set back while something lasts makes no duration of less than nothing."""

from __future__ import annotations

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import runbook_lib
from runbook_lib.headless.console import seconds_running
from runbook_lib.record.model.base import seconds_between
from runbook_lib.run.facts.starts import STEP_FACTS, StepFact, StepStatus
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.steps import fail_step, interrupt_running
from runbook_lib.timestamps import elapsed_seconds, format_timestamp

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER, BACK = NOW + timedelta(seconds=90), NOW - timedelta(hours=1)
ROOT = Path(runbook_lib.__file__).parent


@pytest.mark.parametrize(
    ("first", "last", "seconds"),
    [
        (NOW, LATER, 90.0),
        (format_timestamp(NOW), LATER, 90.0),
        (NOW, NOW, 0.0),
        (NOW, BACK, None),
        (format_timestamp(NOW), format_timestamp(BACK), None),
        (None, NOW, None),
        (NOW, "", None),
    ],
)
def test_what_passed_between_two_readings_is_known_or_not(
    first: datetime | str | None, last: datetime | str | None, seconds: float | None
) -> None:
    assert elapsed_seconds(first, last) == seconds


def test_the_record_knows_no_span_of_less_than_nothing() -> None:
    assert seconds_between((format_timestamp(NOW), format_timestamp(BACK))) is None


@pytest.mark.parametrize(("now", "seconds"), [(LATER, 90.0), (BACK, 100.0), (NOW + timedelta(days=3), 100.0)])
def test_a_running_step_has_not_run_longer_than_its_notebook(tmp_path: Path, now: datetime, seconds: float) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    STEP_FACTS.record(ledger, "import", StepFact(StepStatus.RUNNING, started=format_timestamp(NOW)))
    assert seconds_running(ledger, "import", now, at_most=100.0) == seconds
    ledger.close()


def test_a_step_that_ends_badly_after_the_clock_was_set_back_has_not_taken_less_than_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    fail_step(ledger, "export", "why", True, (NOW, BACK), 2.5)
    assert STEP_FACTS.needed(ledger, "export").seconds == 2.5
    STEP_FACTS.record(ledger, "import", StepFact(StepStatus.RUNNING, started=format_timestamp(NOW)))
    interrupt_running(ledger, BACK)
    assert STEP_FACTS.needed(ledger, "import").seconds is None
    ledger.close()


def test_only_one_place_takes_two_readings_of_a_clock_for_a_duration() -> None:
    """Elsewhere a difference is of moments that some server names, and is held to a bound on the spot."""
    bare = []
    for file in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        held = {id(n) for call in ast.walk(tree) if _holds(call) for n in ast.walk(call)}
        bare += [
            f"{file.relative_to(ROOT)}:{node.lineno}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr == "total_seconds" and id(node) not in held
            if isinstance(node.value, ast.BinOp) and isinstance(node.value.op, ast.Sub)
        ]
    assert [where for where in bare if not where.startswith("timestamps.py:")] == []


def _holds(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("max", "min", "abs")
