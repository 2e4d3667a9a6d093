"""Which run a notebook without a run id belongs to."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook_lib.notebook.banner import banner_of
from runbook_lib.preflight.step import preflight
from runbook_lib.report.step import report_run
from runbook_lib.run.admission.admit import RUNNER
from runbook_lib.run.attempts import add_attempt
from runbook_lib.run.facts.starts import ATTEMPTS, RUNNER_TOKEN
from runbook_lib.run.run import Run, open_run
from tests.support.recorded import export_tables, import_tables, validate_tables
from tests.support.world import ACCOUNT, World, things

HERE = f"{ACCOUNT}/us-east-2"


def sitting(config: Path, execute: bool = True, report: bool = True) -> tuple[str, str]:
    """All notebooks one after the other, each opening the run anew as its own kernel does: the id and the verdict."""
    ids = set()
    for step, work in (
        ("preflight", preflight), ("export", export_tables), ("import", import_tables), ("validate", validate_tables),
    ):  # fmt: skip
        run = open_run(str(config), "", execute, step=step)
        work(run)  # type: ignore[operator]
        ids.add(run.id)
        run.ledger.close()
    run = open_run(str(config), "", execute, step="report")
    verdict = report_run(run).to_json()["verdict"] if report else ""
    run.ledger.close()
    assert {run.id} == ids
    return run.id, verdict


def says(run: Run) -> str:
    return dict(banner_of(run, "preflight").rows)["run"].partition(", ")[2]


@pytest.mark.whole
def test_what_is_finished_is_not_taken_up_without_a_word(world: World) -> None:
    world.pair("a", things(5))
    config = world.config(confirm_target=HERE)
    first = open_run(str(config))
    assert (first.id, says(first)) == ("test-lab", "NEW: nothing of it is there yet")
    assert sitting(config) == ("test-lab", "PASS")
    world.put(world.source, world.src("a"), [{"id": {"S": f"new{n}"}} for n in range(7)])
    world.target.delete_table(TableName=world.dst("a"))
    world.table(world.target, world.dst("a"))
    again = open_run(str(config))
    assert again.id == "test-lab-2"
    assert says(again).startswith("NEW: nothing of it is there yet; run test-lab is finished")
    assert 'set run_id = "test-lab" under Parameters' in says(again)
    assert sitting(config) == ("test-lab-2", "PASS")
    assert len(world.items(world.target, world.dst("a"))) == 12
    spelled = open_run(str(config), "test-lab")
    assert spelled.id == "test-lab"
    assert says(spelled).startswith("RESUMED: begun 20")
    assert "its exports are of 20" in says(spelled)


def test_only_the_kernels_of_a_first_start_are_told_that_the_run_is_new(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The notebooks of a run that the command line called new called it resumed."""
    world.pair("a", things(3))
    config = str(world.config())
    run = open_run(config)
    preflight(run)
    assert says(open_run(config)).startswith("RESUMED: begun 20")
    monkeypatch.setenv(RUNNER, "token")
    RUNNER_TOKEN.record(run.ledger, "token")
    assert says(open_run(config)).startswith("NEW: begun 20")
    add_attempt(run.ledger, (ATTEMPTS.of(run.ledger) or ())[0])
    assert says(open_run(config)).startswith("RESUMED: begun 20")


@pytest.mark.chaos
def test_proved_and_not_reported_is_finished_for_all_that_moves_items(world: World) -> None:
    world.pair("a", things(5))
    config = str(world.config(confirm_target=HERE))
    sitting(Path(config), report=False)
    found = {step: open_run(config, step=step).id for step in ("preflight", "export", "import", "validate", "report")}
    assert found == {
        "preflight": "test-lab-2", "export": "test-lab-2", "import": "test-lab-2",
        "validate": "test-lab", "report": "test-lab",
    }  # fmt: skip
    run = open_run(config, step="report")
    report_run(run).to_json()
    run.ledger.close()
    assert open_run(config, step="validate").id == "test-lab-2"


@pytest.mark.chaos
def test_a_dry_run_that_was_reported_is_gone_on_with_by_its_spelled_id_alone(world: World) -> None:
    world.pair("a", things(5))
    config = world.config(confirm_target=HERE)
    assert sitting(config, execute=False) == ("test-lab", "DRY-RUN")
    world.put(world.source, world.src("a"), [{"id": {"S": f"new{n}"}} for n in range(7)])
    again = open_run(str(config))
    assert 'to go on with run test-lab, set run_id = "test-lab" under Parameters' in says(again)
    assert sitting(config) == ("test-lab-2", "PASS")
    assert len(world.items(world.target, world.dst("a"))) == 12


@pytest.mark.chaos
def test_a_dry_run_that_was_not_reported_yet_is_gone_on_with(world: World) -> None:
    world.pair("a", things(5))
    config = world.config(confirm_target=HERE)
    for step, work in (("preflight", preflight), ("export", export_tables), ("import", import_tables)):
        run = open_run(str(config), "", False, step=step)
        work(run)  # type: ignore[operator]
        run.ledger.close()
    assert sitting(config) == ("test-lab", "PASS")


@pytest.mark.chaos
def test_a_report_on_the_way_does_not_end_a_sitting(world: World) -> None:
    world.pair("a", things(5))
    config = str(world.config(confirm_target=HERE))
    for step, work in (
        ("preflight", preflight), ("export", export_tables), ("report", report_run), ("import", import_tables),
        ("report", report_run), ("validate", validate_tables),
    ):  # fmt: skip
        run = open_run(config, "", True, step=step)
        work(run)  # type: ignore[operator]
        assert run.id == "test-lab"
        run.ledger.close()


@pytest.mark.chaos
def test_a_run_that_failed_is_gone_on_with_by_its_spelled_id_alone(world: World) -> None:
    world.pair("a", things(5))
    config = str(world.config(confirm_target=HERE))
    sitting(Path(config), report=False)
    world.target.delete_item(TableName=world.dst("a"), Key={"id": {"S": "i00001"}})
    for step, work in (("validate", validate_tables), ("report", report_run)):
        run = open_run(config, "test-lab", step=step)
        work(run)  # type: ignore[operator]
        run.ledger.close()
    assert world.record("test-lab")["verdict"] == "FAIL"
    found = {step: open_run(config, step=step).id for step in ("preflight", "export", "import", "validate")}
    assert set(found.values()) == {"test-lab-2"}
    run = open_run(config, "test-lab", True, step="validate")
    validate_tables(run)  # it is being gone on with
    run.ledger.close()
    assert open_run(config, step="report").id == "test-lab"
