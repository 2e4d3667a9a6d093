"""`runbook list` and `runbook status` say how runs stand, also while one runs and after its process was killed."""

from __future__ import annotations

import json
import shlex
from contextlib import closing
from pathlib import Path

import pytest

from runbook_lib.cli import run_cli
from runbook_lib.run.admission.admit import is_running, sole_runner
from runbook_lib.run.facts.starts import STEP_FACTS, StepFact, StepStatus
from runbook_lib.run.ledger import Ledger
from runbook_lib.run.unfinished import WHY, WHY_ENDED
from tests.support.in_process import runbook_here
from tests.support.world import ACCOUNT, World, things


@pytest.mark.whole
def test_a_run_is_listed_and_told_and_its_steps_come_as_json(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.pair("a", things(3))
    ran = runbook_here("run", world.config(), "--run-id", "r1", "--json", "--junit", world.folder / "t.xml")
    assert ran.returncode == 0, ran.stderr
    *steps, last = map(json.loads, ran.stdout.splitlines())
    assert [(s["step"], s["status"]) for s in steps] == [
        (name, "completed") for name in ("preflight", "export", "import", "validate", "report")
    ]
    assert last["record"] == json.loads((world.folder / "reports" / "r1" / "run.json").read_text())
    assert "dry run: nothing was written" in (world.folder / "t.xml").read_text()

    assert run_cli(["list"]) == 0
    assert capsys.readouterr().out.startswith("r1  20")
    assert run_cli(["list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["run_id"], row["verdict"], row["mode"], row["sealed"]) == ("r1", "DRY-RUN", "dry run", True)

    assert run_cli(["status"]) == 0
    said = capsys.readouterr().out
    assert "r1: DRY-RUN; dry run" in said
    assert "--run-id r1 --execute" in said
    assert "not run after" not in said
    _while_it_runs(world, capsys)


def _while_it_runs(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    folder = world.folder / "reports" / "r1"
    assert not is_running(folder)
    with sole_runner(folder):
        assert is_running(folder)
        assert run_cli(["status", "r1", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["running"] is True
        assert (told["why"], told["next"]) == (["It is running."], None)
        with closing(Ledger(folder / "ledger.sqlite")) as ledger:
            before = STEP_FACTS.of(ledger, "validate")
            STEP_FACTS.record(ledger, "validate", StepFact(StepStatus.RUNNING))
        assert run_cli(["status", "r1", "--json"]) == 0  # by the ledger: what was published is of before
        steps = json.loads(capsys.readouterr().out)["steps"]
        assert {step["name"]: step["status"] for step in steps}["validate"] == "running"
        with closing(Ledger(folder / "ledger.sqlite")) as ledger:
            assert before is not None
            STEP_FACTS.record(ledger, "validate", before)
    page = (folder / "report.md").read_text()
    (folder / "report.md").write_text(f"{page}.")
    assert run_cli(["status", "r1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["next"]["commands"]) == ("CHANGED", [f"runbook verify {folder}"])
    assert "No step was started since" in told["why"][0]  # it was said to be running, or killed
    (folder / "report.md").write_text(page)
    (folder / "SHA256SUMS").unlink()  # as a killed process leaves it, or a notebook that nobody has reported since
    assert run_cli(["status", "r1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["running"], told["why"]) == ("UNFINISHED", False, [WHY_ENDED])
    assert told["next"]["commands"] == [f"runbook run {folder}/migration.yaml --run-id r1 --only report"]
    assert run_cli(["verify", str(folder)]) == 2
    assert "not since a further step of it was started. 90_report writes and seals it" in capsys.readouterr().err
    with closing(Ledger(folder / "ledger.sqlite")) as ledger:
        STEP_FACTS.record(ledger, "validate", StepFact(StepStatus.RUNNING))
    assert run_cli(["status", "r1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert ({step["name"]: step["status"] for step in told["steps"]}["validate"], told["why"]) == ("running", [WHY])
    assert "start the run again with the same run id" in told["next"]["what"]
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | {"verdict": "RUNNING"}))  # as a killed runner leaves it
    with sole_runner(folder):
        assert _listed(capsys) == ("RUNNING", True)
    assert _listed(capsys) == ("UNFINISHED", False)


def _listed(capsys: pytest.CaptureFixture[str]) -> tuple[str, bool]:
    assert run_cli(["list"]) == 0
    words = capsys.readouterr().out.split()[3].rstrip(";")
    assert run_cli(["list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    return words, row["running"]


@pytest.mark.chaos
def test_after_a_dry_run_without_confirm_target_the_proposed_command_works_once_the_file_has_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command named the run's sealed copy, which is refused whatever the user has put into the file."""
    world.pair("a", things(3))
    own = world.config(confirm_target="")
    ran = runbook_here("run", own, "--run-id", "r1")
    assert ran.returncode == 0, ran.stderr
    assert "to write them: runbook run CONFIG --run-id r1 --execute" in ran.stdout
    spelled = f'confirm_target: "{ACCOUNT}/us-east-2"'
    assert f"{spelled} into your migration file" in ran.stdout
    capsys.readouterr()
    assert run_cli(["status", "r1", "--json"]) == 0
    after = json.loads(capsys.readouterr().out)["next"]
    assert spelled in after["what"]
    assert runbook_here("run", own, "--run-id", "r1", "--execute").returncode == 2
    own.write_text(own.read_text().replace("confirm_target: ''", spelled))
    program, *words = shlex.split(after["commands"][0])
    assert program == "runbook"
    ran = runbook_here(*[str(own) if word == "CONFIG" else word for word in words])
    assert ran.returncode == 0, ran.stderr
    assert [a["file_confirms"] for a in world.record("r1")["attempts"]] == [False, True]


@pytest.mark.chaos
def test_a_run_of_notebooks_is_told_before_its_first_report(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """After a kernel has died in the import `runbook status` said that there is no run at all."""
    world.pair("a", things(3))
    assert runbook_here("run", world.config(), "--run-id", "r1").returncode == 0
    capsys.readouterr()
    folder = world.folder / "reports" / "r1"
    (folder / "run.json").unlink()
    (folder.parent / "other").mkdir()
    (folder.parent / "other" / "ledger.sqlite").write_text("no ledger")
    assert run_cli(["list"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "no report yet; runbook status r1 shows its steps" in line
    for asked in ([], ["r1"]):
        assert run_cli(["status", *asked]) == 0
        said = capsys.readouterr().out
        assert "r1: no report yet; begun 20" in said
        assert "  import    completed after" in said
        assert f"runbook run {folder}/migration.yaml --run-id r1 --only report" in said
    assert run_cli(["status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["steps"][0]["name"]) == (None, "preflight")
    assert run_cli(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"run_id": "r1", "verdict": None, "started": told["started"]}]


def test_where_there_is_no_run_the_error_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "reports"))
    assert run_cli(["list"]) == 0
    assert f"no runs in {tmp_path / 'reports'}" in capsys.readouterr().out
    assert run_cli(["status"]) == 2
    assert "found no run at all" in capsys.readouterr().err
    (tmp_path / "reports" / "b").mkdir(parents=True)
    (tmp_path / "reports" / "b" / "run.json").write_text("{")
    assert run_cli(["status", "c"]) == 2
    assert run_cli(["status", "b"]) == 1
    assert run_cli(["list"]) == 0
    assert "b  BROKEN: " in capsys.readouterr().out
