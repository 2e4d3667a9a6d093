"""The top of a notebook says where it is and what may happen; leave to write is given once for a sitting."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runbook_lib import (
    clean_up,
    export_tables,
    import_tables,
    open_run,
    preflight,
    report_run,
    try_canaries,
    validate_tables,
)
from runbook_lib.errors import ConfigError, GateFailed, Interrupted, RunbookError
from runbook_lib.load import step as load_step
from runbook_lib.notebook.notebook_run import NotebookRun
from runbook_lib.record.build import build_record
from tests.support.world import ACCOUNT, World, things

HERE = f"{ACCOUNT}/us-east-2"


def notebook(config: Path, step: str, execute: bool = False, run_id: str = "") -> NotebookRun:
    return open_run(str(config), run_id, execute, step=step)


def sat_through(config: Path, execute: bool = True, confirm: bool = False) -> None:
    """The notebooks of a sitting, `execute` being set in 20_import alone."""
    preflight(notebook(config, "preflight"))
    export_tables(notebook(config, "export"))
    run = notebook(config, "import", execute)
    if confirm:
        run.confirmed = HERE
    run.gate_writes()
    import_tables(run)


def test_before_anything_each_notebook_says_what_it_would_do(world: World) -> None:
    world.pair("a", things(2))
    config = world.config()
    banners = {
        step: notebook(config, step).banner() for step in ("preflight", "export", "import", "validate", "report")
    }
    assert {step: banner.mode for step, banner in banners.items()} == {
        "preflight": "READS ONLY", "export": "READS ONLY", "import": "DRY RUN", "validate": "READS ONLY",
        "report": "READS ONLY",
    }  # fmt: skip
    assert {step for step, banner in banners.items() if banner.strong} == {"import"}
    for banner in banners.values():
        assert banner.elsewhere == world.endpoint
        assert f"NOT AWS: {world.endpoint}" in banner._repr_html_()
        assert HERE in str(banner)
    assert notebook(config, "import", execute=True).banner().mode == "WRITING"


@pytest.mark.chaos
def test_what_a_new_run_has_no_use_for_is_done_with_the_last_one_and_asks_anew(world: World) -> None:
    """A repair or a catch-up opened a new run after a finished one, which had nothing and could only say so."""
    world.pair("a", things(4))
    config = world.config(confirm_target="")
    sat_through(config, confirm=True)
    validate_tables(notebook(config, "validate"))
    for _ in ("proved", "reported"):
        for step in ("leak_scan", "repair", "catch_up", "cut_over", "surroundings"):
            run = notebook(config, step)
            assert (step, run.id, run.execute, run.confirmed) == (step, "test-lab", False, "")
            assert "RESUMED" in str(run.banner())
        assert report_run(notebook(config, "report")).verdict == "PASS"
    assert notebook(config, "catch_up").banner().mode == "PASS"
    assert notebook(config, "repair").banner().mode == "DRY RUN"  # it is there for a FAIL, which is no news
    assert notebook(config, "catch_up", execute=True).banner().mode == "WRITING"  # whatever was proved before
    assert notebook(config, "preflight").id == "test-lab-2"
    assert "next" not in notebook(config, "report").banner()._repr_html_()  # a cleanup is nothing that has to follow


def test_a_notebook_that_comes_too_early_leads_to_the_one_that_is_missing(world: World) -> None:
    """The import of a run without a plan said `next: 30_validate`, and the report of none offered its cleanup."""
    world.pair("a", things(4))
    config = world.config(confirm_target="")
    for step in ("export", "import", "validate", "catch_up", "report"):
        assert "first: 00_preflight" in notebook(config, step).banner()._repr_html_()
    preflight(notebook(config, "preflight"))
    assert "first: 10_export" in notebook(config, "import").banner()._repr_html_()
    assert "next: 20_import" in notebook(config, "export").banner()._repr_html_()


@pytest.mark.whole
def test_a_fail_leads_to_its_repair_and_only_what_is_proved_to_a_cleanup(world: World) -> None:
    """The report of a run that was about to fail offered its cleanup first."""
    world.pair("a", things(4))
    config = world.config()
    sat_through(config)
    world.put(world.target, world.dst("a"), [{"id": {"S": "extra"}}])
    with suppress(RunbookError):
        validate_tables(notebook(config, "validate"))
    for _ in ("validated", "reported"):
        links = notebook(config, "report").banner().links
        assert ("next: 35_repair, see the verdict below", "35_repair.ipynb") in links
        assert "95_cleanup" not in str(links)
        assert report_run(notebook(config, "report")).verdict == "FAIL"
    assert notebook(config, "report", run_id="test-lab").banner().links[-1][0] == "report"
    for step, taken in (("repair", True), ("preflight", True), ("report", False), ("cleanup", False)):
        says = notebook(config, step, run_id="test-lab").banner().says
        assert ("takes the report back, until 90_report writes it again" in says) is taken


@pytest.mark.chaos
def test_after_a_dry_run_a_person_is_led_to_write_and_not_into_a_new_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """20_import with execute asked for the target, said that it was confirmed, and then had no plan."""
    from runbook_lib.notebook import gates

    world.pair("a", things(4))
    config = world.config(confirm_target="")
    sat_through(config, execute=False)
    told = notebook(config, "report")
    shown = told.show_verdict(report_run(told))
    assert 'or here: 20_import with run_id = "test-lab" and execute = True' in str(shown)
    assert "next: 20_import, see the verdict below" in str(notebook(config, "report").banner().links)
    seen: list[gates.Line] = []
    monkeypatch.setattr(gates, "show", seen.append)
    for step in ("export", "transform", "import", "validate"):
        run = notebook(config, step, execute=True)
        banner = run.banner()
        assert (run.id, banner.mode) == ("test-lab-2", "NO PLAN")
        assert 'set run_id = "test-lab" under Parameters' in banner.says
    form = notebook(config, "import", execute=True).form_confirmation()
    assert "has no plan" in form.value
    assert "set run_id = &quot;test-lab&quot; under Parameters" in form.value
    with pytest.raises(GateFailed):
        notebook(config, "import", execute=True).gate_writes()
    assert 'set run_id = "test-lab" under Parameters' in seen[-1].remedy
    assert notebook(config, "preflight").banner().mode == "READS ONLY"  # where a new run begins
    run = notebook(config, "import", execute=True, run_id="test-lab")
    run.confirmed = HERE
    run.gate_writes()
    import_tables(run)
    validate_tables(notebook(config, "validate"))
    assert report_run(notebook(config, "report")).verdict == "PASS"
    assert notebook(config, "preflight").id == "test-lab-2"


@pytest.mark.parametrize("gate", ["planned", "exports", "writes", "import", "canary", "validation", "transform"])
def test_each_gate_of_a_run_without_a_plan_says_the_one_thing_that_helps(
    world: World, monkeypatch: pytest.MonkeyPatch, gate: str
) -> None:
    """The last gate of 20_import said to run the import cell again, and that of 30_validate that 0 of 0 are proved."""
    from runbook_lib.notebook import gates

    world.pair("a", things(1))
    seen: list[gates.Line] = []
    monkeypatch.setattr(gates, "show", seen.append)
    with pytest.raises(GateFailed, match="no plan yet"):
        getattr(notebook(world.config(), "import"), f"gate_{gate}")()
    (line,) = seen
    assert line.remedy.startswith("run 00_preflight for this run")


def test_what_was_not_compared_is_not_let_through_by_the_gate_of_the_validation(world: World) -> None:
    world.pair("a", things(1))
    run = world.open()
    preflight(run)
    with pytest.raises(GateFailed, match="not compared"):
        notebook(world.config(), "validate", run_id=run.id).gate_validation()


@pytest.mark.chaos
def test_a_verdict_is_shown_only_while_its_report_stands(world: World) -> None:
    """After a dry run that was gone on with for real, 30_validate said FAIL and 90_report PASS: neither was written."""
    world.pair("a", things(4))
    config = world.config()
    sat_through(config, execute=False)
    assert report_run(notebook(config, "report")).verdict == "DRY-RUN"
    looked = notebook(config, "export", run_id="test-lab").banner()
    assert (looked.mode, "takes the report back" in looked.says) == ("DRY-RUN", True)
    run = notebook(config, "import", execute=True, run_id="test-lab")
    run.gate_writes()
    assert notebook(config, "report", run_id="test-lab").banner().mode == "READS ONLY"  # the gate has taken it back
    import_tables(run)
    for step in ("preflight", "export", "validate", "report"):
        banner = notebook(config, step, run_id="test-lab").banner()
        assert (banner.mode, "last written" in banner.says) == ("READS ONLY", False)
        assert "this run has written there" in banner.says
        assert "takes the report back" not in banner.says
    validate_tables(notebook(config, "validate", run_id="test-lab"))
    assert notebook(config, "report", run_id="test-lab").banner().mode == "READS ONLY"
    assert report_run(notebook(config, "report", run_id="test-lab")).verdict == "PASS"
    assert notebook(config, "report", run_id="test-lab").banner().mode == "PASS"


def test_a_validation_without_a_plan_stops_at_its_first_gate(world: World) -> None:
    """It said OFF there, and was refused two cells later by an error without what to do."""
    world.pair("a", things(4))
    with pytest.raises(GateFailed, match="no plan yet; run 00_preflight first"):
        notebook(world.config(), "validate").gate_canary()


@pytest.mark.whole
def test_what_was_asked_for_and_confirmed_once_holds_for_the_sitting(world: World) -> None:
    world.pair("a", things(4))
    config = world.config(confirm_target="", validate={"canary": True})
    sat_through(config, confirm=True)
    run = notebook(config, "validate")
    assert (run.execute, run.confirmed) == (True, HERE)
    assert run.banner().mode == "WRITING"  # the canary
    run.gate_canary()
    try_canaries(run)
    validate_tables(run)
    run.gate_validation()
    assert report_run(notebook(config, "report")).verdict == "PASS"
    for step in ("report", "preflight"):
        again = notebook(config, step, run_id="test-lab")
        assert again.banner().mode == "PASS"
        assert "nothing will be written" not in str(again.banner())


@pytest.mark.chaos
def test_after_an_import_no_notebook_says_that_the_run_is_dry(world: World) -> None:
    world.pair("a", things(2))
    config = world.config()
    sat_through(config)
    for step in ("validate", "report", "preflight"):
        assert "this run has written there" in notebook(config, step).banner().says


def test_a_spelled_run_and_a_cleanup_take_no_leave_over(world: World) -> None:
    world.pair("a", things(2))
    config = world.config(confirm_target="")
    sat_through(config, confirm=True)
    spelled = notebook(config, "import", run_id="test-lab")
    assert (spelled.execute, spelled.confirmed) == (False, "")
    assert spelled.banner().mode == "DRY RUN"
    remover = open_run(str(config), "test-lab", step="cleanup")
    assert (remover.execute, remover.confirmed, remover.banner().mode) == (False, "", "DRY RUN")
    assert "next" not in remover.banner()._repr_html_()  # it led to a pre-flight that refuses a cleaned-up run
    assert [removal.done for removal in clean_up(remover, "test-lab")] == [False]
    assert len(world.items(world.target, world.dst("a"))) == 2


def test_leave_is_not_given_by_asking_alone_nor_for_another_target(world: World) -> None:
    world.pair("a", things(2))
    config = world.config(confirm_target="")
    preflight(notebook(config, "preflight"))
    export_tables(notebook(config, "export"))
    with pytest.raises(ConfigError, match="nothing was written"):
        notebook(config, "import", execute=True).gate_writes()
    assert not notebook(config, "import").execute
    run = notebook(config, "import", execute=True)
    run.ledger.put("run", "writing", {"target": f"{ACCOUNT}/eu-west-1", "how": "hand", "by": None, "at": "x"})
    assert not notebook(config, "import").execute


@pytest.mark.chaos
def test_who_confirmed_and_what_was_stopped_stand_among_the_attempts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pair("a", things(3))
    config = world.config(confirm_target="")

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stop:
        stop.setattr(load_step, "check_confirmation", stopped)
        with pytest.raises(Interrupted):
            sat_through(config, confirm=True)
    import_tables(notebook(config, "import"))
    validate_tables(notebook(config, "validate"))
    record = report_run(notebook(config, "report"))
    attempts = record.attempts
    assert [a.steps for a in attempts] == [
        ["preflight"], ["export"], ["import"], ["import"], ["validate"], ["report"],
    ]  # fmt: skip
    assert {a.by for a in attempts} == {"notebook"}
    assert [a.steps for a in record.starts] == [["preflight"], ["import"]]  # begun, and gone on with
    first, second = attempts[2:4]
    assert first.interrupted
    assert (first.interrupted.step, second.interrupted) == ("import", None)
    for attempt in (first, second):
        assert attempt.execute
        assert attempt.confirmed
        assert (attempt.confirmed.target, attempt.confirmed.how) == (HERE, "hand")
        assert (attempt.confirmed.by or "").startswith("arn:aws:")
    assert (attempts[0].execute, attempts[0].confirmed) == (False, None)


@pytest.mark.parametrize("step", ["repair", "catch_up", "cut_over", "leak_scan", "transform"])
def test_a_step_that_is_no_part_of_every_run_stands_among_the_attempts(world: World, step: str) -> None:
    world.pair("a", things(1))
    config = world.config()
    preflight(notebook(config, "preflight"))
    run = notebook(config, step)
    with run.step(step):
        pass
    assert [a.steps for a in build_record(run.ledger, run.id, "test").attempts] == [["preflight"], [step]]


def test_a_gate_stops_in_red_with_what_to_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from runbook_lib.notebook import gates

    world.pair("a", things(1))
    seen: list[object] = []
    monkeypatch.setattr(gates, "show", seen.append)
    run = notebook(world.config(), "import")
    with pytest.raises(GateFailed):
        run.gate_planned()
    (line,) = seen
    html = line._repr_html_()  # type: ignore[attr-defined]
    assert gates.BAD in html
    assert "What to do:</b> run 00_preflight" in html
    assert "set run_id to that run" in html  # a finished run is not gone on with unless it is named
    preflight(run)
    good = run.gate_planned()
    assert gates.GOOD in good._repr_html_()
    assert re.sub(r"<[^>]+>", "", good._repr_html_()) == "GO 1 tables are planned"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("no plan", "run 00_preflight"),
        ("no export", "10_export"),
        ("not confirmed", "confirm_target"),
        ("dear", "limit"),
    ],
)
def test_a_gate_made_of_gates_stops_once_with_the_remedy_for_what_is_wrong(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: str, told: str
) -> None:
    """Each reason of the gate before writing is shown once, and never with what another reason would need."""
    from runbook_lib.notebook import gates

    world.pair("a", things(3))
    seen: list[gates.Line] = []
    monkeypatch.setattr(gates, "show", seen.append)
    changes: dict[str, Any] = {"limits": {"max_cost_usd": 1e-9}} if fault == "dear" else {}
    changes |= {"confirm_target": ""} if fault == "not confirmed" else {}
    run = world.open(**changes)
    if fault != "no plan":
        preflight(world.open())
    if fault not in ("no plan", "no export"):
        export_tables(run)
    with pytest.raises(RunbookError):
        gates.gate_writes(run)
    (line,) = seen
    assert told in line.remedy


@pytest.mark.chaos
def test_blockers_of_many_tables_are_one_sentence_at_a_gate(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from runbook_lib.notebook import gates

    for name in "abcdef":
        world.pair(name, things(1))
        world.put(world.target, world.dst(name), things(1))
    monkeypatch.setattr(gates, "show", lambda line: None)
    run = world.open()
    preflight(run)
    with pytest.raises(GateFailed, match=r"6 tables \(.* and 3 more\): expected an empty target") as caught:
        gates.gate_planned(run)
    assert str(caught.value).count("items in it") == 1
