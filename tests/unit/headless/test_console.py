"""A log says in one line how far a step is and what came of it, and claims nothing that was not counted."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from runbook_lib.export_format.manifest import DataFile
from runbook_lib.headless.console import Pace, first_line, outcome_line, seconds_of_step, seconds_running, so_far
from runbook_lib.headless.heartbeat import heartbeat
from runbook_lib.record.run_json import RunRecord
from runbook_lib.run.facts.cut_over.gates import GATES, Gate, GateFact, GateState
from runbook_lib.run.facts.export import ExportStatus
from runbook_lib.run.facts.starts import STEP_FACTS, StepFact, StepStatus
from runbook_lib.run.facts.validation import COMPARING, ComparingFact
from runbook_lib.run.facts.windows import WindowFact, WindowState, keep_window
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.steps import STEPS
from runbook_lib.run.tables.files import keep_files
from runbook_lib.timestamps import format_timestamp
from tests.support import records
from tests.support.facts import export_table, plan_pair, prove_table

CI_PAGE = (Path(__file__).resolve().parents[3] / "docs" / "ci.md").read_text(encoding="utf-8")
TABLES: list[dict[str, Any]] = [
    {"source": "a", "verdict": "PASS", "items_exported": 1200, "items_written": 1200, "items_quarantined": 0},
    {"source": "b", "verdict": "FAIL", "items_exported": 5, "items_written": 4, "items_quarantined": 1},
]
LATER, EARLIER = "2026-11-23T10:00:00.000Z", "2026-11-23T09:00:00.000Z"
NOW = datetime(2026, 11, 23, 10, 1, 30, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "ledger.sqlite")
    for place, name in enumerate("ab"):
        plan_pair(made, name, place)
    yield made
    made.close()


def test_each_step_ends_with_its_own_numbers() -> None:
    record = {
        "executed": True, "tables": TABLES, "warnings": [{}], "checks": [{"status": "not checked"}, {"status": "ok"}],
    }  # fmt: skip
    assert {step: outcome_line(records.typed(record), step) for step in STEPS} == {
        "preflight": "2 tables planned, 1 warning, 1 check could not run",
        "export": "1,205 items in the manifests",
        "import": "1,204 written, 1 in quarantine",
        "validate": "1 FAIL, 1 PASS",
        "report": "",
    }


def test_a_step_that_is_not_part_of_every_run_says_what_came_of_it_too() -> None:
    scan = {"items": 4, "values": 30, "not_decoded": 2, "hits": 0}
    made = {"items_kept": 4, "items_filtered": 1, "items_quarantined": 0, "items_derived": 4}
    tables = [TABLES[0] | {"transform": made, "leak_scan": scan}]
    repair = {"source": "a", "target": "b", "status": "dry-run", "kinds": ["missing"], "missing": 3, "units": 3}
    gates = [{"gate": "ready", "state": "passed"}, {"gate": "freeze", "state": "passed"}]
    record = records.typed(
        {"executed": True, "tables": tables, "repairs": [repair], "cut_over": {"gates": gates}, "windows": []}
    )
    assert outcome_line(record, "transform") == "4 items kept, 1 filtered, 0 in quarantine"
    assert outcome_line(record, "leak_scan") == "no raw value found in 30 values of 1 target"
    assert outcome_line(record, "repair").startswith("1 of 1 table has something to repair: 3 items, for 3 write units")
    assert outcome_line(record, "cut_over") == "2 gates passed, the last: writers stopped"
    gates += [{"gate": "smoke", "state": "nothing to ask"}, {"gate": "go", "state": "passed"}]
    record = records.typed({"executed": True, "tables": tables, "cut_over": {"gates": gates}, "windows": []})
    assert outcome_line(record, "cut_over") == "3 gates passed, 1 with nothing to ask, the last: go"


def test_the_log_of_the_page_is_what_these_lines_look_like(ledger: Ledger) -> None:
    steps = {step: outcome_line(records.typed({"executed": True, "tables": TABLES[:1]}), step) for step in STEPS}
    shapes = {f"{step:<9} running" for step in STEPS}
    shapes |= {f"{step:<9} done after 1.0 s: {told}" for step, told in steps.items() if told}
    shapes |= {f"{step:<9} ... 1 s, {far}" for step in STEPS if (far := so_far(ledger, step, Pace(), 0.0))}
    lines = re.findall(rf"^    ((?:{'|'.join(STEPS)}) .*)$", CI_PAGE, re.MULTILINE)
    assert len(lines) > 5
    assert {_without_numbers(line) for line in lines} <= {_without_numbers(shape) for shape in shapes}


def test_exports_have_a_rate_and_a_time_left_once_some_are_done() -> None:
    pace = Pace()
    assert pace.of_exports(0, 31, 0.0) == ""
    assert pace.of_exports(10, 31, 10.0) == ", 60 exports/min, about 21.0 s left"
    assert pace.of_exports(30, 31, 300.0) == ", 6 exports/min, about 10.0 s left"
    assert pace.of_exports(31, 31, 310.0) == ""  # what it does now has no rate


def test_a_step_has_one_time_in_the_log_and_in_the_report(ledger: Ledger) -> None:
    """A kernel that starts slowly is no time of the step: the log says what the record says."""
    assert seconds_running(ledger, "import", NOW, 100.0) is None
    STEP_FACTS.record(ledger, "import", StepFact(StepStatus.RUNNING, started=LATER))
    assert seconds_running(ledger, "import", NOW, 100.0) == 90.0
    made = RunRecord.model_validate(records.record())
    known = next(step for step in made.steps if step.name == "import")
    assert seconds_of_step(made, "import", 999.0) == known.seconds
    assert seconds_of_step(made, "no such step", 999.0) == 999.0


def test_a_cut_over_is_said_to_take_as_long_as_all_of_it_did() -> None:
    """Its step begins again after the comparison; the log said `10 s, at the gate` and then `done after 1.0 s`."""
    step = {"name": "cut_over", "status": "completed", "seconds": 1.0}
    assert seconds_of_step(records.typed({"steps": [step]}), "cut_over", 12.5) == 12.5


def test_once_a_steps_own_clock_has_stopped_no_later_time_is_told(tmp_path: Path, ledger: Ledger) -> None:
    """What a notebook shows after its step is no time of the step, which the next line tells."""
    said: list[str] = []
    states = iter([StepStatus.RUNNING, StepStatus.COMPLETED, StepStatus.COMPLETED])
    heard = threading.Semaphore(0)

    def say(line: str) -> None:
        said.append(line)
        if (state := next(states, None)) is not None:
            with closing(Ledger(tmp_path / "ledger.sqlite")) as other:
                STEP_FACTS.record(other, "report", StepFact(state, started=format_timestamp(datetime.now(UTC))))
        heard.release()

    with heartbeat(tmp_path, "report", say, every=0.01):
        for _ in range(4):
            assert heard.acquire(timeout=30)
    assert [line.split("... ")[1] for line in said[:4]] == [
        "the notebook is starting", "0 s", "finishing", "finishing",
    ]  # fmt: skip


def _without_numbers(line: str) -> str:
    return re.sub(r"\d[\d,.]*", "#", line)


def test_a_catch_up_ends_with_its_windows_and_the_lag() -> None:
    rows = [{"state": state, "changes": 5} for state in ("applied", "applied", "read")]
    made = RunRecord.model_validate(records.record(windows=rows, lag_seconds=130.0))
    assert outcome_line(made, "catch_up") == "2 of 3 windows applied, 15 changes, lag at most 2 min 10 s"
    assert "15 minutes" in outcome_line(RunRecord.model_validate(records.record()), "catch_up")


def test_a_dry_run_says_what_was_read_and_nothing_of_writing() -> None:
    dry = [table | {"items_written": 0, "lines_read": table["items_exported"]} for table in TABLES]
    assert (
        outcome_line(records.typed({"executed": False, "tables": dry}), "import")
        == "1,205 read and checked, 1 in quarantine"
    )


def test_what_was_not_measured_is_not_called_nothing() -> None:
    some = [TABLES[0], TABLES[1] | {"items_exported": None}]
    assert (
        outcome_line(records.typed({"tables": some}), "export")
        == "1,200 items in the manifests (measured for 1 of 2 tables)"
    )
    assert outcome_line(records.typed({"tables": []}), "export") == "items in the manifests: not measured"


def test_a_running_step_counts_what_it_has_done(ledger: Ledger) -> None:
    assert [so_far(ledger, step, Pace(), 0.0) for step in ("preflight", "report")] == ["", ""]
    assert so_far(ledger, "export", Pace(), 0.0) == "0 of 2 exports completed"
    export_table(ledger, "a")
    export_table(ledger, "b", ExportStatus.IN_PROGRESS)
    assert so_far(ledger, "export", Pace(), 0.0) == "1 of 2 exports completed"
    assert "written" not in so_far(ledger, "import", Pace(), 0.0)
    STEP_FACTS.record(ledger, "import", StepFact(StepStatus.RUNNING, LATER, execute=True))
    assert so_far(ledger, "import", Pace(), 0.0) == "0 of 0 items written"


def test_who_waits_with_writers_stopped_is_told_the_gate_and_the_windows(ledger: Ledger) -> None:
    pace = Pace()
    assert [so_far(ledger, step, pace, 0.0) for step in ("catch_up", "cut_over")] == ["", ""]
    for number, state in ((1, WindowState.APPLIED), (2, WindowState.READ)):
        keep_window(ledger, WindowFact("t", number, EARLIER, LATER, "NEW_IMAGE", state))
    GATES.record(ledger, Gate.READY, GateFact(GateState.PASSED, EARLIER, LATER))
    GATES.record(ledger, Gate.LAST_WINDOW, GateFact(GateState.BEGUN, EARLIER))
    assert so_far(ledger, "catch_up", pace, 0.0) == "1 of 2 windows applied"
    assert so_far(ledger, "cut_over", pace, 0.0) == "at the gate: last window"


def test_the_rate_is_that_of_what_was_seen_to_be_written_and_the_rest_takes_as_long() -> None:
    pace = Pace()
    assert pace.of(500, 10_000, 100.0) == ""  # what an earlier start has written says nothing of this one's rate
    assert pace.of(500, 10_000, 105.0) == ""
    assert pace.of(1500, 10_000, 110.0) == ", 100 items/s, 1 min 25 s left"
    assert pace.of(9_500, 10_000, 120.0) == ", 450 items/s, 1.11 s left"
    assert pace.of(10_000, 10_000, 121.0) == ""
    assert pace.of(0, 10_000, 130.0) == ""  # counted anew


def test_the_first_line_names_the_run_its_state_and_its_report(tmp_path: Path) -> None:
    folder = tmp_path / "r1"
    assert first_line("r1", folder) == f"run r1: new; report: {folder / 'report.html'}"
    folder.mkdir()
    (folder / "ledger.sqlite").write_bytes(b"")
    assert first_line("r1", folder) == f"run r1: resumed; report: {folder / 'report.html'}"


def test_the_time_left_of_a_comparison_is_told_by_the_items_of_the_table_that_is_read(ledger: Ledger) -> None:
    """Small tables take their time whatever they hold: their rate said minutes of a large one that took seconds."""
    STEP_FACTS.record(ledger, "validate", StepFact(StepStatus.RUNNING, EARLIER))
    keep_files(ledger, "a", [DataFile(0, "a/1", "m", 10)])
    keep_files(ledger, "b", [DataFile(0, "b/1", "m", 100_000)])
    pace = Pace()
    assert so_far(ledger, "validate", pace, 0.0) == "0 of 2 tables compared"
    COMPARING.record(ledger, "a", ComparingFact(5, 0))
    assert so_far(ledger, "validate", pace, 10.0) == "0 of 2 tables compared"
    COMPARING.forget(ledger, "a")
    prove_table(ledger, "a", finished=LATER)
    COMPARING.record(ledger, "b", ComparingFact(20_000, 0))
    assert so_far(ledger, "validate", pace, 20.0) == "1 of 2 tables compared"
    COMPARING.record(ledger, "b", ComparingFact(60_000, 0))
    assert so_far(ledger, "validate", pace, 30.0) == "1 of 2 tables compared, 2,000 items/s, about 35.0 s left"
    COMPARING.record(ledger, "b", ComparingFact(100_000, 60_000))
    assert so_far(ledger, "validate", pace, 55.0) == "1 of 2 tables compared, 2,000 items/s, about 10.0 s left"
    COMPARING.record(ledger, "b", ComparingFact(100_000, 120_000))  # the target holds more than the export
    assert so_far(ledger, "validate", pace, 60.0) == "1 of 2 tables compared"


def test_what_small_tables_take_beside_a_large_one_is_no_time_left_of_it() -> None:
    """`24 of 31 tables compared, 8 items/s, about 7 min 31 s left`, and seven seconds later all were."""
    pace = Pace()
    assert pace.of_comparison("large", 100.0, 200.0, 10_000, 0.0) == ""
    assert pace.of_comparison("large", 100.0, 280.0, 10_000, 10.0) == ""
    assert pace.of_comparison("large", 2_000.0, 2_200.0, 10_000, 20.0) == ", 100 items/s, about 1 min 18 s left"


def test_a_table_that_was_not_chosen_has_no_verdict_in_the_log() -> None:
    """It was counted as NOT MIGRATED beside a PASS that says that it was not chosen."""
    some = [*TABLES, TABLES[0] | {"source": "c", "verdict": "NOT MIGRATED", "method": "not_chosen"}]
    assert outcome_line(records.typed({"tables": some}), "validate") == "1 FAIL, 1 PASS"


def test_a_failed_step_has_one_time_as_well() -> None:
    made = records.record()
    made["steps"] = [step | {"status": "failed", "seconds": 12.5} for step in made["steps"] if step["name"] == "import"]
    assert seconds_of_step(RunRecord.model_validate(made), "import", 999.0) == 12.5


def test_a_comparison_of_an_earlier_start_does_not_count_again(ledger: Ledger) -> None:
    assert so_far(ledger, "validate", Pace(), 0.0) == "0 of 2 tables compared"
    STEP_FACTS.record(ledger, "validate", StepFact(StepStatus.RUNNING, LATER))
    prove_table(ledger, "a", finished=LATER)
    prove_table(ledger, "b", finished=EARLIER)
    assert so_far(ledger, "validate", Pace(), 0.0) == "1 of 2 tables compared"
