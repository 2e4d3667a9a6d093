"""`runbook repair`: write what the comparison of a run found wrong, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from runbook_lib.commands.output import say
from runbook_lib.errors import ConfigError
from runbook_lib.run.verdicts import PASS

if TYPE_CHECKING:
    from runbook_lib.record.run_json import RunRecord


@click.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--run-id", required=True, help="The run whose targets are repaired.")
@click.option("--write-missing", is_flag=True, help="Write items that are missing in the target.")
@click.option("--write-different", is_flag=True, help="Replace items that differ.")
@click.option("--delete-extra", is_flag=True, help="Delete items that are not in the export.")
@click.option("--even-after-cut-over", is_flag=True,
              help="Repair even if others wrote after the validation; restores what they deleted.")  # fmt: skip
@click.option("--execute", is_flag=True, help="Write to the target; without it, nothing is written there.")
@click.option("--confirm", default="", metavar="RUN_ID", help="The run's id again, to allow writing.")
def repair(
    config: Path, run_id: str, write_missing: bool, write_different: bool, delete_extra: bool,
    even_after_cut_over: bool, execute: bool, confirm: str,
) -> int:  # fmt: skip
    """Write the items that the comparison found wrong, each on a condition, and validate everything again."""
    from runbook_lib.headless.runner import Request, run_notebooks
    from runbook_lib.repair.choice import RepairChoice

    choice = RepairChoice(write_missing, write_different, delete_extra, even_after_cut_over)
    _ = choice.kinds
    if (execute or confirm) and confirm != run_id:
        raise ConfigError(
            f"--confirm: expected {run_id!r} once more, which allows writing, found {confirm!r}; nothing was written"
        )
    parameters = choice.parameters() | {"confirm_repair": confirm}
    return concluded(run_notebooks(Request(config, run_id, execute=execute, repair=parameters), say), execute)


def concluded(record: RunRecord, execute: bool) -> int:
    """Say what became of each table; the exit code: of a dry run whether it came to its end, else of the verdict."""
    from runbook_lib.paths import reports_root
    from runbook_lib.report.sections.repairs import latest_repairs, repair_sentence

    for repaired in latest_repairs(record):
        say(repair_sentence(repaired))
    for reason in record.reasons if execute else ():
        say(f"  {reason}")
    say(f"{record.verdict}: {'repaired and validated again' if execute else 'nothing was written'}")
    say(f"report: {reports_root() / record.run_id / 'report.html'}")
    step = next((step for step in record.steps if step.name == "repair"), None)
    ended = step is not None and step.status == "completed"
    if record.verdict == "INTERRUPTED":
        return 130
    return 0 if ended and (not execute or record.verdict == PASS) else 1
