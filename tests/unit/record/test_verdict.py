"""The verdict is a list of rules: each is tried alone, and what they amount to together."""

from __future__ import annotations

from typing import Any

import pytest

from runbook_lib.record import verdict as rules
from runbook_lib.record.model.comparison import CanaryFacts
from runbook_lib.record.model.cut_over import CutOverRecord, GateRecord
from runbook_lib.record.model.run import StepRecord
from runbook_lib.record.model.table import TableRecord
from runbook_lib.record.not_checked import Unchecked
from runbook_lib.record.reasons import WORDS, Reason, ReasonId
from runbook_lib.record.verdict import Case, Rule, run_verdict, table_verdict
from runbook_lib.run.facts.load import ImportFact, ImportStatus

STEPS = [StepRecord(name=n, status="completed") for n in ("preflight", "export", "import", "validate")]
TABLE = TableRecord(source="a", verdict="PASS", items_exported=5, items_quarantined=0)
UNKNOWN = Unchecked("clock", "", "the clock", "nobody could look", "proof", None)


def but(of: Any, **changes: Any) -> Any:
    """The same with other values."""
    return of.model_copy(update=changes)


def case(
    executed: bool = True,
    steps: list[StepRecord] | None = None,
    tables: list[TableRecord] | None = None,
    unchecked: tuple[Unchecked, ...] = (),
    cut_over: CutOverRecord | None = None,
) -> Case:
    named = {step.name: step for step in (STEPS if steps is None else steps)}
    return Case(executed, named, [TABLE] if tables is None else tables, unchecked, cut_over)


def stepped(status: str, **more: Any) -> list[StepRecord]:
    """The steps, of which the validation came to something else."""
    return [*STEPS[:3], but(STEPS[3], status=status, **more)]


MOMENT = "2026-01-14T10:20:00.000Z"
ALONE: dict[Rule, tuple[Case, list[tuple[ReasonId, str]]]] = {
    rules.steps_not_done: (case(steps=stepped("failed")), [(ReasonId.STEP_NOT_DONE, "validate")]),
    rules.tables_not_proved: (case(tables=[TABLE, but(TABLE, source="b", verdict="UNKNOWN")]),
                              [(ReasonId.TABLE_NOT_PROVED, "b")]),
    rules.canaries_failed: (case(tables=[but(TABLE, canary=CanaryFacts(state="failed", why="x"))]),
                            [(ReasonId.CANARY_FAILED, "a")]),
    rules.gates_shut: (case(cut_over=CutOverRecord(gates=[GateRecord(gate="smoke", state="failed", why="x")])),
                       [(ReasonId.GATE_SHUT, "smoke")]),
    rules.not_compared: (case(tables=[but(TABLE, verdict="DRY-RUN")]), [(ReasonId.NOT_COMPARED, "a")]),
    rules.checks_not_made: (case(unchecked=(UNKNOWN,)), [(ReasonId.NOT_CHECKED, "clock")]),
    rules.steps_not_run: (case(steps=STEPS[:3]), [(ReasonId.STEP_NOT_RUN, "validate")]),
    rules.nothing_read: (case(tables=[but(TABLE, items_exported=0)]), [(ReasonId.NOTHING_READ, "")]),
    rules.nothing_planned: (case(tables=[]), [(ReasonId.NOTHING_PLANNED, "")]),
    rules.not_writable: (case(tables=[but(TABLE, items_quarantined=3)]), [(ReasonId.NOT_WRITABLE, "")]),
}  # fmt: skip


def test_each_rule_is_tried_alone() -> None:
    assert {*ALONE} == {*rules.OF_ANY_RUN, *rules.OF_A_PROOF, *rules.OF_A_DRY_RUN}


@pytest.mark.parametrize("rule", ALONE, ids=lambda rule: rule.__name__)
def test_a_rule_says_what_is_wrong_and_nothing_of_what_is_right(rule: Rule) -> None:
    wrong, expected = ALONE[rule]
    assert [(r.id, r.subject) for r in rule(wrong)] == expected
    assert list(rule(case())) == []


@pytest.mark.parametrize("wrong", [c for c, _ in ALONE.values()], ids=lambda c: "")
def test_no_case_that_a_rule_is_about_is_a_pass(wrong: Case) -> None:
    told, _ = run_verdict(wrong.executed, False, wrong.steps.values(), wrong.tables, wrong.unchecked, wrong.cut_over)
    assert told == ("FAIL" if wrong is not ALONE[rules.not_writable][0] else "PASS")  # executed, it is the table's


def test_a_step_that_only_repeats_other_reasons_is_told_by_those() -> None:
    failed = but(TABLE, verdict="FAIL")
    repeating = stepped("failed", because=rules.REPEATED)
    assert list(rules.steps_not_done(case(steps=repeating, tables=[failed]))) == []
    assert list(rules.steps_not_done(case(steps=repeating))) != []


def test_what_was_not_checked_of_a_failed_table_or_was_accepted_is_no_further_reason() -> None:
    of_it = Unchecked("index-answers", "a", "i", "x", "proof", None)
    assert list(rules.checks_not_made(case(tables=[but(TABLE, verdict="FAIL")], unchecked=(of_it,)))) == []
    accepted = Unchecked("index-answers", "a", "i", "x", "proof", "*")
    assert list(rules.checks_not_made(case(unchecked=(accepted,)))) == []


def test_a_comparison_needs_no_import_and_everything_else() -> None:
    without = [s for s in STEPS if s.name != "import"]
    assert list(rules.steps_not_run(case(executed=False, steps=without))) == []
    assert [r.subject for r in rules.steps_not_run(case(steps=without))] == ["import"]


@pytest.mark.parametrize("status", ["failed", "running", "interrupted"])
def test_a_gate_that_its_step_tells_of_is_told_once(status: str) -> None:
    shut = CutOverRecord(frozen_at=MOMENT, gates=[GateRecord(gate="freeze-proof", state="failed", why="x")])
    step = StepRecord(name="cut_over", status=status, message="x")
    assert list(rules.gates_shut(case(steps=[*STEPS, step], cut_over=shut))) == []


def test_a_freeze_that_was_not_gone_through_with_is_no_pass_and_a_forecast_is_none() -> None:
    passed = [GateRecord(gate="ready", state="passed"), GateRecord(gate="freeze", state="passed")]
    frozen = CutOverRecord(frozen_at=MOMENT, gates=passed)
    assert [(r.id, r.subject) for r in rules.gates_shut(case(cut_over=frozen))] == [(ReasonId.CUT_OVER_OPEN, "freeze")]
    for fine in (CutOverRecord(gates=passed[:1]), CutOverRecord(frozen_at=MOMENT, go_at=MOMENT, gates=passed)):
        assert list(rules.gates_shut(case(cut_over=fine))) == []


def test_a_forecast_that_is_not_ready_leaves_the_verdict_as_it_was() -> None:
    """Nothing was stopped or written: what was proved is proved still. Of a real cut-over it is a FAIL."""
    shut = CutOverRecord(gates=[GateRecord(gate="ready", state="failed", why="x")])
    forecast = StepRecord(name="cut_over", status="failed", message="NOT_READY: x", execute=False)
    assert run_verdict(True, False, [*STEPS, forecast], [TABLE], (), shut) == ("PASS", [])
    acting = forecast.model_copy(update={"execute": True})
    assert run_verdict(True, False, [*STEPS, acting], [TABLE], (), shut)[0] == "FAIL"
    begun = shut.model_copy(update={"frozen_at": MOMENT})
    assert run_verdict(True, False, [*STEPS, forecast], [TABLE], (), begun)[0] == "FAIL"


def test_every_reason_has_words() -> None:
    assert {*WORDS} == {*ReasonId}
    for each in ReasonId:
        text = str(Reason(each, "SUBJECT", ("FIRST", "SECOND")))
        assert text
        assert "{" not in text


def test_a_run_passes_when_every_step_ran_and_every_table_is_proved() -> None:
    assert run_verdict(True, False, STEPS, [TABLE]) == ("PASS", [])


@pytest.mark.parametrize("verdict", ["FAIL", "UNKNOWN", "NOT MIGRATED"])
def test_one_table_that_is_not_proved_fails_the_run(verdict: str) -> None:
    assert run_verdict(True, False, STEPS, [TABLE, but(TABLE, verdict=verdict)])[0] == "FAIL"


@pytest.mark.parametrize("tables", [[], [but(TABLE, items_exported=0)], [but(TABLE, items_exported=None)]])
def test_a_run_that_read_nothing_never_passes(tables: list[TableRecord]) -> None:
    verdict, reasons = run_verdict(True, False, STEPS, tables)
    assert verdict == "FAIL"
    assert ReasonId.NOTHING_READ in {reason.id for reason in reasons}


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("status", ["failed", "running", "interrupted", "not run"])
def test_a_step_that_did_not_complete_never_passes(step: int, status: str) -> None:
    steps = [but(s, status=status) if n == step else s for n, s in enumerate(STEPS)]
    assert run_verdict(True, False, steps, [TABLE])[0] == "FAIL"
    assert run_verdict(True, False, [s for n, s in enumerate(STEPS) if n != step], [TABLE])[0] == "FAIL"


def test_an_interrupt_is_neither_a_pass_nor_a_fail() -> None:
    verdict, reasons = run_verdict(True, True, STEPS, [TABLE])
    assert (verdict, [r.id for r in reasons]) == ("INTERRUPTED", [ReasonId.INTERRUPTED])


def test_what_an_interrupted_run_had_not_come_to_is_one_reason_however_many_tables() -> None:
    waiting = [
        but(TABLE, source=f"t{n}", verdict="UNKNOWN", reasons=["the table was not validated"]) for n in range(200)
    ]
    wrong = but(TABLE, source="wrong", verdict="FAIL", reasons=["3 missing"])
    verdict, reasons = run_verdict(True, True, STEPS, [TABLE, wrong, *waiting])
    assert verdict == "INTERRUPTED"
    assert list(map(str, reasons)) == ["wrong: FAIL: 3 missing", "200 tables were not validated yet"]
    assert list(map(str, run_verdict(True, True, STEPS, waiting[:1])[1])) == ["1 table was not validated yet"]


def test_a_dry_run_without_trouble_is_called_that() -> None:
    dry = but(TABLE, verdict="DRY-RUN")
    assert run_verdict(False, False, STEPS, [dry]) == ("DRY-RUN", [])
    assert run_verdict(False, False, STEPS, [but(dry, items_quarantined=1)])[0] == "FAIL"
    failed = [but(STEPS[0], status="failed"), *STEPS[1:]]
    assert run_verdict(False, False, failed, [dry])[0] == "FAIL"


def test_a_run_without_a_plan_is_no_dry_run() -> None:
    """As when only the report of a run id is asked for that was mistyped."""
    verdict, reasons = run_verdict(False, False, [], [])
    assert (verdict, [reason.id for reason in reasons]) == ("FAIL", [ReasonId.NOTHING_PLANNED])


def test_a_table_that_was_not_looked_at_is_unknown() -> None:
    assert table_verdict(True, None, None)[0] == "UNKNOWN"
    assert table_verdict(True, ImportFact(ImportStatus.LOADING), None)[0] == "UNKNOWN"
    assert table_verdict(True, ImportFact(ImportStatus.FAILED, failure="x"), None) == ("FAIL", ["x"])
    assert table_verdict(False, None, None)[0] == "DRY-RUN"


def test_a_run_that_only_compared_passes_when_every_table_is_proved() -> None:
    steps = [s for s in STEPS if s.name != "import"]

    def judged(tables: list[TableRecord], by: list[StepRecord] = steps) -> tuple[str, list[Reason]]:
        return run_verdict(False, False, by, tables)

    assert judged([TABLE, TABLE]) == ("PASS", [])
    verdict, reasons = judged([TABLE, but(TABLE, source="b", verdict="DRY-RUN")])
    assert (verdict, [(r.id, r.subject) for r in reasons]) == ("FAIL", [(ReasonId.NOT_COMPARED, "b")])
    assert judged([TABLE, but(TABLE, verdict="FAIL")])[0] == "FAIL"
    assert judged([but(TABLE, items_exported=0)])[0] == "FAIL"
    for step in steps:
        assert judged([TABLE], [s for s in steps if s is not step])[0] == "FAIL"


def test_an_import_that_failed_before_the_comparison_still_fails_the_run() -> None:
    steps = [but(s, status="failed") if s.name == "import" else s for s in STEPS]
    assert run_verdict(False, False, steps, [TABLE])[0] == "FAIL"


@pytest.mark.parametrize(("status", "because", "told"), [("completed", None, False), ("failed", rules.REPEATED, False),
                                                         ("failed", None, True), ("running", None, True)])  # fmt: skip
def test_a_repair_that_failed_is_told_until_everything_was_validated(
    status: str, because: str | None, told: bool
) -> None:
    """Also by a validation that found tables wrong: `run 30_validate first` stood there after it had been run."""
    repair = StepRecord(name="repair", status="failed", execute=True, message="x", finished=MOMENT)
    steps = stepped(status, because=because, started="2026-01-14T10:30:00.000Z")
    wrong = [but(TABLE, verdict="FAIL")]
    found = rules.steps_not_done(case(steps=[*steps, repair], tables=wrong))
    assert ("repair" in {reason.subject for reason in found}) is told
    early = stepped("failed", because=rules.REPEATED, started="2026-01-14T10:10:00.000Z")
    assert "repair" in {r.subject for r in rules.steps_not_done(case(steps=[*early, repair], tables=wrong))}
