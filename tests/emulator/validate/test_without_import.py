"""Validation needs the manifest and the target, and nobody who says how the items got there."""

from __future__ import annotations

import pytest

from runbook_lib.errors import GateFailed
from runbook_lib.notebook.gates import gate_validation
from runbook_lib.preflight.step import preflight
from runbook_lib.record.build import build_record
from runbook_lib.report.render.html import render_html
from runbook_lib.report.render.markdown import render_markdown
from runbook_lib.run.run import Run
from tests.support import records
from tests.support.in_process import runbook_here
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import World, things


def exported(world: World, execute: bool = False, **changes: object) -> Run:
    world.pair("a", things(20))
    run = world.open(execute=execute, **changes)
    preflight(run)
    export_tables(run)
    return run


def fill(world: World) -> None:
    """What some other tool did."""
    world.put(world.target, world.dst("a"), things(20))


def record(run: Run) -> dict[str, object]:
    return build_record(run.ledger, run.id, "test").to_json()


def test_a_target_that_something_else_filled_is_proved_without_an_import(world: World) -> None:
    run = exported(world)
    fill(world)
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["imported"], fact["items_compared"]) == ("PASS", False, 20)
    assert [fact[n] for n in ("lines_read", "items_written", "items_quarantined", "items_filtered")] == [None] * 4
    assert gate_validation(run) == "GO: 1 of 1 tables proved"
    made = record(run)
    assert (made["verdict"], made["reasons"], made["executed"]) == ("PASS", [], False)
    (table,) = made["tables"]  # type: ignore[misc]
    assert (table["items_written"], table["lines_read"], table["compared_only"]) == (None, None, True)
    for text in (render_html(records.report_of(made), []), render_markdown(records.report_of(made))):
        assert "something else" in text
        assert "not measured" in text
        assert "do not bear out" not in text


def test_damage_is_found_without_an_import_too(world: World) -> None:
    run = exported(world)
    fill(world)
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00003"}})
    world.put(world.target, world.dst("a"), [{"id": {"S": "more"}}])
    fact = validate_tables(run)[world.src("a")]
    assert (fact["verdict"], fact["missing"], fact["extra"]) == ("FAIL", 1, 1)
    assert record(run)["verdict"] == "FAIL"
    with pytest.raises(GateFailed):
        gate_validation(run)


def test_a_dry_run_on_an_empty_target_stays_a_dry_run(world: World) -> None:
    run = exported(world)
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "DRY-RUN"
    assert record(run)["verdict"] == "DRY-RUN"


def test_an_empty_target_is_not_proved_by_asking_for_validation_alone(world: World) -> None:
    fact = validate_tables(exported(world))[world.src("a")]
    assert (fact["verdict"], fact["missing"]) == ("FAIL", 20)


def test_the_setting_compares_a_filled_target_even_after_a_dry_run(world: World) -> None:
    world.pair("a", things(20))
    fill(world)
    run = world.open(execute=False, validate={"without_import": True})
    assert not preflight(run).blockers
    export_tables(run)
    import_tables(run)
    assert validate_tables(run)[world.src("a")]["verdict"] == "PASS"
    made = record(run)
    assert made["verdict"] == "PASS"
    assert made["tables"][0]["items_written"] is None  # type: ignore[index]


def test_a_run_that_compared_some_tables_only_does_not_pass(world: World) -> None:
    world.pair("b", things(5))
    run = exported(world)
    fill(world)
    run.only = world.src("a")
    validate_tables(run)
    made = record(run)
    assert made["verdict"] == "FAIL"
    assert made["reasons"] == [f"{world.src('b')}: it was not compared"]


@pytest.mark.whole
def test_the_command_compares_days_later(world: World) -> None:
    world.pair("a", things(20))
    config = world.config()
    for step in ("preflight", "export"):
        assert runbook_here("run", config, "--run-id", "r1", "--only", step).returncode in (0, 1)
    fill(world)
    ran = runbook_here("run", config, "--run-id", "r1", "--only", "validate")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert world.record("r1")["verdict"] == "PASS"
    assert world.record("r1")["target_calls"].get("BatchWriteItem", 0) == 0
    assert runbook_here("verify", world.folder / "reports" / "r1").returncode == 0
