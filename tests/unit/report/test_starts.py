"""How often a run was started is said as what happened, and as its table of attempts bears out."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.record.run_json import RunRecord
from runbook_lib.run.steps import STEPS
from tests.support import records


def by_runner(execute: bool, **more: Any) -> dict[str, Any]:
    return {"started": records.stamp(0), "steps": list(STEPS), "tables": "*", "execute": execute, **more}


def by_hand(*steps: str, execute: bool = False) -> list[dict[str, Any]]:
    return [{"started": records.stamp(0), "steps": [s], "execute": execute, "by": "notebook"} for s in steps]


STOPPED = {"interrupted": {"at": records.stamp(1), "step": "import"}}
OWN = "each notebook that was run by hand, and each report that was written by itself, has a row of its own"


@pytest.mark.parametrize(
    ("attempts", "said"),
    [
        ([by_runner(False)], None),
        ([by_runner(False), by_runner(True)], "2 times: once as a dry run, once allowed to write"),
        (
            [by_runner(True, **STOPPED), by_runner(True), by_runner(True)],
            "3 times: 3 times allowed to write; once it was stopped by hand",
        ),
        ([by_runner(False), {"steps": ["report"]}], None),
        (
            [*by_hand(*STEPS), *by_hand("repair"), *by_hand("validate", "report")],
            f"2 times: 2 times as a dry run. Attempts has 8 rows: {OWN}",
        ),
        (
            [by_runner(True), *by_hand("repair", execute=True), *by_hand("validate", "report")],
            f"2 times: 2 times allowed to write. Attempts has 4 rows: {OWN}",
        ),
    ],
)
def test_the_starts_of_a_run_are_told_as_what_they_were(attempts: list[dict[str, Any]], said: str | None) -> None:
    """A dry run and the run after it were "resumed where it had stopped", and 10 rows were 4 starts without a word."""
    found = [t for t in records.report_of(records.passed() | {"attempts": attempts}).attention if "was started" in t]
    assert found == ([] if said is None else [f"The run was started {said}"])


def test_a_start_of_several_notebooks_may_write_where_one_of_them_may() -> None:
    made = records.passed() | {"attempts": [*by_hand("preflight", "export"), *by_hand("import", execute=True)]}
    record: RunRecord = records.typed(made)
    assert [start.execute for start in record.starts] == [True]
