"""A command that the tool prints works wherever the runs lie, and wherever one stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from runbook_lib.cli import cli
from runbook_lib.commands.arguments import RunPath


def taken(text: str) -> Path:
    return RunPath().convert(text, None, None)


def test_what_is_printed_as_under_reports_is_found_where_the_runs_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, here = tmp_path / "runs", tmp_path / "here"
    (runs / "r").mkdir(parents=True)
    (runs / "r" / "migration.yaml").write_text("name: r")
    here.mkdir()
    monkeypatch.setenv("RUNBOOK_REPORTS", str(runs))
    monkeypatch.chdir(here)
    assert taken("reports/r/migration.yaml") == runs / "r" / "migration.yaml"
    assert taken("reports/r") == runs / "r"
    # Nothing else is looked for, and what is there is what was meant.
    for other in ("reports/no-such-run", "r", "elsewhere/r", str(tmp_path / "reports" / "r")):
        assert taken(other) == Path(other)
    (here / "reports" / "r").mkdir(parents=True)
    assert taken("reports/r") == Path("reports/r")


def test_every_command_takes_its_migration_file_so() -> None:
    commands = [command for command in cli.commands.values() if any(p.name == "config" for p in command.params)]
    kinds = {c.name: type(p.type) for c in commands for p in c.params if p.name == "config"}
    assert len(kinds) > 10
    assert set(kinds.values()) == {RunPath}, kinds
    assert isinstance(next(p for p in cli.commands["verify"].params if p.name == "run_dir").type, RunPath)


def test_verify_as_a_report_prints_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs" / "r").mkdir(parents=True)
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(cli, ["verify", "reports/r"])
    assert f"{tmp_path / 'runs' / 'r'}: expected a finished run's folder" in str(ended.exception)
