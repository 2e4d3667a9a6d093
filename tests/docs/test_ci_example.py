"""The example workflow is valid, names what exists, and does what docs/ci.md says when a run fails."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from runbook_lib.cli import cli
from tests.support.world import World, things

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = yaml.safe_load((ROOT / "docs" / "examples" / "github-actions.yml").read_text(encoding="utf-8"))
JOB = WORKFLOW["jobs"]["migration"]
STEPS: list[dict[str, Any]] = JOB["steps"]
SCRIPTS = [step["run"] for step in STEPS if "run" in step]


def test_the_workflow_starts_by_hand_and_for_pull_requests_and_writes_only_when_asked() -> None:
    started = WORKFLOW[True]  # YAML reads `on` as a boolean
    assert set(started) == {"pull_request", "workflow_dispatch"}
    assert started["workflow_dispatch"]["inputs"]["execute"]["default"] is False
    assert JOB["env"]["EXECUTE"] == "${{ inputs.execute && '--execute' || '' }}"
    assert WORKFLOW["concurrency"]["cancel-in-progress"] is False


def test_everything_after_the_run_happens_also_when_it_failed() -> None:
    ran = next(n for n, step in enumerate(STEPS) if "runbook run" in step.get("run", ""))
    assert len(STEPS[ran + 1 :]) == 4
    assert all(step["if"].startswith("always()") for step in STEPS[ran + 1 :])
    assert any(step.get("uses", "").startswith("actions/upload-artifact@") for step in STEPS[ran + 1 :])


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_is_shell_and_calls_what_exists(script: str) -> None:
    assert subprocess.run(["bash", "-n", "-c", script], check=False).returncode == 0
    for line in script.splitlines():
        words = shlex.split(line)
        if words[0] == "make":
            assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text()
        elif ".venv/bin/runbook" in words:
            name, *rest = words[words.index(".venv/bin/runbook") + 1 :]
            options = {option for p in cli.commands[name].params for option in p.opts}
            assert {w for w in rest if w.startswith("--")} <= options
        else:
            assert words[0] in ("cp", "cat", "gh")


def test_every_command_of_the_page_exists() -> None:
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    for name, rest in re.findall(r"`runbook ([a-z]+)([^`]*)`", page):
        options = {option for p in cli.commands[name].params for option in p.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options


def test_a_failed_run_ends_with_1_and_is_shown_checked_and_commented(world: World) -> None:
    world.pair("a", things(3))
    world.put(world.target, world.dst("a"), things(1))  # which on_non_empty: fail takes for a blocker
    ran, summary, commented = _job(world, world.config())
    assert [r.returncode for r in ran] == [1, 0, 0, 0], [r.stderr for r in ran]
    assert ran[0].stdout.splitlines()[-2].startswith("FAIL: 1 table")
    assert summary.startswith("## FAIL: migration test\n")
    assert commented == f"{summary}17\n"


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
        "RUN_ID": "gh-1-1", "EXECUTE": "", "NUMBER": "17", "GITHUB_STEP_SUMMARY": str(checkout / "summary"),
        "RUNBOOK_REPORTS": str(checkout / "reports"), "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}",
    }  # fmt: skip
    ran = [
        subprocess.run(
            ["bash", "-e", "-c", s], cwd=checkout, env=environment, capture_output=True, text=True, check=False
        )
        for s in SCRIPTS
        if s != "make setup"
    ]
    return ran, (checkout / "summary").read_text(), (checkout / "commented").read_text()


def _program(file: Path, line: str) -> None:
    file.write_text(f"#!/bin/sh\n{line}\n")
    file.chmod(0o755)
