"""A command that the tool prints works wherever the runs lie, and wherever one stands."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from runbook_lib.cli import cli
from runbook_lib.commands.arguments import RUN_ID, RunPath
from runbook_lib.commands.output import Output
from runbook_lib.errors import ConfigError
from runbook_lib.notebook.verdict import verdict_of_run
from runbook_lib.paths import command_here
from tests.support import records


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


def test_verify_takes_the_id_of_a_run_as_status_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It said that a folder which was not there had no seal."""
    (tmp_path / "runs" / "r").mkdir(parents=True)
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)

    def said(word: str) -> str:
        return str(CliRunner().invoke(cli, ["verify", word]).exception)

    assert said("r").startswith(f"{tmp_path / 'runs' / 'r'}: expected a finished run's folder with SHA256SUMS in it")
    for gone in ("no-such-run", "reports/no-such-run", "elsewhere/r"):
        assert said(gone) == (
            f"{gone}: expected a finished run's folder, found no such folder; name it as reports/RUN_ID or by "
            "the run's id; runbook list shows the runs that there are"
        )
    (tmp_path / "r").mkdir()  # what is there is what was meant
    assert said("r").startswith("r: expected a finished run's folder with SHA256SUMS in it")


def test_verify_as_a_report_prints_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs" / "r").mkdir(parents=True)
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(cli, ["verify", "reports/r"])
    assert f"{tmp_path / 'runs' / 'r'}: expected a finished run's folder" in str(ended.exception)


@pytest.mark.parametrize("place", ["runs", "our runs; rm", "it's {x}"])
def test_a_command_that_is_printed_names_the_place_where_the_run_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / place))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports" / "r").mkdir(parents=True)  # another run of that name, in another folder of runs
    settings = str(tmp_path / place / "r" / "migration.yaml")
    said = command_here("runbook run reports/r/migration.yaml --run-id r --tables 'a*'")
    assert shlex.split(said) == ["runbook", "run", settings, "--run-id", "r", "--tables", "a*"]
    monkeypatch.setenv("RUNBOOK_REPORTS", "reports")
    assert command_here("runbook verify reports/r") == "runbook verify reports/r"


def test_whatever_is_printed_at_the_end_of_a_run_names_it_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "our runs"))
    named = f"'{tmp_path / 'our runs'}/{records.record()['run_id']}"
    for kind in ("FAIL", "DRY-RUN", "INTERRUPTED"):
        Output().conclude(records.typed(records.KINDS[kind]()))
    repaired = records.failed() | {"repair_command": f"runbook repair reports/{records.record()['run_id']}/x --execute"}
    Output().conclude(records.typed(repaired))
    said = [line for line in capsys.readouterr().out.splitlines() if "runbook r" in line and "--execute" in line]
    assert len(said) == 5  # a FAIL has two
    assert not [line for line in said if named not in line]
    shown = verdict_of_run(records.typed(records.passed()), tmp_path)
    assert named in str(shown)


def test_the_ids_of_runs_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path / "none"))
    assert RUN_ID.shell_complete(None, None, "") == []  # type: ignore[arg-type]
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path))
    for name, file in (("r-new", "ledger.sqlite"), ("r-old", "run.json"), ("notebooks", "a.ipynb")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("")
    words = {"_RUNBOOK_COMPLETE": "bash_complete"}
    for line, found in (
        ("runbook status ", ["r-new", "r-old"]),
        ("runbook cleanup m.yaml --run-id r-o", ["r-old"]),
        ("runbook run m.yaml --run-id x", []),
    ):
        asked = words | {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        told = CliRunner().invoke(cli, env=asked, prog_name="runbook").output.split()
        assert told == [f"plain,{name}" for name in found], line


def test_every_command_that_goes_on_with_a_run_completes_its_id() -> None:
    kinds = {c.name: type(p.type) for c in cli.commands.values() for p in c.params if p.name == "run_id"}
    del kinds["demo"]  # which begins a new one
    assert len(kinds) > 7
    assert set(kinds.values()) == {type(RUN_ID)}, kinds


def _takes_text(parameter: click.Parameter) -> bool:
    flag = isinstance(parameter, click.Option) and (parameter.is_flag or parameter.count)
    return not flag and parameter.expose_value


def _answerable_with_nothing(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and "(empty: " in str(parameter.prompt)


GIVEN = [
    (command.name, parameter)
    for command in cli.commands.values()
    for parameter in command.params
    if _takes_text(parameter)
]


@pytest.mark.parametrize(("command", "parameter"), GIVEN, ids=[f"{c} {p.name}" for c, p in GIVEN])
def test_what_was_given_and_is_empty_is_no_default(
    command: str, parameter: click.Parameter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`cleanup --tables "$UNSET"` emptied every target."""
    monkeypatch.setenv("RUNBOOK_REPORTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    begun: list[str] = []
    monkeypatch.setattr(cli.commands[command], "invoke", lambda ctx: begun.append(ctx.info_name))
    needed = [
        word
        for other in cli.commands[command].params
        if other is not parameter and (other.required or other.name == "file") and other.name != "bucket"
        for word in ([] if isinstance(other, click.Argument) else other.opts[-1:]) + ["given"]
    ]
    may_be_empty = _answerable_with_nothing(parameter)
    for value in ("", " ", " ,"):
        mine = [value] if isinstance(parameter, click.Argument) else [parameter.opts[-1], value]
        result = CliRunner().invoke(cli, [command, *needed, *mine], input="bucket\n" * 10)
        assert (result.exit_code, begun) == ((0, [command]) if may_be_empty else (2, [])), result.output
        begun.clear()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_option_is_told_from_one_that_is_not_there() -> None:
    told = CliRunner().invoke(cli, ["cleanup", "m.yaml", "--run-id", "r", "--tables", "", "--execute"])
    assert "Invalid value for '--tables': expected a value, found ''; is a variable of the shell unset?" in told.output
    taken = CliRunner().invoke(cli, ["cleanup", "no.yaml", "--run-id", "r", "--tables", "a,"])
    assert isinstance(taken.exception, ConfigError), taken.output
