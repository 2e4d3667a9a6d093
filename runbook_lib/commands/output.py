"""How a run speaks: to a person line by line, to a program as JSON, or only at its end; and what CI gets besides."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runbook_lib.errors import ConfigError
from runbook_lib.paths import command_here
from runbook_lib.report.render.escape_markdown import visible

if TYPE_CHECKING:
    from runbook_lib.headless.console import StepEnd
    from runbook_lib.record.run_json import RunRecord
    from runbook_lib.report.model import ReportModel

CODES = {"PASS": 0, "DRY-RUN": 0, "FAIL": 1, "INTERRUPTED": 130}
NUMBERS = (("items_exported", "items exported"), ("items_written", "written"), ("items_in_target", "in the target"))
End = Callable[["RunRecord", Path], None]
NUMBERS_DRY = (("items_exported", "items exported"), ("lines_read", "read and checked"))
JUNIT = (b"<?xml", b"<testsuite")  # how such a file begins
OPTIONS = (
    click.option("--json", "as_json", is_flag=True, help="Print JSON: one line per step, and the record at the end."),
    click.option("--quiet", is_flag=True, help="Print only the result."),
    click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write the tables as JUnit XML."),
)


def say(text: str) -> None:
    """Names come from elsewhere: what would move a terminal's cursor, or begin a line of its own, is spelled."""
    click.echo(visible(text).replace("\n", " "))
    sys.stdout.flush()


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `Output` to a command."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Output:
    """What was asked for with `--json`, `--quiet` and `--junit`."""

    as_json: bool = False
    quiet: bool = False
    junit: Path | None = None

    def __post_init__(self) -> None:
        if self.as_json and self.quiet:
            raise ConfigError("--json and --quiet exclude each other; give one of them")
        if self.junit:
            _refuse_another_file(self.junit)

    def say(self, text: str) -> None:
        """A line for whoever watches."""
        if not (self.as_json or self.quiet):
            say(text)

    def step(self, ended: StepEnd) -> None:
        """A step has ended."""
        if self.as_json:
            _print_json(asdict(ended))

    def conclude(self, record: RunRecord, end: End | None = None) -> int:
        """The last lines of a run: the verdict, its reasons and where the report lies; returns the exit code.

        A command with last lines of its own gives them as `end`.
        """
        from runbook_lib.atomic_files import write_where_told
        from runbook_lib.paths import reports_root
        from runbook_lib.record.run_json import read_json
        from runbook_lib.report.github_notes import note_on_github
        from runbook_lib.report.junit import junit
        from runbook_lib.report.model import ReportModel

        report, folder = ReportModel(record), reports_root() / record.run_id
        if self.as_json:
            _print_json({"record": read_json(folder)})
        else:
            (end or _print_end)(record, folder)
        if self.junit:
            write_where_told(self.junit, junit(report))
        for line in note_on_github(report, folder, os.environ):
            click.echo(line, err=True)
        return CODES[record.verdict]


def _refuse_another_file(file: Path) -> None:
    """Raise ConfigError unless the tables may be written there: nowhere over something that is no JUnit XML."""
    if not file.absolute().parent.is_dir():
        raise ConfigError(f"--junit: expected a file in a folder that is there, found no {file.parent}")
    if file.is_dir():
        raise ConfigError(f"--junit: expected a file, found the folder {file}")
    if file.is_file() and file.stat().st_size:
        with file.open("rb") as opened:
            if not opened.read(64).startswith(JUNIT):
                raise ConfigError(f"--junit: {file} is there and is no JUnit XML, so it stays as it is; name another")


def conclude(record: RunRecord) -> int:
    """The end of a run without any of the options."""
    return Output().conclude(record)


def _print_json(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value))  # ASCII: no terminal and no reader of lines is surprised by a name
    sys.stdout.flush()


def _print_end(record: RunRecord, folder: Path) -> None:
    from runbook_lib.record.anchor import told_of_anchor
    from runbook_lib.record.signature import told_of_signature
    from runbook_lib.report.model import ReportModel
    from runbook_lib.report.sections.first_screen.not_checked import accepted_in_short
    from runbook_lib.report.sections.first_screen.summary import reasons_in_groups
    from runbook_lib.report.text import shortened

    report = ReportModel(record)
    for line in (*reasons_in_groups(record), *report.would):
        say(f"  {shortened(line, where='in the report')}")
    if record.repair_command:  # to be copied, so never cut
        say(f"  to repair just these items: {command_here(record.repair_command)}")
        _print_confirm(record, record.repair_command)
    if report.how_to_accept:  # to be copied, so never cut
        say(f"  {report.how_to_accept}")
    following = report.next_step
    if following and report.verdict in ("FAIL", "INTERRUPTED") and not record.repair_command:
        say(f"  next: {following.what}")
        for command in following.commands:
            say(f"    {command_here(command)}")
    for command in following.commands if report.verdict == "DRY-RUN" and following else ():
        if "--execute" in command.split():  # nothing stands in the way
            say(f"  to write them: {command_here(command)}")
            _print_confirm(record, command)
    accepted = f"; {short}" if (short := accepted_in_short(report.figures)) else ""
    click.echo(f"{_result(report)}, {record.totals.seconds or 0:.0f} s of work{accepted}")
    if told := told_of_signature(record, folder):
        say(f"signature: {told}")
    if told := told_of_anchor(record, folder):
        say(f"anchor: {told}")
    click.echo(f"report: {folder / 'report.html'}")


def _print_confirm(record: RunRecord, command: str) -> None:
    from runbook_lib.report.sections.first_screen.commands import confirm_first

    if first := confirm_first(record, [command]):
        say(f"    {first}")


def _result(report: ReportModel) -> str:
    """The verdict and its numbers in one line."""
    from runbook_lib.report.figures.totals import tables_known
    from runbook_lib.report.sections.first_screen.summary import how_far_it_came

    record, figures = report.record, report.figures
    said = f"{report.headline}: {figures.how_many}" if record.complete and tables_known(record) else report.headline
    if report.verdict == "INTERRUPTED":
        return f"{said}{',' if ':' in said else ':'} {how_far_it_came(figures)}"
    if report.verdict == "FAIL" and not record.executed:  # that it read nothing says the reason above
        measured = [figures.sums[name] for name, _ in NUMBERS_DRY]
        if not any(sum_.told for sum_ in measured):
            return said
    kinds = NUMBERS if record.executed else NUMBERS_DRY
    return ", ".join([said, *(figures.sums[name].with_noun(what) for name, what in kinds)])
