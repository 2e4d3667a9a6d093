"""`runbook cut-over`: what was typed becomes a request; the gates are passed in the notebook."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runbook_lib.commands.arguments import CONFIG, RUN_ID
from runbook_lib.commands.output import Output, output_options, say
from runbook_lib.errors import ConfigError
from runbook_lib.run.steps import CUT_OVER
from runbook_lib.run.verdicts import PASS

if TYPE_CHECKING:
    from runbook_lib.record.run_json import RunRecord


def check_confirmed(run_id: str, confirm: str, *, execute: bool) -> bool:
    """Whether a command may write: its run's id was typed once more. Raises ConfigError where it had to be."""
    if confirm == run_id:
        return True
    if confirm or execute:
        found = repr(confirm) if confirm else "nothing"
        raise ConfigError(f"--confirm: expected {run_id!r}, the id of the run, found {found}; nothing was written")
    return False


@click.command("cut-over")
@CONFIG
@click.option("--run-id", type=RUN_ID, required=True, help="The run whose targets replace the sources.")
@click.option("--frozen-at", default="", metavar="MOMENT",
              help="When the writers were stopped, such as 2026-01-14T10:20:00Z.")  # fmt: skip
@click.option("--execute", is_flag=True, help="Accepted; has no effect without --confirm.")
@click.option("--confirm", default="", metavar="RUN_ID", help="The run's id again; without it, only a forecast.")
@output_options
def cut_over_command(config: Path, run_id: str, frozen_at: str, execute: bool, confirm: str, **output: Any) -> int:
    """Cut over from the sources to the targets, gate by gate; afterwards, look for late writes."""
    from runbook_lib.cutover.moments import moment_of
    from runbook_lib.headless.runner import Request, run_notebooks
    from runbook_lib.report.figures.cut_over import cut_over_lines
    from runbook_lib.run.facts.cut_over.gates import CutOverAsked

    out, confirmed = Output(**output), check_confirmed(run_id, confirm, execute=execute)
    if frozen_at:
        moment_of(frozen_at)
    asked = CutOverAsked(frozen_at, confirmed)
    record = run_notebooks(Request(config, run_id, execute=confirmed, cut_over=asked, after=out.step), out.say)
    for line in cut_over_lines(record):
        out.say(f"  {line}")
    known = record.cut_over
    if confirmed or record.verdict != PASS or (known and known.frozen_at):
        return out.conclude(record)
    ready = any(s.name == CUT_OVER and s.status == "completed" for s in record.steps)
    out.conclude(record, partial(_print_forecast, ready))
    return 0 if ready else 1


def _print_forecast(ready: bool, record: RunRecord, folder: Path) -> None:
    """The end of a forecast, which changes nothing about what the run has proved."""
    said = "ready to cut over" if ready else "not ready to cut over, for the reason above"
    say(f"{said}; this was a forecast, nothing was stopped or written, the verdict is {record.verdict} as before")
    say(f"report: {folder / 'report.html'}")
